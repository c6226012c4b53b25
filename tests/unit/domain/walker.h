/* The oracle of the calendar tests: it asks of every second by itself whether the wall clock then shows a
 * time within a window of its day. The wall clock is the C library's, set by TZ: one zone at a time, in the
 * process of one test. Beside it what the tests share: fixed dice, instants from texts, random specs. */
#pragma once
#include "domain/calendar_spec.h"
#include "domain/worktime.h"

/** Makes `zone` the zone of the wall. */
void walker_zone(const char *zone);
int64_t walker_wall_s(int64_t at_s);
/** True when the second counts by the spec, whose zone is the one set (spec->zone is not looked at). */
bool walker_is_open(const struct calendar_spec *spec, int64_t at_s);

/** 0 .. below - 1. */
uint64_t walker_random(uint64_t *seed, uint64_t below);
/** RFC 3339; ends the test on a fault. */
struct instant walker_instant(const char *text);
int64_t walker_s(const char *text);
/** "HH:MM" as seconds of the day. */
int32_t walker_clock(const char *text);

/** The calendar of a spec in the zone of this name; ends the test when it is refused. */
struct calendar *walker_calendar(struct calendar_spec spec, const char *zone);
/** Monday to Friday in one window. */
struct calendar *walker_office(const char *zone, const char *from, const char *to);
/** One window on every day of the week. */
void walker_daily(struct calendar_spec *spec, const char *from, const char *to);

enum { WALKER_DATES = 6, WALKER_IMPORTS = 2 };
/** A spec with random windows at whole multiples of `step_s`, over midnight too, closed, yearly and open
 * dates, and imported ones, the dates within a month of `around_s`. It borrows from `dates`. */
struct walker_dates {
    struct civil closed[WALKER_DATES], yearly[WALKER_DATES];
    struct calendar_open_date open[WALKER_DATES];
    struct {
        struct civil closed[WALKER_DATES];
        struct calendar_open_date open[WALKER_DATES];
    } imported[WALKER_IMPORTS];
    struct calendar_import imports[WALKER_IMPORTS];
};
struct calendar_spec walker_spec(uint64_t *seed, int64_t around_s, int32_t step_s,
                                 struct walker_dates *dates);
