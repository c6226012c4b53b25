/* How clocks are explained: valid JSON whose sums can be checked by whoever reads it. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/sla_explain_json.h"
#include "plan/sla_history.h"
#include "plan/sla_plan_json.h"
#include <criterion/criterion.h>

static const char the_plan[] =
    "{\"calendars\": {\"office\": {\"zone\": \"Europe/Berlin\", \"weekly\": {\"mon\": [[\"09:00\", "
    "\"12:00\"], "
    "[\"13:00\", \"17:00\"]], \"tue\": [[\"09:00\", \"17:00\"]], \"fri\": [[\"09:00\", \"17:00\"]]}}},"
    " \"attach\": {\"team\": {\"network\": \"office\"}},"
    " \"policies\": [{\"name\": \"P1\", \"when\": {\"priority\": 1}, \"targets\": {\"resolve\": {\"amount\": "
    "\"8h\"},"
    " \"first_response\": {\"amount\": \"30m\", \"calendar\": \"always\"}, \"update\": {\"amount\": "
    "\"1h\"}}}]}";

static struct sla_document *document;
static struct sla_history history;

static const struct sla_plan *find(void *ctx, int64_t version)
{
    (void)ctx;
    (void)version;
    return &document->plan;
}

static void set_up(void)
{
    json_auto_t *json = json_loads(the_plan, 0, NULL), *versions = json_pack("{s:i}", "office", 2);
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    cr_assert_eq(sla_plan_json_read(json, 5, versions, &document, &fault), 0, "%s", buf_text(&fault.reason));
    sla_history_init(&history, find, NULL);
}

static void tear_down(void)
{
    sla_history_fini(&history);
    document = sla_document_free(document);
}
TestSuite(sla_explain_json, .init = set_up, .fini = tear_down);

static struct instant instant_of(const char *text)
{
    struct instant at;

    cr_assert_eq(clock_parse(str_from(text), &at.us), 0, "%s", text);
    return at;
}

static void add(const char *type, const char *at, const char *actor, const char *data)
{
    json_auto_t *json = json_loads(data, 0, NULL);

    cr_assert_not_null(json, "%s", data);
    cr_assert_eq(sla_history_add(&history, type, instant_of(at), actor, json), 0);
}

static json_t *explain(const char *now)
{
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    _cleanup_buf_ struct buf out = BUF_INIT;
    json_t *json;

    sla_fold(history.steps, history.n, &fold);
    sla_explain_json(history.steps, history.n, &fold, instant_of(now), &out);
    json = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json, "%s", buf_text(&out));
    return json;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "(none)";
}

static int64_t number_of(const json_t *object, const char *name)
{
    cr_assert(json_is_integer(json_object_get(object, name)), "%s", name);
    return json_integer_value(json_object_get(object, name));
}

static json_t *clock_of(const json_t *answer, const char *target, int64_t cycle)
{
    json_t *clock;
    size_t i;

    json_array_foreach(json_object_get(answer, "clocks"), i, clock)
    {
        if (strcmp(text_of(clock, "target"), target) == 0 && number_of(clock, "cycle") == cycle)
            return clock;
    }
    cr_assert_fail("no clock %s %d", target, (int)cycle);
    return NULL;
}

/* What counted is what the intervals add up to, and the spans; the rest of the target remains. */
static void expect_sums(const json_t *clock)
{
    int64_t spans_s = 0, intervals_s = 0;
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(clock, "spans"), i, item)
    {
        cr_expect(json_is_true(json_object_get(item, "counted")) !=
                  json_is_true(json_object_get(item, "paused")));
        if (json_object_get(item, "counted"))
            spans_s += number_of(item, "working_s");
    }
    json_array_foreach(json_object_get(clock, "intervals"), i, item) intervals_s +=
        instant_second(instant_of(json_string_value(json_array_get(item, 1)))) -
        instant_second(instant_of(json_string_value(json_array_get(item, 0))));
    cr_expect_eq(spans_s, number_of(clock, "counted_s"));
    cr_expect_eq(number_of(clock, "target_s") - spans_s, number_of(clock, "remaining_s"));
    if (json_is_true(json_object_get(clock, "intervals_complete")))
        cr_expect_eq(intervals_s, spans_s, "%s", text_of(clock, "target"));
}

/* Friday 2026-03-27 16:00 in Berlin; the clocks go forward on the Sunday. */
static void story(void)
{
    add("ticket.created", "2026-03-27T15:00:00Z", "wei",
        "{\"state\": \"new\", \"owner\": null, \"priority\": 1, \"team\": \"network\", \"requester\": "
        "\"wei\"}");
    add("ticket.pended", "2026-03-30T08:00:00Z", "ann", "{\"state\": \"pending\"}");
    add("ticket.resumed", "2026-03-30T12:00:00.5Z", "wei", "{\"state\": \"open\"}");
    add("ticket.replied", "2026-03-30T13:00:00Z", "ann", "{}");
}

Test(sla_explain_json, a_whole_story)
{
    json_auto_t *answer = NULL;
    json_t *clock;

    story();
    answer = explain("2026-03-30T14:30:00Z");
    cr_expect_str_eq(text_of(answer, "policy"), "P1");
    cr_expect_str_eq(text_of(answer, "at"), "2026-03-30T14:30:00Z");
    cr_expect_str_eq(text_of(answer, "tzdata"), zone_tzdata_version());
    cr_expect_eq(json_array_size(json_object_get(answer, "clocks")), 4);

    clock = clock_of(answer, "resolve", 1);
    cr_expect_str_eq(text_of(clock, "state"), "running");
    cr_expect_str_eq(text_of(clock, "policy"), "P1");
    cr_expect_eq(number_of(clock, "plan"), 5);
    cr_expect_str_eq(text_of(json_object_get(clock, "calendar"), "name"), "office");
    cr_expect_eq(number_of(json_object_get(clock, "calendar"), "version"), 2);
    cr_expect_str_eq(text_of(json_object_get(clock, "calendar"), "by"), "team");
    cr_expect_eq(number_of(clock, "counted_s"), 3600 + 3600 + 9000,
                 "Friday, Monday until 10:00 and from 14:00");
    cr_expect_str_eq(text_of(clock, "started_at"), "2026-03-27T15:00:00Z");
    cr_expect_str_eq(text_of(clock, "due_at"), "2026-03-31T10:00:00.5Z");
    cr_expect_eq(json_array_size(json_object_get(clock, "spans")), 3);
    cr_expect_eq(json_array_size(json_object_get(clock, "intervals")), 3);
    cr_expect(json_is_null(json_object_get(clock, "stopped_at")));
    cr_expect_str_eq(text_of(json_array_get(json_object_get(clock, "spans"), 2), "from"),
                     "2026-03-30T12:00:00.5Z");
    cr_expect(json_is_null(json_object_get(json_array_get(json_object_get(clock, "spans"), 2), "to")));
    expect_sums(clock);

    clock = clock_of(answer, "first_response", 1);
    cr_expect_str_eq(text_of(clock, "state"), "met");
    cr_expect_str_eq(text_of(json_object_get(clock, "calendar"), "by"), "target");
    cr_expect_str_eq(text_of(clock, "stopped_at"), "2026-03-30T13:00:00Z");
    cr_expect(json_is_null(json_object_get(clock, "due_at")));
    cr_expect_lt(number_of(clock, "remaining_s"), 0);
    expect_sums(clock);
    expect_sums(clock_of(answer, "update", 1));
    expect_sums(clock_of(answer, "update", 2));
}

Test(sla_explain_json, fired)
{
    json_auto_t *answer = NULL;

    story();
    add("sla.warned", "2026-03-30T13:45:00.123Z", "system:sla", "{\"target\": \"update\", \"cycle\": 2}");
    add("sla.breached", "2026-03-30T14:00:00.000001Z", "system:sla",
        "{\"target\": \"update\", \"cycle\": 2}");
    answer = explain("2026-03-30T14:00:01Z");
    cr_expect_str_eq(text_of(clock_of(answer, "update", 2), "warned_at"), "2026-03-30T13:45:00.123Z");
    cr_expect_str_eq(text_of(clock_of(answer, "update", 2), "breached_at"), "2026-03-30T14:00:00.000001Z");
}

Test(sla_explain_json, no_policy)
{
    json_auto_t *answer = NULL;

    add("ticket.created", "2026-03-27T15:00:00Z", "wei", "{\"state\": \"new\", \"priority\": 4}");
    answer = explain("2026-03-27T15:00:00Z");
    cr_expect(json_is_null(json_object_get(answer, "policy")));
    cr_expect_eq(json_array_size(json_object_get(answer, "clocks")), 0);
}

/* Three days a week, four windows: 200 of them last fifty weeks. */
Test(sla_explain_json, only_so_many_intervals_are_shown)
{
    json_auto_t *answer = NULL;
    json_t *clock;

    story();
    answer = explain("2028-03-27T15:00:00Z");
    clock = clock_of(answer, "resolve", 1);
    cr_expect_eq(json_array_size(json_object_get(clock, "intervals")), SLA_EXPLAIN_INTERVALS_MAX);
    cr_expect(json_is_false(json_object_get(clock, "intervals_complete")));
    expect_sums(clock);
}

Test(sla_explain_json, instants)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "\"1970-01-01T00:00:00Z\""},
                 {1, "\"1970-01-01T00:00:00.000001Z\""},
                 {INT64_C(1774623600500000), "\"2026-03-27T15:00:00.5Z\""},
                 {INT64_C(1774623600120000), "\"2026-03-27T15:00:00.12Z\""}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;

        sla_json_instant(&out, (struct instant){cases[i].us});
        cr_expect_str_eq(buf_text(&out), cases[i].text);
    }
}
