/* What the JSON form means, and every way in which it is refused: reason and place. */
#include "base/clock.h"
#include "base/memory.h"
#include "domain/calendar_spec.h"
#include "domain/worktime.h"
#include "meridian/errors.h"
#include "plan/calendar_json.h"
#include <criterion/criterion.h>

static struct zone_book zones;

static void tear_down(void)
{
    zone_book_fini(&zones);
}
TestSuite(calendar_json, .fini = tear_down);

static int read_text(const char *text, struct calendar **ret_calendar, struct plan_fault *fault)
{
    json_auto_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const struct plan_node node = plan_root(json);

    cr_assert_not_null(json, "%s", text);
    return calendar_json_read(&node, &zones, ret_calendar, fault);
}

static struct calendar *calendar_of(const char *text)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct calendar *calendar = NULL;

    cr_assert_eq(read_text(text, &calendar, &fault), 0, "%s: %s at \"%s\"", text, buf_text(&fault.reason),
                 buf_text(&fault.at));
    return calendar;
}

static void expect_due(const char *text, const char *start, int64_t amount_s, const char *due)
{
    _cleanup_calendar_ struct calendar *calendar = calendar_of(text);
    struct worktime worktime = {.calendar = calendar};
    struct instant start_at, due_at, expected;

    cr_assert(clock_parse(str_from(start), &start_at.us) == 0 &&
              clock_parse(str_from(due), &expected.us) == 0);
    cr_assert_eq(worktime_deadline(&worktime, start_at, amount_s, &due_at), 0);
    cr_expect_eq(due_at.us, expected.us, "%s", text);
}

static void expect_fault(const char *text, const char *at, const char *reason)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct calendar *calendar = NULL;

    cr_expect_eq(read_text(text, &calendar, &fault), -E_VALIDATION, "%s", text);
    cr_expect_str_eq(buf_text(&fault.at), at, "%s", text);
    cr_expect(strstr(buf_text(&fault.reason), reason), "%s: \"%s\"", text, buf_text(&fault.reason));
    cr_expect_null(calendar);
}

Test(calendar_json, all_parts_together)
{
    static const char text[] =
        "{\"zone\": \"Asia/Shanghai\","
        " \"weekly\": {\"mon\": [[\"09:00\", \"18:00\"]], \"tue\": [[\"09:00\", \"18:00\"]], \"sat\": []},"
        " \"closed\": [\"2026-02-16\", \"2026-02-17\", \"2026-02-23\", \"2026-02-23\"],"
        " \"yearly\": [\"02-24\"],"
        " \"open\": {\"2026-02-14\": [[\"13:00\", \"18:00:30\"], [\"09:00\", \"12:00\"]]}}";

    expect_due(text, "2026-02-13T00:00:00Z", 3 * 3600 + 1, "2026-02-14T05:00:01Z");
    expect_due(text, "2026-02-14T10:00:00Z", 31, "2026-03-02T01:00:01Z");
    expect_due(text, "2026-02-14T10:00:00Z", 30, "2026-02-14T10:00:30Z");
}

#define IMPORTED                                                                                             \
    "{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]], \"tue\": [[\"09:00\", "             \
    "\"17:00\"]], "                                                                                          \
    "\"wed\": [[\"09:00\", \"17:00\"]], \"thu\": [[\"09:00\", \"17:00\"]]},"                                 \
    " \"imported\": {\"A\": {\"closed\": [\"2026-03-02\", \"2026-03-03\", \"2026-03-04\"], \"names\": "      \
    "{\"2026-03-02\": \"网\"}}, \"B\": {\"open\": {\"2026-03-03\": [[\"10:00\", \"11:00\"]], "              \
    "\"2026-03-05\": "                                                                                       \
    "[[\"10:00\", \"11:00\"]]}}}"

/* Monday the 2nd to Thursday the 5th of March: closed, an hour, closed, an hour. */
Test(calendar_json, what_the_hand_wrote_wins_over_what_was_imported)
{
    expect_due(IMPORTED "}", "2026-03-02T00:00:00Z", 2 * 3600, "2026-03-05T11:00:00Z");
    expect_due(IMPORTED ", \"open\": {\"2026-03-02\": [[\"20:00\", \"21:00\"]]}}", "2026-03-02T00:00:00Z",
               2 * 3600, "2026-03-03T11:00:00Z");
    expect_due(IMPORTED ", \"closed\": [\"2026-03-03\"]}", "2026-03-02T00:00:00Z", 3600,
               "2026-03-05T11:00:00Z");
    expect_due(IMPORTED ", \"yearly\": [\"03-03\", \"03-05\"]}", "2026-03-02T00:00:00Z", 1,
               "2026-03-09T09:00:01Z");
}

Test(calendar_json, imports_that_are_refused)
{
    static const struct {
        const char *imported, *at, *reason;
    } cases[] = {
        {"[]", "/imported", "must be an object"},
        {"{\"\": {}}", "/imported/", "1 to 200 printable"},
        {"{\"A\": []}", "/imported/A", "must be an object"},
        {"{\"A/1\": {\"close\": []}}", "/imported/A~11/close", "\"closed\""},
        {"{\"A\": {\"yearly\": []}}", "/imported/A/yearly", "there are closed, open, names"},
        {"{\"A\": {\"closed\": [\"2026-02-30\"]}}", "/imported/A/closed/0", "a date that exists"},
        {"{\"A\": {\"open\": {\"2026-02-28\": []}}}", "/imported/A/open/2026-02-28", "has no hours"},
        {"{\"A\": {}, \"B\": {\"open\": {\"2026-02-28\": [[\"09:00\", \"12:00\"], [\"11:00\", \"13:00\"]]}}}",
         "/imported/B/open/2026-02-28/1", "overlaps"},
        {"{\"A\": {\"names\": []}}", "/imported/A/names", "must be an object"},
        {"{\"A\": {\"names\": {\"today\": \"x\"}}}", "/imported/A/names/today", "a date that exists"},
        {"{\"A\": {\"names\": {\"2026-01-01\": \"\"}}}", "/imported/A/names/2026-01-01", "must not be empty"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *text = mem_printf(
            "{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]]}, \"imported\": %s}",
            cases[i].imported);

        expect_fault(text, cases[i].at, cases[i].reason);
    }
}

Test(calendar_json, around_the_clock_is_null)
{
    cr_expect_null(calendar_of("{\"always\": true}"));
    cr_expect_null(calendar_of("{\"union\": [{\"always\": true}, {\"zone\": \"UTC\", \"weekly\": {\"mon\": "
                               "[[\"09:00\", \"17:00\"]]}}]}"));
    cr_expect_null(calendar_of("{\"intersection\": [{\"always\": true}, {\"always\": true}]}"));
}

#define SHIFT(zone) "{\"zone\": \"" zone "\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]]}}"

Test(calendar_json, calendars_of_calendars)
{
    /* Monday 2026-03-30: 01:00 to 09:00 and 07:00 to 15:00 UTC. */
    expect_due("{\"union\": [" SHIFT("Asia/Shanghai") ", " SHIFT("Europe/Berlin") "]}",
               "2026-03-30T00:00:00Z", 14 * 3600, "2026-03-30T15:00:00Z");
    expect_due("{\"intersection\": [" SHIFT("Asia/Shanghai") ", " SHIFT("Europe/Berlin") "]}",
               "2026-03-30T00:00:00Z", 2 * 3600, "2026-03-30T09:00:00Z");
    expect_due("{\"intersection\": [{\"always\": true}, {\"union\": [" SHIFT("Europe/Berlin") "]}]}",
               "2026-03-30T00:00:00Z", 1, "2026-03-30T07:00:01Z");
}

Test(calendar_json, a_zone_is_opened_once)
{
    calendar_free(calendar_of("{\"union\": [" SHIFT("UTC") ", " SHIFT("UTC") ", " SHIFT("Asia/Tokyo") "]}"));
    cr_expect_eq(zones.n, 2);
}

Test(calendar_json, shapes_that_are_refused)
{
    static const struct {
        const char *text, *at, *reason;
    } cases[] = {
        {"7", "", "must be an object"},
        {"[]", "", "must be an object"},
        {"{}", "/zone", "is missing"},
        {"{\"zone\": 7}", "/zone", "must be the name of a time zone"},
        {"{\"zone\": \"Mars/Olympus\"}", "/zone", "is no time zone"},
        {"{\"zone\": \"UTC\\u0000x\"}", "/zone", "is no time zone"},
        {"{\"zone\": \"UTC\", \"wekly\": {}}", "/wekly", "\"weekly\""},
        {"{\"zone\": \"UTC\", \"Weekly\": {}}", "/Weekly", "\"weekly\""},
        {"{\"zone\": \"UTC\", \"weekly/~\": {}}", "/weekly~1~0", "\"weekly\""},
        {"{\"zone\": \"UTC\", \"weekly\": []}", "/weekly", "must be an object"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"monday\": []}}", "/weekly/monday", "there are mon, tue"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": 9}}", "/weekly/mon", "must be an array"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\"]]}}", "/weekly/mon/0", "[from, to]"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [{}]}}", "/weekly/mon/0", "[from, to]"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[9, \"10:00\"]]}}", "/weekly/mon/0/0", "time of day"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"10:60\"]]}}", "/weekly/mon/0/1",
         "time of day"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"24:00:01\"]]}}", "/weekly/mon/0/1",
         "time of day"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"9:00\", \"10:00\"]]}}", "/weekly/mon/0/0",
         "time of day"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"10:00Z\"]]}}", "/weekly/mon/0/1",
         "time of day"},
        {"{\"zone\": \"UTC\", \"closed\": {}}", "/closed", "must be an array"},
        {"{\"zone\": \"UTC\", \"closed\": [\"2026-1-1\"]}", "/closed/0", "2026-"},
        {"{\"zone\": \"UTC\", \"closed\": [null]}", "/closed/0", "2026-"},
        {"{\"zone\": \"UTC\", \"yearly\": [\"2026-12-25\"]}", "/yearly/0", "12-25"},
        {"{\"zone\": \"UTC\", \"open\": []}", "/open", "must be an object"},
        {"{\"zone\": \"UTC\", \"open\": {\"today\": []}}", "/open/today", "2026-"},
        {"{\"union\": []}", "/union", "at least one"},
        {"{\"union\": {}}", "/union", "at least one"},
        {"{\"union\": [7]}", "/union/0", "must be an object"},
        {"{\"union\": [{\"always\": true}], \"zone\": \"UTC\"}", "", "stand alone"},
        {"{\"always\": true, \"weekly\": {}}", "", "stand alone"},
        {"{\"always\": false}", "/always", "only be true"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_fault(cases[i].text, cases[i].at, cases[i].reason);
}

Test(calendar_json, what_the_domain_refuses_has_its_place)
{
    static const struct {
        const char *text, *at, *reason;
    } cases[] = {
        {"{\"zone\": \"UTC\"}", "", "never opens"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": []}}", "", "never opens"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"09:00\"]]}}", "/weekly/mon/0", "empty"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"sun\": [[\"24:00\", \"09:00\"]]}}", "/weekly/sun/0",
         "starts before"},
        {"{\"zone\": \"UTC\", \"weekly\": {\"sun\": [[\"09:00\", \"17:00\"], [\"16:00\", \"18:00\"]]}}",
         "/weekly/sun/1", "overlaps"},
        {"{\"zone\": \"UTC\", \"closed\": [\"2026-02-28\", \"2026-02-29\"]}", "/closed/1",
         "a date that exists"},
        {"{\"zone\": \"UTC\", \"yearly\": [\"02-29\", \"02-30\"]}", "/yearly/1", "a day of every year"},
        {"{\"zone\": \"UTC\", \"open\": {\"2026-02-28\": [[\"09:00\", \"10:00\"]], \"2026-02-30\": "
         "[[\"09:00\", "
         "\"10:00\"]]}}",
         "/open/2026-02-30", "a date that exists"},
        {"{\"zone\": \"UTC\", \"open\": {\"2026-02-28\": []}}", "/open/2026-02-28", "no hours"},
        {"{\"zone\": \"UTC\", \"open\": {\"2026-02-28\": [[\"09:00\", \"10:00\"], [\"12:00\", \"12:00\"]]}}",
         "/open/2026-02-28/1", "empty"},
        {"{\"intersection\": [" SHIFT(
             "Asia/Shanghai") ", {\"zone\": \"Asia/Shanghai\", \"weekly\": {\"tue\": "
                              "[[\"09:00\", \"17:00\"]]}}]}",
         "/intersection/1", "never open together"},
        {"{\"union\": [" SHIFT("UTC") ", {\"zone\": \"UTC\"}]}", "/union/1", "never opens"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_fault(cases[i].text, cases[i].at, cases[i].reason);
}

/* A text with `n` times `part` between `before` and `after`, separated by commas. */
static char *repeat(const char *before, const char *part, int n, const char *after)
{
    struct buf text = BUF_INIT;

    buf_add_text(&text, before);
    for (int i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i ? "," : "", part);
    buf_add_text(&text, after);
    return buf_take(&text);
}

/* Calendars of 16 windows of a minute on every day, no two of which touch: 32 a day are allowed, 48 are not.
 */
Test(calendar_json, a_union_may_not_be_too_fine)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_text(&text, "{\"union\": [");
    for (int part = 0; part < 3; part++) {
        buf_printf(&text, "%s{\"zone\": \"UTC\", \"weekly\": {", part ? "," : "");
        for (size_t day = 0; day < ARRAY_SIZE(days); day++) {
            buf_printf(&text, "%s\"%s\": [", day ? "," : "", days[day]);
            for (int i = 0; i < CALENDAR_WINDOWS_MAX; i++)
                buf_printf(&text, "%s[\"%02d:%02d\", \"%02d:%02d\"]", i ? "," : "", i, part * 10, i,
                           part * 10 + 1);
            buf_add_text(&text, "]");
        }
        buf_add_text(&text, "}}");
    }
    buf_add_text(&text, "]}");
    expect_fault(buf_text(&text), "/union/2", "more than 1048576 times");
}

Test(calendar_json, limits)
{
    static const char union_of[] = "{\"union\": [";
    _cleanup_(freep) char *windows = repeat("{\"zone\": \"UTC\", \"weekly\": {\"mon\": [",
                                            "[\"09:00\", \"10:00\"]", CALENDAR_WINDOWS_MAX + 1, "]}}");
    _cleanup_(freep) char *dates =
        repeat("{\"zone\": \"UTC\", \"closed\": [", "\"2026-01-01\"", CALENDAR_DATES_MAX + 1, "]}");
    _cleanup_(freep) char *parts = repeat(union_of, "{\"always\": true}", CALENDAR_JSON_PARTS_MAX, "]}");
    _cleanup_(freep) char *deep = mem_printf("%s%s%s%s%s{\"always\": true}]}]}]}]}]}", union_of, union_of,
                                             union_of, union_of, union_of);

    expect_fault(windows, "/weekly/mon", "at most 16");
    expect_fault(dates, "/closed", "at most 4096");
    expect_fault(parts, "/union/31", "at most 32");
    expect_fault(deep, "/union/0/union/0/union/0/union/0/union", "more than 4 deep");
}
