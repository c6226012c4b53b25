/* Claims of the next ticket, many in one statement: while a group is under way the next ones gather, so that
 * a rush costs a statement and a commit per group and keeps few connections busy. One that comes alone goes
 * at once. Loop thread. */
#pragma once
#include "base/list.h"
#include <stddef.h>

struct job;
struct router;

struct claim_groups {
    struct router *router;
    struct list waiting; /* of jobs */
    size_t nwaiting;
    int running;
};

void claim_groups_open(struct claim_groups *groups, struct router *router);
/** Refuses those that still wait; groups under way come back by themselves. */
void claim_groups_close(struct claim_groups *groups);
/** Takes a claim-next; it ends by router_worked. */
void claim_groups_add(struct claim_groups *groups, struct job *job);
