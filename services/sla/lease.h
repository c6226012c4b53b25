/* The leases of one scheduler: which of the 64 shards it looks after, and that it is alive. Loop thread.
 *
 * A lease is economy: copies share the work instead of going for the same rows. Nothing is wrong when two
 * look after one shard or none does, so nobody waits for a lease to expire before helping out.
 */
#pragma once
#include "base/uuid.h"
#include "db/db.h"
#include "sla/db_clock.h"

struct lease;

struct lease_options {
    uv_loop_t *loop;
    struct db_pool *pool;       /* outlives the last job: close the pool first */
    struct db_clock *clock;     /* learns from every answer */
    const char *instance;       /* of this process */
    int64_t every_us;           /* between renewals; 0: one second */
    void (*changed)(void *ctx); /* the shards are others than before */
    void *ctx;
};

struct lease *lease_open(const struct lease_options *options);
/** Gives the shards back, then calls `done`; also when the database is away. */
void lease_drain(struct lease *lease, void (*done)(void *ctx), void *ctx);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turn of the loop. */
struct lease *lease_close(struct lease *lease);

/** The shards it holds, a bit each; 0 when the last answer is too old to know. */
uint64_t lease_shards(const struct lease *lease);
/** Everything that was due at that time (the database's) has been looked at. */
void lease_swept(struct lease *lease, int64_t at_us);
int lease_live(const struct lease *lease);     /* copies beside the primary, itself included */
int64_t lease_term(const struct lease *lease); /* 0: none yet */

/** The bit of a ticket's shard, as desk.shard_of computes it. */
static inline uint64_t lease_shard_bit(const struct uuid *ticket)
{
    return 1ULL << (ticket->bytes[15] & 63);
}
