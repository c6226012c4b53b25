/* What the JSON form of a plan means, and every way in which it is refused: reason and place. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/sla_plan_json.h"
#include <criterion/criterion.h>

static int read_text(const char *text, struct sla_document **ret_document, struct plan_fault *fault)
{
    json_auto_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    cr_assert_not_null(json, "%s", text);
    return sla_plan_json_read(json, 7, NULL, ret_document, fault);
}

static struct sla_document *document_of(const char *text)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    cr_assert_eq(read_text(text, &document, &fault), 0, "%s: %s at \"%s\"", text, buf_text(&fault.reason),
                 buf_text(&fault.at));
    return document;
}

static void expect_fault(const char *text, const char *at, const char *reason)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    cr_expect_eq(read_text(text, &document, &fault), -E_VALIDATION, "%s", text);
    cr_expect_str_eq(buf_text(&fault.at), at, "%s", text);
    cr_expect(strstr(buf_text(&fault.reason), reason), "%s: \"%s\"", text, buf_text(&fault.reason));
    cr_expect_null(document);
}

struct refusal {
    const char *text, *at, *reason;
};

/* `before` and `after` are the rest of the plan; places are within it. */
static void expect_faults(const char *before, const char *place, const struct refusal *cases, size_t n,
                          const char *after)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *text = mem_printf("%s%s%s", before, cases[i].text, after);
        _cleanup_(freep) char *at = mem_printf("%s%s", place, cases[i].at);

        expect_fault(text, at, cases[i].reason);
    }
}

/* ---- what it means ---- */

static const char whole[] =
    "{\"calendars\": {\"berlin\": {\"zone\": \"Europe/Berlin\", \"weekly\": {\"mon\": [[\"09:00\", "
    "\"17:00\"]]}},"
    " \"sun\": {\"union\": [{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]]}}]}},"
    " \"default_calendar\": \"berlin\","
    " \"attach\": {\"team\": {\"network\": \"sun\"}, \"contract\": {\"gold\": \"always\", \"silver\": "
    "\"berlin\"}},"
    " \"policies\": ["
    "  {\"name\": \"P1\", \"when\": {\"priority\": 1}, \"targets\": {"
    "   \"first_response\": {\"amount\": \"30m\", \"calendar\": \"always\", \"warn_percent\": 50},"
    "   \"level_1\": {\"amount\": 60, \"start\": {\"tier\": \"1\", \"state\": [\"new\", \"open\"]},"
    "    \"stop\": {\"tier\": [2, 3]}, \"cancel\": \"never\", \"again\": \"anew\"}}},"
    "  {\"name\": \"rest\", \"targets\": {\"resolve\": {\"amount\": {\"working_days\": 2}}}}]}";

Test(sla_plan_json, all_parts_together)
{
    _cleanup_sla_document_ struct sla_document *document = document_of(whole);
    const struct sla_plan *plan = &document->plan;
    const struct sla_target *response = &plan->policies[0].targets[0], *level = &plan->policies[0].targets[1];

    cr_expect_eq(plan->version, 7);
    cr_assert_eq(plan->ncalendars, 3);
    cr_expect_str_eq(plan->calendars[0].name, "always");
    cr_expect_null(plan->calendars[0].calendar);
    cr_expect_str_eq(zone_name(plan->calendars[1].zone), "Europe/Berlin");
    cr_expect_null(plan->calendars[2].zone, "calendars of calendars count their days in UTC");
    cr_expect_str_eq(plan->usual->name, "berlin");
    cr_assert_eq(plan->nattachments, 3);
    cr_expect_eq(plan->attachments[0].source, SLA_BY_CONTRACT);
    cr_expect_str_eq(plan->attachments[0].value, "gold");
    cr_expect_eq(plan->attachments[2].source, SLA_BY_TEAM);
    cr_expect_eq(plan->attachments[2].calendar, &plan->calendars[2]);
    cr_assert_eq(plan->npolicies, 2);
    cr_assert_eq(plan->policies[0].ntargets, 2);
    cr_expect(strcmp(response->name, "first_response") == 0 && response->amount_s == 1800);
    cr_expect(response->warn_percent == 50 && strcmp(response->calendar, "always") == 0);
    cr_expect(level->amount_s == 60 && level->warn_percent == 75 && !level->calendar);
    cr_expect(level->cancels == SLA_CANCELS_NEVER && level->again == SLA_AGAIN_ANEW);
    cr_expect(!level->pauses && !level->resets);
    cr_expect_eq(plan->policies[1].targets[0].working_days, 2);
}

static bool stops(const struct sla_target *target, enum sla_field field, const char *value)
{
    struct sla_facts facts = {
        .values = {[SLA_STATE] = "open", [SLA_RESPONDED] = "no", [SLA_AWAITING] = "agent"}};

    facts.values[field] = value;
    return sla_condition_holds(&target->stop, &facts);
}

Test(sla_plan_json, standard_targets_know_their_conditions)
{
    _cleanup_sla_document_ struct sla_document *document = document_of(
        "{\"policies\": [{\"name\": \"p\", \"targets\": {\"first_response\": {\"amount\": 1}, "
        "\"resolve\": {\"amount\": 1}, \"next_reply\": {\"amount\": 1}, \"update\": {\"amount\": 1}}}]}");
    const struct sla_policy *policy = document->plan.policies;
    const struct sla_target *response = sla_policy_target(policy, "first_response"),
                            *resolve = sla_policy_target(policy, "resolve"),
                            *next = sla_policy_target(policy, "next_reply"),
                            *update = sla_policy_target(policy, "update");

    cr_expect(!stops(response, SLA_STATE, "open") && stops(response, SLA_STATE, "resolved"));
    cr_expect(stops(response, SLA_RESPONDED, "yes") && response->again == SLA_AGAIN_NEVER);
    cr_expect(!stops(resolve, SLA_RESPONDED, "yes") && stops(resolve, SLA_STATE, "closed"));
    cr_expect(resolve->again == SLA_AGAIN_CONTINUE && resolve->pauses);
    cr_expect(stops(next, SLA_AWAITING, "requester") && next->again == SLA_AGAIN_ANEW && !next->pauses);
    cr_expect(update->resets && update->pauses && update->again == SLA_AGAIN_ANEW);
    for (size_t i = 0; i < policy->ntargets; i++)
        cr_expect_eq(policy->targets[i].cancels, SLA_CANCELS_WHEN);
    cr_expect_eq(document->plan.usual->calendar, NULL);
}

Test(sla_plan_json, standard_conditions_are_replaced_one_by_one)
{
    _cleanup_sla_document_ struct sla_document *document =
        document_of("{\"policies\": [{\"name\": \"p\", \"targets\": {\"resolve\": {\"amount\": 1, \"stop\": "
                    "{\"owned\": \"yes\"},"
                    " \"again\": \"never\", \"pause\": {\"not\": {}}}}}]}");
    const struct sla_target *resolve = document->plan.policies[0].targets;

    cr_expect(!stops(resolve, SLA_STATE, "resolved") && stops(resolve, SLA_OWNED, "yes"));
    cr_expect(resolve->again == SLA_AGAIN_NEVER && resolve->cancels == SLA_CANCELS_WHEN);
}

Test(sla_plan_json, amounts)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"90", 90},        {"\"90s\"", 90},           {"\"30m\"", 1800},
                 {"\"4h\"", 14400}, {"\"87840h\"", 316224000}, {"316224000", 316224000}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *text =
            mem_printf("{\"policies\": [{\"name\": \"p\", \"targets\": {\"resolve\": {\"amount\": %s}}}]}",
                       cases[i].text);
        _cleanup_sla_document_ struct sla_document *document = document_of(text);

        cr_expect_eq(document->plan.policies[0].targets[0].amount_s, cases[i].seconds, "%s", cases[i].text);
    }
}

Test(sla_plan_json, versions_of_calendars)
{
    json_auto_t *json = json_loads(whole, 0, NULL), *versions = json_pack("{s:i}", "sun", 3);
    json_auto_t *before = json_deep_copy(json);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_sla_document_ struct sla_document *document = NULL;

    cr_assert_eq(sla_plan_json_read(json, 12, versions, &document, &fault), 0);
    cr_expect(json_equal(json, before), "the caller's document is not completed");
    cr_expect_eq(sla_plan_named(&document->plan, "sun")->version, 3);
    cr_expect_eq(sla_plan_named(&document->plan, "berlin")->version, 0);
    cr_expect_null(sla_document_free(NULL));
}

Test(sla_plan_json, no_policies_is_a_plan)
{
    _cleanup_sla_document_ struct sla_document *document = document_of("{\"policies\": []}");

    cr_expect_eq(document->plan.npolicies, 0);
    cr_expect_eq(document->plan.ncalendars, 1);
}

/* ---- what is refused ---- */

Test(sla_plan_json, shapes_that_are_refused)
{
    static const struct refusal cases[] = {
        {"7", "", "must be an object"},
        {"{}", "/policies", "is missing; must be an array"},
        {"{\"policies\": {}}", "/policies", "must be an array"},
        {"{\"polices\": []}", "/polices", "did you mean \"policies\"?"},
        {"{\"calendars\": []}", "/calendars", "must be an object"},
        {"{\"calendars\": {\"\": {}}}", "/calendars/", "must be named by 1 to 63 letters, digits, _ and -"},
        {"{\"calendars\": {\"a b\": {}}}", "/calendars/a b", "must be named by"},
        {"{\"calendars\": {\"always\": {\"zone\": \"UTC\"}}}", "/calendars/always",
         "is a name that is taken"},
        {"{\"calendars\": {\"c\": 7}}", "/calendars/c", "must be an object"},
        {"{\"calendars\": {\"c\": {\"zone\": \"UTC\"}}}", "/calendars/c", "never opens"},
        {"{\"calendars\": {\"c\": {\"zone\": \"Mars\"}}}", "/calendars/c/zone", "is no time zone"},
        {"{\"default_calendar\": 7}", "/default_calendar", "must be a text"},
        {"{\"default_calendar\": \"allways\"}", "/default_calendar",
         "names no calendar of \"calendars\"; did you mean \"always\"?"},
        {"{\"default_calendar\": \"berlin\"}", "/default_calendar", "names no calendar"},
        {"{\"attach\": []}", "/attach", "must be an object"},
        {"{\"attach\": {\"teams\": {}}}", "/attach/teams", "did you mean \"team\"?"},
        {"{\"attach\": {\"site\": []}}", "/attach/site", "must be an object"},
        {"{\"attach\": {\"site\": {\"a/b\": 1}}}", "/attach/site/a~1b", "must be a text"},
        {"{\"attach\": {\"site\": {\"x\": \"y\"}}}", "/attach/site/x", "names no calendar"},
    };

    expect_faults("", "", cases, ARRAY_SIZE(cases), "");
}

#define TARGETS "\"targets\": {\"resolve\": {\"amount\": 1}}"

Test(sla_plan_json, policies_that_are_refused)
{
    static const struct refusal cases[] = {
        {"7", "/0", "must be an object"},
        {"{}", "/0/name", "is missing"},
        {"{\"name\": \"\"}", "/0/name", "must not be empty"},
        {"{\"name\": \"P 1\"}", "/0/name", "must be named by"},
        {"{\"name\": \"p\"}", "/0/targets", "is missing"},
        {"{\"name\": \"p\", \"targets\": []}", "/0/targets", "must be an object"},
        {"{\"name\": \"p\", \"if\": {}, " TARGETS "}", "/0/if", "there are name, when, targets"},
        {"{\"name\": \"p\", \"when\": 1, " TARGETS "}", "/0/when", "must be a condition"},
        {"{\"name\": \"p\", " TARGETS "}, {\"name\": \"q\", \"when\": {\"priority\": 1}, " TARGETS "}", "/1",
         "is never reached: the policies before it take all"},
        {"{\"name\": \"p\", \"when\": {\"priority\": 1}, " TARGETS "}, {\"name\": \"p\", " TARGETS "}", "/1",
         "has the name of another policy, \"p\""},
        {"{\"name\": \"p\", \"when\": {\"all\": [{\"priority\": 1}, {\"priority\": 2}]}, \"targets\": {}}",
         "/0", "is never reached"},
    };

    expect_faults("{\"policies\": [", "/policies", cases, ARRAY_SIZE(cases), "]}");
}

Test(sla_plan_json, targets_that_are_refused)
{
    static const struct refusal cases[] = {
        {"\"a b\": {\"amount\": 1}", "/a b", "must be named by"},
        {"\"resolve\": 1", "/resolve", "must be an object"},
        {"\"resolve\": {}", "/resolve/amount", "is missing"},
        {"\"resolve\": {\"amount\": 0}", "/resolve/amount", "must be from 1 to 316224000"},
        {"\"resolve\": {\"amount\": 316224001}", "/resolve/amount", "must be from 1 to 316224000"},
        {"\"resolve\": {\"amount\": 1.5}", "/resolve/amount", "whole number"},
        {"\"resolve\": {\"amount\": \"1d\"}", "/resolve/amount",
         "is not clear: write 24h for a day of 24 hours, {\"working_days\": 1} for a working day"},
        {"\"resolve\": {\"amount\": \"\"}", "/resolve/amount", "must be seconds, or a time as"},
        {"\"resolve\": {\"amount\": \"h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"0h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"-1h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"1h30m\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"1 h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"90\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"87841h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": \"30m\\u0000h\"}", "/resolve/amount", "must be seconds"},
        {"\"resolve\": {\"amount\": {}}", "/resolve/amount/working_days", "is missing"},
        {"\"resolve\": {\"amount\": {\"working_days\": 0}}", "/resolve/amount/working_days", "from 1 to 366"},
        {"\"resolve\": {\"amount\": {\"working_days\": 367}}", "/resolve/amount/working_days",
         "from 1 to 366"},
        {"\"resolve\": {\"amount\": {\"days\": 1}}", "/resolve/amount/days", "there are working_days"},
        {"\"resolve\": {\"amount\": 1, \"warn_percent\": 100}", "/resolve/warn_percent", "from 1 to 99"},
        {"\"resolve\": {\"amount\": 1, \"calendar\": \"x\"}", "/resolve/calendar", "names no calendar"},
        {"\"resolve\": {\"amount\": 1, \"again\": \"always\"}", "/resolve/again",
         "must be \"never\", \"continue\" or \"anew\""},
        {"\"resolve\": {\"amount\": 1, \"again\": true}", "/resolve/again", "must be \"never\""},
        {"\"resolve\": {\"amount\": 1, \"pauses\": {}}", "/resolve/pauses", "did you mean \"pause\"?"},
        {"\"resolve\": {\"amount\": 1, \"pause\": null}", "/resolve/pause", "must be a condition"},
        {"\"resolve\": {\"amount\": 1, \"cancel\": \"always\"}", "/resolve/cancel", "must be a condition"},
        {"\"mine\": {\"amount\": 1}", "/mine/stop", "is missing: a target needs to know when it is met"},
    };

    expect_faults("{\"policies\": [{\"name\": \"p\", \"targets\": {", "/policies/0/targets", cases,
                  ARRAY_SIZE(cases), "}}]}");
}

/* The traps, with the place of the target. */
Test(sla_plan_json, contradictions_that_are_refused)
{
    static const struct refusal cases[] = {
        {"\"stop\": {\"not\": {}}", "", "can never stop"},
        {"\"stop\": {\"state\": \"resolved\"}, \"start\": {\"priority\": 2}", "",
         "can never start: no ticket"},
        {"\"stop\": {\"state\": [\"new\", \"open\"]}, \"start\": {\"state\": \"new\"}", "", "and stop wins"},
        {"\"stop\": {\"tier\": 2}, \"start\": {\"tier\": 1}, \"cancel\": {}", "",
         "fulfils its \"cancel\" too"},
        {"\"stop\": {\"tier\": 2}, \"start\": {\"tier\": 1}, \"pause\": {\"tier\": 1}", "",
         "paused for ever"},
        {"\"stop\": {\"tier\": 2}, \"start\": {\"state\": \"open\"}, \"pause\": {\"state\": \"pending\"}", "",
         "cancelled instead of paused"},
    };

    expect_faults("{\"policies\": [{\"name\": \"p\", \"when\": {\"priority\": 1}, \"targets\": {\"t\": "
                  "{\"amount\": 1, ",
                  "/policies/0/targets/t", cases, ARRAY_SIZE(cases), "}}}]}");
}

Test(sla_plan_json, conditions_that_are_refused)
{
    static const struct refusal cases[] = {
        {"[]", "", "must be a condition: an object, as {\"state\": [\"open\"]}"},
        {"{\"stat\": \"new\"}", "/stat", "is no field of a ticket; did you mean \"state\"?"},
        {"{\"assignee\": \"x\"}", "/assignee", "is no field of a ticket"},
        {"{\"nto\": {}}", "/nto", "did you mean \"not\"?"},
        {"{\"state\": \"opened\"}", "/state",
         "must be a value of \"state\": new, open, pending, resolved, closed, cancelled"},
        {"{\"state\": []}", "/state", "must list at least one value"},
        {"{\"state\": [\"new\", 7]}", "/state/1", "must be a value of \"state\""},
        {"{\"state\": \"new\\u0000\"}", "/state", "must be a value of \"state\""},
        {"{\"state\": {}}", "/state", "must be a value of \"state\""},
        {"{\"priority\": 5}", "/priority", "must be a value of \"priority\": 1, 2, 3, 4"},
        {"{\"priority\": 1.0}", "/priority", "must be a value of \"priority\""},
        {"{\"owned\": true}", "/owned", "must be a value of \"owned\": yes, no"},
        {"{\"team\": 7}", "/team", "must be a text"},
        {"{\"team\": [\"a\", \"\"]}", "/team/1", "must not be empty"},
        {"{\"any\": []}", "/any", "must list at least one condition"},
        {"{\"all\": {}}", "/all", "must be an array"},
        {"{\"all\": [{}, 7]}", "/all/1", "must be a condition"},
        {"{\"not\": []}", "/not", "must be a condition"},
        {"{\"event\": \"ticket.replied\"}", "/event",
         "can only be asked in \"reset\": it tells of one moment"},
        {"{\"any\": [{\"by\": \"agent\"}]}", "/any/0/by", "can only be asked in \"reset\""},
        {"{\"even\": 1}", "/even", "is no field of a ticket"},
    };

    expect_faults("{\"policies\": [{\"name\": \"p\", \"when\": ", "/policies/0/when", cases,
                  ARRAY_SIZE(cases), ", " TARGETS "}]}");
}

Test(sla_plan_json, every_condition_of_a_target_is_read_strictly)
{
    static const char *const names[] = {"start", "stop", "pause", "reset", "cancel"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(freep) char *text =
            mem_printf("{\"policies\": [{\"name\": \"p\", \"targets\": {\"update\": {\"amount\": 1, \"%s\": "
                       "{\"stat\": 1}}}}]}",
                       names[i]);
        _cleanup_(freep) char *moment =
            mem_printf("{\"policies\": [{\"name\": \"p\", \"targets\": {\"update\": {\"amount\": 1, \"%s\": "
                       "{\"by\": \"agent\"}}}}]}",
                       names[i]);
        _cleanup_(freep) char *at = mem_printf("/policies/0/targets/update/%s/stat", names[i]);
        _cleanup_(freep) char *by = mem_printf("/policies/0/targets/update/%s/by", names[i]);

        expect_fault(text, at, "did you mean \"state\"?");
        if (strcmp(names[i], "reset") == 0)
            sla_document_free(document_of(moment));
        else
            expect_fault(moment, by, "can only be asked in \"reset\"");
    }
}

/* ---- limits ---- */

/* A part for each number below n, with commas between; # is the number. */
static char *repeat(const char *before, const char *part, int n, const char *after)
{
    struct buf text = BUF_INIT;

    buf_add_text(&text, before);
    for (int i = 0; i < n; i++) {
        buf_add_text(&text, i ? "," : "");
        for (const char *p = part; *p; p++) {
            if (*p == '#')
                buf_add_i64(&text, i);
            else
                buf_add_char(&text, *p);
        }
    }
    buf_add_text(&text, after);
    return buf_take(&text);
}

static void expect_limit(const char *before, const char *part, int max, const char *after, const char *at,
                         const char *reason)
{
    _cleanup_(freep) char *most = repeat(before, part, max, after),
                          *more = repeat(before, part, max + 1, after);

    sla_document_free(document_of(most));
    expect_fault(more, at, reason);
}

#define WHEN "{\"policies\": [{\"name\": \"p\", \"when\": "

Test(sla_plan_json, limits)
{
    expect_limit("{\"policies\": [", "{\"name\": \"p#\", \"when\": {\"team\": \"#\"}, \"targets\": {}}",
                 SLA_POLICIES_MAX, "]}", "/policies", "has 201 items; at most 200 are allowed");
    expect_limit("{\"policies\": [{\"name\": \"p\", \"targets\": {",
                 "\"t#\": {\"amount\": 1, \"stop\": {\"tier\": 2}}", SLA_TARGETS_MAX, "}}]}",
                 "/policies/0/targets", "has 33 members; at most 32 are allowed");
    expect_limit("{\"policies\": [], \"attach\": {\"site\": {", "\"s#\": \"always\"", SLA_ATTACHMENTS_MAX,
                 "}}}", "/attach/site", "at most 10000 are allowed");
    expect_limit("{\"policies\": [], \"attach\": {\"contract\": {\"x\": \"always\"}, \"site\": {",
                 "\"s#\": \"always\"", SLA_ATTACHMENTS_MAX - 1, "}}}", "/attach/site/s9999",
                 "is one too many; at most 10000 are allowed");
    expect_limit("{\"policies\": [], \"calendars\": {", "\"c#\": {\"always\": true}", SLA_CALENDARS_MAX, "}}",
                 "/calendars", "has 501 members; at most 500 are allowed");
    expect_limit(WHEN "{\"team\": [", "\"t#\"", 200, "]}, \"targets\": {}}]}", "/policies/0/when/team",
                 "has 201 items; at most 200 are allowed");
    expect_limit(WHEN "{\"any\": [", "{\"team\": \"t#\"}", 64, "]}, \"targets\": {}}]}",
                 "/policies/0/when/any", "has 65 items; at most 64 are allowed");
}

Test(sla_plan_json, depth_and_names_have_limits)
{
    _cleanup_(freep) char *long_name = mem_printf("{\"policies\": [{\"name\": \"%064d\"}]}", 0);
    _cleanup_(freep) char *long_key =
        mem_printf("{\"policies\": [{\"name\": \"p\", \"targets\": {\"%064d\": {}}}]}", 0);
    _cleanup_(freep) char *long_key_at = mem_printf("/policies/0/targets/%064d", 0);

    expect_fault(long_name, "/policies/0/name", "must have at most 63 characters");
    expect_fault(long_key, long_key_at, "must be named by 1 to 63");
    sla_document_free(document_of(WHEN "{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{"
                                       "\"tier\": 1}}}}}}}}, \"targets\": {}},"
                                       "{\"name\": \"q\", \"targets\": {}}]}"));
    expect_fault(WHEN "{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{}}}}}}}}}, "
                      "\"targets\": {}}]}",
                 "/policies/0/when/not/not/not/not/not/not/not/not", "is nested too deep; at most 8 levels");
}

/* ---- after the work is done ---- */

Test(sla_plan_json, closing)
{
    struct sla_document *document = document_of(
        "{\"calendars\": {\"monday\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]]}}},"
        " \"default_calendar\": \"monday\", \"policies\": [], \"closing\": {\"auto_close\": "
        "{\"working_days\": 2}, \"survey\": \"24h\", \"pending_reminder\": 3600}}");
    const struct sla_closing *closing = &document->plan.closing;

    cr_expect_eq(closing->survey_s, 86400);
    cr_expect_eq(closing->remind_s, 3600);
    cr_expect_str_eq(closing->calendar->name, "monday");
    /* Monday 2026-03-02, ten in the morning: two Mondays later. */
    cr_expect_eq(sla_closing_due(closing, (struct instant){INT64_C(1772445600) * 1000000}).us,
                 INT64_C(1773655200) * 1000000);
    sla_document_free(document);

    document = document_of("{\"policies\": []}");
    cr_expect_eq(document->plan.closing.survey_s, 0);
    cr_expect_eq(sla_closing_due(&document->plan.closing, (struct instant){1}).us, 0);
    sla_document_free(document);
}

Test(sla_plan_json, closing_refused)
{
    static const struct refusal cases[] = {
        {"{\"auto_close\": \"5d\"}", "/auto_close", "working_days"},
        {"{\"survey\": {\"working_days\": 1}}", "/survey", "counts around the clock"},
        {"{\"pending_reminder\": 0}", "/pending_reminder", ""},
        {"{\"calendar\": \"moon\"}", "/calendar", "names no calendar"},
        {"{\"autoclose\": \"5h\"}", "/autoclose", "auto_close"},
    };

    expect_faults("{\"policies\": [], \"closing\": ", "/closing", cases, ARRAY_SIZE(cases), "}");
}
