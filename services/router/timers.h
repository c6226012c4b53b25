/* What tickets have to be woken for: the rows of desk.timer, and what happens when one is due. */
#pragma once
#include "router/ticket_clocks.h"
#include "router/ticket_rules.h"

/** After a change of the locked ticket: arms and cancels its timers as the change (NULL: none but that of its
 * clocks) and the folded clocks demand, in the same transaction. `row` is the ticket before the change, but
 * at its new version. *ret_changed is set when any was. Database failures. */
int timers_follow(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change,
                  const struct ticket_clocks *clocks, bool *ret_changed) _must_check_;
