/* The scene of the tests of folds: see sla_scene.h. */
#include "sla_scene.h"
#include <criterion/criterion.h>

struct sla_plan plan;
struct story story;
struct sla_fold fold;
struct sla_target *target;

void make(size_t npolicies)
{
    sla_made_plan(&plan, npolicies);
    story.plan = &plan;
}

void tear_down(void)
{
    sla_fold_fini(&fold);
    sla_plan_fini(&plan);
}

void goes(int64_t minute, enum sla_field field, const char *value)
{
    (void)story_goes(&story, minute, field, value);
}

void state(int64_t minute, const char *value)
{
    goes(minute, SLA_STATE, value);
}

/* Folds all so far, and keeps the laws. */
void refold(void)
{
    const char *broken;

    sla_fold_fini(&fold);
    story_fold(&story, &fold);
    broken = sla_made_law(&fold, story.steps[story.n - 1].at);
    cr_expect_null(broken, "%s", broken);
}

const struct sla_run *run_of(const char *name, int cycle)
{
    const struct sla_run *run;

    refold();
    run = sla_fold_find(&fold, name, cycle);
    cr_assert_not_null(run, "%s %d", name, cycle);
    return run;
}

void expect_running(const char *name, int cycle, int64_t due_minute)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, SLA_CLOCK_RUNNING, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.due.us, story_minute(due_minute).us, "due %lld min off",
                 (long long)(run->clock.due.us - story_minute(due_minute).us) / 60000000);
}

void expect_paused(const char *name, int cycle, int64_t left_minutes)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, SLA_CLOCK_PAUSED, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.remaining_s, left_minutes * 60, "%lld s", (long long)run->clock.remaining_s);
}

void expect_ended(const char *name, int cycle, enum sla_clock_state state, int64_t minute)
{
    const struct sla_run *run = run_of(name, cycle);

    cr_expect_eq(run->clock.state, state, "%s", sla_clock_state_name(run->clock.state));
    cr_expect_eq(run->clock.stopped.us, story_minute(minute).us, "ended %lld min off",
                 (long long)(run->clock.stopped.us - story_minute(minute).us) / 60000000);
    cr_expect(sla_clock_ended(&run->clock));
}

void expect_none(const char *name, int cycle)
{
    refold();
    cr_expect_null(sla_fold_find(&fold, name, cycle));
}

void pauses_while_pending(void)
{
    target->pauses = true;
    target->pause = IS(SLA_STATE, "pending");
}
