/* A new plan of service levels for a server: which running clocks it would move, and making it so. */
#pragma once
#include "deskctl/cli.h"
#include <jansson.h>

/** Has tickets counted anew by the plan in force, or by their `own`: the names of `numbers`, an object. Those
 * that are resolved meanwhile are passed over. *ret_done says how many. An exit code, after printing why it
 * is not 0. */
int sla_recalculate(struct cli *cli, const json_t *numbers, bool own, long *ret_done);
/** Applies `document`, which was made from plan `base`: shows what would move, then, unless it is only to be
 * shown (--dry-run, --preview), applies it, and with --recalculate has the tickets that it moves counted by
 * it. Its JSON has the members of `about`, too (may be NULL). An exit code, after printing. */
int sla_apply(struct cli *cli, const json_t *document, int64_t base, const json_t *about);
