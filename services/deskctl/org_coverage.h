/* When nobody, or too few, would be awake for a team. */
#pragma once
#include "deskctl/cli.h"
#include "domain/organisation.h"

enum { ORG_WEEKS_MAX = 520 };

struct org_coverage_ask {
    size_t team; /* ORG_NONE: all */
    int weeks;   /* from now */
};

/** Prints a report: hours without anybody and hours below the minimum, the first of them, and a picture of
 * the coming week in UTC. Returns EXIT_OK_. */
int org_coverage(const struct cli *cli, const struct organisation *organisation,
                 const struct org_coverage_ask *ask);
