/* Feeds of holidays of a plan: what they mean, and every way in which they are refused. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/feed_json.h"
#include "plan/sla_plan_json.h"
#include <criterion/criterion.h>

#define BEFORE                                                                                               \
    "{\"calendars\": {\"office\": {\"zone\": \"Europe/Berlin\", \"weekly\": {\"mon\": [[\"09:00\", "         \
    "\"17:00\"]]}}, \"any\": {\"union\": [{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", "           \
    "\"17:00\"]]}}]}},"                                                                                      \
    " \"policies\": [{\"name\": \"all\", \"targets\": {\"resolve\": {\"amount\": \"4h\"}}}],"                \
    " \"feeds\": "
#define URL  "\"url\": \"https://calendars.example/de.ics\""
#define INTO "\"calendars\": [\"office\"]"
#define DE   "{\"DE\": {" URL ", " INTO

static int read_text(const char *feeds, struct plan_fault *fault)
{
    _cleanup_(freep) char *text = mem_printf("%s%s}", BEFORE, feeds);
    _cleanup_sla_document_ struct sla_document *document = NULL;
    json_auto_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return sla_plan_json_read(json, 7, NULL, &document, fault);
}

Test(feed_json, what_is_right)
{
    static const char *const right[] = {
        "{}", DE "}}",
        DE ", \"every\": \"5m\", \"except\": [\"Break\"], \"hours\": [[\"09:00\", \"12:00\"], [\"13:00\", "
           "\"17:00\"]]}, \"DE_2-b\": {\"url\": \"http://a:8080/x?y=1&z=@\", " INTO ", \"every\": \"31d\"}}"};

    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};

        cr_expect_eq(read_text(right[i], &fault), 0, "%s: %s: %s", right[i], buf_text(&fault.at),
                     buf_text(&fault.reason));
    }
}

Test(feed_json, how_often_and_by_whose_clock)
{
    json_auto_t *plan =
        json_loads("{\"calendars\": {\"a\": {\"zone\": \"Asia/Shanghai\"}, \"b\": {\"zone\": \"UTC\"}}, "
                   "\"feeds\": {\"x\": {\"calendars\": [\"a\", \"b\"], \"every\": \"2d\"}, \"y\": "
                   "{\"calendars\": [\"b\"], \"every\": \"90m\"}, \"z\": {}}}",
                   0, NULL);
    const json_t *feeds = json_object_get(plan, "feeds");

    cr_expect_eq(feed_every_s(json_object_get(feeds, "x")), 2 * DAY_S);
    cr_expect_eq(feed_every_s(json_object_get(feeds, "y")), 5400);
    cr_expect_eq(feed_every_s(json_object_get(feeds, "z")), DAY_S, "once a day when nobody says");
    cr_expect_str_eq(feed_zone(plan, json_object_get(feeds, "x")), "Asia/Shanghai");
    cr_expect_str_eq(feed_zone(plan, json_object_get(feeds, "y")), "UTC");
}

static void expect_refused(const char *feeds, const char *at, const char *reason)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    cr_assert_eq(read_text(feeds, &fault), -E_VALIDATION, "%s", feeds);
    cr_expect_str_eq(buf_text(&fault.at), at, "%s", feeds);
    cr_expect_not_null(strstr(buf_text(&fault.reason), reason), "%s: %s", feeds, buf_text(&fault.reason));
}

Test(feed_json, what_is_refused_and_where)
{
    expect_refused("[]", "/feeds", "must be an object");
    expect_refused("{\"a b\": {" URL ", " INTO "}}", "/feeds/a b", "must be named by");
    expect_refused("{\"DE\": 1}", "/feeds/DE", "must be an object");
    expect_refused("{\"DE\": {" INTO "}}", "/feeds/DE/url", "is missing");
    expect_refused("{\"DE\": {\"url\": \"webcal://a/b\", " INTO "}}", "/feeds/DE/url", "must begin with");
    expect_refused("{\"DE\": {\"url\": \"file:///etc/passwd\", " INTO "}}", "/feeds/DE/url", "must begin");
    expect_refused("{\"DE\": {\"url\": \"https://\", " INTO "}}", "/feeds/DE/url", "names no host");
    expect_refused("{\"DE\": {\"url\": \"https:///x\", " INTO "}}", "/feeds/DE/url", "names no host");
    expect_refused("{\"DE\": {\"url\": \"https://u:p@a/x\", " INTO "}}", "/feeds/DE/url", "a password");
    expect_refused("{\"DE\": {\"url\": \"https://a/b c\", " INTO "}}", "/feeds/DE/url", "printable ASCII");
    expect_refused("{\"DE\": {\"url\": \"https://a/ü\", " INTO "}}", "/feeds/DE/url", "printable ASCII");
    expect_refused("{\"DE\": {" URL "}}", "/feeds/DE/calendars", "is missing");
    expect_refused("{\"DE\": {" URL ", \"calendars\": []}}", "/feeds/DE/calendars", "one calendar at least");
    expect_refused("{\"DE\": {" URL ", \"calendars\": [\"munich\"]}}", "/feeds/DE/calendars/0",
                   "names no calendar");
    expect_refused("{\"DE\": {" URL ", \"calendars\": [\"any\"]}}", "/feeds/DE/calendars/0",
                   "with a zone of its own");
    expect_refused("{\"DE\": {" URL ", \"calendars\": [\"office\", \"office\"]}}", "/feeds/DE/calendars/1",
                   "is there twice");
    expect_refused(DE ", \"every\": \"4m\"}}", "/feeds/DE/every", "from \"5m\" to \"31d\"");
    expect_refused(DE ", \"every\": \"32d\"}}", "/feeds/DE/every", "from \"5m\" to \"31d\"");
    expect_refused(DE ", \"every\": \"d\"}}", "/feeds/DE/every", "from \"5m\" to \"31d\"");
    expect_refused(DE ", \"every\": 3600}}", "/feeds/DE/every", "must be a text");
    expect_refused(DE ", \"except\": [\"\"]}}", "/feeds/DE/except/0", "must not be empty");
    expect_refused(DE ", \"hours\": [[\"09:00\", \"13:00\"], [\"12:00\", \"17:00\"]]}}", "/feeds/DE/hours",
                   "overlaps");
    expect_refused(DE ", \"colour\": 1}}", "/feeds/DE/colour", "");
}
