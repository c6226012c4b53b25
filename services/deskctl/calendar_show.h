/* The days of a calendar as people look at them. Pure. */
#pragma once
#include "domain/calendar.h"
#include "domain/zone.h"
#include <jansson.h>

enum { CALENDAR_SHOW_DAYS_MAX = 1100 };

/** The days [first, last] (since 1970-01-01, at most CALENDAR_SHOW_DAYS_MAX) on the clock of `zone`, to be
 * decref'd:
 *
 *   {"zone": ..., "from": ..., "to": ..., "total_s": ...,
 *    "days": [{"date": ..., "open": [["09:00", "18:00"]], "open_s": ..., "by_hand": "open", "source": ...,
 *              "name": ...}]}
 *
 * Hours are what the engine counts, cut at midnight. Why a day is as it is stands there when the document
 * says so. */
json_t *calendar_show(const json_t *document, const struct calendar *calendar, const struct zone *zone,
                      int64_t first, int64_t last);
