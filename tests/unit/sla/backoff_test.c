/* What failed rests, longer each time, and nothing is kept without bound. */
#include "base/clock.h"
#include "sla/backoff.h"
#include <criterion/criterion.h>
#include <stdio.h>

#define START  (1000 * US_PER_S)
#define MOST   (60 * US_PER_S)
#define HALF_S (500 * US_PER_MS)

static struct wheel_timer timer(int n)
{
    struct wheel_timer made = {.generation = 1, .name = "pending_end"};

    snprintf((char *)made.ticket.bytes, sizeof made.ticket.bytes, "%d", n);
    made.ticket.bytes[14] = (uint8_t)n;
    return made;
}

/* How long it rests after a failure at `now_us`, within the grain of a millisecond. */
static int64_t rest(struct backoff *backoff, const struct wheel_timer *timer, int64_t now_us, int64_t most_us)
{
    int64_t rests_us = 0;

    backoff_failed(backoff, timer, now_us, most_us);
    while (backoff_rests(backoff, timer, now_us + rests_us))
        rests_us += US_PER_MS;
    return rests_us;
}

Test(backoff, doubles_up_to_a_bound)
{
    struct backoff *backoff = backoff_new();
    struct wheel_timer one = timer(1), other = timer(2);
    static const int64_t expected_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};

    cr_expect_not(backoff_rests(backoff, &one, START));
    for (size_t i = 0; i < ARRAY_SIZE(expected_ms); i++)
        cr_expect_eq(rest(backoff, &one, START, MOST), expected_ms[i] * US_PER_MS);
    for (int i = 0; i < 100; i++)
        backoff_failed(backoff, &one, START, MOST);
    cr_expect_eq(rest(backoff, &one, START, MOST), MOST);
    cr_expect_eq(rest(backoff, &one, START, 2 * US_PER_S), 2 * US_PER_S, "another bound");
    cr_expect_not(backoff_rests(backoff, &other, START));
    backoff_free(backoff);
}

Test(backoff, ends_when_it_goes_well_or_is_armed_anew)
{
    struct backoff *backoff = backoff_new();
    struct wheel_timer one = timer(1), anew = one, named = one;

    rest(backoff, &one, START, MOST);
    rest(backoff, &one, START, MOST);
    anew.generation++;
    snprintf(named.name, sizeof named.name, "survey");
    cr_expect_not(backoff_rests(backoff, &anew, START));
    cr_expect_not(backoff_rests(backoff, &named, START));
    backoff_done(backoff, &named);
    cr_expect(backoff_rests(backoff, &one, START));
    backoff_done(backoff, &one);
    cr_expect_not(backoff_rests(backoff, &one, START));
    cr_expect_eq(rest(backoff, &one, START, MOST), HALF_S, "from the beginning");
    backoff_free(backoff);
}

Test(backoff, forgets_the_one_that_may_be_tried_soonest)
{
    struct backoff *backoff = backoff_new();
    struct wheel_timer timers[5];

    for (int i = 0; i < 5; i++) { /* all of one set */
        timers[i] = timer(7);
        timers[i].generation = i + 1;
        backoff_failed(backoff, &timers[i], START + (i == 2 ? 0 : i + 1) * US_PER_MS, MOST);
    }
    for (int i = 0; i < 5; i++)
        cr_expect_eq(backoff_rests(backoff, &timers[i], START), i != 2, "%d", i);
    backoff_free(backoff);
}

Test(backoff, holds_many)
{
    struct backoff *backoff = backoff_new();
    int kept = 0;

    for (int i = 0; i < BACKOFF_MAX; i++) {
        struct wheel_timer one = timer(i);

        backoff_failed(backoff, &one, START, MOST);
    }
    for (int i = 0; i < BACKOFF_MAX; i++) {
        struct wheel_timer one = timer(i);

        kept += backoff_rests(backoff, &one, START);
    }
    cr_expect_eq(kept, BACKOFF_MAX);
    backoff_free(backoff);
}
