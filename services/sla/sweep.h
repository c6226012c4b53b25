/* The sweeper: fires what is due on the SLA clocks, in due order, each exactly once, beside the primary.
 *
 * One per process, on the loop thread; any number of processes sweep at once, because firing is a
 * compare-and-set in the database. What comes due in the next minutes fires from a wheel, at its millisecond;
 * a pass over everything that is due, several times a second whatever happens, finds what the wheel missed.
 */
#pragma once
#include "bus/bus.h"
#include "db/db.h"
#include "sla/lease.h"

struct sweeper;

struct sweeper_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* outlives the sweeper's last job: close the pool first */
    struct lease *lease;  /* whose shards; hears of completed passes; outlives the sweeper */
    struct db_clock *clock;
    const char *actor;     /* who the events say it was, "system:sla" */
    struct bus *bus;       /* hints of what fired are published here; NULL: none are */
    const char *publisher; /* the instance, for those hints */
    int64_t window_us;     /* how far the wheel looks ahead */
    int64_t every_us;      /* between passes; 0: a quarter of a second */
};

/** Starts sweeping at once. Never fails: without a database it goes on trying. */
struct sweeper *sweeper_open(const struct sweeper_options *options);
/** The shards changed. */
void sweeper_shards(struct sweeper *sweeper);
/** Clocks changed: looks at those that the hint names. */
void sweeper_hint(struct sweeper *sweeper, const Meridian__Hint *hint);
/** Begins no further batch and calls `done` when the one in hand has ended; at once if there is none. */
void sweeper_drain(struct sweeper *sweeper, void (*done)(void *ctx), void *ctx);
/** After db_pool_close, so that no job is in hand. NULL is fine; returns NULL. Memory goes with the next turn
 * of the loop. */
struct sweeper *sweeper_close(struct sweeper *sweeper);

struct sweeper_figures {
    uint64_t warned, breached;
    uint64_t from_wheel;   /* of those: at their millisecond */
    uint64_t busy;         /* times a clock waited because its ticket was locked */
    uint64_t stepped_over; /* times a clock could not fire at all */
    uint64_t named_failed; /* batches of the wheel that could not be fired */
    uint64_t sweeps;       /* completed */
    int64_t last_sweep_us; /* monotonic; 0: none yet */
    size_t ahead;          /* in the wheel */
    size_t ahead_bytes;
};
struct sweeper_figures sweeper_figures(const struct sweeper *sweeper);
