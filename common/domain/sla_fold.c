/* Folds steps into clocks. What a clock can do is in sla_clock.h; here is decided when it does it.
 *
 * What must stay true: the result depends on the steps alone; the spans of a clock lie end to end from its
 * start, and the working time of those that count is its target less what remains. */
#include "domain/sla_fold.h"
#include "base/memory.h"

bool sla_clock_ended(const struct sla_clock *clock)
{
    return clock->state == SLA_CLOCK_MET || clock->state == SLA_CLOCK_CANCELLED;
}

static void run_fini(struct sla_run *run)
{
    free(run->spans);
}

void sla_fold_fini(struct sla_fold *fold)
{
    for (size_t i = 0; i < fold->n; i++)
        run_fini(&fold->runs[i]);
    free(fold->runs);
    *fold = (struct sla_fold){0};
}

const struct sla_run *sla_fold_find(const struct sla_fold *fold, const char *target, int cycle)
{
    for (size_t i = 0; i < fold->n; i++)
        if (fold->runs[i].cycle == cycle && strcmp(fold->runs[i].name, target) == 0)
            return &fold->runs[i];
    return NULL;
}

int64_t sla_run_counted_s(const struct sla_run *run, struct instant now)
{
    const struct worktime worktime = {.calendar = run->calendar->calendar};
    int64_t counted = 0;

    for (size_t i = 0; i < run->nspans; i++)
        if (run->spans[i].counts)
            counted +=
                worktime_elapsed(&worktime, run->spans[i].from, run->spans[i].to.us ? run->spans[i].to : now);
    return counted;
}

static struct sla_run *last_of(struct sla_fold *fold, const char *target)
{
    for (size_t i = fold->n; i-- > 0;)
        if (strcmp(fold->runs[i].name, target) == 0)
            return &fold->runs[i];
    return NULL;
}

/* ---- what happens to one clock ---- */

static void close_span(struct sla_run *run, struct instant at)
{
    if (run->nspans && !run->spans[run->nspans - 1].to.us)
        run->spans[run->nspans - 1].to = at;
}

static void open_span(struct sla_run *run, struct instant from, bool counts)
{
    run->spans = mem_more(run->spans, run->nspans, sizeof *run->spans);
    run->spans[run->nspans++] = (struct sla_span){.from = from, .counts = counts};
}

static void start(struct sla_fold *fold, const struct sla_target *target, const struct sla_step *step,
                  size_t index, int cycle)
{
    struct sla_run *run;

    fold->runs = mem_more(fold->runs, fold->n, sizeof *fold->runs);
    run = &fold->runs[fold->n++];
    *run = (struct sla_run){.name = target->name,
                            .cycle = cycle,
                            .plan = step->plan,
                            .policy = fold->policy,
                            .target = target,
                            .first = index};
    run->calendar = sla_plan_calendar(step->plan, target, &step->facts, &run->source);
    run->clock = sla_clock_start(run->calendar->calendar, step->at,
                                 sla_target_seconds(target, run->calendar, step->at), target->warn_percent);
    open_span(run, step->at, true);
}

/* What remains is what was not counted. The clock says the same, but where a calendar has less time left than
 * the target: it is then due where the calendar ends, and a pause must not make that its target. */
static void settle(struct sla_run *run, struct instant at)
{
    if (run->clock.state != SLA_CLOCK_RUNNING)
        run->clock.remaining_s = run->clock.target_s - sla_run_counted_s(run, at);
}

static void pause_or_run(struct sla_run *run, const struct sla_step *step)
{
    const struct calendar *calendar = run->calendar->calendar;
    bool rests = run->target->pauses && sla_condition_holds(&run->target->pause, &step->facts);
    enum sla_clock_state before = run->clock.state;

    run->clock = rests ? sla_clock_pause(calendar, run->clock, step->at)
                       : sla_clock_resume(calendar, run->clock, step->at);
    if (run->clock.state == before)
        return;
    close_span(run, step->at);
    open_span(run, step->at, !rests);
    settle(run, step->at);
}

static void end(struct sla_run *run, const struct sla_step *step, bool met)
{
    const struct calendar *calendar = run->calendar->calendar;

    run->clock = met ? sla_clock_meet(calendar, run->clock, step->at)
                     : sla_clock_cancel(calendar, run->clock, step->at);
    close_span(run, step->at);
    settle(run, step->at);
}

static void restart(struct sla_run *run, const struct sla_step *step)
{
    open_span(run, run->spans[run->nspans - 1].to, false);
    run->clock = sla_clock_restart(run->calendar->calendar, run->clock, step->at);
    close_span(run, step->at);
    open_span(run, step->at, true);
}

/* Sets what a clock fires next, after it has fired. */
static void arm(struct sla_clock *clock)
{
    if (clock->state != SLA_CLOCK_RUNNING || clock->breached.us)
        clock->fire = (struct instant){0};
    else
        clock->fire = clock->warned.us ? clock->due : clock->warn;
}

/* What the scheduler has told is told, also of a clock that a claim ended a moment before; and once. */
static void fire(struct sla_fold *fold, const struct sla_step *step)
{
    struct sla_run *run = (struct sla_run *)sla_fold_find(fold, step->target, step->cycle);
    struct instant *mark;

    if (!run)
        return;
    mark = step->fired == SLA_FIRED_WARNING ? &run->clock.warned : &run->clock.breached;
    if (mark->us)
        return;
    *mark = step->at;
    run->clock.generation++;
    arm(&run->clock);
}

/* ---- what a step means for one target ---- */

static bool holds(const struct sla_condition *condition, const struct sla_step *step)
{
    return sla_condition_holds(condition, &step->facts);
}

static bool cancels(const struct sla_target *target, const struct sla_step *step)
{
    switch (target->cancels) {
    case SLA_CANCELS_UNLESS_START:
        return !holds(&target->start, step);
    case SLA_CANCELS_WHEN:
        return holds(&target->cancel, step);
    case SLA_CANCELS_NEVER:
        return false;
    }
    return false;
}

static bool goes_on(const struct sla_run *run, const struct sla_target *target)
{
    return target->again == SLA_AGAIN_CONTINUE && run->clock.state == SLA_CLOCK_MET;
}

static bool starts(const struct sla_target *target, const struct sla_step *step)
{
    return holds(&target->start, step) && !holds(&target->stop, step) && !cancels(target, step);
}

/* `cycle` is the one to begin with: 1, or while a clock is computed anew, its own. */
static void step_target(struct sla_fold *fold, const struct sla_target *target, const struct sla_step *step,
                        size_t index, int cycle)
{
    struct sla_run *run = last_of(fold, target->name);

    if (run && !sla_clock_ended(&run->clock)) {
        bool resets = target->resets && !step->fired && starts(target, step) && holds(&target->reset, step);

        if (holds(&target->stop, step) || resets)
            end(run, step, true);
        else if (cancels(target, step))
            end(run, step, false);
        else
            pause_or_run(run, step);
        if (!resets)
            return;
        start(fold, target, step, index, run->cycle + 1);
    } else if (!starts(target, step)) {
        return;
    } else if (!run || run->cycle < cycle) {
        start(fold, target, step, index, cycle);
    } else if (target->again == SLA_AGAIN_ANEW) {
        start(fold, target, step, index, run->cycle + 1);
    } else if (goes_on(run, target) && run->target == target) {
        restart(run, step);
    } else {
        return;
    }
    pause_or_run(last_of(fold, target->name), step);
}

/* ---- another policy ---- */

/* The clock of the same cycle takes over what fired, whatever it was due by then, and goes on in generation:
 * a timer armed for the old one must not fire on it. */
static void inherit(struct sla_clock *clock, const struct sla_clock *old)
{
    clock->generation += old->generation;
    clock->warned = old->warned;
    clock->breached = old->breached;
    arm(clock);
}

/* Takes a clock out and computes it anew from where it started. Without a target under the new policy, or
 * when that would never have started it, it is cancelled. */
static void recompute(struct sla_fold *fold, size_t at, const struct sla_step *steps, size_t index)
{
    struct sla_run old = fold->runs[at];
    const struct sla_target *target = sla_policy_target(fold->policy, old.name);
    size_t before = fold->n - 1;

    memmove(&fold->runs[at], &fold->runs[at + 1], (fold->n - at - 1) * sizeof *fold->runs);
    fold->n--;
    for (size_t k = old.first; target && k < index; k++) {
        struct sla_step step = steps[k];

        step.plan = steps[index].plan;
        step_target(fold, target, &step, k, old.cycle);
    }
    if (fold->n > before) {
        inherit(&fold->runs[before].clock, &old.clock);
        run_fini(&old);
        return;
    }
    end(&old, &steps[index], false);
    fold->runs = mem_more(fold->runs, fold->n, sizeof *fold->runs);
    fold->runs[fold->n++] = old;
}

/* Clocks that have not ended move to the policy that holds now; there is one of a target at most. */
static void change_policy(struct sla_fold *fold, const struct sla_policy *policy,
                          const struct sla_step *steps, size_t index)
{
    size_t left = fold->n;

    fold->policy = policy;
    for (size_t i = 0; left--;) {
        if (sla_clock_ended(&fold->runs[i].clock))
            i++;
        else
            recompute(fold, i, steps, index);
    }
}

/* A clock that was met under another policy and goes on now, moves too. */
static void follow_policy(struct sla_fold *fold, const struct sla_target *target,
                          const struct sla_step *steps, size_t index)
{
    struct sla_run *run = last_of(fold, target->name);

    if (run && run->target != target && goes_on(run, target) && starts(target, &steps[index]))
        recompute(fold, (size_t)(run - fold->runs), steps, index);
}

void sla_fold(const struct sla_step *steps, size_t n, struct sla_fold *ret_fold)
{
    struct sla_fold fold = {0};

    for (size_t i = 0; i < n; i++) {
        const struct sla_policy *policy = sla_plan_policy(steps[i].plan, &steps[i].facts);

        if (steps[i].fired)
            fire(&fold, &steps[i]);
        if (i && policy != fold.policy)
            change_policy(&fold, policy, steps, i);
        fold.policy = policy;
        for (size_t k = 0; policy && k < policy->ntargets; k++) {
            follow_policy(&fold, &policy->targets[k], steps, i);
            step_target(&fold, &policy->targets[k], &steps[i], i, 1);
        }
    }
    *ret_fold = fold;
}
