/* Number blocks: hi/lo.
 *
 * The primary leases a block of 65,536 numbers of this region; the spool's file keeps it before its first
 * number is used, and with every group of records how far it was used (spool_store.c). So neither a restart
 * nor a copy of the process gives a number twice, and a restart goes on where the last run ended; numbers of
 * a lost file or a refused submission are simply never used. Two to three blocks are ahead, at least 131,072
 * numbers: four submissions a second through a cut of eight hours, or the hundred thousand that a spool is to
 * hold, at any rate. Larger blocks would only spread the numbers of a region's copies further apart.
 */
#include "intake/numbers.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include <ctype.h>
#include <stdio.h>

enum { BLOCK_SIZE = 65536, BLOCKS_AHEAD = 2 };
static const int64_t attempt_us = 5 * US_PER_S, retry_ms = 500;

struct numbers {
    struct service *service;
    struct spool *spool;
    struct number_range blocks[SPOOL_BLOCKS_MAX]; /* used from the front */
    size_t n;
    bool leasing, stopped, complained;
    uv_timer_t retry;
};

int64_t numbers_left(const struct numbers *numbers)
{
    int64_t left = 0;

    for (size_t i = 0; i < numbers->n; i++)
        left += numbers->blocks[i].first + numbers->blocks[i].count - numbers->blocks[i].next;
    return left;
}

static void lease(struct numbers *numbers);

static void on_retry(uv_timer_t *timer)
{
    lease(timer->data);
}

static void on_kept(void *ctx, int status, struct number_range block)
{
    struct numbers *numbers = ctx;

    numbers->leasing = false;
    if (status < 0) /* the lease is lost, which only costs numbers */
        uv_timer_start(&numbers->retry, on_retry, (uint64_t)retry_ms, 0);
    else if (numbers->n < SPOOL_BLOCKS_MAX)
        numbers->blocks[numbers->n++] = block;
    if (status >= 0)
        lease(numbers);
}

static void on_leased(void *ctx, int status, const Meridian__Reply *reply)
{
    struct numbers *numbers = ctx;
    int failure = status < 0 ? status : -(int)reply->status;

    if (numbers->stopped)
        return;
    if (!failure && (!reply->numbers || reply->numbers->count == 0 || reply->numbers->first > INT64_MAX / 2))
        failure = -E_PEER;
    if (failure) {
        if (!numbers->complained)
            log_warn("no block of ticket numbers could be leased; trying again", L_ERROR(failure),
                     L_INT("left", numbers_left(numbers)));
        numbers->complained = true;
        numbers->leasing = false;
        uv_timer_start(&numbers->retry, on_retry, (uint64_t)retry_ms, 0);
        return;
    }
    numbers->complained = false;
    spool_block_add(numbers->spool, (int64_t)reply->numbers->first, reply->numbers->count, on_kept, numbers);
}

/* Asks for one more block when less than two are left and no request is out. */
static void lease(struct numbers *numbers)
{
    const struct service_conf *conf = &numbers->service->conf;
    Meridian__NumberLease body = MERIDIAN__NUMBER_LEASE__INIT;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    if (numbers->leasing || numbers->stopped || !numbers->service->routers ||
        numbers_left(numbers) >= BLOCKS_AHEAD * BLOCK_SIZE)
        return;
    numbers->leasing = true;
    body.region = (char *)conf->region;
    body.instance = (char *)conf->instance;
    body.count = BLOCK_SIZE;
    request.region = (char *)conf->region;
    request.instance = (char *)conf->instance;
    request.body_case = MERIDIAN__REQUEST__BODY_NUMBER_LEASE;
    request.number_lease = &body;
    bus_call(numbers->service->routers, &request, attempt_us, 0, on_leased, numbers);
}

struct numbers *numbers_new(struct service *service, struct spool *spool)
{
    struct numbers *numbers = NEW(struct numbers);
    const struct number_range *kept = spool_blocks(spool, &numbers->n);

    numbers->service = service;
    numbers->spool = spool;
    memcpy(numbers->blocks, kept, numbers->n * sizeof *kept);
    uv_timer_init(service->loop, &numbers->retry);
    numbers->retry.data = numbers;
    lease(numbers);
    return numbers;
}

void numbers_stop(struct numbers *numbers)
{
    if (!numbers->stopped)
        uv_timer_stop(&numbers->retry);
    numbers->stopped = true;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct numbers *numbers_free(struct numbers *numbers)
{
    if (numbers)
        uv_close((uv_handle_t *)&numbers->retry, on_closed);
    return NULL;
}

int numbers_take(struct numbers *numbers, struct spool_record *ret_record)
{
    const char *region = numbers->service->conf.region;
    struct number_range *block = numbers->blocks;
    char code[8];
    size_t i;

    if (numbers->n == 0) {
        lease(numbers);
        return -E_UNAVAILABLE;
    }
    for (i = 0; region[i] && i + 1 < sizeof code; i++)
        code[i] = (char)toupper((unsigned char)region[i]);
    code[i] = 0;
    ret_record->block = block->first;
    ret_record->value = block->next++;
    snprintf(ret_record->number, sizeof ret_record->number, "%s-%lld", code, (long long)ret_record->value);
    if (block->next == block->first + block->count) {
        numbers->n--;
        memmove(block, block + 1, numbers->n * sizeof *block);
    }
    lease(numbers);
    return 0;
}
