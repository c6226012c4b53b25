/* From the events of a ticket to the steps that its clocks are folded over (domain/sla_fold.h). Reads what
 * the router wrote into desk.event: type, time, actor and data; an event that says nothing new about a field
 * leaves it as it was, so events of older releases are understood.
 *
 * The plan in force is named by version in ticket.created and, where it is another one, in sla.recalculated;
 * the caller finds it. Pure. */
#pragma once
#include "domain/sla_fold.h"
#include "plan/node.h"

/** The plan of a version; NULL: there is none. */
typedef const struct sla_plan *sla_plan_finder(void *ctx, int64_t version);

struct sla_history {
    struct sla_step *steps; /* owned */
    size_t n;
    json_t *kept; /* the data, from which the facts borrow */
    sla_plan_finder *find;
    void *ctx;
};

void sla_history_init(struct sla_history *history, sla_plan_finder *find, void *ctx);
void sla_history_fini(struct sla_history *history);
#define _cleanup_sla_history_ _cleanup_(sla_history_fini)

/** Adds the next event, in order of seq. `data` is kept, not taken. 0, -E_NOT_FOUND: the plan it names is not
 * to be found, or the first event is not ticket.created. */
int sla_history_add(struct sla_history *history, const char *type, struct instant at, const char *actor,
                    json_t *data) _must_check_;
