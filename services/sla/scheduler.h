/* The scheduler beside the primary: leases, the clocks' sweeper and the timers' ringer, put together. Loop
 * thread. */
#pragma once
#include "sla/lease.h"
#include "sla/ring.h"
#include "sla/sweep.h"

struct scheduler;

struct scheduler_options {
    uv_loop_t *loop;
    struct db_pool *pool;       /* outlives the last job: close the pool first */
    const char *instance;       /* of this process; lives as long as the scheduler */
    struct bus *bus;            /* hints of what fired are published here; NULL: none are */
    struct bus_client *routers; /* who is told of timers that are due; NULL: nobody is */
    int64_t window_us;          /* how far the wheels look ahead */
    int64_t every_us;           /* between passes; 0: a quarter of a second */
};

/** Starts at once. Never fails: without a database it goes on trying. */
struct scheduler *scheduler_open(const struct scheduler_options *options);
void scheduler_hint(struct scheduler *scheduler, const Meridian__Hint *hint);
/** Begins nothing more, ends what is in hand, gives the shards back, then calls `done`. */
void scheduler_drain(struct scheduler *scheduler, void (*done)(void *ctx), void *ctx);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turns of the loop. */
struct scheduler *scheduler_close(struct scheduler *scheduler);

const struct lease *scheduler_lease(const struct scheduler *scheduler);
struct sweeper_figures scheduler_clocks(const struct scheduler *scheduler);
struct ringer_figures scheduler_timers(const struct scheduler *scheduler);
