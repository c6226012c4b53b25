/* Whose desk was open while they owned a case. */
#include "base/memory.h"
#include "deskctl/replay_daylight.h"
#include "plan/organisation_json.h"
#include <criterion/criterion.h>

enum { HOUR_S = 3600 };
static const int64_t monday_s = 1325462400; /* 2012-01-02T00:00:00Z */

/* Europe works from 8 to 16, Asia from 0 to 8; America has no desk, and nobody works from 16 on. */
static struct org_document *organisation(void)
{
    static const char text[] =
        "{\"desks\": {\"berlin\": {\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": "
        "[[\"08:00\", \"12:00\"]]}}}, \"rome\": {\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\", "
        "\"weekly\": {\"mon\": [[\"12:00\", \"16:00\"]]}}}, \"seoul\": {\"region\": \"ap\", \"hours\": "
        "{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"00:00\", \"08:00\"]]}}}}, \"teams\": {\"t\": "
        "{\"title\": {\"en\": \"T\", \"zh\": \"T\"}, \"tier\": 1, \"desks\": [\"berlin\"]}}, "
        "\"default_team\": \"t\", \"agents\": {\"a\": {\"desk\": \"berlin\", \"teams\": [\"t\"]}}}";
    json_t *json = json_loads(text, 0, NULL);
    struct org_document *document;
    struct plan_fault fault = {0};

    cr_assert_eq(organisation_json_read(json, 1, &document, &fault), 0);
    json_decref(json);
    return document;
}

static void add(struct replay_case *c, enum step_kind kind, enum replay_region region, uint32_t agent,
                int hour)
{
    replay_case_add(c, (struct replay_step){
                           .kind = kind, .region = region, .agent = agent, .at_s = monday_s + hour * HOUR_S});
}

Test(replay_daylight, counts_by_the_hours_of_the_owners_desks)
{
    _cleanup_org_document_ struct org_document *document = organisation();
    struct replay_log log = {0};
    struct replay_daylight d;
    struct replay_case *c = replay_log_add(&log, "in daylight, but for its last hour");

    add(c, STEP_QUEUE, REGION_EU, 0, 7);
    add(c, STEP_WORK, REGION_EU, 1, 10);
    add(c, STEP_WAIT, REGION_EU, 1, 14);
    add(c, STEP_RESOLVE, REGION_EU, 1, 17);
    add(c, STEP_CLOSE, REGION_EU, 1, 24);
    c = replay_log_add(&log, "taken by somebody else in the evening");
    add(c, STEP_WORK, REGION_AP, 2, 6);
    add(c, STEP_WORK, REGION_AP, 3, 10);
    add(c, STEP_QUEUE, REGION_AP, 3, 11);
    c = replay_log_add(&log, "where there is no desk");
    add(c, STEP_WORK, REGION_US, 4, 9);
    add(c, STEP_CLOSE, REGION_US, 4, 10);
    c = replay_log_add(&log, "nobody took it");
    add(c, STEP_CANCEL, REGION_EU, 1, 9);

    cr_assert(replay_daylight(&log, &document->organisation, &d));
    cr_assert_eq(d.tickets, 3);
    cr_assert_eq(d.tickets_on_shift, 1);
    cr_assert_eq(d.owned_s, (7 + 5 + 1) * HOUR_S);
    cr_assert_eq(d.on_shift_s, (6 + 2 + 0) * HOUR_S);
    cr_assert_eq(d.somebody_s, (6 + 5 + 1) * HOUR_S);
    replay_log_fini(&log);
}

Test(replay_daylight, a_desk_around_the_clock_is_always_open)
{
    struct org_desk desk = {.name = "lima", .region = "us"};
    struct organisation one = {.desks = &desk, .ndesks = 1};
    struct replay_log log = {0};
    struct replay_daylight d;
    struct replay_case *c = replay_log_add(&log, "at night");

    add(c, STEP_WORK, REGION_US, 4, 20);
    add(c, STEP_CLOSE, REGION_US, 4, 30);
    cr_assert(replay_daylight(&log, &one, &d));
    cr_assert_eq(d.on_shift_s, 10 * HOUR_S);
    cr_assert_eq(d.somebody_s, 10 * HOUR_S);
    cr_assert_eq(d.tickets_on_shift, 1);
    replay_log_fini(&log);
}

Test(replay_daylight, a_log_without_times_says_nothing)
{
    struct organisation none = {0};
    struct replay_log log = {0};
    struct replay_daylight d;

    cr_assert_not(replay_daylight(&log, &none, &d));
    replay_case_add(replay_log_add(&log, "when"), (struct replay_step){.kind = STEP_WORK});
    cr_assert_not(replay_daylight(&log, &none, &d));
    cr_assert_eq(d.tickets, 0);
    replay_log_fini(&log);
}
