/* Feeds of holidays in a plan of service levels: where they come from, how often they are asked for, and the
 * calendars that they go into. Read strictly, as in plan/node.h. Pure.
 *
 *   {"feeds": {"DE": {"url": "https://calendars.example/de.ics",     by name, which is that of the source in
 *                     "calendars": ["berlin"],                       the calendars' "imported"
 *                     "every": "1d",                                 "30m", "6h", "1d"; "1d" when left out
 *                     "except": ["Break"],                           no days whose name contains this
 *                     "hours": [["09:00", "13:00"]]}}}               of make-up working days; Monday's when
 *                                                                    left out */
#pragma once
#include "plan/node.h"

enum {
    FEEDS_MAX = 32,
    FEED_URL_MAX = 2000, /* characters */
    FEED_CALENDARS_MAX = 32,
    FEED_EXCEPT_MAX = 16,
    FEED_EXCEPT_CHARS = 200,
    FEED_EVERY_MIN_S = 5 * 60,
    FEED_EVERY_MAX_S = 31 * DAY_S,
    FEED_BODY_MAX = 1024 * 1024, /* bytes that are taken; a country's holidays are some tens of thousands */
    FEED_REDIRECTS_MAX = 3,      /* that are followed */
};

/** Checks the member "feeds"; `calendars` is the plan's, which have been checked. */
int feeds_json_check(const struct plan_node *feeds, const struct plan_node *calendars,
                     struct plan_fault *fault) _must_check_;
/** How often a feed that was checked is asked for. */
int64_t feed_every_s(const json_t *feed);
/** The zone by whose clock its times are shown that have none of their own: that of its first calendar.
 * `plan` was checked and has that feed. Borrowed. */
const char *feed_zone(const json_t *plan, const json_t *feed);
