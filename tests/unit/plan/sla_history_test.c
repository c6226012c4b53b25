/* From events to steps: which facts each event teaches, and what older events leave as it was. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/sla_history.h"
#include <criterion/criterion.h>

static const struct sla_plan plans[] = {{.version = 1}, {.version = 2}};
static struct sla_history history;

static const struct sla_plan *find(void *ctx, int64_t version)
{
    cr_assert_eq(ctx, &history);
    return version >= 1 && version <= 2 ? &plans[version - 1] : NULL;
}

static void set_up(void)
{
    sla_history_init(&history, find, &history);
}

static void tear_down(void)
{
    sla_history_fini(&history);
}
TestSuite(sla_history, .init = set_up, .fini = tear_down);

static int add(const char *type, int64_t at_s, const char *actor, const char *data)
{
    json_auto_t *json = json_loads(data, 0, NULL);

    cr_assert_not_null(json, "%s", data);
    return sla_history_add(&history, type, (struct instant){at_s * US_PER_S}, actor, json);
}

static void must_add(const char *type, int64_t at_s, const char *actor, const char *data)
{
    cr_assert_eq(add(type, at_s, actor, data), 0, "%s", type);
}

static const struct sla_step *last(void)
{
    return &history.steps[history.n - 1];
}

static void expect(enum sla_field field, const char *value)
{
    const char *found = last()->facts.values[field];

    cr_expect(value ? found && strcmp(found, value) == 0 : !found, "%s: %s, not %s", sla_field_name(field),
              found ? found : "(missing)", value ? value : "(missing)");
}

#define CREATED                                                                                              \
    "{\"number\": \"AP-1\", \"region\": \"ap\", \"channel\": \"web\", \"state\": \"new\", \"epoch\": 0, "    \
    "\"owner\": null, \"priority\": 2, \"impact\": 2, \"urgency\": 1, \"team\": \"network\", "               \
    "\"service\": \"vpn\", \"language\": \"zh\", \"requester\": \"wei\"}"

static void create(void)
{
    must_add("ticket.created", 1000, "wei", CREATED);
}

/* What this release writes is in older events, but for what was not there yet. */
Test(sla_history, an_event_of_an_older_release)
{
    create();
    expect(SLA_STATE, "new");
    expect(SLA_PRIORITY, "2");
    expect(SLA_SERVICE, "vpn");
    expect(SLA_TEAM, "network");
    expect(SLA_TIER, NULL);
    expect(SLA_REGION, "ap");
    expect(SLA_CHANNEL, "web");
    expect(SLA_LANGUAGE, "zh");
    expect(SLA_CUSTOMER_TIER, NULL);
    expect(SLA_CONTRACT, NULL);
    expect(SLA_SITE, NULL);
    expect(SLA_REQUESTER, "wei");
    expect(SLA_OWNED, "no");
    expect(SLA_RESPONDED, "no");
    expect(SLA_AWAITING, "agent");
    expect(SLA_EVENT, "ticket.created");
    expect(SLA_BY, "requester");
    cr_expect_eq(last()->plan, &plans[0]);
    cr_expect_eq(last()->at.us, 1000 * US_PER_S);
    cr_expect_eq(last()->fired, SLA_FIRED_NOTHING);
}

Test(sla_history, new_fields_of_the_first_event)
{
    must_add(
        "ticket.created", 1000, "ann",
        "{\"state\": \"new\", \"requester\": \"wei\", \"tier\": 2, \"contract\": \"gold\", \"site\": \"sha\","
        " \"customer_tier\": \"a\", \"plan\": 2}");
    expect(SLA_TIER, "2");
    expect(SLA_CONTRACT, "gold");
    expect(SLA_SITE, "sha");
    expect(SLA_CUSTOMER_TIER, "a");
    expect(SLA_BY, "agent");
    cr_expect_eq(last()->plan, &plans[1]);
}

Test(sla_history, an_event_that_says_nothing_of_a_field_leaves_it)
{
    create();
    must_add("ticket.noted", 1010, "ann", "{\"note\": 7}");
    expect(SLA_STATE, "new");
    expect(SLA_PRIORITY, "2");
    expect(SLA_OWNED, "no");
    expect(SLA_EVENT, "ticket.noted");
    expect(SLA_BY, "agent");
    cr_expect_eq(last()->plan, &plans[0]);
}

Test(sla_history, what_later_events_change)
{
    create();
    must_add("ticket.claimed", 1010, "ann", "{\"state\": \"open\", \"owner\": \"ann\"}");
    expect(SLA_STATE, "open");
    expect(SLA_OWNED, "yes");
    must_add("ticket.transferred", 1020, "ann",
             "{\"owner\": null, \"team\": \"core\", \"tier\": 3, \"priority\": 1}");
    expect(SLA_OWNED, "no");
    expect(SLA_TEAM, "core");
    expect(SLA_TIER, "3");
    expect(SLA_PRIORITY, "1");
    must_add("ticket.changed", 1030, "ann",
             "{\"team\": null, \"service\": \"mail\", \"contract\": \"gold\"}");
    expect(SLA_TEAM, NULL);
    expect(SLA_SERVICE, "vpn"); /* told once, when the ticket comes */
    expect(SLA_CONTRACT, NULL);
}

Test(sla_history, values_of_no_sense_change_nothing_or_are_missing)
{
    create();
    must_add("ticket.changed", 1010, "ann",
             "{\"state\": 7, \"priority\": \"1\", \"tier\": 0, \"team\": [1]}");
    expect(SLA_STATE, "new");
    expect(SLA_PRIORITY, "2");
    expect(SLA_TIER, NULL);
    expect(SLA_TEAM, "network");
    must_add("ticket.changed", 1020, "ann", "{\"priority\": 9}");
    expect(SLA_PRIORITY, NULL);
}

Test(sla_history, who_answered_and_who_waits)
{
    create();
    must_add("ticket.replied", 1010, "wei", "{}");
    expect(SLA_BY, "requester");
    expect(SLA_RESPONDED, "no");
    expect(SLA_AWAITING, "agent");
    must_add("ticket.replied", 1020, "system:mail", "{}");
    expect(SLA_BY, "system");
    expect(SLA_RESPONDED, "no");
    expect(SLA_AWAITING, "agent"); /* a machine answers nobody */
    must_add("ticket.replied", 1030, "ann", "{}");
    expect(SLA_BY, "agent");
    expect(SLA_RESPONDED, "yes");
    expect(SLA_AWAITING, "requester");
    must_add("ticket.replied", 1040, "system:mail", "{}");
    expect(SLA_AWAITING, "requester");
    must_add("ticket.replied", 1050, "wei", "{}");
    expect(SLA_RESPONDED, "yes");
    expect(SLA_AWAITING, "agent");
    must_add("ticket.noted", 1060, "ann", "{}");
    expect(SLA_AWAITING, "agent");
}

Test(sla_history, clocks_start_when_it_was_accepted)
{
    must_add("ticket.created", 1700000100, "wei", "{\"accepted_at\": \"2023-11-14T22:13:20.25Z\"}");
    cr_expect_eq(last()->at.us, INT64_C(1700000000250000));
    must_add("ticket.claimed", 1700000200, "ann", "{\"accepted_at\": \"2023-11-14T22:13:20Z\"}");
    cr_expect_eq(last()->at.us, 1700000200 * US_PER_S, "only of the first event");
}

Test(sla_history, accepted_later_than_stored_or_no_time_is_not_believed)
{
    static const char *const accepted[] = {"\"2023-11-14T22:15:01Z\"", "\"yesterday\"", "7", "null"};

    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        _cleanup_(freep) char *data = mem_printf("{\"accepted_at\": %s}", accepted[i]);

        must_add("ticket.created", 1700000100, "wei", data);
        cr_expect_eq(last()->at.us, 1700000100 * US_PER_S, "%s", accepted[i]);
    }
}

Test(sla_history, firings)
{
    create();
    must_add("sla.warned", 1010, "system:sla", "{\"target\": \"resolve\", \"cycle\": 3}");
    cr_expect(last()->fired == SLA_FIRED_WARNING && strcmp(last()->target, "resolve") == 0 &&
              last()->cycle == 3);
    expect(SLA_BY, "system");
    must_add("sla.breached", 1020, "system:sla", "{\"target\": \"resolve\"}");
    cr_expect(last()->fired == SLA_FIRED_BREACH && last()->cycle == 1, "older events have no cycle");
    must_add("sla.breached", 1030, "system:sla", "{}");
    cr_expect_eq(last()->fired, SLA_FIRED_NOTHING, "of no clock");
    must_add("ticket.noted", 1040, "ann", "{\"target\": \"resolve\"}");
    cr_expect_eq(last()->fired, SLA_FIRED_NOTHING);
}

Test(sla_history, another_plan_by_decision)
{
    create();
    must_add("ticket.noted", 1010, "ann", "{\"plan\": 2}");
    cr_expect_eq(last()->plan, &plans[0], "a note decides nothing");
    must_add("sla.recalculated", 1020, "ann", "{\"plan\": 2}");
    cr_expect_eq(last()->plan, &plans[1]);
    must_add("ticket.noted", 1030, "ann", "{}");
    cr_expect_eq(last()->plan, &plans[1]);
    expect(SLA_STATE, "new");
}

Test(sla_history, what_is_not_to_be_found)
{
    cr_expect_eq(add("ticket.claimed", 1000, "ann", "{}"), -E_NOT_FOUND);
    cr_expect_eq(add("sla.recalculated", 1000, "ann", "{\"plan\": 2}"), -E_NOT_FOUND);
    cr_expect_eq(add("ticket.created", 1000, "ann", "{\"plan\": 3}"), -E_NOT_FOUND);
    cr_expect_eq(history.n, 0);
    create();
    cr_expect_eq(add("sla.recalculated", 1010, "ann", "{\"plan\": 3}"), -E_NOT_FOUND);
    cr_expect_eq(history.n, 1);
    must_add("ticket.claimed", 1020, "ann", "{\"state\": \"open\"}");
    cr_expect_eq(last()->plan, &plans[0]);
}

Test(sla_history, an_undone_merge_never_was)
{
    create();
    must_add("ticket.claimed", 1100, "anna", "{\"state\": \"open\", \"owner\": \"anna\"}");
    must_add("ticket.merged", 1200, "anna", "{\"state\": \"cancelled\", \"owner\": null}");
    must_add("ticket.replied", 1300, "wei", "{\"state\": \"cancelled\", \"by\": \"requester\"}");
    expect(SLA_STATE, "cancelled");
    must_add("ticket.unmerged", 1400, "anna", "{\"state\": \"open\"}");
    for (size_t i = 2; i < history.n; i++)
        cr_expect_str_eq(history.steps[i].facts.values[SLA_STATE], "open", "step %zu", i);
    expect(SLA_OWNED, "no");
    must_add("ticket.merged", 1500, "anna", "{\"state\": \"cancelled\"}");
    expect(SLA_STATE, "cancelled");
}

Test(sla_history, an_undo_of_no_merge_changes_nothing)
{
    create();
    must_add("ticket.unmerged", 1100, "anna", "{}");
    expect(SLA_STATE, "new");
}
