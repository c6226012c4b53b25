/* See walker.h. */
#include "walker.h"
#include "base/clock.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

/* ---- the oracle ---- */

void walker_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

int64_t walker_wall_s(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;

    localtime_r(&at, &tm);
    return at_s + tm.tm_gmtoff;
}

static const struct calendar_hours none;

static const struct calendar_hours *open_hours(const struct calendar_open_date *dates, size_t n, int64_t day)
{
    for (size_t i = 0; i < n; i++)
        if (civil_to_days(dates[i].date) == day)
            return &dates[i].hours;
    return NULL;
}

static bool among(const struct civil *dates, size_t n, int64_t day)
{
    for (size_t i = 0; i < n; i++)
        if (civil_to_days(dates[i]) == day)
            return true;
    return false;
}

/* What is imported of a day; NULL for nothing. */
static const struct calendar_hours *imported_hours(const struct calendar_spec *spec, int64_t day)
{
    const struct calendar_hours *hours = NULL;

    for (size_t i = spec->nimports; !hours && i-- > 0;)
        hours = open_hours(spec->imports[i].open_dates, spec->imports[i].nopen, day);
    for (size_t i = 0; !hours && i < spec->nimports; i++)
        if (among(spec->imports[i].closed, spec->imports[i].nclosed, day))
            hours = &none;
    return hours;
}

static const struct calendar_hours *hours_of(const struct calendar_spec *spec, int64_t day)
{
    const struct calendar_hours *hours = open_hours(spec->open_dates, spec->nopen, day);
    struct civil date = civil_from_days(day);

    if (hours)
        return hours;
    if (among(spec->closed, spec->nclosed, day))
        return &none;
    for (size_t i = 0; i < spec->nyearly; i++)
        if (spec->yearly[i].month == date.month && spec->yearly[i].day == date.day)
            return &none;
    hours = imported_hours(spec, day);
    return hours ? hours : &spec->weekly[civil_weekday(day)];
}

static bool in_a_window(const struct calendar_hours *hours, int64_t second_of_day)
{
    for (size_t i = 0; i < hours->n; i++) {
        int64_t from_s = hours->windows[i].from_s, to_s = hours->windows[i].to_s;

        if (second_of_day >= from_s && second_of_day < (to_s < from_s ? to_s + DAY_S : to_s))
            return true;
    }
    return false;
}

bool walker_is_open(const struct calendar_spec *spec, int64_t at_s)
{
    int64_t wall_s = walker_wall_s(at_s), day = civil_day_of(wall_s);

    return in_a_window(hours_of(spec, day), wall_s - day * DAY_S) ||
           in_a_window(hours_of(spec, day - 1), wall_s - (day - 1) * DAY_S);
}

/* ---- what the tests share ---- */

/* splitmix64 */
uint64_t walker_random(uint64_t *seed, uint64_t below)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

struct instant walker_instant(const char *text)
{
    struct instant at;

    cr_assert_eq(clock_parse(str_from(text), &at.us), 0, "%s", text);
    return at;
}

int64_t walker_s(const char *text)
{
    return instant_second(walker_instant(text));
}

int32_t walker_clock(const char *text)
{
    return (int32_t)(strtol(text, NULL, 10) * 3600 + strtol(text + 3, NULL, 10) * 60);
}

struct calendar *walker_calendar(struct calendar_spec spec, const char *zone)
{
    _cleanup_zone_ struct zone *opened = zone_open(zone);
    struct calendar *calendar;
    struct calendar_place place;
    int outcome;

    cr_assert_not_null(opened, "%s", zone);
    spec.zone = opened;
    outcome = calendar_new(&spec, &calendar, &place);
    cr_assert_eq(outcome, 0, "%s: outcome %d at list %d, index %zu, window %zu", zone, outcome,
                 (int)place.list, place.index, place.window);
    return calendar;
}

void walker_daily(struct calendar_spec *spec, const char *from, const char *to)
{
    for (int i = 0; i < WEEK_DAYS; i++)
        spec->weekly[i] = (struct calendar_hours){1, {{walker_clock(from), walker_clock(to)}}};
}

struct calendar *walker_office(const char *zone, const char *from, const char *to)
{
    struct calendar_spec spec = {0};

    walker_daily(&spec, from, to);
    spec.weekly[5].n = spec.weekly[6].n = 0;
    return walker_calendar(spec, zone);
}

/* Up to three windows, the last perhaps into the next day. */
static struct calendar_hours random_hours(uint64_t *seed, int32_t step_s, size_t least)
{
    size_t n = least + walker_random(seed, 4 - least);
    struct calendar_hours hours = {0};
    int32_t at = 0, slots = DAY_S / step_s;

    while (hours.n < n) {
        int32_t from = at + (int32_t)walker_random(seed, (uint64_t)(slots - at) / 2);
        int32_t to = from + 1 + (int32_t)walker_random(seed, (uint64_t)(slots - from));

        hours.windows[hours.n++] = (struct calendar_window){from * step_s, to * step_s};
        if (to + 4 > slots)
            break;
        at = to;
    }
    if (hours.n && walker_random(seed, 3) == 0) {
        struct calendar_window *last = &hours.windows[hours.n - 1];

        last->to_s = (int32_t)walker_random(seed, (uint64_t)(last->from_s / step_s + 1)) * step_s;
        if (last->to_s == last->from_s)
            last->to_s = DAY_S;
    }
    return hours;
}

static void random_open(uint64_t *seed, int64_t first, int32_t step_s, struct calendar_open_date *open)
{
    for (size_t i = 0; i < WALKER_DATES; i++) {
        open[i].date = civil_from_days(first + (int64_t)(i * 2 + walker_random(seed, 2)));
        open[i].hours = random_hours(seed, step_s, 1);
    }
}

static void random_closed(uint64_t *seed, int64_t first, struct civil *dates)
{
    for (size_t i = 0; i < WALKER_DATES; i++)
        dates[i] = civil_from_days(first + (int64_t)walker_random(seed, 16));
}

struct calendar_spec walker_spec(uint64_t *seed, int64_t around_s, int32_t step_s, struct walker_dates *dates)
{
    struct calendar_spec spec = {.closed = dates->closed, .yearly = dates->yearly, .open_dates = dates->open};
    int64_t first = civil_day_of(around_s) - 8;

    for (int i = 0; i < WEEK_DAYS; i++)
        spec.weekly[i] = random_hours(seed, step_s, i == 0);
    spec.nclosed = walker_random(seed, 4);
    spec.nyearly = walker_random(seed, 3);
    spec.nopen = walker_random(seed, 4);
    random_closed(seed, first, dates->closed);
    random_closed(seed, first, dates->yearly);
    random_open(seed, first, step_s, dates->open);
    spec.nimports = walker_random(seed, WALKER_IMPORTS + 1);
    spec.imports = dates->imports;
    for (size_t i = 0; i < WALKER_IMPORTS; i++) {
        random_closed(seed, first, dates->imported[i].closed);
        random_open(seed, first, step_s, dates->imported[i].open);
        dates->imports[i] = (struct calendar_import){walker_random(seed, 5), walker_random(seed, 5),
                                                     dates->imported[i].closed, dates->imported[i].open};
    }
    return spec;
}
