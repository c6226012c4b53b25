/* A shift that has ended and was not seen to is a row of desk.shift without swept_at. Its tickets are
 * returned or handed over one transaction each, in which the ticket is locked and looked at again: so it
 * happens to each once or not at all, an owner who was faster wins, and a router that dies leaves the rest to
 * the next one. A shift counts as seen to when nothing of it is left; a ticket that cannot be moved is logged
 * and tried again with the next round. What was on hold then and goes on while the desk is closed makes the
 * shift be looked at again. */
#include "router/shift_end.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router/handover.h"
#include "router/state.h"
#include "router/ticket_write.h"
#include "router_sql.h"

enum { TICKETS_MAX = 200 }; /* of a round: a worker is not kept for long */
#define PATIENCE_US (30 * US_PER_S)

struct round {
    struct router *router;
    struct plan_book *plans;
    int64_t cluster_epoch; /* the highest that this router knows */
    uint64_t lsn;          /* of the last commit */
    bool clocks;
    int moved;
    struct buf trouble;
};

struct shift {
    const char *desk;
    int64_t opens_us, closes_us;
    int again; /* how often it was to be looked at again, when it was read */
};

/* ---- one ticket ---- */

static bool still_theirs(const struct ticket_row *row, const struct shift *shift, const char *owner)
{
    return row->state == TICKET_OPEN && row->owner_id && strcmp(row->owner_login, owner) == 0 &&
           row->owned_at_us < shift->closes_us;
}

static int write_return(struct db_conn *conn, struct round *round, const struct shift *shift,
                        struct ticket_row *row)
{
    _cleanup_buf_ struct buf answer = BUF_INIT, details = BUF_INIT;
    struct ticket_writer writer = {.plans = round->plans, .login = "system:router", .answer = &answer};
    struct ticket_plan plan;
    int r;

    buf_add_text(&details, ",\"from_owner\":");
    buf_json_text(&details, row->owner_login);
    buf_add_text(&details, ",\"desk\":");
    buf_json_text(&details, shift->desk);
    ticket_rules_plan_return(row, buf_text(&details), &plan);
    plan.steps[0].leaves_note = NOTE_PREPARED;
    r = ticket_write(conn, row, &plan.steps[0], &writer, true);
    round->clocks = round->clocks || writer.clocks_changed;
    return r;
}

static int write_handover(struct db_conn *conn, struct round *round, const struct shift *shift,
                          struct ticket_row *row)
{
    _cleanup_buf_ struct buf answer = BUF_INIT;
    _cleanup_handover_ struct handover handover = {0};
    struct ticket_writer writer = {.plans = round->plans, .login = "system:router", .answer = &answer};
    struct ticket_plan plan;
    int r = handover_plan_shift_end(conn, row, shift->desk, &handover, &plan);

    if (!r)
        r = ticket_write(conn, row, &plan.steps[0], &writer, true);
    if (!r)
        r = handover_write_down(conn, row, &handover);
    round->clocks = round->clocks || writer.clocks_changed;
    return r;
}

struct left {
    const char *number, *owner;
    bool hand_over; /* and does not return */
};

/* 1: it is not theirs any more; 0: it was somebody else's already. */
static int move_ticket(struct db_conn *conn, struct round *round, const struct shift *shift,
                       const struct left *left)
{
    _cleanup_ticket_row_ struct ticket_row row = {0};
    int r = db_begin(conn);

    if (!r)
        r = ticket_row_lock(conn, left->number, false, &row);
    if (!r && row.cluster_epoch < round->cluster_epoch)
        r = -E_STALE_PRIMARY;
    if (!r && !still_theirs(&row, shift, left->owner)) {
        db_rollback(conn);
        return 0;
    }
    if (!r)
        r = left->hand_over ? write_handover(conn, round, shift, &row)
                            : write_return(conn, round, shift, &row);
    if (!r)
        r = db_commit(conn, &round->lsn);
    if (r < 0)
        db_rollback(conn);
    return r < 0 ? r : 1;
}

/* ---- one shift ---- */

static int move_tickets(struct db_conn *conn, struct round *round, const struct shift *shift,
                        const struct db_result *tickets)
{
    int failure = 0;

    for (int i = 0; i < db_rows(tickets); i++) {
        const struct left left = {db_text(tickets, i, 0), db_text(tickets, i, 1), db_bool(tickets, i, 2)};
        int r = move_ticket(conn, round, shift, &left);

        round->moved += r > 0;
        if (r < 0 && !failure) {
            failure = r;
            buf_printf(&round->trouble, "%s%s: %s", round->trouble.n ? "; " : "", left.number,
                       db_error_detail(conn));
        }
        if (r == -E_UNAVAILABLE || r == -E_STALE_PRIMARY)
            break;
    }
    return failure;
}

static int mark_seen(struct db_conn *conn, const struct shift *shift)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_text(&params, shift->desk);
    db_param_int(&params, shift->opens_us);
    db_param_int(&params, shift->again);
    return db_exec(conn, &sql_router_shift_seen, &params, NULL);
}

static int see_to(struct db_conn *conn, struct round *round, const struct shift *shift)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result tickets = {0};
    int r;

    db_param_text(&params, shift->desk);
    db_param_int(&params, shift->closes_us);
    db_param_int(&params, TICKETS_MAX);
    r = db_exec(conn, &sql_router_shift_tickets, &params, &tickets);
    if (!r)
        r = move_tickets(conn, round, shift, &tickets);
    return r || db_rows(&tickets) == TICKETS_MAX ? r : mark_seen(conn, shift);
}

/* A desk of which a ticket cannot be moved keeps none of those behind it waiting. */
static int round_work(struct db_conn *conn, void *arg)
{
    struct round *round = arg;
    _cleanup_result_ struct db_result ended = {0};
    int failure = 0, r = db_exec(conn, &sql_router_shift_ended, NULL, &ended);

    buf_reset(&round->trouble);
    if (r < 0) {
        buf_add_text(&round->trouble, db_error_detail(conn));
        return r;
    }
    for (int i = 0; i < db_rows(&ended) && r != -E_UNAVAILABLE && r != -E_STALE_PRIMARY; i++) {
        r = see_to(conn, round,
                   &(struct shift){db_text(&ended, i, 0), db_int(&ended, i, 1), db_int(&ended, i, 2),
                                   (int)db_int(&ended, i, 3)});
        failure = failure ? failure : r;
    }
    return failure;
}

int shift_end_follow(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change)
{
    _cleanup_params_ struct db_params params = {0};

    if (row->state != TICKET_PENDING || change->state != TICKET_OPEN || !change->owner_id)
        return 0;
    db_param_text(&params, change->owner_id);
    db_param_int(&params, change->team);
    return db_exec(conn, &sql_router_shift_again, &params, NULL);
}

/* ---- rounds ---- */

static void tell(struct round *round)
{
    const Meridian__Request request = MERIDIAN__REQUEST__INIT;
    const struct job told = {.request = &request,
                             .lsn = round->lsn,
                             .hints = {.changed = true, .outbox = true, .clocks = round->clocks}};

    hinting_add(&round->router->hinting, &told);
    log_info("tickets of desks that closed were handed over or went back into the queue",
             L_INT("tickets", round->moved));
}

static void round_done(void *arg, int status)
{
    struct round *round = arg;

    round->router->shift_end.working = false;
    if (round->moved)
        tell(round);
    if (status < 0)
        router_complain(round->router, "the end of a shift could not be seen to", status,
                        buf_text(&round->trouble));
    buf_fini(&round->trouble);
    free(round);
}

static void on_timer(uv_timer_t *timer)
{
    struct shift_end *self = timer->data;
    struct router *router = self->router;
    struct round *round;

    if (self->working || router->closing || !db_pool_ready(router->pool))
        return;
    round = NEW(struct round);
    *round = (struct round){.router = router, .plans = router->plans, .cluster_epoch = router->cluster_epoch};
    self->working = true;
    if (db_pool_submit(router->pool, round_work, round_done, round, clock_monotonic_us() + PATIENCE_US) < 0)
        round_done(round, -E_UNAVAILABLE);
}

void shift_end_open(struct shift_end *self, struct router *router, uint64_t every_ms)
{
    self->router = router;
    router_timer_init(router, &self->timer, on_timer, every_ms);
    self->timer.data = self;
}

void shift_end_close(struct shift_end *self)
{
    router_timer_close(self->router, &self->timer);
}
