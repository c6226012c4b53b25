/* Makes the table of a calendar from a spec. Called when a calendar is loaded, never per question.
 *
 * Between two changes of the clock the wall runs evenly, so the windows of the days are cut to each such
 * stretch and moved by its offset: that is the rule of the header, second by second, and no clock change
 * needs a thought of its own. The order of the table follows: stretches are in order, days within a stretch
 * too, and a day's windows, sorted, start before those of the next day. */
#include "domain/calendar_spec.h"
#include "base/memory.h"
#include "domain/calendar_table.h"
#include <limits.h>

/* ---- what is refused ---- */

/* The end of a window in seconds of the day it starts on. */
static int32_t end_of(struct calendar_window window)
{
    return window.to_s < window.from_s ? window.to_s + DAY_S : window.to_s;
}

static int check_window(const struct calendar_hours *hours, size_t i)
{
    struct calendar_window window = hours->windows[i];

    if (window.from_s < 0 || window.from_s >= DAY_S || window.to_s < 0 || window.to_s > DAY_S)
        return CALENDAR_BAD_WINDOW;
    if (window.from_s == window.to_s)
        return CALENDAR_EMPTY_WINDOW;
    for (size_t j = 0; j < i; j++)
        if (window.from_s < end_of(hours->windows[j]) && hours->windows[j].from_s < end_of(window))
            return CALENDAR_OVERLAP;
    return 0;
}

static int check_hours(const struct calendar_hours *hours, struct calendar_place *place)
{
    place->window = CALENDAR_WHOLE;
    if (hours->n > CALENDAR_WINDOWS_MAX)
        return CALENDAR_TOO_MANY;
    for (size_t i = 0; i < hours->n; i++) {
        int outcome = check_window(hours, i);

        if (outcome) {
            place->window = i;
            return outcome;
        }
    }
    return 0;
}

static int check_dates(const struct civil *dates, size_t n, struct calendar_place *place)
{
    place->index = place->window = CALENDAR_WHOLE;
    if (n > CALENDAR_DATES_MAX)
        return CALENDAR_TOO_MANY;
    for (size_t i = 0; i < n; i++) {
        struct civil date = dates[i];

        if (place->list == CALENDAR_YEARLY)
            date.year = 2000; /* a leap year: the 29th of February is a day of some years */
        if (!civil_valid(date)) {
            place->index = i;
            return CALENDAR_BAD_DATE;
        }
    }
    return 0;
}

static int check_open_dates(const struct calendar_open_date *dates, size_t n, struct calendar_place *place)
{
    place->index = place->window = CALENDAR_WHOLE;
    if (n > CALENDAR_DATES_MAX)
        return CALENDAR_TOO_MANY;
    for (place->index = 0; place->index < n; place->index++) {
        const struct calendar_open_date *open = &dates[place->index];
        int outcome = check_hours(&open->hours, place);

        if (outcome)
            return outcome;
        if (!civil_valid(open->date))
            return CALENDAR_BAD_DATE;
        if (!open->hours.n)
            return CALENDAR_NO_WINDOW;
    }
    return 0;
}

/* The dates of the spec itself, or those of an import; `place->import` says which. */
static int check_lists(const struct civil *closed, size_t nclosed,
                       const struct calendar_open_date *open_dates, size_t nopen,
                       struct calendar_place *place)
{
    int outcome;

    place->list = CALENDAR_CLOSED;
    outcome = check_dates(closed, nclosed, place);
    if (outcome)
        return outcome;
    place->list = CALENDAR_OPEN_DATES;
    return check_open_dates(open_dates, nopen, place);
}

static int check(const struct calendar_spec *spec, struct calendar_place *place)
{
    int outcome = 0;

    *place = (struct calendar_place){CALENDAR_WEEKLY, CALENDAR_WHOLE, 0, CALENDAR_WHOLE};
    for (; place->index < WEEK_DAYS; place->index++)
        if ((outcome = check_hours(&spec->weekly[place->index], place)))
            return outcome;
    place->list = CALENDAR_YEARLY;
    outcome = check_dates(spec->yearly, spec->nyearly, place);
    if (!outcome)
        outcome = check_lists(spec->closed, spec->nclosed, spec->open_dates, spec->nopen, place);
    if (outcome)
        return outcome;
    if (spec->nimports > CALENDAR_IMPORTS_MAX)
        return CALENDAR_TOO_MANY;
    for (place->import = 0; place->import < spec->nimports; place->import++) {
        const struct calendar_import *import = &spec->imports[place->import];

        outcome = check_lists(import->closed, import->nclosed, import->open_dates, import->nopen, place);
        if (outcome)
            return outcome;
    }
    return 0;
}

/* ---- the hours of every day ---- */

enum {
    SPARE_DAYS = 3, /* beyond the years known, in both directions: a zone may be a day off UTC, and the night
                       shift of the day before reaches in */
    CLOSED = -1,
};

struct days {
    int64_t first; /* days since 1970 */
    size_t n;
    int32_t *kinds;                          /* 0: as its weekday; CLOSED; k > 0: open[k - 1] */
    struct calendar_hours weekly[WEEK_DAYS]; /* sorted */
    struct calendar_hours *open;             /* sorted; of all lists, one after the other */
    int32_t nopen;
};

static void days_fini(struct days *days)
{
    free(days->kinds);
    free(days->open);
}
#define _cleanup_days_ _cleanup_(days_fini)

static struct calendar_hours sorted(struct calendar_hours hours)
{
    for (size_t i = 1; i < hours.n; i++)
        for (size_t j = i; j > 0 && hours.windows[j].from_s < hours.windows[j - 1].from_s; j--) {
            struct calendar_window window = hours.windows[j];

            hours.windows[j] = hours.windows[j - 1];
            hours.windows[j - 1] = window;
        }
    return hours;
}

/* The entry of a date; NULL for one outside the years known. */
static int32_t *kind_of(const struct days *days, int64_t day)
{
    return day >= days->first && day - days->first < (int64_t)days->n ? &days->kinds[day - days->first]
                                                                      : NULL;
}

static void mark_closed(struct days *days, struct civil date)
{
    int32_t *kind = kind_of(days, civil_to_days(date));

    if (kind)
        *kind = CLOSED;
}

static void mark_all_closed(struct days *days, const struct civil *dates, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mark_closed(days, dates[i]);
}

static void mark_yearly(struct days *days, struct civil date)
{
    for (date.year = CALENDAR_FIRST_YEAR - 1; date.year <= CALENDAR_LAST_YEAR + 1; date.year++)
        if (civil_valid(date))
            mark_closed(days, date);
}

/* Gives the dates of one list their hours, whatever they were. 0, or CALENDAR_TWICE at one of the list. */
static int mark_open(struct days *days, const struct calendar_open_date *dates, size_t n,
                     struct calendar_place *place)
{
    int32_t first = days->nopen + 1;

    place->list = CALENDAR_OPEN_DATES;
    for (size_t i = 0; i < n; i++) {
        int32_t *kind = kind_of(days, civil_to_days(dates[i].date));

        days->open[days->nopen++] = sorted(dates[i].hours);
        if (kind && *kind >= first) {
            place->index = i;
            place->window = CALENDAR_WHOLE;
            return CALENDAR_TWICE;
        }
        if (kind)
            *kind = days->nopen;
    }
    return 0;
}

/* From what is weakest to what wins. 0 or CALENDAR_TWICE. */
static int days_init(struct days *days, const struct calendar_spec *spec, struct calendar_place *place)
{
    size_t nopen = spec->nopen;
    int outcome;

    for (size_t i = 0; i < spec->nimports; i++)
        nopen += spec->imports[i].nopen;
    days->first = civil_day_of(CALENDAR_BEGIN_S) - SPARE_DAYS;
    days->n = (size_t)(civil_day_of(CALENDAR_END_S) + SPARE_DAYS - days->first);
    days->kinds = NEW_ARRAY(int32_t, days->n);
    days->open = NEW_ARRAY(struct calendar_hours, nopen + 1);
    for (int i = 0; i < WEEK_DAYS; i++)
        days->weekly[i] = sorted(spec->weekly[i]);
    for (size_t i = 0; i < spec->nimports; i++)
        mark_all_closed(days, spec->imports[i].closed, spec->imports[i].nclosed);
    for (place->import = 0; place->import < spec->nimports; place->import++) {
        const struct calendar_import *import = &spec->imports[place->import];

        outcome = mark_open(days, import->open_dates, import->nopen, place);
        if (outcome)
            return outcome;
    }
    mark_all_closed(days, spec->closed, spec->nclosed);
    for (size_t i = 0; i < spec->nyearly; i++)
        mark_yearly(days, spec->yearly[i]);
    place->import = CALENDAR_WHOLE;
    return mark_open(days, spec->open_dates, spec->nopen, place);
}

static const struct calendar_hours *hours_of(const struct days *days, int64_t day)
{
    static const struct calendar_hours none;
    const int32_t *kind = kind_of(days, day);

    if (!kind || *kind == CLOSED)
        return &none;
    return *kind > 0 ? &days->open[*kind - 1] : &days->weekly[civil_weekday(day)];
}

/* ---- the table ---- */

/* Adds the windows within [from_s, until_s), in which the wall is `offset_s` ahead of UTC. */
static void add_stretch(struct calendar *calendar, const struct days *days, int64_t from_s, int64_t until_s,
                        int32_t offset_s)
{
    int64_t last = civil_day_of(until_s - 1 + offset_s);

    for (int64_t day = civil_day_of(from_s + offset_s) - 1; day <= last; day++) {
        const struct calendar_hours *hours = hours_of(days, day);
        int64_t midnight_s = day * DAY_S - offset_s;

        for (size_t i = 0; i < hours->n; i++) {
            int64_t opens_s = midnight_s + hours->windows[i].from_s;
            int64_t closes_s = midnight_s + end_of(hours->windows[i]);

            calendar_append(calendar, opens_s > from_s ? opens_s : from_s,
                            closes_s < until_s ? closes_s : until_s);
        }
    }
}

int calendar_new(const struct calendar_spec *spec, struct calendar **ret_calendar,
                 struct calendar_place *ret_place)
{
    _cleanup_calendar_ struct calendar *calendar = NEW(struct calendar);
    _cleanup_days_ struct days days = {0};
    int outcome = check(spec, ret_place);

    if (!outcome)
        outcome = days_init(&days, spec, ret_place);
    if (outcome)
        return outcome;
    for (int64_t from_s = CALENDAR_BEGIN_S, until_s; from_s < CALENDAR_END_S; from_s = until_s) {
        if (!zone_next_change(spec->zone, from_s, &until_s) || until_s > CALENDAR_END_S)
            until_s = CALENDAR_END_S;
        add_stretch(calendar, &days, from_s, until_s, zone_offset_s(spec->zone, from_s));
    }
    if (!calendar->n)
        return CALENDAR_NEVER;
    calendar_seal(calendar);
    *ret_calendar = TAKE(calendar);
    return 0;
}
