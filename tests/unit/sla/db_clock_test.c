/* What a process makes of the times that the database tells. */
#include "sla/db_clock.h"
#include <criterion/criterion.h>

#define DB (1790000000LL * US_PER_S) /* the database's time at the monotonic zero */

/* An answer that took so long, the half of it on the way back. */
static void learn(struct db_clock *clock, int64_t asked_us, int64_t took_us, int64_t set_back_us)
{
    db_clock_learn(clock, DB + asked_us + took_us / 2 - set_back_us, asked_us, asked_us + took_us);
}

static int64_t behind_us(const struct db_clock *clock)
{
    return DB - clock->offset_us;
}

Test(db_clock, takes_the_quickest_answer_of_the_last_seconds)
{
    struct db_clock clock = {0};

    cr_expect_eq(db_clock_now_us(&clock), 0, "unknown");
    learn(&clock, 0, 10 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 5 * US_PER_MS);
    learn(&clock, 1 * US_PER_S, 2 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 1 * US_PER_MS);
    learn(&clock, 2 * US_PER_S, 8 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 1 * US_PER_MS);
    learn(&clock, 9 * US_PER_S, 8 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 4 * US_PER_MS, "the other is too old: clocks drift");
}

Test(db_clock, follows_one_that_was_set_back_and_not_an_answer_that_was_long_on_its_way)
{
    struct db_clock clock = {0};

    learn(&clock, 0, 4 * US_PER_S, 0);
    cr_expect_eq(behind_us(&clock), 2 * US_PER_S, "better than nothing");
    learn(&clock, 5 * US_PER_S, 2 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 1 * US_PER_MS);
    learn(&clock, 6 * US_PER_S, 4 * US_PER_S, 0);
    cr_expect_eq(behind_us(&clock), 1 * US_PER_MS, "the process was frozen, or the database was");
    learn(&clock, 20 * US_PER_S, 300 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 1 * US_PER_MS);
    learn(&clock, 70 * US_PER_S, 300 * US_PER_MS, 0);
    cr_expect_eq(behind_us(&clock), 150 * US_PER_MS, "there are no quick ones any more");
    learn(&clock, 71 * US_PER_S, 2 * US_PER_MS, 7 * US_PER_S);
    cr_expect_eq(behind_us(&clock), 7 * US_PER_S + 1 * US_PER_MS, "set back");
}
