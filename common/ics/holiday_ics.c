/* Reads all events first and turns them into days afterwards: the zones that they name and the instances that
 * replace one of their days may stand behind them. */
#include "ics/holiday_ics.h"
#include "base/memory.h"
#include "ics/ics_lines.h"
#include "ics/ics_value.h"
#include "meridian/errors.h"

struct days {
    int64_t *items;
    size_t n;
};

struct event {
    long line; /* of its BEGIN */
    char *uid;
    struct yearly_rule *rule;
    struct buf name;
    long rule_line, start_line;
    bool has_start, has_end, has_duration, cancelled, is_instance;
    struct ics_time start, end;
    int64_t duration_s, instance; /* the day that it replaces */
    struct days except, more;
};

struct reader {
    const struct holiday_filter *filter;
    const struct zone *zone;
    struct zone_book *zones;
    struct holidays *holidays;
    struct plan_fault *fault;
    struct ics_lines lines;
    struct event *events;
    size_t nevents, nrules, budget;
    char *defined[ICS_ZONES_MAX]; /* TZIDs of the text */
    size_t ndefined;
    const struct event **instances; /* sorted */
    size_t ninstances;
};

static void reader_fini(struct reader *r)
{
    for (size_t i = 0; i < r->nevents; i++) {
        free(r->events[i].uid);
        free(r->events[i].rule);
        buf_fini(&r->events[i].name);
        free(r->events[i].except.items);
        free(r->events[i].more.items);
    }
    for (size_t i = 0; i < r->ndefined; i++)
        free(r->defined[i]);
    free(r->events);
    free(r->instances);
    ics_lines_fini(&r->lines);
}

/* ---- properties ---- */

/* The day on which a time lies, by the clock that it is of. */
static int64_t wall_of(const struct reader *r, const struct ics_time *time)
{
    return time->is_utc ? zone_wall_s(r->zone, time->wall_s) : time->wall_s;
}

static int read_one_time(struct reader *r, struct ics_time *time)
{
    size_t n;

    return ics_value_times(r->lines.text, r->lines.line, time, 1, &n, r->fault);
}

/* EXDATE or RDATE, of which an event may have several. */
static int read_more_days(struct reader *r, struct days *days)
{
    _cleanup_(freep) struct ics_time *times = NEW_ARRAY(struct ics_time, ICS_EXCEPTIONS_MAX);
    size_t n = 0;
    int rc = ics_value_times(r->lines.text, r->lines.line, times, ICS_EXCEPTIONS_MAX, &n, r->fault);

    if (rc < 0)
        return rc;
    if (days->n + n > ICS_EXCEPTIONS_MAX)
        return ics_fail(r->lines.line, r->fault, "is too much; an event may have %d such dates",
                        ICS_EXCEPTIONS_MAX);
    days->items = mem_grow(days->items, (days->n + n) * sizeof *days->items);
    for (size_t i = 0; i < n; i++)
        days->items[days->n++] = civil_day_of(wall_of(r, &times[i]));
    return 0;
}

static int read_rule(struct reader *r, struct event *event)
{
    if (event->rule)
        return ics_fail(r->lines.line, r->fault, "is a second RRULE of one event");
    if (r->nrules++ == ICS_RULES_MAX)
        return ics_fail(r->lines.line, r->fault, "is one RRULE too many; at most %d are read", ICS_RULES_MAX);
    event->rule = NEW(struct yearly_rule);
    event->rule_line = r->lines.line;
    return ics_value_rule(r->lines.value, r->lines.line, event->rule, r->fault);
}

static int read_instance(struct reader *r, struct event *event)
{
    struct ics_time time;
    int rc = read_one_time(r, &time);

    if (rc < 0)
        return rc;
    event->is_instance = true;
    event->instance = civil_day_of(wall_of(r, &time));
    return 0;
}

static int read_property(struct reader *r, struct event *event)
{
    const char *name = r->lines.name;

    if (strcmp(name, "SUMMARY") == 0 && !event->name.n)
        return ics_value_text(r->lines.text, r->lines.line, &event->name, r->fault);
    if (strcmp(name, "DTSTART") == 0) {
        event->has_start = true;
        event->start_line = r->lines.line;
        return read_one_time(r, &event->start);
    }
    if (strcmp(name, "DTEND") == 0) {
        event->has_end = true;
        return read_one_time(r, &event->end);
    }
    if (strcmp(name, "DURATION") == 0) {
        event->has_duration = true;
        return ics_value_duration(r->lines.text, r->lines.line, &event->duration_s, r->fault);
    }
    if (strcmp(name, "RRULE") == 0)
        return read_rule(r, event);
    if (strcmp(name, "EXRULE") == 0)
        return ics_fail(r->lines.line, r->fault, "is not read; EXDATE is");
    if (strcmp(name, "EXDATE") == 0)
        return read_more_days(r, &event->except);
    if (strcmp(name, "RDATE") == 0)
        return read_more_days(r, &event->more);
    if (strcmp(name, "RECURRENCE-ID") == 0)
        return read_instance(r, event);
    if (strcmp(name, "UID") == 0 && !event->uid)
        event->uid = mem_strn(r->lines.value.p, r->lines.value.n);
    if (strcmp(name, "STATUS") == 0)
        event->cancelled = str_eq_nocase(str_trim(r->lines.value), STR("CANCELLED"));
    return 0;
}

static int begin_event(struct reader *r)
{
    if (r->nevents == ICS_EVENTS_MAX)
        return ics_fail(r->lines.line, r->fault, "is one event too many; at most %d are read",
                        ICS_EVENTS_MAX);
    r->events = mem_more(r->events, r->nevents, sizeof *r->events);
    r->events[r->nevents++] = (struct event){.line = r->lines.line};
    return 0;
}

static int define_zone(struct reader *r)
{
    if (r->ndefined == ICS_ZONES_MAX)
        return ics_fail(r->lines.line, r->fault, "is one time zone too many; at most %d are read",
                        ICS_ZONES_MAX);
    r->defined[r->ndefined++] = mem_strn(r->lines.value.p, r->lines.value.n);
    return 0;
}

static int read_lines(struct reader *r)
{
    int rc;

    while ((rc = ics_lines_next(&r->lines, r->fault)) > 0) {
        bool begins = strcmp(r->lines.name, "BEGIN") == 0;

        if (ics_lines_within(&r->lines, 2, "VTIMEZONE") && strcmp(r->lines.name, "TZID") == 0)
            rc = define_zone(r);
        else if (!ics_lines_within(&r->lines, 2, "VEVENT"))
            continue;
        else
            rc = begins ? begin_event(r) : read_property(r, &r->events[r->nevents - 1]);
        if (rc < 0)
            return rc;
    }
    if (rc == 0 && !r->lines.line)
        rc = ics_fail(1, r->fault, "there is no calendar in this file");
    return rc;
}

/* ---- days ---- */

/* A name of the text's own, or of tzdata, perhaps behind a prefix ("/vendor/2020/Europe/Berlin"). */
static bool zone_is_known(struct reader *r, const char *name)
{
    const char *slash;

    for (size_t i = 0; i < r->ndefined; i++)
        if (strcmp(r->defined[i], name) == 0)
            return true;
    for (slash = name; slash; slash = strchr(slash + 1, '/'))
        if (zone_book_get(r->zones, *slash == '/' ? slash + 1 : slash))
            return true;
    return false;
}

/* How many days an event has, from its first; 0 when it is not of whole days. */
static int span_of(struct reader *r, const struct event *event, int64_t *ret_first, int64_t *ret_days)
{
    const char *zone = event->start.zone;
    int64_t from_s = wall_of(r, &event->start), to_s = from_s;

    if (*zone && !event->start.is_date && !zone_is_known(r, zone))
        return ics_fail(event->start_line, r->fault, "its TZID \"%s\" is no time zone", zone);
    if (event->has_end)
        to_s = wall_of(r, &event->end);
    else if (event->has_duration)
        to_s += event->duration_s;
    if (event->start.is_date && event->has_end && !event->end.is_date)
        return ics_fail(event->line, r->fault, "this event starts with a date and ends with a time");
    if (to_s < from_s)
        return ics_fail(event->line, r->fault, "this event ends before it starts");
    if (event->start.is_date && to_s == from_s)
        to_s += DAY_S; /* as it is without an end; some write the same date twice */
    *ret_first = civil_day_of(from_s);
    *ret_days = from_s % DAY_S || to_s % DAY_S ? 0 : (to_s - from_s) / DAY_S;
    if (*ret_days > ICS_SPAN_MAX)
        return ics_fail(event->line, r->fault, "this event is longer than %d days", ICS_SPAN_MAX);
    return 0;
}

static int full(struct reader *r, const struct event *event)
{
    return ics_fail(event->line, r->fault, "the days of this event are too many; at most %d are read in all",
                    HOLIDAY_DAYS_MAX);
}

static int by_instance(const void *a, const void *b)
{
    const struct event *x = *(const struct event *const *)a, *y = *(const struct event *const *)b;
    int order = strcmp(x->uid, y->uid);

    return order ? order : (x->instance > y->instance) - (x->instance < y->instance);
}

/* True when the day is excepted, or another event stands in its place. */
static bool is_replaced(const struct reader *r, const struct event *event, int64_t day)
{
    const struct event sought = {.uid = event->uid, .instance = day}, *key = &sought;

    for (size_t i = 0; i < event->except.n; i++)
        if (event->except.items[i] == day)
            return true;
    return event->uid && !event->is_instance && r->ninstances &&
           bsearch(&key, r->instances, r->ninstances, sizeof *r->instances, by_instance);
}

/* Only the days asked for are gone through: an event may recur far from them. */
static int add_span(struct reader *r, const struct event *event, int64_t first, int64_t days)
{
    struct str name = buf_str(&event->name);
    bool working = holiday_name_is_working(name);
    int64_t from = first > r->filter->first ? first : r->filter->first;
    int64_t to = first + days - 1 < r->filter->last ? first + days - 1 : r->filter->last;

    if (is_replaced(r, event, first))
        return 0;
    r->holidays->outside += (size_t)(from > to ? days : days - (to - from + 1));
    for (int64_t day = from; day <= to; day++)
        if (!holidays_add(r->holidays, r->filter, day, working, name))
            return full(r, event);
    return 0;
}

static int add_event(struct reader *r, const struct event *event)
{
    _cleanup_(freep) int64_t *starts = NULL;
    int64_t first = 0, days = 0;
    size_t n = 0;
    int rc;

    if (!event->has_start)
        return ics_fail(event->line, r->fault, "this event has no DTSTART");
    rc = span_of(r, event, &first, &days);
    if (rc < 0)
        return rc;
    if (event->cancelled || !days)
        return holidays_leave(r->holidays, r->filter, first, buf_str(&event->name),
                              event->cancelled ? HOLIDAY_CANCELLED : HOLIDAY_PART)
                   ? 0
                   : full(r, event);
    rc = add_span(r, event, first, days);
    if (rc == 0 && event->rule &&
        !yearly_rule_days(event->rule, first, r->filter->first - days, r->filter->last, &r->budget, &starts,
                          &n))
        rc = ics_fail(event->rule_line, r->fault, "needs too many years; at most %d are looked at in all",
                      ICS_RULE_YEARS_MAX);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_span(r, event, starts[i], days);
    for (size_t i = 0; rc == 0 && i < event->more.n; i++)
        rc = add_span(r, event, event->more.items[i], days);
    return rc;
}

static void sort_instances(struct reader *r)
{
    r->instances = NEW_ARRAY(const struct event *, r->nevents + 1);
    for (size_t i = 0; i < r->nevents; i++)
        if (r->events[i].is_instance && r->events[i].uid)
            r->instances[r->ninstances++] = &r->events[i];
    if (r->ninstances)
        qsort(r->instances, r->ninstances, sizeof *r->instances, by_instance);
}

int holiday_ics_read(struct str text, const struct zone *zone, struct zone_book *zones,
                     const struct holiday_filter *filter, struct holidays *holidays, struct plan_fault *fault)
{
    _cleanup_(reader_fini) struct reader reader = {.filter = filter,
                                                   .zone = zone,
                                                   .zones = zones,
                                                   .holidays = holidays,
                                                   .fault = fault,
                                                   .budget = ICS_RULE_YEARS_MAX};
    int rc;

    ics_lines_init(&reader.lines, text);
    rc = read_lines(&reader);
    sort_instances(&reader);
    for (size_t i = 0; rc == 0 && i < reader.nevents; i++)
        rc = add_event(&reader, &reader.events[i]);
    return rc;
}
