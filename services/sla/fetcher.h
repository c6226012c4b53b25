/* Asks for feeds of holidays when they are due, and writes down what came; a router judges it
 * (services/router/feeds.c). Beside the primary. Loop thread.
 */
#pragma once
#include "db/db.h"
#include "outbound/address_guard.h"

struct fetcher;

struct fetcher_options {
    uv_loop_t *loop;
    struct db_pool *pool;              /* outlives the last job: close the pool first */
    const struct address_guard *guard; /* where feeds may be; outlives the fetcher */
    int64_t timeout_us;                /* of an attempt, redirects included */
    int64_t every_us;                  /* between looks for what is due; 0: five seconds */
};

/** 0, or -E_INTERNAL when libcurl has no room. */
int fetcher_open(const struct fetcher_options *options, struct fetcher **ret_fetcher) _must_check_;
/** No further attempt; one under way is given up and taken again, by whoever is there, when its lease is
 * over.
 */
void fetcher_stop(struct fetcher *fetcher);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turns of the loop. */
struct fetcher *fetcher_close(struct fetcher *fetcher);

/** Appends a line for people: how many feeds there are, fail, and are held. */
void fetcher_describe(const struct fetcher *fetcher, struct buf *out);
