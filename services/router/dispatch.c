/* One ticket for one agent. Called by dispatcher.c.
 *
 * Who is asked, and in which order, is decided by dispatch_candidates.sql alone, and is written down with the
 * event (desk.dispatch), so that the choice can be explained. */
#include "router/dispatch.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/offer.h"
#include "router/ticket_write.h"
#include "router_sql.h"

/* Of dispatch_lock.sql. */
enum { MINE, FREE, OFFERS, ACCEPT_WITHIN };
/* Of dispatch_candidates.sql. */
enum { ID, LOGIN, REGION, WHY, CANDIDATES };

struct chosen {
    const char *id, *login, *region;
    const char *why; /* what decided */
    bool offers;     /* and does not assign */
    int64_t accept_within_s;
};

static void plan(const struct ticket_row *row, const struct chosen *chosen, const char *details,
                 struct ticket_plan *ret_plan)
{
    struct ticket_change *change = &ret_plan->steps[0];

    if (chosen->offers) {
        ticket_offer_plan(row,
                          &(struct offer){.kind = OFFER_KIND_OFFER,
                                          .user_id = chosen->id,
                                          .login = chosen->login,
                                          .until_us = row->now_us + chosen->accept_within_s * US_PER_S},
                          ret_plan);
    } else {
        *ret_plan = (struct ticket_plan){.n = 1};
        *change = ticket_change_none(row);
        change->event = "ticket.assigned";
        change->state = TICKET_OPEN;
        change->owner_id = chosen->id;
        change->owner_login = chosen->login;
        change->owner_region = chosen->region;
        change->epoch_rises = true;
    }
    change->details = details;
}

int dispatch_write_down(struct db_conn *conn, const struct ticket_row *row, const char *user_id,
                        const char *candidates)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, &row->id);
    db_param_int(&params, row->version);
    db_param_text(&params, user_id);
    db_param_int(&params, row->now_us);
    db_param_text(&params, candidates);
    return db_exec(conn, &sql_router_dispatch_add, &params, NULL);
}

static int give(struct db_conn *conn, const struct dispatch *dispatch, struct ticket_row *row,
                const struct chosen *chosen, const char *candidates)
{
    _cleanup_buf_ struct buf answer = BUF_INIT, details = BUF_INIT;
    struct ticket_writer writer = {.plans = dispatch->plans, .login = "system:router", .answer = &answer};
    struct ticket_plan planned;
    int r;

    buf_add_text(&details, ",\"why\":");
    buf_json_text(&details, chosen->why);
    plan(row, chosen, buf_text(&details), &planned);
    r = ticket_write(conn, row, &planned.steps[0], &writer, true);
    return r ? r : dispatch_write_down(conn, row, chosen->id, candidates);
}

/* Who is to own it may have claimed something meanwhile: 1: they may still take it. */
static int check(struct db_conn *conn, const struct ticket_row *row, const char *user_id)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, user_id);
    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_dispatch_check, &params, &result);
    return r < 0 ? r : db_bool(&result, 0, 0);
}

static int choose(struct db_conn *conn, const struct dispatch *dispatch, struct ticket_row *row,
                  struct chosen *chosen)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result found = {0};
    int r;

    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_dispatch_candidates, &params, &found);
    if (r < 0 || !db_rows(&found))
        return r < 0 ? r : DISPATCH_NOBODY;
    chosen->id = db_text(&found, 0, ID);
    chosen->login = db_text(&found, 0, LOGIN);
    chosen->region = db_text(&found, 0, REGION);
    chosen->why = db_text(&found, 0, WHY);
    r = chosen->offers ? 1 : check(conn, row, chosen->id);
    if (r <= 0)
        return r < 0 ? r : DISPATCH_NOBODY;
    r = give(conn, dispatch, row, chosen, db_text(&found, 0, CANDIDATES));
    return r < 0 ? r : DISPATCH_GIVEN;
}

int dispatch_ticket(struct db_conn *conn, const struct dispatch *dispatch, const char *number)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result lock = {0};
    _cleanup_ticket_row_ struct ticket_row row = {0};
    struct chosen chosen = {0};
    int r;

    db_param_text(&params, number);
    r = db_exec(conn, &sql_router_dispatch_lock, &params, &lock);
    if (r < 0)
        return r;
    if (!db_bool(&lock, 0, MINE))
        return DISPATCH_BUSY;
    if (!db_bool(&lock, 0, FREE))
        return DISPATCH_NOBODY;
    chosen.offers = db_bool(&lock, 0, OFFERS);
    chosen.accept_within_s = db_int(&lock, 0, ACCEPT_WITHIN);
    r = ticket_row_lock(conn, number, false, &row);
    if (r < 0)
        return r;
    if (row.cluster_epoch < dispatch->cluster_epoch)
        return -E_STALE_PRIMARY;
    return choose(conn, dispatch, &row, &chosen);
}
