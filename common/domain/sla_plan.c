/* Looks things up in a plan, and finds the conditions that contradict each other. Called by the reader of
 * plans, which refuses what has a fault, and by the fold. Pure. */
#include "domain/sla_plan.h"
#include "base/civil.h"
#include "base/memory.h"
#include <string.h>

static const struct {
    const char *name;
    enum sla_field field;
} sources[] = {
#define X(constant, name, field) {name, field},
    SLA_SOURCES(X)
#undef X
        {"default", SLA_FIELD_COUNT},
    {"target", SLA_FIELD_COUNT},
};

const char *sla_source_name(enum sla_source source)
{
    return sources[source].name;
}

const char *sla_again_name(enum sla_again again)
{
    static const char *const names[] = {
#define X(constant, name) name,
        SLA_AGAINS(X)
#undef X
    };

    return names[again];
}

static void target_fini(struct sla_target *target)
{
    sla_condition_fini(&target->start);
    sla_condition_fini(&target->stop);
    sla_condition_fini(&target->pause);
    sla_condition_fini(&target->reset);
    sla_condition_fini(&target->cancel);
}

void sla_plan_fini(struct sla_plan *plan)
{
    for (size_t i = 0; i < plan->npolicies; i++) {
        struct sla_policy *policy = &plan->policies[i];

        for (size_t k = 0; k < policy->ntargets; k++)
            target_fini(&policy->targets[k]);
        free(policy->targets);
        sla_condition_fini(&policy->when);
    }
    for (size_t i = 0; i < plan->ncalendars; i++)
        calendar_free(plan->calendars[i].calendar);
    for (size_t i = 0; i < plan->nescalations; i++)
        escalation_fini(&plan->escalations[i]);
    for (size_t i = 0; i < plan->closing.nneeds; i++)
        sla_condition_fini(&plan->closing.needs[i].when);
    free(plan->closing.needs);
    free(plan->escalations);
    free(plan->schedules);
    free(plan->policies);
    free(plan->calendars);
    free(plan->attachments);
    *plan = (struct sla_plan){0};
}

const struct sla_policy *sla_plan_policy(const struct sla_plan *plan, const struct sla_facts *facts)
{
    for (size_t i = 0; i < plan->npolicies; i++)
        if (sla_condition_holds(&plan->policies[i].when, facts))
            return &plan->policies[i];
    return NULL;
}

const struct sla_target *sla_policy_target(const struct sla_policy *policy, const char *name)
{
    for (size_t i = 0; policy && i < policy->ntargets; i++)
        if (strcmp(policy->targets[i].name, name) == 0)
            return &policy->targets[i];
    return NULL;
}

const struct sla_calendar *sla_plan_named(const struct sla_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->ncalendars; i++)
        if (strcmp(plan->calendars[i].name, name) == 0)
            return &plan->calendars[i];
    return NULL;
}

const struct escalation_schedule *sla_plan_schedule(const struct sla_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->nschedules; i++)
        if (strcmp(plan->schedules[i].name, name) == 0)
            return &plan->schedules[i];
    return NULL;
}

static const struct sla_calendar *attached(const struct sla_plan *plan, enum sla_source source,
                                           const char *value)
{
    for (size_t i = 0; value && i < plan->nattachments; i++)
        if (plan->attachments[i].source == source && strcmp(plan->attachments[i].value, value) == 0)
            return plan->attachments[i].calendar;
    return NULL;
}

const struct sla_calendar *sla_plan_calendar(const struct sla_plan *plan, const struct sla_target *target,
                                             const struct sla_facts *facts, enum sla_source *ret_source)
{
    if (target->calendar) {
        *ret_source = SLA_BY_TARGET;
        return sla_plan_named(plan, target->calendar);
    }
    for (int s = SLA_BY_CONTRACT; s < SLA_BY_DEFAULT; s++) {
        const struct sla_calendar *calendar =
            attached(plan, (enum sla_source)s, facts->values[sources[s].field]);

        if (calendar) {
            *ret_source = (enum sla_source)s;
            return calendar;
        }
    }
    *ret_source = SLA_BY_DEFAULT;
    return plan->usual;
}

/* ---- working days ---- */

static int64_t wall_of(const struct zone *zone, int64_t at_s)
{
    return zone ? zone_wall_s(zone, at_s) : at_s;
}

static int64_t instant_of(const struct zone *zone, int64_t wall_s)
{
    return zone ? zone_first_s(zone, wall_s) : wall_s;
}

int64_t sla_target_seconds(const struct sla_target *target, const struct sla_calendar *calendar,
                           struct instant start)
{
    const struct calendar *open = calendar->calendar;
    int64_t from = instant_second(start), first = from, day, wall;
    int left = target->working_days;

    if (!left)
        return target->amount_s;
    if (!calendar_is_open(open, from) && calendar_next_open(open, from, &first) != 0)
        return (int64_t)left * DAY_S; /* it never opens again */
    wall = wall_of(calendar->zone, first);
    day = civil_day_of(wall);
    while (left && day * DAY_S < CALENDAR_END_S) {
        day++;
        left -= calendar_elapsed(open, instant_of(calendar->zone, day * DAY_S),
                                 instant_of(calendar->zone, (day + 1) * DAY_S)) > 0;
    }
    /* Days that never come are more than the calendar has left: nothing is ever due. */
    return calendar_elapsed(open, from, instant_of(calendar->zone, day * DAY_S + civil_second_of(wall))) +
           (int64_t)left * DAY_S;
}

struct instant sla_closing_due(const struct sla_closing *closing, struct instant resolved)
{
    const struct sla_target *wait = &closing->auto_close;
    struct instant due = {0};
    struct worktime worktime = {0};

    if (!wait->amount_s && !wait->working_days)
        return due;
    worktime.calendar = closing->calendar->calendar;
    if (worktime_deadline(&worktime, resolved, sla_target_seconds(wait, closing->calendar, resolved), &due))
        return (struct instant){0}; /* beyond what the calendar knows */
    return due;
}

struct instant sla_closing_reopen_until(const struct sla_closing *closing, struct instant closed)
{
    return (struct instant){closing->reopen_s ? closed.us + closing->reopen_s * 1000000 : 0};
}

unsigned sla_closing_needs(const struct sla_closing *closing, const struct sla_facts *facts)
{
    for (size_t i = 0; i < closing->nneeds; i++)
        if (sla_condition_holds(&closing->needs[i].when, facts))
            return closing->needs[i].parts;
    return SLA_NEEDS_ALL;
}

/* ---- what conditions do to each other ---- */

static bool names(const struct sla_condition *condition, const char *value)
{
    for (size_t i = 0; i < condition->nvalues; i++)
        if (condition->values[i] && strcmp(condition->values[i], value) == 0)
            return true;
    return false;
}

static bool possible(const struct sla_wish *wishes, size_t n)
{
    return sla_wishes_possible(wishes, n) != SLA_IMPOSSIBLE;
}

/* Could its `reset` hold when one of these events happens, done by one of these? */
static enum sla_possibility may_reset(const struct sla_target *target, const char *events[2],
                                      const char *by[2])
{
    const struct sla_condition event = {.kind = SLA_IS, .field = SLA_EVENT, .values = events, .nvalues = 2},
                               actor = {.kind = SLA_IS, .field = SLA_BY, .values = by, .nvalues = 2};
    const struct sla_wish wishes[] = {{&target->reset, true}, {&event, true}, {&actor, true}};

    return target->resets ? sla_wishes_possible(wishes, ARRAY_SIZE(wishes)) : SLA_IMPOSSIBLE;
}

static bool minds_claims(const struct sla_condition *condition)
{
    bool minds = false;

    if (condition->kind == SLA_IS)
        return condition->field == SLA_OWNED ||
               (condition->field == SLA_STATE && names(condition, "new") != names(condition, "open"));
    for (size_t i = 0; i < condition->nparts && !minds; i++)
        minds = minds_claims(&condition->parts[i]);
    return minds;
}

static bool target_minds_claims(const struct sla_target *target)
{
    const char *claimed[] = {"ticket.claimed", "ticket.claimed"}, *people[] = {"agent", "requester"};

    return minds_claims(&target->start) || minds_claims(&target->stop) || minds_claims(&target->pause) ||
           minds_claims(&target->cancel) || may_reset(target, claimed, people) != SLA_IMPOSSIBLE;
}

bool sla_plan_minds_claims(const struct sla_plan *plan)
{
    bool minds = false;

    for (size_t i = 0; i < plan->npolicies && !minds; i++) {
        const struct sla_policy *policy = &plan->policies[i];

        minds = minds_claims(&policy->when);
        for (size_t k = 0; k < policy->ntargets && !minds; k++)
            minds = target_minds_claims(&policy->targets[k]);
    }
    for (size_t i = 0; i < plan->nescalations && !minds; i++)
        minds = minds_claims(&plan->escalations[i].when);
    return minds;
}

const char *sla_target_fault(const struct sla_policy *policy, const struct sla_target *target)
{
    const struct sla_wish start[] = {
        {&policy->when, true}, {&target->start, true}, {&target->stop, false}, {&target->pause, false}};
    const struct sla_wish lasting[] = {
        {&policy->when, true}, {&target->start, true}, {&target->stop, false}, {&target->cancel, false}};
    const struct sla_wish stop[] = {{&target->stop, true}};
    const struct sla_wish pause[] = {{&policy->when, true}, {&target->start, true}, {&target->pause, true}};
    const char *firings[] = {"sla.warned", "sla.breached"}, *scheduler[] = {"system", "system"};

    if (!possible(stop, 1))
        return "can never stop: no ticket fulfils its \"stop\"";
    if (!possible(start, 2))
        return "can never start: no ticket of this policy fulfils its \"start\"";
    if (!possible(start, 3))
        return "can never start: whatever fulfils its \"start\" fulfils its \"stop\" too, and stop wins";
    if (target->cancels == SLA_CANCELS_WHEN && !possible(lasting, 4))
        return "can never start: whatever fulfils its \"start\" fulfils its \"cancel\" too";
    if (target->pauses && !possible(start, 4))
        return "would be paused for ever: whatever fulfils its \"start\" fulfils its \"pause\" too";
    if (target->pauses && target->cancels == SLA_CANCELS_UNLESS_START && !possible(pause, 3))
        return "would be cancelled instead of paused: what fulfils its \"pause\" does not fulfil its "
               "\"start\" any more; add \"cancel\", or let \"start\" hold while it pauses";
    if (may_reset(target, firings, scheduler) == SLA_POSSIBLE)
        return "would begin anew when a clock warns or breaches; let \"reset\" name an \"event\" of the "
               "ticket, or who it is \"by\"";
    return NULL;
}

bool sla_policy_is_shadowed(const struct sla_plan *plan, size_t i)
{
    _cleanup_(freep) struct sla_wish *wishes = NEW_ARRAY(struct sla_wish, i + 1);

    wishes[0] = (struct sla_wish){&plan->policies[i].when, true};
    for (size_t k = 0; k < i; k++)
        wishes[k + 1] = (struct sla_wish){&plan->policies[k].when, false};
    return !possible(wishes, i + 1);
}

bool sla_escalation_is_shadowed(const struct sla_plan *plan, size_t i)
{
    _cleanup_(freep) struct sla_wish *wishes = NEW_ARRAY(struct sla_wish, i + 1);
    size_t n = 0;

    wishes[n++] = (struct sla_wish){&plan->escalations[i].when, true};
    for (size_t k = 0; k < i; k++)
        if (strcmp(plan->escalations[k].target, plan->escalations[i].target) == 0)
            wishes[n++] = (struct sla_wish){&plan->escalations[k].when, false};
    return !possible(wishes, n);
}
