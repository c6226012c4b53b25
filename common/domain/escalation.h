/* How far the escalations of a ticket have come, and which step is next: a fold over the ticket's steps and
 * its clocks (sla_fold.h), so that nothing has to be remembered but events. Pure.
 *
 * A clock's escalation begins with the first event, from the clock's start on, after which the condition of
 * one of its target holds in the plan in force; the first such one, for good: it stays as that plan has it,
 * whatever plan or priority follows. It ends with the clock and rests with it. Its steps come in order, each
 * when its moment has come and the one before it is done or passed over:
 *   - a moment of the clock is computed anew whenever the clock moves; what lies in the past when the
 *     escalation comes to it, is due at once;
 *   - a step is passed over when somebody had acknowledged by its moment, or has by now, unless it is for
 *     "always"; and when its hours are not open at its moment;
 *   - after the last step those that come "after" another come again, `repeat` times: the moments of a clock
 *     come once.
 * Acknowledged is a ticket that has an owner, or was acknowledged and not released, transferred or reopened
 * since; what was before the escalation began, does not count.
 */
#pragma once
#include "domain/sla_fold.h"

struct escalation_next {
    const struct escalation *escalation; /* NULL: none comes */
    const struct sla_run *run;           /* its clock */
    size_t step;                         /* in escalation->steps */
    int loop;                            /* 0 at first, 1 when they come again, ... */
    struct instant at;                   /* perhaps in the past */
};

/** The escalation of the plan that a clock of this target has under these facts; NULL: none. */
const struct escalation *escalation_match(const struct sla_plan *plan, const char *target,
                                          const struct sla_facts *facts);
/** The earliest step to be taken, as things stand after the last of `steps`, of which `fold` is the fold. */
struct escalation_next escalation_next(const struct sla_step *steps, size_t n, const struct sla_fold *fold);
/** The same of one clock. */
struct escalation_next escalation_next_of(const struct sla_step *steps, size_t n, const struct sla_run *run);
/** The escalation that has begun on a clock; NULL: none. *ret_first is the step with which. */
const struct escalation *escalation_of(const struct sla_step *steps, size_t n, const struct sla_run *run,
                                       size_t *ret_first);
/** True for the event that tells a step of it. */
bool escalation_is_told(const struct escalation *escalation, const struct sla_run *run,
                        const struct sla_step *step);
/** True when some plan of these steps has escalations; without, no step can come. */
bool escalation_any(const struct sla_step *steps, size_t n);
