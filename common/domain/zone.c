/* Builds the table of a zone from GTimeZone and answers from it.
 *
 * GLib tells the interval that an instant lies in, not where intervals end, so each end is found by bisection
 * once, when the zone is opened. Neighbours with the same offset are one: only what the clock shows matters.
 * The functions that answer touch nothing but the table. */
#include "domain/zone.h"
#include "base/civil.h"
#include "base/memory.h"
#include "base/str.h"
#include <glib.h>
#include <pthread.h>
#include <stdio.h>

enum { REACH_S = 2 * DAY_S };               /* no clock is further from another than the date line allows */
static const int64_t begin_s = -2208988800; /* 1900-01-01 */
static const int64_t end_s = 4102444800;    /* 2100-01-01 */

struct span {
    int64_t from_s; /* the first instant with this offset; INT64_MIN for the first span */
    int32_t offset_s;
};

struct zone {
    char *name;
    size_t n; /* of spans, at least one */
    struct span *spans;
};

static void append(struct zone *zone, int64_t from_s, int32_t offset_s)
{
    if (zone->n && zone->spans[zone->n - 1].offset_s == offset_s)
        return;
    if ((zone->n & (zone->n - 1)) == 0)
        zone->spans = mem_grow(zone->spans, (zone->n ? zone->n * 2 : 1) * sizeof *zone->spans);
    zone->spans[zone->n++] = (struct span){from_s, offset_s};
}

static int interval_at(GTimeZone *tz, int64_t at_s)
{
    return g_time_zone_find_interval(tz, G_TIME_TYPE_UNIVERSAL, at_s);
}

static void build(struct zone *zone, GTimeZone *tz)
{
    int interval = interval_at(tz, begin_s), last = interval_at(tz, end_s);
    int64_t from_s = begin_s;

    append(zone, INT64_MIN, g_time_zone_get_offset(tz, interval));
    while (interval < last) {
        int64_t low = from_s, high = end_s; /* the change lies in (low, high] */

        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;

            if (interval_at(tz, middle) > interval)
                high = middle;
            else
                low = middle;
        }
        interval = interval_at(tz, high);
        append(zone, high, g_time_zone_get_offset(tz, interval));
        from_s = high;
    }
}

/* A path of tzdata and nothing else: GLib would also take "/etc/passwd" and POSIX strings such as "EST5". */
static bool name_is_sane(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    if (n == 0 || n >= ZONE_NAME_MAX || name[0] == '/' || name[n - 1] == '/' || strstr(name, "//"))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == n;
}

struct zone *zone_open(const char *name)
{
    GTimeZone *tz = name_is_sane(name) ? g_time_zone_new_identifier(name) : NULL;
    struct zone *zone;

    if (!tz)
        return NULL;
    zone = NEW(struct zone);
    zone->name = mem_str(name);
    build(zone, tz);
    g_time_zone_unref(tz);
    return zone;
}

struct zone *zone_new(const char *name, const int64_t *rules, size_t n)
{
    _cleanup_zone_ struct zone *zone = NEW(struct zone);
    struct zone *made = zone;

    zone->name = mem_str(name);
    if (n % 2 == 0)
        return NULL;
    for (size_t i = 0; i < n; i += 2) {
        if (rules[i] < -DAY_S || rules[i] > DAY_S ||
            (i > 1 && rules[i - 1] <= (i > 3 ? rules[i - 3] : INT64_MIN)))
            return NULL;
        append(zone, i ? rules[i - 1] : INT64_MIN, (int32_t)rules[i]);
    }
    zone = NULL;
    return made;
}

struct zone *zone_close(struct zone *zone)
{
    if (zone) {
        free(zone->spans);
        free(zone->name);
        free(zone);
    }
    return NULL;
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

/* The span in force at an instant. */
static size_t span_at(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->n; /* spans[low] begins at or before it, spans[high] after */

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (zone->spans[middle].from_s <= at_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset_s(const struct zone *zone, int64_t at_s)
{
    return zone->spans[span_at(zone, at_s)].offset_s;
}

int64_t zone_wall_s(const struct zone *zone, int64_t at_s)
{
    return at_s + zone_offset_s(zone, at_s);
}

/* The instants of a wall time, by looking at every span that could show it. */
static int64_t instant_of(const struct zone *zone, int64_t wall_s, bool last)
{
    size_t i = span_at(zone, wall_s - REACH_S);
    int64_t found = INT64_MIN, gap_s = INT64_MIN;

    for (; i < zone->n; i++) {
        int64_t from_s = zone->spans[i].from_s;
        int64_t until_s = i + 1 < zone->n ? zone->spans[i + 1].from_s : INT64_MAX;
        int64_t at_s = wall_s - zone->spans[i].offset_s;

        if (from_s != INT64_MIN && from_s > wall_s + REACH_S)
            break;
        if (at_s >= from_s && at_s < until_s) {
            if (!last)
                return at_s;
            found = at_s;
        }
        if (i > 0 && from_s + zone->spans[i - 1].offset_s <= wall_s &&
            wall_s < from_s + zone->spans[i].offset_s)
            gap_s = from_s;
    }
    return found != INT64_MIN ? found : gap_s;
}

int64_t zone_first_s(const struct zone *zone, int64_t wall_s)
{
    return instant_of(zone, wall_s, false);
}

int64_t zone_last_s(const struct zone *zone, int64_t wall_s)
{
    return instant_of(zone, wall_s, true);
}

bool zone_next_change(const struct zone *zone, int64_t at_s, int64_t *ret_at_s)
{
    size_t next = span_at(zone, at_s) + 1;

    if (next >= zone->n)
        return false;
    *ret_at_s = zone->spans[next].from_s;
    return true;
}

/* ---- version ---- */

static char version[ZONE_TZDATA_SIZE];

/* The first line of tzdata.zi is "# version 2026b". The folder is the one that GLib reads. */
void zone_tzdata_read(char ret_version[ZONE_TZDATA_SIZE])
{
    const char *folder = getenv("TZDIR");
    _cleanup_(freep) char *path = mem_printf("%s/tzdata.zi", folder ? folder : "/usr/share/zoneinfo");
    FILE *file = fopen(path, "re");
    char line[64];

    if (!file || !fgets(line, sizeof line, file) || sscanf(line, "# version %15s", ret_version) != 1)
        strcpy(ret_version, "unknown");
    if (file)
        fclose(file);
}

static void read_version(void)
{
    zone_tzdata_read(version);
}

const char *zone_tzdata_version(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_version);
    return version;
}
