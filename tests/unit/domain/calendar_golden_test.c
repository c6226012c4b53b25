/* Cases with known answers: clock changes at midnight and elsewhere, nights, holidays, make-up days. The
 * answers of the table were computed apart from this program, second by second, with another reader of the
 * time zones. */
#include "walker.h"
#include <criterion/criterion.h>

/* One window on every day; from `a` to `b` so much counts, and `amount` after `a` the clock is due. Every
 * zone that has gone forward at midnight since 2015 is here twice: the skipped hour itself, and a night shift
 * around it. */
static const struct {
    const char *zone, *from, *to, *a, *b;
    int64_t elapsed_s, amount_s;
    const char *due;
} cases[] = {
    {"Africa/Cairo", "00:00", "01:00", "2023-04-26T10:00:00Z", "2023-04-29T10:00:00Z", 7200, 7200,
     "2023-04-28T22:00:00Z"},
    {"Africa/Cairo", "22:00", "02:00", "2023-04-27T16:00:00Z", "2023-04-29T04:00:00Z", 25200, 18000,
     "2023-04-28T21:00:00Z"},
    {"Asia/Beirut", "00:00", "01:00", "2015-03-27T10:00:00Z", "2015-03-30T10:00:00Z", 7200, 7200,
     "2015-03-29T22:00:00Z"},
    {"Asia/Beirut", "22:00", "02:00", "2015-03-28T16:00:00Z", "2015-03-30T04:00:00Z", 25200, 18000,
     "2015-03-29T21:00:00Z"},
    {"America/Havana", "00:00", "01:00", "2015-03-06T17:00:00Z", "2015-03-09T17:00:00Z", 7200, 7200,
     "2015-03-09T05:00:00Z"},
    {"America/Havana", "22:00", "02:00", "2015-03-07T23:00:00Z", "2015-03-09T11:00:00Z", 25200, 18000,
     "2015-03-09T04:00:00Z"},
    {"America/Santiago", "00:00", "01:00", "2016-08-12T16:00:00Z", "2016-08-15T16:00:00Z", 7200, 7200,
     "2016-08-15T04:00:00Z"},
    {"America/Santiago", "22:00", "02:00", "2016-08-13T22:00:00Z", "2016-08-15T10:00:00Z", 25200, 18000,
     "2016-08-15T03:00:00Z"},
    {"Atlantic/Azores", "00:00", "01:00", "2015-03-27T13:00:00Z", "2015-03-30T13:00:00Z", 7200, 7200,
     "2015-03-30T01:00:00Z"},
    {"Atlantic/Azores", "22:00", "02:00", "2015-03-28T19:00:00Z", "2015-03-30T07:00:00Z", 25200, 18000,
     "2015-03-30T00:00:00Z"},
    {"America/Asuncion", "00:00", "01:00", "2015-10-02T16:00:00Z", "2015-10-05T16:00:00Z", 7200, 7200,
     "2015-10-05T04:00:00Z"},
    {"America/Asuncion", "22:00", "02:00", "2015-10-03T22:00:00Z", "2015-10-05T10:00:00Z", 25200, 18000,
     "2015-10-05T03:00:00Z"},
    {"Asia/Amman", "00:00", "01:00", "2015-03-25T10:00:00Z", "2015-03-28T10:00:00Z", 7200, 7200,
     "2015-03-27T22:00:00Z"},
    {"Asia/Amman", "22:00", "02:00", "2015-03-26T16:00:00Z", "2015-03-28T04:00:00Z", 25200, 18000,
     "2015-03-27T21:00:00Z"},
    {"Asia/Damascus", "00:00", "01:00", "2015-03-25T10:00:00Z", "2015-03-28T10:00:00Z", 7200, 7200,
     "2015-03-27T22:00:00Z"},
    {"Asia/Damascus", "22:00", "02:00", "2015-03-26T16:00:00Z", "2015-03-28T04:00:00Z", 25200, 18000,
     "2015-03-27T21:00:00Z"},
    {"Asia/Gaza", "00:00", "01:00", "2015-03-26T10:00:00Z", "2015-03-29T10:00:00Z", 7200, 7200,
     "2015-03-28T22:00:00Z"},
    {"Asia/Gaza", "22:00", "02:00", "2015-03-27T16:00:00Z", "2015-03-29T04:00:00Z", 25200, 18000,
     "2015-03-28T21:00:00Z"},
    {"Asia/Hebron", "00:00", "01:00", "2015-03-26T10:00:00Z", "2015-03-29T10:00:00Z", 7200, 7200,
     "2015-03-28T22:00:00Z"},
    {"Asia/Hebron", "22:00", "02:00", "2015-03-27T16:00:00Z", "2015-03-29T04:00:00Z", 25200, 18000,
     "2015-03-28T21:00:00Z"},
    {"Asia/Tehran", "00:00", "01:00", "2015-03-20T08:30:00Z", "2015-03-23T08:30:00Z", 7200, 7200,
     "2015-03-22T20:30:00Z"},
    {"Asia/Tehran", "22:00", "02:00", "2015-03-21T14:30:00Z", "2015-03-23T02:30:00Z", 25200, 18000,
     "2015-03-22T19:30:00Z"},
    {"America/Sao_Paulo", "00:00", "01:00", "2015-10-16T15:00:00Z", "2015-10-19T15:00:00Z", 7200, 7200,
     "2015-10-19T03:00:00Z"},
    {"America/Sao_Paulo", "22:00", "02:00", "2015-10-17T21:00:00Z", "2015-10-19T09:00:00Z", 25200, 18000,
     "2015-10-19T02:00:00Z"},
    {"America/Cuiaba", "00:00", "01:00", "2015-10-16T16:00:00Z", "2015-10-19T16:00:00Z", 7200, 7200,
     "2015-10-19T04:00:00Z"},
    {"America/Cuiaba", "22:00", "02:00", "2015-10-17T22:00:00Z", "2015-10-19T10:00:00Z", 25200, 18000,
     "2015-10-19T03:00:00Z"},
    {"America/Campo_Grande", "00:00", "01:00", "2015-10-16T16:00:00Z", "2015-10-19T16:00:00Z", 7200, 7200,
     "2015-10-19T04:00:00Z"},
    {"America/Campo_Grande", "22:00", "02:00", "2015-10-17T22:00:00Z", "2015-10-19T10:00:00Z", 25200, 18000,
     "2015-10-19T03:00:00Z"},
    {"America/Coyhaique", "00:00", "01:00", "2016-08-12T16:00:00Z", "2016-08-15T16:00:00Z", 7200, 7200,
     "2016-08-15T04:00:00Z"},
    {"America/Coyhaique", "22:00", "02:00", "2016-08-13T22:00:00Z", "2016-08-15T10:00:00Z", 25200, 18000,
     "2016-08-15T03:00:00Z"},
    {"America/Punta_Arenas", "00:00", "01:00", "2016-08-12T16:00:00Z", "2016-08-15T16:00:00Z", 7200, 7200,
     "2016-08-15T04:00:00Z"},
    {"America/Punta_Arenas", "22:00", "02:00", "2016-08-13T22:00:00Z", "2016-08-15T10:00:00Z", 25200, 18000,
     "2016-08-15T03:00:00Z"},
    {"America/Scoresbysund", "00:00", "01:00", "2015-03-27T13:00:00Z", "2015-03-30T13:00:00Z", 7200, 7200,
     "2015-03-30T01:00:00Z"},
    {"America/Scoresbysund", "22:00", "02:00", "2015-03-28T19:00:00Z", "2015-03-30T07:00:00Z", 25200, 18000,
     "2015-03-30T00:00:00Z"},
    {"Antarctica/Palmer", "00:00", "01:00", "2016-08-12T16:00:00Z", "2016-08-15T16:00:00Z", 7200, 7200,
     "2016-08-15T04:00:00Z"},
    {"Antarctica/Palmer", "22:00", "02:00", "2016-08-13T22:00:00Z", "2016-08-15T10:00:00Z", 25200, 18000,
     "2016-08-15T03:00:00Z"},
    {"Antarctica/Casey", "00:00", "01:00", "2016-10-20T04:00:00Z", "2016-10-23T04:00:00Z", 7200, 7200,
     "2016-10-22T14:00:00Z"},
    {"Antarctica/Casey", "22:00", "02:00", "2016-10-21T10:00:00Z", "2016-10-22T22:00:00Z", 21600, 18000,
     "2016-10-22T14:00:00Z"},
    {"Australia/Lord_Howe", "01:30", "02:30", "2026-04-03T03:00:00Z", "2026-04-06T03:00:00Z", 12600, 10800,
     "2026-04-05T15:30:00Z"},
    {"Australia/Lord_Howe", "01:30", "02:30", "2026-10-02T03:30:00Z", "2026-10-05T03:30:00Z", 9000, 10800,
     "2026-10-05T15:00:00Z"},
    {"Asia/Kathmandu", "09:15", "17:45", "2026-04-29T12:00:00Z", "2026-05-02T12:00:00Z", 91800, 10800,
     "2026-04-30T06:30:00Z"},
    {"Pacific/Apia", "09:00", "17:00", "2011-12-28T22:00:00Z", "2011-12-31T22:00:00Z", 86400, 10800,
     "2011-12-29T01:00:00Z"},
    {"Pacific/Apia", "22:00", "06:00", "2011-12-28T22:00:00Z", "2011-12-31T22:00:00Z", 86400, 10800,
     "2011-12-29T11:00:00Z"},
    {"Europe/Berlin", "02:00", "03:00", "2026-03-27T13:00:00Z", "2026-03-30T13:00:00Z", 7200, 10800,
     "2026-03-31T01:00:00Z"},
    {"Europe/Berlin", "02:00", "03:00", "2026-10-23T13:00:00Z", "2026-10-26T13:00:00Z", 14400, 10800,
     "2026-10-25T02:00:00Z"},
    {"Europe/Berlin", "02:15", "02:45", "2026-10-23T13:00:00Z", "2026-10-26T13:00:00Z", 7200, 10800,
     "2026-10-28T01:45:00Z"},
    {"Europe/Dublin", "00:30", "01:30", "2026-03-27T13:00:00Z", "2026-03-30T13:00:00Z", 9000, 10800,
     "2026-03-31T00:00:00Z"},
    {"Africa/Casablanca", "02:00", "04:00", "2026-03-20T14:00:00Z", "2026-03-23T14:00:00Z", 18000, 10800,
     "2026-03-22T03:00:00Z"},
    {"America/New_York", "22:00", "06:00", "2026-10-30T18:00:00Z", "2026-11-02T18:00:00Z", 90000, 10800,
     "2026-10-31T05:00:00Z"},
    {"Antarctica/Troll", "00:00", "04:00", "2026-03-27T13:00:00Z", "2026-03-30T13:00:00Z", 36000, 10800,
     "2026-03-28T03:00:00Z"},
    {"America/St_Johns", "00:00", "24:00", "2026-03-06T17:30:00Z", "2026-03-09T17:30:00Z", 259200, 10800,
     "2026-03-06T20:30:00Z"},
};

Test(calendar, clock_changes)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct calendar_spec spec = {0};
        _cleanup_calendar_ struct calendar *calendar = NULL;
        int64_t due_s = 0, a_s = walker_s(cases[i].a), b_s = walker_s(cases[i].b);

        walker_daily(&spec, cases[i].from, cases[i].to);
        calendar = walker_calendar(spec, cases[i].zone);
        cr_expect_eq(calendar_elapsed(calendar, a_s, b_s), cases[i].elapsed_s, "case %zu, %s", i,
                     cases[i].zone);
        cr_assert_eq(calendar_deadline(calendar, a_s, cases[i].amount_s, &due_s), 0);
        cr_expect_eq(due_s, walker_s(cases[i].due), "case %zu, %s", i, cases[i].zone);
    }
}

static void expect_due(const struct calendar *calendar, const char *start, int64_t amount_s, const char *due)
{
    int64_t due_s = 0;

    cr_assert_eq(calendar_deadline(calendar, walker_s(start), amount_s, &due_s), 0);
    cr_expect_eq(due_s, walker_s(due), "%s and %ld s: %ld s after %s", start, (long)amount_s,
                 (long)(due_s - walker_s(due)), due);
}

Test(calendar, the_end_of_the_day_is_not_the_next_morning)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");

    expect_due(office, "2026-03-27T08:00:00Z", 8 * 3600, "2026-03-27T16:00:00Z");
    expect_due(office, "2026-03-27T08:00:00Z", 8 * 3600 + 1, "2026-03-30T07:00:01Z");
    expect_due(office, "2026-03-27T17:00:00Z", 0, "2026-03-27T17:00:00Z");
    expect_due(office, "2026-03-27T17:00:00Z", 1, "2026-03-30T07:00:01Z");
    expect_due(office, "2026-03-27T08:00:00Z", 0, "2026-03-27T08:00:00Z");
}

/* The spring festival of 2026: off from Sunday the 15th to Monday the 23rd of February, which the Saturdays
 * of the 14th and the 28th make up for. */
Test(calendar, chinese_make_up_days)
{
    struct calendar_hours day = {2, {{13 * 3600, 18 * 3600}, {9 * 3600, 12 * 3600}}};
    struct calendar_open_date made_up[] = {{{2026, 2, 14}, day}, {{2026, 2, 28}, day}};
    struct civil closed[9];
    struct calendar_spec spec = {.closed = closed, .nclosed = 9, .open_dates = made_up, .nopen = 2};
    _cleanup_calendar_ struct calendar *calendar = NULL;

    for (int i = 0; i < 5; i++)
        spec.weekly[i] = day;
    for (int8_t i = 0; i < 9; i++)
        closed[i] = (struct civil){2026, 2, (int8_t)(15 + i)};
    calendar = walker_calendar(spec, "Asia/Shanghai");
    expect_due(calendar, "2026-02-13T09:30:00Z", 3600, "2026-02-14T01:30:00Z");
    expect_due(calendar, "2026-02-14T09:00:00Z", 3 * 3600, "2026-02-24T03:00:00Z");
    expect_due(calendar, "2026-02-27T09:00:00Z", 2 * 3600, "2026-02-28T02:00:00Z");
    expect_due(calendar, "2026-02-28T09:00:00Z", 2 * 3600, "2026-03-02T02:00:00Z");
}

/* Christmas Eve is a half day, though a list of holidays has it closed; Christmas and New Year come back
 * every year. 2026-12-24 is a Thursday. */
Test(calendar, half_days_and_yearly_days)
{
    struct civil closed[] = {{2026, 12, 24}, {2026, 12, 24}}, yearly[] = {{0, 12, 25}, {0, 1, 1}, {0, 2, 29}};
    struct calendar_open_date eve = {{2026, 12, 24}, {1, {{9 * 3600, 12 * 3600}}}};
    struct calendar_spec spec = {.closed = closed, .nclosed = 2, .yearly = yearly, .nyearly = 3};
    _cleanup_calendar_ struct calendar *calendar = NULL;

    spec.open_dates = &eve;
    spec.nopen = 1;
    for (int i = 0; i < 5; i++)
        spec.weekly[i] = (struct calendar_hours){1, {{9 * 3600, 17 * 3600}}};
    calendar = walker_calendar(spec, "Europe/Stockholm");
    expect_due(calendar, "2026-12-23T15:00:00Z", 2 * 3600, "2026-12-24T09:00:00Z");
    expect_due(calendar, "2026-12-24T10:00:00Z", 2 * 3600, "2026-12-28T09:00:00Z");
    expect_due(calendar, "2026-12-31T15:00:00Z", 2 * 3600, "2027-01-04T09:00:00Z");
    expect_due(calendar, "2028-02-28T15:00:00Z", 2 * 3600, "2028-03-01T09:00:00Z");
    expect_due(calendar, "2027-02-26T15:00:00Z", 2 * 3600, "2027-03-01T09:00:00Z");
}

/* The shift of the eve runs into the closed day, whose own does not start. */
Test(calendar, nights_belong_to_the_day_they_start_on)
{
    struct civil closed = {2026, 5, 1};
    struct calendar_spec spec = {.closed = &closed, .nclosed = 1};
    _cleanup_calendar_ struct calendar *calendar = NULL;

    walker_daily(&spec, "22:00", "06:00");
    calendar = walker_calendar(spec, "UTC");
    cr_expect(calendar_is_open(calendar, walker_s("2026-05-01T05:59:59Z")));
    cr_expect_not(calendar_is_open(calendar, walker_s("2026-05-01T06:00:00Z")));
    cr_expect_not(calendar_is_open(calendar, walker_s("2026-05-01T22:00:00Z")));
    cr_expect_not(calendar_is_open(calendar, walker_s("2026-05-02T05:59:59Z")));
    cr_expect(calendar_is_open(calendar, walker_s("2026-05-02T22:00:00Z")));
}

/* Two ways to write midnight, and days that join without a seam. */
Test(calendar, up_to_midnight)
{
    struct calendar_spec spec = {0};
    _cleanup_calendar_ struct calendar *first = NULL, *second = NULL, *whole = NULL;
    int64_t from_s = walker_s("2026-01-01T00:00:00Z"), at_s;

    walker_daily(&spec, "20:00", "24:00");
    first = walker_calendar(spec, "Asia/Kathmandu");
    walker_daily(&spec, "20:00", "00:00");
    second = walker_calendar(spec, "Asia/Kathmandu");
    expect_due(first, "2026-01-01T14:15:00Z", 4 * 3600, "2026-01-01T18:15:00Z");
    expect_due(second, "2026-01-01T14:15:00Z", 4 * 3600, "2026-01-01T18:15:00Z");
    walker_daily(&spec, "00:00", "24:00");
    whole = walker_calendar(spec, "Asia/Kathmandu");
    cr_expect_eq(calendar_elapsed(whole, from_s, from_s + 365 * DAY_S), 365 * DAY_S);
    cr_expect_eq(calendar_next_close(whole, from_s, &at_s), CALENDAR_BEYOND);
    cr_expect_eq(calendar_previous_open(whole, from_s, &at_s), CALENDAR_BEYOND);
}

Test(calendar, opens_and_closes)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    int64_t opens_s = walker_s("2026-03-30T07:00:00Z"), closes_s = walker_s("2026-03-30T15:00:00Z");
    int64_t friday_s = walker_s("2026-03-27T16:00:00Z"), tuesday_s = walker_s("2026-03-31T07:00:00Z"), at_s;

    cr_expect(calendar_next_open(office, opens_s - 1, &at_s) == 0 && at_s == opens_s);
    cr_expect(calendar_next_open(office, opens_s, &at_s) == 0 && at_s == tuesday_s);
    cr_expect(calendar_next_close(office, opens_s, &at_s) == 0 && at_s == closes_s);
    cr_expect(calendar_next_close(office, friday_s, &at_s) == 0 && at_s == closes_s);
    cr_expect(calendar_previous_open(office, opens_s, &at_s) == 0 && at_s == opens_s);
    cr_expect(calendar_previous_open(office, closes_s, &at_s) == 0 && at_s == opens_s);
    cr_expect(calendar_previous_close(office, closes_s, &at_s) == 0 && at_s == closes_s);
    cr_expect(calendar_previous_close(office, closes_s - 1, &at_s) == 0 && at_s == friday_s);
    cr_expect_not(calendar_is_open(office, opens_s - 1));
    cr_expect(calendar_is_open(office, opens_s));
    cr_expect(calendar_is_open(office, closes_s - 1));
    cr_expect_not(calendar_is_open(office, closes_s));
}
