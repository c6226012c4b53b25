/* The sweep: one pass over the due clocks, in batches, then a wait until the next one is due.
 *
 * Owns one timer and one job; at most one batch is in hand. A pass keeps a cursor (fire_at, ticket, target)
 * and never looks back, so that it ends even when a ticket stays locked: what was busy is tried again soon,
 * by the next pass. Each batch is one statement and one transaction; desk.sla_fire decides by generation and
 * database time, so it does not matter how many sweep at once, when a hint is lost, or whether a batch whose
 * connection died was committed: the next pass finds out.
 *
 * On failure: a database that is away ends the pass, the timer starts another. A clock that cannot fire (the
 * statement fails on it) would stop all behind it, so after such a failure the pass goes on with batches of
 * one and steps over what fails alone, loudly. Time is the database's; the process's own clock is never
 * asked.
 */
#include "sla/sweep.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "sla_sql.h"
#include <stdio.h>

enum { BATCH = 25 }; /* tickets that one transaction holds: claims have to wait for them */
#define EVERY_US      (1 * US_PER_S)
#define BUSY_AGAIN_US (100 * US_PER_MS) /* the ticket was locked: a write takes milliseconds */
#define TELL_AGAIN_US (60 * US_PER_S)
#define HINT_US       (100 * US_PER_MS) /* hints within this are one */

struct cursor {
    int64_t fire_us; /* 0: from the start */
    char ticket[UUID_TEXT_SIZE];
    char target[32];
};

struct fired {
    bool breached;
    int64_t late_us;
};

struct sweeper {
    struct sweeper_options options;
    uv_timer_t timer;
    bool running;     /* a batch is in hand */
    bool hinted;      /* clocks changed while it was: look again */
    bool failing;     /* the last pass ended with a failure: logged */
    int64_t armed_us; /* monotonic: when the timer is set to go off */
    void (*drained)(void *ctx);
    void *drained_ctx;
    uint64_t hint_sequence;
    struct sweeper_figures figures;

    /* The job, the worker's alone while `running`. */
    int limit;            /* clocks in the next batch; 1 while stepping over */
    struct cursor cursor; /* behind the last batch; set by on_batch only */
    struct cursor next;   /* behind this batch */
    int candidates, nfired, busy;
    bool poison;         /* the statement was refused */
    bool stepped_over;   /* this batch was one clock that cannot fire */
    struct fired *fired; /* options.batch of them */
    uint64_t lsn;
    int64_t wait_us; /* until the next clock is due; -1: none runs. Only read by the last batch of a pass */

    int busy_in_pass;
    int64_t told_us; /* monotonic: when a clock that cannot fire was last told of */
    struct {
        struct metric *fired, *lateness, *sweeps, *busy, *stepped_over;
    } metrics;
};

/* ---- on a database worker ---- */

static void add_cursor(struct db_params *params, const struct cursor *cursor)
{
    if (!cursor->fire_us) {
        db_param_null(params);
        db_param_null(params);
        db_param_null(params);
        return;
    }
    db_param_int(params, cursor->fire_us);
    db_param_text(params, cursor->ticket);
    db_param_text(params, cursor->target);
}

static void read_cursor(const struct db_result *result, int row, struct cursor *ret_cursor)
{
    ret_cursor->fire_us = db_int(result, row, 0);
    snprintf(ret_cursor->ticket, sizeof ret_cursor->ticket, "%s", db_text(result, row, 1));
    snprintf(ret_cursor->target, sizeof ret_cursor->target, "%s", db_text(result, row, 2));
}

static void read_batch(struct sweeper *sweeper, const struct db_result *result)
{
    for (int row = 0; row < db_rows(result); row++) {
        const char *outcome = db_text(result, row, 3);
        struct fired *fired = &sweeper->fired[sweeper->nfired];

        if (strcmp(outcome, "busy") == 0) {
            sweeper->busy++;
        } else if (strcmp(outcome, "stale") != 0) {
            fired->breached = strcmp(outcome, "sla.breached") == 0;
            fired->late_us = db_int(result, row, 4);
            sweeper->nfired++;
        }
        read_cursor(result, row, &sweeper->next);
    }
    sweeper->candidates = db_rows(result);
}

static int step_over(struct db_conn *conn, struct sweeper *sweeper)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    add_cursor(&params, &sweeper->cursor);
    r = db_exec(conn, &sql_sla_clock_candidate, &params, &result);
    if (r < 0)
        return r;
    sweeper->candidates = db_rows(&result);
    if (db_rows(&result)) {
        read_cursor(&result, 0, &sweeper->next);
        sweeper->stepped_over = true;
    }
    return 0;
}

static int read_wait(struct db_conn *conn, struct sweeper *sweeper)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_sla_clock_next, NULL, &result);

    if (r < 0)
        return r;
    sweeper->wait_us = db_rows(&result) ? db_int(&result, 0, 0) : -1;
    return 0;
}

static int run_batch(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct sweeper *sweeper = job;
    int r;

    sweeper->candidates = sweeper->nfired = sweeper->busy = 0;
    sweeper->stepped_over = sweeper->poison = false;
    sweeper->next = sweeper->cursor;
    add_cursor(&params, &sweeper->cursor);
    db_param_int(&params, sweeper->limit);
    db_param_text(&params, sweeper->options.actor);
    r = db_exec_lsn(conn, &sql_sla_clock_fire, &params, &result, &sweeper->lsn);
    if (r == 0)
        read_batch(sweeper, &result);
    else
        sweeper->poison = db_refused(conn);
    if (sweeper->poison && sweeper->limit == 1)
        r = step_over(conn, sweeper);
    if (r == 0 && sweeper->candidates < sweeper->limit)
        r = read_wait(conn, sweeper);
    return r;
}

/* ---- on the loop ---- */

static void begin_batch(struct sweeper *sweeper);

static void on_timer(uv_timer_t *timer)
{
    struct sweeper *sweeper = timer->data;

    sweeper->cursor = (struct cursor){0};
    sweeper->limit = sweeper->options.batch;
    sweeper->busy_in_pass = 0;
    sweeper->hinted = false;
    begin_batch(sweeper);
}

static void arm(struct sweeper *sweeper, int64_t wait_us)
{
    if (sweeper->drained)
        return;
    sweeper->armed_us = clock_monotonic_us() + wait_us;
    /* Rounded up and a millisecond more: uv counts from the start of this turn, and a sweep just too early
     * would find nothing. */
    uv_timer_start(&sweeper->timer, on_timer, (uint64_t)(wait_us + 999) / 1000 + 1, 0);
}

static void publish(struct sweeper *sweeper)
{
    Meridian__Hint hint = MERIDIAN__HINT__INIT;

    if (!sweeper->options.bus || !sweeper->nfired)
        return;
    hint.publisher = (char *)sweeper->options.publisher;
    hint.has_lsn = true;
    hint.lsn = sweeper->lsn;
    hint.sequence = ++sweeper->hint_sequence;
    hint.has_tickets_changed = hint.tickets_changed = true;
    hint.has_outbox_added = hint.outbox_added = true;
    bus_publish(sweeper->options.bus, &hint);
}

/* Once a minute: the same clock fails again with every pass until somebody looks. */
static void tell_stepped_over(struct sweeper *sweeper)
{
    int64_t now_us = clock_monotonic_us();

    if (sweeper->told_us && now_us - sweeper->told_us < TELL_AGAIN_US)
        return;
    sweeper->told_us = now_us;
    log_error("a clock cannot fire; stepped over", L_TEXT("ticket", sweeper->next.ticket),
              L_TEXT("target", sweeper->next.target));
}

static void count_batch(struct sweeper *sweeper)
{
    for (int i = 0; i < sweeper->nfired; i++) {
        const struct fired *fired = &sweeper->fired[i];

        metric_add(sweeper->metrics.fired, fired->breached ? "breach" : "warning", 1);
        metric_observe(sweeper->metrics.lateness, NULL, (double)fired->late_us / US_PER_S);
        if (fired->breached)
            sweeper->figures.breached++;
        else
            sweeper->figures.warned++;
    }
    sweeper->busy_in_pass += sweeper->busy;
    sweeper->figures.busy += (uint64_t)sweeper->busy;
    metric_add(sweeper->metrics.busy, NULL, sweeper->busy);
    if (sweeper->stepped_over) {
        sweeper->figures.stepped_over++;
        metric_add(sweeper->metrics.stepped_over, NULL, 1);
        tell_stepped_over(sweeper);
    }
}

static void end_pass(struct sweeper *sweeper)
{
    int64_t wait_us = sweeper->options.every_us;

    sweeper->figures.sweeps++;
    sweeper->figures.last_sweep_us = clock_monotonic_us();
    metric_add(sweeper->metrics.sweeps, "done", 1);
    if (sweeper->failing)
        log_info("sweeping again");
    sweeper->failing = false;
    if (sweeper->wait_us >= 0 && sweeper->wait_us < wait_us)
        wait_us = sweeper->wait_us;
    if (sweeper->busy_in_pass && wait_us > BUSY_AGAIN_US)
        wait_us = BUSY_AGAIN_US;
    if (sweeper->hinted && wait_us > HINT_US)
        wait_us = HINT_US;
    arm(sweeper, wait_us);
}

static void fail_pass(struct sweeper *sweeper, int status)
{
    if (!sweeper->failing)
        log_warn("the sweep failed; trying again every second", L_ERROR(status));
    sweeper->failing = true;
    metric_add(sweeper->metrics.sweeps, "failed", 1);
    arm(sweeper, sweeper->options.every_us);
}

static void on_batch(void *job, int status)
{
    struct sweeper *sweeper = job;
    bool more = sweeper->candidates == sweeper->limit;

    sweeper->running = false;
    if (status == 0) {
        count_batch(sweeper);
        publish(sweeper);
        sweeper->cursor = sweeper->next;
        if (sweeper->stepped_over)
            sweeper->limit = sweeper->options.batch; /* what cannot fire is behind us */
    }
    if (sweeper->drained) {
        sweeper->drained(sweeper->drained_ctx);
    } else if (status < 0 && sweeper->poison && sweeper->limit > 1) {
        sweeper->limit = 1;
        begin_batch(sweeper);
    } else if (status < 0) {
        fail_pass(sweeper, status);
    } else if (more) {
        begin_batch(sweeper);
    } else {
        end_pass(sweeper);
    }
}

static void begin_batch(struct sweeper *sweeper)
{
    int r = db_pool_submit(sweeper->options.pool, run_batch, on_batch, sweeper, 0);

    if (r < 0)
        fail_pass(sweeper, r);
    else
        sweeper->running = true;
}

struct sweeper *sweeper_open(const struct sweeper_options *options)
{
    struct sweeper *sweeper = NEW(struct sweeper);

    sweeper->options = *options;
    if (!sweeper->options.batch)
        sweeper->options.batch = BATCH;
    if (!sweeper->options.every_us)
        sweeper->options.every_us = EVERY_US;
    sweeper->fired = NEW_ARRAY(struct fired, (size_t)sweeper->options.batch);
    sweeper->metrics.fired = metric_counter("meridian_sla_fired_total", "Clocks fired, by kind.", "kind");
    sweeper->metrics.lateness =
        metric_histogram("meridian_sla_lateness_seconds",
                         "From the time a clock was due to its firing, by the database's clock.", NULL);
    sweeper->metrics.sweeps = metric_counter("meridian_sla_sweeps_total", "Sweeps, by outcome.", "outcome");
    sweeper->metrics.busy = metric_counter(
        "meridian_sla_busy_total", "Times a due clock had to wait because its ticket was locked.", NULL);
    sweeper->metrics.stepped_over = metric_counter("meridian_sla_stepped_over_total",
                                                   "Times a due clock could not be fired at all.", NULL);
    uv_timer_init(sweeper->options.loop, &sweeper->timer);
    sweeper->timer.data = sweeper;
    arm(sweeper, 0);
    return sweeper;
}

void sweeper_hint(struct sweeper *sweeper)
{
    sweeper->hinted = true;
    if (!sweeper->running && sweeper->armed_us - clock_monotonic_us() > HINT_US)
        arm(sweeper, HINT_US);
}

void sweeper_drain(struct sweeper *sweeper, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&sweeper->timer);
    sweeper->drained = done;
    sweeper->drained_ctx = ctx;
    if (!sweeper->running)
        done(ctx);
}

static void on_closed(uv_handle_t *handle)
{
    struct sweeper *sweeper = handle->data;

    free(sweeper->fired);
    free(sweeper);
}

struct sweeper *sweeper_close(struct sweeper *sweeper)
{
    if (sweeper)
        uv_close((uv_handle_t *)&sweeper->timer, on_closed);
    return NULL;
}

struct sweeper_figures sweeper_figures(const struct sweeper *sweeper)
{
    return sweeper->figures;
}
