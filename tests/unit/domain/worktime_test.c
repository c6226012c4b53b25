/* The laws of working time between instants, pauses, and what becomes of fractions. */
#include "domain/worktime.h"
#include "walker.h"
#include <criterion/criterion.h>

#define S INT64_C(1000000)
static const int64_t starts[] = {0, 1, 999999, 1000000, 1732330260123456, 1735689599999999, 4102444800000000};
static const int64_t amounts[] = {0, 1, 59, 1800, 14400, 86400, 604800, 31536000};
static const struct worktime always;

static struct instant at(int64_t us)
{
    return (struct instant){us};
}

static struct instant deadline(const struct worktime *worktime, struct instant start, int64_t amount_s)
{
    struct instant due;

    cr_assert_eq(worktime_deadline(worktime, start, amount_s, &due), 0);
    return due;
}

static struct instant latest_start(const struct worktime *worktime, struct instant end, int64_t amount_s)
{
    struct instant start;

    cr_assert_eq(worktime_latest_start(worktime, end, amount_s, &start), 0);
    return start;
}

Test(worktime, elapsed_undoes_deadline)
{
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j < ARRAY_SIZE(amounts); j++) {
            struct instant start = at(starts[i]), due = deadline(&always, start, amounts[j]);

            cr_expect_eq(due.us, start.us + amounts[j] * S);
            cr_expect_eq(worktime_elapsed(&always, start, due), amounts[j]);
            cr_expect_eq(latest_start(&always, due, amounts[j]).us, start.us);
        }
}

Test(worktime, elapsed_adds_up)
{
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j < ARRAY_SIZE(starts); j++)
            for (size_t k = 0; k < ARRAY_SIZE(starts); k++) {
                struct instant a = at(starts[i]), b = at(starts[j]), c = at(starts[k]);

                cr_expect_eq(worktime_elapsed(&always, a, b) + worktime_elapsed(&always, b, c),
                             worktime_elapsed(&always, a, c));
            }
    cr_expect_eq(worktime_elapsed(&always, at(-1), at(0)), 1);
    cr_expect_eq(worktime_elapsed(&always, at(-S), at(0)), 1);
}

Test(worktime, deadline_is_monotone)
{
    for (size_t i = 0; i + 1 < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j + 1 < ARRAY_SIZE(amounts); j++) {
            struct instant due = deadline(&always, at(starts[i]), amounts[j]);

            cr_expect_leq(due.us, deadline(&always, at(starts[i + 1]), amounts[j]).us);
            cr_expect_leq(due.us, deadline(&always, at(starts[i]), amounts[j + 1]).us);
        }
}

/* Berlin, 9 to 17 from Monday to Friday; 2026-03-27 is a Friday, the clocks change on the Sunday. */
Test(worktime, fractions_are_carried_from_within_working_time_only)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct worktime worktime = {.calendar = office};
    struct instant inside = walker_instant("2026-03-27T15:00:00.25Z"); /* 16:00 */
    struct instant outside = walker_instant("2026-03-27T18:00:00.75Z");

    cr_expect_eq(deadline(&worktime, inside, 1800).us, walker_instant("2026-03-27T15:30:00.25Z").us);
    cr_expect_eq(deadline(&worktime, inside, 3601).us, walker_instant("2026-03-30T07:00:01.25Z").us);
    cr_expect_eq(deadline(&worktime, outside, 1800).us, walker_instant("2026-03-30T07:30:00Z").us);
    cr_expect_eq(deadline(&worktime, outside, 0).us, outside.us, "nothing to wait for: the start itself");
    cr_expect_eq(latest_start(&worktime, inside, 3600).us, walker_instant("2026-03-27T14:00:00.25Z").us);
    cr_expect_eq(latest_start(&worktime, outside, 3600).us, walker_instant("2026-03-27T15:00:00Z").us);
    cr_expect_eq(latest_start(&worktime, outside, 0).us, outside.us);
}

Test(worktime, pauses_are_sorted_and_melted)
{
    struct pause pauses[] = {{at(50), at(60)}, {at(10), at(20)}, {at(60), at(70)},
                             {at(15), at(16)}, {at(90), at(90)}, {at(18), at(30)}};
    size_t n = pauses_merge(pauses, ARRAY_SIZE(pauses));

    cr_assert_eq(n, 2);
    cr_expect(pauses[0].from.us == 10 && pauses[0].to.us == 30);
    cr_expect(pauses[1].from.us == 50 && pauses[1].to.us == 70);
    cr_expect_eq(pauses_merge(NULL, 0), 0);
}

Test(worktime, a_pause_that_begins_when_the_time_is_up_changes_nothing)
{
    struct pause pause = {at(100 * S), at(200 * S)};
    struct worktime worktime = {.pauses = &pause, .npauses = 1};

    cr_expect_eq(deadline(&worktime, at(40 * S), 60).us, 100 * S);
    cr_expect_eq(deadline(&worktime, at(40 * S), 61).us, 201 * S);
    cr_expect_eq(deadline(&worktime, at(150 * S + 7), 0).us, 150 * S + 7);
    cr_expect_eq(deadline(&worktime, at(150 * S + 7), 1).us, 201 * S);
    cr_expect_eq(latest_start(&worktime, at(201 * S), 1).us, 200 * S);
    cr_expect_eq(latest_start(&worktime, at(201 * S), 2).us, 99 * S);
    cr_expect_eq(worktime_elapsed(&worktime, at(0), at(300 * S)), 200);
    cr_expect_eq(worktime_elapsed(&worktime, at(300 * S), at(150 * S)), -100);
}

/* Random pauses over random hours, against counting second by second. */
Test(worktime, pauses_against_the_walker)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    int64_t base_s = instant_second(walker_instant("2026-03-26T00:00:00Z"));
    uint64_t seed = 11;

    for (int round = 0; round < 30; round++) {
        struct pause pauses[8];
        struct worktime worktime = {office, pauses, 0};
        int64_t start_s = base_s + (int64_t)walker_random(&seed, 5 * DAY_S), at_s = start_s, worked_s = 0;
        int64_t amount_s = 1 + (int64_t)walker_random(&seed, 8 * 3600);

        for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
            pauses[i].from.us = (base_s + (int64_t)walker_random(&seed, 6 * DAY_S)) * S;
            pauses[i].to.us = pauses[i].from.us + (int64_t)walker_random(&seed, 9 * 3600) * S;
        }
        worktime.npauses = pauses_merge(pauses, ARRAY_SIZE(pauses));
        for (; worked_s < amount_s; at_s++) {
            bool counts = calendar_is_open(office, at_s);

            for (size_t i = 0; i < worktime.npauses; i++)
                counts = counts && !(at_s * S >= pauses[i].from.us && at_s * S < pauses[i].to.us);
            worked_s += counts;
        }
        cr_assert_eq(deadline(&worktime, at(start_s * S), amount_s).us, at_s * S, "round %d", round);
        cr_assert_eq(worktime_elapsed(&worktime, at(start_s * S), at(at_s * S)), amount_s);
        cr_assert_eq(
            worktime_elapsed(&worktime, latest_start(&worktime, at(at_s * S), amount_s), at(at_s * S)),
            amount_s);
        cr_assert_geq(latest_start(&worktime, at(at_s * S), amount_s).us, start_s * S);
    }
}

/* Instants with fractions a few microseconds apart, around opening and closing, and pauses. */
Test(worktime, the_laws_hold_for_fractions)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct instant opens = walker_instant("2026-03-30T07:00:00Z"),
                   closes = walker_instant("2026-03-30T15:00:00Z");
    struct pause pause = {at(opens.us + 3 * S + 500000), at(opens.us + 6 * S + 200000)};
    struct worktime worktime = {office, &pause, 1};
    struct instant points[80];
    size_t n = 0;

    for (int i = -10; i < 30; i++)
        points[n++] = at(opens.us + i * 300000);
    for (int i = -20; i < 20; i++)
        points[n++] = at(closes.us + i * 300000);
    for (size_t i = 0; i < n; i++)
        for (int64_t amount_s = 0; amount_s < 12; amount_s++) {
            struct instant due = deadline(&worktime, points[i], amount_s);
            struct instant back = latest_start(&worktime, points[i], amount_s);

            cr_assert_eq(worktime_elapsed(&worktime, points[i], due), amount_s);
            cr_assert_eq(worktime_elapsed(&worktime, back, points[i]), amount_s);
            cr_assert_leq(due.us, deadline(&worktime, points[i], amount_s + 1).us);
            if (i + 1 < n) {
                cr_assert_leq(due.us, deadline(&worktime, points[i + 1], amount_s).us);
                cr_assert_leq(back.us, latest_start(&worktime, points[i + 1], amount_s).us);
            }
        }
}

Test(worktime, beyond_the_years_known)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct worktime worktime = {.calendar = office};
    struct instant untouched = at(5);

    cr_expect_eq(worktime_deadline(&worktime, at(0), 1, &untouched), CALENDAR_BEYOND);
    cr_expect_eq(worktime_deadline(&worktime, at(CALENDAR_END_S * S - 1), 1, &untouched), CALENDAR_BEYOND);
    cr_expect_eq(worktime_latest_start(&worktime, at(CALENDAR_BEGIN_S * S), 1, &untouched), CALENDAR_BEYOND);
    cr_expect_eq(untouched.us, 5);
}
