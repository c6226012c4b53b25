/* Holidays from text of either form: JSON when it begins like it (holiday/holiday_json.h), else iCalendar
 * (ics/holiday_ics.h). Pure. */
#pragma once
#include "holiday/holidays.h"
#include "plan/node.h"

/** Appends the days of a text, as its reader does. 0, or -E_VALIDATION with the place. */
int holiday_text_read(struct str text, const struct zone *zone, struct zone_book *zones,
                      const struct holiday_filter *filter, struct holidays *holidays,
                      struct plan_fault *fault) _must_check_;
