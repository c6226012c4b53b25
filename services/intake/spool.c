/* The spool, seen from the loop: operations go to the writer thread in a list under a mutex, and come back
 * finished in another, in the same order. What the writer does with them is in spool_writer.c.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "intake/spool_inner.h"
#include "log/log.h"
#include "meridian/errors.h"

enum { IN_MAX = 16384 };

static struct spool_op *op_new(enum spool_op_kind kind, void *ctx)
{
    struct spool_op *op = NEW(struct spool_op);

    op->kind = kind;
    op->ctx = ctx;
    list_init(&op->records);
    return op;
}

static void op_free(struct spool_op *op)
{
    struct list *node;

    while ((node = list_pop(&op->records)))
        spool_record_free(CONTAINER_OF(node, struct spool_record, node));
    spool_record_free(op->record);
    free(op->seqs);
    free(op);
}

static void finish_op(struct spool *spool, struct spool_op *op)
{
    switch (op->kind) {
    case OP_APPEND:
        op->appended(op->ctx, op->status, TAKE(op->record), &op->twin);
        break;
    case OP_LOAD:
        if (op->damaged) {
            metric_add(spool->alarms, NULL, 1);
            log_error("damaged records in the spool were set aside", L_INT("count", op->damaged));
        }
        op->loaded(op->ctx, op->status, &op->records, op->more);
        break;
    case OP_BLOCK:
        op->blocked(op->ctx, op->status, (struct number_range){op->seq, op->count, op->seq});
        break;
    case OP_DELETE:
    case OP_BURY:
    case OP_SETTLE:
        break;
    }
    op_free(op);
}

static void drain_out(struct spool *spool)
{
    struct list done;

    list_init(&done);
    pthread_mutex_lock(&spool->lock);
    for (struct list *node; (node = list_pop(&spool->out));)
        list_append(&done, node);
    pthread_mutex_unlock(&spool->lock);
    for (struct list *node; (node = list_pop(&done));)
        finish_op(spool, CONTAINER_OF(node, struct spool_op, node));
}

static void on_wake(uv_async_t *wake)
{
    drain_out(wake->data);
}

static void give(struct spool *spool, struct spool_op *op)
{
    pthread_mutex_lock(&spool->lock);
    list_append(&spool->in, &op->node);
    if (atomic_fetch_add(&spool->waiting, 1) == 0 || op->kind != OP_DELETE ||
        spool->waiting > SPOOL_LAZY_MAX) {
        spool->urgent = spool->urgent || op->kind != OP_DELETE || spool->waiting > SPOOL_LAZY_MAX;
        pthread_cond_signal(&spool->given);
    }
    pthread_mutex_unlock(&spool->lock);
}

void spool_append(struct spool *spool, struct spool_record *take_record, spool_append_fn done, void *ctx)
{
    struct spool_op *op = op_new(OP_APPEND, ctx);

    op->record = take_record;
    op->appended = done;
    give(spool, op);
}

void spool_load(struct spool *spool, int64_t after_seq, size_t max, size_t max_bytes, spool_load_fn done,
                void *ctx)
{
    struct spool_op *op = op_new(OP_LOAD, ctx);

    op->seq = after_seq;
    op->max = max;
    op->max_bytes = max_bytes;
    op->loaded = done;
    give(spool, op);
}

void spool_delete(struct spool *spool, const int64_t *seqs, size_t n)
{
    struct spool_op *op;

    if (n == 0)
        return;
    op = op_new(OP_DELETE, NULL);
    op->seqs = mem_dup(seqs, n * sizeof *seqs);
    op->nseqs = n;
    give(spool, op);
}

void spool_bury(struct spool *spool, int64_t seq, const char *reason)
{
    struct spool_op *op = op_new(OP_BURY, NULL);

    op->seq = seq;
    op->reason = reason;
    give(spool, op);
}

void spool_settle(struct spool *spool, int64_t seq, const struct spool_twin *answer)
{
    struct spool_op *op = op_new(OP_SETTLE, NULL);

    op->seq = seq;
    op->twin = *answer;
    give(spool, op);
}

void spool_block_add(struct spool *spool, int64_t first, int64_t count, spool_block_fn done, void *ctx)
{
    struct spool_op *op = op_new(OP_BLOCK, ctx);

    op->seq = first;
    op->count = count;
    op->blocked = done;
    give(spool, op);
}

const struct number_range *spool_blocks(const struct spool *spool, size_t *ret_n)
{
    *ret_n = spool->nblocks;
    return spool->blocks;
}

int64_t spool_depth(const struct spool *spool)
{
    return atomic_load(&spool->depth);
}

int64_t spool_dead(const struct spool *spool)
{
    return atomic_load(&spool->dead);
}

void spool_limit(struct spool *spool, int64_t min_free_bytes, int64_t max_records)
{
    atomic_store(&spool->min_free_bytes, min_free_bytes);
    atomic_store(&spool->max_records, max_records);
}

int spool_has_room(const struct spool *spool)
{
    return atomic_load(&spool->waiting) < IN_MAX && !atomic_load(&spool->full) ? 0 : -E_SPOOL_FULL;
}

/* ---- opening and closing ---- */

static void tell_findings(struct spool *spool, const struct spool_findings *findings)
{
    if (findings->aside[0]) {
        metric_add(spool->alarms, NULL, 1);
        log_error("the spool's file was damaged and set aside", L_TEXT("aside", findings->aside),
                  L_INT("salvaged", findings->salvaged));
    }
    if (findings->damaged) {
        metric_add(spool->alarms, NULL, 1);
        log_error("damaged records in the spool were set aside", L_INT("count", findings->damaged));
    }
    if (findings->records)
        log_info("the spool holds records of an earlier run", L_INT("records", findings->records));
}

static void init_sync(struct spool *spool)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&spool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->given, &attr);
    pthread_condattr_destroy(&attr);
    list_init(&spool->in);
    list_init(&spool->out);
}

int spool_open(const struct spool_options *options, struct spool **ret_spool, struct buf *ret_reason)
{
    struct spool *spool = NEW(struct spool);
    struct spool_findings findings = {0};
    int r;

    spool->options = *options;
    spool_limit(spool, options->min_free_bytes, options->max_records);
    spool->commits =
        metric_counter("meridian_intake_spool_commits_total", "Transactions of the spool.", NULL);
    spool->commit_seconds = metric_histogram("meridian_intake_spool_commit_seconds",
                                             "Time of one transaction of the spool.", NULL);
    spool->alarms =
        metric_counter("meridian_intake_spool_alarms_total",
                       "Times the spool was damaged, could not be written, or a record was set aside.", NULL);
    r = spool_store_open(options->directory, &spool->store, &findings, ret_reason);
    if (r >= 0)
        r = spool_store_blocks(spool->store, spool->blocks, &spool->nblocks);
    if (r < 0) {
        spool_store_close(spool->store);
        free(spool);
        return r;
    }
    atomic_store(&spool->depth, findings.records);
    atomic_store(&spool->dead, findings.dead);
    tell_findings(spool, &findings);
    spool_look_for_room(spool);
    init_sync(spool);
    uv_async_init(options->loop, &spool->wake, on_wake);
    spool->wake.data = spool;
    if (pthread_create(&spool->thread, NULL, spool_write, spool) != 0)
        abort(); /* at start: the system has no threads left */
    *ret_spool = spool;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct spool *spool = handle->data;

    pthread_cond_destroy(&spool->given);
    pthread_mutex_destroy(&spool->lock);
    free(spool);
}

struct spool *spool_close(struct spool *spool)
{
    if (!spool)
        return NULL;
    pthread_mutex_lock(&spool->lock);
    spool->closing = true;
    pthread_cond_signal(&spool->given);
    pthread_mutex_unlock(&spool->lock);
    pthread_join(spool->thread, NULL);
    drain_out(spool);
    spool->store = spool_store_close(spool->store);
    uv_close((uv_handle_t *)&spool->wake, on_closed);
    return NULL;
}
