/* Called by the janitor, and when a ticket is recalculated.
 *
 * tzdata is replaced under a running desk. Shifts of desks are laid out anew by each router when it starts,
 * so they follow at once. Clocks that are stored follow with the next change of their ticket, or when
 * somebody decides so (deskctl sla tzdata --apply): a due time that moves is something people have to be
 * told. */
#include "router/tzdata.h"
#include "base/memory.h"
#include "domain/zone.h"
#include "log/log.h"
#include "plan/zone_json.h"
#include "router_sql.h"

static json_t *document_of(const struct db_result *result)
{
    return db_rows(result) ? json_loads(db_text(result, 0, 1), 0, NULL) : NULL;
}

/* Zones that are opened now are of the files that are there now, calendars that were read before are not:
 * what would be written down is neither. */
static bool was_replaced(void)
{
    char here[ZONE_TZDATA_SIZE];

    zone_tzdata_read(here);
    if (strcmp(here, zone_tzdata_version()) == 0)
        return false;
    log_warn("tzdata was replaced since this router started: restart it",
             L_TEXT("started_with", zone_tzdata_version()), L_TEXT("there_now", here));
    return true;
}

int tzdata_record(struct db_conn *conn)
{
    _cleanup_result_ struct db_result plan = {0}, organisation = {0};
    _cleanup_(json_decrefp) json_t *planned = NULL, *organised = NULL, *zones = NULL;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_(freep) char *text = NULL;
    int r = was_replaced() ? 1 : db_exec(conn, &sql_router_sla_plan_latest, NULL, &plan);

    if (r > 0)
        return 0;
    if (!r)
        r = db_exec(conn, &sql_router_organisation_newest, NULL, &organisation);
    if (r < 0)
        return r;
    planned = document_of(&plan);
    organised = document_of(&organisation);
    zones = zone_json_of((const json_t *[]){planned, organised}, 2);
    text = json_dumps(zones, JSON_COMPACT);
    db_param_text(&params, zone_tzdata_version());
    db_param_text(&params, text);
    return db_exec(conn, &sql_router_tzdata_record, &params, NULL);
}

int tzdata_versions(struct db_conn *conn, struct buf *ret_text)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_router_tzdata_versions, NULL, &result);

    if (r < 0)
        return r;
    for (int i = 0; i < db_rows(&result); i++)
        buf_printf(ret_text, "%s%s (%lld)", i ? ", " : "", db_text(&result, i, 0),
                   (long long)db_int(&result, i, 1));
    return db_rows(&result);
}

int tzdata_before(struct db_conn *conn, int64_t at_us, struct buf *ret_version)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_int(&params, at_us);
    r = db_exec(conn, &sql_router_tzdata_before, &params, &result);
    if (!r && db_rows(&result))
        buf_add_text(ret_version, db_text(&result, 0, 0));
    return r;
}
