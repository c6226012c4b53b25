/* Reads zone1970.tab: country codes, coordinates, name, comments, with tabs between. */
#include "every_zone.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const int64_t from_s = 1420070400; /* 2015-01-01 */
static const int64_t to_s = 2082758400;   /* 2036-01-01 */

size_t every_zone(void (*visit)(const struct zone *zone, void *ctx), void *ctx)
{
    FILE *file = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
    char line[512], name[64];
    size_t n = 0;

    cr_assert(file);
    while (fgets(line, sizeof line, file)) {
        _cleanup_zone_ struct zone *zone = NULL;

        if (line[0] == '#' || sscanf(line, "%*s %*s %63s", name) != 1)
            continue;
        zone = zone_open(name);
        cr_assert(zone, "%s", name);
        visit(zone, ctx);
        n++;
    }
    fclose(file);
    return n;
}

size_t zone_changes(const struct zone *zone, int64_t *ret_at_s, size_t max)
{
    int64_t at_s = from_s;
    size_t n = 0;

    while (n < max && zone_next_change(zone, at_s, &at_s) && at_s < to_s)
        ret_at_s[n++] = at_s;
    return n;
}
