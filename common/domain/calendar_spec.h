/* What a calendar is made from: the hours of a week in a time zone, and the dates that differ.
 *
 * A spec is plain data of the caller, who keeps it; the calendar made from it needs neither spec nor zone.
 *
 * The rule, which is all there is: a second counts when the wall clock of the zone shows during it a time
 * that lies in a window. A window belongs to the local day that it starts on. The windows of a day are those
 * of the open date, if it is one; none, if it is a closed date or a yearly one; those of its weekday
 * otherwise. So an open date wins over a closed one (a make-up day in a week of holidays), a half day is an
 * open date, and the night shift of the eve runs on into a closed date, whose own night shift does not start.
 * What is imported comes before the weekday and after all the rest: on a date of which the spec itself says
 * nothing, an imported open date wins over an imported closed one, and the later import over the earlier.
 *
 * Clock changes follow from the rule: what the clock skips does not count, what it shows twice counts twice;
 * a night shift of eight hours is seven or nine long when the clocks change within it.
 */
#pragma once
#include "base/civil.h"
#include "domain/calendar.h"
#include "domain/zone.h"
#include <stddef.h>

enum {
    CALENDAR_WINDOWS_MAX = 16, /* a day */
    CALENDAR_DATES_MAX = 4096, /* in each list of dates */
    CALENDAR_IMPORTS_MAX = 64,
};

/** Seconds of the wall clock's day, [from, to): from 0..86399, to 0..86400. A `to` before `from` is one of
 * the next day. */
struct calendar_window {
    int32_t from_s, to_s;
};

/** The windows of one day, in any order; those of one day do not overlap. */
struct calendar_hours {
    size_t n;
    struct calendar_window windows[CALENDAR_WINDOWS_MAX];
};

/** A date with hours of its own. */
struct calendar_open_date {
    struct civil date;
    struct calendar_hours hours; /* at least one window */
};

/** Dates that came from elsewhere, from a feed of holidays. */
struct calendar_import {
    size_t nclosed, nopen;
    const struct civil *closed;
    const struct calendar_open_date *open_dates; /* each date once */
};

struct calendar_spec {
    const struct zone *zone;
    struct calendar_hours weekly[WEEK_DAYS]; /* 0 Monday .. 6 Sunday */
    size_t nclosed, nyearly, nopen;
    const struct civil *closed;                  /* a date twice is fine */
    const struct civil *yearly;                  /* closed every year; the year is not looked at */
    const struct calendar_open_date *open_dates; /* each date once */
    size_t nimports;
    const struct calendar_import *imports;
};

/** Why a spec is refused; continues enum calendar_outcome. CALENDAR_NEVER: no second would count. */
enum calendar_refusal {
    CALENDAR_BAD_WINDOW = 10, /* a second that no day has */
    CALENDAR_EMPTY_WINDOW,    /* from = to */
    CALENDAR_OVERLAP,         /* with an earlier window of the list */
    CALENDAR_NO_WINDOW,       /* an open date without any */
    CALENDAR_BAD_DATE,        /* that does not exist */
    CALENDAR_TWICE,           /* an open date (of the years known) already in this list */
    CALENDAR_TOO_MANY,        /* windows of a day, dates of a list, or imports */
};

/** The place of the fault. `import` counts imports, `index` is the weekday or counts dates, `window` counts
 * windows; where the spec itself, the whole list or the whole day is at fault they are CALENDAR_WHOLE. */
struct calendar_place {
    enum calendar_list { CALENDAR_WEEKLY, CALENDAR_CLOSED, CALENDAR_YEARLY, CALENDAR_OPEN_DATES } list;
    size_t import, index, window;
};
#define CALENDAR_WHOLE SIZE_MAX

/** Makes the calendar of a spec, to be freed by the caller; it is never NULL, even when it is always open.
 * 0, CALENDAR_NEVER, or a refusal with the place of the first fault found. */
int calendar_new(const struct calendar_spec *spec, struct calendar **ret_calendar,
                 struct calendar_place *ret_place) _must_check_;
