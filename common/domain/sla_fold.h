/* The clocks of a ticket as a fold over its events: given what happened, and the plan in force, which clocks
 * there are and how each stands. Pure.
 *
 * This is the only rule of clocks. The router folds before it writes, `deskctl sla explain` folds to show how
 * it came about, `deskctl sla replay` folds to prove that nothing has drifted. The same steps give the same
 * clocks, bit for bit, as long as the zones' rules are the same.
 *
 * At each step, for each target of the policy in force (ServiceNow's two passes, semantics.md section 2):
 *   no clock, or the last one has ended: it starts when `start` holds and `stop` does not;
 *   it runs or rests: `stop` ends it as met; `reset` ends it and starts the next cycle (not at
 *   what clocks themselves tell); it is cancelled as
 *   its target says; otherwise it rests while `pause` holds.
 * When the policy changes (another priority, another plan), a clock that has not ended is computed anew from
 * the step at which it started, under the new target and with all pauses since; one that has ended never
 * moves, unless it goes on: then it is computed anew likewise. What fired stays fired.
 */
#pragma once
#include "domain/sla_clock.h"
#include "domain/sla_plan.h"

enum sla_firing { SLA_FIRED_NOTHING, SLA_FIRED_WARNING, SLA_FIRED_BREACH };

/** What one event made of a ticket. All is borrowed. */
struct sla_step {
    struct instant at;
    struct sla_facts facts;      /* after the event */
    const struct sla_plan *plan; /* in force from here on */
    enum sla_firing fired;       /* a warning or a breach of this clock: */
    const char *target;
    int cycle;
    const char *escalation; /* of this clock has told people: see escalation.h; NULL: none */
    size_t escalation_step; /* how many of its steps are done by then, in this loop: */
    int escalation_loop;
};

/** A time in which a clock ran (working time in it counted) or rested. */
struct sla_span {
    struct instant from, to; /* `to` is none while it goes on */
    bool counts;
};

struct sla_run {
    const char *name; /* of the target */
    int cycle;        /* 1, 2, ... */
    struct sla_clock clock;
    const struct sla_plan *plan;     /* those that it counts by now, */
    const struct sla_policy *policy; /* or ended by */
    const struct sla_target *target;
    const struct sla_calendar *calendar;
    enum sla_source source; /* why this calendar */
    size_t first;           /* step at which it started */
    struct sla_span *spans; /* in order, without holes; owned */
    size_t nspans;
};

struct sla_fold {
    struct sla_run *runs; /* of one target in order of their cycles */
    size_t n;
    const struct sla_policy *policy; /* NULL: none applies */
};

void sla_fold_fini(struct sla_fold *fold);
#define _cleanup_sla_fold_ _cleanup_(sla_fold_fini)

/** Folds all steps, which are in order. The result borrows from the plans and the steps, and is the caller's
 * to end. */
void sla_fold(const struct sla_step *steps, size_t n, struct sla_fold *ret_fold);

/** The clock of this target and cycle; NULL: there is none. */
const struct sla_run *sla_fold_find(const struct sla_fold *fold, const char *target, int cycle);
/** Working time that a clock has counted up to `now`: target_s less what is left, by adding up its spans. */
int64_t sla_run_counted_s(const struct sla_run *run, struct instant now);
/** True for the states that nothing but a restart leaves. */
bool sla_clock_ended(const struct sla_clock *clock);
