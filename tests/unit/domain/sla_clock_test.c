/* The laws of working time, and the life of a clock. */
#include "domain/sla_clock.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

#define S 1000000LL
static const struct sla_calendar always;
static const int64_t starts[] = {0, 1, 999999, 1000000, 1732330260123456, 1735689599999999, 4102444800000000};
static const int64_t amounts[] = {0, 1, 59, 1800, 14400, 86400, 604800, 31536000};

static struct instant at(int64_t us)
{
    return (struct instant){us};
}

Test(sla_calendar, elapsed_undoes_deadline)
{
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j < ARRAY_SIZE(amounts); j++)
            cr_expect_eq(
                sla_elapsed(&always, at(starts[i]), sla_deadline(&always, at(starts[i]), amounts[j])),
                amounts[j]);
}

Test(sla_calendar, elapsed_adds_up)
{
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j < ARRAY_SIZE(starts); j++)
            for (size_t k = 0; k < ARRAY_SIZE(starts); k++) {
                struct instant a = at(starts[i]), b = at(starts[j]), c = at(starts[k]);

                cr_expect_eq(sla_elapsed(&always, a, b) + sla_elapsed(&always, b, c),
                             sla_elapsed(&always, a, c));
            }
    cr_expect_eq(sla_elapsed(&always, at(-1), at(0)), 1);
    cr_expect_eq(sla_elapsed(&always, at(-S), at(0)), 1);
}

Test(sla_calendar, deadline_is_monotone)
{
    for (size_t i = 0; i + 1 < ARRAY_SIZE(starts); i++)
        for (size_t j = 0; j + 1 < ARRAY_SIZE(amounts); j++) {
            struct instant d = sla_deadline(&always, at(starts[i]), amounts[j]);

            cr_expect_leq(d.us, sla_deadline(&always, at(starts[i + 1]), amounts[j]).us);
            cr_expect_leq(d.us, sla_deadline(&always, at(starts[i]), amounts[j + 1]).us);
        }
}

Test(sla_clock, starts)
{
    struct sla_clock c = sla_clock_start(&always, at(1000 * S), 1800, 75);

    cr_expect_eq(c.state, SLA_CLOCK_RUNNING);
    cr_expect_eq(c.due.us, 2800 * S);
    cr_expect_eq(c.warn.us, 2350 * S);
    cr_expect_eq(c.fire.us, c.warn.us);
    cr_expect_eq(c.generation, 1);
    cr_expect_eq(c.remaining_s, 0);
}

Test(sla_clock, pause_keeps_what_remains)
{
    struct sla_clock c = sla_clock_start(&always, at(1000 * S), 1800, 75), p, r;

    p = sla_clock_pause(&always, c, at(1100 * S));
    cr_expect_eq(p.state, SLA_CLOCK_PAUSED);
    cr_expect_eq(p.remaining_s, 1700);
    cr_expect_eq(p.due.us, 0);
    cr_expect_eq(p.fire.us, 0);
    cr_expect_eq(p.generation, 2);
    r = sla_clock_resume(&always, p, at(5000 * S));
    cr_expect_eq(r.state, SLA_CLOCK_RUNNING);
    cr_expect_eq(r.due.us, 6700 * S);
    cr_expect_eq(r.warn.us, 6250 * S);
    cr_expect_eq(r.fire.us, 6250 * S);
    cr_expect_eq(r.generation, 3);
    cr_expect_eq(r.started.us, 1000 * S);
}

Test(sla_clock, any_number_of_pauses_loses_nothing)
{
    struct instant now = at(1732330260123456);
    struct sla_clock c = sla_clock_start(&always, now, 14400, 75);
    int64_t ran = 0;

    for (int i = 0; i < 1000; i++) {
        struct instant pause = at(now.us + (i * 7919 % 13) * S + i * 137);

        ran += sla_elapsed(&always, now, pause);
        c = sla_clock_pause(&always, c, pause);
        now = at(pause.us + (i * 104729 % 11) * S + i * 991);
        c = sla_clock_resume(&always, c, now);
    }
    c = sla_clock_pause(&always, c, now);
    cr_expect_eq(c.remaining_s, 14400 - ran);
}

Test(sla_clock, what_fired_does_not_fire_again)
{
    struct sla_clock c = sla_clock_start(&always, at(1000 * S), 1800, 75);

    c.warned = at(2350 * S);
    c.fire = c.due;
    c = sla_clock_resume(&always, sla_clock_pause(&always, c, at(2400 * S)), at(3000 * S));
    cr_expect_eq(c.due.us, 3400 * S);
    cr_expect_eq(c.fire.us, c.due.us);
    c.breached = at(3400 * S);
    c.fire = at(0);
    c = sla_clock_pause(&always, c, at(3500 * S));
    cr_expect_eq(c.remaining_s, -100);
    c = sla_clock_resume(&always, c, at(9000 * S));
    cr_expect_eq(c.due.us, 8900 * S, "as late as before");
    cr_expect_eq(c.fire.us, 0);
}

Test(sla_clock, overdue_at_the_start_fires_at_once)
{
    struct sla_clock c = sla_clock_start(&always, at(1 * S), 100, 75);

    cr_expect_eq(c.fire.us, 76 * S, "the scheduler compares with its own now");
    c = sla_clock_resume(&always, sla_clock_pause(&always, c, at(90 * S)), at(1000 * S));
    cr_expect_eq(c.due.us, 1011 * S);
    cr_expect_eq(c.warn.us, 986 * S, "a warning missed while paused is due in the past");
    cr_expect_eq(c.fire.us, 986 * S);
}

Test(sla_clock, met_and_restarted)
{
    struct sla_clock c = sla_clock_start(&always, at(1000 * S), 1800, 75);

    c = sla_clock_meet(&always, c, at(1600 * S));
    cr_expect_eq(c.state, SLA_CLOCK_MET);
    cr_expect_eq(c.stopped.us, 1600 * S);
    cr_expect_eq(c.remaining_s, 1200);
    cr_expect_eq(c.due.us, 0);
    c = sla_clock_restart(&always, c, at(9000 * S));
    cr_expect_eq(c.state, SLA_CLOCK_RUNNING);
    cr_expect_eq(c.stopped.us, 0);
    cr_expect_eq(c.due.us, 10200 * S);
    c = sla_clock_meet(&always, sla_clock_pause(&always, c, at(9100 * S)), at(9900 * S));
    cr_expect_eq(c.remaining_s, 1100, "a pause does not count, also when the end comes within it");
    c = sla_clock_cancel(&always, c, at(9901 * S));
    cr_expect_eq(c.state, SLA_CLOCK_MET, "what was met stays met");
}

Test(sla_clock, changes_that_do_not_apply_change_nothing)
{
    struct sla_clock running = sla_clock_start(&always, at(1000 * S), 1800, 75);
    struct sla_clock paused = sla_clock_pause(&always, running, at(1001 * S));
    struct sla_clock cancelled = sla_clock_cancel(&always, running, at(1001 * S));

    cr_expect_eq(sla_clock_resume(&always, running, at(1002 * S)).generation, running.generation);
    cr_expect_eq(sla_clock_restart(&always, running, at(1002 * S)).generation, running.generation);
    cr_expect_eq(sla_clock_pause(&always, paused, at(1002 * S)).generation, paused.generation);
    cr_expect_eq(sla_clock_restart(&always, paused, at(1002 * S)).generation, paused.generation);
    cr_expect_eq(sla_clock_meet(&always, cancelled, at(1002 * S)).generation, cancelled.generation);
    cr_expect_eq(sla_clock_restart(&always, cancelled, at(1002 * S)).state, SLA_CLOCK_CANCELLED);
    cr_expect_eq(sla_clock_pause(&always, cancelled, at(1002 * S)).state, SLA_CLOCK_CANCELLED);
}

Test(sla_clock, names)
{
    enum sla_clock_state state;

#define X(constant, text)                                                                                    \
    cr_expect_str_eq(sla_clock_state_name(constant), text);                                                  \
    cr_expect_eq(sla_clock_state_parse(STR(text), &state), 0);                                               \
    cr_expect_eq(state, constant);
    SLA_CLOCK_STATES(X)
#undef X
    cr_expect_eq(sla_clock_state_parse(STR("late"), &state), -E_BAD_REQUEST);
    cr_expect_str_eq(sla_clock_state_name((enum sla_clock_state)9), "unknown");
}
