/* The spool's writer: takes what was given, runs it as one transaction, hands it back.
 *
 * While a commit waits for the disk the next group gathers: that is the whole of group commit. Deletes are in
 * no hurry, what a crash forgets of them is sent once more and known; so they ride with the next append, or
 * go alone after LAZY_MS.
 *
 * A transaction that fails (disk full, I/O error) is rolled back as a whole: appends in it are refused,
 * nothing was promised; deletes and the like are kept and tried again a second later. After a failed fsync
 * the kernel's pages are not to be trusted, so the file is opened anew before the next group; whoever asks
 * meanwhile is refused at each try. If that finds the file damaged, a fresh one has taken its place, in which
 * records have other numbers than those that the drain remembers: the process ends, and the next one starts
 * from what the file says.
 *
 * Nothing is accepted below the free-space floor, so that deletes, which need room in the log, still work on
 * a full disk. While nothing is accepted no group may come either, so the disk is looked at once a second.
 *
 * Checkpoints of the log, which cost two more syncs, run after a group was handed back, when nobody waits.
 */
#include "base/clock.h"
#include "intake/spool_inner.h"
#include "log/log.h"
#include "meridian/errors.h"
#include <unistd.h>

enum { GROUP_MAX = 1024, LAZY_MS = 200, RETRY_MS = 1000, LOOK_MS = 1000 };

static bool repeats(const struct spool_op *op)
{
    return op->kind == OP_DELETE || op->kind == OP_BURY || op->kind == OP_SETTLE;
}

bool spool_look_for_room(struct spool *spool)
{
    bool room = spool_store_free_bytes(spool->store) >= atomic_load(&spool->min_free_bytes) &&
                atomic_load(&spool->depth) < atomic_load(&spool->max_records);

    atomic_store(&spool->full, !room);
    return room;
}

/* Records next to each other leave with one statement. */
static int delete_all(struct spool_store *store, struct spool_op *op)
{
    int r = 0;

    op->count = 0;
    for (size_t i = 0, n; i < op->nseqs && r >= 0; i += n) {
        for (n = 1; i + n < op->nseqs && op->seqs[i + n] == op->seqs[i] + (int64_t)n;)
            n++;
        r = spool_store_delete(store, op->seqs[i], op->seqs[i + n - 1]);
        op->count += r > 0 ? r : 0;
    }
    return r < 0 ? r : 0;
}

static int run_op(struct spool *spool, struct spool_op *op, bool room)
{
    struct spool_store *store = spool->store;

    switch (op->kind) {
    case OP_APPEND:
        return room ? spool_store_append(store, op->record, &op->twin) : -E_SPOOL_FULL;
    case OP_LOAD:
        return spool_store_load(store, op->seq, op->max, op->max_bytes, &op->records, &op->damaged,
                                &op->more);
    case OP_DELETE:
        return delete_all(store, op);
    case OP_BURY:
        return spool_store_bury(store, op->seq, op->reason);
    case OP_SETTLE:
        return spool_store_settle(store, op->seq, &op->twin);
    case OP_BLOCK:
        return spool_store_block_add(store, op->seq, op->count);
    }
    return -E_INTERNAL;
}

/* Runs a group in one transaction. 0, or -E_IO and nothing of it happened. */
static int run_group(struct spool *spool, struct list *group)
{
    bool room = spool_look_for_room(spool);
    int r = spool_store_begin(spool->store);

    LIST_FOR(node, group)
    {
        struct spool_op *op = CONTAINER_OF(node, struct spool_op, node);
        if (r < 0)
            break;
        op->status = run_op(spool, op, room);
        if (op->status < 0 && op->status != -E_SPOOL_FULL)
            r = op->status;
    }
    if (r >= 0)
        r = spool_store_commit(spool->store);
    if (r < 0)
        spool_store_rollback(spool->store);
    return r < 0 ? -E_IO : 0;
}

static void count_group(struct spool *spool, struct list *group)
{
    LIST_FOR(node, group)
    {
        struct spool_op *op = CONTAINER_OF(node, struct spool_op, node);
        int64_t buried = op->kind == OP_BURY ? op->status == 0 : op->damaged;

        if (op->kind == OP_APPEND && op->status == SPOOL_STORED)
            atomic_fetch_add(&spool->depth, 1);
        atomic_fetch_sub(&spool->depth, buried + (op->kind == OP_DELETE ? op->count : 0));
        atomic_fetch_add(&spool->dead, buried);
    }
}

/* The group failed: whoever waits for an answer is refused, the rest stays for the next try. */
static void fail_group(struct list *group, struct list *again)
{
    LIST_FOR(node, group)
    {
        struct spool_op *op = CONTAINER_OF(node, struct spool_op, node);
        struct list *record;

        op->status = op->kind == OP_APPEND ? -E_SPOOL_FULL : -E_IO;
        op->damaged = 0;
        while ((record = list_pop(&op->records)))
            spool_record_free(CONTAINER_OF(record, struct spool_record, node));
        if (!repeats(op))
            continue;
        list_remove(node);
        list_append(again, node);
    }
}

static void give_back(struct spool *spool, struct list *group)
{
    bool wake = !list_empty(group);

    pthread_mutex_lock(&spool->lock);
    for (struct list *node; (node = list_pop(group));)
        list_append(&spool->out, node);
    pthread_mutex_unlock(&spool->lock);
    if (wake)
        uv_async_send(&spool->wake);
}

/* Answers what was asked for while the file cannot be opened. False when the spool is being closed. */
static bool refuse_queued(struct spool *spool, struct list *again)
{
    struct list group;
    size_t n = 0;
    bool closing;

    list_init(&group);
    pthread_mutex_lock(&spool->lock);
    closing = spool->closing;
    for (struct list *node; (node = list_pop(&spool->in)); n++)
        list_append(&group, node);
    spool->urgent = false;
    atomic_fetch_sub(&spool->waiting, n);
    pthread_mutex_unlock(&spool->lock);
    fail_group(&group, again);
    give_back(spool, &group);
    return !closing;
}

static void tell_damage(struct spool *spool, const struct spool_findings *findings)
{
    if (!findings->aside[0] && !findings->damaged)
        return;
    metric_add(spool->alarms, NULL, 1);
    log_error("the spool's file was damaged", L_TEXT("aside", findings->aside),
              L_INT("salvaged", findings->salvaged), L_INT("damaged", findings->damaged));
    if (!findings->aside[0])
        return;
    log_error("the spool begins anew with what was salvaged: the process ends, to start from there");
    _exit(EXIT_FAILURE);
}

static void reopen(struct spool *spool, struct list *again)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_findings findings;
    struct spool_store *store;

    spool->store = spool_store_close(spool->store);
    while (spool_store_open(spool->options.directory, &store, &findings, &reason) < 0) {
        atomic_store(&spool->full, true);
        if (!refuse_queued(spool, again))
            return;
        uv_sleep(RETRY_MS);
        buf_reset(&reason);
    }
    spool->store = store;
    tell_damage(spool, &findings);
    atomic_store(&spool->depth, findings.records);
    atomic_store(&spool->dead, findings.dead);
}

static void in_ms(long ms, struct timespec *ret_time)
{
    clock_gettime(CLOCK_MONOTONIC, ret_time);
    ret_time->tv_sec += ms / 1000;
    ret_time->tv_nsec += ms % 1000 * 1000000;
    if (ret_time->tv_nsec >= 1000000000) {
        ret_time->tv_nsec -= 1000000000;
        ret_time->tv_sec++;
    }
}

/* How long what is there may wait for company; 0: there is nothing to be done. */
static long patience_ms(struct spool *spool, const struct list *again)
{
    if (!list_empty(again))
        return RETRY_MS;
    if (!list_empty(&spool->in))
        return LAZY_MS;
    return atomic_load(&spool->full) ? LOOK_MS : 0;
}

/* Takes what is given, at most GROUP_MAX; waits for it. The group is empty when it is time to look for room.
 * False at the end. */
static bool take_group(struct spool *spool, struct list *group, struct list *again)
{
    struct timespec until;
    size_t n = 0;
    bool go_on;

    pthread_mutex_lock(&spool->lock);
    while (!spool->urgent && !spool->closing) {
        long ms = patience_ms(spool, again);
        if (!ms) {
            pthread_cond_wait(&spool->given, &spool->lock);
            continue;
        }
        in_ms(ms, &until);
        if (pthread_cond_timedwait(&spool->given, &spool->lock, &until) != 0)
            break;
    }
    go_on = !spool->closing || !list_empty(&spool->in);
    for (struct list *node; (node = list_pop(again));)
        list_append(group, node);
    for (struct list *node; n < GROUP_MAX && (node = list_pop(&spool->in)); n++)
        list_append(group, node);
    spool->urgent = !list_empty(&spool->in);
    atomic_fetch_sub(&spool->waiting, n);
    pthread_mutex_unlock(&spool->lock);
    return go_on;
}

static void after_failure(struct spool *spool, struct list *again)
{
    if (!spool->failing) {
        metric_add(spool->alarms, NULL, 1);
        log_error("the spool cannot be written; nothing is accepted until it can",
                  L_TEXT("reason", spool_store_error(spool->store)));
    }
    spool->failing = true;
    atomic_store(&spool->full, true);
    reopen(spool, again);
}

static void after_success(struct spool *spool, struct list *group, int64_t start_us)
{
    count_group(spool, group);
    metric_add(spool->commits, NULL, 1);
    metric_observe(spool->commit_seconds, NULL, (double)(clock_monotonic_us() - start_us) / 1e6);
    if (spool->failing)
        log_info("the spool can be written again");
    spool->failing = false;
    if (atomic_load(&spool->full))
        spool_look_for_room(spool); /* deletes may have made some */
}

/* What nobody waits for. */
static void tidy(struct spool *spool)
{
    spool_store_checkpoint(spool->store, atomic_load(&spool->waiting) == 0);
    if (atomic_load(&spool->depth) == 0)
        spool_store_shrink(spool->store); /* after a backlog */
}

void *spool_write(void *arg)
{
    struct spool *spool = arg;
    struct list group, again;

    list_init(&group);
    list_init(&again);
    while (take_group(spool, &group, &again)) {
        int64_t start_us = clock_monotonic_us();

        if (list_empty(&group)) {
            if (spool->store)
                spool_look_for_room(spool);
        } else if (spool->store && run_group(spool, &group) == 0) {
            after_success(spool, &group, start_us);
            give_back(spool, &group);
            tidy(spool);
        } else {
            fail_group(&group, &again);
            give_back(spool, &group); /* at once: opening the file again may take long */
            if (spool->store)
                after_failure(spool, &again);
        }
    }
    give_back(spool, &group); /* deletes that never worked: the next run sends those records once more */
    return NULL;
}
