/* Finds teams by their names. Called for transfers, by people and by escalations. */
#include "router/ticket_team.h"
#include "router_sql.h"

int ticket_team_find(struct db_conn *conn, const char *slug, struct ticket_team *ret_team)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    *ret_team = (struct ticket_team){.slug = slug};
    if (!slug)
        return 0;
    db_param_text(&params, slug);
    r = db_exec(conn, &sql_router_team_find, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result)) {
        ret_team->id = (int)db_int(&result, 0, 0);
        ret_team->tier = (int)db_int(&result, 0, 2);
    }
    return 0;
}
