/* When to try again: pure arithmetic, no clock and no state. */
#pragma once
#include <stdint.h>

enum { RETRY_SCALE_ONE = 1000000 };

/** The policy of a channel. Either a list of waits, or exponential with full jitter. */
struct retry_policy {
    int attempts;               /* in all; after that it is a dead letter */
    int64_t base_us, cap_us;    /* exponential: uniform in 0 .. min(cap, base * 2^n) */
    const int64_t *schedule_us; /* if set: the nth wait, give or take a tenth; attempts - 1 entries */
};

/** The wait after attempt `attempts_made` (1 is the first) failed; -1 when no attempt is left.
 * `retry_after_s` (0: none) is the least, at most a day. `random` is any 64 random bits. `scale` shrinks our
 * own waits, in millionths, not what the receiver asked for. */
int64_t retry_wait_us(const struct retry_policy *policy, int attempts_made, int64_t retry_after_s,
                      uint64_t random, int64_t scale);
