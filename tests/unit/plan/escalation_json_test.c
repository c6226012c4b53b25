/* Escalations and schedules of a plan: what they mean, and every way in which they are refused. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "plan/sla_plan_json.h"
#include <criterion/criterion.h>

#define BEFORE                                                                                               \
    "{\"calendars\": {\"office\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]]}}},"    \
    " \"policies\": [{\"name\": \"all\", \"targets\": {\"resolve\": {\"amount\": \"4h\"}}}],"                \
    " \"schedules\": {\"network\": {\"zone\": \"UTC\", \"rules\": [{\"user\": \"anna\"}, {\"user\": "        \
    "\"bo\"}]}},"                                                                                            \
    " \"escalations\": "
#define E         "{\"name\": \"e\", \"target\": \"resolve\", \"steps\": "
#define LEADS     "\"notify\": [{\"leads\": true}]"
#define STEPS(at) E "[{" at ", " LEADS "}]"

static int read_text(const char *escalations, struct sla_document **ret_document, struct plan_fault *fault)
{
    _cleanup_(freep) char *text = mem_printf("%s%s}", BEFORE, escalations);
    json_auto_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return sla_plan_json_read(json, 7, NULL, ret_document, fault);
}

static const char every_member[] =
    "[{\"name\": \"p1\", \"when\": {\"priority\": 1}, \"target\": \"resolve\", \"repeat\": 2, \"steps\": ["
    "  {\"at\": \"50%\", \"notify\": [{\"user\": \"anybody\"}, {\"schedule\": \"network\"}, {\"owner\": "
    "true}]},"
    "  {\"at\": \"10m before\", \"notify\": [{\"leads\": true}]},"
    "  {\"at\": \"breach\", \"notify\": [{\"leads\": true}], \"raise\": {\"urgency\": \"high\", \"impact\": "
    "\"medium\"}},"
    "  {\"after\": \"5m\", \"calendar\": \"office\", \"notify\": [{\"leads\": true}], \"only\": \"always\", "
    "\"in_hours\": \"office\"}]},"
    " {\"name\": \"rest\", \"target\": \"resolve\", \"steps\": [{\"at\": \"0%\", \"notify\": [{\"leads\": "
    "true}], \"only\": \"unacknowledged\"}]}]";

Test(escalation_json, every_member)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_sla_document_ struct sla_document *document = NULL;
    const struct sla_plan *plan;
    const struct escalation *e;

    cr_assert_eq(read_text(every_member, &document, &fault), 0, "%s at %s", buf_text(&fault.reason),
                 buf_text(&fault.at));
    plan = &document->plan;
    cr_assert_eq(plan->nescalations, 2);
    e = &plan->escalations[0];
    cr_expect_str_eq(e->name, "p1");
    cr_expect_str_eq(e->target, "resolve");
    cr_expect_eq(e->repeat, 2);
    cr_assert_eq(e->nsteps, 4);
    cr_expect(e->steps[0].moment == ESCALATION_PERCENT && e->steps[0].amount == 50);
    cr_assert_eq(e->steps[0].nrecipients, 3);
    cr_expect_str_eq(e->steps[0].recipients[0].login, "anybody");
    cr_expect_eq(e->steps[0].recipients[1].schedule, sla_plan_schedule(plan, "network"));
    cr_expect_str_eq(e->steps[0].recipients[1].schedule->people[1], "bo");
    cr_expect_eq(e->steps[0].recipients[2].whom, ESCALATION_OWNER);
    cr_expect(e->steps[1].moment == ESCALATION_BEFORE && e->steps[1].amount == 600);
    cr_expect_eq(e->steps[1].recipients[0].whom, ESCALATION_LEADS);
    cr_expect(e->steps[2].moment == ESCALATION_BREACH && !e->steps[2].always);
    cr_expect(e->steps[2].urgency == LEVEL_HIGH && e->steps[2].impact == LEVEL_MEDIUM);
    cr_expect(e->steps[3].moment == ESCALATION_AFTER && e->steps[3].amount == 300 && e->steps[3].always);
    cr_expect_eq(e->steps[3].calendar, &plan->calendars[1]);
    cr_expect_eq(e->steps[3].hours, &plan->calendars[1]);
    cr_expect_null(sla_plan_schedule(plan, "nobody"));
}

Test(escalation_json, what_is_refused)
{
    static const struct {
        const char *text, *at, *reason;
    } cases[] = {
        {"{}", "", "must be an array"},
        {"[{\"name\": \"e\"}]", "/0/target", "is missing"},
        {"[{\"name\": \"e 1\"}]", "/0/name", "must be named by"},
        {"[{\"nam\": \"e\"}]", "/0/nam", "did you mean \"name\"?"},
        {"[{\"name\": \"e\", \"target\": \"reslove\"}]", "/0/target", "names no target of any policy"},
        {"[{\"name\": \"e\", \"when\": {\"event\": \"ticket.replied\"}}]", "/0/when/event", ""},
        {"[" E "[]}]", "/0/steps", "must have at least one step"},
        {"[" E "[{" LEADS "}]}]", "/0/steps/0", "either \"at\" or \"after\""},
        {"[" STEPS("\"at\": \"5%\", \"after\": \"5m\"") "}]", "/0/steps/0", "either \"at\" or \"after\""},
        {"[" STEPS("\"after\": \"5m\"") "}]", "/0/steps/0/after", "makes no sense in the first step"},
        {"[" STEPS("\"at\": \"100%\"") "}]", "/0/steps/0/at", "must be as \"50%\""},
        {"[" STEPS("\"at\": \"-1%\"") "}]", "/0/steps/0/at", "must be as"},
        {"[" STEPS("\"at\": \"5 before\"") "}]", "/0/steps/0/at", "must be as"},
        {"[" STEPS("\"at\": 7") "}]", "/0/steps/0/at", "must be as"},
        {"[" STEPS("\"at\": \"5%\", \"calendar\": \"office\"") "}]", "/0/steps/0/calendar",
         "belongs to \"after\""},
        {"[" STEPS("\"at\": \"5%\", \"in_hours\": \"ofice\"") "}]", "/0/steps/0/in_hours",
         "did you mean \"office\"?"},
        {"[" STEPS("\"at\": \"5%\", \"only\": \"never\"") "}]", "/0/steps/0/only", "must be"},
        {"[" STEPS("\"at\": \"5%\", \"raise\": {}") "}]", "/0/steps/0/raise", "must say to which"},
        {"[" STEPS("\"at\": \"5%\", \"raise\": {\"team\": 3}") "}]", "/0/steps/0/raise/team", "text"},
        {"[" STEPS("\"at\": \"5%\", \"raise\": {\"impact\": \"high\", \"even_if_owned\": true}") "}]",
         "/0/steps/0/raise/even_if_owned", "goes with"},
        {"[" STEPS("\"at\": \"5%\", \"raise\": {\"team\": \"x\", \"even_if_owned\": true}") "}]",
         "/0/steps/0", "\"only\": \"always\""},
        {"[" STEPS("\"at\": \"5%\", \"raise\": {\"impact\": \"low\"}") "}]", "/0/steps/0/raise/impact",
         "must be \"high\" or \"medium\""},
        {"[" E "[{\"at\": \"5%\"}]}]", "/0/steps/0/notify", "is missing"},
        {"[" E "[{\"at\": \"5%\", \"notify\": []}]}]", "/0/steps/0/notify", "must name somebody"},
        {"[" E "[{\"at\": \"5%\", \"notify\": [{}]}]}]", "/0/steps/0/notify/0", "must be one of"},
        {"[" E "[{\"at\": \"5%\", \"notify\": [{\"owner\": false}]}]}]", "/0/steps/0/notify/0/owner",
         "can only be true"},
        {"[" E "[{\"at\": \"5%\", \"notify\": [{\"schedule\": \"net\"}]}]}]", "/0/steps/0/notify/0/schedule",
         "names no schedule"},
        {"[" E "[{\"at\": \"50%\", " LEADS "}, {\"at\": \"50%\", " LEADS "}]}]", "/0/steps/1",
         "does not come after step 0"},
        {"[" E "[{\"at\": \"5m before\", " LEADS "}, {\"after\": \"1m\", " LEADS
         "}, {\"at\": \"10m before\", " LEADS "}]}]",
         "/0/steps/2", "does not come after step 0"},
        {"[" E "[{\"at\": \"breach\", " LEADS "}, {\"at\": \"90%\", " LEADS "}]}]", "/0/steps/1",
         "does not come after step 0"},
        {"[" STEPS("\"at\": \"5%\"") ", \"repeat\": 1}]", "/0/repeat", "would take no time"},
        {"[" STEPS("\"at\": \"5%\"") ", \"repeat\": 10}]", "/0/repeat", ""},
        {"[" STEPS("\"at\": \"5%\"") "}, " STEPS("\"at\": \"5%\"") "}]", "/1", "has the name of another"},
        {"[" STEPS("\"at\": \"5%\"") "}, {\"name\": \"f\", \"when\": {\"priority\": 1}, \"target\": "
                                     "\"resolve\", \"steps\": [{\"at\": \"5%\", " LEADS "}]}]",
         "/1", "is never reached"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_plan_fault_ struct plan_fault fault = {0};
        _cleanup_(freep) char *at = mem_printf("/escalations%s", cases[i].at);
        struct sla_document *document = NULL;

        cr_expect_eq(read_text(cases[i].text, &document, &fault), -E_VALIDATION, "%s", cases[i].text);
        cr_expect_str_eq(buf_text(&fault.at), at, "%s: %s", cases[i].text, buf_text(&fault.reason));
        cr_expect(strstr(buf_text(&fault.reason), cases[i].reason), "%s: %s", cases[i].text,
                  buf_text(&fault.reason));
    }
}

Test(escalation_json, schedules_are_judged_with_their_place)
{
    json_auto_t *json = json_loads("{\"policies\": [], \"schedules\": {\"a\": {\"zone\": \"UTC\"}, \"b\": "
                                   "{\"zone\": \"Mars\"}}}",
                                   0, NULL);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    cr_expect_eq(sla_plan_json_read(json, 7, NULL, &document, &fault), -E_VALIDATION);
    cr_expect_str_eq(buf_text(&fault.at), "/schedules/b/zone");
}
