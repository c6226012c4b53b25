/* Working time: a calendar is the set of seconds that count, and these are the questions about it. Pure.
 *
 * Time is cut into the whole seconds of the epoch: second t lasts from instant t to instant t + 1 and counts
 * whole or not at all. Which seconds count is said by a spec (calendar_spec.h) or by joining calendars. The
 * laws, for every calendar, instants and amounts up to 2^61, wherever there is an answer:
 *
 *   elapsed(s, deadline(s, d)) = d      elapsed(a, b) + elapsed(b, c) = elapsed(a, c)
 *   elapsed(latest_start(e, d), e) = d  a <= b  =>  deadline(a, d) <= deadline(b, d)
 *
 * NULL is the calendar around the clock: every second counts, without end. Any other one is a table of the
 * intervals of UTC in which seconds count, with the working time before each, so that a question is two or
 * three binary searches. The table is made whole and never changes: it may be shared between threads. It
 * knows the years 1990 to 2059 (12 bytes an interval: 220 kB for an office with one window a day, which an
 * office with a lunch break doubles) and no second outside them counts; what would have to look there is
 * CALENDAR_BEYOND. Tickets do not live that long, and nobody knows the clock changes of 2060.
 */
#pragma once
#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

struct calendar;

enum {
    CALENDAR_FIRST_YEAR = 1990,
    CALENDAR_LAST_YEAR = 2059,
    CALENDAR_INTERVALS_MAX = 1 << 20, /* 12 MB: forty a day; a limit on what joined calendars can grow to */
};
#define CALENDAR_BEGIN_S INT64_C(631152000)  /* 1990-01-01T00:00:00Z */
#define CALENDAR_END_S   INT64_C(2840140800) /* 2060-01-01T00:00:00Z */

/** Outcomes of the calls below. */
enum calendar_outcome {
    CALENDAR_BEYOND = 1, /* the answer lies outside the years that the calendar knows, or nowhere */
    CALENDAR_NEVER,      /* no second would count */
    CALENDAR_TOO_FINE,   /* more than CALENDAR_INTERVALS_MAX intervals */
};

/** NULL is fine; returns NULL. */
struct calendar *calendar_free(struct calendar *calendar);
DEFINE_CLEANUP(struct calendar, calendar_free)
#define _cleanup_calendar_ _cleanup_(calendar_freep)

/* Joining two calendars, each in its own zone. The result is a calendar of its own, to be freed; the two stay
 * the caller's. */

/** Seconds that count in either: a desk that follows the sun. 0 or CALENDAR_TOO_FINE. */
int calendar_union(const struct calendar *a, const struct calendar *b,
                   struct calendar **ret_calendar) _must_check_;
/** Seconds that count in both. 0, CALENDAR_NEVER or CALENDAR_TOO_FINE. */
int calendar_intersection(const struct calendar *a, const struct calendar *b,
                          struct calendar **ret_calendar) _must_check_;

/* How much. */

/** True when the second counts. */
bool calendar_is_open(const struct calendar *calendar, int64_t at_s);
/** How many seconds from `a_s` up to, but without, `b_s` count; backwards the same, negative. */
int64_t calendar_elapsed(const struct calendar *calendar, int64_t a_s, int64_t b_s);
/** The instant at which `amount_s` (>= 0) seconds have counted since `start_s`: the end of the last of them,
 * which is 17:00 and not 09:00 of the next morning. With amount 0 it is the start itself, open or not. 0 or
 * CALENDAR_BEYOND, also for a start outside the years known. */
int calendar_deadline(const struct calendar *calendar, int64_t start_s, int64_t amount_s,
                      int64_t *ret_at_s) _must_check_;
/** The deadline backwards: the latest start whose deadline is not after `end_s`. 0 or CALENDAR_BEYOND, also
 * for an end outside the years known. */
int calendar_latest_start(const struct calendar *calendar, int64_t end_s, int64_t amount_s,
                          int64_t *ret_at_s) _must_check_;

/* When it opens and closes. It opens at a second that counts after one that does not, and closes at a second
 * that does not after one that does. "Next" is strictly after `at_s`, "previous" at it or before. 0 or
 * CALENDAR_BEYOND: never, not within the years known, or asked for a time outside them. */
int calendar_next_open(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s) _must_check_;
int calendar_next_close(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s) _must_check_;
int calendar_previous_open(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s) _must_check_;
int calendar_previous_close(const struct calendar *calendar, int64_t at_s, int64_t *ret_at_s) _must_check_;
