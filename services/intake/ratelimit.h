/* Token buckets: how often somebody may do something. In memory, per process, forgotten when not used. Loop
 * thread. */
#pragma once
#include "intake/lru.h"

/** A fresh map of buckets; at most `max` people are remembered. */
struct lru *ratelimit_new(size_t max);

struct ratelimit {
    const char *name;   /* of the policy */
    int64_t per_second; /* 0: no limit */
    int64_t burst;
};
/** Takes one token of `who`'s bucket. 0, or -E_RATE_LIMITED when it is empty. *ret_left tells what is left.
 */
int ratelimit_take(struct lru *buckets, const struct ratelimit *limit, const char *who, int64_t now_us,
                   int64_t *ret_left) _must_check_;
/** As ratelimit_take, but leaves the token: for limits on failures, which are counted afterwards. */
int ratelimit_look(struct lru *buckets, const struct ratelimit *limit, const char *who,
                   int64_t now_us) _must_check_;
