/* The timing wheel against a plain list: whatever is put, moved and cancelled, and however time jumps, the
 * same timers come out, none early and in order. */
#include "base/clock.h"
#include "base/memory.h"
#include "sla/wheel.h"
#include <criterion/criterion.h>
#include <stdio.h>

#define START (1790000000LL * US_PER_S + 123456)

static struct wheel_timer timer(int n, int64_t due_us)
{
    struct wheel_timer made = {.due_us = due_us, .generation = n, .name = "resolve"};

    snprintf((char *)made.ticket.bytes, sizeof made.ticket.bytes, "ticket %d", n);
    return made;
}

static void put(struct wheel *wheel, int n, int64_t due_us)
{
    struct wheel_timer made = timer(n, due_us);

    wheel_put(wheel, &made);
}

/* The number of the timer that is due, or 0. */
static int pop(struct wheel *wheel, int64_t now_us)
{
    struct wheel_timer due;

    return wheel_pop(wheel, now_us, &due) ? due.generation : 0;
}

Test(wheel, gives_each_at_its_time_and_never_early)
{
    struct wheel *wheel = wheel_new();

    cr_expect_eq(wheel_next_us(wheel), INT64_MAX);
    cr_expect_eq(pop(wheel, START), 0);
    put(wheel, 1, START + 250 * US_PER_S);
    put(wheel, 2, START + 1);
    put(wheel, 3, START + 1500);
    cr_expect_eq(pop(wheel, START), 0);
    cr_expect_eq(pop(wheel, START + 1000), 2, "a millisecond later at most");
    cr_expect_eq(pop(wheel, START + 1000), 0);
    cr_expect_eq(pop(wheel, START + 2500), 3);
    cr_expect_eq(pop(wheel, START + 250 * US_PER_S - 1), 0);
    cr_expect_eq(pop(wheel, START + 250 * US_PER_S + 1000), 1);
    cr_expect_eq(wheel_count(wheel), 0);
    wheel_free(wheel);
}

Test(wheel, one_key_is_one_timer)
{
    struct wheel *wheel = wheel_new();
    struct wheel_timer other = timer(1, START + US_PER_S), due;

    put(wheel, 1, START);
    put(wheel, 1, START + 2 * US_PER_S);
    snprintf(other.name, sizeof other.name, "first_response");
    wheel_put(wheel, &other);
    cr_expect_eq(wheel_count(wheel), 2);
    cr_assert(wheel_pop(wheel, START + 10 * US_PER_S, &due));
    cr_expect_str_eq(due.name, "first_response");
    cr_assert(wheel_pop(wheel, START + 10 * US_PER_S, &due));
    cr_expect_eq(due.due_us, START + 2 * US_PER_S);
    wheel_put(wheel, &other);
    put(wheel, 1, START + 20 * US_PER_S);
    put(wheel, 2, START + 20 * US_PER_S);
    wheel_cancel(wheel, &other.ticket);
    cr_expect_eq(wheel_count(wheel), 1);
    cr_expect_eq(pop(wheel, START + 30 * US_PER_S), 2);
    wheel_cancel(wheel, &other.ticket);
    wheel_free(wheel);
}

Test(wheel, a_jump_forwards_gives_everything_in_order)
{
    struct wheel *wheel = wheel_new();

    cr_expect_eq(pop(wheel, START), 0);
    for (int n = 1; n <= 200; n++)
        put(wheel, n, START + (int64_t)n * n * n * US_PER_S); /* up to 92 days */
    for (int n = 1; n <= 200; n++)
        cr_assert_eq(pop(wheel, START + 9000000 * US_PER_S), n);
    cr_expect_eq(pop(wheel, START + 9000000 * US_PER_S), 0);
    wheel_free(wheel);
}

Test(wheel, a_clock_set_back_makes_nothing_early)
{
    struct wheel *wheel = wheel_new();

    put(wheel, 1, START + 10 * US_PER_S);
    put(wheel, 2, START + 30 * US_PER_S);
    cr_expect_eq(pop(wheel, START + 20 * US_PER_S), 1);
    put(wheel, 3, START + 15 * US_PER_S);
    put(wheel, 4, START + 20 * US_PER_S - 100);
    cr_expect_eq(pop(wheel, START + 14 * US_PER_S), 0, "set back");
    cr_expect_leq(wheel_next_us(wheel), START + 15 * US_PER_S);
    cr_expect_eq(pop(wheel, START + 15 * US_PER_S + 1000), 3);
    cr_expect_eq(pop(wheel, START + 15 * US_PER_S + 1000), 0);
    cr_expect_eq(pop(wheel, START + 20 * US_PER_S + 1000), 4);
    put(wheel, 5, START + 20 * US_PER_S - 50);
    cr_expect_eq(pop(wheel, START + 20 * US_PER_S - 60), 0, "a jitter of the clock");
    cr_expect_eq(pop(wheel, START + 20 * US_PER_S + 1000), 5);
    cr_expect_eq(pop(wheel, START + 31 * US_PER_S), 2);
    wheel_free(wheel);
}

/* ---- against a list ---- */

enum { TIMERS = 500, STEPS = 40000 };

static int64_t later(int64_t now_us)
{
    return now_us + (int64_t)(random_u64() % (1ULL << (random_u64() % 34)));
}

Test(wheel, does_as_a_plain_list)
{
    struct wheel *wheel = wheel_new();
    int64_t due_us[TIMERS] = {0}, now_us = START; /* 0: not in */
    size_t in = 0, popped = 0;

    for (int step = 0; step < STEPS; step++) {
        int n = (int)(random_u64() % TIMERS);
        struct wheel_timer due;
        int64_t last_us = 0;

        if (random_u64() % 4) {
            in += !due_us[n];
            due_us[n] = later(now_us);
            put(wheel, n, due_us[n]);
        } else {
            struct wheel_timer gone = timer(n, 0);

            in -= due_us[n] != 0;
            due_us[n] = 0;
            wheel_cancel(wheel, &gone.ticket);
        }
        cr_assert_eq(wheel_count(wheel), in);
        now_us = later(now_us);
        cr_assert(wheel_count(wheel) == 0 || wheel_next_us(wheel) < INT64_MAX);
        for (; wheel_pop(wheel, now_us, &due); in--, popped++) {
            cr_assert_eq(due.due_us, due_us[due.generation]);
            cr_assert_leq(due.due_us, now_us);
            cr_assert_geq(due.due_us / US_PER_MS + 1, last_us / US_PER_MS, "in order, to the millisecond");
            last_us = due.due_us;
            due_us[due.generation] = 0;
        }
        for (int i = 0; i < TIMERS; i++)
            cr_assert(!due_us[i] || due_us[i] > now_us - US_PER_MS, "one is left behind");
    }
    cr_expect_gt(popped, 1000);
    wheel_free(wheel);
}

Test(wheel, is_small)
{
    enum { MANY = 200000 };
    struct wheel *wheel = wheel_new();

    for (int n = 0; n < MANY; n++)
        put(wheel, n, START + n * US_PER_MS);
    cr_expect_lt(wheel_bytes(wheel) / MANY, 200, "%zu bytes a timer", wheel_bytes(wheel) / MANY);
    for (int n = 0; n < MANY; n++)
        cr_assert_eq(pop(wheel, START + MANY * US_PER_MS), n);
    wheel_free(wheel);
}
