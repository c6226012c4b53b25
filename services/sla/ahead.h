/* What comes due next, of one kind of row (clocks or timers): a wheel that is kept filled from the database,
 * so that firing happens at the due millisecond. Loop thread.
 *
 * It only adds precision. What it misses (a lost hint, a clock that was moved, a database that was away) is
 * due in the database all the same, and found by whoever sweeps.
 */
#pragma once
#include "db/db.h"
#include "sla/lease.h"
#include "sla/wheel.h"
#include "wire/wire.h"

struct ahead;

struct ahead_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* outlives the last job: close the pool first */
    struct lease *lease;  /* whose shards; outlives this */
    struct db_clock *clock;
    const struct db_statement *page; /* clock_ahead, timer_ahead: a span of time */
    const struct db_statement *of;   /* clock_of, timer_of: some tickets */
    int64_t window_us;               /* how far it looks */
    void (*changed)(void *ctx);      /* the next one may be due at another time than was known */
    void *ctx;
};

struct ahead *ahead_open(const struct ahead_options *options);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turn of the loop. */
struct ahead *ahead_close(struct ahead *ahead);
/** Reads nothing more. */
void ahead_stop(struct ahead *ahead);

/** The shards changed: reads what was gained. */
void ahead_shards(struct ahead *ahead);
/** Reads anew what a hint names. */
void ahead_hint(struct ahead *ahead, const Meridian__Hint *hint);
/** Puts one in that the caller knows of. */
void ahead_put(struct ahead *ahead, const struct wheel_timer *timer);
/** Takes the next one out that is due now and belongs to a shard that is held. */
bool ahead_pop(struct ahead *ahead, struct wheel_timer *ret_timer);
/** Microseconds until something may be due; INT64_MAX: nothing is known of. */
int64_t ahead_wait_us(const struct ahead *ahead);

size_t ahead_count(const struct ahead *ahead);
size_t ahead_bytes(const struct ahead *ahead);
