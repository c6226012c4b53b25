/* Tickets that reach a team which has somebody on duty, while nobody owns them: the main person is told at
 * once, the backup person when nobody has taken it in time. On a worker, with the ticket locked. */
#pragma once
#include "router/ticket_rules.h"

/** After a change, in its transaction: arms and cancels the timers duty_main and duty_backup when the ticket
 * reached another team, and duty_main when nobody has taken an offer. `row` is the ticket before the change,
 * but at its new version. *ret_changed is set when any was. Database failures. */
int ticket_duty_arm(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change,
                    bool *ret_changed) _must_check_;
/** One of them is due: the event that tells who is on duty now; nothing when somebody owns the ticket, it
 * waits or is done, or the team names no schedule any more. `details` is the caller's and must live as long
 * as the plan. Database failures. */
int ticket_duty_plan_main(struct db_conn *conn, const struct ticket_row *row, struct buf *details,
                          struct ticket_plan *ret_plan) _must_check_;
int ticket_duty_plan_backup(struct db_conn *conn, const struct ticket_row *row, struct buf *details,
                            struct ticket_plan *ret_plan) _must_check_;
