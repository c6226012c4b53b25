/* A new plan of service levels for a server: which running clocks it would move, and making it so. */
#pragma once
#include "deskctl/cli.h"

/** Applies `document`, which was made from plan `base`: shows what would move, then, without --dry-run,
 * applies it, and with --recalculate has the tickets that it moves counted by it. An exit code, after
 * printing. */
int sla_apply(struct cli *cli, const json_t *document, int64_t base);
