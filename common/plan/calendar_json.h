/* The JSON form of a calendar, read strictly: what is not understood is refused, with its place.
 *
 *   {"zone": "Europe/Berlin",                         IANA name
 *    "weekly": {"mon": [["09:00", "17:00"]], ...},    mon tue wed thu fri sat sun; local time
 *    "closed": ["2026-04-03"],                        whole days
 *    "yearly": ["12-25"],                             closed every year
 *    "open": {"2026-02-14": [["09:00", "18:00"]]},    hours of these dates instead; wins over closed
 *    "imported": {"CN/2026": {"closed": [...],        what feeds of holidays brought; all the above wins
 *                             "open": {...},
 *                             "names": {"2026-02-17": "Spring Festival"}}}}
 *   {"union": [...]}, {"intersection": [...]}         of calendars, each in its own zone
 *   {"always": true}                                  around the clock
 *
 * A time is HH:MM or HH:MM:SS from 00:00 to 24:00; a window whose end lies before its start ends on the next
 * day. Everything but the zone may be left out. What the parts mean is in domain/calendar_spec.h. Limits: 16
 * windows a day, 4096 dates a list, 64 imports, 32 calendars in one document, joined 4 deep. Pure, but for
 * the zones.
 */
#pragma once
#include "domain/calendar.h"
#include "plan/node.h"

enum {
    CALENDAR_JSON_PARTS_MAX = 32,
    CALENDAR_JSON_DEPTH_MAX = 4,
    CALENDAR_JSON_NAME_MAX = 200, /* characters of a holiday's name, and of a source's */
};

/** Reads a calendar, to be freed by the caller; NULL when it is around the clock. Zones come from `zones` and
 * are not needed afterwards. 0 or -E_VALIDATION with *fault. */
int calendar_json_read(const struct plan_node *node, struct zone_book *zones, struct calendar **ret_calendar,
                       struct plan_fault *fault) _must_check_;
