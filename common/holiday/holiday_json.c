/* Reads days by nodes (plan/node.h), so that a fault has its place. A day of the first form is read strictly:
 * a member that we do not know may turn its meaning round. */
#include "holiday/holiday_json.h"
#include "holiday/calendar_document.h"
#include "meridian/errors.h"

struct reader {
    const struct holiday_filter *filter;
    struct holidays *holidays;
    struct plan_fault *fault;
};

static int add(struct reader *r, const struct plan_node *node, struct civil date, bool working,
               const char *name)
{
    if (!holidays_add(r->holidays, r->filter, civil_to_days(date), working, str_from(name)))
        return plan_fail(node, r->fault, "is one day too many; at most %d are read", HOLIDAY_DAYS_MAX);
    return 0;
}

static int read_day(struct reader *r, const struct plan_node *node)
{
    static const char *const keys[] = {"name", "date", "isOffDay", NULL};
    const struct plan_node name = plan_member(node, "name"), date = plan_member(node, "date");
    const struct plan_node off = plan_member(node, "isOffDay");
    struct civil day;
    const char *text = NULL;
    bool is_off;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = plan_date(&date, &day, r->fault);
    if (rc == 0)
        rc = plan_bool(&off, &is_off, r->fault);
    if (rc == 0 && name.json)
        rc = plan_text(&name, HOLIDAY_NAME_MAX, &text, r->fault);
    return rc < 0 ? rc : add(r, node, day, !is_off, text);
}

static int read_days(struct reader *r, const struct plan_node *days)
{
    size_t n;
    int rc = plan_array(days, HOLIDAY_DAYS_MAX, &n, r->fault);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node day = plan_item(days, i);

        rc = read_day(r, &day);
    }
    return rc;
}

static int read_names(struct reader *r, const struct plan_node *document)
{
    const char *key, *text;
    json_t *value;

    json_object_foreach(document->json, key, value)
    {
        const struct plan_node name = plan_member(document, key);
        struct str rest = str_from(key);
        struct civil day;
        int rc;

        if (!civil_take(&rest, &day) || rest.n)
            return plan_fail(
                &name, r->fault,
                "is no date that exists; holidays are {\"2026-01-01\": \"name\"} or {\"days\": [...]}");
        rc = plan_text(&name, HOLIDAY_NAME_MAX, &text, r->fault);
        if (rc == 0)
            rc = add(r, &name, day, false, text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int holiday_json_read(struct str text, const struct holiday_filter *filter, struct holidays *holidays,
                      struct plan_fault *fault)
{
    struct reader reader = {filter, holidays, fault};
    json_error_t error;
    json_auto_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    const struct plan_node document = plan_root(json), days = plan_member(&document, "days");

    if (!json) {
        int rc = plan_fail(&document, fault, "is not JSON: %s (column %d)", error.text, error.column);

        buf_printf(&fault->at, "line %d", error.line);
        return rc;
    }
    if (!json_is_object(json))
        return plan_fail(&document, fault, "must be an object of days");
    return days.json ? read_days(&reader, &days) : read_names(&reader, &document);
}

json_t *holiday_json_write(const struct holidays *holidays, int32_t from, int32_t to)
{
    json_t *days = json_array();

    for (size_t i = 0; i < holidays->n; i++) {
        const struct holiday *day = &holidays->items[i];
        char date[DATE_TEXT_SIZE];

        json_array_append_new(days, json_pack("{s:s, s:s*, s:b}", "date",
                                              date_text(civil_from_days(day->day), date), "name", day->name,
                                              "isOffDay", !day->working));
    }
    return json_pack("{s:i, s:i, s:o}", "from", (int)from, "to", (int)to, "days", days);
}
