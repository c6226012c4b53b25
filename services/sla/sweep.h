/* The sweeper: fires what is due on the SLA clocks, in due order, each exactly once, beside the primary.
 *
 * One per process, on the loop thread; any number of processes sweep at once, because firing is a
 * compare-and-set in the database. A sweep runs every second whatever happens; a timer for the next due clock
 * only makes it precise.
 */
#pragma once
#include "bus/bus.h"
#include "db/db.h"

struct sweeper;

struct sweeper_options {
    uv_loop_t *loop;
    struct db_pool *pool;  /* outlives the sweeper's last job: close the pool first */
    const char *actor;     /* who the events say it was, "system:sla" */
    struct bus *bus;       /* hints of what fired are published here; NULL: none are */
    const char *publisher; /* the instance, for those hints */
    int batch;             /* clocks in one transaction; 0: 200 */
    int64_t every_us;      /* 0: one second */
};

/** Starts sweeping at once. Never fails: without a database it goes on trying. */
struct sweeper *sweeper_open(const struct sweeper_options *options);
/** Clocks changed: looks again soon, at most ten times a second. */
void sweeper_hint(struct sweeper *sweeper);
/** Begins no further batch and calls `done` when the one in hand has ended; at once if there is none. */
void sweeper_drain(struct sweeper *sweeper, void (*done)(void *ctx), void *ctx);
/** After db_pool_close, so that no job is in hand. NULL is fine; returns NULL. Memory goes with the next turn
 * of the loop. */
struct sweeper *sweeper_close(struct sweeper *sweeper);

struct sweeper_figures {
    uint64_t warned, breached;
    uint64_t busy;         /* times a clock waited because its ticket was locked */
    uint64_t stepped_over; /* times a clock could not fire at all */
    uint64_t sweeps;       /* completed */
    int64_t last_sweep_us; /* monotonic; 0: none yet */
};
struct sweeper_figures sweeper_figures(const struct sweeper *sweeper);
