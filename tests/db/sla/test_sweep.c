/* The sweeper against a real database: in order, exactly once, whatever locks, dies or races. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>

static uint64_t sweeps_wanted;
static bool has_swept(void *arg)
{
    return scheduler_clocks(((struct desk *)arg)->schedulers[0]).sweeps >= sweeps_wanted;
}

static void wait_sweeps(struct desk *desk, uint64_t more)
{
    sweeps_wanted = scheduler_clocks(desk->schedulers[0]).sweeps + more;
    test_loop_until(&desk->loop, has_swept, desk, 20000);
}

static uint64_t warned_wanted, breached_wanted;
static bool has_counted(void *arg)
{
    struct desk *desk = arg;
    uint64_t warned = 0, breached = 0;

    for (int i = 0; i < 2 && desk->schedulers[i]; i++) {
        warned += scheduler_clocks(desk->schedulers[i]).warned;
        breached += scheduler_clocks(desk->schedulers[i]).breached;
    }
    return warned == warned_wanted && breached == breached_wanted;
}

/* A commit is seen in the database before its sweeper hears of it. */
static void wait_counted(struct desk *desk, uint64_t warned, uint64_t breached)
{
    warned_wanted = warned;
    breached_wanted = breached;
    test_loop_until(&desk->loop, has_counted, desk, 20000);
}

Test(sweep, warns_then_breaches_each_at_its_time)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 3);
    desk_clocks(desk.db, "A", "resolve", 0.3, 0.9);
    desk_scheduler(&desk, 0, 60 * US_PER_S); /* only the precise timer can be in time */
    desk_wait(&desk, "SELECT count(*) = 3 FROM desk.clock WHERE breached_at IS NOT NULL");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 3);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 3);
    cr_expect_eq(
        test_db_int(desk.db,
                    "SELECT count(*) FROM desk.clock WHERE warned_at >= warn_at AND breached_at >= due_at"),
        3, "never early");
    cr_expect_lt(
        test_db_int(
            desk.db,
            "SELECT max(extract(epoch FROM greatest(warned_at - warn_at, breached_at - due_at)) * 1000)::int"
            " FROM desk.clock"),
        1000, "within a second");
    cr_expect_eq(
        test_db_int(desk.db,
                    "SELECT count(*) FROM desk.outbox o JOIN desk.event e USING (position, ticket_id, type)"
                    " WHERE o.event_seq = e.seq"),
        6, "an outbox row with each event");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(DISTINCT position) FROM desk.event"), 9,
                 "each event has a place of its own");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type LIKE 'sla.%' AND NOT "
                                      "public AND actor = 'system:sla'"),
                 6);
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    wait_counted(&desk, 3, 3);
    desk_close(&desk);
}

Test(sweep, the_wheel_fires_a_clock_of_a_later_cycle)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 1);
    desk_clocks(desk.db, "A", "resolve", 3600, 7200);
    test_db_run(desk.db, "UPDATE desk.clock SET state = 'met', due_at = NULL, fire_at = NULL, stopped_at = "
                         "now(), warned_at = now(), breached_at = now()");
    test_db_run(desk.db,
                "INSERT INTO desk.clock (ticket_id, target, cycle, state, started_at, target_s, "
                "warn_percent, due_at, warn_at, fire_at) SELECT id, 'resolve', 2, 'running', now() - "
                "interval '1 h', 3600, 75, now() + interval '2 s', now() + interval '1 s', now() + interval "
                "'1 s' FROM desk.ticket");
    desk_scheduler(&desk, 0, 60 * US_PER_S);
    desk_wait(&desk, "SELECT count(*) = 1 FROM desk.clock WHERE cycle = 2 AND breached_at IS NOT NULL");
    wait_counted(&desk, 1, 1);
    cr_expect_eq(scheduler_clocks(desk.schedulers[0]).from_wheel, 2);
    cr_expect_eq(scheduler_clocks(desk.schedulers[0]).named_failed, 0);
    desk_close(&desk);
}

Test(sweep, two_at_once_fire_each_of_2000_exactly_once)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 1000);
    desk_clocks(desk.db, "A", "resolve", -2, -1);
    desk_clocks(desk.db, "A", "first_response", -3, 3600);
    desk_scheduler(&desk, 0, US_PER_S);
    desk_scheduler(&desk, 1, US_PER_S);
    desk_wait(&desk, "SELECT count(*) = 0 FROM desk.clock WHERE fire_at <= now()");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 1000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 1000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox"), 2000);
    cr_expect_eq(
        test_db_int(desk.db,
                    "SELECT count(DISTINCT (ticket_id, type)) FROM desk.event WHERE type LIKE 'sla.%'"),
        2000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) - count(DISTINCT position) FROM desk.event"), 0);
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    wait_counted(&desk, 1000, 1000);
    desk_close(&desk);
}

Test(sweep, overdue_clocks_fire_in_due_order)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 500);
    desk_clocks(desk.db, "A", "resolve", -1000, -900);
    test_db_run(desk.db,
                "UPDATE desk.clock c SET fire_at = fire_at + substr(number, 3)::int * interval '1 s', due_at "
                "= due_at + "
                "substr(number, 3)::int * interval '1 s' FROM desk.ticket t WHERE t.id = c.ticket_id");
    desk_scheduler(&desk, 0, US_PER_S);
    desk_wait(&desk, "SELECT count(*) = 500 FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_eq(
        test_db_int(
            desk.db,
            "SELECT count(*) FROM (SELECT substr(number, 3)::int AS n, lag(substr(number, 3)::int) OVER"
            " (ORDER BY position) AS before FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id"
            " WHERE type = 'sla.breached') o WHERE n < before"),
        0);
    cr_expect_geq(
        test_db_int(desk.db,
                    "SELECT min((data ->> 'late_ms')::int) FROM desk.event WHERE type = 'sla.breached'"),
        400000, "lateness is told");
    desk_close(&desk);
}

Test(sweep, past_the_deadline_the_warning_is_dropped)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 1);
    desk_clocks(desk.db, "A", "resolve", -7200, -3600);
    desk_scheduler(&desk, 0, 100 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 1 FROM desk.clock WHERE breached_at IS NOT NULL");
    wait_sweeps(&desk, 2);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 1);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.clock WHERE warned_at IS NULL AND fire_at IS NULL"),
        1);
    desk_close(&desk);
}

Test(sweep, what_is_not_due_or_does_not_run_stays)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 3);
    desk_clocks(desk.db, "A", "resolve", 3600, 7200);
    test_db_run(desk.db,
                "UPDATE desk.clock SET state = 'paused', due_at = NULL, fire_at = NULL, remaining_s = 5"
                " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-1')");
    test_db_run(desk.db,
                "UPDATE desk.clock SET state = 'met', due_at = NULL, fire_at = NULL, stopped_at = now()"
                " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-2')");
    desk_scheduler(&desk, 0, 50 * US_PER_MS);
    wait_sweeps(&desk, 5);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox"), 0);
    desk_close(&desk);
}

/* The compare-and-set itself: a timer of an older generation, or a second one, does nothing. */
Test(sweep, a_stale_generation_cannot_fire)
{
    struct test_db *db = test_db_new();
    const char *value = NULL;
    const char *fire = "SELECT desk.sla_fire(id, 'resolve', %d, 'system:sla', 1) FROM desk.ticket";
    char sql[256];

    test_db_people(db);
    desk_tickets(db, "A", 1);
    desk_clocks(db, "A", "resolve", -1, 3600);
    test_db_run(db, "UPDATE desk.clock SET generation = 7");
    snprintf(sql, sizeof sql, fire, 6);
    cr_assert_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, &value), "");
    cr_expect_str_eq(value, "stale");
    snprintf(sql, sizeof sql, fire, 7);
    cr_assert_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, &value), "");
    cr_expect_str_eq(value, "sla.warned");
    cr_assert_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, &value), "");
    cr_expect_str_eq(value, "stale", "the same timer again");
    snprintf(sql, sizeof sql, fire, 8);
    cr_assert_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, &value), "");
    cr_expect_str_eq(value, "stale", "the breach is not due");
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.outbox"), 1);
    test_db_free(db);
}

Test(sweep, a_locked_ticket_waits_and_holds_up_nobody)
{
    struct desk desk;
    PGconn *holder;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 250);
    desk_clocks(desk.db, "A", "resolve", -10, -5);
    desk_tickets(desk.db, "B", 20);
    desk_clocks(desk.db, "B", "resolve", -9, -4);
    holder = desk_connect(desk.db);
    desk_exec(holder, "BEGIN");
    desk_exec(holder, "SELECT id FROM desk.ticket WHERE number LIKE 'A-%' FOR UPDATE");
    desk_scheduler(&desk, 0, 200 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 20 FROM desk.event WHERE type = 'sla.breached'");
    wait_sweeps(&desk, 2);
    cr_expect_geq(scheduler_clocks(desk.schedulers[0]).busy, 500, "each pass met them all");
    cr_expect_eq(scheduler_clocks(desk.schedulers[0]).breached, 20);
    desk_exec(holder, "COMMIT");
    desk_wait(&desk, "SELECT count(*) = 270 FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    PQfinish(holder);
    desk_close(&desk);
}

Test(sweep, what_a_holder_that_is_away_leaves_does_not_wait_for_its_leases)
{
    struct desk desk;

    desk_open(&desk);
    desk_ghost(&desk);
    desk_tickets(desk.db, "A", 30);
    desk_clocks(desk.db, "A", "resolve", 1, 3600);
    desk_scheduler(&desk, 0, 0);
    desk_wait(&desk, "SELECT count(*) = 30 FROM desk.event WHERE type = 'sla.warned'");
    cr_expect_eq(lease_shards(scheduler_lease(desk.schedulers[0])), 0, "they are the other one's");
    wait_counted(&desk, 30, 0);
    cr_expect_eq(scheduler_clocks(desk.schedulers[0]).from_wheel, 0);
    desk_close(&desk);
}

Test(sweep, a_backend_killed_in_the_middle_costs_nothing)
{
    struct desk desk;
    PGconn *holder;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 50);
    desk_clocks(desk.db, "A", "resolve", -10, -5);
    test_db_run(desk.db, "UPDATE desk.clock SET fire_at = fire_at + interval '1 s' WHERE ticket_id = "
                         "(SELECT id FROM desk.ticket"
                         " WHERE number = 'A-25')"); /* the last of the batch */
    holder = desk_connect(desk.db);
    desk_exec(holder, "BEGIN");
    desk_exec(holder, "SELECT * FROM desk.clock WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = "
                      "'A-25') FOR UPDATE");
    desk_scheduler(&desk, 0, 200 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'meridian_sla' AND datname "
                     "= current_database()"
                     " AND wait_event_type = 'Lock'");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                                      "usename = 'meridian_sla' AND datname = current_database()"),
                 2);
    desk_exec(holder, "COMMIT");
    desk_wait(&desk, "SELECT count(*) = 50 FROM desk.clock WHERE breached_at IS NOT NULL");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 50);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox"), 50);
    cr_expect_eq(desk_broken_chains(desk.db), 0);
    PQfinish(holder);
    desk_close(&desk);
}

Test(sweep, a_clock_that_cannot_fire_is_stepped_over)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 30);
    desk_clocks(desk.db, "A", "resolve", -10, -5);
    test_db_run(desk.db, "CREATE FUNCTION desk.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                         " IF NEW.ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-7') THEN RAISE "
                         "EXCEPTION 'broken'; END IF;"
                         " RETURN NEW; END $$; CREATE TRIGGER broken BEFORE UPDATE ON desk.clock FOR EACH "
                         "ROW EXECUTE FUNCTION "
                         "desk.broken()");
    desk_scheduler(&desk, 0, 100 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 29 FROM desk.event WHERE type = 'sla.breached'");
    wait_sweeps(&desk, 1);
    cr_expect_geq(scheduler_clocks(desk.schedulers[0]).stepped_over, 1);
    test_db_run(desk.db, "DROP TRIGGER broken ON desk.clock");
    desk_wait(&desk, "SELECT count(*) = 30 FROM desk.event WHERE type = 'sla.breached'");
    desk_close(&desk);
}

static bool named_has_failed(void *arg)
{
    return scheduler_clocks(((struct desk *)arg)->schedulers[0]).named_failed > 0;
}

Test(sweep, what_the_wheel_cannot_fire_is_counted_and_left_to_the_pass)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 2);
    desk_clocks(desk.db, "A", "resolve", 1, 3600);
    test_db_run(desk.db, "CREATE FUNCTION desk.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                         " RAISE EXCEPTION 'broken'; END $$; CREATE TRIGGER broken BEFORE UPDATE ON "
                         "desk.clock FOR EACH ROW EXECUTE FUNCTION desk.broken()");
    desk_scheduler(&desk, 0, 5 * US_PER_S);
    test_loop_until(&desk.loop, named_has_failed, &desk, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox"), 0);
    test_db_run(desk.db, "DROP TRIGGER broken ON desk.clock");
    desk_wait(&desk, "SELECT count(*) = 2 FROM desk.event WHERE type = 'sla.warned'");
    desk_close(&desk);
}

/* One refusal that does not come again, and no clock at fault: the pass must not crawl on one by one. */
Test(sweep, a_refusal_that_passes_leaves_no_small_batches)
{
    struct desk desk;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 600);
    test_db_run(desk.db, "CREATE SEQUENCE desk.fired; GRANT ALL ON desk.fired TO PUBLIC; CREATE FUNCTION "
                         "desk.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                         " IF nextval('desk.fired') = 20 THEN RAISE EXCEPTION 'once'; END IF; RETURN NEW; "
                         "END $$; CREATE TRIGGER broken BEFORE UPDATE ON desk.clock FOR EACH ROW EXECUTE "
                         "FUNCTION desk.broken()");
    desk_scheduler(&desk, 0, 200 * US_PER_MS);
    desk_wait(&desk, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder IS NOT NULL");
    wait_sweeps(&desk, 1);
    desk_clocks(desk.db, "A", "resolve", -10, -5);
    desk_wait(&desk, "SELECT count(*) = 600 FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_eq(scheduler_clocks(desk.schedulers[0]).stepped_over, 0);
    cr_expect_lt(test_db_int(desk.db, "SELECT count(DISTINCT xmin::text) FROM desk.event WHERE type = "
                                      "'sla.breached'"),
                 40, "25 one by one, and then batches again");
    desk_close(&desk);
}

Test(sweep, a_hint_makes_it_look_at_those_tickets)
{
    struct desk desk;

    desk_open(&desk);
    desk_scheduler(&desk, 0, 60 * US_PER_S);
    wait_sweeps(&desk, 1);
    desk_wait(&desk, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder = 'sla-eu-1'");
    desk_tickets(desk.db, "A", 2);
    desk_clocks(desk.db, "A", "resolve", -1, 0.5);
    desk_hint(&desk, "A-2");
    desk_wait(&desk, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.warned'");
    desk_wait(&desk, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.breached'");
    wait_counted(&desk, 1, 1);
    desk_close(&desk);
}

static bool is_warned_under_hints(void *arg)
{
    struct desk *desk = arg;

    desk_hint(desk, "B-1");
    desk_hint(desk, "B-1");
    return scheduler_clocks(desk->schedulers[0]).from_wheel > 0;
}

static void on_left(void *ctx)
{
    (void)ctx;
}

/* There is always a hint when a reading ends; what comes due in the shards that it gains is read all the
 * same. */
Test(sweep, many_hints_do_not_keep_it_from_reading_ahead)
{
    struct desk desk;

    desk_open(&desk);
    desk_scheduler(&desk, 0, 60 * US_PER_S);
    desk_scheduler(&desk, 1, 60 * US_PER_S);
    desk_wait(&desk, "SELECT bool_and(n = 32) AND count(*) = 2 FROM (SELECT count(*) AS n FROM "
                     "desk.shard_lease GROUP BY holder) x");
    desk_tickets(desk.db, "A", 100);
    test_db_run(
        desk.db,
        "UPDATE desk.ticket t SET number = n.number FROM (SELECT k.id, CASE l.holder WHEN 'sla-eu-1' "
        "THEN 'B-' ELSE 'C-' END || row_number() OVER (PARTITION BY l.holder) AS number FROM "
        "desk.ticket k JOIN desk.shard_lease l ON l.shard = desk.shard_of(k.id)) n WHERE n.id = t.id");
    desk_clocks(desk.db, "C", "resolve", 5, 3600);
    scheduler_drain(desk.schedulers[1], on_left, NULL);
    test_loop_until(&desk.loop, is_warned_under_hints, &desk, 20000);
    desk_close(&desk);
}

Test(sweep, without_a_hint_the_next_sweep_finds_it)
{
    struct desk desk;

    desk_open(&desk);
    desk_scheduler(&desk, 0, 0);
    wait_sweeps(&desk, 1);
    desk_tickets(desk.db, "A", 1);
    desk_clocks(desk.db, "A", "resolve", -1, 3600);
    desk_wait(&desk, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.warned'");
    desk_close(&desk);
}

Test(sweep, drain_ends_the_batch_in_hand_and_begins_no_other)
{
    struct desk desk;
    int64_t fired;

    desk_open(&desk);
    desk_tickets(desk.db, "A", 1000);
    desk_clocks(desk.db, "A", "resolve", -10, -5);
    desk_scheduler(&desk, 0, US_PER_S);
    desk_wait(&desk, "SELECT count(*) > 0 FROM desk.event WHERE type = 'sla.breached'");
    desk_drain(&desk, 0);
    fired = test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_lt(fired, 1000);
    cr_expect_eq((uint64_t)fired, scheduler_clocks(desk.schedulers[0]).breached, "what fired was counted");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.shard_lease WHERE holder IS NOT NULL"), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.scheduler WHERE seen_at > '-infinity'"), 0,
                 "others need not wait until it is forgotten");
    desk_close(&desk);
}
