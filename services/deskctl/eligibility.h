/* Who may be given a ticket, on the screen. */
#pragma once
#include "deskctl/client.h"
#include "deskctl/output.h"

/** What speaks against an agent, for a cell; "" of the queue is "yes". */
const char *eligibility_word(const char *refusal);
/** The ticket's needs and the first agents of its team: the answer of the service, which the caller frees
 * with the response. An exit code. */
int eligibility_read(struct client *client, const char *number, struct response *ret_response);
void eligibility_print(const json_t *eligibility);
