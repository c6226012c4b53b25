/* The calendar against the walker (walker.h) in every zone there is: what counts, second by second or, where
 * windows and offsets are whole minutes, minute by minute. */
#include "walker.h"
#include <criterion/criterion.h>
#include <stdio.h>

enum { DAYS_STEPS = 4 * DAY_S / 60, SECONDS_STEPS = 6 * 3600 };
static bool walked[SECONDS_STEPS]; /* what the walker found of each step */

static void walk(const char *zone, const struct calendar_spec *spec, int64_t from_s, int steps, int step_s)
{
    walker_zone(zone);
    for (int i = 0; i < steps; i++)
        walked[i] = walker_is_open(spec, from_s + (int64_t)i * step_s);
}

/* Compares everything that can be asked about the steps walked. */
static void compare(const char *name, const struct calendar *calendar, int64_t from_s, int steps, int step_s)
{
    int64_t worked_s = 0, at_s = from_s, due_s = 0;

    for (int i = 0; i < steps; i++, at_s += step_s) {
        if (calendar_elapsed(calendar, from_s, at_s) != worked_s ||
            calendar_is_open(calendar, at_s) != walked[i] ||
            calendar_is_open(calendar, at_s + step_s - 1) != walked[i])
            cr_assert_fail("%s at %ld: the walker says %d after %ld s", name, (long)at_s, walked[i],
                           (long)worked_s);
        if (!walked[i])
            continue;
        worked_s += step_s;
        if (calendar_deadline(calendar, from_s, worked_s, &due_s) || due_s != at_s + step_s ||
            calendar_latest_start(calendar, due_s, worked_s, &due_s) || due_s < from_s)
            cr_assert_fail("%s: due %ld s after %ld", name, (long)worked_s, (long)from_s);
    }
}

/* A random time of 2015 to 2035, half of them around a change of the clock where the zone has any. */
static int64_t random_time(const struct zone *zone, uint64_t *seed)
{
    int64_t base_s = walker_s("2015-01-01T00:00:00Z"), end_s = walker_s("2036-01-01T00:00:00Z"), change_s;
    int64_t at_s = base_s + (int64_t)walker_random(seed, (uint64_t)(end_s - base_s));

    if (walker_random(seed, 4) && zone_next_change(zone, at_s, &change_s) && change_s < end_s)
        return change_s;
    return at_s;
}

/* ---- one calendar ---- */

static struct calendar *random_calendar(uint64_t *seed, const struct zone *zone, int64_t around_s,
                                        int32_t step_s, struct walker_dates *dates,
                                        struct calendar_spec *ret_spec)
{
    struct calendar_place place;
    struct calendar *calendar = NULL;

    *ret_spec = walker_spec(seed, around_s, step_s, dates);
    ret_spec->zone = zone;
    cr_assert_eq(calendar_new(ret_spec, &calendar, &place), 0, "%s", zone_name(zone));
    return calendar;
}

static void check_zone(const char *name, uint64_t *seed)
{
    _cleanup_zone_ struct zone *zone = zone_open(name);
    int64_t around_s = random_time(zone, seed) / 60 * 60;
    struct walker_dates dates;
    struct calendar_spec spec;
    _cleanup_calendar_ struct calendar *minutes = random_calendar(seed, zone, around_s, 60, &dates, &spec),
                                       *seconds = NULL;

    for (int i = 0; i < 2; i++) {
        walk(name, &spec, around_s - 2 * DAY_S, DAYS_STEPS, 60);
        compare(name, minutes, around_s - 2 * DAY_S, DAYS_STEPS, 60);
        around_s = random_time(zone, seed) / 60 * 60;
    }
    seconds = random_calendar(seed, zone, around_s, 1, &dates, &spec);
    walk(name, &spec, around_s - SECONDS_STEPS / 2, SECONDS_STEPS, 1);
    compare(name, seconds, around_s - SECONDS_STEPS / 2, SECONDS_STEPS, 1);
}

Test(calendar_walker, every_zone)
{
    FILE *file = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
    char line[512], name[ZONE_NAME_MAX];
    uint64_t seed = 2015;
    int n = 0;

    cr_assert_not_null(file);
    for (; fgets(line, sizeof line, file); n += line[0] != '#')
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", name) == 1)
            check_zone(name, &seed);
    fclose(file);
    cr_assert_gt(n, 300, "%d zones", n);
}

/* ---- joined calendars ---- */

Test(calendar_walker, joined_calendars)
{
    static const char *const zones[] = {"Europe/Berlin",       "America/New_York", "Asia/Shanghai",
                                        "Australia/Lord_Howe", "America/Havana",   "Asia/Kathmandu"};
    uint64_t seed = 7;

    for (int round = 0; round < 24; round++) {
        const char *zone_a = zones[walker_random(&seed, 6)], *zone_b = zones[walker_random(&seed, 6)];
        int64_t from_s = walker_s(round % 2 ? "2026-03-27T01:00:00Z" : "2026-10-30T05:00:00Z");
        struct walker_dates dates_a, dates_b;
        struct calendar_spec spec_a = walker_spec(&seed, from_s + 2 * DAY_S, 60, &dates_a);
        struct calendar_spec spec_b = walker_spec(&seed, from_s + 2 * DAY_S, 60, &dates_b);
        _cleanup_calendar_ struct calendar *a = walker_calendar(spec_a, zone_a),
                                           *b = walker_calendar(spec_b, zone_b), *either = NULL, *both = NULL;
        bool first[DAYS_STEPS], second[DAYS_STEPS];

        cr_assert_eq(calendar_union(a, b, &either), 0);
        cr_assert_eq(calendar_intersection(a, b, &both), 0);
        walk(zone_a, &spec_a, from_s, DAYS_STEPS, 60);
        memcpy(first, walked, sizeof first);
        walk(zone_b, &spec_b, from_s, DAYS_STEPS, 60);
        memcpy(second, walked, sizeof second);
        for (int i = 0; i < DAYS_STEPS; i++)
            walked[i] = first[i] || second[i];
        compare("union", either, from_s, DAYS_STEPS, 60);
        for (int i = 0; i < DAYS_STEPS; i++)
            walked[i] = first[i] && second[i];
        compare("intersection", both, from_s, DAYS_STEPS, 60);
    }
}
