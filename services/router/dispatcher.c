/* Rounds over the heads of the queues of teams that dispatch (desk.team.mode). One transaction a ticket, in
 * which it is locked and looked at again: whoever was faster wins, and a router that dies leaves the rest to
 * the next one. All of them dispatch under one advisory lock, tried and never waited for, so that what an
 * agent is given in one transaction counts in the next. Nobody who is there and may take it: the ticket stays
 * in the queue, where it may be claimed as ever.
 *
 * Changes wake it; a look a second finds what no change told of. As long as no team dispatches, a look is one
 * small query. */
#include "router/dispatcher.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router/dispatch.h"
#include "router/state.h"
#include "router_sql.h"

enum { TICKETS_MAX = 100, LOOK_MS = 1000, GATHER_MS = 20 };
#define PATIENCE_US (30 * US_PER_S)

struct round {
    struct router *router;
    struct dispatch dispatch;
    bool wanted;
    int given;
    uint64_t lsn;
    struct buf trouble;
};

/* ---- on a worker ---- */

/* 1: given; 0: to nobody, or it was somebody else's already; DISPATCH_BUSY: another router is at it. */
static int give(struct db_conn *conn, struct round *round, const char *number)
{
    int r = db_begin(conn), given;

    if (!r)
        r = dispatch_ticket(conn, &round->dispatch, number);
    given = r;
    if (r == DISPATCH_GIVEN)
        r = db_commit(conn, &round->lsn);
    if (r < 0 || given != DISPATCH_GIVEN)
        db_rollback(conn);
    return r < 0 ? r : given;
}

static int give_all(struct db_conn *conn, struct round *round, const struct db_result *heads)
{
    int failure = 0;

    for (int i = 0; i < db_rows(heads); i++) {
        int r = give(conn, round, db_text(heads, i, 0));

        if (r == DISPATCH_BUSY)
            break;
        round->given += r == DISPATCH_GIVEN;
        if (r >= 0 || r == -E_CONFLICT) /* the agent got another one, or the ticket is gone */
            continue;
        if (!failure)
            buf_printf(&round->trouble, "%s: %s", db_text(heads, i, 0), db_error_detail(conn));
        failure = failure ? failure : r;
        if (r == -E_UNAVAILABLE || r == -E_STALE_PRIMARY)
            break;
    }
    return failure;
}

static int round_work(struct db_conn *conn, void *arg)
{
    struct round *round = arg;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result teams = {0}, heads = {0};
    int r = db_exec(conn, &sql_router_dispatch_teams, NULL, &teams);

    buf_reset(&round->trouble);
    round->wanted = r == 0 && db_bool(&teams, 0, 0);
    if (r == 0 && db_bool(&teams, 0, 1)) {
        db_param_int(&params, TICKETS_MAX);
        r = db_exec(conn, &sql_router_dispatch_heads, &params, &heads);
    }
    if (r < 0) {
        buf_add_text(&round->trouble, db_error_detail(conn));
        return r;
    }
    return heads.pg ? give_all(conn, round, &heads) : 0;
}

/* ---- rounds ---- */

static void tell(struct round *round)
{
    const Meridian__Request request = MERIDIAN__REQUEST__INIT;
    const struct job told = {
        .request = &request, .lsn = round->lsn, .hints = {.changed = true, .outbox = true, .clocks = true}};

    hinting_add(&round->router->hinting, &told);
    metric_add(round->router->metrics.dispatched, NULL, round->given);
}

static void look_in(struct dispatcher *self, uint64_t ms);

static void round_done(void *arg, int status)
{
    struct round *round = arg;
    struct router *router = round->router;
    struct dispatcher *self = &router->dispatcher;

    self->working = false;
    self->wanted = round->wanted;
    if (round->given)
        tell(round);
    if (status < 0)
        router_complain(router, "tickets could not be dispatched", status, buf_text(&round->trouble));
    if (!router->closing)
        look_in(self, self->woken && status >= 0 ? GATHER_MS : LOOK_MS);
    buf_fini(&round->trouble);
    free(round);
}

static void on_timer(uv_timer_t *timer)
{
    struct dispatcher *self = timer->data;
    struct router *router = self->router;
    struct round *round;

    if (self->working || router->closing)
        return;
    if (!db_pool_ready(router->pool)) {
        look_in(self, LOOK_MS);
        return;
    }
    round = NEW(struct round);
    *round = (struct round){.router = router,
                            .dispatch = {.plans = router->plans, .cluster_epoch = router->cluster_epoch}};
    self->working = true;
    self->woken = false;
    if (db_pool_submit(router->pool, round_work, round_done, round, clock_monotonic_us() + PATIENCE_US) < 0)
        round_done(round, -E_UNAVAILABLE);
}

static void look_in(struct dispatcher *self, uint64_t ms)
{
    uv_timer_start(&self->timer, on_timer, ms, 0);
}

void dispatcher_wake(struct dispatcher *self)
{
    if (!self->wanted || self->woken || self->router->closing)
        return;
    self->woken = true;
    if (!self->working)
        look_in(self, GATHER_MS);
}

void dispatcher_open(struct dispatcher *self, struct router *router)
{
    self->router = router;
    router_timer_init(router, &self->timer, NULL, 0);
    self->timer.data = self;
    look_in(self, LOOK_MS);
}

void dispatcher_close(struct dispatcher *self)
{
    router_timer_close(self->router, &self->timer);
}
