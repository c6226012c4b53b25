/* What fires when: a pass over the due clocks, in batches, again and again; between passes the wheel.
 *
 * Owns one timer and one batch; at most one is in hand. A pass keeps a cursor (fire_at, ticket, target) and
 * never looks back, so that it ends even when a ticket stays locked: what was busy is tried again soon, by
 * the next pass. It ends with what was due when it began, also when more comes due than can be fired. It goes
 * over the shards that are held, then over those of others, where it takes only what has been due for so long
 * that the holder must be away: nobody waits for a lease to expire. Batches begin small, because claims wait
 * for the tickets of one, and grow while there is a backlog. While a pass is under way it takes turns with
 * the wheel, so that neither waits for the end of a flood of the other.
 *
 * On failure: a database that is away ends the pass, the timer starts another. A clock that cannot fire (the
 * statement fails on it) would stop all behind it, so after such a failure the pass goes on with batches of
 * one, for as many as were refused together, and steps over what fails alone, loudly; what the wheel named is
 * counted and left to the pass. Time is the database's; the process's own clock is never asked.
 */
#include "sla/sweep.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "sla/ahead.h"
#include "sla/batch.h"
#include "sla_sql.h"

enum { FIRST_BATCH = 25 };
#define EVERY_US      (250 * US_PER_MS)
#define GRACE_US      (250 * US_PER_MS) /* with the time between passes less than a second */
#define BUSY_AGAIN_US (100 * US_PER_MS) /* the ticket was locked: a write takes milliseconds */
#define TELL_AGAIN_US (60 * US_PER_S)

struct sweeper {
    struct sweeper_options options;
    uv_timer_t timer;
    struct ahead *ahead;
    struct batch batch;
    bool running; /* the batch is in hand */
    bool failing; /* the last pass ended with a failure: logged */
    void (*drained)(void *ctx);
    void *drained_ctx;
    uint64_t hint_sequence;
    struct sweeper_figures figures;

    /* The pass under way. */
    bool passing;
    bool of_others; /* its second half */
    int limit;
    int alone; /* of the clocks that were refused together: still to be fired one by one */
    struct batch_cursor cursor;
    bool met_busy;
    bool again;       /* shards were gained: what came due in them before the wheel knew is to be found */
    int64_t began_us; /* the database's time */
    int64_t next_us;  /* monotonic: when the next one begins */

    int64_t told_us;       /* monotonic: when a clock that cannot fire was last told of */
    int64_t named_told_us; /* and when a batch of the wheel that failed was */
    struct {
        struct metric *fired, *lateness, *sweeps, *busy, *stepped_over, *named_failed, *ahead, *ahead_bytes;
    } metrics;
};

/* ---- what came of a batch ---- */

static void publish(struct sweeper *sweeper)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;

    if (!sweeper->options.bus || !sweeper->batch.nfired)
        return;
    hint.publisher = (char *)sweeper->options.publisher;
    hint.has_lsn = true;
    hint.lsn = sweeper->batch.lsn;
    hint.sequence = ++sweeper->hint_sequence;
    hint.has_tickets_changed = hint.tickets_changed = true;
    hint.has_outbox_added = hint.outbox_added = true;
    bus_publish(sweeper->options.bus, &hint);
}

/* Once a minute: what fails does so again and again until somebody looks. */
static bool is_to_be_told(int64_t *told_us)
{
    int64_t now_us = clock_monotonic_us();

    if (*told_us && now_us - *told_us < TELL_AGAIN_US)
        return false;
    *told_us = now_us;
    return true;
}

static void tell_named_failed(struct sweeper *sweeper, int status)
{
    sweeper->figures.named_failed++;
    metric_add(sweeper->metrics.named_failed, NULL, 1);
    if (is_to_be_told(&sweeper->named_told_us))
        log_warn("what the wheel named could not be fired; left to the sweep", L_ERROR(status),
                 L_INT("clocks", sweeper->batch.nnamed));
}

static void tell_stepped_over(struct sweeper *sweeper)
{
    sweeper->figures.stepped_over++;
    metric_add(sweeper->metrics.stepped_over, NULL, 1);
    if (!is_to_be_told(&sweeper->told_us))
        return;
    log_error("a clock cannot fire; stepped over", L_TEXT("ticket", sweeper->batch.next.ticket),
              L_TEXT("target", sweeper->batch.next.target));
}

static void count_fired(struct sweeper *sweeper, const struct batch_fired *fired)
{
    metric_add(sweeper->metrics.fired, fired->breached ? "breach" : "warning", 1);
    metric_observe(sweeper->metrics.lateness, NULL, (double)fired->late_us / US_PER_S);
    if (fired->breached)
        sweeper->figures.breached++;
    else
        sweeper->figures.warned++;
    if (sweeper->batch.named)
        sweeper->figures.from_wheel++;
    if (fired->next.due_us)
        ahead_put(sweeper->ahead, &fired->next);
}

static void take_outcome(struct sweeper *sweeper)
{
    const struct batch *batch = &sweeper->batch;

    for (int i = 0; i < batch->nfired; i++)
        count_fired(sweeper, &batch->fired[i]);
    sweeper->figures.busy += (uint64_t)batch->busy;
    metric_add(sweeper->metrics.busy, NULL, batch->busy);
    if (batch->busy)
        sweeper->met_busy = true;
    publish(sweeper);
}

/* ---- the pass ---- */

static void go_on(struct sweeper *sweeper);

static void begin_half(struct sweeper *sweeper, bool of_others)
{
    sweeper->of_others = of_others;
    sweeper->cursor = (struct batch_cursor){0};
    sweeper->limit = of_others ? BATCH_MAX : FIRST_BATCH; /* what is there has waited already */
}

static void begin_pass(struct sweeper *sweeper)
{
    sweeper->passing = true;
    sweeper->met_busy = sweeper->again = false;
    sweeper->began_us = db_clock_now_us(sweeper->options.clock);
    begin_half(sweeper, false);
}

static void end_pass(struct sweeper *sweeper)
{
    int64_t wait_us = sweeper->options.every_us;

    sweeper->passing = false;
    sweeper->figures.sweeps++;
    sweeper->figures.last_sweep_us = clock_monotonic_us();
    metric_add(sweeper->metrics.sweeps, "done", 1);
    metric_set(sweeper->metrics.ahead, NULL, (double)ahead_count(sweeper->ahead));
    metric_set(sweeper->metrics.ahead_bytes, NULL, (double)ahead_bytes(sweeper->ahead));
    if (sweeper->failing)
        log_info("sweeping again");
    sweeper->failing = false;
    if (sweeper->began_us)
        lease_swept(sweeper->options.lease, sweeper->began_us);
    if (sweeper->met_busy && wait_us > BUSY_AGAIN_US)
        wait_us = BUSY_AGAIN_US;
    if (sweeper->again)
        wait_us = 0;
    sweeper->next_us = clock_monotonic_us() + wait_us;
}

static void fail_pass(struct sweeper *sweeper, int status)
{
    if (!sweeper->failing)
        log_warn("the sweep failed; trying again", L_ERROR(status));
    sweeper->failing = true;
    sweeper->passing = false;
    metric_add(sweeper->metrics.sweeps, "failed", 1);
    sweeper->next_us = clock_monotonic_us() + sweeper->options.every_us;
}

/* A batch of the pass came back well. */
static void advance_pass(struct sweeper *sweeper)
{
    const struct batch *batch = &sweeper->batch;

    sweeper->cursor = batch->next;
    if (batch->stepped_over)
        tell_stepped_over(sweeper);
    if (batch->limit == 1 && (batch->stepped_over || --sweeper->alone <= 0)) {
        sweeper->limit = FIRST_BATCH; /* what could not fire is behind us */
    } else if (batch->candidates < batch->limit) {
        if (sweeper->of_others || lease_shards(sweeper->options.lease) == UINT64_MAX)
            end_pass(sweeper);
        else
            begin_half(sweeper, true);
    } else if (batch->limit > 1 && sweeper->limit < BATCH_MAX) {
        sweeper->limit = 2 * sweeper->limit < BATCH_MAX ? 2 * sweeper->limit : BATCH_MAX;
    }
}

static void take_pass_batch(struct sweeper *sweeper, int status)
{
    if (status == 0) {
        advance_pass(sweeper);
    } else if (sweeper->batch.poison && sweeper->limit > 1) {
        sweeper->alone = sweeper->limit;
        sweeper->limit = 1;
    } else {
        fail_pass(sweeper, status);
    }
}

/* ---- the next batch ---- */

static void on_batch(void *job, int status)
{
    struct sweeper *sweeper = CONTAINER_OF(job, struct sweeper, batch);
    bool named = sweeper->batch.named;

    sweeper->running = false;
    if (status == 0)
        take_outcome(sweeper);
    if (status < 0 && named)
        tell_named_failed(sweeper, status);
    else if (!named)
        take_pass_batch(sweeper, status);
    if (sweeper->drained)
        sweeper->drained(sweeper->drained_ctx);
    else
        go_on(sweeper);
}

static void begin_batch(struct sweeper *sweeper)
{
    int r = db_pool_submit(sweeper->options.pool, batch_run, on_batch, &sweeper->batch, 0);

    sweeper->running = r == 0;
    if (r < 0)
        fail_pass(sweeper, r);
}

/* What the wheel says is due, up to a batch. */
static bool take_named(struct sweeper *sweeper)
{
    struct batch *batch = &sweeper->batch;

    batch->nnamed = 0;
    while (batch->nnamed < BATCH_MAX && ahead_pop(sweeper->ahead, &batch->named_timers[batch->nnamed]))
        batch->nnamed++;
    batch->named = batch->nnamed > 0;
    return batch->named;
}

static void take_pass(struct sweeper *sweeper)
{
    uint64_t held = lease_shards(sweeper->options.lease);
    struct batch *batch = &sweeper->batch;

    batch->named = false;
    batch->limit = sweeper->limit;
    batch->cursor = sweeper->cursor;
    batch->shards = sweeper->of_others ? ~held : held;
    batch->until_us = sweeper->began_us;
    batch->grace_us = sweeper->of_others ? GRACE_US : 0;
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void arm(struct sweeper *sweeper)
{
    int64_t wait_us = sweeper->next_us - clock_monotonic_us(), ahead_us = ahead_wait_us(sweeper->ahead);

    if (ahead_us < wait_us)
        wait_us = ahead_us;
    if (wait_us < 0)
        wait_us = 0;
    /* Rounded up and a millisecond more: uv counts from the start of this turn, and a look just too early
     * would find nothing. */
    uv_timer_start(&sweeper->timer, on_timer, (uint64_t)(wait_us + 999) / 1000 + 1, 0);
}

/* The one place that decides what is next. */
static void go_on(struct sweeper *sweeper)
{
    bool pass_is_next;

    if (sweeper->running || sweeper->drained)
        return;
    if (!sweeper->passing && clock_monotonic_us() >= sweeper->next_us)
        begin_pass(sweeper);
    pass_is_next = sweeper->passing && sweeper->batch.named; /* they take turns */
    if (!pass_is_next && take_named(sweeper)) {
        begin_batch(sweeper);
    } else if (sweeper->passing) {
        take_pass(sweeper);
        begin_batch(sweeper);
    }
    if (!sweeper->running)
        arm(sweeper);
}

static void on_ahead(void *ctx)
{
    go_on(ctx);
}

/* ---- life ---- */

static void make_metrics(struct sweeper *sweeper)
{
    sweeper->metrics.fired = metric_counter("meridian_sla_fired_total", "Clocks fired, by kind.", "kind");
    sweeper->metrics.lateness =
        metric_histogram("meridian_sla_lateness_seconds",
                         "From the time a clock was due to its firing, by the database's clock.", NULL);
    sweeper->metrics.sweeps = metric_counter("meridian_sla_sweeps_total", "Sweeps, by outcome.", "outcome");
    sweeper->metrics.busy = metric_counter(
        "meridian_sla_busy_total", "Times a due clock had to wait because its ticket was locked.", NULL);
    sweeper->metrics.stepped_over = metric_counter("meridian_sla_stepped_over_total",
                                                   "Times a due clock could not be fired at all.", NULL);
    sweeper->metrics.named_failed =
        metric_counter("meridian_sla_wheel_batches_failed_total",
                       "Batches of the wheel that could not be fired; the sweep fires their clocks.", NULL);
    sweeper->metrics.ahead =
        metric_gauge("meridian_sla_wheel_clocks", "Clocks in the wheel: due in the next minutes.", NULL);
    sweeper->metrics.ahead_bytes =
        metric_gauge("meridian_sla_wheel_bytes", "Memory of the wheel of clocks.", NULL);
}

struct sweeper *sweeper_open(const struct sweeper_options *options)
{
    struct sweeper *sweeper = NEW(struct sweeper);
    const struct ahead_options ahead = {
        .loop = options->loop,
        .pool = options->pool,
        .lease = options->lease,
        .clock = options->clock,
        .page = &sql_sla_clock_ahead,
        .of = &sql_sla_clock_of,
        .window_us = options->window_us,
        .changed = on_ahead,
        .ctx = sweeper,
    };

    sweeper->options = *options;
    if (!sweeper->options.every_us)
        sweeper->options.every_us = EVERY_US;
    sweeper->batch.actor = options->actor;
    make_metrics(sweeper);
    sweeper->ahead = ahead_open(&ahead);
    uv_timer_init(options->loop, &sweeper->timer);
    sweeper->timer.data = sweeper;
    arm(sweeper);
    return sweeper;
}

void sweeper_shards(struct sweeper *sweeper)
{
    ahead_shards(sweeper->ahead);
    sweeper->again = true;
    sweeper->next_us = 0;
    go_on(sweeper);
}

void sweeper_hint(struct sweeper *sweeper, const Meridian__Hint *hint)
{
    ahead_hint(sweeper->ahead, hint);
}

void sweeper_drain(struct sweeper *sweeper, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&sweeper->timer);
    ahead_stop(sweeper->ahead);
    sweeper->drained = done;
    sweeper->drained_ctx = ctx;
    if (!sweeper->running)
        done(ctx);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct sweeper *sweeper_close(struct sweeper *sweeper)
{
    if (!sweeper)
        return NULL;
    ahead_close(sweeper->ahead);
    uv_close((uv_handle_t *)&sweeper->timer, on_closed);
    return NULL;
}

struct sweeper_figures sweeper_figures(const struct sweeper *sweeper)
{
    struct sweeper_figures figures = sweeper->figures;

    figures.ahead = ahead_count(sweeper->ahead);
    figures.ahead_bytes = ahead_bytes(sweeper->ahead);
    return figures;
}
