/* A list of the API on standard output. */
#pragma once
#include "deskctl/cli.h"
#include "deskctl/output.h"

enum { LISTING_ROWS = 50, LISTING_MOST_ROWS = 100000 };

/** Reads pages of `path`, which may have parameters, and prints at most --limit items, `rows` without it, as
 * a table or as JSON; `empty` when there are none. An exit code. */
int listing_print(struct cli *cli, const char *path, long rows, const struct column *columns, int ncolumns,
                  const char *empty);
