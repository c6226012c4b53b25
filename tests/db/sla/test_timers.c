/* Timers from end to end: schedulers that ring a real router over the bus, whatever is done to them. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>

Test(timers, two_schedulers_wake_each_ticket_once)
{
    struct desk desk;

    desk_open(&desk);
    desk_ring(&desk);
    desk_waits(desk.db, "A", 150, -5);
    desk_waits(desk.db, "B", 150, 1.5);
    desk_scheduler(&desk, 0, 0);
    desk_scheduler(&desk, 1, 0);
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.timer");
    cr_expect_eq(test_db_int(desk.db,
                             "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed' AND actor "
                             "= 'system:sla'"),
                 300);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 300);
    cr_expect_eq(test_db_int(desk.db,
                             "SELECT count(*) FROM desk.ticket WHERE state = 'open' AND owner_id IS NOT "
                             "NULL AND pending_until IS NULL"),
                 300);
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    desk_close(&desk);
}

Test(timers, one_fires_at_its_time_without_a_sweep)
{
    struct desk desk;

    desk_open(&desk);
    desk_ring(&desk);
    desk_scheduler(&desk, 0, 60 * US_PER_S);
    desk_waits(desk.db, "A", 1, 5);
    test_db_run(desk.db,
                "UPDATE desk.ticket SET pending_until = now() + interval '2 s'; UPDATE desk.timer SET "
                "fire_at = now() + interval '2 s'");
    desk_wait(&desk, "SELECT state = 'open' FROM desk.ticket");
    cr_expect_lt(test_db_int(desk.db, "SELECT extract(epoch FROM clock_timestamp() - updated_at) * 1000 FROM "
                                      "desk.ticket"),
                 1000);
    desk_close(&desk);
}

Test(timers, one_that_was_cancelled_does_nothing)
{
    struct desk desk;

    desk_open(&desk);
    desk_ring(&desk);
    desk_waits(desk.db, "A", 1, 1.0);
    desk_scheduler(&desk, 0, 0);
    desk_wait(&desk, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder IS NOT NULL");
    test_db_run(desk.db, "DELETE FROM desk.timer");
    desk_waits(desk.db, "B", 1, 2.0);
    desk_wait(&desk, "SELECT state = 'open' FROM desk.ticket WHERE number = 'B-1'");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 1);
    desk_close(&desk);
}

Test(timers, one_that_no_router_knows_holds_up_nobody)
{
    struct desk desk;

    desk_open(&desk);
    desk_ring(&desk);
    desk_waits(desk.db, "A", 80, -10);
    test_db_run(desk.db, "UPDATE desk.timer SET name = 'of_tomorrow'");
    desk_waits(desk.db, "B", 10, -5);
    desk_scheduler(&desk, 0, 100 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 10 FROM desk.event WHERE type = 'ticket.resumed'");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 80);
    desk_close(&desk);
}

/* ---- what must not hold up the others ---- */

Test(timers, those_of_locked_tickets_hold_up_nobody_and_come_again_soon)
{
    struct desk desk;
    PGconn *holder;

    desk_open(&desk);
    desk_ring(&desk);
    desk_waits(desk.db, "A", 70, -10); /* more than there are calls */
    desk_waits(desk.db, "B", 5, -5);
    desk_waits(desk.db, "C", 5, 3);
    holder = desk_connect(desk.db);
    desk_exec(holder, "BEGIN");
    desk_exec(holder, "SELECT id FROM desk.ticket WHERE number LIKE 'A-%' FOR UPDATE");
    desk_scheduler(&desk, 0, 60 * US_PER_S); /* so that only those that were busy make another pass */
    desk_wait(&desk, "SELECT count(*) = 10 FROM desk.event WHERE type = 'ticket.resumed'");
    cr_expect_gt(scheduler_timers(desk.schedulers[0]).busy, 70, "they were tried again");
    cr_expect_eq(scheduler_timers(desk.schedulers[0]).failed, 0);
    desk_exec(holder, "COMMIT");
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.timer");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 80);
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    PQfinish(holder);
    desk_close(&desk);
}

static bool line_is_dead(int line, const Meridian__TimerDue *due)
{
    (void)due;
    return line == 1;
}

Test(timers, a_frozen_router_costs_an_attempt_and_the_other_is_asked)
{
    struct desk desk;

    desk_open(&desk);
    desk.holds = line_is_dead;
    desk_ring(&desk);
    desk_waits(desk.db, "A", 100, -5);
    desk_scheduler(&desk, 0, 0);
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.timer");
    cr_expect_gt(desk.nheld, 0, "it was asked");
    cr_expect_eq(scheduler_timers(desk.schedulers[0]).failed, 0);
    desk_close(&desk);
}

static bool is_survey(int line, const Meridian__TimerDue *due)
{
    (void)line;
    return strcmp(due->name, "survey") == 0;
}

Test(timers, the_wheel_goes_on_while_a_pass_waits_for_an_answer)
{
    struct desk desk;

    desk_open(&desk);
    desk.holds = is_survey;
    desk_ring(&desk);
    desk_waits(desk.db, "A", 5, -5);
    test_db_run(desk.db, "UPDATE desk.timer SET name = 'survey'");
    desk_scheduler(&desk, 0, 60 * US_PER_S);
    desk_wait(&desk, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder IS NOT NULL");
    desk_waits(desk.db, "B", 5, 0.5);
    desk_hint(&desk, "B-1");
    desk_wait(&desk, "SELECT state = 'open' FROM desk.ticket WHERE number = 'B-1'");
    cr_expect_eq(scheduler_timers(desk.schedulers[0]).failed, 0, "the others are still waited for");
    desk_close(&desk);
}

static bool has_passed(void *arg)
{
    return scheduler_timers(((struct desk *)arg)->schedulers[0]).passes >= 40;
}

Test(timers, one_that_always_fails_is_rung_ever_more_seldom)
{
    struct desk desk;
    struct ringer_figures figures;

    desk_open(&desk);
    desk_ring(&desk);
    desk_waits(desk.db, "A", 1, -10);
    test_db_run(desk.db, "UPDATE desk.timer SET name = 'of_tomorrow'");
    desk_scheduler(&desk, 0, 50 * US_PER_MS);
    test_loop_until(&desk.loop, has_passed, &desk, 30000);
    figures = scheduler_timers(desk.schedulers[0]);
    cr_expect_geq(figures.failed, 2);
    cr_expect_lt(figures.failed, figures.passes / 4);
    test_db_run(desk.db, "UPDATE desk.timer SET name = 'pending_end'");
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.timer");
    desk_close(&desk);
}

static void must_not_come(void *ctx)
{
    (void)ctx;
    cr_assert(false, "it was closed before");
}

static bool is_any(int line, const Meridian__TimerDue *due)
{
    (void)line;
    (void)due;
    return true;
}

static bool is_ringing(void *arg)
{
    return ((struct desk *)arg)->nheld > 0;
}

/* Memory checkers see what the answers touch. */
Test(timers, answers_may_come_after_an_end_in_the_middle)
{
    struct desk desk;

    desk_open(&desk);
    desk.holds = is_any;
    desk_ring(&desk);
    desk_waits(desk.db, "A", 3, -5);
    desk_scheduler(&desk, 0, 0);
    test_loop_until(&desk.loop, is_ringing, &desk, 20000);
    scheduler_drain(desk.schedulers[0], must_not_come, NULL);
    desk.pools[0] = db_pool_close(desk.pools[0]);
    desk.schedulers[0] = scheduler_close(desk.schedulers[0]);
    uv_run(&desk.loop, UV_RUN_NOWAIT);
    uv_run(&desk.loop, UV_RUN_NOWAIT);
    desk_let_go(&desk);
    desk_close(&desk);
}

Test(timers, of_a_holder_that_is_away_do_not_wait_for_its_leases)
{
    struct desk desk;

    desk_open(&desk);
    desk_ring(&desk);
    desk_ghost(&desk);
    desk_waits(desk.db, "A", 20, 1);
    desk_scheduler(&desk, 0, 0);
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.timer");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 20);
    cr_expect_eq(lease_shards(scheduler_lease(desk.schedulers[0])), 0, "they are the other one's");
    desk_close(&desk);
}
