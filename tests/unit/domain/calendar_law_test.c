/* The laws of the calendar on random ones, where its knowledge ends, what is refused, and joining. */
#include "walker.h"
#include <criterion/criterion.h>

enum { ROUNDS = 60, QUESTIONS = 60 };
static const char *const zones[] = {"Europe/Berlin",  "America/Sao_Paulo", "Australia/Lord_Howe",
                                    "Asia/Kathmandu", "Pacific/Apia",      "UTC"};

static int64_t deadline(const struct calendar *calendar, int64_t start_s, int64_t amount_s)
{
    int64_t at_s = 0;

    cr_assert_eq(calendar_deadline(calendar, start_s, amount_s, &at_s), 0);
    return at_s;
}

static int64_t latest_start(const struct calendar *calendar, int64_t end_s, int64_t amount_s)
{
    int64_t at_s = 0;

    cr_assert_eq(calendar_latest_start(calendar, end_s, amount_s, &at_s), 0);
    return at_s;
}

static void check_laws(const struct calendar *calendar, int64_t a_s, int64_t b_s, int64_t c_s,
                       int64_t amount_s)
{
    int64_t due_s = deadline(calendar, a_s, amount_s), start_s = latest_start(calendar, a_s, amount_s);

    cr_assert_eq(calendar_elapsed(calendar, a_s, due_s), amount_s);
    cr_assert_eq(calendar_elapsed(calendar, start_s, a_s), amount_s);
    cr_assert_eq(calendar_elapsed(calendar, a_s, b_s) + calendar_elapsed(calendar, b_s, c_s),
                 calendar_elapsed(calendar, a_s, c_s));
    cr_assert_eq(calendar_elapsed(calendar, a_s, b_s), -calendar_elapsed(calendar, b_s, a_s));
    cr_assert_leq(due_s, deadline(calendar, a_s, amount_s + 1));
    cr_assert_geq(start_s, latest_start(calendar, a_s, amount_s + 1));
    if (a_s <= b_s) {
        cr_assert_leq(due_s, deadline(calendar, b_s, amount_s));
        cr_assert_leq(start_s, latest_start(calendar, b_s, amount_s));
    }
    if (amount_s > 0) { /* the due time is the end of the last second counted, the start begins the first */
        cr_assert(calendar_is_open(calendar, due_s - 1));
        cr_assert(calendar_is_open(calendar, start_s));
        cr_assert_leq(deadline(calendar, start_s, amount_s), a_s);
        cr_assert_gt(deadline(calendar, start_s + 1, amount_s), a_s);
    }
}

Test(calendar_laws, hold_for_random_calendars)
{
    int64_t base_s = walker_s("2015-01-01T00:00:00Z");
    uint64_t seed = 1, span_s = 20 * 366 * (uint64_t)DAY_S;

    for (int round = 0; round < ROUNDS; round++) {
        struct walker_dates dates;
        int64_t around_s = base_s + (int64_t)walker_random(&seed, span_s);
        struct calendar_spec spec = walker_spec(&seed, around_s, round % 2 ? 1 : 60, &dates);
        _cleanup_calendar_ struct calendar *calendar =
            walker_calendar(spec, zones[(size_t)round % ARRAY_SIZE(zones)]);

        for (int i = 0; i < QUESTIONS; i++) {
            uint64_t reach = i % 2 ? 40 * DAY_S : span_s;
            int64_t from_s = i % 2 ? around_s - 20 * DAY_S : base_s;

            check_laws(calendar, from_s + (int64_t)walker_random(&seed, reach),
                       from_s + (int64_t)walker_random(&seed, reach),
                       from_s + (int64_t)walker_random(&seed, reach),
                       (int64_t)walker_random(&seed, i % 3 ? 3 * DAY_S : 3));
        }
    }
    for (int i = 0; i < QUESTIONS; i++)
        check_laws(NULL, base_s + i, base_s - i, base_s + 3 * i, i * 1000);
}

/* ---- where knowledge ends ---- */

Test(calendar_laws, outside_the_years_known)
{
    _cleanup_calendar_ struct calendar *office = walker_office("UTC", "09:00", "17:00");
    int64_t all_s = calendar_elapsed(office, CALENDAR_BEGIN_S, CALENDAR_END_S), at_s = 5;

    cr_expect_eq(CALENDAR_BEGIN_S, walker_s("1990-01-01T00:00:00Z"));
    cr_expect_eq(CALENDAR_END_S, walker_s("2060-01-01T00:00:00Z"));
    cr_expect_eq(calendar_elapsed(office, INT64_C(-1) << 60, INT64_C(1) << 60), all_s,
                 "nothing outside counts");
    cr_expect_not(calendar_is_open(office, CALENDAR_BEGIN_S - 15 * 3600));
    cr_expect_eq(calendar_deadline(office, CALENDAR_BEGIN_S - 1, 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_deadline(office, CALENDAR_BEGIN_S, all_s + 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_deadline(office, CALENDAR_END_S + 1, 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_latest_start(office, CALENDAR_END_S, all_s + 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_latest_start(office, CALENDAR_END_S + 1, 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_next_open(office, CALENDAR_END_S, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_next_open(office, CALENDAR_BEGIN_S - 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_next_close(office, CALENDAR_END_S - 1, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_previous_open(office, CALENDAR_BEGIN_S, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_previous_close(office, CALENDAR_BEGIN_S + 10 * 3600, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(at_s, 5, "nothing was written");
    cr_expect_eq(deadline(office, CALENDAR_BEGIN_S, all_s), walker_s("2059-12-31T17:00:00Z"));
    cr_expect_eq(latest_start(office, CALENDAR_END_S, all_s), walker_s("1990-01-01T09:00:00Z"));
}

Test(calendar_laws, around_the_clock_knows_no_end)
{
    int64_t at_s = 5;

    cr_expect_eq(deadline(NULL, -7, INT64_C(1) << 50), (INT64_C(1) << 50) - 7);
    cr_expect_eq(latest_start(NULL, 7, INT64_C(1) << 50), 7 - (INT64_C(1) << 50));
    cr_expect(calendar_is_open(NULL, -7));
    cr_expect_eq(calendar_next_open(NULL, 0, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_next_close(NULL, 0, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_previous_open(NULL, 0, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_previous_close(NULL, 0, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(at_s, 5);
}

/* ---- what is refused ---- */

static void expect_refusal(const struct calendar_spec *spec, int outcome, enum calendar_list list,
                           size_t index, size_t window)
{
    struct calendar *calendar = NULL;
    struct calendar_place place = {0};

    cr_expect_eq(calendar_new(spec, &calendar, &place), outcome);
    cr_expect_null(calendar);
    if (outcome != CALENDAR_NEVER) {
        cr_expect_eq(place.list, list);
        cr_expect_eq(place.index, index);
        cr_expect_eq(place.window, window);
    }
}

static void expect_bad_hours(struct calendar_hours hours, int outcome, size_t window)
{
    _cleanup_zone_ struct zone *utc = zone_open("UTC");
    struct calendar_open_date dates[] = {{{2026, 1, 1}, {1, {{0, 1}}}}, {{2026, 1, 2}, hours}};
    struct calendar_spec weekly = {.zone = utc}, open = {.zone = utc, .open_dates = dates, .nopen = 2};

    weekly.weekly[3] = hours;
    expect_refusal(&weekly, outcome, CALENDAR_WEEKLY, 3, window);
    expect_refusal(&open, outcome, CALENDAR_OPEN_DATES, 1, window);
}

Test(calendar_spec, bad_windows)
{
    expect_bad_hours((struct calendar_hours){2, {{0, 5}, {7, 7}}}, CALENDAR_EMPTY_WINDOW, 1);
    expect_bad_hours((struct calendar_hours){1, {{-1, 5}}}, CALENDAR_BAD_WINDOW, 0);
    expect_bad_hours((struct calendar_hours){1, {{DAY_S, 5}}}, CALENDAR_BAD_WINDOW, 0);
    expect_bad_hours((struct calendar_hours){1, {{5, DAY_S + 1}}}, CALENDAR_BAD_WINDOW, 0);
    expect_bad_hours((struct calendar_hours){1, {{5, -1}}}, CALENDAR_BAD_WINDOW, 0);
    expect_bad_hours((struct calendar_hours){2, {{50, 90}, {10, 51}}}, CALENDAR_OVERLAP, 1);
    expect_bad_hours((struct calendar_hours){3, {{80, 20}, {10, 30}, {90, 91}}}, CALENDAR_OVERLAP, 2);
    expect_bad_hours((struct calendar_hours){CALENDAR_WINDOWS_MAX + 1, {{0, 1}}}, CALENDAR_TOO_MANY,
                     CALENDAR_WHOLE);
}

Test(calendar_spec, bad_dates)
{
    _cleanup_zone_ struct zone *utc = zone_open("UTC");
    struct civil bad[] = {{2024, 2, 29}, {2026, 2, 29}}, worse[] = {{0, 2, 29}, {0, 4, 31}};
    struct calendar_open_date open[] = {{{2026, 1, 1}, {1, {{0, 1}}}}, {{2026, 1, 1}, {1, {{0, 1}}}}};
    struct calendar_spec spec = {.zone = utc};

    expect_refusal(&spec, CALENDAR_NEVER, CALENDAR_WEEKLY, 0, 0);
    walker_daily(&spec, "00:00", "24:00");
    spec.closed = bad;
    spec.nclosed = 2;
    expect_refusal(&spec, CALENDAR_BAD_DATE, CALENDAR_CLOSED, 1, CALENDAR_WHOLE);
    spec.nclosed = CALENDAR_DATES_MAX + 1;
    expect_refusal(&spec, CALENDAR_TOO_MANY, CALENDAR_CLOSED, CALENDAR_WHOLE, CALENDAR_WHOLE);
    spec.nclosed = 0;
    spec.yearly = worse;
    spec.nyearly = 2;
    expect_refusal(&spec, CALENDAR_BAD_DATE, CALENDAR_YEARLY, 1, CALENDAR_WHOLE);
    spec.nyearly = 0;
    spec.open_dates = open;
    spec.nopen = 2;
    expect_refusal(&spec, CALENDAR_TWICE, CALENDAR_OPEN_DATES, 1, CALENDAR_WHOLE);
    open[1].date = (struct civil){2026, 13, 1};
    expect_refusal(&spec, CALENDAR_BAD_DATE, CALENDAR_OPEN_DATES, 1, CALENDAR_WHOLE);
    open[1] = (struct calendar_open_date){{2026, 1, 2}, {0}};
    expect_refusal(&spec, CALENDAR_NO_WINDOW, CALENDAR_OPEN_DATES, 1, CALENDAR_WHOLE);
    spec.nopen = CALENDAR_DATES_MAX + 1;
    expect_refusal(&spec, CALENDAR_TOO_MANY, CALENDAR_OPEN_DATES, CALENDAR_WHOLE, CALENDAR_WHOLE);
}

Test(calendar_spec, bad_imports)
{
    _cleanup_zone_ struct zone *utc = zone_open("UTC");
    struct civil closed[] = {{2026, 1, 1}, {2026, 2, 29}};
    struct calendar_open_date open[] = {{{2026, 1, 1}, {1, {{0, 1}}}}, {{2026, 1, 1}, {1, {{0, 1}}}}};
    struct calendar_import imports[] = {{.closed = closed, .nclosed = 1, .open_dates = open, .nopen = 1},
                                        {.open_dates = open, .nopen = 1}};
    struct calendar_spec spec = {
        .zone = utc, .open_dates = open, .nopen = 1, .imports = imports, .nimports = 2};
    struct calendar_place place;
    struct calendar *calendar = NULL;

    cr_expect_eq(calendar_new(&spec, &calendar, &place), 0, "the same date in lists of their own is fine");
    calendar_free(calendar);
    imports[1].nopen = 2;
    expect_refusal(&spec, CALENDAR_TWICE, CALENDAR_OPEN_DATES, 1, CALENDAR_WHOLE);
    (void)!calendar_new(&spec, &calendar, &place);
    cr_expect_eq(place.import, 1);
    imports[0].nclosed = 2;
    expect_refusal(&spec, CALENDAR_BAD_DATE, CALENDAR_CLOSED, 1, CALENDAR_WHOLE);
    (void)!calendar_new(&spec, &calendar, &place);
    cr_expect_eq(place.import, 0);
    spec.nimports = CALENDAR_IMPORTS_MAX + 1;
    cr_expect_eq(calendar_new(&spec, &calendar, &place), CALENDAR_TOO_MANY);
}

Test(calendar_spec, a_calendar_that_only_opens_where_nothing_is_known_never_opens)
{
    _cleanup_zone_ struct zone *utc = zone_open("UTC");
    struct calendar_open_date open = {{1980, 1, 1}, {1, {{0, 1}}}};
    struct calendar_spec spec = {.zone = utc, .open_dates = &open, .nopen = 1};

    expect_refusal(&spec, CALENDAR_NEVER, CALENDAR_WEEKLY, 0, 0);
}

/* ---- joining ---- */

Test(calendar_join, desks_that_follow_the_sun)
{
    _cleanup_calendar_ struct calendar *ap = walker_office("Asia/Shanghai", "09:00", "17:00"),
                                       *eu = walker_office("Europe/Berlin", "08:00", "17:00"),
                                       *us = walker_office("America/New_York", "09:00", "18:00");
    _cleanup_calendar_ struct calendar *both = NULL, *all = NULL;
    int64_t at_s;

    cr_assert_eq(calendar_union(ap, eu, &both), 0);
    cr_assert_eq(calendar_union(both, us, &all), 0);

    /* Tuesday 2026-03-10: New York has changed its clocks, Berlin has not. 01:00 to 09:00, 07:00 to 16:00,
     * 13:00 to 22:00 UTC. */
    cr_expect(calendar_next_open(all, walker_s("2026-03-10T00:00:00Z"), &at_s) == 0);
    cr_expect_eq(at_s, walker_s("2026-03-10T01:00:00Z"));
    cr_expect(calendar_next_close(all, at_s, &at_s) == 0);
    cr_expect_eq(at_s, walker_s("2026-03-10T22:00:00Z"));
}

Test(calendar_join, around_the_clock_and_nothing)
{
    _cleanup_calendar_ struct calendar *day = walker_office("UTC", "09:00", "17:00"),
                                       *night = walker_office("UTC", "18:00", "08:00"), *same = NULL;
    struct calendar *none = NULL;
    int64_t from_s = walker_s("2026-01-01T00:00:00Z"), to_s = walker_s("2027-01-01T00:00:00Z");

    none = day;
    cr_expect_eq(calendar_union(day, NULL, &none), 0);
    cr_expect_null(none);
    cr_expect_eq(calendar_union(NULL, NULL, &none), 0);
    cr_expect_null(none);
    cr_expect_eq(calendar_intersection(day, night, &none), CALENDAR_NEVER);
    cr_expect_eq(calendar_intersection(NULL, NULL, &none), 0);
    cr_expect_null(none);
    cr_assert_eq(calendar_intersection(NULL, day, &same), 0);
    cr_expect_neq(same, day, "a calendar of its own");
    cr_expect_eq(calendar_elapsed(same, from_s, to_s), calendar_elapsed(day, from_s, to_s));
}
