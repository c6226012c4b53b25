/* Escalations of one locked ticket: when its next step comes, and what taking it means. The rules are in
 * domain/escalation.h; here people are found and the event is worded. On a worker, within the transaction
 * that holds the row lock. */
#pragma once
#include "router/ticket_clocks.h"
#include "router/ticket_rules.h"

/** When the next step comes (us), perhaps in the past; 0: none does. */
int64_t escalate_next_us(const struct ticket_clocks *clocks);
/** Appends to the members of an event whom it tells, "to" and perhaps "reason": those of the logins (a JSON
 * array), and the team's leads if they are meant, who are there, can be written to and may see the ticket.
 * Database failures. */
int escalate_tell(struct db_conn *conn, const struct ticket_row *row, const char *logins, bool leads,
                  struct buf *json) _must_check_;
/** The changes that the step means that is due by row->now_us: none when there is none. `details` is the
 * caller's and must live as long as the plan. Database failures. */
int escalate_plan(struct db_conn *conn, const struct ticket_row *row, const struct ticket_clocks *clocks,
                  struct buf *details, struct ticket_plan *ret_plan) _must_check_;
/** What a step left for later, because a person had decided about it: what of it is still to be done, if not
 * somebody has decided again. `text` as `details`. Database failures. */
int escalate_plan_late(struct db_conn *conn, const struct ticket_row *row, struct buf *text,
                       struct ticket_plan *ret_plan) _must_check_;
