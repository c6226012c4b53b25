/* Renews once a second and believes an answer for as long as the database honours it.
 *
 * Owns a timer and one job. All decisions (fair shares, what has expired, terms) are in desk.shards_lease,
 * one short transaction, so two schedulers that renew at once cannot both take a shard. A process that was
 * stopped for long wakes without shards, because its own monotonic clock went on. On failure it keeps what it
 * has until that is too old, and tries again every second.
 */
#include "sla/lease.h"
#include "base/memory.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "sla_sql.h"

#define EVERY_US    (1 * US_PER_S)
#define HONOURED_US (5 * US_PER_S) /* what desk.shards_lease grants */

struct lease {
    struct lease_options options;
    uv_timer_t timer;
    bool running, failing;
    void (*drained)(void *ctx);
    void *drained_ctx;
    uint64_t shards;
    int64_t term;     /* 0: none yet */
    int64_t asked_us; /* monotonic: when the last renewal that succeeded was begun */
    int64_t swept_us; /* the database's time; 0: not yet */
    int live;
    struct {
        struct metric *shards, *live, *renewals;
    } metrics;

    /* The job, the worker's alone while `running`. */
    int64_t job_asked_us, job_answered_us, job_term, job_swept_us, job_time_us;
    uint64_t job_shards;
    int job_live;
};

static int run_renewal(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct lease *lease = job;
    int r;

    lease->job_asked_us = clock_monotonic_us();
    db_param_text(&params, lease->options.instance);
    if (lease->job_swept_us)
        db_param_int(&params, lease->job_swept_us);
    else
        db_param_null(&params);
    if (lease->job_term)
        db_param_int(&params, lease->job_term);
    else
        db_param_null(&params);
    r = db_exec(conn, &sql_sla_shards_lease, &params, &result);
    if (r < 0)
        return r;
    lease->job_answered_us = clock_monotonic_us();
    lease->job_term = db_int(&result, 0, 0);
    lease->job_shards = (uint64_t)db_int(&result, 0, 1);
    lease->job_live = (int)db_int(&result, 0, 2);
    lease->job_time_us = db_int(&result, 0, 3);
    return 0;
}

static int run_release(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    struct lease *lease = job;

    db_param_int(&params, lease->term);
    return db_exec(conn, &sql_sla_shards_release, &params, NULL);
}

static void take_answer(struct lease *lease)
{
    bool changed = lease->shards != lease->job_shards;

    db_clock_learn(lease->options.clock, lease->job_time_us, lease->job_asked_us, lease->job_answered_us);
    lease->term = lease->job_term;
    lease->asked_us = lease->job_asked_us;
    lease->shards = lease->job_shards;
    lease->live = lease->job_live;
    metric_set(lease->metrics.shards, NULL, __builtin_popcountll(lease->shards));
    metric_set(lease->metrics.live, NULL, lease->live);
    if (!changed)
        return;
    log_info("shards", L_INT("held", __builtin_popcountll(lease->shards)), L_INT("live", lease->live),
             L_INT("term", lease->term));
    if (lease->options.changed)
        lease->options.changed(lease->options.ctx);
}

static void on_released(void *job, int status)
{
    struct lease *lease = job;

    if (status < 0)
        log_info("the shards were not given back; they expire", L_ERROR(status));
    lease->drained(lease->drained_ctx);
}

static void release(struct lease *lease)
{
    lease->shards = 0;
    if (!lease->term || db_pool_submit(lease->options.pool, run_release, on_released, lease,
                                       clock_monotonic_us() + HONOURED_US) < 0)
        lease->drained(lease->drained_ctx);
}

static void on_timer(uv_timer_t *timer);

static void on_renewal(void *job, int status)
{
    struct lease *lease = job;

    lease->running = false;
    metric_add(lease->metrics.renewals, status == 0 ? "done" : "failed", 1);
    if ((status < 0) != lease->failing) {
        lease->failing = status < 0;
        if (status < 0)
            log_warn("the leases cannot be renewed", L_ERROR(status));
        else
            log_info("the leases are renewed again");
    }
    if (status == 0)
        take_answer(lease);
    if (lease->drained)
        release(lease);
    else
        uv_timer_start(&lease->timer, on_timer, (uint64_t)(lease->options.every_us / US_PER_MS), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct lease *lease = timer->data;
    int r;

    lease->job_term = lease->term;
    lease->job_swept_us = lease->swept_us;
    r = db_pool_submit(lease->options.pool, run_renewal, on_renewal, lease, 0);
    lease->running = true;
    if (r < 0)
        on_renewal(lease, r);
}

struct lease *lease_open(const struct lease_options *options)
{
    struct lease *lease = NEW(struct lease);

    lease->options = *options;
    if (!lease->options.every_us)
        lease->options.every_us = EVERY_US;
    lease->metrics.shards =
        metric_gauge("meridian_sla_shards", "Shards that this scheduler looks after, of 64.", NULL);
    lease->metrics.live =
        metric_gauge("meridian_sla_live_schedulers", "Schedulers beside the primary that share them.", NULL);
    lease->metrics.renewals =
        metric_counter("meridian_sla_lease_renewals_total", "Renewals of the leases, by outcome.", "outcome");
    uv_timer_init(lease->options.loop, &lease->timer);
    lease->timer.data = lease;
    uv_timer_start(&lease->timer, on_timer, 0, 0);
    return lease;
}

void lease_drain(struct lease *lease, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&lease->timer);
    lease->drained = done;
    lease->drained_ctx = ctx;
    if (!lease->running)
        release(lease);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct lease *lease_close(struct lease *lease)
{
    if (lease)
        uv_close((uv_handle_t *)&lease->timer, on_closed);
    return NULL;
}

uint64_t lease_shards(const struct lease *lease)
{
    return clock_monotonic_us() - lease->asked_us < HONOURED_US ? lease->shards : 0;
}

void lease_swept(struct lease *lease, int64_t at_us)
{
    lease->swept_us = at_us;
}

int lease_live(const struct lease *lease)
{
    return lease->live;
}

int64_t lease_term(const struct lease *lease)
{
    return lease->term;
}
