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

static const char *const weekdays[WEEK_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
static const char *const members[] = {"zone", "weekly", "closed",       "yearly",
                                      "open", "union",  "intersection", "always"};

/* ---- texts ---- */

/* The text of a string; "" for anything else, and for one with a NUL in it. */
static const char *text_of(const json_t *json)
{
    const char *text = json_string_value(json);

    return text && strlen(text) == json_string_length(json) ? text : "";
}

/* Whether a text has the form of the pattern, in which 9 stands for a digit. */
static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern && *text; pattern++, text++)
        if (*pattern == '9' ? *text < '0' || *text > '9' : *text != *pattern)
            return false;
    return *pattern == *text;
}

static int8_t two_digits(const char *text)
{
    return (int8_t)((text[0] - '0') * 10 + (text[1] - '0'));
}

static int read_time(struct reader *reader, const json_t *json, int32_t *ret_s)
{
    const char *text = text_of(json);
    bool seconds = looks_like(text, "99:99:99");

    if (seconds || looks_like(text, "99:99")) {
        int second = seconds ? two_digits(text + 6) : 0, minute = two_digits(text + 3);

        *ret_s = two_digits(text) * 3600 + minute * 60 + second;
        if (minute < 60 && second < 60 && *ret_s <= DAY_S)
            return 0;
    }
    return plan_refuse(reader->fault, "a time of day is a text HH:MM or HH:MM:SS from 00:00 to 24:00");
}

static int read_date(struct reader *reader, const char *text, struct civil *ret_date)
{
    if (!looks_like(text, "9999-99-99"))
        return plan_refuse(reader->fault, "a date is a text YYYY-MM-DD");
    *ret_date = (struct civil){two_digits(text) * 100 + two_digits(text + 2), two_digits(text + 5),
                               two_digits(text + 8)};
    return 0;
}

static int read_day_of_year(struct reader *reader, const char *text, struct civil *ret_date)
{
    if (!looks_like(text, "99-99"))
        return plan_refuse(reader->fault, "a day of every year is a text MM-DD");
    *ret_date = (struct civil){0, two_digits(text), two_digits(text + 3)};
    return 0;
}

/* ---- the parts of a spec; what is left out (NULL) is empty ---- */

static int read_window(struct reader *reader, const json_t *json, struct calendar_window *window)
{
    int r;

    if (json_array_size(json) != 2)
        return plan_refuse(reader->fault, "a window is a list [from, to]");
    r = plan_within_element(reader->fault, 0, read_time(reader, json_array_get(json, 0), &window->from_s));
    return r ? r
             : plan_within_element(reader->fault, 1,
                                   read_time(reader, json_array_get(json, 1), &window->to_s));
}

/* Too many windows are counted only: the spec is refused for them. */
static int read_hours(struct reader *reader, const json_t *json, struct calendar_hours *hours)
{
    int r = 0;

    if (json && !json_is_array(json))
        return plan_refuse(reader->fault, "hours are a list of windows [from, to]");
    hours->n = json_array_size(json);
    for (size_t i = 0; r == 0 && i < hours->n && i < CALENDAR_WINDOWS_MAX; i++)
        r = plan_within_element(reader->fault, i,
                                read_window(reader, json_array_get(json, i), &hours->windows[i]));
    return r;
}

static int read_weekly(struct reader *reader, const json_t *json, struct calendar_hours *weekly)
{
    int r;

    if (json && !json_is_object(json))
        return plan_refuse(reader->fault, "must be an object with hours for mon to sun");
    r = plan_check_names(reader->fault, json, weekdays, WEEK_DAYS);
    for (int i = 0; r == 0 && i < WEEK_DAYS; i++)
        r = plan_within(reader->fault, weekdays[i],
                        read_hours(reader, json_object_get(json, weekdays[i]), &weekly[i]));
    return r;
}

static int read_dates(struct reader *reader, const json_t *json,
                      int (*read)(struct reader *reader, const char *text, struct civil *ret_date),
                      struct civil **ret_dates, size_t *ret_n)
{
    size_t n = json_array_size(json);
    _cleanup_(freep) struct civil *dates = NEW_ARRAY(struct civil, n + 1);
    int r = 0;

    if (json && !json_is_array(json))
        return plan_refuse(reader->fault, "must be a list of dates");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = plan_within_element(reader->fault, i, read(reader, text_of(json_array_get(json, i)), &dates[i]));
    if (r)
        return r;
    *ret_dates = TAKE(dates);
    *ret_n = n;
    return 0;
}

static int read_open_dates(struct reader *reader, const json_t *json, struct calendar_open_date **ret_dates,
                           size_t *ret_n)
{
    _cleanup_(freep) struct calendar_open_date *dates = NULL;
    const char *key;
    json_t *hours;
    size_t n = 0;

    if (json && !json_is_object(json))
        return plan_refuse(reader->fault, "must be an object with hours for dates");
    dates = NEW_ARRAY(struct calendar_open_date, json_object_size(json) + 1);
    json_object_foreach((json_t *)json, key, hours)
    {
        int r = read_date(reader, key, &dates[n].date);

        r = plan_within(reader->fault, key, r ? r : read_hours(reader, hours, &dates[n].hours));
        if (r)
            return r;
        n++;
    }
    *ret_dates = TAKE(dates);
    *ret_n = n;
    return 0;
}

/* ---- one calendar ---- */

static int refuse_outcome(struct reader *reader, int outcome)
{
    switch (outcome) {
    case CALENDAR_BAD_WINDOW:
        return plan_refuse(reader->fault, "a window starts before 24:00");
    case CALENDAR_EMPTY_WINDOW:
        return plan_refuse(reader->fault, "empty: it ends where it starts (a whole day is 00:00 to 24:00)");
    case CALENDAR_OVERLAP:
        return plan_refuse(reader->fault, "overlaps with a window before it");
    case CALENDAR_NO_WINDOW:
        return plan_refuse(reader->fault, "no hours: a date without any belongs to \"closed\"");
    case CALENDAR_BAD_DATE:
        return plan_refuse(reader->fault, "there is no such date");
    case CALENDAR_TWICE:
        return plan_refuse(reader->fault, "this date is there twice");
    case CALENDAR_TOO_MANY:
        return plan_refuse(reader->fault, "too many: at most %d windows a day and %d dates a list",
                           CALENDAR_WINDOWS_MAX, CALENDAR_DATES_MAX);
    default:
        return plan_refuse(reader->fault, "never opens");
    }
}

/* The key of an open date by its number. */
static const char *key_number(const json_t *object, size_t number)
{
    void *at = json_object_iter((json_t *)object);

    while (number--)
        at = json_object_iter_next((json_t *)object, at);
    return json_object_iter_key(at);
}

/* Refuses with what the domain found, where it found it. */
static int refuse_spec(struct reader *reader, const json_t *json, int outcome, struct calendar_place place)
{
    static const char *const lists[] = {[CALENDAR_WEEKLY] = "weekly",
                                        [CALENDAR_CLOSED] = "closed",
                                        [CALENDAR_YEARLY] = "yearly",
                                        [CALENDAR_OPEN_DATES] = "open"};
    const char *list = lists[place.list];
    int r = refuse_outcome(reader, outcome);

    if (outcome == CALENDAR_NEVER)
        return r;
    if (place.window != CALENDAR_WHOLE)
        r = plan_within_element(reader->fault, place.window, r);
    if (place.index != CALENDAR_WHOLE) {
        if (place.list == CALENDAR_WEEKLY)
            r = plan_within(reader->fault, weekdays[place.index], r);
        else if (place.list == CALENDAR_OPEN_DATES)
            r = plan_within(reader->fault, key_number(json_object_get(json, list), place.index), r);
        else
            r = plan_within_element(reader->fault, place.index, r);
    }
    return plan_within(reader->fault, list, r);
}

static int read_zone(struct reader *reader, const json_t *json, const struct zone **ret_zone)
{
    *ret_zone = zone_book_get(reader->zones, text_of(json));
    if (*ret_zone)
        return 0;
    if (!json)
        return plan_refuse(reader->fault, "missing: a time zone such as \"Europe/Berlin\"");
    return plan_refuse(reader->fault, "\"%.64s\" is no time zone of the time zone data (%s)", text_of(json),
                       zone_tzdata_version());
}

static int read_hours_calendar(struct reader *reader, const json_t *json, struct calendar **ret_calendar)
{
    struct calendar_spec spec = {0};
    struct calendar_place place;
    _cleanup_(freep) struct civil *closed = NULL, *yearly = NULL;
    _cleanup_(freep) struct calendar_open_date *open = NULL;
    int r = plan_within(reader->fault, "zone", read_zone(reader, json_object_get(json, "zone"), &spec.zone));

    if (r == 0)
        r = plan_within(reader->fault, "weekly",
                        read_weekly(reader, json_object_get(json, "weekly"), spec.weekly));
    if (r == 0)
        r = plan_within(
            reader->fault, "closed",
            read_dates(reader, json_object_get(json, "closed"), read_date, &closed, &spec.nclosed));
    if (r == 0)
        r = plan_within(
            reader->fault, "yearly",
            read_dates(reader, json_object_get(json, "yearly"), read_day_of_year, &yearly, &spec.nyearly));
    if (r == 0)
        r = plan_within(reader->fault, "open",
                        read_open_dates(reader, json_object_get(json, "open"), &open, &spec.nopen));
    if (r)
        return r;
    spec.closed = closed;
    spec.yearly = yearly;
    spec.open_dates = open;
    r = calendar_new(&spec, ret_calendar, &place);
    return r ? refuse_spec(reader, json, r, place) : 0;
}

/* ---- calendars of calendars ---- */

static int read(struct reader *reader, const json_t *json, int depth, struct calendar **ret_calendar);

/* Reads one more and joins it to what the ones before it gave. */
static int read_joined(struct reader *reader, const json_t *json, int depth, bool in_all, bool first,
                       struct calendar **joined)
{
    _cleanup_calendar_ struct calendar *before = first ? NULL : TAKE(*joined), *next = NULL;
    int r = read(reader, json, depth, &next);

    if (r)
        return r;
    if (first)
        *joined = TAKE(next);
    else
        r = in_all ? calendar_intersection(before, next, joined) : calendar_union(before, next, joined);
    if (r == CALENDAR_NEVER)
        return plan_refuse(reader->fault, "is never open together with those before it");
    if (r == CALENDAR_TOO_FINE)
        return plan_refuse(reader->fault, "opens more than %d times together with those before it",
                           CALENDAR_INTERVALS_MAX);
    return 0;
}

static int read_parts(struct reader *reader, const json_t *json, int depth, bool in_all,
                      struct calendar **ret_calendar)
{
    _cleanup_calendar_ struct calendar *joined = NULL;
    int r = 0;

    if (json_array_size(json) == 0)
        return plan_refuse(reader->fault, "must be a list of calendars, with at least one");
    if (depth == CALENDAR_JSON_DEPTH_MAX)
        return plan_refuse(reader->fault, "joined more than %d deep", CALENDAR_JSON_DEPTH_MAX);
    for (size_t i = 0; r == 0 && i < json_array_size(json); i++)
        r = plan_within_element(
            reader->fault, i,
            read_joined(reader, json_array_get(json, i), depth + 1, in_all, i == 0, &joined));
    if (r)
        return r;
    *ret_calendar = TAKE(joined);
    return 0;
}

static int read(struct reader *reader, const json_t *json, int depth, struct calendar **ret_calendar)
{
    const json_t *either = json_object_get(json, "union"), *all = json_object_get(json, "intersection");
    const json_t *always = json_object_get(json, "always");
    int r;

    if (!json_is_object(json))
        return plan_refuse(reader->fault, "a calendar is an object");
    if (++reader->nparts > CALENDAR_JSON_PARTS_MAX)
        return plan_refuse(reader->fault, "more than %d calendars in one document", CALENDAR_JSON_PARTS_MAX);
    r = plan_check_names(reader->fault, json, members, ARRAY_SIZE(members));
    if (r)
        return r;
    if ((either || all || always) && json_object_size(json) != 1)
        return plan_refuse(reader->fault, "\"union\", \"intersection\" and \"always\" stand alone");
    if (either)
        return plan_within(reader->fault, "union", read_parts(reader, either, depth, false, ret_calendar));
    if (all)
        return plan_within(reader->fault, "intersection", read_parts(reader, all, depth, true, ret_calendar));
    if (!always)
        return read_hours_calendar(reader, json, ret_calendar);
    if (!json_is_true(always))
        return plan_within(reader->fault, "always", plan_refuse(reader->fault, "can only be true"));
    *ret_calendar = NULL;
    return 0;
}

int calendar_json_read(const json_t *json, struct zone_book *zones, struct calendar **ret_calendar,
                       struct plan_fault *ret_fault)
{
    struct reader reader = {.zones = zones, .fault = ret_fault};

    return read(&reader, json, 0, ret_calendar);
}
