/* Token buckets. A bucket that nobody remembers is a full one, so forgetting the least recently used is
 * harmless: it can only be more generous. */
#include "intake/ratelimit.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include <stdio.h>

struct bucket {
    int64_t full_us; /* when the bucket is full again; one token is worth interval_us of it */
};

struct lru *ratelimit_new(size_t max)
{
    return lru_new(sizeof(struct bucket), max, NULL, NULL);
}

static int64_t left_of(const struct ratelimit *limit, const struct bucket *bucket, int64_t now_us)
{
    int64_t interval_us = US_PER_S / limit->per_second, missing_us = bucket->full_us - now_us;

    if (missing_us <= 0)
        return limit->burst;
    return limit->burst - (missing_us + interval_us - 1) / interval_us;
}

static struct bucket *bucket_of(struct lru *buckets, const struct ratelimit *limit, const char *who)
{
    char text[256];
    struct lru_key key;

    snprintf(text, sizeof text, "%s:%s", limit->name, who);
    key = lru_key_text(text);
    return lru_put(buckets, &key);
}

int ratelimit_look(struct lru *buckets, const struct ratelimit *limit, const char *who, int64_t now_us)
{
    if (!limit->per_second)
        return 0;
    return left_of(limit, bucket_of(buckets, limit, who), now_us) > 0 ? 0 : -E_RATE_LIMITED;
}

int ratelimit_take(struct lru *buckets, const struct ratelimit *limit, const char *who, int64_t now_us,
                   int64_t *ret_left)
{
    struct bucket *bucket;

    *ret_left = limit->burst;
    if (!limit->per_second)
        return 0;
    bucket = bucket_of(buckets, limit, who);
    *ret_left = left_of(limit, bucket, now_us);
    if (*ret_left <= 0)
        return -E_RATE_LIMITED;
    (*ret_left)--;
    if (bucket->full_us < now_us)
        bucket->full_us = now_us;
    bucket->full_us += US_PER_S / limit->per_second;
    return 0;
}
