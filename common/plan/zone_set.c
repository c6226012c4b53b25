/* A list searched from the front: a document names a few zones, all of tzdata has some hundreds. */
#include "plan/zone_set.h"
#include "base/memory.h"
#include <string.h>

void zone_set_fini(struct zone_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        zone_close(set->zones[i]);
    free(set->zones);
    *set = (struct zone_set){0};
}

const struct zone *zone_set_get(struct zone_set *set, const char *name)
{
    struct zone *zone;

    for (size_t i = 0; i < set->n; i++)
        if (strcmp(zone_name(set->zones[i]), name) == 0)
            return set->zones[i];
    zone = zone_open(name);
    if (!zone)
        return NULL;
    set->zones = mem_grow(set->zones, (set->n + 1) * sizeof *set->zones);
    set->zones[set->n++] = zone;
    return zone;
}
