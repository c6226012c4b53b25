/* Waiting for the second region.
 *
 * The answer to a batch tells how far a second region was when the batch was committed, so it is always a
 * little too early; while something is held, the authority is asked again a few times a second. What a crash
 * forgets is sent once more and answered the same. If no second region exists any more the answer has no
 * position, and the commit is enough.
 *
 * Positions can be compared within one cluster epoch only: a promotion starts another log, which may lack the
 * end of the old one at the very positions that were waited for. So everything held belongs to the highest
 * epoch seen; a higher one empties the list, and the answers of a lower one do not count.
 */
#include "intake/held.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"

enum { ASK_MS = 250 };
static const int64_t attempt_us = 2 * US_PER_S;

/* The records of one commit. */
struct commit {
    struct list node;
    uint64_t lsn;
    size_t n;
    int64_t seqs[];
};

struct held {
    struct service *service;
    struct spool *spool;
    struct list commits; /* in order of their positions, nearly */
    int64_t count;
    uint64_t epoch; /* of everything held */
    bool asking, stopped;
    uv_timer_t timer;
    held_forgot_fn forgot;
    void *ctx;
};

static void commit_drop(struct held *held, struct commit *commit)
{
    held->count -= (int64_t)commit->n;
    list_remove(&commit->node);
    free(commit);
}

void held_release(struct held *held, uint64_t lsn)
{
    LIST_FOR(node, &held->commits)
    {
        struct commit *commit = CONTAINER_OF(node, struct commit, node);
        if (commit->lsn > lsn)
            return;
        spool_delete(held->spool, commit->seqs, commit->n);
        commit_drop(held, commit);
    }
}

static void promoted(struct held *held, uint64_t epoch)
{
    int64_t count = held->count;

    held->epoch = epoch;
    if (!count)
        return;
    LIST_FOR(node, &held->commits)
    {
        commit_drop(held, CONTAINER_OF(node, struct commit, node));
    }
    log_warn("another primary was promoted; what waited for a second region is sent again",
             L_INT("records", count), L_INT("epoch", (int64_t)epoch));
    held->forgot(held->ctx);
}

bool held_trusts(struct held *held, const Meridian__Reply *reply)
{
    uint64_t epoch = reply->has_cluster_epoch ? reply->cluster_epoch : 0;

    if (epoch > held->epoch)
        promoted(held, epoch);
    return epoch == held->epoch;
}

static void on_replicated(void *ctx, int status, const Meridian__Reply *reply)
{
    struct held *held = ctx;

    held->asking = false;
    if (!held->stopped && status >= 0 && reply->status == 0 && held_trusts(held, reply))
        held_release(held, reply->has_replicated_lsn ? reply->replicated_lsn : UINT64_MAX);
}

static void on_time(uv_timer_t *timer)
{
    struct held *held = timer->data;
    Meridian__Replicated body = MERIDIAN__REPLICATED__INIT;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    if (list_empty(&held->commits)) {
        uv_timer_stop(timer);
        return;
    }
    if (held->asking || !bus_connected(held->service->routers))
        return;
    held->asking = true;
    request.region = (char *)held->service->conf.region;
    request.instance = (char *)held->service->conf.instance;
    request.body_case = MERIDIAN__REQUEST__BODY_REPLICATED;
    request.replicated = &body;
    bus_call(held->service->routers, &request, attempt_us, 0, on_replicated, held);
}

void held_add(struct held *held, uint64_t lsn, const int64_t *seqs, size_t n)
{
    struct commit *commit;

    if (n == 0)
        return;
    commit = mem_alloc(sizeof *commit + n * sizeof commit->seqs[0]);
    commit->lsn = lsn;
    commit->n = n;
    memcpy(commit->seqs, seqs, n * sizeof seqs[0]);
    list_append(&held->commits, &commit->node);
    held->count += (int64_t)n;
    if (!held->stopped && !uv_is_active((uv_handle_t *)&held->timer))
        uv_timer_start(&held->timer, on_time, ASK_MS, ASK_MS);
}

int64_t held_count(const struct held *held)
{
    return held->count;
}

struct held *held_new(struct service *service, struct spool *spool, held_forgot_fn forgot, void *ctx)
{
    struct held *held = NEW(struct held);

    held->service = service;
    held->spool = spool;
    held->forgot = forgot;
    held->ctx = ctx;
    list_init(&held->commits);
    uv_timer_init(service->loop, &held->timer);
    held->timer.data = held;
    return held;
}

void held_stop(struct held *held)
{
    held->stopped = true;
    uv_timer_stop(&held->timer);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct held *held_free(struct held *held)
{
    struct list *node;

    if (!held)
        return NULL;
    while ((node = list_pop(&held->commits)))
        free(CONTAINER_OF(node, struct commit, node));
    uv_close((uv_handle_t *)&held->timer, on_closed);
    return NULL;
}
