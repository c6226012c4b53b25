/* Holidays from JSON, in the two forms that free sources publish:
 *
 *   {"days": [{"name": "元旦", "date": "2026-01-04", "isOffDay": false}, ...], ...}   false: a make-up
 * working day
 *   {"2026-01-01": "New Year's Day", ...}                                             days off by their date
 *
 * Other members beside "days" are not looked at. Pure. */
#pragma once
#include "holiday/holidays.h"
#include "plan/node.h"

/** Appends the days of a document. 0, or -E_VALIDATION with the place as a JSON Pointer, or as "line N" where
 * the text is no JSON. */
int holiday_json_read(struct str text, const struct holiday_filter *filter, struct holidays *holidays,
                      struct plan_fault *fault) _must_check_;

/** Days that were sealed, in the first form, with the years that they were read for: {"from": 2025, "to":
 * 2029, "days": [...]}. To be decref'd. */
json_t *holiday_json_write(const struct holidays *holidays, int32_t from, int32_t to);
