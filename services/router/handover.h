/* Handovers: a ticket that its owner cannot go on with is offered to somebody who can, with a note; and goes
 * back into the queue with the same note when there is nobody (adr 14). Worker thread. */
#pragma once
#include "router/outcome.h"
#include "router/ticket_assignee.h"
#include "router/ticket_change.h"
#include "wire/wire.h"

/** One handover on its way through its transaction; the plan borrows from it. All zero before. */
struct handover {
    struct handover_note note;
    struct buf text, details;
    struct db_result chosen;
    const char *to_id; /* whom the desk has chosen; NULL: nobody, or they were named */
};
void handover_fini(struct handover *handover);
#define _cleanup_handover_ _cleanup_(handover_fini)

/** Completes what the rules planned for a command: a note for the end of the shift is put down; else the
 * locked ticket is offered to `to` (id NULL: to the best who is there), or to nobody. -E_VALIDATION, and
 * `out` says it, when they could not accept; database failures. */
int handover_command(struct db_conn *conn, const Meridian__Request *request, const struct ticket_row *row,
                     const struct ticket_assignee *to, struct handover *handover,
                     struct ticket_change *change, struct outcome *out) _must_check_;
/** The `desk` of its owner closes: the same for a locked, owned, open ticket. Database failures. */
int handover_plan_shift_end(struct db_conn *conn, const struct ticket_row *row, const char *desk,
                            struct handover *handover, struct ticket_plan *ret_plan) _must_check_;
/** After the change was written: among whom was chosen. Nothing, when nobody was. Database failures. */
int handover_write_down(struct db_conn *conn, const struct ticket_row *row,
                        const struct handover *handover) _must_check_;
/** Part of ticket_write: the rows of desk.handover and desk.handover_prepared for a change of the locked
 * ticket, whose row is written afterwards. Database failures. */
int handover_follow(struct db_conn *conn, const struct ticket_row *row,
                    const struct ticket_change *change) _must_check_;
