/* The drainer.
 *
 * A record is WAITING (in `window`, in order of seq), SENT (in a batch) or HELD (held.c: committed, not
 * yet flushed in a second region). Only a HELD record whose position is flushed elsewhere is deleted from the
 * spool; whatever a crash forgets of this is sent again, and the authority, which knows each record by its
 * id, answers the same.
 *
 * The window holds the front of the spool in memory, at most WINDOW_MAX records and about WINDOW_BYTES; what
 * is behind it stays in the file and is loaded when there is room. Records come into the window either
 * straight from the append (while nothing is behind it) or from a load, never both ways at once, so that
 * order is kept. At most FLIGHT_MAX batches are on their way; when the authority is away one batch is tried
 * again with growing pauses.
 *
 * When another primary is promoted, it may lack what was HELD. Everything is then read from the file again,
 * from its start, but for what is on its way at that moment, which comes back by itself.
 *
 * A record that the authority can never store is set aside (spool_bury) with an alarm. A batch that it
 * refuses as a whole is sent record by record, so that one bad record cannot hold up the others.
 */
#include "intake/drain.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "intake/held.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "metrics/metrics.h"
#include "wire/wire.h"
#include <stdio.h>

enum {
    WINDOW_MAX = 2000,
    LOAD_ROWS = 500,
    LOAD_BELOW = 500,
    FLIGHT_MAX = 4,
    NEXT_AFTER_MS = 20,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 2000,
    WINDOW_BYTES = 8 * 1024 * 1024,
    LOAD_BYTES = WINDOW_BYTES / 2
};
static const int64_t attempt_us = 10 * US_PER_S;

struct batch {
    struct list node; /* in drain.flying */
    struct drain *drain;
    struct spool_record *records[LIMIT_SUBMIT_BATCH];
    size_t n;
    int64_t sent_us;
};

struct drain {
    struct service *service;
    struct spool *spool;
    drain_settled_fn settled;
    struct list window; /* of spool_record */
    size_t nwindow, window_bytes;
    int64_t last_seq; /* newest that was in the window, since the last start from the file's start */
    bool behind;      /* the file has records beyond the window */
    bool loading, stopped, stalled;
    bool outdated;                                 /* what is being loaded is from before the new start */
    int64_t skip[FLIGHT_MAX * LIMIT_SUBMIT_BATCH]; /* on their way at the new start: not to be loaded */
    size_t nskip;
    int singles;        /* batches of one still to be sent after a batch was refused */
    struct list flying; /* of batch */
    int nflying;
    struct held *held; /* committed, not yet flushed in a second region */
    uv_timer_t pause, nudge;
    bool due;    /* the nudge comes at the next turn of the loop */
    int handles; /* of these, not yet closed */
    int64_t backoff_ms;
    struct metric *committed, *duplicates, *set_aside, *failures, *batches;
};

static void drain_go(struct drain *drain);
static void drain_later(struct drain *drain, uint64_t ms);

/* ---- outcomes ---- */

/* True when the client heard of it from us now. */
static bool tell(struct drain *drain, struct spool_record *record, const struct drain_outcome *outcome)
{
    void *waiter = TAKE(record->waiter);

    return waiter && drain->settled(waiter, outcome);
}

static void tell_uncertain(struct drain *drain, struct spool_record *record)
{
    (void)tell(drain, record, &(struct drain_outcome){.status = -E_UNAVAILABLE, .number = record->number});
}

static void set_aside(struct drain *drain, struct spool_record *record, int status, const char *reason,
                      const char *detail)
{
    log_error("a submission cannot be stored and was set aside", L_TEXT("ticket", record->number),
              L_ERROR(status), L_TEXT("detail", detail));
    metric_add(drain->set_aside, NULL, 1);
    (void)tell(drain, record,
               &(struct drain_outcome){.status = status, .number = record->number, .detail = detail});
    spool_bury(drain->spool, record->seq, reason);
}

/* Records of a batch with the same fate. */
struct seqs {
    int64_t seqs[LIMIT_SUBMIT_BATCH];
    size_t n;
};

/* The ticket that the key leads to, for whoever asks again while the record is here. */
static void remember_answer(struct drain *drain, const struct spool_record *record,
                            const Meridian__Submitted *outcome)
{
    struct spool_twin answer = {.accepted_us = outcome->accepted_us};

    snprintf(answer.number, sizeof answer.number, "%s", outcome->number);
    snprintf(answer.region, sizeof answer.region, "%s", outcome->region ? outcome->region : "");
    spool_settle(drain->spool, record->seq, &answer);
}

/* What is committed is added to `done`, or to `unsafe` while it has to wait for its second region. */
static void settle(struct drain *drain, struct spool_record *record, const Meridian__Submitted *outcome,
                   const Meridian__Reply *reply, struct seqs *done, struct seqs *unsafe)
{
    bool safe = !reply->has_replicated_lsn || reply->replicated_lsn >= reply->lsn;
    struct seqs *fate = safe ? done : unsafe;
    struct drain_outcome told = {.number = outcome->number,
                                 .region = outcome->region,
                                 .accepted_us = outcome->accepted_us,
                                 .lsn = reply->lsn,
                                 .detail = outcome->detail};

    switch (outcome->outcome) {
    case MERIDIAN__SUBMITTED__OUTCOME__CONFLICT:
        told.status = -E_KEY_REUSED;
        if (tell(drain, record, &told)) /* nothing was promised that is not kept */
            done->seqs[done->n++] = record->seq;
        else
            set_aside(drain, record, -E_KEY_REUSED, "the key had made a ticket with another body",
                      outcome->number);
        return;
    case MERIDIAN__SUBMITTED__OUTCOME__REJECTED:
        set_aside(drain, record, -E_VALIDATION, "refused by the authority", outcome->detail);
        return;
    case MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE:
        metric_add(drain->duplicates, NULL, 1);
        if (!safe)
            remember_answer(drain, record, outcome);
        break;
    case MERIDIAN__SUBMITTED__OUTCOME__COMMITTED:
    default:
        break;
    }
    metric_add(drain->committed, NULL, 1);
    (void)tell(drain, record, &told);
    fate->seqs[fate->n++] = record->seq;
}

/* ---- the window ---- */

static void window_add(struct drain *drain, struct list *before, struct spool_record *record)
{
    list_append(before, &record->node);
    drain->nwindow++;
    drain->window_bytes += record->payload.n;
}

static struct spool_record *window_take(struct drain *drain)
{
    struct list *node = list_pop(&drain->window);
    struct spool_record *record = node ? CONTAINER_OF(node, struct spool_record, node) : NULL;

    if (record) {
        drain->nwindow--;
        drain->window_bytes -= record->payload.n;
    }
    return record;
}

/* ---- batches ---- */

static void batch_free(struct drain *drain, struct batch *batch)
{
    list_remove(&batch->node);
    drain->nflying--;
    for (size_t i = 0; i < batch->n; i++)
        spool_record_free(batch->records[i]);
    free(batch);
}

/* Back to the front of the window, in order: another batch may have been put back before. */
static void put_back(struct drain *drain, struct batch *batch)
{
    for (size_t i = batch->n; i-- > 0;) {
        struct spool_record *record = batch->records[i];
        struct list *at = drain->window.next;

        while (at != &drain->window && CONTAINER_OF(at, struct spool_record, node)->seq < record->seq)
            at = at->next;
        window_add(drain, at, record);
    }
    batch->n = 0;
    batch_free(drain, batch);
}

static void on_pause_over(uv_timer_t *timer)
{
    drain_go(timer->data);
}

/* Nobody waits for what is not moving: whoever does is told that it is accepted. */
static void dismiss(struct drain *drain)
{
    LIST_FOR(node, &drain->window)
    {
        tell_uncertain(drain, CONTAINER_OF(node, struct spool_record, node));
    }
}

static void back_off(struct drain *drain, int failure)
{
    uint64_t jitter = random_u64() % (uint64_t)(drain->backoff_ms + 1);

    metric_add(drain->failures, NULL, 1);
    if (!drain->stalled)
        log_warn("submissions cannot be delivered; they are kept and tried again", L_ERROR(failure),
                 L_INT("waiting", drain_undelivered(drain)));
    drain->stalled = true;
    dismiss(drain);
    uv_timer_start(&drain->pause, on_pause_over, (uint64_t)drain->backoff_ms / 2 + jitter / 2, 0);
    drain->backoff_ms = drain->backoff_ms * 2 < BACKOFF_MAX_MS ? drain->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void refused(struct drain *drain, struct batch *batch, int failure, const char *detail)
{
    if (batch->n > 1) {
        drain->singles = LIMIT_SUBMIT_BATCH;
        put_back(drain, batch);
        return;
    }
    set_aside(drain, batch->records[0], failure, "refused by the authority", detail);
    batch_free(drain, batch);
}

static void on_submitted(void *ctx, int status, const Meridian__Reply *reply)
{
    struct batch *batch = ctx;
    struct drain *drain = batch->drain;
    struct seqs done = {.n = 0}, unsafe = {.n = 0};
    int failure = status < 0 ? status : -(int)reply->status;

    if (!failure && reply->n_submitted != batch->n)
        failure = -E_PEER;
    if (!failure && !held_trusts(drain->held, reply))
        failure = -E_STALE_PRIMARY;
    if (failure) {
        bool never = status == -E_TOO_LARGE || (status >= 0 && error_info(failure)->retry == RETRY_NEVER);
        if (never && !drain->stopped) {
            refused(drain, batch, failure, reply ? reply->detail : "");
        } else {
            put_back(drain, batch);
            if (!drain->stopped)
                back_off(drain, failure);
        }
        drain_go(drain);
        return;
    }
    if (drain->stalled)
        log_info("submissions are delivered again", L_INT("waiting", drain_undelivered(drain)));
    drain->stalled = false;
    drain->backoff_ms = BACKOFF_MIN_MS;
    for (size_t i = 0; i < batch->n; i++)
        settle(drain, batch->records[i], reply->submitted[i], reply, &done, &unsafe);
    spool_delete(drain->spool, done.seqs, done.n);
    held_add(drain->held, reply->lsn, unsafe.seqs, unsafe.n);
    if (reply->has_replicated_lsn)
        held_release(drain->held, reply->replicated_lsn);
    batch_free(drain, batch);
    drain_go(drain);
}

static struct batch *batch_new(struct drain *drain)
{
    struct batch *batch = NEW(struct batch);
    size_t bytes = 0, max = drain->singles ? 1 : LIMIT_SUBMIT_BATCH;

    batch->drain = drain;
    batch->sent_us = clock_monotonic_us();
    while (batch->n < max && !list_empty(&drain->window)) {
        struct spool_record *record = CONTAINER_OF(drain->window.next, struct spool_record, node);
        if (batch->n && bytes + record->payload.n > LIMIT_SUBMIT_BATCH_BYTES)
            break;
        bytes += record->payload.n + 16;
        batch->records[batch->n++] = window_take(drain);
    }
    drain->singles -= drain->singles > 0;
    drain->nflying++;
    list_append(&drain->flying, &batch->node);
    return batch;
}

static void batch_send(struct drain *drain, struct batch *batch)
{
    _cleanup_wire_batch_ struct wire_batch body = {0};
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    for (size_t i = 0; i < batch->n; i++)
        wire_batch_add(&body, buf_str(&batch->records[i]->payload));
    wire_batch_put(&body, &request);
    request.region = (char *)drain->service->conf.region;
    request.instance = (char *)drain->service->conf.instance;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(attempt_us / US_PER_MS);
    metric_add(drain->batches, NULL, 1);
    bus_call(drain->service->routers, &request, attempt_us, 0, on_submitted, batch);
}

/* ---- from the file ---- */

static bool is_skipped(const struct drain *drain, int64_t seq)
{
    for (size_t i = 0; i < drain->nskip; i++)
        if (drain->skip[i] == seq)
            return true;
    return false;
}

/* Another primary was promoted, and records that were held may be missing there. */
static void start_over(void *ctx)
{
    struct drain *drain = ctx;
    struct spool_record *record;

    while ((record = window_take(drain))) {
        tell_uncertain(drain, record);
        spool_record_free(record);
    }
    drain->nskip = 0;
    LIST_FOR(node, &drain->flying)
    {
        const struct batch *batch = CONTAINER_OF(node, struct batch, node);
        for (size_t i = 0; i < batch->n; i++)
            drain->skip[drain->nskip++] = batch->records[i]->seq;
    }
    drain->last_seq = 0;
    drain->behind = true;
    drain->outdated = drain->loading;
    drain_later(drain, 0);
}

static void on_loaded(void *ctx, int status, struct list *records, bool more)
{
    struct drain *drain = ctx;
    struct list *node;

    drain->loading = false;
    if (drain->stopped)
        return;
    if (drain->outdated) {
        drain->outdated = false;
        drain_go(drain); /* the records go with the list */
        return;
    }
    if (status < 0) {
        uv_timer_start(&drain->pause, on_pause_over, BACKOFF_MAX_MS, 0);
        return;
    }
    while ((node = list_pop(records))) {
        struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
        drain->last_seq = record->seq;
        if (is_skipped(drain, record->seq))
            spool_record_free(record);
        else
            window_add(drain, &drain->window, record);
    }
    drain->behind = more;
    if (!more)
        drain->nskip = 0;
    drain_go(drain);
}

static void load_more(struct drain *drain)
{
    if (!drain->behind || drain->loading || drain->stopped || drain->nwindow >= LOAD_BELOW ||
        drain->window_bytes >= WINDOW_BYTES - LOAD_BYTES)
        return;
    drain->loading = true;
    spool_load(drain->spool, drain->last_seq, LOAD_ROWS, LOAD_BYTES, on_loaded, drain);
}

/* Beside the authority a second batch at once would only make both small, and each costs a commit; so the
 * next one leaves when the last is back. From far away, or when there is much to send, they overlap. */
static bool may_send(const struct drain *drain)
{
    const struct batch *last;

    if (!drain->nflying)
        return true;
    if (drain->stalled || drain->singles || drain->nflying >= FLIGHT_MAX)
        return false;
    last = CONTAINER_OF(drain->flying.prev, struct batch, node);
    return drain->nwindow >= LIMIT_SUBMIT_BATCH ||
           clock_monotonic_us() - last->sent_us >= NEXT_AFTER_MS * US_PER_MS;
}

static void on_nudge(uv_timer_t *timer)
{
    struct drain *drain = timer->data;

    drain->due = false;
    drain_go(drain);
}

/* Goes on at the next turn of the loop (0), or a little later. */
static void drain_later(struct drain *drain, uint64_t ms)
{
    if (drain->stopped || drain->due || (ms && uv_is_active((uv_handle_t *)&drain->nudge)))
        return;
    drain->due = ms == 0;
    uv_timer_start(&drain->nudge, on_nudge, ms, 0);
}

/* The one place that starts things. */
static void drain_go(struct drain *drain)
{
    load_more(drain);
    if (drain->stopped || uv_is_active((uv_handle_t *)&drain->pause))
        return;
    while (!list_empty(&drain->window) && may_send(drain))
        batch_send(drain, batch_new(drain));
    if (!list_empty(&drain->window))
        drain_later(drain, NEXT_AFTER_MS);
    load_more(drain);
}

static bool is_full(const struct drain *drain, const struct spool_record *record)
{
    return drain->nwindow >= WINDOW_MAX || drain->window_bytes + record->payload.n > WINDOW_BYTES;
}

/* The spool hands back a whole group in one turn of the loop, record by record. Sending waits for the next
 * turn, so that they travel together and the first does not leave alone, with the others waiting for it. */
void drain_add(struct drain *drain, struct spool_record *take_record)
{
    if (drain->behind || drain->loading || is_full(drain, take_record) || drain->stopped) {
        drain->behind = true; /* it stays in the file until its turn */
        tell_uncertain(drain, take_record);
        spool_record_free(take_record);
    } else {
        drain->last_seq = take_record->seq;
        window_add(drain, &drain->window, take_record);
    }
    drain_later(drain, 0);
}

bool drain_stalled(const struct drain *drain)
{
    return drain->stalled || drain->behind || drain->stopped || !bus_connected(drain->service->routers);
}

int64_t drain_held(const struct drain *drain)
{
    return held_count(drain->held);
}

size_t drain_window_bytes(const struct drain *drain)
{
    return drain->window_bytes;
}

int64_t drain_undelivered(const struct drain *drain)
{
    int64_t n = spool_depth(drain->spool) - held_count(drain->held);

    return n > 0 ? n : 0;
}

int64_t drain_oldest_us(const struct drain *drain)
{
    const struct spool_record *oldest = NULL;

    if (!list_empty(&drain->flying))
        oldest = CONTAINER_OF(drain->flying.next, struct batch, node)->records[0];
    else if (!list_empty(&drain->window))
        oldest = CONTAINER_OF(drain->window.next, struct spool_record, node);
    return oldest ? oldest->accepted_us : 0;
}

struct drain *drain_new(struct service *service, struct spool *spool, drain_settled_fn settled)
{
    struct drain *drain = NEW(struct drain);

    *drain = (struct drain){
        .service = service, .spool = spool, .settled = settled, .backoff_ms = BACKOFF_MIN_MS, .handles = 2};
    drain->committed = metric_counter("meridian_intake_drain_committed_total",
                                      "Submissions committed by the authority.", NULL);
    drain->duplicates = metric_counter("meridian_intake_drain_duplicates_total",
                                       "Submissions whose key had made a ticket before.", NULL);
    drain->set_aside = metric_counter("meridian_intake_drain_set_aside_total",
                                      "Submissions that could never be stored.", NULL);
    drain->failures =
        metric_counter("meridian_intake_drain_failures_total", "Batches that did not get through.", NULL);
    drain->batches = metric_counter("meridian_intake_drain_batches_total", "Batches sent.", NULL);
    list_init(&drain->window);
    list_init(&drain->flying);
    drain->held = held_new(service, spool, start_over, drain);
    uv_timer_init(service->loop, &drain->pause);
    uv_timer_init(service->loop, &drain->nudge);
    drain->pause.data = drain->nudge.data = drain;
    drain->behind = spool_depth(spool) > 0;
    drain_go(drain);
    return drain;
}

void drain_stop(struct drain *drain)
{
    drain->stopped = true;
    uv_timer_stop(&drain->pause);
    held_stop(drain->held);
    uv_timer_stop(&drain->nudge);
}

static void on_closed(uv_handle_t *handle)
{
    struct drain *drain = handle->data;

    if (--drain->handles == 0)
        free(drain);
}

struct drain *drain_free(struct drain *drain)
{
    struct spool_record *record;

    if (!drain)
        return NULL;
    while ((record = window_take(drain))) {
        tell_uncertain(drain, record);
        spool_record_free(record);
    }
    drain->held = held_free(drain->held);
    uv_close((uv_handle_t *)&drain->pause, on_closed);
    uv_close((uv_handle_t *)&drain->nudge, on_closed);
    return NULL;
}
