/* Rules, overrides and temporary schedules, written down; what a window and a report say of them. */
#include "base/civil.h"
#include "base/clock.h"
#include "domain/oncall_window.h"
#include "domain/wall_text.h"
#include <criterion/criterion.h>

enum { ANNA, BO, CHEN, PEOPLE };
enum { MONDAY = 1, TUESDAY = 2, FRIDAY = 16, WEEKDAYS = 31 };
#define H(hour) ((hour)*3600)

static struct zone *zone;
static struct oncall_rule rules[4];
static struct oncall schedule;

/* Every test begins with an empty schedule in one zone. */
static void use_zone(const char *name)
{
    zone_close(zone);
    zone = zone_open(name);
    cr_assert(zone);
    schedule = (struct oncall){.zone = zone, .people = PEOPLE, .rules = rules};
}

static void utc(void)
{
    use_zone("UTC");
}

static void done(void)
{
    zone = zone_close(zone);
}
TestSuite(oncall, .init = utc, .fini = done);

static void add_rule(int days, int32_t start_s, int32_t end_s, int32_t person)
{
    rules[schedule.nrules++] = (struct oncall_rule){(uint8_t)days, start_s, end_s, person, ONCALL_NONE};
}

static int64_t instant(const char *text)
{
    int64_t wall_s, at_us = 0;

    if (wall_parse(str_from(text), &wall_s) == 0)
        return zone_first_s(zone, wall_s);
    cr_assert_eq(clock_parse(str_from(text), &at_us), 0, "%s", text);
    return at_us / US_PER_S;
}

/* The shifts of a window, one a line, as "person from to". */
static void expect_shifts(const char *from, const char *to, const char *expected)
{
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;

    cr_assert_eq(oncall_shifts(&schedule, instant(from), instant(to), 100, &shifts), 0);
    for (size_t i = 0; i < shifts.n; i++) {
        buf_printf(&text, "%c ", "ABC"[shifts.items[i].person]);
        wall_add_rfc3339(&text, zone, shifts.items[i].from_s);
        buf_add_char(&text, ' ');
        wall_add_rfc3339(&text, zone, shifts.items[i].to_s);
        buf_add_char(&text, '\n');
    }
    cr_expect_str_eq(buf_text(&text), expected, "from %s:\n%s", from, buf_text(&text));
}

/* ---- rules ---- */

Test(oncall, same_day)
{
    add_rule(WEEKDAYS, H(8), H(20), ANNA); /* 24 July 2017 is a Monday */
    expect_shifts("2017-07-28T10:00", "2017-07-31T23:00",
                  "A 2017-07-28T10:00:00+00:00 2017-07-28T20:00:00+00:00\n"
                  "A 2017-07-31T08:00:00+00:00 2017-07-31T20:00:00+00:00\n");
}

Test(oncall, overnight)
{
    add_rule(FRIDAY, H(20), H(8), ANNA);
    expect_shifts("2017-07-24T00:00", "2017-08-07T00:00",
                  "A 2017-07-28T20:00:00+00:00 2017-07-29T08:00:00+00:00\n"
                  "A 2017-08-04T20:00:00+00:00 2017-08-05T08:00:00+00:00\n");
}

Test(oncall, whole_days_join)
{
    add_rule(MONDAY | TUESDAY, H(8), H(8), ANNA);
    expect_shifts("2017-07-20T00:00", "2017-07-30T00:00",
                  "A 2017-07-24T08:00:00+00:00 2017-07-26T08:00:00+00:00\n");
}

Test(oncall, always_and_never)
{
    int64_t change_s = 7;

    add_rule(ONCALL_EVERY_DAY, H(9), H(9), ANNA);
    add_rule(0, H(0), H(0), BO);
    expect_shifts("2017-07-20T00:00", "2037-07-30T00:00",
                  "A 2017-07-20T00:00:00+00:00 2037-07-30T00:00:00+00:00\n");
    cr_expect_not(oncall_next_change(&schedule, 0, INT64_MAX, &change_s));
    cr_expect_eq(change_s, 7);
}

Test(oncall, clock_changes_overlap_and_leave_no_gap)
{
    use_zone("Europe/Berlin");
    add_rule(ONCALL_EVERY_DAY, H(0), H(2) + 1800, ANNA);
    add_rule(ONCALL_EVERY_DAY, H(2) + 1800, H(0), BO);
    expect_shifts("2020-10-25T00:00", "2020-10-26T00:00",
                  "A 2020-10-25T00:00:00+02:00 2020-10-25T02:30:00+01:00\n"
                  "B 2020-10-25T02:30:00+02:00 2020-10-26T00:00:00+01:00\n");
    expect_shifts("2020-03-29T00:00", "2020-03-30T00:00",
                  "A 2020-03-29T00:00:00+01:00 2020-03-29T03:00:00+02:00\n"
                  "B 2020-03-29T03:00:00+02:00 2020-03-30T00:00:00+02:00\n");
}

Test(oncall, hours_that_a_gap_swallows_have_no_shift)
{
    use_zone("America/New_York");
    add_rule(ONCALL_EVERY_DAY, H(2), H(3), ANNA);
    expect_shifts("2021-03-13T00:00", "2021-03-16T00:00",
                  "A 2021-03-13T02:00:00-05:00 2021-03-13T03:00:00-05:00\n"
                  "A 2021-03-15T02:00:00-04:00 2021-03-15T03:00:00-04:00\n");
}

Test(oncall, a_date_that_was_skipped)
{
    use_zone("Pacific/Apia");
    add_rule(FRIDAY, H(9), H(17), ANNA); /* 30 December 2011 was no day there */
    add_rule(FRIDAY, H(20), H(8), BO);
    expect_shifts("2011-12-28T00:00", "2012-01-03T00:00",
                  "B 2011-12-31T00:00:00+14:00 2011-12-31T08:00:00+14:00\n");
}

Test(oncall, a_rotation_in_its_own_zone)
{
    static const int32_t people[] = {ANNA, BO};
    _cleanup_zone_ struct zone *tokyo = zone_open("Asia/Tokyo");
    struct oncall_rotation rotation = {
        {tokyo, ROTATION_DAILY, 1, 1609491600 /* 2021-01-01T09:00 on the wall */, 2}, people};

    rules[schedule.nrules++] =
        (struct oncall_rule){ONCALL_EVERY_DAY, H(22), H(2), ONCALL_NONE, 0}; /* Tokyo 09:00 is 00:00 here */
    schedule.rotations = &rotation;
    schedule.nrotations = 1;
    expect_shifts("2021-01-01T12:00", "2021-01-03T00:00",
                  "A 2021-01-01T22:00:00+00:00 2021-01-02T00:00:00+00:00\n"
                  "B 2021-01-02T00:00:00+00:00 2021-01-02T02:00:00+00:00\n"
                  "B 2021-01-02T22:00:00+00:00 2021-01-03T00:00:00+00:00\n");
    rotation.rotation.participants = 0;
    expect_shifts("2021-01-01T12:00", "2021-01-03T00:00", "");
}

/* ---- swaps ---- */

Test(oncall, swaps_come_last_and_one_after_another)
{
    struct oncall_shift fixed = {ANNA, instant("2018-01-01T12:00"), instant("2018-01-01T13:00")};
    struct oncall_temporary temporary = {fixed.from_s, fixed.to_s, &fixed, 1};
    struct oncall_override swaps[] = {
        {instant("2018-01-01T08:00"), instant("2018-01-01T13:00"), ANNA, BO},
        {instant("2018-01-01T09:00"), instant("2018-01-01T10:00"), BO, CHEN},
        {instant("2018-01-01T09:30"), instant("2018-01-01T11:00"), ANNA, CHEN}, /* who has given it away */
    };

    add_rule(MONDAY, H(7), H(11), ANNA);
    schedule.swaps = swaps;
    schedule.nswaps = 3;
    schedule.temporaries = &temporary;
    schedule.ntemporaries = 1;
    expect_shifts("2018-01-01T00:00", "2018-01-02T00:00",
                  "A 2018-01-01T07:00:00+00:00 2018-01-01T08:00:00+00:00\n"
                  "B 2018-01-01T08:00:00+00:00 2018-01-01T09:00:00+00:00\n"
                  "C 2018-01-01T09:00:00+00:00 2018-01-01T10:00:00+00:00\n"
                  "B 2018-01-01T10:00:00+00:00 2018-01-01T11:00:00+00:00\n"
                  "B 2018-01-01T12:00:00+00:00 2018-01-01T13:00:00+00:00\n");
}

/* ---- overrides and temporary schedules ---- */

Test(oncall, overrides)
{
    struct oncall_override overrides[] = {
        {instant("2018-01-01T08:30"), instant("2018-01-01T11:00"), ANNA, BO},
        {instant("2018-01-01T12:00"), instant("2018-01-01T13:00"), ANNA, ONCALL_NONE},
        {instant("2018-01-01T19:00"), instant("2018-01-01T21:00"), ONCALL_NONE, CHEN},
    };

    add_rule(ONCALL_EVERY_DAY, H(10), H(20), ANNA);
    schedule.overrides = overrides;
    schedule.noverrides = 3;
    expect_shifts("2018-01-01T00:00", "2018-01-02T00:00", /* Bo only while Anna is on call */
                  "B 2018-01-01T10:00:00+00:00 2018-01-01T11:00:00+00:00\n"
                  "A 2018-01-01T11:00:00+00:00 2018-01-01T12:00:00+00:00\n"
                  "A 2018-01-01T13:00:00+00:00 2018-01-01T20:00:00+00:00\n"
                  "C 2018-01-01T19:00:00+00:00 2018-01-01T21:00:00+00:00\n");
}

Test(oncall, conflicts)
{
    static const struct {
        struct oncall_override a, b;
        bool conflict;
    } cases[] = {
        {{0, 10, ANNA, BO}, {10, 20, ANNA, BO}, false}, /* one after the other */
        {{0, 10, ANNA, BO}, {9, 20, ANNA, CHEN}, true},
        {{0, 10, ANNA, BO}, {9, 20, BO, ANNA}, true}, /* a loop */
        {{0, 10, ANNA, BO}, {5, 6, BO, CHEN}, true},  /* a chain */
        {{0, 10, ONCALL_NONE, BO}, {0, 10, BO, ONCALL_NONE}, true},
        {{0, 10, ONCALL_NONE, BO}, {0, 10, ONCALL_NONE, BO}, true},
        {{0, 10, ONCALL_NONE, BO}, {0, 10, ONCALL_NONE, CHEN}, false},
        {{0, 10, ANNA, ONCALL_NONE}, {0, 10, ONCALL_NONE, BO}, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cr_expect_eq(oncall_conflict(&cases[i].a, &cases[i].b), cases[i].conflict, "%zu", i);
        cr_expect_eq(oncall_conflict(&cases[i].b, &cases[i].a), cases[i].conflict, "%zu", i);
    }
}

Test(oncall, a_temporary_schedule_hides_all_else)
{
    struct oncall_shift shift = {BO, instant("2018-01-01T08:25"), instant("2018-01-01T08:35")};
    struct oncall_temporary temporary = {instant("2018-01-01T08:15"), instant("2018-01-01T08:45"), &shift, 1};
    struct oncall_override override = {instant("2018-01-01T08:00"), instant("2018-01-01T08:50"), ONCALL_NONE,
                                       CHEN};
    int64_t change_s = 0;

    add_rule(ONCALL_EVERY_DAY, H(8), H(10), ANNA);
    schedule.temporaries = &temporary;
    schedule.ntemporaries = 1;
    schedule.overrides = &override;
    schedule.noverrides = 1;
    expect_shifts("2018-01-01T08:00", "2018-01-01T09:00",
                  "A 2018-01-01T08:00:00+00:00 2018-01-01T08:15:00+00:00\n"
                  "C 2018-01-01T08:00:00+00:00 2018-01-01T08:15:00+00:00\n"
                  "B 2018-01-01T08:25:00+00:00 2018-01-01T08:35:00+00:00\n"
                  "A 2018-01-01T08:45:00+00:00 2018-01-01T09:00:00+00:00\n"
                  "C 2018-01-01T08:45:00+00:00 2018-01-01T08:50:00+00:00\n");
    cr_expect(oncall_next_change(&schedule, shift.from_s, INT64_MAX, &change_s));
    cr_expect_eq(change_s, shift.to_s);
}

/* ---- windows and reports ---- */

Test(oncall, the_next_change_is_one_of_people)
{
    int64_t change_s = 0, noon_s = instant("2018-01-01T12:00");

    add_rule(ONCALL_EVERY_DAY, H(0), H(12), ANNA); /* two rules, one person: no change at noon */
    add_rule(ONCALL_EVERY_DAY, H(12), H(0), ANNA);
    add_rule(MONDAY, H(13), H(14), BO);
    cr_expect(oncall_next_change(&schedule, noon_s - H(2), INT64_MAX, &change_s));
    cr_expect_eq(change_s, noon_s + H(1));
    cr_expect_not(oncall_next_change(&schedule, noon_s - H(2), noon_s + H(1), &change_s),
                  "until is not in it");
    cr_expect(oncall_next_change(&schedule, noon_s - H(2), noon_s + H(1) + 1, &change_s));
}

Test(oncall, report)
{
    _cleanup_oncall_report_ struct oncall_report report = {0};

    add_rule(ONCALL_EVERY_DAY, H(0), H(12), ANNA);
    add_rule(ONCALL_EVERY_DAY, H(10), H(16), BO);
    add_rule(ONCALL_EVERY_DAY, H(11), H(12), CHEN);
    cr_assert_eq(
        oncall_report(&schedule, instant("2018-01-01T00:00"), instant("2018-01-03T00:00"), 100, &report), 0);
    cr_expect_eq(report.ngaps, 2);
    cr_expect_eq(report.gap_s, H(16));
    cr_expect_eq(report.gaps[0].from_s, instant("2018-01-01T16:00"));
    cr_expect_eq(report.gaps[0].to_s, instant("2018-01-02T00:00"));
    cr_assert_eq(report.noverlaps, 4, "10 to 11 with two, 11 to 12 with three");
    cr_expect_eq(report.overlaps[0].n, 2);
    cr_expect_eq(report.overlaps[1].n, 3);
    cr_expect_eq(report.people[report.overlaps[1].first + 2], CHEN);
    cr_expect_eq(report.overlap_s, H(4));
    cr_expect_eq(report.on_call_s[ANNA], H(24));
    cr_expect_eq(report.on_call_s[BO], H(12));
    cr_expect_eq(report.on_call_s[CHEN], H(2));
    cr_expect_eq(report.balance_percent, 25, "(12/24 + 2/24 + 2/12) / 3");
}

Test(oncall, too_many)
{
    struct oncall_shifts shifts = {0};
    struct oncall_report report = {0};
    int64_t from_s = instant("2018-01-01T00:00"), to_s = instant("2018-01-11T00:00");

    add_rule(ONCALL_EVERY_DAY, H(8), H(9), ANNA);
    cr_expect_eq(oncall_shifts(&schedule, from_s, to_s, 9, &shifts), ONCALL_TOO_MANY);
    cr_expect_null(shifts.items);
    cr_assert_eq(oncall_shifts(&schedule, from_s, to_s, 10, &shifts), 0);
    cr_expect_eq(shifts.n, 10);
    oncall_shifts_fini(&shifts);
    cr_expect_eq(oncall_report(&schedule, from_s, to_s, 10, &report), ONCALL_TOO_MANY, "11 gaps");
    cr_assert_eq(oncall_report(&schedule, from_s, to_s, 11, &report), 0);
    oncall_report_fini(&report);
}

Test(oncall, a_schedule_of_nobody)
{
    _cleanup_oncall_report_ struct oncall_report report = {0};
    bool on[1];

    schedule.people = 0;
    cr_expect_eq(oncall_at(&schedule, 0, on), 0);
    expect_shifts("2018-01-01T00:00", "2018-01-02T00:00", "");
    cr_assert_eq(oncall_report(&schedule, 0, DAY_S, 5, &report), 0);
    cr_expect_eq(report.gap_s, DAY_S);
    cr_expect_eq(report.balance_percent, 100);
}
