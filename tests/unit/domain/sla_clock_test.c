/* The life of a clock. */
#include "domain/sla_clock.h"
#include "meridian/errors.h"
#include "walker.h"
#include <criterion/criterion.h>

#define S 1000000LL
static const struct calendar *const always = NULL;
static struct instant at(int64_t us)
{
    return (struct instant){us};
}

Test(sla_clock, starts)
{
    struct sla_clock c = sla_clock_start(always, at(1000 * S), 1800, 75);

    cr_expect_eq(c.state, SLA_CLOCK_RUNNING);
    cr_expect_eq(c.due.us, 2800 * S);
    cr_expect_eq(c.warn.us, 2350 * S);
    cr_expect_eq(c.fire.us, c.warn.us);
    cr_expect_eq(c.generation, 1);
    cr_expect_eq(c.remaining_s, 0);
}

Test(sla_clock, pause_keeps_what_remains)
{
    struct sla_clock c = sla_clock_start(always, at(1000 * S), 1800, 75), p, r;

    p = sla_clock_pause(always, c, at(1100 * S));
    cr_expect_eq(p.state, SLA_CLOCK_PAUSED);
    cr_expect_eq(p.remaining_s, 1700);
    cr_expect_eq(p.due.us, 0);
    cr_expect_eq(p.fire.us, 0);
    cr_expect_eq(p.generation, 2);
    r = sla_clock_resume(always, p, at(5000 * S));
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
    struct sla_clock c = sla_clock_start(always, now, 14400, 75);
    int64_t ran = 0;

    for (int i = 0; i < 1000; i++) {
        struct instant pause = at(now.us + (i * 7919 % 13) * S + i * 137);

        ran += worktime_elapsed(&(struct worktime){.calendar = always}, now, pause);
        c = sla_clock_pause(always, c, pause);
        now = at(pause.us + (i * 104729 % 11) * S + i * 991);
        c = sla_clock_resume(always, c, now);
    }
    c = sla_clock_pause(always, c, now);
    cr_expect_eq(c.remaining_s, 14400 - ran);
}

Test(sla_clock, what_fired_does_not_fire_again)
{
    struct sla_clock c = sla_clock_start(always, at(1000 * S), 1800, 75);

    c.warned = at(2350 * S);
    c.fire = c.due;
    c = sla_clock_resume(always, sla_clock_pause(always, c, at(2400 * S)), at(3000 * S));
    cr_expect_eq(c.due.us, 3400 * S);
    cr_expect_eq(c.fire.us, c.due.us);
    c.breached = at(3400 * S);
    c.fire = at(0);
    c = sla_clock_pause(always, c, at(3500 * S));
    cr_expect_eq(c.remaining_s, -100);
    c = sla_clock_resume(always, c, at(9000 * S));
    cr_expect_eq(c.due.us, 8900 * S, "as late as before");
    cr_expect_eq(c.fire.us, 0);
}

Test(sla_clock, overdue_at_the_start_fires_at_once)
{
    struct sla_clock c = sla_clock_start(always, at(1 * S), 100, 75);

    cr_expect_eq(c.fire.us, 76 * S, "the scheduler compares with its own now");
    c = sla_clock_resume(always, sla_clock_pause(always, c, at(90 * S)), at(1000 * S));
    cr_expect_eq(c.due.us, 1011 * S);
    cr_expect_eq(c.warn.us, 986 * S, "a warning missed while paused is due in the past");
    cr_expect_eq(c.fire.us, 986 * S);
}

Test(sla_clock, met_and_restarted)
{
    struct sla_clock c = sla_clock_start(always, at(1000 * S), 1800, 75);

    c = sla_clock_meet(always, c, at(1600 * S));
    cr_expect_eq(c.state, SLA_CLOCK_MET);
    cr_expect_eq(c.stopped.us, 1600 * S);
    cr_expect_eq(c.remaining_s, 1200);
    cr_expect_eq(c.due.us, 0);
    c = sla_clock_restart(always, c, at(9000 * S));
    cr_expect_eq(c.state, SLA_CLOCK_RUNNING);
    cr_expect_eq(c.stopped.us, 0);
    cr_expect_eq(c.due.us, 10200 * S);
    c = sla_clock_meet(always, sla_clock_pause(always, c, at(9100 * S)), at(9900 * S));
    cr_expect_eq(c.remaining_s, 1100, "a pause does not count, also when the end comes within it");
    c = sla_clock_cancel(always, c, at(9901 * S));
    cr_expect_eq(c.state, SLA_CLOCK_MET, "what was met stays met");
}

Test(sla_clock, changes_that_do_not_apply_change_nothing)
{
    struct sla_clock running = sla_clock_start(always, at(1000 * S), 1800, 75);
    struct sla_clock paused = sla_clock_pause(always, running, at(1001 * S));
    struct sla_clock cancelled = sla_clock_cancel(always, running, at(1001 * S));

    cr_expect_eq(sla_clock_resume(always, running, at(1002 * S)).generation, running.generation);
    cr_expect_eq(sla_clock_restart(always, running, at(1002 * S)).generation, running.generation);
    cr_expect_eq(sla_clock_pause(always, paused, at(1002 * S)).generation, paused.generation);
    cr_expect_eq(sla_clock_restart(always, paused, at(1002 * S)).generation, paused.generation);
    cr_expect_eq(sla_clock_meet(always, cancelled, at(1002 * S)).generation, cancelled.generation);
    cr_expect_eq(sla_clock_restart(always, cancelled, at(1002 * S)).state, SLA_CLOCK_CANCELLED);
    cr_expect_eq(sla_clock_pause(always, cancelled, at(1002 * S)).state, SLA_CLOCK_CANCELLED);
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

/* ---- with office hours ---- */

/* Friday 2026-03-27 16:00 in Berlin; the clocks change on the Sunday. */
Test(sla_clock, runs_in_office_hours)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct sla_clock c = sla_clock_start(office, walker_instant("2026-03-27T15:00:00.5Z"), 4 * 3600, 75);

    cr_expect_eq(c.due.us, walker_instant("2026-03-30T10:00:00.5Z").us);
    cr_expect_eq(c.warn.us, walker_instant("2026-03-30T09:00:00.5Z").us);
    c = sla_clock_pause(office, c, walker_instant("2026-03-28T12:00:00Z"));
    cr_expect_eq(c.remaining_s, 3 * 3600);
    c = sla_clock_resume(office, c, walker_instant("2026-03-31T20:00:00Z"));
    cr_expect_eq(c.due.us, walker_instant("2026-04-01T10:00:00Z").us);
}

Test(sla_clock, lateness_is_working_time_too)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct sla_clock c = sla_clock_start(office, walker_instant("2026-03-27T14:00:00Z"), 3600, 75);

    c = sla_clock_pause(office, c, walker_instant("2026-03-30T08:00:00Z"));
    cr_expect_eq(c.remaining_s, -2 * 3600);
    for (int i = 0; i < 5; i++) { /* nights and pauses make it no later */
        c = sla_clock_resume(office, c, walker_instant("2026-03-31T07:30:00Z"));
        cr_expect_eq(c.due.us, walker_instant("2026-03-30T13:30:00Z").us);
        c = sla_clock_pause(office, c, walker_instant("2026-03-31T07:30:00Z"));
        cr_expect_eq(c.remaining_s, -2 * 3600);
    }
}

Test(sla_clock, what_lies_beyond_the_years_known_is_due_where_they_end)
{
    _cleanup_calendar_ struct calendar *office = walker_office("Europe/Berlin", "09:00", "17:00");
    struct sla_clock c = sla_clock_start(office, walker_instant("2059-12-01T09:00:00Z"), 3600 * 1000, 75);

    cr_expect_eq(c.due.us, CALENDAR_END_S * S);
    c = sla_clock_start(office, walker_instant("1990-01-01T09:00:00Z"), 3600, 75);
    c = sla_clock_pause(office, c, walker_instant("1990-06-01T09:00:00Z"));
    c = sla_clock_resume(office, c, walker_instant("1990-01-02T09:00:00Z"));
    cr_expect_eq(c.due.us, CALENDAR_BEGIN_S * S);
}
