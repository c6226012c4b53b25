/* Days and their names, and the JSON forms that bring them. */
#include "base/civil.h"
#include "base/memory.h"
#include "holiday/holiday_json.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

static const char *const except[] = {"break", "Valentine"};

/* 2026, without some names. */
static struct holiday_filter filter(void)
{
    return (struct holiday_filter){civil_to_days((struct civil){2026, 1, 1}),
                                   civil_to_days((struct civil){2026, 12, 31}), except, ARRAY_SIZE(except)};
}

static int64_t day_of(int month, int day)
{
    return civil_to_days((struct civil){2026, (int8_t)month, (int8_t)day});
}

static void expect_name(const char *name, const char *kept, int reason)
{
    const struct holiday_filter of_2026 = filter();
    _cleanup_holidays_ struct holidays holidays = {0};

    cr_assert(holidays_add(&holidays, &of_2026, day_of(1, 1), false, str_from(name)));
    cr_assert_eq(holidays.n + holidays.nleft, 1, "%s", name);
    if (reason >= 0) {
        cr_assert_eq(holidays.nleft, 1, "%s", name);
        cr_expect_eq((int)holidays.left[0].reason, reason, "%s", name);
    } else {
        cr_assert_eq(holidays.n, 1, "%s", name);
        cr_expect_str_eq(holidays.items[0].name ? holidays.items[0].name : "", kept, "%s", name);
    }
}

Test(holidays, names_are_judged_by_their_parts)
{
    expect_name("New Year's Day", "New Year's Day", -1);
    expect_name("", "", -1);
    expect_name("Christmas Day (observed); Christmas Eve (from 7pm)", "Christmas Day (observed)", -1);
    expect_name("Christmas Eve (from 7pm); Something else", "Something else", -1);
    expect_name("Christmas Eve (from 2pm)", NULL, HOLIDAY_PART);
    expect_name("妇女节（半天）", NULL, HOLIDAY_PART);
    expect_name("Summer Break", NULL, HOLIDAY_EXCEPT);
    expect_name("Easter/Spring BREAK; Good Friday", "Good Friday", -1);
    expect_name("Saint valentine's day; Winter Break", NULL, HOLIDAY_EXCEPT);
    expect_name("Beginn der Sommerzeit", NULL, HOLIDAY_DAYLIGHT);
    expect_name("a\tb\x1b[31m", "a b [31m", -1);
}

Test(holidays, names_are_cut_between_characters)
{
    const struct holiday_filter of_2026 = filter();
    _cleanup_holidays_ struct holidays holidays = {0};
    _cleanup_buf_ struct buf name = BUF_INIT;

    for (int i = 0; i < 300; i++)
        buf_add_text(&name, "节");
    cr_assert(holidays_add(&holidays, &of_2026, day_of(1, 1), false, buf_str(&name)));
    cr_expect_eq(utf8_length(str_from(holidays.items[0].name)), HOLIDAY_NAME_MAX);
    cr_expect(utf8_valid(str_from(holidays.items[0].name)));
    buf_reset(&name);
    for (int i = 0; i < 100; i++)
        buf_add_text(&name, "a;");
    cr_assert(holidays_add(&holidays, &of_2026, day_of(1, 2), false, buf_str(&name)));
    cr_expect_eq(strlen(holidays.items[1].name), HOLIDAY_NAME_MAX, "\"a; a; ...\"");
}

Test(holidays, a_day_is_there_once)
{
    const struct holiday_filter of_2026 = filter();
    _cleanup_holidays_ struct holidays holidays = {0};

    cr_assert(holidays_add(&holidays, &of_2026, day_of(5, 2), false, STR("late")) &&
              holidays_add(&holidays, &of_2026, day_of(5, 1), false, STR("b")) &&
              holidays_add(&holidays, &of_2026, day_of(5, 1), true, STR("a")) &&
              holidays_add(&holidays, &of_2026, day_of(5, 1), false, STR("b")) &&
              holidays_add(&holidays, &of_2026, day_of(5, 2) + 365, false, STR("x")));
    holidays_seal(&holidays);
    cr_assert_eq(holidays.n, 2);
    cr_expect_eq(holidays.items[0].day, day_of(5, 1));
    cr_expect(holidays.items[0].working);
    cr_expect_str_eq(holidays.items[0].name, "b; a");
    cr_expect_not(holidays.items[1].working);
    cr_expect_eq(holidays.outside, 1);
}

Test(holidays, are_not_without_end)
{
    const struct holiday_filter of_2026 = filter();
    _cleanup_holidays_ struct holidays holidays = {0};

    for (int i = 0; i < HOLIDAY_DAYS_MAX; i++)
        cr_assert(holidays_add(&holidays, &of_2026, day_of(1, 1), false, STR("")));
    cr_expect_not(holidays_add(&holidays, &of_2026, day_of(1, 1), false, STR("")));
    cr_expect_not(holidays_leave(&holidays, &of_2026, day_of(1, 1), STR(""), HOLIDAY_CANCELLED));
    cr_expect(holidays_add(&holidays, &of_2026, day_of(1, 1) - 1, false, STR("")),
              "other years do not count");
}

/* ---- JSON ---- */

static int read(const char *text, struct holidays *holidays, struct plan_fault *fault)
{
    const struct holiday_filter of_2026 = filter();

    return holiday_json_read(str_from(text), &of_2026, holidays, fault);
}

Test(holiday_json, days)
{
    _cleanup_holidays_ struct holidays holidays = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    cr_assert_eq(read("{\"$schema\": \"x\", \"year\": 2026, \"papers\": [], \"days\": ["
                      "{\"name\": \"元旦\", \"date\": \"2026-01-04\", \"isOffDay\": false},"
                      "{\"isOffDay\": true, \"name\": \"元旦\", \"date\": \"2025-12-31\"},"
                      "{\"isOffDay\": true, \"name\": \"元旦\", \"date\": \"2026-01-01\"}]}",
                      &holidays, &fault),
                 0, "%s", buf_text(&fault.reason));
    cr_assert_eq(holidays.n, 2);
    cr_expect(holidays.items[0].working && holidays.items[0].day == day_of(1, 4));
    cr_expect(!holidays.items[1].working && holidays.items[1].day == day_of(1, 1));
    cr_expect_str_eq(holidays.items[1].name, "元旦");
    cr_expect_eq(holidays.outside, 1);
}

Test(holiday_json, names_of_dates)
{
    _cleanup_holidays_ struct holidays holidays = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    cr_assert_eq(
        read("{\"2026-12-25\": \"Christmas Day\", \"2010-12-25\": \"Christmas Day\"}", &holidays, &fault), 0);
    cr_assert_eq(holidays.n, 1);
    cr_expect_eq(holidays.items[0].day, day_of(12, 25));
    cr_expect_eq(read("{\"year\": 2027, \"days\": []}", &holidays, &fault), 0);
    cr_expect_eq(read("{}", &holidays, &fault), 0);
    cr_expect_eq(holidays.n, 1);
}

Test(holiday_json, refused)
{
    static const char *const cases[][3] = {
        {"{\n\"2026-01-01\": \"a\",\n}", "line 3", "is not JSON"},
        {"{\"2026-01-01\": \"a\", \"2026-01-01\": \"b\"}", "line 1", "duplicate"},
        {"{\"2026-01-01\": \"\xff\"}", "line 1", "is not JSON"},
        {"[]", "", "an object of days"},
        {"{\"$schema\": \"x\", \"type\": \"object\"}", "/$schema", "is no date that exists"},
        {"{\"2026-02-30\": \"a\"}", "/2026-02-30", "is no date that exists"},
        {"{\"2026-01-01\": 1}", "/2026-01-01", "must be a text"},
        {"{\"2026-01-01\": \"a\\nb\"}", "/2026-01-01", "one line"},
        {"{\"days\": {}}", "/days", "must be an array"},
        {"{\"days\": [{\"name\": \"a\", \"date\": \"2026-01-01\"}]}", "/days/0/isOffDay", "is missing"},
        {"{\"days\": [{\"name\": \"a\", \"date\": \"1 May\", \"isOffDay\": true}]}", "/days/0/date",
         "a date that exists"},
        {"{\"days\": [{\"name\": \"a\", \"date\": \"2026-01-01\", \"isOffDay\": true, \"half\": true}]}",
         "/days/0/half", "is no key here"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_holidays_ struct holidays holidays = {0};
        _cleanup_plan_fault_ struct plan_fault fault = {0};

        cr_expect_eq(read(cases[i][0], &holidays, &fault), -E_VALIDATION, "%s", cases[i][0]);
        cr_expect_str_eq(buf_text(&fault.at), cases[i][1], "%s", cases[i][0]);
        cr_expect(strstr(buf_text(&fault.reason), cases[i][2]), "%s: %s", cases[i][0],
                  buf_text(&fault.reason));
    }
}
