/* That what nng_repairs.c wraps is wrapped in what we link. The hangs have their tests in test_failover.c. */
#include "base/clock.h"
#include <criterion/criterion.h>
#include <nng/nng.h>
#include <nng/supplemental/util/platform.h>

Test(repairs, timers_go_by_the_monotonic_clock)
{
    enum { WAIT_MS = 20 };
    int64_t before_us = clock_monotonic_us();
    nng_time now_ms = nng_clock();
    nng_mtx *lock;
    nng_cv *condition;

    cr_expect_geq((int64_t)now_ms, before_us / US_PER_MS);
    cr_expect_leq((int64_t)now_ms, clock_monotonic_us() / US_PER_MS);
    cr_assert_eq(nng_mtx_alloc(&lock), 0);
    cr_assert_eq(nng_cv_alloc(&condition, lock), 0);
    nng_mtx_lock(lock);
    cr_expect_eq(nng_cv_until(condition, now_ms + WAIT_MS), NNG_ETIMEDOUT);
    nng_mtx_unlock(lock);
    cr_expect_geq(clock_monotonic_us() / US_PER_MS, (int64_t)now_ms + WAIT_MS, "it waited");
    nng_cv_free(condition);
    nng_mtx_free(lock);
}
