/* Which step of an escalation is next, and when. Times are minutes of a story; the clock of the target allows
 * an hour, around the clock. */
#include "base/clock.h"
#include "base/memory.h"
#include "domain/escalation.h"
#include "sla_made.h"
#include "walker.h"
#include <criterion/criterion.h>

static struct sla_plan plan;
static struct story story;
static struct sla_fold fold;
static struct escalation *escalation;

static struct escalation_step *add(enum escalation_moment moment, int64_t amount)
{
    escalation->steps = mem_more(escalation->steps, escalation->nsteps, sizeof *escalation->steps);
    escalation->steps[escalation->nsteps] = (struct escalation_step){.moment = moment, .amount = amount};
    return &escalation->steps[escalation->nsteps++];
}

static void set_up(void)
{
    struct sla_target *target;

    sla_made_plan(&plan, 1);
    target = sla_made_target(&plan.policies[0], "t", 3600);
    target->pauses = true;
    target->pause = IS(SLA_STATE, "pending");
    plan.escalations = NEW_ARRAY(struct escalation, 2);
    plan.nescalations = 1;
    escalation = &plan.escalations[0];
    *escalation = (struct escalation){.name = "e", .target = "t"};
    story.plan = &plan;
}

static void tear_down(void)
{
    sla_fold_fini(&fold);
    sla_plan_fini(&plan);
}
TestSuite(escalation, .init = set_up, .fini = tear_down);

static void goes(int64_t minute, enum sla_field field, const char *value)
{
    (void)story_goes(&story, minute, field, value);
}

static void happens(int64_t minute, const char *event)
{
    story_goes(&story, minute, SLA_EVENT, event);
}

static void told(int64_t minute, size_t step, int loop)
{
    struct sla_step *told = story_goes(&story, minute, SLA_EVENT, "escalation.notified");

    told->target = "t";
    told->cycle = 1;
    told->escalation = "e";
    told->escalation_step = step;
    told->escalation_loop = loop;
}

static struct escalation_next next(void)
{
    sla_fold_fini(&fold);
    story_fold(&story, &fold);
    return escalation_next(story.steps, story.n, &fold);
}

/* `step` counts from 1; 0: none comes. */
static void expect(size_t step, int loop, int64_t minute)
{
    struct escalation_next found = next();

    if (!step) {
        cr_expect_null(found.escalation, "step %zu", found.step + 1);
        return;
    }
    cr_assert_not_null(found.escalation);
    cr_expect_eq(found.step + 1, step, "step %zu", found.step + 1);
    cr_expect_eq(found.loop, loop, "loop %d", found.loop);
    cr_expect_eq(found.at.us, story_minute(minute).us, "minute %lld",
                 (long long)((found.at.us - story_minute(0).us) / US_PER_S / 60));
}

Test(escalation, steps_come_in_order_each_at_its_moment)
{
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_BEFORE, 600);
    add(ESCALATION_BREACH, 0);
    add(ESCALATION_AFTER, 300);
    goes(0, SLA_STATE, "new");
    expect(1, 0, 30);
    told(31, 1, 0);
    expect(2, 0, 50);
    told(50, 2, 0);
    expect(3, 0, 60);
    told(60, 3, 0);
    expect(4, 0, 65);
    told(66, 4, 0);
    expect(0, 0, 0);
}

Test(escalation, only_after_steps_come_again)
{
    escalation->repeat = 2;
    add(ESCALATION_PERCENT, 0);
    add(ESCALATION_AFTER, 300);
    add(ESCALATION_AFTER, 600);
    goes(0, SLA_STATE, "new");
    expect(1, 0, 0);
    told(0, 1, 0);
    told(5, 2, 0);
    expect(3, 0, 15);
    told(15, 3, 0);
    expect(2, 1, 20);
    told(21, 2, 1);
    expect(3, 1, 31);
    told(31, 3, 1);
    expect(2, 2, 36);
    told(36, 2, 2);
    told(46, 3, 2);
    expect(0, 0, 0);
}

Test(escalation, it_rests_with_its_clock)
{
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_AFTER, 600);
    goes(0, SLA_STATE, "new");
    goes(10, SLA_STATE, "pending");
    expect(0, 0, 0);
    goes(40, SLA_STATE, "open");
    expect(1, 0, 60);
    told(60, 1, 0);
    goes(65, SLA_STATE, "pending");
    goes(95, SLA_STATE, "open");
    expect(2, 0, 100);
    goes(96, SLA_STATE, "resolved");
    expect(0, 0, 0);
}

Test(escalation, acknowledged_steps_are_passed_over)
{
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_AFTER, 600)->always = true;
    add(ESCALATION_BREACH, 0);
    goes(0, SLA_STATE, "new");
    happens(5, "ticket.acknowledged");
    expect(2, 0, 40);
    told(40, 2, 0);
    expect(0, 0, 0);
    happens(50, "ticket.transferred");
    expect(3, 0, 60);
    goes(55, SLA_OWNED, "yes");
    expect(0, 0, 0);
    goes(70, SLA_OWNED, "no");
    expect(0, 0, 0);
    happens(71, "ticket.released");
    expect(0, 0, 0);
}

/* A handover takes the owner; another offer of what was acknowledged takes nobody. */
Test(escalation, what_is_handed_over_and_not_taken_is_told)
{
    struct sla_step *offered;

    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_BREACH, 0);
    goes(0, SLA_STATE, "new");
    goes(5, SLA_OWNED, "yes");
    expect(0, 0, 0);
    offered = story_goes(&story, 10, SLA_OWNED, "no");
    offered->facts.values[SLA_EVENT] = "ticket.offered";
    happens(20, "ticket.offer_expired");
    expect(1, 0, 30);
    happens(25, "ticket.acknowledged");
    happens(26, "ticket.offered");
    expect(0, 0, 0);
}

Test(escalation, what_was_acknowledged_by_its_moment_is_not_told_later)
{
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_BREACH, 0);
    goes(0, SLA_STATE, "new");
    happens(29, "ticket.acknowledged");
    happens(31, "ticket.released");
    expect(2, 0, 60);
}

Test(escalation, what_nobody_was_told_is_told_when_the_ticket_is_given_up)
{
    add(ESCALATION_PERCENT, 50);
    goes(0, SLA_STATE, "new");
    happens(31, "ticket.acknowledged"); /* before the router came */
    expect(0, 0, 0);
    happens(40, "ticket.released");
    expect(1, 0, 30);
}

Test(escalation, it_moves_with_its_clock)
{
    plan.npolicies = 2;
    plan.policies = mem_grow(plan.policies, 2 * sizeof *plan.policies);
    plan.policies[1] = plan.policies[0];
    plan.policies[0] = (struct sla_policy){.name = "P1", .when = IS(SLA_PRIORITY, "1")};
    sla_made_target(&plan.policies[0], "t", 1200);
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_BREACH, 0);
    goes(0, SLA_STATE, "new");
    expect(1, 0, 30);
    goes(15, SLA_PRIORITY, "1");
    expect(1, 0, 10);
    told(15, 1, 0);
    expect(2, 0, 20);
}

Test(escalation, it_begins_when_its_condition_holds_and_keeps_its_plan)
{
    struct sla_plan other;

    escalation->when = IS(SLA_PRIORITY, "1");
    add(ESCALATION_PERCENT, 50);
    add(ESCALATION_PERCENT, 90);
    goes(0, SLA_STATE, "new");
    expect(0, 0, 0);
    goes(40, SLA_PRIORITY, "1");
    expect(1, 0, 40);
    told(40, 1, 0);
    expect(2, 0, 54);
    goes(41, SLA_PRIORITY, "2");
    expect(2, 0, 54);
    sla_made_plan(&other, 1);
    sla_made_target(&other.policies[0], "t", 7200);
    story.plan = &other;
    goes(42, SLA_STATE, "open");
    expect(2, 0, 108);
    cr_expect_eq(next().escalation, escalation);
    sla_fold_fini(&fold);
    sla_plan_fini(&other);
}

Test(escalation, the_first_that_holds_is_taken)
{
    plan.escalations[1] = (struct escalation){.name = "other", .target = "t"};
    plan.nescalations = 2;
    plan.escalations[0].when = IS(SLA_TEAM, "network");
    add(ESCALATION_PERCENT, 10);
    escalation = &plan.escalations[1];
    add(ESCALATION_PERCENT, 20);
    goes(0, SLA_STATE, "new");
    expect(1, 0, 12);
    cr_expect_str_eq(next().escalation->name, "other");
    goes(1, SLA_TEAM, "network");
    expect(1, 0, 12);
    cr_expect(escalation_any(story.steps, story.n));
    cr_expect_null(escalation_match(&plan, "no such target", &story.steps[0].facts));
}

/* The story starts on Monday at 01:00 in Berlin; the office opens at 09:00, 480 minutes later. */
Test(escalation, hours_and_working_time)
{
    add(ESCALATION_PERCENT, 50)->hours = &plan.calendars[1];
    add(ESCALATION_BREACH, 0);
    add(ESCALATION_AFTER, 600)->calendar = &plan.calendars[1];
    goes(0, SLA_STATE, "new");
    expect(2, 0, 60);
    told(60, 2, 0);
    expect(3, 0, 490);
}
