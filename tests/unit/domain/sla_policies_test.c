/* Clocks when another policy comes to hold: what moves, what stays, what ends. Times are minutes of a story.
 */
#include "sla_scene.h"
#include <criterion/criterion.h>

TestSuite(sla_policies, .fini = tear_down);

/* Priority 1 and 2: an hour; others: four. Both rest while pending. */
static void make_two(void)
{
    make(2);
    plan.policies[0].when = IS(SLA_PRIORITY, "1", "2");
    for (int i = 0; i < 2; i++) {
        target = sla_made_target(&plan.policies[i], "t", i ? 4 * 3600 : 3600);
        pauses_while_pending();
    }
}

Test(sla_policies, a_clock_moves_to_the_new_policy_with_its_pauses)
{
    make_two();
    state(0, "new");
    state(10, "pending");
    state(30, "open");
    expect_running("t", 1, 260);
    goes(40, SLA_PRIORITY, "1");
    expect_running("t", 1, 80);
    cr_expect_eq(fold.n, 1);
    cr_expect_eq(fold.runs[0].policy, &plan.policies[0]);
    cr_expect_eq(fold.runs[0].nspans, 3);
    cr_expect_eq(fold.runs[0].first, 0);
}

Test(sla_policies, priority_up_and_down_again_is_as_if_nothing_had_been)
{
    make_two();
    state(0, "new");
    state(10, "pending");
    goes(15, SLA_PRIORITY, "1");
    expect_paused("t", 1, 50);
    state(30, "open");
    expect_running("t", 1, 80);
    goes(40, SLA_PRIORITY, "3");
    expect_running("t", 1, 260);
}

Test(sla_policies, a_pause_of_the_old_policy_only_is_no_pause_of_the_new)
{
    make_two();
    plan.policies[0].targets[0].pauses = false;
    state(0, "new");
    state(10, "pending");
    state(30, "open");
    goes(40, SLA_PRIORITY, "1");
    expect_running("t", 1, 60);
}

Test(sla_policies, born_late)
{
    make_two();
    state(0, "new");
    goes(100, SLA_PRIORITY, "1");
    expect_running("t", 1, 60);
    cr_expect_eq(fold.runs[0].clock.fire.us, story_minute(45).us, "the scheduler fires at once");
}

Test(sla_policies, what_has_ended_never_moves)
{
    make_two();
    state(0, "new");
    state(20, "resolved");
    goes(100, SLA_PRIORITY, "1");
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    cr_expect_eq(fold.runs[0].policy, &plan.policies[1]);
    cr_expect_eq(fold.runs[0].clock.target_s, 4 * 3600);
}

Test(sla_policies, what_goes_on_moves_to_the_policy_in_force)
{
    make_two();
    for (int i = 0; i < 2; i++)
        plan.policies[i].targets[0].again = SLA_AGAIN_CONTINUE;
    state(0, "new");
    state(20, "resolved");
    goes(30, SLA_PRIORITY, "1");
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    state(100, "open");
    expect_running("t", 1, 140);
    cr_expect_eq(fold.runs[0].policy, &plan.policies[0]);
    cr_expect_eq(fold.runs[0].clock.target_s, 3600);
}

Test(sla_policies, what_the_policy_in_force_would_never_have_started_does_not_go_on)
{
    make_two();
    plan.policies[0].targets[0].again = SLA_AGAIN_CONTINUE;
    plan.policies[0].targets[0].start = IS(SLA_TIER, "2");
    state(0, "new");
    state(20, "resolved");
    goes(30, SLA_PRIORITY, "1");
    story_goes(&story, 40, SLA_TIER, "2")->facts.values[SLA_STATE] = "open";
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
}

Test(sla_policies, what_fired_stays_fired_and_generations_only_rise)
{
    make_two();
    goes(0, SLA_PRIORITY, "1");
    (void)story_fires(&story, 46, "t", 1, SLA_FIRED_WARNING);
    (void)story_fires(&story, 60, "t", 1, SLA_FIRED_BREACH);
    cr_expect_eq(run_of("t", 1)->clock.generation, 3);
    goes(70, SLA_PRIORITY, "3");
    expect_running("t", 1, 240);
    cr_expect_eq(fold.runs[0].clock.warned.us, story_minute(46).us);
    cr_expect_eq(fold.runs[0].clock.breached.us, story_minute(60).us);
    cr_expect_eq(fold.runs[0].clock.fire.us, 0, "breached once is enough");
    cr_expect_gt(fold.runs[0].clock.generation, 3, "no timer of the old clock fits");
}

Test(sla_policies, a_warning_given_is_not_given_again)
{
    make_two();
    goes(0, SLA_PRIORITY, "1");
    (void)story_fires(&story, 46, "t", 1, SLA_FIRED_WARNING);
    goes(50, SLA_PRIORITY, "3");
    cr_expect_eq(run_of("t", 1)->clock.fire.us, story_minute(240).us);
}

Test(sla_policies, a_clock_without_a_target_is_cancelled)
{
    make_two();
    (void)sla_made_target(&plan.policies[0], "u", 600);
    goes(0, SLA_PRIORITY, "1");
    goes(5, SLA_PRIORITY, "3");
    expect_ended("u", 1, SLA_CLOCK_CANCELLED, 5);
    expect_running("t", 1, 240);
    goes(6, SLA_PRIORITY, "1");
    expect_ended("u", 1, SLA_CLOCK_CANCELLED, 5);
}

Test(sla_policies, a_target_that_only_the_new_policy_has_starts_now)
{
    make_two();
    (void)sla_made_target(&plan.policies[0], "u", 600);
    state(0, "new");
    goes(5, SLA_PRIORITY, "1");
    expect_running("u", 1, 15);
    expect_running("t", 1, 60);
}

Test(sla_policies, no_policy_no_clocks)
{
    make_two();
    plan.policies[1].when = IS(SLA_PRIORITY, "3");
    state(0, "new");
    goes(5, SLA_PRIORITY, "4");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 5);
    cr_expect_null(fold.policy);
}

Test(sla_policies, a_clock_that_the_new_policy_would_never_have_started_is_cancelled)
{
    make_two();
    plan.policies[0].targets[0].start = IS(SLA_TIER, "2");
    state(0, "new");
    goes(5, SLA_PRIORITY, "1");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 5);
}

Test(sla_policies, a_clock_that_the_new_policy_had_met_long_ago_is_met)
{
    make_two();
    sla_condition_fini(&plan.policies[0].targets[0].stop);
    plan.policies[0].targets[0].stop = IS(SLA_OWNED, "yes");
    state(0, "new");
    goes(30, SLA_OWNED, "yes");
    goes(40, SLA_PRIORITY, "1");
    expect_ended("t", 1, SLA_CLOCK_MET, 30);
}

Test(sla_policies, later_cycles_are_computed_anew_from_their_own_start)
{
    make_two();
    for (int i = 0; i < 2; i++)
        plan.policies[i].targets[0].again = SLA_AGAIN_ANEW;
    state(0, "new");
    state(10, "resolved");
    state(20, "open");
    (void)story_fires(&story, 22, "t", 2, SLA_FIRED_WARNING);
    goes(30, SLA_PRIORITY, "1");
    expect_ended("t", 1, SLA_CLOCK_MET, 10);
    expect_running("t", 2, 80);
    cr_expect_eq(fold.n, 2);
    cr_expect_eq(sla_fold_find(&fold, "t", 2)->clock.warned.us, story_minute(22).us);
    cr_expect_eq(sla_fold_find(&fold, "t", 1)->clock.warned.us, 0);
}

Test(sla_policies, another_plan_is_another_policy)
{
    struct sla_plan other;

    make_two();
    sla_made_plan(&other, 1);
    other.version = 2;
    (void)sla_made_target(&other.policies[0], "t", 600);
    other.policies[0].targets[0].calendar = "office";
    state(9 * 60, "new"); /* Monday 10:00 in Berlin */
    expect_running("t", 1, 13 * 60);
    story.plan = &other;
    state(9 * 60 + 2, "new");
    expect_running("t", 1, 9 * 60 + 10);
    cr_expect_eq(fold.runs[0].plan->version, 2);
    cr_expect_str_eq(fold.runs[0].calendar->name, "office");
    sla_plan_fini(&other);
}

/* The calendar is that of the moment at which the clock starts; a transfer does not change it. */
Test(sla_policies, a_calendar_stays)
{
    make_two();
    plan.attachments = malloc(sizeof *plan.attachments);
    plan.attachments[plan.nattachments++] =
        (struct sla_attachment){SLA_BY_TEAM, "network", &plan.calendars[1]};
    state(0, "new");
    goes(5, SLA_TEAM, "network");
    expect_running("t", 1, 240);
    cr_expect_eq(fold.runs[0].source, SLA_BY_DEFAULT);
}
