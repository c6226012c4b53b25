/* Holidays of a source go into the document of a calendar: what the source says now replaces what it said
 * before, within the years asked for and nowhere else. What the user wrote is not touched. Pure. */
#pragma once
#include "holiday/holidays.h"
#include <jansson.h>

/** Puts the days (sealed) into `calendar` under "imported"; `hours` are the windows of working days. Returns
 * what changes, to be decref'd: {"added": [...], "removed": [...], "changed": [...], "kept": [...],
 * "overridden":
 * [...], "left_out": [...]}, each a list of days as calendar_source_days gives them; changed ones have "was",
 * overridden ones "by_hand": "open", "closed" or "yearly", those left out "reason". A day that is overridden
 * is in one of the other lists, too. */
json_t *calendar_merge(json_t *calendar, const char *source, const struct holidays *holidays,
                       const struct holiday_filter *years, json_t *hours);
/** True when the merge changed the document. */
bool calendar_merge_changes(const json_t *changes);
