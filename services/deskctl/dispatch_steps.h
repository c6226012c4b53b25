/* How a ticket found its agents, as the dispatcher wrote it down. */
#pragma once
#include "deskctl/client.h"

/** Reads it of a ticket, all pages; NULL when the server does not tell. Freed by the caller. */
json_t *dispatch_steps_read(struct client *client, const char *number);
/** Prints each step with its candidates, and whom the dispatcher would choose now. Nothing when there is
 * none. */
void dispatch_steps_print(const json_t *dispatch);
