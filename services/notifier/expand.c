/* The outbox, emptied. One statement takes a batch of rows, decides whom each event tells
 * (sql/outbox_expand.sql) and writes the deliveries; rows and deliveries change in one transaction, so an
 * event is expanded exactly once, however many processes try and whenever one dies.
 *
 * Owns a timer and one job. Hints only make it earlier; a poll every second finds what no hint told of. A
 * busy desk is expanded in batches, and in a flood of submissions ordinary notices wait so that submissions
 * need not: there is a rate, and after a batch that took d comes a rest of REST_TIMES d, so that this process
 * never takes more than a tenth of one database session, and less of a machine that is slow because it is
 * busy. Urgent events (of a P1, of the clocks, escalations) wait for neither and count in neither: each look
 * takes them, looks are never more than POLL_MS apart, and more than a batch of them is taken at once. On
 * failure it tries again at the next poll; the age of the oldest row is the gauge to alarm on, and it grows
 * while nobody can look.
 */
#include "notifier/expand.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "notifier_sql.h"

enum {
    BATCH = 100,
    POLL_MS = 1000,
    GATHER_MS = 20, /* from the first hint of a quiet time */
    SPACE_MS = 400, /* after a batch that was not full: the next one may be fuller */
    REST_TIMES = 9,
    REST_MOST_MS = 1000, /* one batch that waited for a lock is no reason for a long one */
};

struct expander {
    struct expander_options options;
    uv_timer_t timer;
    bool running, woken, failing;
    bool ordinary;         /* the job's: those that are not urgent too */
    int64_t armed_us;      /* monotonic: when the timer goes off; 0: it does not */
    int64_t began_us;      /* monotonic: the job */
    int64_t looked_us;     /* monotonic: the end of the last job that did not fail */
    int64_t not_before_us; /* monotonic: no ordinary ones earlier */
    void (*drained)(void *ctx);
    void *drained_ctx;
    /* The job's, the worker's alone while running. */
    int64_t taken, urgent_taken, made, urgent_made, age_us, set_aside;
    struct {
        struct metric *expanded, *made, *age, *set_aside;
    } metrics;
};

/* `id` 0: the first `limit` rows. */
static int expand(struct db_conn *conn, struct expander *expander, int limit, int64_t id)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_int(&params, limit);
    db_param_text(&params, expander->options.home_region);
    if (id)
        db_param_int(&params, id);
    else
        db_param_null(&params);
    db_param_bool(&params, expander->ordinary);
    r = db_exec(conn, &sql_notifier_outbox_expand, &params, &result);
    if (r < 0)
        return r;
    expander->taken += db_int(&result, 0, 0);
    expander->urgent_taken += db_int(&result, 0, 1);
    expander->made += db_int(&result, 0, 2);
    expander->urgent_made += db_int(&result, 0, 3);
    expander->age_us = db_int(&result, 0, 4);
    return 0;
}

static int set_aside(struct db_conn *conn, struct expander *expander, int64_t id)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf reason = BUF_INIT;
    int r;

    buf_add_text(&reason, db_error_detail(conn));
    db_param_int(&params, id);
    db_param_text(&params, expander->options.home_region);
    db_param_text(&params, buf_text(&reason));
    r = db_exec(conn, &sql_notifier_outbox_set_aside, &params, NULL);
    if (r == 0)
        log_error("an event cannot be expanded; it is a dead letter", L_INT("outbox_id", id),
                  L_STR("reason", buf_str(&reason)));
    expander->set_aside += r == 0;
    return r;
}

/* Some row of the batch makes the statement fail, and would hold up all behind it for ever: one by one. */
static int expand_singly(struct db_conn *conn, struct expander *expander)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_int(&params, BATCH);
    db_param_bool(&params, expander->ordinary);
    r = db_exec(conn, &sql_notifier_outbox_first, &params, &result);
    for (int row = 0; r == 0 && row < db_rows(&result); row++) {
        int64_t id = db_int(&result, row, 0);

        r = expand(conn, expander, 1, id);
        if (r < 0 && db_refused(conn))
            r = set_aside(conn, expander, id);
    }
    return r;
}

static int run_batch(struct db_conn *conn, void *job)
{
    struct expander *expander = job;
    int r;

    expander->taken = expander->urgent_taken = expander->made = expander->urgent_made = 0;
    expander->set_aside = 0;
    r = expand(conn, expander, BATCH, 0);
    if (r < 0 && db_refused(conn))
        r = expand_singly(conn, expander);
    return r;
}

static void begin_batch(struct expander *expander);

static void on_timer(uv_timer_t *timer)
{
    begin_batch(timer->data);
}

/* Looks in `wait_ms`, or sooner if that was the plan: whatever comes meanwhile puts nothing off. */
static void look_in(struct expander *expander, int64_t wait_ms)
{
    int64_t at_us = clock_monotonic_us() + wait_ms * US_PER_MS;

    if (expander->drained || (expander->armed_us && expander->armed_us <= at_us))
        return;
    expander->armed_us = at_us;
    uv_timer_start(&expander->timer, on_timer, (uint64_t)wait_ms, 0);
}

/* For ordinary ones: not before their rest is over, but no later than the urgent ones need. */
static void look_rested(struct expander *expander, int64_t wait_ms)
{
    int64_t rest_us = expander->not_before_us - clock_monotonic_us();

    if (rest_us > wait_ms * US_PER_MS)
        wait_ms = rest_us / US_PER_MS + 1;
    look_in(expander, wait_ms > POLL_MS ? POLL_MS : wait_ms);
}

static void tell_change(struct expander *expander, int status)
{
    if ((status < 0) == expander->failing)
        return;
    expander->failing = status < 0;
    if (status < 0)
        log_warn("the outbox cannot be expanded; trying again every second", L_ERROR(status));
    else
        log_info("expanding the outbox again");
}

/* When ordinary events may be taken again after a batch with `ordinary` of them. */
static int64_t rest_after(const struct expander *expander, int64_t ordinary, int64_t now_us)
{
    int64_t rest = (now_us - expander->began_us) * REST_TIMES;
    int64_t rate = ordinary * US_PER_S / expander->options.rate;

    if (rest > REST_MOST_MS * US_PER_MS)
        rest = REST_MOST_MS * US_PER_MS;
    if (expander->taken < BATCH && rest < SPACE_MS * US_PER_MS)
        rest = SPACE_MS * US_PER_MS;
    return rest > rate ? rest : rate;
}

static void count_batch(struct expander *expander, int64_t now_us)
{
    int64_t ordinary = expander->taken - expander->urgent_taken;

    expander->looked_us = now_us;
    if (ordinary)
        expander->not_before_us = now_us + rest_after(expander, ordinary, now_us);
    metric_add(expander->metrics.expanded, NULL, (double)expander->taken);
    metric_add(expander->metrics.made, NULL, (double)expander->made);
    metric_add(expander->metrics.set_aside, NULL, (double)expander->set_aside);
    if (expander->made)
        expander->options.on_made(expander->options.ctx, expander->urgent_made > 0);
}

static void look_next(struct expander *expander, int status)
{
    if (status < 0)
        look_in(expander, POLL_MS);
    else if (expander->urgent_taken == BATCH)
        look_in(expander, 0);
    else
        look_rested(expander, expander->woken || expander->taken == BATCH ? GATHER_MS : POLL_MS);
}

static void on_batch(void *job, int status)
{
    struct expander *expander = job;
    int64_t now_us = clock_monotonic_us();

    expander->running = false;
    tell_change(expander, status);
    if (status == 0)
        count_batch(expander, now_us);
    metric_set(expander->metrics.age, NULL,
               (double)(expander->age_us + now_us - expander->looked_us) / US_PER_S);
    if (expander->drained)
        expander->drained(expander->drained_ctx);
    else
        look_next(expander, status);
}

static void begin_batch(struct expander *expander)
{
    int r;

    expander->armed_us = 0;
    expander->began_us = clock_monotonic_us();
    expander->ordinary = expander->began_us >= expander->not_before_us;
    expander->woken = false;
    expander->running = true;
    r = db_pool_submit(expander->options.pool, run_batch, on_batch, expander, 0);
    if (r < 0)
        on_batch(expander, r);
}

struct expander *expander_open(const struct expander_options *options)
{
    struct expander *expander = NEW(struct expander);

    expander->options = *options;
    expander->metrics.expanded =
        metric_counter("meridian_notifier_events_total", "Events taken from the outbox.", NULL);
    expander->metrics.made =
        metric_counter("meridian_notifier_deliveries_made_total", "Deliveries made from them.", NULL);
    expander->metrics.set_aside =
        metric_counter("meridian_notifier_events_set_aside_total",
                       "Events that could not be expanded and became dead letters.", NULL);
    expander->metrics.age = metric_gauge("meridian_notifier_outbox_age_seconds",
                                         "Age of the oldest event not turned into notices yet; while nobody "
                                         "can look, the most it can be.",
                                         NULL);
    expander->looked_us = clock_monotonic_us();
    uv_timer_init(expander->options.loop, &expander->timer);
    expander->timer.data = expander;
    look_in(expander, 0);
    return expander;
}

void expander_wake(struct expander *expander)
{
    expander->woken = true;
    if (!expander->running)
        look_rested(expander, GATHER_MS);
}

void expander_drain(struct expander *expander, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&expander->timer);
    expander->drained = done;
    expander->drained_ctx = ctx;
    if (!expander->running)
        done(ctx);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct expander *expander_close(struct expander *expander)
{
    if (expander)
        uv_close((uv_handle_t *)&expander->timer, on_closed);
    return NULL;
}
