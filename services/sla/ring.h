/* The ringer: tells the router of every ticket timer (desk.timer) that is due, beside the primary. What a
 * timer means is the router's to decide, and so is whether it is due; being told twice does nothing. Loop
 * thread.
 *
 * As with the clocks there are a wheel for the millisecond and a pass over everything due for the truth.
 */
#pragma once
#include "bus/bus.h"
#include "db/db.h"
#include "sla/lease.h"

struct ringer;

struct ringer_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* outlives the last job: close the pool first */
    struct lease *lease;  /* whose shards; outlives the ringer */
    struct db_clock *clock;
    struct bus_client *routers;
    int64_t window_us; /* how far the wheel looks ahead */
    int64_t every_us;  /* between passes; 0: a quarter of a second */
};

struct ringer *ringer_open(const struct ringer_options *options);
void ringer_shards(struct ringer *ringer);
void ringer_hint(struct ringer *ringer, const Meridian__Hint *hint);
/** Begins nothing more and calls `done` when the calls in hand have ended; at once if there are none. */
void ringer_drain(struct ringer *ringer, void (*done)(void *ctx), void *ctx);
/** After db_pool_close. Of calls that were not drained nothing is told any more, and nothing of the options
 * is used when they end, by themselves or with the bus. NULL is fine; returns NULL. Memory goes with the next
 * turn of the loop and the last of the calls. */
struct ringer *ringer_close(struct ringer *ringer);

struct ringer_figures {
    uint64_t rung;   /* calls that a router answered well */
    uint64_t busy;   /* to come again soon: the ticket was locked, or there was no router */
    uint64_t failed; /* refused, or not answered */
    uint64_t passes; /* completed */
    size_t ahead;    /* in the wheel */
};
struct ringer_figures ringer_figures(const struct ringer *ringer);
