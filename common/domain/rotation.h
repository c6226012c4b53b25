/* Rotations: whose turn it is, by a grid of wall times.
 *
 * The rule (GoAlert's ClockDiff, AddClock and FirstOfDay, said without state):
 * - The n-th handoff has a wall time: the start, and every `length` hours, days or weeks of the *clock*
 *   (1, 24, 168 clock hours each) after and before it; n is negative before it. A 2-hour rotation that starts
 *   on an even hour hands over on even hours for ever, whatever clock changes lie between. Monthly: `length`
 *   calendar months each, always counted from the original start, and a day that its month lacks runs over
 *   into the next one (Go's AddDate: 31 January + 1 month = 3 March, 2 March in a leap year).
 * - The handoff happens at zone_first_s of that wall time: the first instant that shows it, or the first one
 *   after the gap that skips it.
 * - In force at an instant is the last shift whose handoff is not after it; participant n mod participants.
 *
 * What follows at clock changes:
 * - Clocks go back: a wall time that is shown twice hands over when it is shown first, once. The shift in
 *   force is longer by what is repeated.
 * - Clocks go forward: handoffs that the gap skips, and one due right after it, fall on the same instant. The
 *   last of them counts; the shifts before it are empty and appear nowhere. Their participants lose that turn
 *   and everybody else keeps the usual hours of the clock.
 * So each handoff is strictly after the one before it, every instant belongs to exactly one shift, and the
 * shift in force depends on nothing but the instant.
 *
 * Pure; any thread. A rotation borrows its zone. */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"
#include "domain/zone.h"

#define ROTATION_TYPES(X)                                                                                    \
    X(ROTATION_HOURLY, "hourly")                                                                             \
    X(ROTATION_DAILY, "daily")                                                                               \
    X(ROTATION_WEEKLY, "weekly")                                                                             \
    X(ROTATION_MONTHLY, "monthly")
#define X(name, text) name,
enum rotation_type { ROTATION_TYPES(X) };
#undef X

enum { ROTATION_LENGTH_MAX = 9000 };

struct rotation {
    const struct zone *zone;
    enum rotation_type type;
    int32_t length;       /* of a shift, in units of the type; 1..ROTATION_LENGTH_MAX */
    int64_t start_wall_s; /* wall time of handoff 0, to the second */
    int32_t participants; /* 0: nobody ever has a turn */
};

struct rotation_shift {
    int64_t n;         /* which one; shift 0 begins at the rotation's start */
    int64_t start_s;   /* the handoff that began it: not after any instant of it */
    int64_t handoff_s; /* the next one: from this instant on the next shift is in force; > start_s */
    int64_t end_s;     /* the last instant that shows the wall time of that handoff: >= handoff_s, and later
                          only when clocks go back over it. An end to show to people, so that shifts overlap
                          there and never leave a gap; whose turn it is goes by handoff_s alone. */
};

/** Stored names; "unknown" for a number that is none. */
const char *rotation_type_name(enum rotation_type type);
/** 0 or -E_BAD_REQUEST. */
int rotation_type_parse(struct str name, enum rotation_type *ret_type) _must_check_;

/** The shift in force at an instant. rotation_at(rotation, shift.handoff_s) is the shift after `shift`. */
struct rotation_shift rotation_at(const struct rotation *rotation, int64_t at_s);
/** Whose turn the n-th shift is: 0..participants-1; -1 for a rotation of nobody. */
int32_t rotation_participant(const struct rotation *rotation, int64_t n);
