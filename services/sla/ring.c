/* Rings: a bounded number of calls at a time, in turn for what the wheel says and for what a pass finds.
 *
 * Owns a timer, one job and up to CALLS calls. A pass reads pages of due rows, in due order, behind a cursor,
 * and never looks back: it ends when each was rung for once or passed over, whatever became of the calls. So
 * neither a ticket nor a router that does not answer holds up the others, but for the one call it has. What
 * did not go well is still a row, and tried again: what was busy soon, by another pass; what failed after a
 * rest that grows (backoff.h), shorter where there was no answer, as that need not be the ticket's fault. It
 * never writes.
 */
#include "sla/ring.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "sla/ahead.h"
#include "sla/backoff.h"
#include "sla_sql.h"

enum { CALLS = 64, PAGE = 256 };
#define EVERY_US      (250 * US_PER_MS)
#define GRACE_US      (250 * US_PER_MS)
#define BUSY_AGAIN_US (100 * US_PER_MS) /* the ticket was locked: a write takes milliseconds */
#define ATTEMPT_US    (500 * US_PER_MS) /* then another router is asked */
#define PATIENCE_US   (2 * US_PER_S)
#define REST_US       (60 * US_PER_S) /* at most, of what a router refused */
#define UNANSWERED_US (2 * US_PER_S)  /* at most, of what nobody answered */
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
    struct backoff *backoff;
    struct call calls[CALLS];
    int ncalls;
    bool wheel_next; /* whose turn it is */
    bool stopped;
    bool closed, handle_closed; /* then it goes with its last call */
    int64_t told_us;            /* monotonic: when a failure was last told of */
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct ringer_figures figures;

    /* The pass. */
    bool passing, reading;
    bool more;       /* pages to read */
    bool met_busy;   /* since it began */
    bool again;      /* shards were gained: what came due in them before the wheel knew is to be found */
    int64_t next_us; /* monotonic: when the next one begins */
    struct wheel_timer cursor; /* behind this row; due_us 0: from the start */
    int rung;                  /* of the page: looked at */
    int resting;               /* passed over in this pass */

    /* The job, the worker's alone while `reading`. */
    uint64_t shards;
    struct wheel_timer page[PAGE];
    int npage;
    struct {
        struct metric *rings, *lateness, *resting;
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
    db_param_int(&params, PAGE);
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

/* Once a minute: what fails does so again and again until somebody looks. */
static void tell_failed(struct ringer *ringer, const struct wheel_timer *timer, int failure)
{
    int64_t now_us = clock_monotonic_us();
    char ticket[UUID_TEXT_SIZE];

    if (ringer->told_us && now_us - ringer->told_us < TELL_AGAIN_US)
        return;
    ringer->told_us = now_us;
    log_warn("a router does not take a timer; trying again", L_TEXT("timer", timer->name),
             L_TEXT("ticket", uuid_format(&timer->ticket, ticket)), L_ERROR(failure));
}

static void take_done(struct ringer *ringer, const struct wheel_timer *timer)
{
    int64_t late_us = db_clock_now_us(ringer->options.clock) - timer->due_us;

    metric_add(ringer->metrics.rings, "done", 1);
    metric_observe(ringer->metrics.lateness, NULL, late_us < 0 ? 0 : (double)late_us / US_PER_S);
    ringer->figures.rung++;
    backoff_done(ringer->backoff, timer);
}

/* Locked, or there was nobody to tell: not its fault, and it does not rest. The next pass finds it. */
static void take_busy(struct ringer *ringer, const struct wheel_timer *timer, bool alone)
{
    int64_t soon_us = clock_monotonic_us() + BUSY_AGAIN_US;

    metric_add(ringer->metrics.rings, "busy", 1);
    ringer->figures.busy++;
    ringer->met_busy = true;
    if (!ringer->passing && ringer->next_us > soon_us)
        ringer->next_us = soon_us;
    if (alone)
        tell_failed(ringer, timer, -E_UNAVAILABLE);
}

static void take_failed(struct ringer *ringer, const struct wheel_timer *timer, int failure)
{
    bool unanswered = failure == -E_TIMEOUT || failure == -E_PEER;

    metric_add(ringer->metrics.rings, "failed", 1);
    ringer->figures.failed++;
    backoff_failed(ringer->backoff, timer, clock_monotonic_us(), unanswered ? UNANSWERED_US : REST_US);
    tell_failed(ringer, timer, failure);
}

static void tell_drained(struct ringer *ringer)
{
    void (*drained)(void *ctx) = ringer->drained;

    if (!drained || ringer->ncalls || ringer->reading)
        return;
    ringer->drained = NULL;
    drained(ringer->drained_ctx);
}

static void free_when_ended(struct ringer *ringer)
{
    if (!ringer->closed || !ringer->handle_closed || ringer->ncalls)
        return;
    backoff_free(ringer->backoff);
    free(ringer);
}

static void on_answer(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;
    struct ringer *ringer = call->ringer;

    call->used = false;
    ringer->ncalls--;
    if (ringer->closed) { /* and all that it was opened with is gone */
        free_when_ended(ringer);
        return;
    }
    if (status == 0)
        status = -(int)reply->status;
    if (status == 0)
        take_done(ringer, &call->timer);
    else if (status == -E_UNAVAILABLE)
        take_busy(ringer, &call->timer, !reply);
    else
        take_failed(ringer, &call->timer, status);
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

    if (backoff_rests(ringer->backoff, timer, clock_monotonic_us())) {
        ringer->resting++;
        return;
    }
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
    bus_call(ringer->options.routers, &request, ATTEMPT_US, PATIENCE_US, on_answer, call);
}

/* ---- the pass ---- */

static void begin_pass(struct ringer *ringer)
{
    ringer->passing = ringer->more = true;
    ringer->again = ringer->met_busy = false;
    ringer->cursor = (struct wheel_timer){0};
    ringer->npage = ringer->rung = ringer->resting = 0;
}

static void end_pass(struct ringer *ringer)
{
    int64_t wait_us = ringer->options.every_us;

    if (ringer->met_busy && wait_us > BUSY_AGAIN_US)
        wait_us = BUSY_AGAIN_US;
    if (ringer->again)
        wait_us = 0;
    ringer->passing = false;
    ringer->figures.passes++;
    metric_set(ringer->metrics.resting, NULL, ringer->resting);
    ringer->next_us = clock_monotonic_us() + wait_us;
}

static void on_page(void *job, int status)
{
    struct ringer *ringer = job;

    ringer->reading = false;
    if (status < 0)
        ringer->npage = 0;
    ringer->rung = 0;
    ringer->more = ringer->npage == PAGE;
    if (ringer->more)
        ringer->cursor = ringer->page[PAGE - 1];
    go_on(ringer);
    tell_drained(ringer);
}

static void read_page(struct ringer *ringer)
{
    ringer->shards = lease_shards(ringer->options.lease);
    ringer->reading = db_pool_submit(ringer->options.pool, run_page, on_page, ringer, 0) == 0;
    if (!ringer->reading)
        end_pass(ringer);
}

/* ---- what is next ---- */

static bool take_page(struct ringer *ringer, struct wheel_timer *ret_timer)
{
    if (ringer->reading || ringer->rung == ringer->npage)
        return false;
    *ret_timer = ringer->page[ringer->rung++];
    return true;
}

/* They take turns, so that neither waits for the end of a flood of the other. */
static bool take_next(struct ringer *ringer, struct wheel_timer *ret_timer)
{
    ringer->wheel_next = !ringer->wheel_next;
    if (ringer->wheel_next)
        return ahead_pop(ringer->ahead, ret_timer) || take_page(ringer, ret_timer);
    return take_page(ringer, ret_timer) || ahead_pop(ringer->ahead, ret_timer);
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

/* Until the next pass or what the wheel has; an answer or a page comes by itself. */
static void arm(struct ringer *ringer)
{
    int64_t wait_us = ringer->passing ? INT64_MAX : ringer->next_us - clock_monotonic_us();
    int64_t ahead_us = ringer->ncalls < CALLS ? ahead_wait_us(ringer->ahead) : INT64_MAX;

    if (ahead_us < wait_us)
        wait_us = ahead_us;
    if (wait_us < 0)
        wait_us = 0;
    if (wait_us == INT64_MAX)
        uv_timer_stop(&ringer->timer);
    else
        uv_timer_start(&ringer->timer, on_timer, (uint64_t)(wait_us + 999) / 1000 + 1, 0);
}

static void go_on(struct ringer *ringer)
{
    struct wheel_timer due;

    if (ringer->stopped)
        return;
    if (!ringer->passing && clock_monotonic_us() >= ringer->next_us)
        begin_pass(ringer);
    while (ringer->ncalls < CALLS && take_next(ringer, &due))
        ring(ringer, &due);
    if (ringer->passing && !ringer->reading && ringer->rung == ringer->npage) {
        if (ringer->more)
            read_page(ringer);
        else
            end_pass(ringer);
    }
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
    ringer->metrics.resting = metric_gauge("meridian_sla_timers_resting",
                                           "Timers that are due and failed before, and are not tried again "
                                           "yet. Above 0: routers refuse them.",
                                           NULL);
    ringer->backoff = backoff_new();
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
    struct ringer *ringer = handle->data;

    ringer->handle_closed = true;
    free_when_ended(ringer);
}

struct ringer *ringer_close(struct ringer *ringer)
{
    if (!ringer)
        return NULL;
    ringer->stopped = ringer->closed = true;
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
