/* The time zones that documents name, each opened once: a zone's table takes a while to build and many places
 * name the same one. One owner, one thread. */
#pragma once
#include "domain/zone.h"
#include <stddef.h>

struct zone_set {
    struct zone **zones;
    size_t n;
};

/** Closes them all; every borrower must be done. */
void zone_set_fini(struct zone_set *set);
#define _cleanup_zone_set_ _cleanup_(zone_set_fini)
/** The zone of this name, which lives as long as the set; NULL as zone_open. */
const struct zone *zone_set_get(struct zone_set *set, const char *name);
