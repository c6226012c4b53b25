/* What happens to a ticket that nobody took in time. Worker thread. */
#pragma once
#include "router/ticket_rules.h"

/** Of timers.c, for a locked ticket: while it waits in the queue of a team with an overflow, its transfer to
 * the team that takes over, or its opening to all. Nothing otherwise. Database failures. */
int overflow_plan(struct db_conn *conn, const struct ticket_row *row, struct buf *text,
                  struct ticket_plan *ret_plan) _must_check_;
