/* The life of clocks: what starts, rests and ends them, cycles, and another policy. Times are minutes of a
 * story, around the clock unless a test says otherwise. */
#include "base/clock.h"
#include "domain/sla_fold.h"
#include "sla_made.h"
#include "walker.h"
#include <criterion/criterion.h>
#include <stdlib.h>

static struct sla_plan plan;
static struct story story;
static struct sla_fold fold;
static struct sla_target *target;

static void make(size_t npolicies)
{
    sla_made_plan(&plan, npolicies);
    story.plan = &plan;
}

/* One policy with one target of an hour, from minute 0. */
static void set_up(void)
{
    make(1);
    target = sla_made_target(&plan.policies[0], "t", 3600);
}

static void tear_down(void)
{
    sla_fold_fini(&fold);
    sla_plan_fini(&plan);
}
TestSuite(sla_fold, .init = set_up, .fini = tear_down);
TestSuite(sla_policies, .fini = tear_down);

static void goes(int64_t minute, enum sla_field field, const char *value)
{
    (void)story_goes(&story, minute, field, value);
}

static void state(int64_t minute, const char *value)
{
    goes(minute, SLA_STATE, value);
}

/* Folds all so far, and keeps the laws. */
static void refold(void)
{
    const char *broken;

    sla_fold_fini(&fold);
    story_fold(&story, &fold);
    broken = sla_made_law(&fold, story.steps[story.n - 1].at);
    cr_expect_null(broken, "%s", broken);
}

static const struct sla_run *run_of(const char *name, int cycle)
{
    const struct sla_run *run;

    refold();
    run = sla_fold_find(&fold, name, cycle);
    cr_assert_not_null(run, "%s %d", name, cycle);
    return run;
}

static void expect_running(const char *name, int cycle, int64_t due_minute)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, SLA_CLOCK_RUNNING, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.due.us, story_minute(due_minute).us, "due %lld min off",
                 (long long)(run->clock.due.us - story_minute(due_minute).us) / 60000000);
}

static void expect_paused(const char *name, int cycle, int64_t left_minutes)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, SLA_CLOCK_PAUSED, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.remaining_s, left_minutes * 60, "%lld s", (long long)run->clock.remaining_s);
}

static void expect_ended(const char *name, int cycle, enum sla_clock_state state, int64_t minute)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, state, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.stopped.us, story_minute(minute).us, "ended %lld min off",
                 (long long)(run->clock.stopped.us - story_minute(minute).us) / 60000000);
    cr_expect(sla_clock_ended(&run->clock));
}

static void expect_none(const char *name, int cycle)
{
    refold();
    cr_expect_null(sla_fold_find(&fold, name, cycle));
}

/* ---- start and stop ---- */

Test(sla_fold, no_steps_no_clocks)
{
    sla_fold(NULL, 0, &fold);
    cr_expect_eq(fold.n, 0);
    cr_expect_null(fold.policy);
}

Test(sla_fold, starts_with_the_first_step)
{
    state(0, "new");
    expect_running("t", 1, 60);
    cr_expect_eq(fold.n, 1);
    cr_expect_eq(fold.policy, &plan.policies[0]);
    cr_expect_eq(fold.runs[0].clock.warn.us, story_minute(45).us);
    cr_expect_eq(fold.runs[0].source, SLA_BY_DEFAULT);
    cr_expect_eq(sla_run_counted_s(&fold.runs[0], story_minute(10)), 600);
}

Test(sla_fold, starts_when_its_condition_comes_to_hold)
{
    target->start = IS(SLA_TIER, "2");
    state(0, "new");
    expect_none("t", 1);
    goes(5, SLA_TIER, "2");
    expect_running("t", 1, 65);
    cr_expect_eq(fold.runs[0].first, 1);
}

Test(sla_fold, stop_wins_over_start)
{
    state(0, "resolved");
    expect_none("t", 1);
    state(3, "open");
    expect_running("t", 1, 63);
}

Test(sla_fold, stop_meets_it)
{
    state(0, "new");
    state(20, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    cr_expect_eq(fold.runs[0].clock.remaining_s, 40 * 60);
}

Test(sla_fold, stop_after_it_was_due_meets_it_late)
{
    state(0, "new");
    state(90, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 90);
    cr_expect_eq(fold.runs[0].clock.remaining_s, -30 * 60);
}

Test(sla_fold, a_step_that_changes_nothing_changes_nothing)
{
    state(0, "new");
    state(7, "new");
    state(7, "open");
    expect_running("t", 1, 60);
    cr_expect_eq(fold.runs[0].nspans, 1);
    cr_expect_eq(fold.runs[0].clock.generation, 1);
}

/* ---- pause and resume ---- */

static void pauses_while_pending(void)
{
    target->pauses = true;
    target->pause = IS(SLA_STATE, "pending");
}

Test(sla_fold, rests_while_pause_holds)
{
    pauses_while_pending();
    state(0, "new");
    state(10, "pending");
    expect_paused("t", 1, 50);
    state(100, "pending");
    expect_paused("t", 1, 50);
    state(200, "open");
    expect_running("t", 1, 250);
    cr_expect_eq(fold.runs[0].nspans, 3);
    cr_expect_not(fold.runs[0].spans[1].counts);
    cr_expect_eq(sla_run_counted_s(&fold.runs[0], story_minute(205)), 15 * 60);
}

Test(sla_fold, a_pause_that_is_not_in_use_pauses_nothing)
{
    target->pause = ALWAYS_HOLDS;
    state(0, "new");
    state(10, "pending");
    expect_running("t", 1, 60);
}

Test(sla_fold, starts_at_rest_when_pause_holds_already)
{
    pauses_while_pending();
    state(0, "pending");
    expect_paused("t", 1, 60);
    state(5, "open");
    expect_running("t", 1, 65);
}

Test(sla_fold, what_rests_can_be_met_and_keeps_what_remained)
{
    pauses_while_pending();
    state(0, "new");
    state(10, "pending");
    state(300, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 300);
    cr_expect_eq(fold.runs[0].clock.remaining_s, 50 * 60);
}

Test(sla_fold, late_clocks_rest_as_late_as_they_were)
{
    pauses_while_pending();
    state(0, "new");
    state(70, "pending");
    expect_paused("t", 1, -10);
    state(500, "open");
    expect_running("t", 1, 490);
}

/* Friday 16:00 in Berlin; the weekend is no working time, paused or not. */
Test(sla_fold, counts_by_its_calendar)
{
    int64_t friday = 4 * 1440 + 15 * 60, monday = 7 * 1440;

    pauses_while_pending();
    target->amount_s = 4 * 3600;
    target->calendar = "office";
    state(friday, "new");
    expect_running("t", 1, monday + 11 * 60);
    state(friday + 30, "pending");
    state(monday + 9 * 60, "open"); /* 10:00 in Berlin: an hour and a half of rest */
    expect_running("t", 1, monday + 12 * 60 + 30);
    cr_expect_eq(fold.runs[0].source, SLA_BY_TARGET);
}

Test(sla_fold, working_days_become_working_time_once)
{
    pauses_while_pending();
    target->amount_s = 0;
    target->working_days = 1;
    target->calendar = "office";
    state(9 * 60, "new"); /* Monday 10:00 */
    expect_running("t", 1, 1440 + 9 * 60);
    cr_expect_eq(fold.runs[0].clock.target_s, 8 * 3600);
    state(10 * 60, "pending");
    state(11 * 60, "open");
    expect_running("t", 1, 1440 + 10 * 60);
}

/* The calendar opens on one more Monday only. */
Test(sla_fold, what_is_never_due_is_not_due_after_a_pause)
{
    static const struct calendar_open_date open[] = {{{2026, 3, 2}, {1, {{0, 7200}}}}};
    const struct calendar_spec spec = {.open_dates = open, .nopen = 1};

    pauses_while_pending();
    target->amount_s = 4 * 3600;
    target->calendar = "office";
    calendar_free(plan.calendars[1].calendar);
    plan.calendars[1].calendar = walker_calendar(spec, "UTC");
    state(60, "new");
    state(90, "pending");
    expect_paused("t", 1, 210);
    state(200, "open");
    sla_fold_fini(&fold);
    story_fold(&story, &fold);
    cr_expect_eq(fold.runs[0].clock.due.us, CALENDAR_END_S * US_PER_S);
    state(300, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 300);
    cr_expect_eq(fold.runs[0].clock.remaining_s, 210 * 60);
}

/* ---- cancel ---- */

Test(sla_fold, cancelled_when_its_condition_holds)
{
    target->cancels = SLA_CANCELS_WHEN;
    target->cancel = IS(SLA_STATE, "cancelled");
    state(0, "new");
    state(10, "cancelled");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 10);
    cr_expect_eq(fold.runs[0].clock.remaining_s, 50 * 60);
}

Test(sla_fold, cancelled_when_start_holds_no_more)
{
    target->cancels = SLA_CANCELS_UNLESS_START;
    target->start = IS(SLA_TIER, "1");
    state(0, "new");
    state(5, "open");
    expect_running("t", 1, 60);
    goes(10, SLA_TIER, "2");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 10);
}

Test(sla_fold, never_cancelled)
{
    target->start = IS(SLA_TIER, "1");
    state(0, "new");
    goes(10, SLA_TIER, "2");
    state(20, "cancelled");
    expect_running("t", 1, 60);
}

Test(sla_fold, stop_wins_over_cancel)
{
    target->cancels = SLA_CANCELS_WHEN;
    target->cancel = IS(SLA_STATE, "resolved");
    state(0, "new");
    state(10, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 10);
}

Test(sla_fold, cancel_wins_over_pause)
{
    pauses_while_pending();
    target->cancels = SLA_CANCELS_WHEN;
    target->cancel = IS(SLA_STATE, "pending");
    state(0, "new");
    state(10, "pending");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 10);
}

Test(sla_fold, does_not_start_while_cancel_holds)
{
    target->cancels = SLA_CANCELS_WHEN;
    target->cancel = IS(SLA_TIER, "1");
    state(0, "new");
    expect_none("t", 1);
    goes(9, SLA_TIER, "2");
    expect_running("t", 1, 69);
}

/* ---- again ---- */

static void resolved_and_reopened(void)
{
    state(0, "new");
    state(20, "resolved");
    state(100, "open");
}

Test(sla_fold, again_never)
{
    resolved_and_reopened();
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    cr_expect_eq(fold.n, 1);
}

Test(sla_fold, again_continue)
{
    target->again = SLA_AGAIN_CONTINUE;
    resolved_and_reopened();
    expect_running("t", 1, 140);
    cr_expect_eq(fold.n, 1);
    cr_expect_eq(fold.runs[0].nspans, 3);
    cr_expect_not(fold.runs[0].spans[1].counts, "resolved is no time that counts");
    state(110, "resolved");
    expect_ended("t", 1, SLA_CLOCK_MET, 110);
    cr_expect_eq(fold.runs[0].clock.remaining_s, 30 * 60);
}

Test(sla_fold, again_continue_in_a_pause)
{
    pauses_while_pending();
    target->again = SLA_AGAIN_CONTINUE;
    state(0, "new");
    state(20, "resolved");
    state(100, "pending");
    expect_paused("t", 1, 40);
}

Test(sla_fold, again_continue_does_not_revive_what_was_cancelled)
{
    target->again = SLA_AGAIN_CONTINUE;
    target->cancels = SLA_CANCELS_UNLESS_START;
    target->start = IS(SLA_TIER, "1");
    state(0, "new");
    goes(10, SLA_TIER, "2");
    goes(20, SLA_TIER, "1");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 10);
    cr_expect_eq(fold.n, 1);
}

Test(sla_fold, again_anew)
{
    target->again = SLA_AGAIN_ANEW;
    resolved_and_reopened();
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    expect_running("t", 2, 160);
    state(110, "closed");
    state(120, "open");
    expect_ended("t", 2, SLA_CLOCK_MET, 110);
    expect_running("t", 3, 180);
    cr_expect_eq(fold.n, 3);
}

Test(sla_fold, again_anew_after_it_was_cancelled)
{
    target->again = SLA_AGAIN_ANEW;
    target->cancels = SLA_CANCELS_UNLESS_START;
    target->start = IS(SLA_TIER, "1");
    state(0, "new");
    goes(10, SLA_TIER, "2");
    goes(20, SLA_TIER, "1");
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 10);
    expect_running("t", 2, 80);
}

/* ---- reset ---- */

static void replies(int64_t minute, const char *by)
{
    struct sla_step *step = story_goes(&story, minute, SLA_EVENT, "ticket.replied");

    step->facts.values[SLA_BY] = by;
}

static void resets_on_replies_of_agents(void)
{
    target->resets = true;
    target->reset = ALL(IS(SLA_EVENT, "ticket.replied"), IS(SLA_BY, "agent"));
    target->again = SLA_AGAIN_ANEW;
}

Test(sla_fold, update_cadence)
{
    resets_on_replies_of_agents();
    state(0, "new");
    replies(30, "requester");
    expect_running("t", 1, 60);
    replies(50, "agent");
    expect_ended("t", 1, SLA_CLOCK_MET, 50);
    expect_running("t", 2, 110);
    replies(130, "agent");
    expect_ended("t", 2, SLA_CLOCK_MET, 130);
    expect_running("t", 3, 190);
    state(140, "resolved");
    expect_ended("t", 3, SLA_CLOCK_MET, 140);
    replies(150, "agent");
    expect_none("t", 4);
    state(160, "open");
    expect_running("t", 4, 220);
}

Test(sla_fold, reset_of_a_clock_at_rest_begins_at_rest)
{
    resets_on_replies_of_agents();
    pauses_while_pending();
    state(0, "new");
    state(10, "pending");
    replies(20, "agent");
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    expect_paused("t", 2, 60);
    state(30, "open");
    expect_running("t", 2, 90);
}

Test(sla_fold, reset_ends_nothing_that_could_not_start_again)
{
    resets_on_replies_of_agents();
    target->start = IS(SLA_TIER, "1");
    goes(0, SLA_TIER, "1");
    goes(5, SLA_TIER, "2");
    replies(10, "agent");
    expect_running("t", 1, 60);
}

Test(sla_fold, next_reply_cycles)
{
    struct sla_target *next = sla_made_target(&plan.policies[0], "next_reply", 1800);

    next->start = ALL(IS(SLA_RESPONDED, "yes"), IS(SLA_AWAITING, "agent"));
    sla_condition_fini(&next->stop);
    next->stop = ANY(IS(SLA_AWAITING, "requester"), IS(SLA_STATE, "resolved"));
    next->again = SLA_AGAIN_ANEW;
    state(0, "new");
    expect_none("next_reply", 1); /* that is the first response */
    story_goes(&story, 5, SLA_RESPONDED, "yes")->facts.values[SLA_AWAITING] = "requester";
    expect_none("next_reply", 1);
    goes(10, SLA_AWAITING, "agent");
    expect_running("next_reply", 1, 40);
    goes(20, SLA_AWAITING, "agent"); /* asks again: the oldest question counts */
    expect_running("next_reply", 1, 40);
    goes(25, SLA_AWAITING, "requester");
    expect_ended("next_reply", 1, SLA_CLOCK_MET, 25);
    goes(50, SLA_AWAITING, "agent");
    expect_running("next_reply", 2, 80);
    state(60, "resolved");
    expect_ended("next_reply", 2, SLA_CLOCK_MET, 60);
}

/* ---- firing ---- */

Test(sla_fold, fires_a_warning_then_a_breach)
{
    state(0, "new");
    (void)story_fires(&story, 46, "t", 1, SLA_FIRED_WARNING);
    cr_expect_eq(run_of("t", 1)->clock.warned.us, story_minute(46).us);
    cr_expect_eq(fold.runs[0].clock.fire.us, story_minute(60).us);
    cr_expect_eq(fold.runs[0].clock.generation, 2);
    (void)story_fires(&story, 61, "t", 1, SLA_FIRED_BREACH);
    cr_expect_eq(run_of("t", 1)->clock.breached.us, story_minute(61).us);
    cr_expect_eq(fold.runs[0].clock.fire.us, 0);
    cr_expect_eq(fold.runs[0].clock.generation, 3);
    expect_running("t", 1, 60);
}

Test(sla_fold, fired_stays_fired_through_pause_and_restart)
{
    pauses_while_pending();
    target->again = SLA_AGAIN_CONTINUE;
    state(0, "new");
    (void)story_fires(&story, 46, "t", 1, SLA_FIRED_WARNING);
    state(50, "pending");
    state(80, "open");
    cr_expect_eq(run_of("t", 1)->clock.fire.us, story_minute(90).us);
    state(85, "resolved");
    state(100, "open");
    cr_expect_eq(run_of("t", 1)->clock.fire.us, story_minute(105).us);
    cr_expect_eq(fold.runs[0].clock.warned.us, story_minute(46).us);
}

Test(sla_fold, what_fires_on_a_clock_that_has_ended_or_never_was_is_nothing)
{
    state(0, "new");
    state(20, "resolved");
    (void)story_fires(&story, 46, "t", 1, SLA_FIRED_BREACH);
    (void)story_fires(&story, 46, "t", 2, SLA_FIRED_BREACH);
    (void)story_fires(&story, 46, "u", 1, SLA_FIRED_WARNING);
    expect_ended("t", 1, SLA_CLOCK_MET, 20);
    cr_expect_eq(fold.runs[0].clock.breached.us, 0);
    cr_expect_eq(fold.runs[0].clock.generation, 2);
}

Test(sla_fold, what_was_due_when_a_clock_was_met_still_fires_once)
{
    state(0, "new");
    state(70, "resolved");
    (void)story_fires(&story, 71, "t", 1, SLA_FIRED_BREACH);
    (void)story_fires(&story, 72, "t", 1, SLA_FIRED_BREACH);
    expect_ended("t", 1, SLA_CLOCK_MET, 70);
    cr_expect_eq(fold.runs[0].clock.breached.us, story.steps[2].at.us);
}

/* ---- another policy ---- */

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
