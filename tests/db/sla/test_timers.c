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
