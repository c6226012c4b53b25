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
/** Adds the epoch of the ticket at `path`: that of the flag, else the present one; the authority still
 * refuses it if it moved meanwhile. An exit code, after printing why. */
int ticket_epoch(struct cli *cli, const char *path, json_t *body);
/** Does what the command is named after to the ticket at `path`, and prints how it is then. An exit code. */
int ticket_act(struct cli *cli, const char *path, json_t *body);
