/* deskctl sla test: plans in files, questions and answers, line by line, and the command around them. */
#include "base/memory.h"
#include "deskctl/sla_test.h"
#include "lines.h"
#include "scratch.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>

TestSuite(sla_test, .init = scratch_enter, .fini = scratch_leave);

#define PLAN                                                                                                 \
    "{\"calendars\": {\"berlin\": {\"zone\": \"Europe/Berlin\", \"weekly\": {\"mon\": [[\"09:00\", "         \
    "\"17:00\"]], \"fri\": [[\"09:00\", \"17:00\"]]}}}, \"attach\": {\"team\": {\"network\": \"berlin\"}}, " \
    "\"policies\": [{\"name\": \"P1\", \"when\": {\"priority\": 1}, \"targets\": {\"resolve\": "             \
    "{\"amount\": \"2h\"}, \"first_response\": {\"amount\": \"15m\", \"calendar\": \"always\"}}}, "          \
    "{\"name\": \"L2\", \"when\": {\"tier\": 2}, \"targets\": {}}]}"
#define AT "\"at\": \"2026-03-27T16:00:00+01:00\""

static struct sla_document *read_plan(void)
{
    json_auto_t *json = json_loads(PLAN, 0, NULL);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    cr_assert_eq(sla_plan_json_read(json, 0, NULL, &document, &fault), 0, "%s", buf_text(&fault.reason));
    return document;
}

static json_t *answer_of(const char *question)
{
    _cleanup_sla_document_ struct sla_document *document = read_plan();
    _cleanup_buf_ struct buf got = BUF_INIT;
    json_t *json;

    cr_expect_eq(lines_run(sla_test_answer, document, question, &got, NULL), 0, "%s", buf_text(&got));
    json = json_loadb(got.p, got.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json, "%s", buf_text(&got));
    return json;
}

/* Reads "policy", or "TARGET CYCLE MEMBER" of a clock. */
static void expect(const json_t *answer, const char *target, const char *member, const char *value)
{
    json_t *clock;
    size_t i;

    json_array_foreach(json_object_get(answer, "clocks"), i, clock)
    {
        const char *found = json_string_value(json_object_get(clock, member));

        if (strcmp(json_string_value(json_object_get(clock, "target")), target) == 0) {
            cr_expect(found && strcmp(found, value) == 0, "%s %s: %s", target, member,
                      found ? found : "(none)");
            return;
        }
    }
    cr_expect_fail("no clock %s", target);
}

Test(sla_test, a_ticket_that_has_just_come_in)
{
    json_auto_t *answer = answer_of("{\"ticket\": {\"priority\": 1, \"team\": \"network\"}, " AT "}");

    cr_expect_str_eq(json_string_value(json_object_get(answer, "policy")), "P1");
    cr_expect_str_eq(json_string_value(json_object_get(answer, "at")), "2026-03-27T15:00:00Z");
    expect(answer, "first_response", "due_at", "2026-03-27T15:15:00Z");
    expect(answer, "resolve", "due_at", "2026-03-30T08:00:00Z");
}

Test(sla_test, levels_may_be_texts_as_in_conditions)
{
    json_auto_t *one = answer_of("{\"ticket\": {\"priority\": \"1\"}, " AT "}");
    json_auto_t *two = answer_of("{\"ticket\": {\"priority\": 3, \"tier\": \"2\"}, " AT "}");
    json_auto_t *none = answer_of("{\"ticket\": {\"priority\": null, \"tier\": null}, " AT "}");

    cr_expect_str_eq(json_string_value(json_object_get(one, "policy")), "P1");
    cr_expect_str_eq(json_string_value(json_object_get(two, "policy")), "L2");
    cr_expect(json_is_null(json_object_get(none, "policy")));
}

#define EVENT(type, at, actor, data)                                                                         \
    "{\"type\": \"" type "\", \"at\": \"2026-03-27T" at "Z\", \"actor\": \"" actor "\", \"data\": " data "}"
#define CREATED                                                                                              \
    EVENT("ticket.created", "12:00:00", "wei",                                                               \
          "{\"state\": \"new\", \"priority\": 1, \"requester\": \"wei\"}")

Test(sla_test, a_story)
{
    json_auto_t *answer =
        answer_of("{\"events\": [" CREATED "," EVENT("ticket.replied", "12:10:00", "ann", "{}") "," EVENT(
            "ticket.pended", "12:30:00", "ann", "{\"state\": \"pending\"}") "]}");

    expect(answer, "first_response", "state", "met");
    expect(answer, "resolve", "state", "paused");
    cr_expect_str_eq(json_string_value(json_object_get(answer, "at")), "2026-03-27T12:30:00Z");
}

Test(sla_test, as_of_a_later_now)
{
    json_auto_t *answer = answer_of("{\"events\": [" CREATED "], \"now\": \"2026-03-27T13:00:00Z\"}");

    cr_expect_str_eq(json_string_value(json_object_get(answer, "at")), "2026-03-27T13:00:00Z");
    cr_expect_eq(json_integer_value(
                     json_object_get(json_array_get(json_object_get(answer, "clocks"), 0), "counted_s")),
                 3600);
}

Test(sla_test, faults_name_their_place)
{
    static const struct {
        const char *question, *at, *reason;
    } cases[] = {
        {"\n", "", "is not JSON"},
        {"[]", "", "must be an object"},
        {"{}", "/ticket", "is missing"},
        {"{\"tickets\": {}}", "/tickets", "did you mean \\\"ticket\\\"?"},
        {"{\"ticket\": {}}", "/at", "must be a time with an offset from 1990 to 2059"},
        {"{\"ticket\": {}, \"at\": \"2026-03-27T16:00:00\"}", "/at", "must be a time with an offset"},
        {"{\"ticket\": {}, \"at\": \"1989-12-31T23:59:59Z\"}", "/at", "from 1990 to 2059"},
        {"{\"ticket\": {}, \"at\": \"2060-01-01T00:00:00Z\"}", "/at", "from 1990 to 2059"},
        {"{\"ticket\": [], " AT "}", "/ticket", "must be an object"},
        {"{\"ticket\": {\"prio\": 1}, " AT "}", "/ticket/prio", "did you mean \\\"priority\\\"?"},
        {"{\"ticket\": {\"owned\": \"yes\"}, " AT "}", "/ticket/owned", "is no key here"},
        {"{\"ticket\": {\"priority\": 5}, " AT "}", "/ticket/priority", "must be a value of"},
        {"{\"ticket\": {\"state\": \"opened\"}, " AT "}", "/ticket/state", "must be a value of"},
        {"{\"ticket\": {\"team\": [\"a\"]}, " AT "}", "/ticket/team", "must be one value"},
        {"{\"ticket\": {\"team\": 7}, " AT "}", "/ticket/team", "must be a text"},
        {"{\"events\": [" CREATED "], \"ticket\": {}}", "", "not both"},
        {"{\"events\": [" CREATED "], " AT "}", "", "not both"},
        {"{\"events\": {}}", "/events", "must be an array"},
        {"{\"events\": []}", "/events", "at least one event"},
        {"{\"events\": [{}]}", "/events/0/type", "is missing"},
        {"{\"events\": [{\"type\": \"ticket.created\"}]}", "/events/0/at", "must be a time with an offset"},
        {"{\"events\": [{\"type\": \"ticket.created\", " AT "}]}", "/events/0/actor", "is missing"},
        {"{\"events\": [{\"type\": \"ticket.created\", " AT ", \"actor\": \"a\"}]}", "/events/0/data",
         "must be an object"},
        {"{\"events\": [" EVENT("ticket.claimed", "12:00:00", "a", "{}") "]}", "/events/0/type",
         "must be \\\"ticket.created\\\" in the first event"},
        {"{\"events\": [" CREATED "," EVENT("ticket.claimed", "11:59:59", "a", "{}") "]}", "/events/1/at",
         "lies before the event before it"},
        {"{\"events\": [" CREATED "], \"now\": \"2026-03-27T11:59:59Z\"}", "/now",
         "lies before the last event"},
        {"{\"events\": [" CREATED "], \"now\": 7}", "/now", "must be a time with an offset"},
    };
    _cleanup_sla_document_ struct sla_document *document = read_plan();

    cr_redirect_stderr();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf answer = BUF_INIT;
        _cleanup_(freep) char *at = mem_printf("\"at\": \"%s\"}", cases[i].at);

        cr_expect_eq(lines_run(sla_test_answer, document, cases[i].question, &answer, NULL), 1);
        cr_expect(strstr(buf_text(&answer), at) && strstr(buf_text(&answer), cases[i].reason), "%s\n%s",
                  cases[i].question, buf_text(&answer));
    }
}

/* ---- the command ---- */

static void run(const char *line, struct buf *out, int code)
{
    cr_expect_eq(scratch_shell(line, out), code, "%s: %s", line, buf_text(out));
}

Test(sla_test, a_bad_line_does_not_end_the_run_and_ids_come_back)
{
    static const char questions[] = "{\"id\": 1, \"ticket\": {\"priority\": 4}, " AT "}\n"
                                    "7\n"
                                    "{\"id\": {\"a\": [2]}, \"ticket\": {\"priority\": 9}, " AT "}\n"
                                    "{\"ticket\": {\"tier\": 2}, " AT "}\n";
    _cleanup_buf_ struct buf out = BUF_INIT, expected = BUF_INIT;

    scratch_write("plan", STR(PLAN));
    scratch_write("questions", str_from(questions));
    run("sla test -f plan < questions", &out, 1);
    buf_printf(
        &expected,
        "{\"id\": 1, \"policy\":null,\"tzdata\":\"%s\",\"at\":\"2026-03-27T15:00:00Z\",\"clocks\":[]}\n"
        "{\"error\": \"is not JSON: '[' or '{' expected near '7' (column 1)\", \"at\": \"\"}\n"
        "{\"id\": {\"a\": [2]}, \"error\": \"must be a value of \\\"priority\\\": 1, 2, 3, 4\", \"at\": "
        "\"/ticket/priority\"}\n"
        "{\"policy\":\"L2\",\"tzdata\":\"%s\",\"at\":\"2026-03-27T15:00:00Z\",\"clocks\":[]}\n"
        "deskctl: 2 of 4 lines are in error\n",
        zone_tzdata_version(), zone_tzdata_version());
    cr_expect_str_eq(buf_text(&out), buf_text(&expected));
}

static void expect_refused(const char *line, int code, const char *said)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    run(line, &out, code);
    cr_expect(strstr(buf_text(&out), said), "%s: %s", line, buf_text(&out));
}

Test(sla_test, plans_that_cannot_be_used)
{
    scratch_write("broken", STR("{\"policies\":\n [}"));
    scratch_write("twice", STR("{\"policies\": [], \"policies\": []}"));
    scratch_write("empty", STR("{}"));
    scratch_write("list", STR("[]"));
    expect_refused("sla test", 2, "--file is missing");
    expect_refused("sla test -f none", 1, "deskctl: cannot read none: No such file or directory");
    expect_refused("sla test -f broken", 1, "deskctl: broken:2:3: is not YAML: ");
    expect_refused("sla test -f twice", 1,
                   "deskctl: twice:1:18: \"policies\" is there already, in line 1; keep one of them");
    expect_refused("sla test -f empty", 1, "deskctl: empty:1: policies: is missing");
    expect_refused("sla test -f list", 1, "deskctl: list:1: must be an object");
}

/* The same plan in both forms gives the same answers; a fault has its line. */
Test(sla_test, a_plan_in_yaml)
{
    _cleanup_buf_ struct buf json = BUF_INIT, yaml = BUF_INIT;

    scratch_write("plan.json", STR(PLAN));
    scratch_write("plan.yaml", STR("# Berlin and the rest\n"
                                   "calendars:\n"
                                   "  berlin:\n"
                                   "    zone: Europe/Berlin\n"
                                   "    weekly: {mon: [[09:00, 17:00]], fri: [[09:00, 17:00]]}\n"
                                   "attach:\n"
                                   "  team: {network: berlin}\n"
                                   "policies:\n"
                                   "  - name: P1\n"
                                   "    when: {priority: 1}\n"
                                   "    targets:\n"
                                   "      resolve: {amount: 2h}\n"
                                   "      first_response: {amount: 15m, calendar: always}\n"
                                   "  - name: L2\n"
                                   "    when: {tier: 2}\n"
                                   "    targets: {}\n"));
    scratch_write("questions", STR("{\"ticket\": {\"priority\": 1, \"team\": \"network\"}, " AT "}\n"
                                   "{\"ticket\": {\"tier\": 2}, " AT "}\n"));
    run("sla test -f plan.json < questions", &json, 0);
    run("sla test -f plan.yaml < questions", &yaml, 0);
    cr_expect_str_eq(buf_text(&yaml), buf_text(&json));
    scratch_write("plan.yaml",
                  STR("policies:\n  - name: P1\n    targets:\n      resolve:\n        amount: 1d\n"));
    expect_refused("sla test -f plan.yaml", 1,
                   "deskctl: plan.yaml:5: policies[0].targets.resolve.amount: is not clear");
}

Test(sla_test, no_questions_is_success)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    scratch_write("plan", STR(PLAN));
    run("sla test --file plan", &out, 0);
    cr_expect_str_eq(buf_text(&out), "");
}
