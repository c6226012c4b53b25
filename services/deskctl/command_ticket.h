/* What commands about a ticket share. */
#pragma once
#include "base/buf.h"
#include "deskctl/cli.h"
#include <jansson.h>

/** Appends the path of the ticket of this number, as it was written. */
void ticket_path(struct buf *path, const char *number);
/** A text argument; "-" reads standard input. Freed by the caller; NULL after printing why. */
char *ticket_argument(const char *text);
/** Adds a member unless `text` is NULL. EXIT_OK_, or EXIT_USAGE after printing why. */
int ticket_set(json_t *body, const char *name, const char *text);
