/* People before robots. Called by overflow.c and escalate.c before they change what a person may have
 * decided; the dispatcher's share of it is in desk.turned_down. What was decided follows from the
 * events, so nothing has to be kept. Clocks do not notice: an event that only says that somebody waits starts
 * and stops none. */
#include "router/robots.h"
#include "base/clock.h"
#include "router_sql.h"

void robots_decision_fini(struct robots_decision *decision)
{
    db_result_fini(&decision->result);
}

int robots_decided(struct db_conn *conn, const struct ticket_row *row, const char *fields,
                   struct robots_decision *ret_decision)
{
    _cleanup_params_ struct db_params params = {0};
    int r;

    *ret_decision = (struct robots_decision){0};
    db_param_uuid(&params, &row->id);
    db_param_text(&params, fields);
    r = db_exec(conn, &sql_router_robots_decided, &params, &ret_decision->result);
    if (r < 0 || !db_rows(&ret_decision->result))
        return r;
    ret_decision->by = db_text(&ret_decision->result, 0, 0);
    ret_decision->until_us = db_int(&ret_decision->result, 0, 1);
    return 0;
}

void robots_describe(const char *act, const char *fields, const struct robots_decision *decision,
                     struct buf *details)
{
    char until[CLOCK_TEXT_SIZE];

    buf_printf(details, ",\"act\":\"%s\",\"fields\":\"%s\",\"by\":", act, fields);
    buf_json_text(details, decision->by);
    buf_printf(details, ",\"waits_until\":\"%s\"", clock_format(decision->until_us, until));
}

void robots_plan_held_off(const struct ticket_row *row, const char *timer, int64_t until_us,
                          const char *details, struct ticket_plan *plan)
{
    struct ticket_change *change = &plan->steps[plan->n];

    *change = plan->n ? plan->steps[plan->n - 1] : ticket_change_none(row);
    plan->n++;
    ticket_change_quiet(change, "robot.held_off");
    if (change->team != row->team) { /* the step before has ended the offer */
        change->offered_to = change->offered_login = NULL;
        change->offered_until_us = 0;
    }
    change->details = details;
    change->rearm = timer;
    change->rearm_at_us = until_us;
}
