/* Called by the janitor once a day, and whenever an organisation is applied. */
#include "router/shifts.h"
#include "base/clock.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "plan/organisation_json.h"
#include "router_sql.h"

enum { DAYS_BACK = 14, DAYS_AHEAD = 35, SHIFTS_MAX = 2500 }; /* a desk that opens every half an hour */

static void add_shift(struct buf *json, const char *desk, int64_t opens_s, int64_t closes_s)
{
    buf_printf(json, "%s{\"desk\":", json->n > 1 ? "," : "");
    buf_json_text(json, desk);
    if (opens_s != INT64_MIN)
        buf_printf(json, ",\"opens\":%lld", (long long)(opens_s * US_PER_S));
    if (closes_s != INT64_MAX)
        buf_printf(json, ",\"closes\":%lld", (long long)(closes_s * US_PER_S));
    buf_add_char(json, '}');
}

/* The shift that is on at `from_s`, or else the next one, and all that begin before `to_s`. */
static void add_shifts(struct buf *json, const struct org_desk *desk, int64_t from_s, int64_t to_s)
{
    int64_t opens_s = from_s, closes_s;

    if (!desk->hours) {
        add_shift(json, desk->name, INT64_MIN, INT64_MAX);
        return;
    }
    if (!calendar_is_open(desk->hours, from_s))
        opens_s = calendar_next_open(desk->hours, from_s, &opens_s) ? to_s : opens_s;
    else if (calendar_previous_open(desk->hours, from_s, &opens_s))
        opens_s = from_s;
    for (int i = 0; i < SHIFTS_MAX && opens_s < to_s; i++) {
        if (calendar_next_close(desk->hours, opens_s, &closes_s))
            closes_s = INT64_MAX;
        add_shift(json, desk->name, opens_s, closes_s);
        if (closes_s == INT64_MAX || calendar_next_open(desk->hours, closes_s - 1, &opens_s))
            return;
    }
}

void shifts_json(const struct organisation *organisation, int64_t now_us, struct buf *json)
{
    int64_t now_s = now_us / US_PER_S;

    buf_add_char(json, '[');
    for (size_t i = 0; i < organisation->ndesks; i++)
        add_shifts(json, &organisation->desks[i], now_s - DAYS_BACK * (int64_t)DAY_S,
                   now_s + DAYS_AHEAD * (int64_t)DAY_S);
    buf_add_char(json, ']');
}

int shifts_renew(struct db_conn *conn)
{
    _cleanup_result_ struct db_result newest = {0}, laid = {0};
    _cleanup_params_ struct db_params params = {0};
    _cleanup_(json_decrefp) json_t *json = NULL;
    _cleanup_org_document_ struct org_document *document = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf shifts = BUF_INIT;
    int r = db_exec(conn, &sql_router_organisation_newest, NULL, &newest);

    if (r < 0 || !db_rows(&newest))
        return r;
    json = json_loads(db_text(&newest, 0, 1), 0, NULL);
    if (organisation_json_read(json, db_int(&newest, 0, 0), &document, &fault) < 0) {
        log_error("organisation cannot be read", L_INT("version", db_int(&newest, 0, 0)),
                  L_TEXT("at", buf_text(&fault.at)), L_TEXT("reason", buf_text(&fault.reason)));
        return -E_INTERNAL;
    }
    shifts_json(&document->organisation, clock_now_us(), &shifts);
    db_param_int(&params, db_int(&newest, 0, 0));
    db_param_text(&params, buf_text(&shifts));
    return db_exec(conn, &sql_router_shifts_lay, &params, &laid);
}
