/* What a feed says goes into the calendars of a plan (plan/feed_json.h), unless somebody should look first.
 * The router does it on the feed's schedule, deskctl when it is told to: the same judgement. Pure. */
#pragma once
#include "plan/node.h"

/** Why what a feed says waits for somebody's review: name for scripts, texts for people. */
#define FEED_HOLDS(X)                                                                                        \
    X(FEED_HOLD_DATES, "drops_dates", "more than half of the dates to come would go",                        \
      "超过一半的未来日期将被删除")                                                                          \
    X(FEED_HOLD_OFTEN, "too_often", "it has made as many plans within a day as a feed may",                  \
      "该订阅源在一天内生成的方案数已达上限")                                                                \
    X(FEED_HOLD_TIME, "drops_working_time",                                                                  \
      "less than half of the working time of the next year would stay", "未来一年的工时将减少一半以上")

struct feed_merge {
    json_t *plan;    /* as it would be */
    json_t *changes; /* by calendar, what calendar_merge gave */
    bool changed;    /* any of them */
    json_t *held;    /* NULL: nothing speaks against it; else {"reason": "drops_dates", "calendar": "berlin",
                        "before": 9, "after": 4}, dates or hours */
};
void feed_merge_fini(struct feed_merge *merge);
#define _cleanup_feed_merge_ _cleanup_(feed_merge_fini)

/** Merges `fetched`, what holiday_json_write gave, into the calendars of the feed `name` of `plan`, which was
 * checked; the plan itself is not changed. What is to come begins at `now_s`. 0, or -E_VALIDATION with the
 * place in what was fetched, or in the plan as it would be. */
int feed_merge(const json_t *plan, const char *name, const json_t *fetched, int64_t now_s,
               struct zone_book *zones, struct feed_merge *ret_merge, struct plan_fault *fault) _must_check_;

/** What feeds brought stays when a plan is written that does not have it: takes the days of the feeds of
 * `document` over from the plan in force, where the document has none. */
void feed_keep(json_t *document, const json_t *in_force);
