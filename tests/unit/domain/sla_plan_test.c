/* Plans: which policy, by whose calendar, how long a working day is, and which conditions are refused. */
#include "base/memory.h"
#include "domain/sla_plan.h"
#include "domain/worktime.h"
#include "sla_made.h"
#include "walker.h"
#include <criterion/criterion.h>

static struct sla_plan plan;

static void tear_down(void)
{
    sla_plan_fini(&plan);
}
TestSuite(sla_plan, .fini = tear_down);

static const struct sla_facts urgent = {.values = {[SLA_PRIORITY] = "1", [SLA_STATE] = "open"}};
static const struct sla_facts usual = {.values = {[SLA_PRIORITY] = "3", [SLA_STATE] = "open"}};

/* ---- which policy ---- */

Test(sla_plan, the_first_policy_that_holds_applies)
{
    sla_made_plan(&plan, 2);
    plan.policies[0].when = IS(SLA_PRIORITY, "1", "2");
    cr_expect_str_eq(sla_plan_policy(&plan, &urgent)->name, "first");
    cr_expect_str_eq(sla_plan_policy(&plan, &usual)->name, "second");
    plan.policies[1].when = IS(SLA_PRIORITY, "1", "4");
    cr_expect_str_eq(sla_plan_policy(&plan, &urgent)->name, "first");
    cr_expect_null(sla_plan_policy(&plan, &usual));
}

Test(sla_plan, targets_and_calendars_are_found_by_name)
{
    sla_made_plan(&plan, 1);
    sla_made_target(&plan.policies[0], "resolve", 60);
    sla_made_target(&plan.policies[0], "update", 60);
    cr_expect_eq(sla_policy_target(&plan.policies[0], "update"), &plan.policies[0].targets[1]);
    cr_expect_null(sla_policy_target(&plan.policies[0], "updates"));
    cr_expect_null(sla_policy_target(NULL, "update"));
    cr_expect_eq(sla_plan_named(&plan, "office"), &plan.calendars[1]);
    cr_expect_null(sla_plan_named(&plan, "home"));
}

/* ---- by whose calendar ---- */

static void attach(enum sla_source source, const char *value)
{
    plan.attachments = mem_more(plan.attachments, plan.nattachments, sizeof *plan.attachments);
    plan.attachments[plan.nattachments++] = (struct sla_attachment){source, value, &plan.calendars[1]};
}

static void expect_calendar(const struct sla_target *target, const struct sla_facts *facts, const char *name,
                            const char *by)
{
    enum sla_source source;

    cr_expect_str_eq(sla_plan_calendar(&plan, target, facts, &source)->name, name);
    cr_expect_str_eq(sla_source_name(source), by);
}

/* Each line takes away what won before. */
Test(sla_plan, target_contract_site_requester_team_default)
{
    struct sla_facts facts = {
        .values = {[SLA_CONTRACT] = "x", [SLA_SITE] = "x", [SLA_REQUESTER] = "x", [SLA_TEAM] = "x"}};
    struct sla_target target = {.calendar = "always"};

    sla_made_plan(&plan, 0);
    for (int s = SLA_BY_TEAM; s >= SLA_BY_CONTRACT; s--)
        attach((enum sla_source)s, "x");
    expect_calendar(&target, &facts, "always", "target");
    target.calendar = NULL;
    expect_calendar(&target, &facts, "office", "contract");
    facts.values[SLA_CONTRACT] = "y";
    expect_calendar(&target, &facts, "office", "site");
    facts.values[SLA_SITE] = NULL;
    expect_calendar(&target, &facts, "office", "requester");
    facts.values[SLA_REQUESTER] = "X";
    expect_calendar(&target, &facts, "office", "team");
    facts.values[SLA_TEAM] = "y";
    expect_calendar(&target, &facts, "always", "default");
    plan.usual = &plan.calendars[1];
    expect_calendar(&target, &facts, "office", "default");
}

Test(sla_plan, a_value_counts_in_its_own_field_only)
{
    const struct sla_facts facts = {.values = {[SLA_SITE] = "network", [SLA_SERVICE] = "network"}};
    const struct sla_target target = {0};

    sla_made_plan(&plan, 0);
    attach(SLA_BY_TEAM, "network");
    expect_calendar(&target, &facts, "always", "default");
}

/* ---- working days ---- */

/* When so many working days from `start` are over, "" for never. */
static void expect_days(const struct sla_calendar *calendar, int days, const char *start, const char *due)
{
    const struct sla_target target = {.working_days = days};
    const struct worktime worktime = {.calendar = calendar->calendar};
    struct instant from = walker_instant(start), at = {0};
    int outcome = worktime_deadline(&worktime, from, sla_target_seconds(&target, calendar, from), &at);

    if (!*due)
        cr_expect_eq(outcome, CALENDAR_BEYOND, "%d from %s", days, start);
    else
        cr_expect(outcome == 0 && at.us == walker_instant(due).us, "%d from %s: off by %lld s", days, start,
                  (long long)(at.us - walker_instant(due).us) / 1000000);
}

Test(sla_plan, an_amount_is_itself)
{
    const struct sla_target target = {.amount_s = 90};

    sla_made_plan(&plan, 0);
    cr_expect_eq(sla_target_seconds(&target, &plan.calendars[1], walker_instant("2026-03-27T15:00:00Z")), 90);
}

/* Berlin, 09:00 to 17:00; 2026-03-27 is a Friday, the clocks go forward on the Sunday. */
Test(sla_plan, a_working_day_ends_at_the_same_time_of_the_next)
{
    sla_made_plan(&plan, 0);
    expect_days(&plan.calendars[1], 1, "2026-03-24T10:30:00+01:00", "2026-03-25T10:30:00+01:00");
    expect_days(&plan.calendars[1], 3, "2026-03-24T10:30:00.5+01:00", "2026-03-27T10:30:00.5+01:00");
    expect_days(&plan.calendars[1], 1, "2026-03-27T16:00:00+01:00", "2026-03-30T16:00:00+02:00");
    expect_days(&plan.calendars[1], 6, "2026-03-27T16:00:00+01:00", "2026-04-06T16:00:00+02:00");
    expect_days(&plan.calendars[1], 1, "2026-10-23T09:00:01+02:00", "2026-10-26T09:00:01+01:00");
}

Test(sla_plan, a_working_day_from_a_closed_instant_begins_when_it_opens)
{
    sla_made_plan(&plan, 0);
    /* It is over when the next day opens: as soon as the first one closes. */
    expect_days(&plan.calendars[1], 1, "2026-03-24T06:00:00+01:00", "2026-03-24T17:00:00+01:00");
    expect_days(&plan.calendars[1], 1, "2026-03-24T17:00:00+01:00", "2026-03-25T17:00:00+01:00");
    expect_days(&plan.calendars[1], 2, "2026-03-28T12:00:00+01:00", "2026-03-31T17:00:00+02:00");
}

Test(sla_plan, holidays_are_no_working_days)
{
    static const struct civil closed[] = {{2026, 4, 3}, {2026, 4, 6}}; /* Good Friday and Easter Monday */
    struct calendar_spec spec = {.closed = closed, .nclosed = 2};

    sla_made_plan(&plan, 0);
    walker_daily(&spec, "09:00", "17:00");
    spec.weekly[5].n = spec.weekly[6].n = 0;
    calendar_free(plan.calendars[1].calendar);
    plan.calendars[1].calendar = walker_calendar(spec, "Europe/Berlin");
    expect_days(&plan.calendars[1], 1, "2026-04-02T14:00:00+02:00", "2026-04-07T14:00:00+02:00");
    expect_days(&plan.calendars[1], 2, "2026-04-01T14:00:00+02:00", "2026-04-07T14:00:00+02:00");
}

Test(sla_plan, a_short_day_is_a_whole_working_day)
{
    struct calendar_spec spec = {0};

    sla_made_plan(&plan, 0);
    walker_daily(&spec, "09:00", "17:00");
    spec.weekly[1] = (struct calendar_hours){1, {{walker_clock("09:00"), walker_clock("12:00")}}};
    calendar_free(plan.calendars[1].calendar);
    plan.calendars[1].calendar = walker_calendar(spec, "Europe/Berlin");
    expect_days(&plan.calendars[1], 1, "2026-03-23T15:00:00+01:00", "2026-03-24T12:00:00+01:00");
    expect_days(&plan.calendars[1], 2, "2026-03-23T15:00:00+01:00", "2026-03-25T15:00:00+01:00");
}

Test(sla_plan, around_the_clock_every_day_of_utc_is_a_working_day)
{
    sla_made_plan(&plan, 0);
    expect_days(&plan.calendars[0], 1, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
    expect_days(&plan.calendars[0], 366, "2027-03-28T12:00:00Z", "2028-03-28T12:00:00Z");
}

/* Open on three dates and never again. */
Test(sla_plan, days_that_never_come_are_never_over)
{
    static const struct calendar_open_date open[] = {{{2026, 4, 1}, {1, {{0, DAY_S}}}},
                                                     {{2026, 4, 2}, {1, {{0, DAY_S}}}},
                                                     {{2026, 4, 3}, {1, {{0, DAY_S}}}}};
    struct calendar_spec spec = {.open_dates = open, .nopen = 3};

    sla_made_plan(&plan, 0);
    calendar_free(plan.calendars[1].calendar);
    plan.calendars[1].calendar = walker_calendar(spec, "Europe/Berlin");
    expect_days(&plan.calendars[1], 2, "2026-04-01T08:00:00+02:00", "2026-04-03T08:00:00+02:00");
    expect_days(&plan.calendars[1], 3, "2026-04-01T08:00:00+02:00", "");
    expect_days(&plan.calendars[1], 1, "2026-04-03T08:00:00+02:00", "");
    expect_days(&plan.calendars[1], 1, "2026-04-04T08:00:00+02:00", "");
    expect_days(&plan.calendars[1], 366, "2026-04-04T08:00:00+02:00", "");
}

/* Days are walked one by one: the n-th open one after the first has the same time on the wall. */
Test(sla_plan, working_days_by_walking)
{
    sla_made_plan(&plan, 0);
    walker_zone("Europe/Berlin");
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t dice = seed;
        int64_t from = walker_s("2026-01-01T00:00:00Z") + (int64_t)walker_random(&dice, 400 * DAY_S), day,
                second;
        int n = 1 + (int)walker_random(&dice, 30), left = n;
        const struct sla_target target = {.working_days = n};
        int64_t amount_s =
            sla_target_seconds(&target, &plan.calendars[1], (struct instant){from * INT64_C(1000000)});
        int64_t first = from, due = from;

        while (!calendar_is_open(plan.calendars[1].calendar, first))
            first++;
        day = civil_day_of(walker_wall_s(first));
        second = civil_second_of(walker_wall_s(first));
        while (left)
            left -= civil_weekday(++day) < 5;
        due = first + (day - civil_day_of(walker_wall_s(first))) * DAY_S;
        due -= walker_wall_s(due) - due - (walker_wall_s(first) - first); /* the clocks changed between */
        cr_expect_eq(civil_second_of(walker_wall_s(due)), second);
        cr_expect_eq(amount_s, calendar_elapsed(plan.calendars[1].calendar, from, due), "seed %d", (int)seed);
    }
}

/* ---- what is refused ---- */

static void expect_fault(struct sla_target target, const char *fault)
{
    struct sla_policy policy = {.when = IS(SLA_PRIORITY, "1", "2")};
    const char *found = sla_target_fault(&policy, &target);

    if (fault)
        cr_expect(found && strstr(found, fault), "%s: %s", fault, found ? found : "(none)");
    else
        cr_expect_null(found, "%s", found);
    sla_condition_fini(&policy.when);
    sla_condition_fini(&target.start);
    sla_condition_fini(&target.stop);
    sla_condition_fini(&target.pause);
    sla_condition_fini(&target.cancel);
}

Test(sla_plan, targets_that_can_never_stop_or_start)
{
    expect_fault((struct sla_target){.stop = IS(SLA_STATE, "resolved")}, NULL);
    expect_fault((struct sla_target){.stop = NEVER_HOLDS}, "can never stop: no ticket fulfils its \"stop\"");
    expect_fault((struct sla_target){.stop = ALL(IS(SLA_STATE, "new"), IS(SLA_OWNED, "yes"))},
                 "can never stop");
    expect_fault((struct sla_target){.start = IS(SLA_PRIORITY, "3"), .stop = IS(SLA_STATE, "resolved")},
                 "can never start: no ticket of this policy fulfils its \"start\"");
    expect_fault((struct sla_target){.start = IS(SLA_STATE, "resolved", "closed"),
                                     .stop = IS(SLA_STATE, "resolved", "closed", "cancelled")},
                 "can never start: whatever fulfils its \"start\" fulfils its \"stop\" too, and stop wins");
    expect_fault((struct sla_target){.stop = IS(SLA_PRIORITY, "1", "2", "3")}, "and stop wins");
}

Test(sla_plan, targets_that_are_cancelled_as_soon_as_they_start)
{
    struct sla_target target = {.start = IS(SLA_TIER, "1"), .cancels = SLA_CANCELS_WHEN};

    target.stop = IS(SLA_STATE, "resolved");
    target.cancel = IS(SLA_TIER, "1", "2");
    expect_fault(target, "can never start: whatever fulfils its \"start\" fulfils its \"cancel\" too");
    target = (struct sla_target){.start = IS(SLA_TIER, "1"), .cancels = SLA_CANCELS_WHEN};
    target.stop = IS(SLA_STATE, "resolved");
    target.cancel = IS(SLA_TIER, "2");
    expect_fault(target, NULL);
}

Test(sla_plan, targets_that_would_be_paused_for_ever)
{
    expect_fault((struct sla_target){.start = IS(SLA_TIER, "2"),
                                     .stop = IS(SLA_STATE, "resolved"),
                                     .pauses = true,
                                     .pause = IS(SLA_TIER, "2", "3")},
                 "would be paused for ever: whatever fulfils its \"start\" fulfils its \"pause\" too");
    expect_fault((struct sla_target){.start = IS(SLA_TIER, "2"),
                                     .stop = IS(SLA_STATE, "resolved"),
                                     .pauses = true,
                                     .pause = IS(SLA_STATE, "pending")},
                 NULL);
}

static void expect_pause_fault(enum sla_cancels cancels, const char *fault)
{
    expect_fault((struct sla_target){.start = IS(SLA_STATE, "new", "open"),
                                     .stop = IS(SLA_STATE, "resolved"),
                                     .pauses = true,
                                     .pause = IS(SLA_STATE, "pending"),
                                     .cancel = IS(SLA_STATE, "cancelled"),
                                     .cancels = cancels},
                 fault);
}

Test(sla_plan, targets_that_would_be_cancelled_instead_of_paused)
{
    expect_pause_fault(SLA_CANCELS_UNLESS_START, "would be cancelled instead of paused");
    expect_pause_fault(SLA_CANCELS_WHEN, NULL);
    expect_pause_fault(SLA_CANCELS_NEVER, NULL);
}

Test(sla_plan, policies_that_nothing_reaches)
{
    sla_made_plan(&plan, 4);
    plan.policies[0].when = IS(SLA_PRIORITY, "1", "2");
    plan.policies[1].when = ALL(IS(SLA_PRIORITY, "2"), IS(SLA_TEAM, "network"));
    plan.policies[2].when = IS(SLA_PRIORITY, "3", "4");
    cr_expect_not(sla_policy_is_shadowed(&plan, 0));
    cr_expect(sla_policy_is_shadowed(&plan, 1));
    cr_expect_not(sla_policy_is_shadowed(&plan, 2));
    cr_expect(sla_policy_is_shadowed(&plan, 3), "the four priorities are taken");
}

Test(sla_plan, a_policy_that_can_never_hold_counts_as_not_reached)
{
    sla_made_plan(&plan, 1);
    plan.policies[0].when = ALL(IS(SLA_PRIORITY, "1"), IS(SLA_PRIORITY, "2"));
    cr_expect(sla_policy_is_shadowed(&plan, 0));
}

Test(sla_plan, names)
{
    cr_expect_str_eq(sla_again_name(SLA_AGAIN_NEVER), "never");
    cr_expect_str_eq(sla_again_name(SLA_AGAIN_CONTINUE), "continue");
    cr_expect_str_eq(sla_again_name(SLA_AGAIN_ANEW), "anew");
    cr_expect_str_eq(sla_source_name(SLA_BY_CONTRACT), "contract");
    cr_expect_str_eq(sla_source_name(SLA_BY_TEAM), "team");
}
