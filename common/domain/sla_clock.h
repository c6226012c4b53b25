/* One SLA clock (first response or resolution) and what can happen to it, as pure functions from the old to
 * the new clock. The row desk.clock is this struct; the router writes what these return, the SLA scheduler
 * only fires.
 *
 * Time counts where the calendar says, NULL being around the clock. A running clock has a due time and the
 * next instant at which something fires; a paused or stopped one keeps what remained, which is negative once
 * it is late. `generation` rises with every change, so that a timer armed for the old clock cannot fire on
 * the new one.
 *
 * A late clock that runs again is due in the past: at the instant since which as much working time has passed
 * as it was late, so that pausing it once more finds it exactly as late. What would lie outside the years
 * that a calendar knows is due where they end.
 */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"
#include "domain/worktime.h"

#define SLA_CLOCK_STATES(X)                                                                                  \
    X(SLA_CLOCK_RUNNING, "running")                                                                          \
    X(SLA_CLOCK_PAUSED, "paused")                                                                            \
    X(SLA_CLOCK_MET, "met")                                                                                  \
    X(SLA_CLOCK_CANCELLED, "cancelled")
#define X(name, text) name,
enum sla_clock_state { SLA_CLOCK_STATES(X) };
#undef X

struct sla_clock {
    enum sla_clock_state state;
    struct instant started;
    int64_t target_s;
    int warn_percent;        /* of the target, 1..99 */
    struct instant due;      /* running only */
    struct instant warn;     /* running only: when the warning is due, past or future */
    int64_t remaining_s;     /* not running only */
    struct instant warned;   /* when it fired; written by the scheduler */
    struct instant breached; /* likewise */
    struct instant stopped;  /* met or cancelled */
    struct instant
        fire; /* the next thing to fire: warning, then breach; none when both did or while not running */
    int generation;
};

/** Stored names; "unknown" for a number that is none. */
const char *sla_clock_state_name(enum sla_clock_state state);
/** 0 or -E_BAD_REQUEST. */
int sla_clock_state_parse(struct str name, enum sla_clock_state *ret_state) _must_check_;

/** A clock that runs from `start` (which may lie in the past: then what is overdue fires at once). */
struct sla_clock sla_clock_start(const struct calendar *calendar, struct instant start, int64_t target_s,
                                 int warn_percent);

/* The changes. Each returns the clock unchanged (same generation) when it does not apply: pausing what does
 * not run, resuming what is not paused, stopping what has stopped, restarting what was not met. */
struct sla_clock sla_clock_pause(const struct calendar *calendar, struct sla_clock clock, struct instant now);
struct sla_clock sla_clock_resume(const struct calendar *calendar, struct sla_clock clock,
                                  struct instant now);
/** Met: what was promised has happened, in time or late. */
struct sla_clock sla_clock_meet(const struct calendar *calendar, struct sla_clock clock, struct instant now);
struct sla_clock sla_clock_cancel(const struct calendar *calendar, struct sla_clock clock,
                                  struct instant now);
/** A met clock runs again, with what remained when it was met. */
struct sla_clock sla_clock_restart(const struct calendar *calendar, struct sla_clock clock,
                                   struct instant now);
