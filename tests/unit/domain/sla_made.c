/* See sla_made.h. */
#include "sla_made.h"
#include "base/clock.h"
#include "base/memory.h"
#include "walker.h"
#include <criterion/criterion.h>
#include <stdarg.h>

const char sla_made_missing[] = "(missing)";

/* ---- conditions ---- */

static void add_value(struct sla_condition *condition, const char *value)
{
    condition->values = mem_more(condition->values, condition->nvalues, sizeof *condition->values);
    condition->values[condition->nvalues++] = value == sla_made_missing ? NULL : value;
}

struct sla_condition sla_made_is(enum sla_field field, ...)
{
    struct sla_condition condition = {.kind = SLA_IS, .field = field};
    const char *value;
    va_list args;

    va_start(args, field);
    while ((value = va_arg(args, const char *)))
        add_value(&condition, value);
    va_end(args);
    return condition;
}

struct sla_condition sla_made_list(enum sla_condition_kind kind, const struct sla_condition *parts, size_t n)
{
    return (struct sla_condition){.kind = kind, .parts = mem_dup(parts, n * sizeof *parts), .nparts = n};
}

const char *sla_made_value(uint64_t *seed, enum sla_field field)
{
    size_t n = 0, i;

    while (sla_field_value(field, n))
        n++;
    i = walker_random(seed, n ? n : 3);
    if (n)
        return sla_field_value(field, i);
    return i == 0 ? "a" : i == 1 ? "b" : NULL;
}

static enum sla_field random_field(uint64_t *seed, unsigned fields)
{
    enum sla_field field;

    do
        field = (enum sla_field)walker_random(seed, SLA_FIELD_COUNT);
    while (!(fields & 1u << field));
    return field;
}

struct sla_condition sla_made_random(uint64_t *seed, unsigned fields, int depth)
{
    struct sla_condition made = {.kind = (enum sla_condition_kind)walker_random(seed, 4)};
    size_t n = walker_random(seed, 3) + (made.kind == SLA_IS);

    if (depth == 0)
        made.kind = SLA_IS;
    if (made.kind == SLA_IS) {
        made.field = random_field(seed, fields);
        for (size_t i = 0; i < n; i++)
            add_value(&made, sla_made_value(seed, made.field));
        return made;
    }
    made.parts = NEW_ARRAY(struct sla_condition, n + 1);
    for (size_t i = 0; i < n; i++)
        made.parts[made.nparts++] = sla_made_random(seed, fields, depth - 1);
    return made;
}

/* ---- plans ---- */

static const struct zone *berlin(void)
{
    static struct zone *zone;

    return zone ? zone : (zone = zone_open("Europe/Berlin"));
}

void sla_made_plan(struct sla_plan *plan, size_t npolicies)
{
    static const char *const names[] = {"first", "second", "third", "fourth"};

    *plan = (struct sla_plan){.ncalendars = 2, .npolicies = npolicies};
    plan->calendars = NEW_ARRAY(struct sla_calendar, 2);
    plan->calendars[0] = (struct sla_calendar){.name = "always"};
    plan->calendars[1] = (struct sla_calendar){
        .name = "office", .calendar = walker_office("Europe/Berlin", "09:00", "17:00"), .zone = berlin()};
    plan->usual = &plan->calendars[0];
    plan->policies = NEW_ARRAY(struct sla_policy, npolicies + 1);
    for (size_t i = 0; i < npolicies; i++)
        plan->policies[i].name = names[i];
}

struct sla_target *sla_made_target(struct sla_policy *policy, const char *name, int64_t amount_s)
{
    struct sla_target *target;

    policy->targets = mem_more(policy->targets, policy->ntargets, sizeof *policy->targets);
    target = &policy->targets[policy->ntargets++];
    *target = (struct sla_target){.name = name,
                                  .amount_s = amount_s,
                                  .warn_percent = 75,
                                  .stop = IS(SLA_STATE, "resolved", "closed"),
                                  .cancels = SLA_CANCELS_NEVER};
    return target;
}

/* ---- stories ---- */

struct instant story_minute(int64_t minute)
{
    return (struct instant){(walker_s("2026-03-02T00:00:00Z") + minute * 60) * US_PER_S};
}

static struct sla_step *next_step(struct story *story, int64_t minute)
{
    struct sla_step *step = &story->steps[story->n];

    cr_assert_lt(story->n, STORY_MAX);
    *step = (struct sla_step){.at = story_minute(minute), .plan = story->plan};
    if (story->n) {
        step->facts = step[-1].facts;
    } else {
        step->facts.values[SLA_STATE] = "new";
        step->facts.values[SLA_PRIORITY] = "3";
        step->facts.values[SLA_TIER] = "1";
        step->facts.values[SLA_OWNED] = step->facts.values[SLA_RESPONDED] = "no";
        step->facts.values[SLA_AWAITING] = "agent";
    }
    step->facts.values[SLA_EVENT] = "ticket.changed";
    step->facts.values[SLA_BY] = "agent";
    story->n++;
    return step;
}

struct sla_step *story_goes(struct story *story, int64_t minute, enum sla_field field, const char *value)
{
    struct sla_step *step = next_step(story, minute);

    step->facts.values[field] = value;
    return step;
}

struct sla_step *story_fires(struct story *story, int64_t minute, const char *target, int cycle,
                             enum sla_firing fired)
{
    struct sla_step *step = next_step(story, minute);

    step->facts.values[SLA_BY] = "system";
    step->fired = fired;
    step->target = target;
    step->cycle = cycle;
    return step;
}

void story_fold(const struct story *story, struct sla_fold *ret_fold)
{
    sla_fold(story->steps, story->n, ret_fold);
}

/* ---- laws ---- */

static const char *law_of_spans(const struct sla_run *run)
{
    bool ended = sla_clock_ended(&run->clock);

    if (!run->nspans || run->spans[0].from.us != run->clock.started.us)
        return "the first span begins where the clock starts";
    for (size_t i = 0; i < run->nspans; i++) {
        bool last = i + 1 == run->nspans;

        if (!last && run->spans[i].to.us != run->spans[i + 1].from.us)
            return "spans lie end to end";
        if (last && ended && run->spans[i].to.us != run->clock.stopped.us)
            return "the last span of a clock that has ended, ends there";
        if (last && !ended &&
            (run->spans[i].to.us || run->spans[i].counts != (run->clock.state == SLA_CLOCK_RUNNING)))
            return "the last span goes on, counting while the clock runs";
    }
    return NULL;
}

static const char *law_of_sums(const struct sla_run *run, struct instant now)
{
    const struct worktime worktime = {.calendar = run->calendar->calendar};
    int64_t left_s = run->clock.target_s - sla_run_counted_s(run, now);

    if (run->clock.state == SLA_CLOCK_RUNNING)
        return left_s == worktime_elapsed(&worktime, now, run->clock.due)
                   ? NULL
                   : "what remains lies before it is due";
    return left_s == run->clock.remaining_s ? NULL : "what was not counted remains";
}

static const char *law_of_firing(const struct sla_clock *clock)
{
    int64_t fire_us = clock->state != SLA_CLOCK_RUNNING || clock->breached.us ? 0
                      : clock->warned.us                                      ? clock->due.us
                                                                              : clock->warn.us;

    return clock->fire.us == fire_us ? NULL : "only a running clock fires, a warning before a breach";
}

const char *sla_made_law(const struct sla_fold *fold, struct instant now)
{
    const char *broken = NULL;

    for (size_t i = 0; i < fold->n && !broken; i++) {
        const struct sla_run *run = &fold->runs[i];

        for (size_t k = 0; k < i; k++)
            if (strcmp(fold->runs[k].name, run->name) == 0 &&
                (fold->runs[k].cycle >= run->cycle || !sla_clock_ended(&fold->runs[k].clock)))
                return "of one target in order of cycles, all ended but the last";
        if (!sla_clock_ended(&run->clock) && run->policy != fold->policy)
            return "what has not ended has the policy in force";
        broken = law_of_spans(run);
        if (!broken)
            broken = law_of_sums(run, now);
        if (!broken)
            broken = law_of_firing(&run->clock);
    }
    return broken;
}
