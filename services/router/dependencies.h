/* What a ticket depends on, when it is resolved. Worker thread. */
#pragma once
#include "router/job.h"
#include "router/ticket_change.h"

/** Refuses the resolution of the locked ticket while a ticket that it depends on is not solved, unless the
 * command forces it; then the event tells it. 0; -E_OPEN_DEPENDENCIES with the numbers of those that the
 * caller may see; a database failure. */
int dependencies_check(struct db_conn *conn, struct job *job, const struct ticket_row *row,
                       struct ticket_change *resolution) _must_check_;
