/* Walks a ticket's steps for each clock. Called by the router, which arms a timer for what comes next and
 * takes the step when it is due, and by whoever explains it. What must stay true: the result depends on the
 * events alone, so that a step taken is found again as the event that tells it. */
#include "domain/escalation.h"
#include "base/memory.h"

void escalation_fini(struct escalation *escalation)
{
    for (size_t i = 0; i < escalation->nsteps; i++)
        free(escalation->steps[i].recipients);
    free(escalation->steps);
    sla_condition_fini(&escalation->when);
    *escalation = (struct escalation){0};
}

const struct escalation *escalation_match(const struct sla_plan *plan, const char *target,
                                          const struct sla_facts *facts)
{
    for (size_t i = 0; i < plan->nescalations; i++) {
        const struct escalation *escalation = &plan->escalations[i];

        if (strcmp(escalation->target, target) == 0 && sla_condition_holds(&escalation->when, facts))
            return escalation;
    }
    return NULL;
}

bool escalation_any(const struct sla_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (steps[i].plan->nescalations)
            return true;
    return false;
}

/* ---- one clock's escalation ---- */

struct course {
    const struct sla_step *steps; /* from the one with which it began */
    size_t n;
    const struct sla_run *run;
    const struct escalation *escalation;
    size_t step; /* the first that is neither done nor passed over by one done */
    int loop;
    struct instant at; /* when the one before was done, or it began */
};

const struct escalation *escalation_of(const struct sla_step *steps, size_t n, const struct sla_run *run,
                                       size_t *ret_first)
{
    const struct escalation *escalation = NULL;

    for (size_t i = run->first; i < n && !escalation; i++) {
        escalation = escalation_match(steps[i].plan, run->name, &steps[i].facts);
        *ret_first = i;
    }
    return escalation;
}

bool escalation_is_told(const struct escalation *escalation, const struct sla_run *run,
                        const struct sla_step *step)
{
    return step->escalation && step->target && step->cycle == run->cycle &&
           strcmp(step->target, run->name) == 0 && strcmp(step->escalation, escalation->name) == 0;
}

/* What was done, by the events. */
static void advance(struct course *course)
{
    for (size_t i = 1; i < course->n; i++) {
        if (!escalation_is_told(course->escalation, course->run, &course->steps[i]))
            continue;
        course->step = course->steps[i].escalation_step;
        course->loop = course->steps[i].escalation_loop;
        course->at = course->steps[i].at;
    }
}

static bool is_event(const struct sla_step *step, const char *type)
{
    const char *event = step->facts.values[SLA_EVENT];

    return event && strcmp(event, type) == 0;
}

static bool is_owned(const struct sla_step *step)
{
    const char *owned = step->facts.values[SLA_OWNED];

    return owned && strcmp(owned, "yes") == 0;
}

/* With a handover, which is an offer of the owner. Offered to one after the other, an acknowledged ticket
 * that nobody owns stays acknowledged. */
static bool loses_owner(const struct course *course, size_t i)
{
    return is_event(&course->steps[i], "ticket.offered") && i && is_owned(&course->steps[i - 1]);
}

/* By then: with all that happened until that instant. */
static bool acknowledged(const struct course *course, struct instant by)
{
    bool acknowledged = false;

    for (size_t i = 0; i < course->n && course->steps[i].at.us <= by.us; i++) {
        const struct sla_step *step = &course->steps[i];

        if (is_owned(step) || is_event(step, "ticket.acknowledged"))
            acknowledged = true;
        else if (is_event(step, "ticket.released") || is_event(step, "ticket.transferred") ||
                 is_event(step, "ticket.reopened") || is_event(step, "ticket.returned") ||
                 loses_owner(course, i))
            acknowledged = false;
    }
    return acknowledged;
}

/* The instant at which `amount_s` of working time have passed since `from`, not counting the clock's rests.
 */
static bool later(const struct sla_run *run, const struct calendar *calendar, struct instant from,
                  int64_t amount_s, struct instant *ret_at)
{
    _cleanup_(freep) struct pause *pauses = NEW_ARRAY(struct pause, run->nspans + 1);
    struct worktime worktime = {.calendar = calendar, .pauses = pauses};

    for (size_t i = 0; i < run->nspans; i++)
        if (!run->spans[i].counts && run->spans[i].to.us)
            pauses[worktime.npauses++] = (struct pause){run->spans[i].from, run->spans[i].to};
    return worktime_deadline(&worktime, from, amount_s < 0 ? 0 : amount_s, ret_at) == 0;
}

static bool moment_of(const struct course *course, const struct escalation_step *step, struct instant *ret_at)
{
    const struct sla_run *run = course->run;
    const struct sla_clock *clock = &run->clock;

    switch (step->moment) {
    case ESCALATION_PERCENT:
        return later(run, run->calendar->calendar, clock->started, clock->target_s * step->amount / 100,
                     ret_at);
    case ESCALATION_BEFORE:
        return later(run, run->calendar->calendar, clock->started, clock->target_s - step->amount, ret_at);
    case ESCALATION_BREACH:
        *ret_at = clock->due;
        return true;
    case ESCALATION_AFTER:
        return later(run, step->calendar ? step->calendar->calendar : NULL, course->at, step->amount, ret_at);
    }
    return false;
}

static bool passed_over(const struct course *course, const struct escalation_step *step, struct instant at)
{
    if (step->hours && !calendar_is_open(step->hours->calendar, instant_second(at)))
        return true;
    return !step->always && (acknowledged(course, at) || acknowledged(course, (struct instant){INT64_MAX}));
}

/* Goes on to the first step that will be taken; false when there is none. */
static bool seek(struct course *course)
{
    for (; course->loop <= course->escalation->repeat; course->loop++, course->step = 0)
        for (; course->step < course->escalation->nsteps; course->step++) {
            const struct escalation_step *step = &course->escalation->steps[course->step];
            struct instant at;

            if (course->loop && step->moment != ESCALATION_AFTER)
                continue;
            if (!moment_of(course, step, &at))
                return false; /* beyond all calendars */
            if (at.us > course->at.us)
                course->at = at;
            if (!passed_over(course, step, course->at))
                return true;
        }
    return false;
}

struct escalation_next escalation_next_of(const struct sla_step *steps, size_t n, const struct sla_run *run)
{
    struct course course = {.run = run};
    size_t first;

    if (run->clock.state != SLA_CLOCK_RUNNING)
        return (struct escalation_next){0};
    course.escalation = escalation_of(steps, n, run, &first);
    if (!course.escalation)
        return (struct escalation_next){0};
    course.steps = &steps[first];
    course.n = n - first;
    course.at = steps[first].at;
    advance(&course);
    if (!seek(&course))
        return (struct escalation_next){0};
    return (struct escalation_next){course.escalation, run, course.step, course.loop, course.at};
}

struct escalation_next escalation_next(const struct sla_step *steps, size_t n, const struct sla_fold *fold)
{
    struct escalation_next earliest = {0};

    for (size_t i = 0; i < fold->n; i++) {
        struct escalation_next next = escalation_next_of(steps, n, &fold->runs[i]);

        if (next.escalation && (!earliest.escalation || next.at.us < earliest.at.us))
            earliest = next;
    }
    return earliest;
}
