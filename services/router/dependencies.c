/* Open dependencies hold a resolution up. Called by command.c after the rules have let it through, with the
 * ticket locked: links of a ticket are made with its lock, so none comes meanwhile. Whether the others are
 * solved is looked at and not locked: one that is reopened a moment later was solved at this one. */
#include "router/dependencies.h"
#include "meridian/errors.h"
#include "router/ticket_rules.h"
#include "router_sql.h"

static bool is_seen(const Meridian__Request *request, const struct db_result *result, int i)
{
    struct ticket_row other = {.requester_id = db_text(result, i, 1),
                               .submitter_id = db_text(result, i, 2),
                               .team = (int)db_int(result, i, 3),
                               .restricted = db_bool(result, i, 4)};

    return !ticket_rules_hide(request, &other);
}

int dependencies_check(struct db_conn *conn, struct job *job, const struct ticket_row *row,
                       struct ticket_change *resolution)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct buf *json = &job->out.json;
    int r, seen = 0;

    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_dependency_list, &params, &result);
    if (r < 0 || !db_rows(&result))
        return r;
    if (job->request->command->force) {
        resolution->details = ",\"forced\":true";
        return 0;
    }
    buf_add_text(json, "{\"dependencies\":[");
    for (int i = 0; i < db_rows(&result); i++) {
        if (!is_seen(job->request, &result, i))
            continue;
        if (seen++)
            buf_add_char(json, ',');
        buf_json_text(json, db_text(&result, i, 0));
    }
    buf_add_text(json, "]}");
    return outcome_refuse(&job->out, -E_OPEN_DEPENDENCIES, "%s depends on %d that %s not solved", row->number,
                          db_rows(&result), db_rows(&result) == 1 ? "is" : "are");
}
