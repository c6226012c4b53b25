/* Counting failed sign-ins in bounded memory. */
#include "base/clock.h"
#include "router/sign_in_gate.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct sign_in_gate gate;

static void fail_from(const char *login, const char *address, int times, int64_t now_us)
{
    for (int i = 0; i < times; i++)
        gate_failed(&gate, str_from(login), str_from(address), now_us);
}

static void fail(const char *login, int times, int64_t now_us)
{
    fail_from(login, "10.0.0.1", times, now_us);
}

static enum gate_answer ask(const char *login, int64_t now_us)
{
    return gate_ask(&gate, str_from(login), STR("10.0.0.1"), now_us);
}

Test(sign_in_gate, closes_after_ten_and_opens_after_a_minute)
{
    int64_t now = 5 * US_PER_S;

    gate_init(&gate, 1);
    cr_expect_eq(ask("a", now), GATE_OPEN);
    fail("a", GATE_FAILURES - 1, now);
    cr_expect_eq(ask("a", now), GATE_OPEN);
    fail("a", 1, now + 30 * US_PER_S);
    cr_expect_eq(ask("a", now + 30 * US_PER_S), GATE_CLOSED);
    cr_expect_eq(ask("b", now + 30 * US_PER_S), GATE_OPEN);
    cr_expect_eq(ask("a", now + 60 * US_PER_S - 1), GATE_CLOSED);
    cr_expect_eq(ask("a", now + 60 * US_PER_S), GATE_OPEN);
    fail("a", 1, now + 60 * US_PER_S);
    cr_expect_eq(ask("a", now + 60 * US_PER_S), GATE_OPEN, "a new minute, a new count");
}

Test(sign_in_gate, closes_for_the_address_that_failed)
{
    gate_init(&gate, 1);
    fail_from("a", "10.0.0.2", GATE_FAILURES, 1);
    cr_expect_eq(ask("a", 1), GATE_OPEN);
    cr_expect_eq(gate_ask(&gate, STR("a"), STR("10.0.0.2"), 1), GATE_CLOSED);
}

Test(sign_in_gate, a_name_tried_from_everywhere_is_slow_and_never_closed)
{
    const int64_t slow_us = GATE_SLOW_MS * US_PER_MS;
    char address[32];
    int64_t now = US_PER_S;

    gate_init(&gate, 1);
    for (int i = 0; i < GATE_NAME_FAILURES; i++) {
        snprintf(address, sizeof address, "10.1.0.%d", i);
        cr_expect_eq(gate_ask(&gate, STR("a"), str_from(address), now), GATE_OPEN);
        gate_tries(&gate, STR("a"), now);
        fail_from("a", address, 1, now);
    }
    cr_expect_eq(ask("a", now), GATE_SLOW);
    cr_expect_eq(ask("b", now), GATE_OPEN);
    now += slow_us;
    cr_expect_eq(ask("a", now), GATE_OPEN, "one a second");
    gate_tries(&gate, STR("a"), now);
    cr_expect_eq(ask("a", now + slow_us - 1), GATE_SLOW);
    gate_succeeded(&gate, STR("a"), STR("10.0.0.1"));
    cr_expect_eq(ask("a", now + slow_us - 1), GATE_SLOW, "the guesses of others still count");
    cr_expect_eq(ask("a", now + slow_us), GATE_OPEN);
    cr_expect_eq(ask("a", US_PER_S + 60 * US_PER_S), GATE_OPEN);
}

Test(sign_in_gate, success_forgets)
{
    gate_init(&gate, 1);
    fail("a", GATE_FAILURES - 1, 1);
    gate_succeeded(&gate, STR("a"), STR("10.0.0.1"));
    fail("a", 1, 1);
    cr_expect_eq(ask("a", 1), GATE_OPEN);
}

Test(sign_in_gate, a_crowd_of_names_finds_room)
{
    char login[32];
    int closed = 0;

    gate_init(&gate, 1);
    for (int i = 0; i < 100000; i++) {
        snprintf(login, sizeof login, "guess-%d", i);
        fail(login, 1, i);
    }
    for (int i = 0; i < 200; i++) {
        snprintf(login, sizeof login, "new-%d", i);
        fail(login, GATE_FAILURES, 100000);
        closed += ask(login, 100000) == GATE_CLOSED;
    }
    cr_expect_eq(closed, 200, "a name that fails now is counted, however many failed before");
}
