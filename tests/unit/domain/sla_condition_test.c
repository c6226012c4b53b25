/* Conditions: what holds, and whether wishes can come true, against tickets made one by one at random. */
#include "base/memory.h"
#include "domain/sla_condition.h"
#include "sla_made.h"
#include "walker.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const struct sla_facts facts = {
    .values = {[SLA_STATE] = "open", [SLA_PRIORITY] = "2", [SLA_TEAM] = "network", [SLA_OWNED] = "yes"}};

static void expect(struct sla_condition condition, bool holds)
{
    cr_expect_eq(sla_condition_holds(&condition, &facts), holds);
    sla_condition_fini(&condition);
    cr_expect_eq(condition.nparts + condition.nvalues, 0);
}

Test(sla_condition, a_field_is_one_of_its_values)
{
    expect(IS(SLA_STATE, "open"), true);
    expect(IS(SLA_STATE, "new", "open"), true);
    expect(IS(SLA_STATE, "new", "pending"), false);
    expect(IS(SLA_TEAM, "network"), true);
    expect(IS(SLA_TEAM, "Network"), false);
    expect(IS(SLA_SITE, "network"), false);
}

Test(sla_condition, what_is_missing_is_a_value_too)
{
    expect(IS(SLA_SITE, sla_made_missing), true);
    expect(IS(SLA_SITE, "berlin", sla_made_missing), true);
    expect(IS(SLA_TEAM, sla_made_missing), false);
    expect(NOT(IS(SLA_TEAM, sla_made_missing)), true);
}

Test(sla_condition, all_any_not)
{
    expect(ALWAYS_HOLDS, true);
    expect(NEVER_HOLDS, false);
    expect((struct sla_condition){.kind = SLA_ANY}, false);
    expect((struct sla_condition){.kind = SLA_NOT}, true);
    expect(ALL(IS(SLA_STATE, "open"), IS(SLA_PRIORITY, "2")), true);
    expect(ALL(IS(SLA_STATE, "open"), IS(SLA_PRIORITY, "1")), false);
    expect(ANY(IS(SLA_STATE, "new"), IS(SLA_PRIORITY, "2")), true);
    expect(ANY(IS(SLA_STATE, "new"), IS(SLA_PRIORITY, "1")), false);
    expect(NOT(IS(SLA_STATE, "new"), IS(SLA_PRIORITY, "1")), true);
    expect(NOT(IS(SLA_STATE, "new"), IS(SLA_PRIORITY, "2")), false);
    expect(ALL(ANY(NOT(IS(SLA_STATE, "new"))), ALL(IS(SLA_OWNED, "yes"))), true);
}

Test(sla_condition, fields_are_found_by_name)
{
    enum sla_field field;

    for (int i = 0; i < SLA_FIELD_COUNT; i++) {
        cr_expect(sla_field_find(sla_field_name((enum sla_field)i), &field));
        cr_expect_eq((int)field, i);
    }
    cr_expect_not(sla_field_find("assignee", &field));
    cr_expect_str_eq(sla_field_value(SLA_STATE, 5), "cancelled");
    cr_expect_null(sla_field_value(SLA_STATE, 6));
    cr_expect_null(sla_field_value(SLA_STATE, 60));
    cr_expect_str_eq(sla_field_value(SLA_TIER, 2), "3");
    cr_expect_null(sla_field_value(SLA_TEAM, 0));
}

Test(sla_condition, fields_asked)
{
    struct sla_condition condition =
        ANY(IS(SLA_STATE, "new"), NOT(ALL(IS(SLA_BY, "agent"), IS(SLA_STATE, "open"))));

    cr_expect_eq(sla_condition_fields(&condition), 1u << SLA_STATE | 1u << SLA_BY);
    sla_condition_fini(&condition);
    cr_expect_eq(sla_condition_fields(&condition), 0);
}

/* ---- possible? ---- */

static void expect_possible(struct sla_condition yes, struct sla_condition no, enum sla_possibility expected)
{
    const struct sla_wish wishes[] = {{&yes, true}, {&no, false}};

    cr_expect_eq(sla_wishes_possible(wishes, 2), expected);
    sla_condition_fini(&yes);
    sla_condition_fini(&no);
}

Test(sla_condition, possible)
{
    cr_expect_eq(sla_wishes_possible(NULL, 0), SLA_POSSIBLE);
    expect_possible(ALWAYS_HOLDS, NEVER_HOLDS, SLA_POSSIBLE);
    expect_possible(ALWAYS_HOLDS, ALWAYS_HOLDS, SLA_IMPOSSIBLE);
    expect_possible(IS(SLA_STATE, "new", "open"), IS(SLA_STATE, "new"), SLA_POSSIBLE);
    expect_possible(IS(SLA_STATE, "new"), IS(SLA_STATE, "new", "open"), SLA_IMPOSSIBLE);
    expect_possible(ALWAYS_HOLDS, IS(SLA_OWNED, "yes", "no"), SLA_IMPOSSIBLE);
    expect_possible(ALWAYS_HOLDS, IS(SLA_TEAM, "a", "b"), SLA_POSSIBLE);
    expect_possible(ALWAYS_HOLDS, IS(SLA_TEAM, "a", sla_made_missing), SLA_POSSIBLE);
    expect_possible(IS(SLA_TEAM, "a"), NOT(IS(SLA_TEAM, "b")), SLA_IMPOSSIBLE);
}

Test(sla_condition, a_tier_may_be_missing_a_state_may_not)
{
    expect_possible(ALWAYS_HOLDS, IS(SLA_TIER, "1", "2", "3"), SLA_POSSIBLE);
    expect_possible(ALWAYS_HOLDS, IS(SLA_TIER, "1", "2", "3", sla_made_missing), SLA_IMPOSSIBLE);
    expect_possible(ALWAYS_HOLDS, IS(SLA_STATE, "new", "open", "pending", "resolved", "closed", "cancelled"),
                    SLA_IMPOSSIBLE);
}

Test(sla_condition, tickets_that_cannot_be_do_not_count)
{
    expect_possible(ALL(IS(SLA_STATE, "new", "cancelled"), IS(SLA_OWNED, "yes")), NEVER_HOLDS,
                    SLA_IMPOSSIBLE);
    expect_possible(ALL(IS(SLA_STATE, "open"), IS(SLA_OWNED, "yes")), NEVER_HOLDS, SLA_POSSIBLE);
    expect_possible(ALL(IS(SLA_STATE, "new"), IS(SLA_OWNED, "no")), NEVER_HOLDS, SLA_POSSIBLE);
}

/* Nine fields of three values each are 19,683 combinations; with all of the others, 944,784. */
Test(sla_condition, too_many_combinations_are_left_undecided)
{
    static const enum sla_field asked[] = {SLA_SERVICE,       SLA_TEAM,     SLA_REGION, SLA_CHANNEL,
                                           SLA_CONTRACT,      SLA_SITE,     SLA_EVENT,  SLA_REQUESTER,
                                           SLA_CUSTOMER_TIER, SLA_LANGUAGE, SLA_STATE,  SLA_PRIORITY};
    struct sla_condition parts[ARRAY_SIZE(asked)];

    for (size_t n = 9; n <= ARRAY_SIZE(asked); n += 3) {
        for (size_t i = 0; i < n; i++)
            parts[i] = IS(asked[i], i < 9 ? "a" : sla_field_value(asked[i], 0));
        expect_possible(ALWAYS_HOLDS, sla_made_list(SLA_ALL, parts, n),
                        n == 9 ? SLA_POSSIBLE : SLA_UNDECIDED);
    }
}

Test(sla_condition, too_many_values_of_one_field_are_left_undecided)
{
    struct sla_condition many = {.kind = SLA_IS, .field = SLA_CONTRACT, .nvalues = 1200};
    char names[1200][8];

    many.values = NEW_ARRAY(const char *, many.nvalues);
    for (size_t i = 0; i < many.nvalues; i++) {
        snprintf(names[i], sizeof names[i], "c%zu", i);
        many.values[i] = names[i];
    }
    expect_possible(ALWAYS_HOLDS, many, SLA_UNDECIDED);
}

/* Tickets at random, of the fields and values that random conditions ask. Whatever such a ticket fulfils is
 * possible, and what is impossible is fulfilled by none. There are fewer than 200 different ones, so that
 * 4000 tries meet them all. */
Test(sla_condition, possible_is_what_some_ticket_fulfils)
{
    static const unsigned fields = 1u << SLA_STATE | 1u << SLA_TIER | 1u << SLA_TEAM | 1u << SLA_OWNED;
    int possible = 0;

    for (uint64_t seed = 1; seed <= 600; seed++) {
        uint64_t dice = seed;
        struct sla_condition a = sla_made_random(&dice, fields, 3), b = sla_made_random(&dice, fields, 3);
        const struct sla_wish wishes[] = {{&a, true}, {&b, walker_random(&dice, 2)}};
        bool found = false;

        for (int i = 0; i < 4000 && !found; i++) {
            struct sla_facts ticket = {0};

            for (int f = 0; f < SLA_FIELD_COUNT; f++)
                if (fields & 1u << f)
                    ticket.values[f] = sla_made_value(&dice, (enum sla_field)f);
            if (walker_random(&dice, 4) == 0)
                ticket.values[SLA_TIER] = NULL;
            if (walker_random(&dice, 4) == 0)
                ticket.values[SLA_TEAM] = "c";
            if (strcmp(ticket.values[SLA_STATE], "new") == 0 ||
                strcmp(ticket.values[SLA_STATE], "cancelled") == 0)
                ticket.values[SLA_OWNED] = "no";
            found = sla_condition_holds(&a, &ticket) && sla_condition_holds(&b, &ticket) == wishes[1].holds;
        }
        cr_expect_eq(sla_wishes_possible(wishes, 2), found ? SLA_POSSIBLE : SLA_IMPOSSIBLE, "seed %d",
                     (int)seed);
        possible += found;
        sla_condition_fini(&a);
        sla_condition_fini(&b);
    }
    cr_expect(possible > 150 && possible < 550, "%d of 600: both must come often", possible);
}
