/* Working time. Today one calendar exists, around the clock; this is the seam behind which others come. Pure.
 *
 * Instants carry microseconds, working time is counted in whole seconds on the grid of the epoch: an instant
 * belongs to the second it lies in. So sums stay exact, however often a clock is paused: elapsed(s,
 * deadline(s, d)) = d,   elapsed(a, b) + elapsed(b, c) = elapsed(a, c),   a <= b => deadline(a, d) <=
 * deadline(b, d).
 */
#pragma once
#include <stdint.h>

/** A point in time: microseconds since 1970. Zero stands for "none". */
struct instant {
    int64_t us;
};

/** Where time counts. Zero-initialised: around the clock. Never NULL in a call. */
struct sla_calendar {
    const void *rules; /* NULL: every second counts */
};

/** The instant at which `amount_s` seconds (>= 0) of working time have passed since `start`. */
struct instant sla_deadline(const struct sla_calendar *calendar, struct instant start, int64_t amount_s);
/** Seconds of working time from `a` to `b`; negative when b lies before a. */
int64_t sla_elapsed(const struct sla_calendar *calendar, struct instant a, struct instant b);
