/* meridian-bench-time: what a question about working time costs.
 *
 * An office with a lunch break and five years of holidays and make-up days in two zones, asked at random
 * about those five years, so that its table is in the cache as in a process that computes clocks all day.
 * Beside it, in the same run: the C library's binary search over as many instants, and reading the clock.
 * Best of several rounds, for others only make it slower. Prints one JSON object; times are nanoseconds per
 * call.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "domain/calendar_spec.h"
#include <stdio.h>
#include <time.h>

enum { QUESTIONS = 1 << 14, ROUNDS = 20, HOLIDAYS = 100, FIRST_YEAR = 2021, YEARS = 5 };

static int64_t starts[QUESTIONS], ends[QUESTIONS], amounts[QUESTIONS], keys[1 << 15];
static volatile int64_t sink; /* keeps the answers from being optimised away */

static uint64_t dice(uint64_t below)
{
    static uint64_t state = 42;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

static struct calendar *office(const char *zone_name)
{
    _cleanup_zone_ struct zone *zone = zone_open(zone_name);
    struct calendar_hours day = {2, {{9 * 3600, 12 * 3600}, {13 * 3600, 18 * 3600}}};
    struct civil closed[HOLIDAYS];
    struct calendar_open_date made_up[HOLIDAYS / 4];
    struct calendar_spec spec = {.zone = zone, .closed = closed, .nclosed = HOLIDAYS, .open_dates = made_up};
    struct calendar *calendar = NULL;
    struct calendar_place place;

    for (int i = 0; i < 5; i++)
        spec.weekly[i] = day;
    for (int i = 0; i < HOLIDAYS; i++)
        closed[i] =
            civil_from_days(civil_to_days((struct civil){FIRST_YEAR, 1, 1}) + (int64_t)dice(YEARS * 365));
    for (; spec.nopen < HOLIDAYS / 4; spec.nopen++)
        made_up[spec.nopen] = (struct calendar_open_date){
            civil_from_days(civil_to_days((struct civil){FIRST_YEAR, 1, 3}) + 70 * (int64_t)spec.nopen), day};
    if (!zone || calendar_new(&spec, &calendar, &place) != 0) {
        fprintf(stderr, "meridian-bench-time: no calendar for %s\n", zone_name);
        exit(1);
    }
    return calendar;
}

/* ---- what is measured ---- */

static int64_t ask_deadline(const struct calendar *calendar, int i)
{
    int64_t at_s = 0;

    return calendar_deadline(calendar, starts[i], amounts[i], &at_s) == 0 ? at_s : 0;
}

static int64_t ask_elapsed(const struct calendar *calendar, int i)
{
    return calendar_elapsed(calendar, starts[i], ends[i]);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t ask_bsearch(const struct calendar *calendar, int i)
{
    (void)calendar;
    return bsearch(&starts[i], keys, ARRAY_SIZE(keys), sizeof keys[0], by_value) != NULL;
}

static int64_t ask_clock(const struct calendar *calendar, int i)
{
    struct timespec now;

    (void)calendar;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_nsec + i;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static double best_ns(int64_t (*ask)(const struct calendar *calendar, int i), const struct calendar *calendar)
{
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = now_ns(), sum = 0, took;

        for (int i = 0; i < QUESTIONS; i++)
            sum += ask(calendar, i);
        took = now_ns() - began;
        sink = sum;
        best = took < best ? took : best;
    }
    return (double)best / QUESTIONS;
}

int main(void)
{
    int64_t began_us = clock_monotonic_us(), made_us;
    _cleanup_calendar_ struct calendar *eu = office("Europe/Berlin"), *ap = office("Asia/Shanghai"),
                                       *both = NULL;
    int64_t from_s = civil_to_days((struct civil){FIRST_YEAR, 1, 1}) * DAY_S;
    double deadline, elapsed, search, clock;

    made_us = (clock_monotonic_us() - began_us) / 2;
    if (calendar_union(eu, ap, &both) != 0)
        return 1;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        keys[i] =
            CALENDAR_BEGIN_S + (int64_t)i * ((CALENDAR_END_S - CALENDAR_BEGIN_S) / (int64_t)ARRAY_SIZE(keys));
    for (int i = 0; i < QUESTIONS; i++) {
        starts[i] = from_s + (int64_t)dice(YEARS * 365 * DAY_S);
        ends[i] = from_s + (int64_t)dice(YEARS * 365 * DAY_S);
        amounts[i] = 1 + (int64_t)dice(40 * 3600);
    }
    deadline = best_ns(ask_deadline, eu);
    elapsed = best_ns(ask_elapsed, eu);
    search = best_ns(ask_bsearch, NULL);
    clock = best_ns(ask_clock, NULL);
    printf("{\"deadline_ns\": %.1f, \"elapsed_ns\": %.1f, \"deadline_union_ns\": %.1f, \"elapsed_union_ns\": "
           "%.1f, "
           "\"bsearch_ns\": %.1f, \"clock_gettime_ns\": %.1f, \"deadline_per_bsearch\": %.2f, "
           "\"elapsed_per_bsearch\": %.2f, \"make_us\": %lld}\n",
           deadline, elapsed, best_ns(ask_deadline, both), best_ns(ask_elapsed, both), search, clock,
           deadline / search, elapsed / search, (long long)made_us);
    return 0;
}
