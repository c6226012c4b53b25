/* Working time between instants: a calendar, less the pauses in which a clock rests. Pure.
 *
 * Instants carry microseconds, working time is counted in whole seconds on the grid of the epoch: an instant
 * belongs to the second it lies in. So sums stay exact, however often a clock is paused, and the laws of
 * calendar.h hold here too. The fraction of an instant never counts; it is carried: from within a second that
 * counts, time moves by whole seconds and lands on the same fraction; from outside it begins at the next
 * second that counts, and lands on a whole one. (Carrying it always would break the law of order.)
 */
#pragma once
#include "domain/calendar.h"
#include <stddef.h>

/** A point in time: microseconds since 1970. Zero stands for "none". */
struct instant {
    int64_t us;
};

/** The second an instant lies in, rounded towards the past. */
int64_t instant_second(struct instant at);

/** A time that does not count, [from, to). */
struct pause {
    struct instant from, to;
};

/** Sorts pauses and melts those that touch or overlap; empty ones vanish. `to` must not lie before `from`.
 * Returns how many are left. */
size_t pauses_merge(struct pause *pauses, size_t n);

/** Where time counts. Zero-initialised: around the clock. The parts stay the caller's. */
struct worktime {
    const struct calendar *calendar; /* NULL: every second counts */
    const struct pause *pauses;      /* merged */
    size_t npauses;
};

/** The instant at which `amount_s` (>= 0) seconds of working time have passed since `start`; the start itself
 * for 0. 0 or CALENDAR_BEYOND. */
int worktime_deadline(const struct worktime *worktime, struct instant start, int64_t amount_s,
                      struct instant *ret_at) _must_check_;
/** Backwards: the latest start whose deadline is in or before the second of `end`; the end itself for 0. 0 or
 * CALENDAR_BEYOND. */
int worktime_latest_start(const struct worktime *worktime, struct instant end, int64_t amount_s,
                          struct instant *ret_at) _must_check_;
/** Seconds of working time from `a` to `b`; negative when b lies before a. */
int64_t worktime_elapsed(const struct worktime *worktime, struct instant a, struct instant b);
