/* Finds people by their logins. Called for assignments, with the ticket locked; the rules judge what is
 * found. */
#include "router/ticket_assignee.h"
#include "domain/ticket_state.h"
#include "meridian/errors.h"
#include "router_sql.h"

int ticket_assignee_find(struct db_conn *conn, const char *login, int team,
                         struct ticket_assignee *ret_assignee)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_ticket_assignee_ struct ticket_assignee found = {0};
    int r;

    *ret_assignee = (struct ticket_assignee){0};
    if (!login)
        return 0;
    db_param_text(&params, login);
    db_param_int(&params, team);
    r = db_exec(conn, &sql_router_assignee_find, &params, &found.result);
    if (r < 0 || !db_rows(&found.result))
        return r;
    if (user_role_parse(db_str(&found.result, 0, 3), &found.role) < 0)
        return -E_INTERNAL;
    found.id = db_text(&found.result, 0, 0);
    found.login = db_text(&found.result, 0, 1);
    found.region = db_text(&found.result, 0, 2);
    found.disabled = db_bool(&found.result, 0, 4);
    found.member = db_bool(&found.result, 0, 5);
    *ret_assignee = found;
    found.result.pg = NULL;
    return 0;
}

void ticket_assignee_fini(struct ticket_assignee *assignee)
{
    db_result_fini(&assignee->result);
}
