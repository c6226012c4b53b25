/* Whether a ticket may go to whoever picks it by its number. Worker thread. */
#pragma once
#include "router/job.h"
#include "router/ticket_row.h"

/** Refuses the claim of the locked ticket, or the acceptance of its offer, which the rules have let through,
 * when the caller lacks a skill that it needs, is off shift where that counts (whoever is being asked may
 * still say yes), or carries all they may, which nobody else changes until the commit; leads and
 * administrators take it all the same. 0; -E_NOT_ELIGIBLE with what it follows from; -E_FORBIDDEN when they
 * have left the team since they signed in; a database failure. */
int eligibility_check(struct db_conn *conn, struct job *job, const struct ticket_row *row) _must_check_;
