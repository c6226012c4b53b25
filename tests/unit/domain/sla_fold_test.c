/* The life of clocks: what starts, rests and ends them, and cycles. Times are minutes of a story, around the
 * clock unless a test says otherwise. */
#include "base/clock.h"
#include "sla_scene.h"
#include "walker.h"
#include <criterion/criterion.h>

/* One policy with one target of an hour, from minute 0. */
static void set_up(void)
{
    make(1);
    target = sla_made_target(&plan.policies[0], "t", 3600);
}

TestSuite(sla_fold, .init = set_up, .fini = tear_down);

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

Test(sla_fold, what_fires_on_a_clock_that_never_was_is_nothing)
{
    state(0, "new");
    (void)story_fires(&story, 46, "t", 2, SLA_FIRED_BREACH);
    (void)story_fires(&story, 46, "u", 1, SLA_FIRED_WARNING);
    expect_running("t", 1, 60);
    cr_expect_eq(fold.n, 1);
    cr_expect_eq(fold.runs[0].clock.generation, 1);
}

/* A claim ends the clock, and what had been due is told right behind it: in the same second, or long late,
 * met or cancelled. Nothing else moves. */
Test(sla_fold, what_is_told_of_a_clock_that_has_ended_is_kept_once)
{
    state(0, "new");
    state(60, "resolved");
    (void)story_fires(&story, 60, "t", 1, SLA_FIRED_BREACH);
    (void)story_fires(&story, 72, "t", 1, SLA_FIRED_BREACH);
    expect_ended("t", 1, SLA_CLOCK_MET, 60);
    cr_expect_eq(fold.runs[0].clock.breached.us, story_minute(60).us);
    cr_expect_eq(fold.runs[0].clock.fire.us, 0);
    cr_expect_eq(fold.runs[0].clock.generation, 3);
}

Test(sla_fold, also_of_one_that_was_cancelled)
{
    target->cancels = SLA_CANCELS_WHEN;
    target->cancel = IS(SLA_OWNED, "yes");
    state(0, "new");
    goes(70, SLA_OWNED, "yes");
    (void)story_fires(&story, 70, "t", 1, SLA_FIRED_BREACH);
    expect_ended("t", 1, SLA_CLOCK_CANCELLED, 70);
    cr_expect_eq(fold.runs[0].clock.breached.us, story_minute(70).us);
}
