/* The sweeper against a real database: in order, exactly once, whatever locks, dies or races. */
#include "base/clock.h"
#include "desk.h"
#include "sla/scheduler.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};

/* One database, one loop, up to two schedulers with a pool each. */
struct bench {
    struct test_db *db;
    uv_loop_t loop;
    struct db_pool *pools[2];
    struct scheduler *schedulers[2];
    PGconn *eyes;
    const char *until; /* a query that gives true when the test may go on */
};

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.db = test_db_new()};
    test_db_people(bench->db);
    bench->eyes = desk_connect(bench->db);
    test_loop_init(&bench->loop);
}

static void add_scheduler(struct bench *bench, int i, int64_t every_us)
{
    static const char *const names[] = {"sla-eu-1", "sla-eu-2"};

    bench->pools[i] = test_db_pool(bench->db, &bench->loop, "meridian_sla", lists, 2);
    const struct scheduler_options options = {.loop = &bench->loop,
                                              .pool = bench->pools[i],
                                              .instance = names[i],
                                              .window_us = 60 * US_PER_S,
                                              .every_us = every_us};

    bench->schedulers[i] = scheduler_open(&options);
}

static void bench_close(struct bench *bench)
{
    for (int i = 0; i < 2; i++) {
        db_pool_close(bench->pools[i]);
        scheduler_close(bench->schedulers[i]);
    }
    test_loop_close(&bench->loop);
    PQfinish(bench->eyes);
    test_db_free(bench->db);
}

static bool is_so(void *arg)
{
    struct bench *bench = arg;

    return desk_is(bench->eyes, bench->until);
}

static void wait_until(struct bench *bench, const char *query)
{
    bench->until = query;
    test_loop_until(&bench->loop, is_so, bench, 20000);
}

static uint64_t sweeps_wanted;
static bool has_swept(void *arg)
{
    return scheduler_clocks(((struct bench *)arg)->schedulers[0]).sweeps >= sweeps_wanted;
}

static void wait_sweeps(struct bench *bench, uint64_t more)
{
    sweeps_wanted = scheduler_clocks(bench->schedulers[0]).sweeps + more;
    test_loop_until(&bench->loop, has_swept, bench, 20000);
}

static uint64_t warned_wanted, breached_wanted;
static bool has_counted(void *arg)
{
    struct bench *bench = arg;
    uint64_t warned = 0, breached = 0;

    for (int i = 0; i < 2 && bench->schedulers[i]; i++) {
        warned += scheduler_clocks(bench->schedulers[i]).warned;
        breached += scheduler_clocks(bench->schedulers[i]).breached;
    }
    return warned == warned_wanted && breached == breached_wanted;
}

/* A commit is seen in the database before its sweeper hears of it. */
static void wait_counted(struct bench *bench, uint64_t warned, uint64_t breached)
{
    warned_wanted = warned;
    breached_wanted = breached;
    test_loop_until(&bench->loop, has_counted, bench, 20000);
}

Test(sweep, warns_then_breaches_each_at_its_time)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 3);
    desk_clocks(bench.db, "A", "resolve", 0.3, 0.9);
    add_scheduler(&bench, 0, 60 * US_PER_S); /* only the precise timer can be in time */
    wait_until(&bench, "SELECT count(*) = 3 FROM desk.clock WHERE breached_at IS NOT NULL");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 3);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 3);
    cr_expect_eq(
        test_db_int(bench.db,
                    "SELECT count(*) FROM desk.clock WHERE warned_at >= warn_at AND breached_at >= due_at"),
        3, "never early");
    cr_expect_lt(
        test_db_int(
            bench.db,
            "SELECT max(extract(epoch FROM greatest(warned_at - warn_at, breached_at - due_at)) * 1000)::int"
            " FROM desk.clock"),
        1000, "within a second");
    cr_expect_eq(
        test_db_int(bench.db,
                    "SELECT count(*) FROM desk.outbox o JOIN desk.event e USING (position, ticket_id, type)"
                    " WHERE o.event_seq = e.seq"),
        6, "an outbox row with each event");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(DISTINCT position) FROM desk.event"), 9,
                 "each event has a place of its own");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type LIKE 'sla.%' AND NOT "
                                       "public AND actor = 'system:sla'"),
                 6);
    cr_expect_eq(desk_broken_chains(bench.db), 0);
    wait_counted(&bench, 3, 3);
    bench_close(&bench);
}

Test(sweep, two_at_once_fire_each_of_2000_exactly_once)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 1000);
    desk_clocks(bench.db, "A", "resolve", -2, -1);
    desk_clocks(bench.db, "A", "first_response", -3, 3600);
    add_scheduler(&bench, 0, US_PER_S);
    add_scheduler(&bench, 1, US_PER_S);
    wait_until(&bench, "SELECT count(*) = 0 FROM desk.clock WHERE fire_at <= now()");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 1000);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 1000);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.outbox"), 2000);
    cr_expect_eq(
        test_db_int(bench.db,
                    "SELECT count(DISTINCT (ticket_id, type)) FROM desk.event WHERE type LIKE 'sla.%'"),
        2000);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) - count(DISTINCT position) FROM desk.event"), 0);
    cr_expect_eq(desk_broken_chains(bench.db), 0);
    wait_counted(&bench, 1000, 1000);
    bench_close(&bench);
}

Test(sweep, overdue_clocks_fire_in_due_order)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 500);
    desk_clocks(bench.db, "A", "resolve", -1000, -900);
    test_db_run(bench.db,
                "UPDATE desk.clock c SET fire_at = fire_at + substr(number, 3)::int * interval '1 s', due_at "
                "= due_at + "
                "substr(number, 3)::int * interval '1 s' FROM desk.ticket t WHERE t.id = c.ticket_id");
    add_scheduler(&bench, 0, US_PER_S);
    wait_until(&bench, "SELECT count(*) = 500 FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_eq(
        test_db_int(
            bench.db,
            "SELECT count(*) FROM (SELECT substr(number, 3)::int AS n, lag(substr(number, 3)::int) OVER"
            " (ORDER BY position) AS before FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id"
            " WHERE type = 'sla.breached') o WHERE n < before"),
        0);
    cr_expect_geq(
        test_db_int(bench.db,
                    "SELECT min((data ->> 'late_ms')::int) FROM desk.event WHERE type = 'sla.breached'"),
        400000, "lateness is told");
    bench_close(&bench);
}

Test(sweep, past_the_deadline_the_warning_is_dropped)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 1);
    desk_clocks(bench.db, "A", "resolve", -7200, -3600);
    add_scheduler(&bench, 0, 100 * US_PER_MS);
    wait_until(&bench, "SELECT count(*) = 1 FROM desk.clock WHERE breached_at IS NOT NULL");
    wait_sweeps(&bench, 2);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 0);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 1);
    cr_expect_eq(
        test_db_int(bench.db, "SELECT count(*) FROM desk.clock WHERE warned_at IS NULL AND fire_at IS NULL"),
        1);
    bench_close(&bench);
}

Test(sweep, what_is_not_due_or_does_not_run_stays)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 3);
    desk_clocks(bench.db, "A", "resolve", 3600, 7200);
    test_db_run(bench.db,
                "UPDATE desk.clock SET state = 'paused', due_at = NULL, fire_at = NULL, remaining_s = 5"
                " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-1')");
    test_db_run(bench.db,
                "UPDATE desk.clock SET state = 'met', due_at = NULL, fire_at = NULL, stopped_at = now()"
                " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-2')");
    add_scheduler(&bench, 0, 50 * US_PER_MS);
    wait_sweeps(&bench, 5);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.outbox"), 0);
    bench_close(&bench);
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
    struct bench bench;
    PGconn *holder;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 250);
    desk_clocks(bench.db, "A", "resolve", -10, -5);
    desk_tickets(bench.db, "B", 20);
    desk_clocks(bench.db, "B", "resolve", -9, -4);
    holder = desk_connect(bench.db);
    desk_exec(holder, "BEGIN");
    desk_exec(holder, "SELECT id FROM desk.ticket WHERE number LIKE 'A-%' FOR UPDATE");
    add_scheduler(&bench, 0, 200 * US_PER_MS);
    wait_until(&bench, "SELECT count(*) = 20 FROM desk.event WHERE type = 'sla.breached'");
    wait_sweeps(&bench, 2);
    cr_expect_geq(scheduler_clocks(bench.schedulers[0]).busy, 500, "each pass met them all");
    cr_expect_eq(scheduler_clocks(bench.schedulers[0]).breached, 20);
    desk_exec(holder, "COMMIT");
    wait_until(&bench, "SELECT count(*) = 270 FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_eq(desk_broken_chains(bench.db), 0);
    PQfinish(holder);
    bench_close(&bench);
}

Test(sweep, a_backend_killed_in_the_middle_costs_nothing)
{
    struct bench bench;
    PGconn *holder;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 50);
    desk_clocks(bench.db, "A", "resolve", -10, -5);
    test_db_run(bench.db, "UPDATE desk.clock SET fire_at = fire_at + interval '1 s' WHERE ticket_id = "
                          "(SELECT id FROM desk.ticket"
                          " WHERE number = 'A-25')"); /* the last of the batch */
    holder = desk_connect(bench.db);
    desk_exec(holder, "BEGIN");
    desk_exec(holder, "SELECT * FROM desk.clock WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = "
                      "'A-25') FOR UPDATE");
    add_scheduler(&bench, 0, 200 * US_PER_MS);
    wait_until(&bench, "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'meridian_sla' AND datname "
                       "= current_database()"
                       " AND wait_event_type = 'Lock'");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                                       "usename = 'meridian_sla' AND datname = current_database()"),
                 2);
    desk_exec(holder, "COMMIT");
    wait_until(&bench, "SELECT count(*) = 50 FROM desk.clock WHERE breached_at IS NOT NULL");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'"), 50);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.outbox"), 50);
    cr_expect_eq(desk_broken_chains(bench.db), 0);
    PQfinish(holder);
    bench_close(&bench);
}

Test(sweep, a_clock_that_cannot_fire_is_stepped_over)
{
    struct bench bench;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 30);
    desk_clocks(bench.db, "A", "resolve", -10, -5);
    test_db_run(bench.db, "CREATE FUNCTION desk.broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                          " IF NEW.ticket_id = (SELECT id FROM desk.ticket WHERE number = 'A-7') THEN RAISE "
                          "EXCEPTION 'broken'; END IF;"
                          " RETURN NEW; END $$; CREATE TRIGGER broken BEFORE UPDATE ON desk.clock FOR EACH "
                          "ROW EXECUTE FUNCTION "
                          "desk.broken()");
    add_scheduler(&bench, 0, 100 * US_PER_MS);
    wait_until(&bench, "SELECT count(*) = 29 FROM desk.event WHERE type = 'sla.breached'");
    wait_sweeps(&bench, 1);
    cr_expect_geq(scheduler_clocks(bench.schedulers[0]).stepped_over, 1);
    test_db_run(bench.db, "DROP TRIGGER broken ON desk.clock");
    wait_until(&bench, "SELECT count(*) = 30 FROM desk.event WHERE type = 'sla.breached'");
    bench_close(&bench);
}

static void hint(struct bench *bench, const char *number)
{
    Meridian__Hint told = MERIDIAN__HINT__INIT;
    ProtobufCBinaryData ids[1];
    struct uuid id;
    char sql[128];

    snprintf(sql, sizeof sql, "SELECT id::text FROM desk.ticket WHERE number = '%s'", number);
    cr_assert_eq(uuid_parse(str_from(test_db_text(bench->db, sql)), &id), 0);
    ids[0] = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    told.publisher = (char *)"router-eu-1";
    told.timers_of = ids;
    told.n_timers_of = 1;
    scheduler_hint(bench->schedulers[0], &told);
}

Test(sweep, a_hint_makes_it_look_at_those_tickets)
{
    struct bench bench;

    bench_open(&bench);
    add_scheduler(&bench, 0, 60 * US_PER_S);
    wait_sweeps(&bench, 1);
    wait_until(&bench, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder = 'sla-eu-1'");
    desk_tickets(bench.db, "A", 2);
    desk_clocks(bench.db, "A", "resolve", -1, 0.5);
    hint(&bench, "A-2");
    wait_until(&bench, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.warned'");
    wait_until(&bench, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.breached'");
    wait_counted(&bench, 1, 1);
    bench_close(&bench);
}

Test(sweep, without_a_hint_the_next_sweep_finds_it)
{
    struct bench bench;

    bench_open(&bench);
    add_scheduler(&bench, 0, 0);
    wait_sweeps(&bench, 1);
    desk_tickets(bench.db, "A", 1);
    desk_clocks(bench.db, "A", "resolve", -1, 3600);
    wait_until(&bench, "SELECT count(*) = 1 FROM desk.event WHERE type = 'sla.warned'");
    bench_close(&bench);
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

Test(sweep, drain_ends_the_batch_in_hand_and_begins_no_other)
{
    struct bench bench;
    bool drained = false;
    int64_t fired;

    bench_open(&bench);
    desk_tickets(bench.db, "A", 1000);
    desk_clocks(bench.db, "A", "resolve", -10, -5);
    add_scheduler(&bench, 0, US_PER_S);
    wait_until(&bench, "SELECT count(*) > 0 FROM desk.event WHERE type = 'sla.breached'");
    scheduler_drain(bench.schedulers[0], set, &drained);
    test_loop_until(&bench.loop, is_set, &drained, 5000);
    fired = test_db_int(bench.db, "SELECT count(*) FROM desk.event WHERE type = 'sla.breached'");
    cr_expect_lt(fired, 1000);
    cr_expect_eq((uint64_t)fired, scheduler_clocks(bench.schedulers[0]).breached, "what fired was counted");
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.shard_lease WHERE holder IS NOT NULL"), 0);
    cr_expect_eq(test_db_int(bench.db, "SELECT count(*) FROM desk.scheduler WHERE seen_at > '-infinity'"), 0,
                 "others need not wait until it is forgotten");
    bench_close(&bench);
}

Test(sweep, its_statements_walk_the_index)
{
    struct test_db *db = test_db_new();
    PGconn *pg = desk_connect(db);
    static const struct {
        const struct db_statement *statement;
        const char *execute;
    } cases[] = {
        {&sql_sla_clock_fire, "EXPLAIN EXECUTE p (NULL, NULL, NULL, 200, 'x', -1, 0, NULL)"},
        {&sql_sla_clock_candidate, "EXPLAIN EXECUTE p (NULL, NULL, NULL, -1, 0, NULL)"},
        {&sql_sla_clock_ahead, "EXPLAIN EXECUTE p (0, 1, -1, 2000)"},
        {&sql_sla_audit, "EXPLAIN EXECUTE p (10000000)"},
    };

    test_db_people(db);
    desk_tickets(db, "A", 5000);
    desk_clocks(db, "A", "resolve", 3600, 7200);
    test_db_run(db, "ANALYZE desk.clock");
    desk_exec(pg, "SET plan_cache_mode = force_generic_plan");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf prepare = BUF_INIT;
        PGresult *plan;
        bool indexed = false;

        buf_printf(&prepare, "PREPARE p AS %s", cases[i].statement->sql);
        desk_exec(pg, buf_text(&prepare));
        plan = PQexec(pg, cases[i].execute);
        for (int row = 0; row < PQntuples(plan); row++) {
            indexed |= strstr(PQgetvalue(plan, row, 0), "clock_fire") != NULL;
            cr_expect_null(strstr(PQgetvalue(plan, row, 0), "Seq Scan on clock"), "%s: %s",
                           cases[i].statement->name, PQgetvalue(plan, row, 0));
        }
        cr_expect(indexed, "%s", cases[i].statement->name);
        PQclear(plan);
        desk_exec(pg, "DEALLOCATE p");
    }
    PQfinish(pg);
    test_db_free(db);
}
