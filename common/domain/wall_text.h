/* Wall times and instants as text, both ways. Pure.
 *
 * Texts with an offset or Z name an instant and are read by clock_parse; texts without one name a wall time
 * and mean something only together with a zone. Years are 1900 to 2100, which is how far zones are known. */
#pragma once
#include "base/buf.h"
#include "domain/zone.h"

/** "2020-10-25T02:30" or with seconds, "2020-10-25T02:30:00": seconds since 1970 on that clock. 0 or
 * -E_BAD_REQUEST. */
int wall_parse(struct str text, int64_t *ret_wall_s) _must_check_;
/** "09:00" or "09:00:30", up to `last_s` (24:00 at most): the second of the day. 0 or -E_BAD_REQUEST. */
int wall_parse_clock(struct str text, int32_t last_s, int32_t *ret_s) _must_check_;
/** RFC 3339 with the offset in force, always as numbers: "2020-10-25T02:30:00+01:00", "...+00:00" in UTC. An
 * offset with seconds (local mean times before about 1930) is written without them and the clock with it, so
 * that the text is still the instant. */
void wall_add_rfc3339(struct buf *out, const struct zone *zone, int64_t at_s);
