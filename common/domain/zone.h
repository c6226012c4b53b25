/* Time zones as tables: when which offset from UTC holds, and what a wall clock there shows.
 *
 * The rules are the system's tzdata, read once by GLib's GTimeZone (ICU 72's are years old) when a zone is
 * opened; after that everything is arithmetic on an immutable table, pure and usable from any thread. A
 * "wall" time is what the clock on the wall shows, as seconds since 1970-01-01T00:00:00 on that clock; an
 * instant is seconds since 1970 in UTC. The table reaches from 1900 to 2100; beyond it the last offset holds.
 */
#pragma once
#include "base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

enum { ZONE_NAME_MAX = 64 };

/** The zone of this IANA name ("Europe/Berlin", "UTC"), to be closed; NULL when the name is none or this
 * machine's tzdata lacks it. */
struct zone *zone_open(const char *name);
/** A zone of rules that somebody wrote down, to be closed: the first offset, then in turn the instant of a
 * change and the offset from there on, all in seconds. NULL when they are none: `n` is even, instants do not
 * rise, or an offset is more than a day. */
struct zone *zone_new(const char *name, const int64_t *rules, size_t n);
/** NULL is fine; returns NULL. */
struct zone *zone_close(struct zone *zone);
DEFINE_CLEANUP(struct zone, zone_close)
#define _cleanup_zone_ _cleanup_(zone_closep)

/** The name it was opened by; lives as long as the zone. */
const char *zone_name(const struct zone *zone);
/** Seconds east of UTC in force at an instant. */
int32_t zone_offset_s(const struct zone *zone, int64_t at_s);
/** What the wall shows at an instant. */
int64_t zone_wall_s(const struct zone *zone, int64_t at_s);

/* The instants of a wall time. Clocks that go forward skip wall times, clocks that go back show some twice.
 * Both calls give the first instant after the gap for a skipped one, so that starts by zone_first_s and ends
 * by zone_last_s overlap at a clock change and never leave a hole. */
int64_t zone_first_s(const struct zone *zone, int64_t wall_s); /* the first instant that shows it */
int64_t zone_last_s(const struct zone *zone, int64_t wall_s);  /* the last one */

/** The next change of the offset strictly after an instant; false (and nothing set) when none is known. */
bool zone_next_change(const struct zone *zone, int64_t at_s, int64_t *ret_at_s);
enum { ZONE_TZDATA_SIZE = 16 };

/** Version of the tzdata that this machine has (or the folder that TZDIR names), "2026b"; "unknown" where it
 * does not say. Static storage, read once: zones that were opened since may be of a later one. */
const char *zone_tzdata_version(void);
/** The same, read now. */
void zone_tzdata_read(char ret_version[ZONE_TZDATA_SIZE]);
