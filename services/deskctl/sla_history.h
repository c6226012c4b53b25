/* The tickets of a server with what their clocks came from, one after the other. */
#pragma once
#include "deskctl/sla_plans.h"
#include "domain/sla_fold.h"

/** One ticket, folded; borrowed by whoever is called. */
struct sla_ticket {
    const json_t *item; /* as in plan/sla_item_json.h */
    const char *number;
    struct sla_history history;
    struct sla_fold fold;
};

/** Told of each ticket; an exit code other than 0 ends the walk. */
typedef int sla_ticket_fn(void *ctx, const struct sla_ticket *ticket);

/** Walks all tickets (`open`: only those that are not resolved), telling how many on a terminal. An exit
 * code, after printing why it is not 0. */
int sla_history_walk(struct sla_plans *plans, bool open, sla_ticket_fn *told, void *ctx);
/** The same for one ticket by its number. */
int sla_history_one(struct sla_plans *plans, const char *number, sla_ticket_fn *told, void *ctx);
