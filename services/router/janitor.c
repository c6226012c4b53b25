/* What has to be thrown away, laid out or caught up with in time. A timer starts one round on a worker; a
 * round deletes in small batches, each a transaction of its own, so that no lock and no snapshot lives long.
 * Every router beside the primary does this: each step is safe to repeat and passes over rows that another
 * one holds. A failed round is logged and the next one tries again.
 */
#include "router/janitor.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router/duty.h"
#include "router/shifts.h"
#include "router/state.h"
#include "router/tzdata.h"
#include "router_sql.h"

enum {
    BATCH = 500,
    MAX_BATCHES = 200,
    MONTHS_AHEAD = 3,
    FIRST_MS = 500, /* whoever starts a cluster wants to see who is on shift */
};
#define PARTITIONS_EVERY_US (24 * 3600 * US_PER_S)
#define PATIENCE_US         (30 * US_PER_S)

struct round {
    struct router *router;
    bool partitions; /* and shifts, who is on duty, and rules of zones */
    int64_t missing; /* partitions that could not be made */
    int tzdata;      /* versions of it among the live instances */
    struct buf versions;
    struct buf trouble;
};

static int prune(struct db_conn *conn, const struct db_statement *statement)
{
    for (int i = 0; i < MAX_BATCHES; i++) {
        _cleanup_params_ struct db_params params = {0};
        _cleanup_result_ struct db_result result = {0};
        int r;

        db_param_int(&params, BATCH);
        r = db_exec(conn, statement, &params, &result);
        if (r < 0)
            return r;
        if (db_affected(&result) < BATCH)
            break;
    }
    return 0;
}

static int round_work(struct db_conn *conn, void *arg)
{
    struct round *round = arg;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    static const struct db_statement *const prunes[] = {&sql_router_session_prune, &sql_router_command_prune,
                                                        &sql_router_command_prune_nothing,
                                                        &sql_router_overflow_catch_up};
    int r = 0;

    buf_reset(&round->trouble);
    for (size_t i = 0; i < ARRAY_SIZE(prunes) && !r; i++)
        r = prune(conn, prunes[i]);
    if (round->partitions && !r) {
        db_param_int(&params, MONTHS_AHEAD);
        r = db_exec(conn, &sql_router_partitions_ensure, &params, &result);
        round->missing = r < 0 ? 0 : db_int(&result, 0, 0);
        if (!r)
            r = shifts_renew(conn);
        if (!r)
            r = duty_renew_alone(conn, round->router->plans);
        if (!r)
            r = tzdata_record(conn);
    }
    buf_reset(&round->versions);
    if (!r)
        r = round->tzdata = tzdata_versions(conn, &round->versions);
    if (r < 0)
        buf_add_text(&round->trouble, db_error_detail(conn));
    return r;
}

/* A desk whose routers know different rules of zones gives one ticket two due times. */
static void show_tzdata(struct janitor *self, const struct round *round)
{
    metric_set(self->tzdata, NULL, round->tzdata);
    if ((round->tzdata > 1) != self->tzdata_differs) {
        self->tzdata_differs = round->tzdata > 1;
        if (self->tzdata_differs)
            log_warn("instances have different versions of tzdata",
                     L_TEXT("versions", buf_text(&round->versions)));
        else
            log_info("all instances have the same tzdata again");
    }
}

static void round_done(void *arg, int status)
{
    struct round *round = arg;
    struct janitor *self = &round->router->janitor;

    self->working = false;
    if (status < 0)
        router_complain(round->router, "housekeeping failed", status, buf_text(&round->trouble));
    else if (round->missing)
        log_warn("partitions of desk.event are missing; trying again", L_INT("months", round->missing));
    else if (round->partitions)
        self->partitions_us = clock_monotonic_us();
    if (status >= 0)
        show_tzdata(self, round);
    buf_fini(&round->versions);
    buf_fini(&round->trouble);
    free(round);
}

static void on_timer(uv_timer_t *timer);

/* Not at the usual distance: the router has just started, or its database was not there. */
static void come_soon(struct janitor *self, uint64_t every_ms)
{
    uv_timer_start(&self->timer, on_timer, every_ms < FIRST_MS ? every_ms : FIRST_MS, every_ms);
}

static void on_timer(uv_timer_t *timer)
{
    struct janitor *self = timer->data;
    struct router *router = self->router;
    int64_t now = clock_monotonic_us();
    struct round *round;

    if (self->working)
        return;
    if (!db_pool_ready(router->pool)) {
        come_soon(self, uv_timer_get_repeat(timer));
        return;
    }
    round = NEW(struct round);
    round->router = router;
    round->partitions = !self->partitions_us || now - self->partitions_us >= PARTITIONS_EVERY_US;
    self->working = true;
    if (db_pool_submit(router->pool, round_work, round_done, round, now + PATIENCE_US) < 0)
        round_done(round, -E_UNAVAILABLE);
}

void janitor_open(struct janitor *self, struct router *router, uint64_t every_ms)
{
    self->router = router;
    self->tzdata = metric_gauge("meridian_tzdata_versions",
                                "Versions of tzdata among the live instances; more than 1: mend it.", NULL);
    router_timer_init(router, &self->timer, NULL, 0);
    self->timer.data = self;
    come_soon(self, every_ms);
}

void janitor_close(struct janitor *self)
{
    router_timer_close(self->router, &self->timer);
}
