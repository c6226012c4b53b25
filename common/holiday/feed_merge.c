/* Works calendar by calendar. Nothing is written anywhere: whoever calls has a plan in the end, or a reason
 * to wait. */
#include "holiday/feed_merge.h"
#include "base/memory.h"
#include "holiday/calendar_document.h"
#include "holiday/calendar_merge.h"
#include "holiday/holiday_json.h"
#include "meridian/errors.h"
#include "plan/calendar_json.h"

enum { YEAR_S = 365 * DAY_S, HOUR_S = 3600 };

struct merger {
    struct feed_merge *result;
    const char *name;
    const json_t *feed;
    struct holidays days;
    struct holiday_filter years;
    int64_t now_s;
    struct zone_book *zones;
    struct plan_fault *fault;
};

void feed_merge_fini(struct feed_merge *merge)
{
    json_decref(merge->plan);
    json_decref(merge->changes);
    json_decref(merge->held);
    *merge = (struct feed_merge){0};
}

static json_t *calendar_of(const json_t *plan, const char *name)
{
    return json_object_get(json_object_get(plan, "calendars"), name);
}

static int fail(struct merger *m, const char *calendar, const char *reason)
{
    buf_reset(&m->fault->at);
    buf_reset(&m->fault->reason);
    buf_printf(&m->fault->at, "/calendars/%s", calendar);
    buf_add_text(&m->fault->reason, reason);
    return -E_VALIDATION;
}

/* ---- what speaks against it ---- */

static void hold(struct merger *m, const char *reason, const char *calendar, int64_t before, int64_t after)
{
    if (!m->result->held)
        m->result->held = json_pack("{s:s, s:s, s:I, s:I}", "reason", reason, "calendar", calendar, "before",
                                    (json_int_t)before, "after", (json_int_t)after);
}

static int64_t to_come(const json_t *changes, const char *list, const char *today)
{
    const json_t *days = json_object_get(changes, list);
    int64_t n = 0;

    for (size_t i = 0; i < json_array_size(days); i++)
        n += strcmp(json_string_value(json_object_get(json_array_get(days, i), "date")), today) >= 0;
    return n;
}

/* Days off to come that would be worked on: to whoever had planned with them, they are gone. */
static int64_t worked_on(const json_t *changes, const char *today)
{
    const json_t *days = json_object_get(changes, "changed");
    int64_t n = 0;

    for (size_t i = 0; i < json_array_size(days); i++) {
        const json_t *day = json_array_get(days, i);

        n += json_object_get(day, "open") && json_object_get(json_object_get(day, "was"), "closed") &&
             strcmp(json_string_value(json_object_get(day, "date")), today) >= 0;
    }
    return n;
}

static void check_dates(struct merger *m, const char *calendar, const json_t *changes)
{
    char today[DATE_TEXT_SIZE];
    int64_t removed, before;

    date_text(civil_from_days(civil_day_of(m->now_s)), today);
    removed = to_come(changes, "removed", today);
    before = removed + to_come(changes, "kept", today) + to_come(changes, "changed", today);
    removed += worked_on(changes, today);
    if (removed * 2 > before)
        hold(m, "drops_dates", calendar, before, before - removed);
}

static int working_time(struct merger *m, json_t *document, int64_t *ret_s)
{
    _cleanup_calendar_ struct calendar *calendar = NULL;
    const struct plan_node root = plan_root(document);
    int rc = calendar_json_read(&root, m->zones, &calendar, m->fault);

    if (rc == 0)
        *ret_s = calendar_elapsed(calendar, m->now_s, m->now_s + YEAR_S);
    return rc;
}

static int check_time(struct merger *m, const char *name, json_t *before, json_t *after)
{
    int64_t was_s, is_s;
    int rc = working_time(m, before, &was_s);

    if (rc == 0)
        rc = working_time(m, after, &is_s);
    if (rc < 0) {
        _cleanup_buf_ struct buf reason = BUF_INIT;

        buf_add_str(&reason, buf_str(&m->fault->reason));
        return fail(m, name, buf_text(&reason));
    }
    if (is_s * 2 < was_s)
        hold(m, "drops_working_time", name, was_s / HOUR_S, is_s / HOUR_S);
    return 0;
}

/* ---- the merge ---- */

static int merge_calendar(struct merger *m, const char *name)
{
    json_t *calendar = calendar_of(m->result->plan, name), *hours = json_object_get(m->feed, "hours");
    json_auto_t *before = json_deep_copy(calendar);
    json_t *changes;

    if (!hours)
        hours = json_object_get(json_object_get(calendar, "weekly"), "mon");
    for (size_t i = 0; json_array_size(hours) == 0 && i < m->days.n; i++)
        if (m->days.items[i].working)
            return fail(m, name,
                        "there are make-up working days and no hours of Monday; give the feed its \"hours\"");
    changes = calendar_merge(calendar, m->name, &m->days, &m->years, hours);
    json_object_set_new(m->result->changes, name, changes);
    if (!calendar_merge_changes(changes))
        return 0;
    m->result->changed = true;
    check_dates(m, name, changes);
    return check_time(m, name, before, calendar);
}

static int merge(struct merger *m)
{
    const json_t *names = json_object_get(m->feed, "calendars");
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(names); i++)
        rc = merge_calendar(m, json_string_value(json_array_get(names, i)));
    return rc;
}

int feed_merge(const json_t *plan, const char *name, const json_t *fetched, int64_t now_s,
               struct zone_book *zones, struct feed_merge *ret_merge, struct plan_fault *fault)
{
    struct merger m = {.name = name,
                       .feed = json_object_get(json_object_get(plan, "feeds"), name),
                       .years =
                           holiday_filter_of((int32_t)json_integer_value(json_object_get(fetched, "from")),
                                             (int32_t)json_integer_value(json_object_get(fetched, "to"))),
                       .now_s = now_s,
                       .zones = zones,
                       .fault = fault};
    _cleanup_feed_merge_ struct feed_merge result = {.plan = json_deep_copy(plan), .changes = json_object()};
    _cleanup_(freep) char *text = json_dumps(fetched, JSON_COMPACT);
    int rc;

    m.result = &result;
    rc = holiday_json_read(str_from(text), &m.years, &m.days, fault);
    if (rc == 0) {
        holidays_seal(&m.days);
        rc = merge(&m);
    }
    holidays_fini(&m.days);
    if (rc < 0)
        return rc;
    *ret_merge = result;
    result = (struct feed_merge){0};
    return 0;
}

/* ---- what stays ---- */

static void keep_source(json_t *calendar, const char *name, json_t *days)
{
    json_t *imported = json_object_get(calendar, "imported");

    if (!days || !json_is_object(calendar) || json_object_get(imported, name))
        return;
    if (!imported) {
        imported = json_object();
        json_object_set_new(calendar, "imported", imported);
    }
    json_object_set(imported, name, days);
}

void feed_keep(json_t *document, const json_t *in_force)
{
    const char *name;
    json_t *feed;

    json_object_foreach(json_object_get(document, "feeds"), name, feed)
    {
        const json_t *calendars = json_object_get(feed, "calendars");

        for (size_t i = 0; i < json_array_size(calendars); i++) {
            const char *calendar = json_string_value(json_array_get(calendars, i));
            const json_t *imported =
                calendar ? json_object_get(calendar_of(in_force, calendar), "imported") : NULL;

            if (imported)
                keep_source(calendar_of(document, calendar), name, json_object_get(imported, name));
        }
    }
}
