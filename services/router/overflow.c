/* Overflows of teams. Called by timers.c when the timer "overflow" of a ticket is due. Where to is what the
 * organisation says now; the timer was armed by what it said when the ticket entered the queue. */
#include "router/overflow.h"
#include "meridian/errors.h"
#include "router/robots.h"
#include "router_sql.h"

static void plan_transfer(struct ticket_change *change, const struct ticket_team *team)
{
    change->event = "ticket.transferred";
    change->details = ",\"reason\":\"overflow\"";
    change->epoch_rises = true;
    change->team = team->id;
    change->tier = team->tier;
    change->team_slug = team->slug;
}

int overflow_plan(struct db_conn *conn, const struct ticket_row *row, struct buf *text,
                  struct ticket_plan *ret_plan)
{
    struct ticket_change *change = &ret_plan->steps[0];
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result found = {0};
    struct ticket_team team = {0};
    _cleanup_decision_ struct robots_decision decision = {0};
    int r;

    *ret_plan = (struct ticket_plan){0};
    *change = ticket_change_none(row);
    if (!ticket_change_queues(change))
        return 0;
    db_param_int(&params, row->team);
    r = db_exec(conn, &sql_router_overflow_find, &params, &found);
    if (r < 0 || !db_rows(&found))
        return r;
    if (!db_is_null(&found, 0, 1)) {
        r = robots_decided(conn, row, "{team}", &decision);
        if (r < 0)
            return r;
        if (decision.until_us) {
            robots_describe("overflow", "team", &decision, text);
            robots_plan_held_off(row, ROBOTS_OVERFLOW, decision.until_us, buf_text(text), ret_plan);
            return 0;
        }
        buf_add_text(text, db_text(&found, 0, 1)); /* the plan outlives the result */
        r = ticket_team_find(conn, buf_text(text), &team);
        if (r < 0 || !team.id)
            return r;
        plan_transfer(change, &team);
    } else {
        change->event = "ticket.opened_to_all";
        change->opens_to_all = true;
    }
    ret_plan->n = 1;
    return 0;
}
