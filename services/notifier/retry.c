/* Waits between attempts. Full jitter (uniform from zero) for mail, because a relay that comes back must not
 * meet everybody at once; the published schedule of Standard Webhooks for webhooks, since receivers plan with
 * it. A receiver's Retry-After is the least wait.
 */
#include "notifier/retry.h"
#include "base/clock.h"

#define DAY_US (86400 * US_PER_S)

static int64_t uniform(int64_t most, uint64_t random)
{
    return most > 0 ? (int64_t)(random % ((uint64_t)most + 1)) : 0;
}

static int64_t own_wait_us(const struct retry_policy *policy, int attempts_made, uint64_t random)
{
    int64_t wait;

    if (policy->schedule_us) {
        wait = policy->schedule_us[attempts_made - 1];
        return wait - wait / 10 + uniform(wait / 5, random);
    }
    wait = policy->base_us;
    for (int i = 1; i < attempts_made && wait < policy->cap_us; i++)
        wait *= 2;
    return uniform(wait < policy->cap_us ? wait : policy->cap_us, random);
}

int64_t retry_wait_us(const struct retry_policy *policy, int attempts_made, int64_t retry_after_s,
                      uint64_t random, int64_t scale)
{
    int64_t wait, least = retry_after_s > 0 ? retry_after_s * US_PER_S : 0;

    if (attempts_made >= policy->attempts)
        return -1;
    wait = own_wait_us(policy, attempts_made < 1 ? 1 : attempts_made, random);
    wait = (int64_t)((double)wait * (double)scale / RETRY_SCALE_ONE);
    if (retry_after_s > DAY_US / US_PER_S)
        least = DAY_US;
    return wait > least ? wait : least;
}
