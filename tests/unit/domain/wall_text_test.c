/* Wall times and instants as text. */
#include "base/civil.h"
#include "base/clock.h"
#include "domain/wall_text.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

Test(wall_text, wall_times)
{
    static const char *const wrong[] = {
        "",
        "2020-10-25",
        "2020-10-25 02:30",
        "2020-10-25T02:30Z",
        "2020-10-25T02:30:00+01:00",
        "2020-02-30T00:00",
        "2021-02-29T00:00",
        "2020-13-01T00:00",
        "2020-00-01T00:00",
        "2020-01-00T00:00",
        "2020-01-01T24:00",
        "2020-01-01T00:60",
        "2020-01-01T00:00:60",
        "2020-01-01T00:00:0",
        "2020-01-01T00:00:",
        "2020-1-01T00:00",
        "1899-12-31T23:59",
        "2101-01-01T00:00",
        "+020-01-01T00:00",
    };
    int64_t wall_s = 7;

    cr_expect_eq(wall_parse(STR("1970-01-02T00:01"), &wall_s), 0);
    cr_expect_eq(wall_s, DAY_S + 60);
    cr_expect_eq(wall_parse(STR("1900-01-01T00:00:01"), &wall_s), 0);
    cr_expect_eq(wall_s, -2208988799);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        cr_expect_eq(wall_parse(str_from(wrong[i]), &wall_s), -E_BAD_REQUEST, "%s", wrong[i]);
    cr_expect_eq(wall_s, -2208988799);
}

Test(wall_text, clocks)
{
    int32_t s = 7;

    cr_expect(wall_parse_clock(STR("23:59:59"), DAY_S - 1, &s) == 0 && s == DAY_S - 1);
    cr_expect(wall_parse_clock(STR("09:30"), DAY_S - 1, &s) == 0 && s == 34200);
    cr_expect_eq(wall_parse_clock(STR("24:00"), DAY_S - 1, &s), -E_BAD_REQUEST);
    cr_expect_eq(wall_parse_clock(STR("9:30"), DAY_S - 1, &s), -E_BAD_REQUEST);
    cr_expect_eq(wall_parse_clock(STR("09:30 "), DAY_S - 1, &s), -E_BAD_REQUEST);
    cr_expect_eq(s, 34200);
    cr_expect(wall_parse_clock(STR("24:00"), DAY_S, &s) == 0 && s == DAY_S);
    cr_expect_eq(wall_parse_clock(STR("24:00:01"), DAY_S, &s), -E_BAD_REQUEST);
}

Test(wall_text, rfc3339)
{
    static const struct {
        const char *zone;
        int64_t at_s;
        const char *text;
    } cases[] = {
        {"UTC", 0, "1970-01-01T00:00:00+00:00"},
        {"Europe/Berlin", 1603585800, "2020-10-25T02:30:00+02:00"},
        {"Europe/Berlin", 1603589400, "2020-10-25T02:30:00+01:00"},
        {"Asia/Kathmandu", 1603585800, "2020-10-25T06:15:00+05:45"},
        {"America/St_Johns", 1603585800, "2020-10-24T22:00:00-02:30"},
        {"Africa/Monrovia", 0, "1969-12-31T23:16:00-00:44"}, /* -00:44:30 then */
        {"Europe/Amsterdam", -1104537600, NULL},             /* 1935, whatever tzdata says */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_zone_ struct zone *zone = zone_open(cases[i].zone);
        _cleanup_buf_ struct buf text = BUF_INIT;
        int64_t at_us;

        wall_add_rfc3339(&text, zone, cases[i].at_s);
        if (cases[i].text)
            cr_expect_str_eq(buf_text(&text), cases[i].text);
        cr_assert_eq(clock_parse(buf_str(&text), &at_us), 0, "%s", buf_text(&text));
        cr_expect_eq(at_us, cases[i].at_s * US_PER_S, "the text is the instant");
    }
}
