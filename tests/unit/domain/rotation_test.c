/* Handoffs at clock changes, written down: the cases of GoAlert's own tests, the zones that change at
 * midnight, half-hour changes, a date that was skipped, months that lack a day. */
#include "base/civil.h"
#include "base/clock.h"
#include "domain/rotation.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <stdio.h>

static int64_t instant(const char *text)
{
    int64_t at_us = 0;

    cr_assert_eq(clock_parse(str_from(text), &at_us), 0, "%s", text);
    return at_us / US_PER_S;
}

static int64_t wall(const char *local)
{
    char text[32];

    snprintf(text, sizeof text, "%s:00Z", local);
    return instant(text);
}

struct sequence {
    const char *zone;
    enum rotation_type type;
    int32_t length;
    const char *start;       /* wall time, to the minute */
    const char *handoffs[8]; /* each follows the one before */
};

static const struct sequence sequences[] = {
    /* clocks go back: once, when first shown */
    {"America/Chicago",
     ROTATION_HOURLY,
     24,
     "2020-10-30T01:30",
     {"2020-10-29T01:30:00-05:00", "2020-10-30T01:30:00-05:00", "2020-10-31T01:30:00-05:00",
      "2020-11-01T01:30:00-05:00", "2020-11-02T01:30:00-06:00"}},
    {"America/Chicago",
     ROTATION_DAILY,
     1,
     "2020-10-30T01:30",
     {"2020-10-31T01:30:00-05:00", "2020-11-01T01:30:00-05:00", "2020-11-02T01:30:00-06:00"}},
    {"America/Chicago",
     ROTATION_HOURLY,
     1,
     "2020-07-06T02:30",
     {"2020-10-31T23:30:00-05:00", "2020-11-01T00:30:00-05:00", "2020-11-01T01:30:00-05:00",
      "2020-11-01T02:30:00-06:00", "2020-11-01T03:30:00-06:00"}},
    {"America/Chicago",
     ROTATION_HOURLY,
     1,
     "2020-07-06T02:00",
     {"2020-11-01T00:00:00-05:00", "2020-11-01T01:00:00-05:00", "2020-11-01T02:00:00-06:00",
      "2020-11-01T03:00:00-06:00"}},
    {"Europe/Berlin",
     ROTATION_HOURLY,
     1,
     "2020-10-01T00:00",
     {"2020-10-25T01:00:00+02:00", "2020-10-25T02:00:00+02:00", "2020-10-25T03:00:00+01:00",
      "2020-10-25T04:00:00+01:00"}},
    {"Europe/Berlin",
     ROTATION_HOURLY,
     2,
     "2020-01-01T00:00",
     {"2020-10-25T00:00:00+02:00", "2020-10-25T02:00:00+02:00", "2020-10-25T04:00:00+01:00",
      "2020-10-25T06:00:00+01:00"}},
    {"Europe/Berlin",
     ROTATION_WEEKLY,
     1,
     "2020-10-18T02:30",
     {"2020-10-18T02:30:00+02:00", "2020-10-25T02:30:00+02:00", "2020-11-01T02:30:00+01:00"}},
    /* clocks go forward: after the gap, together */
    {"America/Chicago",
     ROTATION_DAILY,
     1,
     "2020-03-06T02:30",
     {"2020-03-07T02:30:00-06:00", "2020-03-08T03:00:00-05:00", "2020-03-09T02:30:00-05:00"}},
    {"America/Chicago",
     ROTATION_HOURLY,
     1,
     "2020-03-06T02:30",
     {"2020-03-08T00:30:00-06:00", "2020-03-08T01:30:00-06:00", "2020-03-08T03:00:00-05:00",
      "2020-03-08T03:30:00-05:00", "2020-03-08T04:30:00-05:00"}},
    {"America/Chicago",
     ROTATION_HOURLY,
     1,
     "2020-03-06T02:00",
     {"2020-03-08T01:00:00-06:00", "2020-03-08T03:00:00-05:00", "2020-03-08T04:00:00-05:00"}},
    {"America/New_York",
     ROTATION_HOURLY,
     12,
     "2021-01-01T02:15",
     {"2021-03-13T14:15:00-05:00", "2021-03-14T03:00:00-04:00", "2021-03-14T14:15:00-04:00"}},
    {"Europe/Berlin",
     ROTATION_HOURLY,
     2,
     "2020-01-01T00:00",
     {"2020-03-29T00:00:00+01:00", "2020-03-29T03:00:00+02:00", "2020-03-29T04:00:00+02:00",
      "2020-03-29T06:00:00+02:00"}},
    /* half an hour, and offsets that are no whole hour */
    {"Australia/Lord_Howe",
     ROTATION_HOURLY,
     1,
     "2021-04-03T02:30",
     {"2021-04-04T00:30:00+11:00", "2021-04-04T01:30:00+11:00", "2021-04-04T02:30:00+10:30",
      "2021-04-04T03:30:00+10:30"}},
    {"Australia/Lord_Howe",
     ROTATION_DAILY,
     1,
     "2021-04-02T02:00",
     {"2021-04-03T02:00:00+11:00", "2021-04-04T02:00:00+10:30", "2021-04-05T02:00:00+10:30"}},
    {"Australia/Lord_Howe",
     ROTATION_DAILY,
     1,
     "2020-10-02T02:15",
     {"2020-10-03T02:15:00+10:30", "2020-10-04T02:30:00+11:00", "2020-10-05T02:15:00+11:00"}},
    {"Asia/Kathmandu",
     ROTATION_WEEKLY,
     2,
     "2024-01-01T09:00",
     {"2023-12-18T09:00:00+05:45", "2024-01-01T09:00:00+05:45", "2024-01-15T09:00:00+05:45"}},
    /* 30 December 2011 did not exist in Samoa: its shift is empty, its handoff falls on the next */
    {"Pacific/Apia",
     ROTATION_DAILY,
     1,
     "2011-12-01T00:00",
     {"2011-12-28T00:00:00-10:00", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00",
      "2012-01-01T00:00:00+14:00"}},
    {"Pacific/Apia",
     ROTATION_DAILY,
     1,
     "2011-12-01T09:00",
     {"2011-12-28T09:00:00-10:00", "2011-12-29T09:00:00-10:00", "2011-12-31T00:00:00+14:00",
      "2011-12-31T09:00:00+14:00"}},
    /* months */
    {"America/Chicago",
     ROTATION_MONTHLY,
     1,
     "2020-01-02T01:30",
     {"2020-04-02T01:30:00-05:00", "2020-05-02T01:30:00-05:00", "2020-06-02T01:30:00-05:00"}},
    {"America/Chicago",
     ROTATION_MONTHLY,
     1,
     "2020-10-01T01:30",
     {"2020-10-01T01:30:00-05:00", "2020-11-01T01:30:00-05:00", "2020-12-01T01:30:00-06:00",
      "2021-01-01T01:30:00-06:00"}},
    {"UTC",
     ROTATION_MONTHLY,
     1,
     "2023-01-31T08:00",
     {"2023-01-31T08:00:00Z", "2023-03-03T08:00:00Z", "2023-03-31T08:00:00Z", "2023-05-01T08:00:00Z",
      "2023-05-31T08:00:00Z", "2023-07-01T08:00:00Z", "2023-07-31T08:00:00Z", "2023-08-31T08:00:00Z"}},
    {"UTC",
     ROTATION_MONTHLY,
     1,
     "2024-01-31T08:00",
     {"2023-12-31T08:00:00Z", "2024-01-31T08:00:00Z", "2024-03-02T08:00:00Z", "2024-03-31T08:00:00Z"}},
    {"UTC",
     ROTATION_MONTHLY,
     3,
     "2023-08-31T00:00", /* "31 February" comes before 31 August, too */
     {"2022-12-01T00:00:00Z", "2023-03-03T00:00:00Z", "2023-05-31T00:00:00Z", "2023-08-31T00:00:00Z",
      "2023-12-01T00:00:00Z", "2024-03-02T00:00:00Z"}},
    {"Europe/Berlin",
     ROTATION_MONTHLY,
     12,
     "2020-02-29T02:30",
     {"2019-03-01T02:30:00+01:00", "2020-02-29T02:30:00+01:00", "2021-03-01T02:30:00+01:00"}},
};

Test(rotation, sequences)
{
    for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
        const struct sequence *expected = &sequences[i];
        _cleanup_zone_ struct zone *zone = zone_open(expected->zone);
        struct rotation rotation = {zone, expected->type, expected->length, wall(expected->start), 5};

        cr_assert(zone, "%s", expected->zone);
        for (size_t k = 0; k + 1 < ARRAY_SIZE(expected->handoffs) && expected->handoffs[k + 1]; k++) {
            int64_t from_s = instant(expected->handoffs[k]), to_s = instant(expected->handoffs[k + 1]);
            const int64_t within_s[] = {from_s, from_s + 1, from_s + (to_s - from_s) / 2, to_s - 1};

            for (size_t w = 0; w < ARRAY_SIZE(within_s); w++) {
                struct rotation_shift shift = rotation_at(&rotation, within_s[w]);

                cr_expect(shift.start_s == from_s && shift.handoff_s == to_s, "%s, %s: %lld to %lld at %lld",
                          expected->zone, expected->handoffs[k], (long long)shift.start_s,
                          (long long)shift.handoff_s, (long long)within_s[w]);
                cr_expect_geq(shift.end_s, shift.handoff_s);
            }
        }
    }
}

/* The zones whose clocks went forward at midnight between 2015 and 2030: what happens to a
 * handoff at 00:00, which that day does not have. */
static const struct {
    const char *zone, *after; /* the first instant after the gap */
} midnights[] = {
    {"Africa/Cairo", "2023-04-28T01:00:00+03:00"},
    {"Asia/Beirut", "2015-03-29T01:00:00+03:00"},
    {"America/Havana", "2015-03-08T01:00:00-04:00"},
    {"America/Santiago", "2016-08-14T01:00:00-03:00"},
    {"Atlantic/Azores", "2015-03-29T01:00:00+00:00"},
    {"America/Asuncion", "2015-10-04T01:00:00-03:00"},
    {"Asia/Amman", "2015-03-27T01:00:00+03:00"},
    {"Asia/Damascus", "2015-03-27T01:00:00+03:00"},
    {"Asia/Gaza", "2015-03-28T01:00:00+03:00"},
    {"Asia/Hebron", "2015-03-28T01:00:00+03:00"},
    {"Asia/Tehran", "2015-03-22T01:00:00+04:30"},
    {"America/Sao_Paulo", "2015-10-18T01:00:00-02:00"},
    {"America/Cuiaba", "2015-10-18T01:00:00-03:00"},
    {"America/Campo_Grande", "2015-10-18T01:00:00-03:00"},
    {"America/Coyhaique", "2016-08-14T01:00:00-03:00"},
    {"America/Punta_Arenas", "2016-08-14T01:00:00-03:00"},
    {"America/Scoresbysund", "2015-03-29T01:00:00+00:00"},
    {"Antarctica/Palmer", "2016-08-14T01:00:00-03:00"},
    {"Antarctica/Casey", "2016-10-22T03:00:00+11:00"},
};

Test(rotation, midnights_that_do_not_exist)
{
    for (size_t i = 0; i < ARRAY_SIZE(midnights); i++) {
        _cleanup_zone_ struct zone *zone = zone_open(midnights[i].zone);
        int64_t after_s = instant(midnights[i].after), gap_s, midnight_s;
        struct rotation daily, hourly;
        struct rotation_shift before, on, hour;

        cr_assert(zone, "%s", midnights[i].zone);
        gap_s = zone_offset_s(zone, after_s) - zone_offset_s(zone, after_s - 1);
        midnight_s = zone_wall_s(zone, after_s) - gap_s;
        cr_assert_eq(civil_second_of(midnight_s), 0, "%s", midnights[i].zone);
        daily = (struct rotation){zone, ROTATION_DAILY, 1, midnight_s - 40 * DAY_S, 7};
        hourly = (struct rotation){zone, ROTATION_HOURLY, 1, midnight_s - 40 * DAY_S, 24};
        before = rotation_at(&daily, after_s - 1);
        on = rotation_at(&daily, after_s);
        cr_expect(before.n == 39 && before.start_s == after_s - DAY_S && before.handoff_s == after_s, "%s",
                  midnights[i].zone);
        cr_expect(on.n == 40 && on.start_s == after_s && on.handoff_s == after_s - gap_s + DAY_S, "%s",
                  midnights[i].zone);
        /* Who has 00:00 loses the turn, who has the hour after the gap has it in full. */
        hour = rotation_at(&hourly, after_s);
        cr_expect(rotation_participant(&hourly, hour.n) == gap_s / 3600, "%s", midnights[i].zone);
        cr_expect(hour.start_s == after_s && hour.handoff_s == after_s + 3600, "%s", midnights[i].zone);
        cr_expect_eq(rotation_participant(&hourly, rotation_at(&hourly, after_s - 1).n), 23);
    }
}

Test(rotation, a_repeated_hour_has_one_handoff)
{
    _cleanup_zone_ struct zone *zone = zone_open("Europe/Berlin");
    struct rotation rotation = {zone, ROTATION_HOURLY, 1, wall("2020-10-01T00:30"), 24};
    int64_t first_s = instant("2020-10-25T02:30:00+02:00"), second_s = instant("2020-10-25T02:30:00+01:00");
    struct rotation_shift before = rotation_at(&rotation, first_s - 1);

    cr_expect_eq(before.handoff_s, first_s);
    cr_expect_eq(before.end_s, second_s, "its end is the last 02:30: both people, and no gap");
    for (int64_t at_s = first_s; at_s < second_s + 3600;
         at_s += 60) { /* 02:15 for the second time included */
        struct rotation_shift shift = rotation_at(&rotation, at_s);

        cr_expect_eq(shift.n, before.n + 1);
        cr_expect_eq(shift.start_s, first_s);
        cr_expect_eq(shift.handoff_s, second_s + 3600);
        cr_expect_gt(shift.handoff_s, at_s);
    }
}

Test(rotation, turns_go_on_before_the_start)
{
    _cleanup_zone_ struct zone *zone = zone_open("UTC");
    struct rotation rotation = {zone, ROTATION_HOURLY, 10, wall("2020-06-01T03:00"), 3};
    struct rotation_shift shift = rotation_at(&rotation, instant("2020-05-30T21:00:00Z"));

    cr_expect_eq(shift.n, -3);
    cr_expect_eq(shift.handoff_s, instant("2020-05-31T07:00:00Z"));
    cr_expect_eq(rotation_participant(&rotation, 0), 0);
    cr_expect_eq(rotation_participant(&rotation, -1), 2);
    cr_expect_eq(rotation_participant(&rotation, -3), 0);
    cr_expect_eq(rotation_participant(&rotation, 3000000001), 1);
    rotation.participants = 0;
    cr_expect_eq(rotation_participant(&rotation, 5), -1);
}

Test(rotation, longest_and_to_the_second)
{
    _cleanup_zone_ struct zone *zone = zone_open("UTC");
    struct rotation rotation = {zone, ROTATION_MONTHLY, ROTATION_LENGTH_MAX, wall("2000-01-31T00:00") + 7, 2};
    struct rotation_shift shift = rotation_at(&rotation, instant("2000-01-31T00:00:06Z"));

    cr_expect_eq(shift.n, -1);
    cr_expect_eq(shift.start_s, instant("1250-01-31T00:00:07Z"));
    cr_expect_eq(shift.handoff_s, instant("2000-01-31T00:00:07Z"));
    rotation.type = ROTATION_WEEKLY;
    shift = rotation_at(&rotation, instant("2026-01-01T00:00:00Z"));
    cr_expect_eq(shift.n, 0);
    cr_expect_eq(shift.handoff_s - shift.start_s, (int64_t)ROTATION_LENGTH_MAX * 7 * DAY_S);
}

Test(rotation, names)
{
    enum rotation_type type;

#define X(constant, text)                                                                                    \
    cr_expect_str_eq(rotation_type_name(constant), text);                                                    \
    cr_expect_eq(rotation_type_parse(STR(text), &type), 0);                                                  \
    cr_expect_eq(type, constant);
    ROTATION_TYPES(X)
#undef X
    cr_expect_eq(rotation_type_parse(STR("yearly"), &type), -E_BAD_REQUEST);
    cr_expect_str_eq(rotation_type_name((enum rotation_type)9), "unknown");
}
