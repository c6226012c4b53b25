/* Counting failed sign-ins in bounded memory. */
#include "base/clock.h"
#include "router/sign_in_gate.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct sign_in_gate gate;

static void fail(const char *login, int times, int64_t now_us)
{
    for (int i = 0; i < times; i++)
        gate_failed(&gate, str_from(login), now_us);
}

Test(sign_in_gate, closes_after_ten_and_opens_after_a_minute)
{
    int64_t now = 5 * US_PER_S;

    gate_init(&gate, 1);
    cr_expect(gate_allows(&gate, STR("a"), now));
    fail("a", GATE_FAILURES - 1, now);
    cr_expect(gate_allows(&gate, STR("a"), now));
    fail("a", 1, now + 30 * US_PER_S);
    cr_expect(!gate_allows(&gate, STR("a"), now + 30 * US_PER_S));
    cr_expect(gate_allows(&gate, STR("b"), now + 30 * US_PER_S));
    cr_expect(!gate_allows(&gate, STR("a"), now + 60 * US_PER_S - 1));
    cr_expect(gate_allows(&gate, STR("a"), now + 60 * US_PER_S));
    fail("a", 1, now + 60 * US_PER_S);
    cr_expect(gate_allows(&gate, STR("a"), now + 60 * US_PER_S), "a new minute, a new count");
}

Test(sign_in_gate, success_forgets)
{
    gate_init(&gate, 1);
    fail("a", GATE_FAILURES - 1, 1);
    gate_succeeded(&gate, STR("a"));
    fail("a", 1, 1);
    cr_expect(gate_allows(&gate, STR("a"), 1));
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
        closed += !gate_allows(&gate, str_from(login), 100000);
    }
    cr_expect_eq(closed, 200, "a name that fails now is counted, however many failed before");
}
