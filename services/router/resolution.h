/* What a resolution has to tell, by the ticket's plan of service levels. Worker thread. */
#pragma once
#include "router/command.h"

/** Refuses the resolution of the locked ticket where a part is missing that the plan needs. 0; -E_VALIDATION
 * with every part that is missing; a failure of ticket_clocks.h. */
int resolution_check(struct db_conn *conn, struct command *command, struct ticket_row *row,
                     const struct ticket_change *resolution) _must_check_;
