/* The version is the key of the row, so of two that add the same one the database takes the first. */
#include "router/plan_add.h"
#include "base/memory.h"
#include "router/tzdata.h"
#include "router_sql.h"

/* A calendar that is as it was keeps the version that brought it. */
static json_t *versions_of(const json_t *document, const struct plan_in_force *present)
{
    json_t *result = json_object(), *calendar;
    const char *name;

    json_object_foreach(json_object_get(document, "calendars"), name, calendar)
    {
        json_t *old = json_object_get(json_object_get(present->document, "calendars"), name);
        json_t *kept =
            old && json_equal(old, calendar) ? json_object_get(present->calendar_versions, name) : NULL;

        json_object_set_new(result, name, kept ? json_incref(kept) : json_integer(present->version + 1));
    }
    return result;
}

int plan_add(struct db_conn *conn, const struct plan_in_force *present, const json_t *document,
             const struct sla_document *read, const char *who)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_(json_decrefp) json_t *versions = versions_of(document, present);
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT);
    _cleanup_(freep) char *versions_text = json_dumps(versions, JSON_COMPACT);
    int r;

    db_param_int(&params, present->version + 1);
    db_param_text(&params, text);
    db_param_text(&params, versions_text);
    db_param_text(&params, zone_tzdata_version());
    db_param_bool(&params, sla_plan_minds_claims(&read->plan));
    db_param_text(&params, who);
    r = db_exec(conn, &sql_router_sla_plan_add, &params, NULL);
    return r ? r : tzdata_record(conn);
}
