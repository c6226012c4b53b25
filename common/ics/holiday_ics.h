/* Holidays from iCalendar (RFC 5545). An event of whole days is a day off on each of them, or a working day
 * when its name says so; other events are left out. FREQ=YEARLY recurs within the years asked for, with
 * EXDATE, RDATE and RECURRENCE-ID. What cannot be read right is refused: one wrong holiday is worse than none
 * at all. Pure. */
#pragma once
#include "holiday/holidays.h"
#include "plan/node.h"

enum {
    ICS_EVENTS_MAX = 20000,
    ICS_ZONES_MAX = 100, /* VTIMEZONE components */
    ICS_SPAN_MAX = 400,  /* days of one event */
    ICS_EXCEPTIONS_MAX =
        400, /* EXDATE, and RDATE, of one event; libical drops what is beyond 500 in a line */
    ICS_RULES_MAX = 1000,
    ICS_RULE_YEARS_MAX = 100000, /* looked at for all rules together */
};

/** Appends the days of a text. Times in UTC are shown by the clock of `zone`. 0, or -E_VALIDATION with the
 * place as "line N". */
int holiday_ics_read(struct str text, const struct zone *zone, struct zone_book *zones,
                     const struct holiday_filter *filter, struct holidays *holidays,
                     struct plan_fault *fault) _must_check_;
