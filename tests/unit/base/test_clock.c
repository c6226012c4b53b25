/* RFC 3339 in and out, and the fake clock. */
#include "base/clock.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

static int64_t parsed(const char *text)
{
    int64_t us = -1;

    cr_assert_eq(clock_parse(str_from(text), &us), 0, "%s", text);
    return us;
}

Test(clock, formats_utc_with_milliseconds)
{
    char text[CLOCK_TEXT_SIZE];

    cr_assert_str_eq(clock_format(0, text), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(clock_format(1795402260123999, text), "2026-11-23T02:51:00.123Z");
    cr_assert_str_eq(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
    cr_assert_str_eq(clock_format(-1000000, text), "1969-12-31T23:59:59.000Z");
    cr_assert_str_eq(clock_format(253402300799999999, text), "9999-12-31T23:59:59.999Z");
}

Test(clock, parses_offsets_and_fractions)
{
    cr_assert_eq(parsed("1970-01-01T00:00:00Z"), 0);
    cr_assert_eq(parsed("2026-11-23T02:51:00.123Z"), 1795402260123000);
    cr_assert_eq(parsed("2026-11-23t10:51:00.123+08:00"), 1795402260123000);
    cr_assert_eq(parsed("2026-11-22 21:21:00.123-05:30"), 1795402260123000);
    cr_assert_eq(parsed("1970-01-01T00:00:00.000001Z"), 1);
    cr_assert_eq(parsed("1970-01-01T00:00:00.123456789Z"), 123456, "nanoseconds are cut");
    cr_assert_eq(parsed("1970-01-01T00:00:00.5Z"), 500000);
    cr_assert_eq(parsed("1969-12-31T23:59:59.75Z"), -250000);
    cr_assert_eq(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"), "a leap second");
    cr_assert_eq(parsed("2017-01-01T08:59:60+09:00"), parsed("2017-01-01T00:00:00Z"), "the same, in Tokyo");
    cr_assert_eq(parsed("2024-02-29T00:00:00Z"), 1709164800000000);
    cr_assert_eq(parsed("2000-02-29T00:00:00Z"), 951782400000000);
    cr_assert_eq(parsed("0000-01-01T00:00:00Z"), -62167219200000000);
}

Test(clock, parse_and_format_agree_across_centuries)
{
    char text[CLOCK_TEXT_SIZE];

    for (int64_t ms = -62135596800000; ms < 253402300800000; ms += 86399999999LL * 13) {
        cr_assert_eq(parsed(clock_format(ms * 1000, text)), ms * 1000, "%s", text);
    }
}

Test(clock, refuses_what_is_not_rfc3339)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T02:51Z",
        "2026-11-23T02:51:00",
        "2026-11-23T02:51:00.Z",
        "2026-11-23T02:51:00.1234567890Z",
        "2026-11-23T02:51:00+0800",
        "2026-11-23T02:51:00+24:00",
        "2026-11-23T02:51:00+08:60",
        "2026-11-23T24:00:00Z",
        "2026-11-23T02:60:00Z",
        "2026-11-23T02:51:61Z",
        "2026-11-23T02:51:60Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-23T02:51:00Z ",
        " 2026-11-23T02:51:00Z",
        "2026-1-23T02:51:00Z",
        "+026-11-23T02:51:00Z",
        "2026-11-23T02:51:00ZZ",
        "\xef\xbc\x92"
        "026-11-23T02:51:00Z",
    };
    int64_t us = 42;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(clock_parse(str_from(bad[i]), &us), -E_BAD_REQUEST, "\"%s\"", bad[i]);
    cr_assert_eq(clock_parse((struct str){NULL, 0}, &us), -E_BAD_REQUEST);
    cr_assert_eq(clock_parse((struct str){"2026-11-23T02:51:00\0", 20}, &us), -E_BAD_REQUEST,
                 "a NUL is no zone");
    cr_assert_eq(us, 42, "a failure writes nothing");
}

Test(clock, fake_holds_the_wall_clock_only)
{
    int64_t before = clock_monotonic_us();

    clock_fake(1795402260000000);
    cr_assert_eq(clock_now_us(), 1795402260000000);
    cr_assert_geq(clock_monotonic_us(), before);
    cr_assert_lt(clock_monotonic_us(), before + 60 * US_PER_S);
    clock_fake(0);
    cr_assert_gt(clock_now_us(), 1700000000000000);
}
