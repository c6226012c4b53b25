/* Laws of the fold, over random plans and random stories: what has ended stays, sums agree, the same gives
 * the same, steps that change nothing change nothing; and one clock against a walk through every second. */
#include "base/clock.h"
#include "base/memory.h"
#include "domain/sla_fold.h"
#include "sla_made.h"
#include "walker.h"
#include <criterion/criterion.h>

enum { PLANS = 150, STORIES = 10 }; /* of each plan: calendars take long to make */
static const unsigned asked =
    1u << SLA_STATE | 1u << SLA_PRIORITY | 1u << SLA_TIER | 1u << SLA_OWNED | 1u << SLA_TEAM;
static const char *const names[] = {"a", "b", "c"};

/* ---- random plans and stories ---- */

static void make_target(uint64_t *dice, struct sla_policy *policy, const char *name)
{
    struct sla_target *target = sla_made_target(policy, name, 60 + (int64_t)walker_random(dice, 3 * DAY_S));

    sla_condition_fini(&target->stop);
    if (walker_random(dice, 4) == 0) {
        target->amount_s = 0;
        target->working_days = 1 + (int)walker_random(dice, 4);
    }
    target->warn_percent = 1 + (int)walker_random(dice, 99);
    target->calendar = walker_random(dice, 2) ? NULL : "office";
    target->start = walker_random(dice, 2) ? ALWAYS_HOLDS : sla_made_random(dice, asked, 2);
    target->stop = sla_made_random(dice, asked, 2);
    target->pauses = walker_random(dice, 3);
    target->pause = sla_made_random(dice, asked, 2);
    target->resets = walker_random(dice, 2);
    target->reset = ALL(IS(SLA_EVENT, "a"), sla_made_random(dice, asked, 1));
    target->cancels = (enum sla_cancels)walker_random(dice, 3);
    target->cancel = sla_made_random(dice, asked, 1);
    target->again = (enum sla_again)walker_random(dice, 3);
}

static void make_plan(uint64_t *dice, struct sla_plan *plan)
{
    sla_made_plan(plan, 1 + walker_random(dice, 3));
    for (size_t i = 0; i < plan->npolicies; i++) {
        if (i + 1 < plan->npolicies || walker_random(dice, 4) == 0)
            plan->policies[i].when = sla_made_random(dice, asked, 2);
        for (size_t k = 0; k < ARRAY_SIZE(names); k++)
            if (walker_random(dice, 3))
                make_target(dice, &plan->policies[i], names[k]);
    }
    plan->attachments = mem_more(NULL, 0, sizeof *plan->attachments);
    plan->attachments[plan->nattachments++] = (struct sla_attachment){SLA_BY_TEAM, "a", &plan->calendars[1]};
}

/* Steps come in bursts and after hours; two plans are in force in turn. */
static void make_story(uint64_t *dice, const struct sla_plan plans[2], struct story *story)
{
    size_t n = 1 + walker_random(dice, STORY_MAX / 2);
    int64_t minute = (int64_t)walker_random(dice, 28 * 1440);

    *story = (struct story){.plan = &plans[0]};
    while (story->n < n) {
        enum sla_field field;
        struct sla_step *step;

        do
            field = (enum sla_field)walker_random(dice, SLA_FIELD_COUNT);
        while (!(asked & 1u << field));
        if (walker_random(dice, 12) == 0)
            story->plan = &plans[walker_random(dice, 2)];
        if (story->n && walker_random(dice, 6) == 0)
            step = story_fires(story, minute, names[walker_random(dice, 3)], 1 + (int)walker_random(dice, 3),
                               SLA_FIRED_WARNING + walker_random(dice, 2));
        else
            step = story_goes(story, minute, field, sla_made_value(dice, field));
        step->at.us += (int64_t)walker_random(dice, 60 * US_PER_S);
        step->facts.values[SLA_EVENT] = walker_random(dice, 4) ? "x" : "a";
        minute += walker_random(dice, 3) ? 1 + (int64_t)walker_random(dice, 1000) : 1;
    }
}

/* ---- the same? ---- */

static bool same_clock(const struct sla_clock *a, const struct sla_clock *b)
{
    return a->state == b->state && a->started.us == b->started.us && a->target_s == b->target_s &&
           a->warn_percent == b->warn_percent && a->due.us == b->due.us && a->warn.us == b->warn.us &&
           a->remaining_s == b->remaining_s && a->warned.us == b->warned.us &&
           a->breached.us == b->breached.us && a->stopped.us == b->stopped.us && a->fire.us == b->fire.us &&
           a->generation == b->generation;
}

static bool same_run(const struct sla_run *a, const struct sla_run *b)
{
    bool same = strcmp(a->name, b->name) == 0 && a->cycle == b->cycle && same_clock(&a->clock, &b->clock) &&
                a->plan == b->plan && a->policy == b->policy && a->target == b->target &&
                a->calendar == b->calendar && a->source == b->source && a->nspans == b->nspans;

    for (size_t i = 0; same && i < a->nspans; i++)
        same = a->spans[i].from.us == b->spans[i].from.us && a->spans[i].to.us == b->spans[i].to.us &&
               a->spans[i].counts == b->spans[i].counts;
    return same;
}

static bool same_fold(const struct sla_fold *a, const struct sla_fold *b)
{
    bool same = a->n == b->n && a->policy == b->policy;

    for (size_t i = 0; same && i < a->n; i++)
        same = same_run(&a->runs[i], &b->runs[i]);
    return same;
}

/* ---- for all stories ---- */

typedef void judge(uint64_t *dice, const struct story *story, const struct sla_fold *fold, int seed);

static void for_all_stories(judge *judge)
{
    for (int seed = 1; seed <= PLANS; seed++) {
        uint64_t dice = (uint64_t)seed;
        struct sla_plan plans[2];

        make_plan(&dice, &plans[0]);
        make_plan(&dice, &plans[1]);
        for (int i = 0; i < STORIES; i++) {
            struct story story;
            _cleanup_sla_fold_ struct sla_fold fold = {0};

            make_story(&dice, plans, &story);
            story_fold(&story, &fold);
            judge(&dice, &story, &fold, seed);
        }
        sla_plan_fini(&plans[0]);
        sla_plan_fini(&plans[1]);
    }
}

/* Under some policy a clock of this name goes on when it was met. */
static bool may_go_on(const struct story *story, const struct sla_run *run)
{
    for (size_t i = 0; i < story->n; i++)
        for (size_t k = 0; k < story->steps[i].plan->npolicies; k++) {
            const struct sla_target *target =
                sla_policy_target(&story->steps[i].plan->policies[k], run->name);

            if (target && target->again == SLA_AGAIN_CONTINUE)
                return run->clock.state == SLA_CLOCK_MET;
        }
    return false;
}

/* The run as it was when it ended, but for a firing that was told later. */
static bool same_but_told(const struct sla_run *run, const struct sla_run *later)
{
    struct sla_run untold = *later;

    if (!run->clock.warned.us)
        untold.clock.warned = run->clock.warned;
    if (!run->clock.breached.us)
        untold.clock.breached = run->clock.breached;
    untold.clock.generation = run->clock.generation;
    return same_run(run, &untold);
}

static void judge_prefixes(uint64_t *dice, const struct story *story, const struct sla_fold *fold, int seed)
{
    (void)dice;
    for (size_t n = 0; n < story->n; n++) {
        _cleanup_sla_fold_ struct sla_fold prefix = {0};

        sla_fold(story->steps, n, &prefix);
        for (size_t i = 0; i < prefix.n; i++) {
            const struct sla_run *run = &prefix.runs[i], *later = sla_fold_find(fold, run->name, run->cycle);

            cr_assert(later || !sla_clock_ended(&run->clock), "seed %d, %zu steps: %s is gone", seed, n,
                      run->name);
            if (later && sla_clock_ended(&run->clock) && !may_go_on(story, run))
                cr_assert(same_but_told(run, later), "seed %d, %zu steps: %s %d moved", seed, n, run->name,
                          run->cycle);
            if (later)
                cr_assert_geq(later->clock.generation, run->clock.generation, "seed %d", seed);
        }
    }
}

Test(sla_fold_law, what_has_ended_stays, .timeout = 300)
{
    for_all_stories(judge_prefixes);
}

static int judged, running, paused, ended;

static void judge_sums(uint64_t *dice, const struct story *story, const struct sla_fold *fold, int seed)
{
    struct instant now = story->steps[story->n - 1].at;

    for (int i = 0; i < 5; i++) {
        const char *broken = sla_made_law(fold, now);

        cr_assert_null(broken, "seed %d: %s", seed, broken);
        now.us += (int64_t)walker_random(dice, 2 * DAY_S * US_PER_S);
    }
    for (size_t i = 0; i < fold->n; i++, judged++) {
        running += fold->runs[i].clock.state == SLA_CLOCK_RUNNING;
        paused += fold->runs[i].clock.state == SLA_CLOCK_PAUSED;
        ended += sla_clock_ended(&fold->runs[i].clock);
    }
}

Test(sla_fold_law, spans_and_sums, .timeout = 300)
{
    for_all_stories(judge_sums);
    cr_expect(running > judged / 20 && paused > judged / 20 && ended > judged / 20,
              "of %d clocks %d run, %d rest, %d have ended: all must come often", judged, running, paused,
              ended);
}

static void judge_again(uint64_t *dice, const struct story *story, const struct sla_fold *fold, int seed)
{
    struct story copy = *story;
    _cleanup_sla_fold_ struct sla_fold again = {0};

    (void)dice;
    story_fold(&copy, &again);
    cr_assert(same_fold(fold, &again), "seed %d", seed);
}

Test(sla_fold_law, the_same_steps_give_the_same_clocks, .timeout = 300)
{
    for_all_stories(judge_again);
}

/* Between two steps comes one at which nothing happens. */
static void judge_idle_steps(uint64_t *dice, const struct story *story, const struct sla_fold *fold, int seed)
{
    struct story longer = {0};
    _cleanup_sla_fold_ struct sla_fold again = {0};

    for (size_t i = 0; i < story->n; i++) {
        const struct sla_step *step = &story->steps[i];
        struct sla_step idle = *step;

        longer.steps[longer.n++] = *step;
        if (longer.n + story->n - i >= STORY_MAX || walker_random(dice, 3) == 0)
            continue;
        idle.fired = SLA_FIRED_NOTHING;
        idle.facts.values[SLA_EVENT] = "x";
        if (i + 1 < story->n)
            idle.at.us += (int64_t)walker_random(dice, (uint64_t)(step[1].at.us - step->at.us + 1));
        longer.steps[longer.n++] = idle;
    }
    story_fold(&longer, &again);
    cr_assert(same_fold(fold, &again), "seed %d", seed);
}

Test(sla_fold_law, steps_that_change_nothing_change_nothing, .timeout = 300)
{
    for_all_stories(judge_idle_steps);
}

/* ---- one clock, second by second ---- */

/* Walks from the first step to where the target is used up, or to the last step if it was by then. Sets what
 * is left at the last step. */
static int64_t walk(const struct story *story, const struct calendar_spec *spec,
                    const struct sla_target *target, int64_t *ret_left_s)
{
    int64_t at_s = instant_second(story->steps[0].at), last_s = instant_second(story->steps[story->n - 1].at);
    int64_t left_s = target->amount_s;
    size_t i = 0;

    for (;; at_s++) {
        while (i + 1 < story->n && instant_second(story->steps[i + 1].at) <= at_s)
            i++;
        if (at_s == last_s)
            *ret_left_s = left_s;
        if (at_s >= last_s && (left_s <= 0 || sla_condition_holds(&target->pause, &story->steps[i].facts)))
            return at_s;
        left_s -= !sla_condition_holds(&target->pause, &story->steps[i].facts) && walker_is_open(spec, at_s);
    }
}

static void judge_walk(uint64_t seed, const char *zone)
{
    uint64_t dice = seed;
    struct walker_dates dates;
    struct sla_plan plan;
    struct story story = {.plan = &plan};
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    int64_t minute = 26 * 1440 + (int64_t)walker_random(&dice, 1440), due_s, left_s = 0;
    struct calendar_spec spec = walker_spec(&dice, instant_second(story_minute(minute)), 900, &dates);
    struct sla_target *target;
    const struct sla_clock *clock;

    sla_made_plan(&plan, 1);
    calendar_free(plan.calendars[1].calendar);
    plan.calendars[1].calendar = walker_calendar(spec, zone);
    target = sla_made_target(&plan.policies[0], "t", 1 + (int64_t)walker_random(&dice, 8 * 3600));
    target->calendar = "office";
    target->pauses = true;
    target->pause = IS(SLA_STATE, "pending");
    for (size_t n = 1 + walker_random(&dice, 12); story.n < n; minute += (int64_t)walker_random(&dice, 300))
        (void)story_goes(&story, minute, SLA_STATE, walker_random(&dice, 3) ? "open" : "pending");
    story_fold(&story, &fold);
    due_s = walk(&story, &spec, target, &left_s);
    clock = &fold.runs[0].clock;
    if (clock->state == SLA_CLOCK_PAUSED)
        cr_expect_eq(clock->remaining_s, left_s, "seed %d", (int)seed);
    else if (left_s > 0)
        cr_expect_eq(instant_second(clock->due), due_s, "seed %d, %s: %lld s off", (int)seed, zone,
                     (long long)(instant_second(clock->due) - due_s));
    else
        cr_expect_leq(instant_second(clock->due), due_s, "seed %d", (int)seed);
    sla_plan_fini(&plan);
}

/* The clocks go forward in Berlin on 2026-03-29, and at midnight in Beirut. */
Test(sla_fold_law, due_is_where_a_walk_through_every_second_ends, .timeout = 300)
{
    static const char *const zones[] = {"Europe/Berlin", "Asia/Shanghai", "America/New_York", "Asia/Beirut"};

    for (size_t z = 0; z < ARRAY_SIZE(zones); z++) {
        walker_zone(zones[z]);
        for (uint64_t seed = 1; seed <= 20; seed++)
            judge_walk(seed, zones[z]);
    }
}
