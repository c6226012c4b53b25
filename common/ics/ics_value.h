/* The values of single iCalendar properties, read by libical, which is used nowhere else. A property is given
 * as its unfolded content line (ics_lines.h) and the number of that line, for faults. Pure. */
#pragma once
#include "ics/yearly_rule.h"
#include "plan/node.h"

enum {
    ICS_VALUE_MAX = 16 * 1024, /* bytes of a property that is read */
    ICS_ZONE_MAX = 128,        /* bytes of a TZID */
};

/** A date, or a time of a wall clock. */
struct ics_time {
    int64_t wall_s;          /* seconds since 1970 on that clock; midnight of a date */
    bool is_date, is_utc;    /* neither: the clock of the zone, or of wherever one is */
    char zone[ICS_ZONE_MAX]; /* TZID, "" without */
};

/** The times of DTSTART, DTEND, RECURRENCE-ID, or of a list as RDATE and EXDATE may have: 1 to `max`. 0, or
 * -E_VALIDATION with *fault, as all below. */
int ics_value_times(struct str property, long line, struct ics_time *times, size_t max, size_t *ret_n,
                    struct plan_fault *fault) _must_check_;
/** A DURATION in seconds. */
int ics_value_duration(struct str property, long line, int64_t *ret_s, struct plan_fault *fault) _must_check_;
/** A text such as SUMMARY, unescaped, appended. */
int ics_value_text(struct str property, long line, struct buf *out, struct plan_fault *fault) _must_check_;

/** An RRULE, given as its value. What says more than days of a year is refused: other frequencies, times of
 * day, numbers of weeks, calendars other than ours. */
int ics_value_rule(struct str rule, long line, struct yearly_rule *ret_rule,
                   struct plan_fault *fault) _must_check_;
