/* Who is on call: one schedule, and the one evaluator of it for preview, live and audit.
 *
 * At an instant that a temporary schedule covers, its fixed shifts count and nothing else. At any other, the
 * people of the rules in force count, changed by the overrides in force: remove(A) takes A off, replace(A by
 * B) puts B in A's place only while A is on call, add(B) puts B on call always. (GoAlert's rules; its two
 * evaluators are one here.)
 *
 * Last, at any instant, come the swaps that people agreed on, one after another: each puts B in A's place
 * while A is on call by everything before it. So a shift that was taken can be handed on.
 *
 * A rule begins on each of its weekdays at `start` on the schedule's clock and ends at `end`: on the same day
 * when start < end, on the next one when start > end, after 24 clock hours when start = end, so that
 * consecutive days join; every day with start = end is always, no days is never. It begins at the first
 * instant that shows its start and ends at the last one that shows its end (zone_first_s, zone_last_s): where
 * clocks go back shifts overlap, and where they go forward nothing is left open. A day that the date line
 * skips has no shift, except the part of it that lies after the skip.
 *
 * People are numbers, 0..people-1; names are the caller's. Everything is borrowed and must outlive what is
 * computed from it. Pure; any thread. */
#pragma once
#include "domain/rotation.h"

enum { ONCALL_NONE = -1, ONCALL_EVERY_DAY = 0x7f };

struct oncall_rule {
    uint8_t days;           /* bit 0 Monday .. bit 6 Sunday: on which it begins */
    int32_t start_s, end_s; /* seconds of the clock, 0..86399 */
    int32_t person;         /* who, when there is no rotation */
    int32_t rotation;       /* whose participant in force is meant; ONCALL_NONE: the person is */
};

struct oncall_rotation {
    struct rotation rotation; /* its zone may differ from the schedule's */
    const int32_t *people;    /* [rotation.participants] */
};

/** Somebody from one instant to another (not included). */
struct oncall_shift {
    int32_t person;
    int64_t from_s, to_s;
};

struct oncall_override {
    int64_t from_s, to_s; /* from_s < to_s */
    int32_t remove, add;  /* ONCALL_NONE: nobody; one of them is somebody, never the same */
};

struct oncall_temporary {
    int64_t from_s, to_s;              /* from_s < to_s */
    const struct oncall_shift *shifts; /* within it */
    size_t nshifts;
};

struct oncall {
    const struct zone *zone;
    size_t people;
    const struct oncall_rule *rules;
    size_t nrules;
    const struct oncall_rotation *rotations;
    size_t nrotations;
    const struct oncall_override *overrides; /* no two in conflict */
    size_t noverrides;
    const struct oncall_temporary *temporaries; /* no two at the same time */
    size_t ntemporaries;
    const struct oncall_override *swaps; /* each has both people; in the order in which they were agreed */
    size_t nswaps;
};

/** True when two overrides are in force at the same time and share a person in any role: what they do
 * together would depend on their order. */
bool oncall_conflict(const struct oncall_override *a, const struct oncall_override *b);

/* The evaluator: the periods of a window, one after another, each as long as the same people are on call.
 *
 *     struct oncall_walk walk;
 *     oncall_walk_init(&walk, schedule, from_s, until_s);
 *     while (oncall_walk_next(&walk))
 *         ... walk.on[person] from walk.from_s to walk.to_s ...
 *     oncall_walk_fini(&walk);
 *
 * The instants at which something may change are computed from the schedule, not searched for, so that
 * boundaries are exact and the cost is that of the changes in the window. */
struct oncall_walk {
    int64_t from_s, to_s; /* the present period; to_s is not in it */
    bool *on;             /* [schedule->people]: who is on call in it */
    size_t count;         /* how many they are */

    const struct oncall *schedule; /* private from here on */
    int64_t at_s, until_s;
    struct oncall_span *spans;     /* of each rule: in force, or the next */
    struct rotation_shift *shifts; /* of each rotation that a rule in force needs: in force */
    bool *ahead;                   /* who is on call at at_s */
};

/** Begins before the first period of [from_s, until_s). To be ended with oncall_walk_fini. */
void oncall_walk_init(struct oncall_walk *walk, const struct oncall *schedule, int64_t from_s,
                      int64_t until_s);
/** Moves to the next period; false when the window is over. */
bool oncall_walk_next(struct oncall_walk *walk);
void oncall_walk_fini(struct oncall_walk *walk);
#define _cleanup_oncall_walk_ _cleanup_(oncall_walk_fini)

/** Who is on call at an instant: fills ret_on[schedule->people], returns how many. */
size_t oncall_at(const struct oncall *schedule, int64_t at_s, bool *ret_on);
/** The first instant after at_s and before until_s at which other people are on call; false (and nothing set)
 * when there is none. */
bool oncall_next_change(const struct oncall *schedule, int64_t at_s, int64_t until_s, int64_t *ret_at_s);
