/* The inside of a calendar, for calendar.c, which answers from it, and for those that build one. */
#pragma once
#include "domain/calendar.h"
#include <stddef.h>

/** Seconds since CALENDAR_BEGIN_S; `before` is the working time of all intervals before this one. */
struct calendar_interval {
    uint32_t from, to, before;
};

/** Intervals in order; between two lies at least one second that does not count. */
struct calendar {
    size_t n;
    struct calendar_interval *intervals;
};

/** Adds the seconds [from_s, to_s), cut to the years known; what is empty adds nothing. Calls come in order
 * of `from_s`; what touches or overlaps the last interval extends it. */
void calendar_append(struct calendar *calendar, int64_t from_s, int64_t to_s);
/** Ends the appending: gives back the memory that growing left over. */
void calendar_seal(struct calendar *calendar);
