/* Reads calendars. The shape of the document is judged here, what its parts may be in domain/calendar_spec.c;
 * its refusals come back as a place in the spec and leave as one in the document. */
#include "plan/calendar_json.h"
#include "base/memory.h"
#include "domain/calendar_spec.h"
#include "meridian/errors.h"

struct reader {
    struct zone_book *zones;
    struct plan_fault *fault;
    int nparts; /* calendars met so far */
};

/* ---- the parts of a spec; what is left out is empty ---- */

static int read_window(struct reader *r, const struct plan_node *node, struct calendar_window *window)
{
    const struct plan_node from = plan_item(node, 0), to = plan_item(node, 1);
    int rc;

    if (json_array_size(node->json) != 2)
        return plan_fail(node, r->fault, "must be a window [from, to]");
    rc = plan_clock_or_midnight(&from, &window->from_s, r->fault);
    return rc < 0 ? rc : plan_clock_or_midnight(&to, &window->to_s, r->fault);
}

static int read_hours(struct reader *r, const struct plan_node *node, struct calendar_hours *hours)
{
    int rc = plan_array(node, CALENDAR_WINDOWS_MAX, &hours->n, r->fault);

    for (size_t i = 0; rc == 0 && i < hours->n; i++) {
        const struct plan_node window = plan_item(node, i);

        rc = read_window(r, &window, &hours->windows[i]);
    }
    return rc;
}

static int read_weekly(struct reader *r, const struct plan_node *node, struct calendar_hours *weekly)
{
    int rc = node->json ? plan_object(node, plan_weekdays, r->fault) : 0;

    for (int i = 0; rc == 0 && i < WEEK_DAYS; i++) {
        const struct plan_node hours = plan_member(node, plan_weekdays[i]);

        if (hours.json)
            rc = read_hours(r, &hours, &weekly[i]);
    }
    return rc;
}

/* "12-25", of a leap year: the 29th of February is a day of some years. */
static int read_day_of_year(const struct plan_node *node, struct civil *ret_date, struct plan_fault *fault)
{
    const char *text;
    int rc = plan_text(node, 64, &text, fault), month, day;
    struct str rest;

    if (rc < 0)
        return rc;
    rest = str_from(text);
    if (!str_take_number(&rest, 2, 1, 12, &month) || !str_take_any(&rest, "-") ||
        !str_take_number(&rest, 2, 1, civil_month_days(2000, month), &day) || rest.n)
        return plan_fail(node, fault, "must be a day of every year, as \"12-25\"");
    *ret_date = (struct civil){0, (int8_t)month, (int8_t)day};
    return 0;
}

static int read_dates(struct reader *r, const struct plan_node *node,
                      int (*read)(const struct plan_node *node, struct civil *ret_date,
                                  struct plan_fault *fault),
                      const struct civil **ret_dates, size_t *ret_n)
{
    _cleanup_(freep) struct civil *dates = NULL;
    size_t n = 0;
    int rc = node->json ? plan_array(node, CALENDAR_DATES_MAX, &n, r->fault) : 0;

    if (rc < 0)
        return rc;
    dates = NEW_ARRAY(struct civil, n + 1);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node date = plan_item(node, i);

        rc = read(&date, &dates[i], r->fault);
    }
    if (rc < 0)
        return rc;
    *ret_dates = TAKE(dates);
    *ret_n = n;
    return 0;
}

/* A date that is the name of a member. */
static int read_date_key(const struct plan_node *member, struct civil *ret_date, struct plan_fault *fault)
{
    struct str text = str_from(member->key);

    if (!civil_take(&text, ret_date) || text.n)
        return plan_fail(member, fault, "its name must be a date that exists, as \"2026-02-14\"");
    return 0;
}

static int read_open_dates(struct reader *r, const struct plan_node *node,
                           const struct calendar_open_date **ret_dates, size_t *ret_n)
{
    _cleanup_(freep) struct calendar_open_date *dates = NULL;
    size_t n = json_object_size(node->json), i = 0;
    const char *key;
    json_t *value;

    if (node->json && !json_is_object(node->json))
        return plan_fail(node, r->fault, "must be an object with hours for dates");
    if (n > CALENDAR_DATES_MAX)
        return plan_fail(node, r->fault, "has %zu dates; at most %d are allowed", n, CALENDAR_DATES_MAX);
    dates = NEW_ARRAY(struct calendar_open_date, n + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node hours = plan_member(node, key);
        int rc = read_date_key(&hours, &dates[i].date, r->fault);

        if (rc == 0)
            rc = read_hours(r, &hours, &dates[i++].hours);
        if (rc < 0)
            return rc;
    }
    *ret_dates = TAKE(dates);
    *ret_n = n;
    return 0;
}

/* ---- one calendar ---- */

static const char *reason_of(int outcome)
{
    switch (outcome) {
    case CALENDAR_BAD_WINDOW:
        return "starts at 24:00; a window starts before";
    case CALENDAR_EMPTY_WINDOW:
        return "is empty: it ends where it starts (a whole day is 00:00 to 24:00)";
    case CALENDAR_OVERLAP:
        return "overlaps with a window before it";
    case CALENDAR_NO_WINDOW:
        return "has no hours; a date without any belongs to \"closed\"";
    case CALENDAR_BAD_DATE:
        return "does not exist";
    case CALENDAR_TWICE:
        return "is there twice";
    case CALENDAR_TOO_MANY:
        return "is too much";
    default:
        return "never opens";
    }
}

/* The key of an open date by its number. */
static const char *key_number(json_t *object, size_t number)
{
    void *at = json_object_iter(object);

    while (number--)
        at = json_object_iter_next(object, at);
    return json_object_iter_key(at);
}

/* Refuses with what the domain found, where it found it. */
static int refuse_spec(struct reader *r, const struct plan_node *node, int outcome,
                       struct calendar_place place)
{
    static const char *const lists[] = {[CALENDAR_WEEKLY] = "weekly",
                                        [CALENDAR_CLOSED] = "closed",
                                        [CALENDAR_YEARLY] = "yearly",
                                        [CALENDAR_OPEN_DATES] = "open"};
    const struct plan_node imports = plan_member(node, "imported");
    struct plan_node import = *node, list, day, window;

    if (outcome == CALENDAR_NEVER)
        return plan_fail(node, r->fault, "%s", reason_of(outcome));
    if (place.import != CALENDAR_WHOLE)
        import = plan_member(&imports, key_number(imports.json, place.import));
    list = plan_member(&import, lists[place.list]);
    if (place.index == CALENDAR_WHOLE)
        return plan_fail(&list, r->fault, "%s", reason_of(outcome));
    if (place.list == CALENDAR_WEEKLY)
        day = plan_member(&list, plan_weekdays[place.index]);
    else if (place.list == CALENDAR_OPEN_DATES)
        day = plan_member(&list, key_number(list.json, place.index));
    else
        day = plan_item(&list, place.index);
    window = plan_item(&day, place.window);
    return plan_fail(place.window == CALENDAR_WHOLE ? &day : &window, r->fault, "%s", reason_of(outcome));
}

/* Every array of a spec is the reader's. */
static void spec_fini(struct calendar_spec *spec)
{
    for (size_t i = 0; i < spec->nimports; i++) {
        free((void *)spec->imports[i].closed);
        free((void *)spec->imports[i].open_dates);
    }
    free((void *)spec->imports);
    free((void *)spec->closed);
    free((void *)spec->yearly);
    free((void *)spec->open_dates);
}

/* The names are not for the engine, but a wrong one is refused like everything else. */
static int read_names(struct reader *r, const struct plan_node *node)
{
    const char *key, *text;
    json_t *value;

    if (node->json && !json_is_object(node->json))
        return plan_fail(node, r->fault, "must be an object with names for dates");
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node name = plan_member(node, key);
        struct civil date;
        int rc = read_date_key(&name, &date, r->fault);

        if (rc == 0)
            rc = plan_text(&name, CALENDAR_JSON_NAME_MAX, &text, r->fault);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int read_import(struct reader *r, const struct plan_node *node, struct calendar_import *import)
{
    static const char *const keys[] = {"closed", "open", "names", NULL};
    const struct plan_node closed = plan_member(node, "closed"), open = plan_member(node, "open");
    const struct plan_node names = plan_member(node, "names");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = read_dates(r, &closed, plan_date, &import->closed, &import->nclosed);
    if (rc == 0)
        rc = read_open_dates(r, &open, &import->open_dates, &import->nopen);
    return rc < 0 ? rc : read_names(r, &names);
}

static int read_imports(struct reader *r, const struct plan_node *node, struct calendar_spec *spec)
{
    size_t n = json_object_size(node->json);
    struct calendar_import *imports;
    const char *key;
    json_t *value;
    int rc = 0;

    if (node->json && !json_is_object(node->json))
        return plan_fail(node, r->fault, "must be an object of imports by the name of their source");
    if (n > CALENDAR_IMPORTS_MAX)
        return plan_fail(node, r->fault, "has %zu sources; at most %d are allowed", n, CALENDAR_IMPORTS_MAX);
    spec->imports = imports = NEW_ARRAY(struct calendar_import, n + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node import = plan_member(node, key);

        if (!*key || utf8_length(str_from(key)) > CALENDAR_JSON_NAME_MAX || !utf8_printable(str_from(key)))
            return plan_fail(&import, r->fault, "a source's name must have 1 to %d printable characters",
                             CALENDAR_JSON_NAME_MAX);
        rc = read_import(r, &import, &imports[spec->nimports++]);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_hours_calendar(struct reader *r, const struct plan_node *node, struct calendar **ret_calendar)
{
    const struct plan_node zone = plan_member(node, "zone"), weekly = plan_member(node, "weekly");
    const struct plan_node closed = plan_member(node, "closed"), yearly = plan_member(node, "yearly");
    const struct plan_node open = plan_member(node, "open"), imported = plan_member(node, "imported");
    _cleanup_(spec_fini) struct calendar_spec spec = {0};
    struct calendar_place place;
    int rc = plan_zone(&zone, r->zones, &spec.zone, r->fault);

    if (rc == 0)
        rc = read_weekly(r, &weekly, spec.weekly);
    if (rc == 0)
        rc = read_dates(r, &closed, plan_date, &spec.closed, &spec.nclosed);
    if (rc == 0)
        rc = read_dates(r, &yearly, read_day_of_year, &spec.yearly, &spec.nyearly);
    if (rc == 0)
        rc = read_open_dates(r, &open, &spec.open_dates, &spec.nopen);
    if (rc == 0)
        rc = read_imports(r, &imported, &spec);
    if (rc < 0)
        return rc;
    rc = calendar_new(&spec, ret_calendar, &place);
    return rc ? refuse_spec(r, node, rc, place) : 0;
}

/* ---- calendars of calendars ---- */

static int read(struct reader *r, const struct plan_node *node, int depth, struct calendar **ret_calendar);

/* Reads one more and joins it to what the ones before it gave. */
static int read_joined(struct reader *r, const struct plan_node *node, int depth, bool in_all,
                       struct calendar **joined)
{
    bool first = node->index == 0;
    _cleanup_calendar_ struct calendar *before = first ? NULL : TAKE(*joined), *next = NULL;
    int rc = read(r, node, depth, &next);

    if (rc < 0)
        return rc;
    if (first)
        *joined = TAKE(next);
    else
        rc = in_all ? calendar_intersection(before, next, joined) : calendar_union(before, next, joined);
    if (rc == CALENDAR_NEVER)
        return plan_fail(node, r->fault, "is never open together with those before it");
    if (rc == CALENDAR_TOO_FINE)
        return plan_fail(node, r->fault, "opens more than %d times together with those before it",
                         CALENDAR_INTERVALS_MAX);
    return 0;
}

static int read_parts(struct reader *r, const struct plan_node *node, int depth, bool in_all,
                      struct calendar **ret_calendar)
{
    _cleanup_calendar_ struct calendar *joined = NULL;
    int rc = 0;

    if (json_array_size(node->json) == 0)
        return plan_fail(node, r->fault, "must be an array of calendars, with at least one");
    if (depth == CALENDAR_JSON_DEPTH_MAX)
        return plan_fail(node, r->fault, "is joined more than %d deep", CALENDAR_JSON_DEPTH_MAX);
    for (size_t i = 0; rc == 0 && i < json_array_size(node->json); i++) {
        const struct plan_node part = plan_item(node, i);

        rc = read_joined(r, &part, depth + 1, in_all, &joined);
    }
    if (rc < 0)
        return rc;
    *ret_calendar = TAKE(joined);
    return 0;
}

static int read(struct reader *r, const struct plan_node *node, int depth, struct calendar **ret_calendar)
{
    static const char *const keys[] = {"zone",     "weekly", "closed",       "yearly", "open",
                                       "imported", "union",  "intersection", "always", NULL};
    const struct plan_node either = plan_member(node, "union"), all = plan_member(node, "intersection");
    const struct plan_node always = plan_member(node, "always");
    int rc = plan_object(node, keys, r->fault);

    if (rc < 0)
        return rc;
    if (++r->nparts > CALENDAR_JSON_PARTS_MAX)
        return plan_fail(node, r->fault, "is one calendar too many; at most %d are allowed in one document",
                         CALENDAR_JSON_PARTS_MAX);
    if ((either.json || all.json || always.json) && json_object_size(node->json) != 1)
        return plan_fail(node, r->fault, "\"union\", \"intersection\" and \"always\" stand alone");
    if (either.json)
        return read_parts(r, &either, depth, false, ret_calendar);
    if (all.json)
        return read_parts(r, &all, depth, true, ret_calendar);
    if (!always.json)
        return read_hours_calendar(r, node, ret_calendar);
    if (!json_is_true(always.json))
        return plan_fail(&always, r->fault, "can only be true");
    *ret_calendar = NULL;
    return 0;
}

int calendar_json_read(const struct plan_node *node, struct zone_book *zones, struct calendar **ret_calendar,
                       struct plan_fault *fault)
{
    struct reader reader = {.zones = zones, .fault = fault};

    return read(&reader, node, 0, ret_calendar);
}
