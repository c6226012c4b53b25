/* What the body of a feed (plan/feed_json.h) says, as days that holiday/feed_merge.h takes. Pure. */
#pragma once
#include "plan/node.h"

/** Reads a body of either form for the years from the last one to three ahead. Times in UTC are shown by the
 * clock of `zone`; `except` is the feed's, or NULL. Days to be decref'd. 0, or -E_VALIDATION with the place.
 */
int feed_days(struct str body, const char *zone, const json_t *except, int64_t now_s, json_t **ret_days,
              struct plan_fault *fault) _must_check_;
