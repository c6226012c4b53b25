/* Rings: a bounded number of calls at a time, from the wheel as they come due and from a pass over the rows.
 *
 * Owns a timer, one job and up to CALLS calls. A pass reads a page of due rows, in due order, behind a
 * cursor, rings for all of them, waits for the answers and reads the next page; so a timer that the router
 * cannot handle is tried again with every pass and holds up nobody. What does not fit, or fails, is still a
 * row: the next pass finds it. It never writes.
 */
#include "sla/ring.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "sla/ahead.h"
#include "sla_sql.h"

enum { CALLS = 64 };
#define EVERY_US      (250 * US_PER_MS)
#define GRACE_US      (250 * US_PER_MS)
#define PATIENCE_US   (2 * US_PER_S)
#define TELL_AGAIN_US (60 * US_PER_S)

struct call {
    struct ringer *ringer;
    bool used;
    struct wheel_timer timer;
};

struct ringer {
    struct ringer_options options;
    uv_timer_t timer;
    struct ahead *ahead;
    struct call calls[CALLS];
    int ncalls;
    bool stopped;
    int64_t told_us; /* monotonic: when a failure was last told of */
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct ringer_figures figures;

    /* The pass. */
    bool passing, reading;
    bool again;      /* shards were gained: what came due in them before the wheel knew is to be found */
    int64_t next_us; /* monotonic: when the next one begins */
    struct wheel_timer cursor; /* behind this row; due_us 0: from the start */

    /* The job, the worker's alone while `reading`. */
    uint64_t shards;
    struct wheel_timer page[CALLS];
    int npage;
    struct {
        struct metric *rings, *lateness;
    } metrics;
};

/* ---- on a database worker ---- */

static int run_page(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct ringer *ringer = job;
    int r;

    if (ringer->cursor.due_us)
        db_param_int(&params, ringer->cursor.due_us);
    else
        db_param_null(&params);
    db_param_uuid(&params, &ringer->cursor.ticket);
    db_param_text(&params, ringer->cursor.name);
    db_param_int(&params, CALLS);
    db_param_int(&params, (int64_t)ringer->shards);
    db_param_int(&params, GRACE_US);
    r = db_exec(conn, &sql_sla_timer_due, &params, &result);
    ringer->npage = 0;
    for (int row = 0; !r && row < db_rows(&result); row++) {
        struct wheel_timer *timer = &ringer->page[ringer->npage++];

        *timer = (struct wheel_timer){.due_us = db_int(&result, row, 0),
                                      .generation = (int)db_int(&result, row, 3)};
        strncpy(timer->name, db_text(&result, row, 2), sizeof timer->name - 1);
        r = db_uuid(&result, row, 1, &timer->ticket);
    }
    return r;
}

/* ---- calls ---- */

static void go_on(struct ringer *ringer);

static void count_ring(struct ringer *ringer, const struct wheel_timer *timer, int failure)
{
    int64_t late_us = db_clock_now_us(ringer->options.clock) - timer->due_us;

    metric_add(ringer->metrics.rings, failure ? "failed" : "done", 1);
    if (failure) {
        ringer->figures.failed++;
    } else {
        ringer->figures.rung++;
        metric_observe(ringer->metrics.lateness, NULL, late_us < 0 ? 0 : (double)late_us / US_PER_S);
    }
    if (!failure || (ringer->told_us && clock_monotonic_us() - ringer->told_us < TELL_AGAIN_US))
        return;
    ringer->told_us = clock_monotonic_us();
    log_warn("a router does not take a timer; trying again", L_TEXT("timer", timer->name), L_ERROR(failure));
}

static void tell_drained(struct ringer *ringer)
{
    void (*drained)(void *ctx) = ringer->drained;

    if (!drained || ringer->ncalls || ringer->reading)
        return;
    ringer->drained = NULL;
    drained(ringer->drained_ctx);
}

static void on_answer(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;
    struct ringer *ringer = call->ringer;

    count_ring(ringer, &call->timer, status < 0 ? status : -(int)reply->status);
    call->used = false;
    ringer->ncalls--;
    go_on(ringer);
    tell_drained(ringer);
}

/* A free call; NULL when there is none, or one for the same timer is under way. */
static struct call *free_call(struct ringer *ringer, const struct wheel_timer *timer)
{
    struct call *found = NULL;

    for (int i = 0; i < CALLS; i++) {
        struct call *call = &ringer->calls[i];

        if (!call->used)
            found = call;
        else if (uuid_eq(&call->timer.ticket, &timer->ticket) && !strcmp(call->timer.name, timer->name))
            return NULL;
    }
    return found;
}

static void ring(struct ringer *ringer, const struct wheel_timer *timer)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__TimerDue due = MERIDIAN__TIMER_DUE__INIT;
    struct call *call = free_call(ringer, timer);

    if (!call)
        return;
    *call = (struct call){ringer, true, *timer};
    ringer->ncalls++;
    due.ticket_id = (ProtobufCBinaryData){sizeof call->timer.ticket.bytes, call->timer.ticket.bytes};
    due.name = call->timer.name;
    due.generation = (uint32_t)timer->generation;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(PATIENCE_US / US_PER_MS);
    request.body_case = MERIDIAN__REQUEST__BODY_TIMER_DUE;
    request.timer_due = &due;
    bus_call(ringer->options.routers, &request, PATIENCE_US, 0, on_answer, call);
}

/* ---- the pass ---- */

static void end_pass(struct ringer *ringer)
{
    ringer->passing = false;
    ringer->figures.passes++;
    ringer->next_us = clock_monotonic_us() + (ringer->again ? 0 : ringer->options.every_us);
}

static void on_page(void *job, int status)
{
    struct ringer *ringer = job;

    ringer->reading = false;
    for (int i = 0; status == 0 && !ringer->stopped && i < ringer->npage; i++)
        ring(ringer, &ringer->page[i]);
    if (status < 0 || ringer->npage < CALLS)
        end_pass(ringer);
    else
        ringer->cursor = ringer->page[CALLS - 1];
    go_on(ringer);
    tell_drained(ringer);
}

static void read_page(struct ringer *ringer)
{
    int r;

    ringer->shards = lease_shards(ringer->options.lease);
    r = db_pool_submit(ringer->options.pool, run_page, on_page, ringer, 0);
    ringer->reading = r == 0;
    if (r < 0)
        end_pass(ringer);
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void arm(struct ringer *ringer)
{
    int64_t wait_us = ringer->next_us - clock_monotonic_us(), ahead_us = ahead_wait_us(ringer->ahead);

    if (ahead_us < wait_us && ringer->ncalls < CALLS)
        wait_us = ahead_us;
    if (wait_us < 0)
        wait_us = 0;
    uv_timer_start(&ringer->timer, on_timer, (uint64_t)(wait_us + 999) / 1000 + 1, 0);
}

/* A page is read only when all calls are free, so that each of its timers gets one. */
static void go_on(struct ringer *ringer)
{
    struct wheel_timer due;

    if (ringer->stopped)
        return;
    if (!ringer->passing && clock_monotonic_us() >= ringer->next_us) {
        ringer->passing = true;
        ringer->again = false;
        ringer->cursor = (struct wheel_timer){0};
    }
    if (ringer->passing && !ringer->reading && !ringer->ncalls)
        read_page(ringer);
    while (!ringer->passing && ringer->ncalls < CALLS && ahead_pop(ringer->ahead, &due))
        ring(ringer, &due);
    if (!ringer->passing)
        arm(ringer);
}

static void on_ahead(void *ctx)
{
    go_on(ctx);
}

/* ---- life ---- */

struct ringer *ringer_open(const struct ringer_options *options)
{
    struct ringer *ringer = NEW(struct ringer);
    const struct ahead_options ahead = {
        .loop = options->loop,
        .pool = options->pool,
        .lease = options->lease,
        .clock = options->clock,
        .page = &sql_sla_timer_ahead,
        .of = &sql_sla_timer_of,
        .window_us = options->window_us,
        .changed = on_ahead,
        .ctx = ringer,
    };

    ringer->options = *options;
    if (!ringer->options.every_us)
        ringer->options.every_us = EVERY_US;
    ringer->metrics.rings = metric_counter("meridian_sla_timers_rung_total",
                                           "Timers that a router was told of, by outcome.", "outcome");
    ringer->metrics.lateness = metric_histogram(
        "meridian_sla_timer_lateness_seconds", "From the time a timer was due to the router's answer.", NULL);
    ringer->ahead = ahead_open(&ahead);
    uv_timer_init(options->loop, &ringer->timer);
    ringer->timer.data = ringer;
    arm(ringer);
    return ringer;
}

void ringer_shards(struct ringer *ringer)
{
    ahead_shards(ringer->ahead);
    ringer->again = true;
    ringer->next_us = 0;
    go_on(ringer);
}

void ringer_hint(struct ringer *ringer, const Meridian__Hint *hint)
{
    ahead_hint(ringer->ahead, hint);
}

void ringer_drain(struct ringer *ringer, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&ringer->timer);
    ahead_stop(ringer->ahead);
    ringer->stopped = true;
    ringer->drained = done;
    ringer->drained_ctx = ctx;
    tell_drained(ringer);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct ringer *ringer_close(struct ringer *ringer)
{
    if (!ringer)
        return NULL;
    ringer->stopped = true; /* the bus may still end calls before the loop turns */
    ahead_close(ringer->ahead);
    uv_close((uv_handle_t *)&ringer->timer, on_closed);
    return NULL;
}

struct ringer_figures ringer_figures(const struct ringer *ringer)
{
    struct ringer_figures figures = ringer->figures;

    figures.ahead = ahead_count(ringer->ahead);
    return figures;
}
