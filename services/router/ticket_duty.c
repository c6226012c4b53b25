/* Called by ticket_write.c with every change and by timers.c when a timer is due. New tickets get theirs by
 * submit_store.sql. Whoever is told is written into the event, as for escalations: when nobody can be, the
 * notifier tells the team's leads. A claim is one statement and leaves timers alone; they find it owned. */
#include "router/ticket_duty.h"
#include "base/encode.h"
#include "router/escalate.h"
#include "router_sql.h"

static int arm(struct db_conn *conn, const struct db_statement *statement, const struct ticket_row *row,
               const struct ticket_change *change, bool *ret_changed)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    if (change->owner_id)
        db_param_null(&params);
    else
        db_param_int(&params, change->team);
    db_param_int(&params, row->now_us);
    db_param_int(&params, row->version);
    r = db_exec(conn, statement, &params, &result);
    if (!r && db_int(&result, 0, 0))
        *ret_changed = true;
    return r;
}

static bool waits_again(const struct ticket_row *row, const struct ticket_change *change)
{
    return row->offered_to && !change->offered_to && !change->owner_id &&
           (change->state == TICKET_NEW || change->state == TICKET_OPEN);
}

int ticket_duty_arm(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change,
                    bool *ret_changed)
{
    if (change->team != row->team)
        return arm(conn, &sql_router_duty_arm, row, change, ret_changed);
    return waits_again(row, change) ? arm(conn, &sql_router_duty_again, row, change, ret_changed) : 0;
}

static int plan(struct db_conn *conn, const struct ticket_row *row, const char *role, struct buf *details,
                struct ticket_plan *ret_plan)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result duty = {0};
    int r;

    *ret_plan = (struct ticket_plan){0};
    if (row->owner_id || row->offered_to || (row->state != TICKET_NEW && row->state != TICKET_OPEN))
        return 0;
    db_param_int(&params, row->team);
    db_param_text(&params, role);
    r = db_exec(conn, &sql_router_duty_find, &params, &duty);
    if (r < 0 || !db_rows(&duty))
        return r;
    buf_printf(details, ",\"role\":\"%s\",\"schedule\":", role);
    buf_json_text(details, db_text(&duty, 0, 0));
    r = escalate_tell(conn, row, db_text(&duty, 0, 1), false, details);
    if (r < 0)
        return r;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ret_plan->steps[0].event = "duty.notified";
    ret_plan->steps[0].public = false;
    ret_plan->steps[0].details = buf_text(details);
    return 0;
}

int ticket_duty_plan_main(struct db_conn *conn, const struct ticket_row *row, struct buf *details,
                          struct ticket_plan *ret_plan)
{
    return plan(conn, row, "main", details, ret_plan);
}

int ticket_duty_plan_backup(struct db_conn *conn, const struct ticket_row *row, struct buf *details,
                            struct ticket_plan *ret_plan)
{
    return plan(conn, row, "backup", details, ret_plan);
}
