/* Reads ticket_lock.sql. Called by command.c; the lock is what makes everything decided from the row true
 * until the commit. */
#include "router/ticket_row.h"
#include "meridian/errors.h"
#include "router_sql.h"

enum column {
    ID,
    NUMBER,
    STATE,
    PRIORITY,
    EPOCH,
    VERSION,
    REQUESTER,
    SUBMITTER,
    TEAM,
    TEAM_SLUG,
    RESTRICTED,
    OWNER,
    OWNER_LOGIN,
    OWNER_NAME,
    OWNER_REGION,
    OWNED_AT,
    RESPONDED,
    UPDATED_AT,
    NOW,
    CLUSTER_EPOCH,
    PENDING_REASON,
    PENDING_UNTIL,
    TIER,
    IMPACT,
    URGENCY,
    NUDGED_AT,
    CAME_FROM,
};

int ticket_row_lock(struct db_conn *conn, const char *number, struct ticket_row *ret_row)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct ticket_row row = {0};
    int r;

    db_param_text(&params, number);
    r = db_exec(conn, &sql_router_ticket_lock, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_NOT_FOUND;
    r = db_uuid(&result, 0, ID, &row.id);
    if (!r)
        r = ticket_state_parse(db_str(&result, 0, STATE), &row.state);
    if (r < 0)
        return -E_INTERNAL;
    row.number = db_text(&result, 0, NUMBER);
    row.priority = (int)db_int(&result, 0, PRIORITY);
    row.epoch = db_int(&result, 0, EPOCH);
    row.version = (int)db_int(&result, 0, VERSION);
    row.requester_id = db_text(&result, 0, REQUESTER);
    row.submitter_id = db_text(&result, 0, SUBMITTER);
    row.team = (int)db_int(&result, 0, TEAM);
    row.team_slug = db_text(&result, 0, TEAM_SLUG);
    row.restricted = db_bool(&result, 0, RESTRICTED);
    row.owner_id = db_text(&result, 0, OWNER);
    row.owner_login = db_text(&result, 0, OWNER_LOGIN);
    row.owner_name = db_text(&result, 0, OWNER_NAME);
    row.owner_region = db_text(&result, 0, OWNER_REGION);
    row.owned_at_us = db_int(&result, 0, OWNED_AT);
    row.responded = db_bool(&result, 0, RESPONDED);
    row.updated_at_us = db_int(&result, 0, UPDATED_AT);
    row.now_us = db_int(&result, 0, NOW);
    row.cluster_epoch = db_int(&result, 0, CLUSTER_EPOCH);
    row.pending_reason = db_text(&result, 0, PENDING_REASON);
    row.pending_until_us = db_int(&result, 0, PENDING_UNTIL);
    row.tier = (int)db_int(&result, 0, TIER);
    row.impact = (int)db_int(&result, 0, IMPACT);
    row.urgency = (int)db_int(&result, 0, URGENCY);
    row.nudged_at_us = db_int(&result, 0, NUDGED_AT);
    row.came_from = db_text(&result, 0, CAME_FROM);
    row.result = result;
    result.pg = NULL;
    *ret_row = row;
    return 0;
}

void ticket_row_fini(struct ticket_row *row)
{
    db_result_fini(&row->result);
}
