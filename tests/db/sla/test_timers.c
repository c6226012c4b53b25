/* Timers from end to end: schedulers that ring a real router over the bus, whatever is done to them. */
#include "base/clock.h"
#include "desk.h"
#include "router/router.h"
#include "sla/scheduler.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};
static const char *const anybody[] = {"sla", "router", NULL};
static const char *const urls[] = {"inproc://timers-router", NULL};

/* A database, a router on a bus, and up to two schedulers. */
struct field {
    struct test_db *db;
    PGconn *eyes;
    uv_loop_t loop;
    struct bus *bus;
    struct router *router;
    struct bus_client *client;
    struct db_pool *pools[2];
    struct scheduler *schedulers[2];
    const char *until;
};

static bool connected(void *arg)
{
    struct field *f = arg;
    _cleanup_buf_ struct buf reasons = BUF_INIT;

    router_not_ready(f->router, &reasons);
    return !reasons.n && bus_connected(f->client);
}

static void field_open(struct field *f)
{
    const struct bus_group group = {urls};

    *f = (struct field){.db = test_db_new()};
    test_db_people(f->db);
    f->eyes = desk_connect(f->db);
    const struct bus_options bus = {.loop = test_loop_init(&f->loop)};
    const struct router_options router = {.loop = &f->loop,
                                          .region = "eu",
                                          .instance = "router-eu-1",
                                          .conninfo = test_db_conninfo(f->db, "meridian_router"),
                                          .db_workers = 4};

    cr_assert_eq(bus_open(&bus, &f->bus), 0);
    cr_assert_eq(router_open(&router, &f->router), 0);
    cr_assert_eq(bus_serve(f->bus, urls[0], anybody, 256, router_on_request, f->router), 0);
    cr_assert_eq(bus_dial(f->bus, &group, 1, anybody, &f->client), 0);
    test_loop_until(&f->loop, connected, f, 20000);
}

static void add_scheduler(struct field *f, int i, int64_t every_us)
{
    static const char *const names[] = {"sla-eu-1", "sla-eu-2"};

    f->pools[i] = test_db_pool(f->db, &f->loop, "meridian_sla", lists, 2);
    const struct scheduler_options options = {.loop = &f->loop,
                                              .pool = f->pools[i],
                                              .instance = names[i],
                                              .routers = f->client,
                                              .window_us = 60 * US_PER_S,
                                              .every_us = every_us};

    f->schedulers[i] = scheduler_open(&options);
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static void field_close(struct field *f)
{
    for (int i = 0; i < 2 && f->schedulers[i]; i++) {
        bool drained = false;

        scheduler_drain(f->schedulers[i], set, &drained);
        test_loop_until(&f->loop, is_set, &drained, 10000);
    }
    bus_serve_stop(f->bus);
    f->router = router_close(f->router);
    f->bus = bus_close(f->bus);
    for (int i = 0; i < 2; i++) {
        db_pool_close(f->pools[i]);
        scheduler_close(f->schedulers[i]);
    }
    test_loop_close(&f->loop);
    PQfinish(f->eyes);
    test_db_free(f->db);
}

static bool is_so(void *arg)
{
    struct field *f = arg;

    return desk_is(f->eyes, f->until);
}

static void wait_until(struct field *f, const char *query)
{
    f->until = query;
    test_loop_until(&f->loop, is_so, f, 20000);
}

/* `n` tickets that wait until `in_s` from now, as the router leaves them. */
static void waiting(struct field *f, const char *prefix, int n, double in_s)
{
    desk_tickets(f->db, prefix, n);
    test_db_runf(f->db,
                 "UPDATE desk.ticket SET state = 'pending', pending_reason = 'x', pending_until = now() + %f "
                 "* interval '1 s', owner_id = md5('agent-eu-1')::uuid, owned_at = now(), epoch = 1 WHERE "
                 "number LIKE '%s-%%'",
                 in_s, prefix);
    test_db_runf(f->db,
                 "INSERT INTO desk.timer SELECT id, 'pending_end', pending_until, event_seq FROM desk.ticket "
                 "WHERE number LIKE '%s-%%'",
                 prefix);
}

Test(timers, two_schedulers_wake_each_ticket_once)
{
    struct field f;

    field_open(&f);
    waiting(&f, "A", 150, -5);
    waiting(&f, "B", 150, 1.5);
    add_scheduler(&f, 0, 0);
    add_scheduler(&f, 1, 0);
    wait_until(&f, "SELECT count(*) = 0 FROM desk.timer");
    cr_expect_eq(test_db_int(f.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed' AND actor "
                                   "= 'system:sla'"),
                 300);
    cr_expect_eq(test_db_int(f.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 300);
    cr_expect_eq(test_db_int(f.db,
                             "SELECT count(*) FROM desk.ticket WHERE state = 'open' AND owner_id IS NOT "
                             "NULL AND pending_until IS NULL"),
                 300);
    cr_expect_eq(desk_broken_chains(f.db), 0);
    field_close(&f);
}

Test(timers, one_fires_at_its_time_without_a_sweep)
{
    struct field f;

    field_open(&f);
    add_scheduler(&f, 0, 60 * US_PER_S);
    waiting(&f, "A", 1, 5);
    test_db_run(f.db, "UPDATE desk.timer SET fire_at = now() + interval '2 s'");
    wait_until(&f, "SELECT state = 'open' FROM desk.ticket");
    cr_expect_lt(test_db_int(f.db, "SELECT extract(epoch FROM clock_timestamp() - updated_at) * 1000 FROM "
                                   "desk.ticket"),
                 1000);
    field_close(&f);
}

Test(timers, one_that_was_cancelled_does_nothing)
{
    struct field f;

    field_open(&f);
    waiting(&f, "A", 1, 1.0);
    add_scheduler(&f, 0, 0);
    wait_until(&f, "SELECT count(*) = 64 FROM desk.shard_lease WHERE holder IS NOT NULL");
    test_db_run(f.db, "DELETE FROM desk.timer");
    waiting(&f, "B", 1, 2.0);
    wait_until(&f, "SELECT state = 'open' FROM desk.ticket WHERE number = 'B-1'");
    cr_expect_eq(test_db_int(f.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.resumed'"), 1);
    field_close(&f);
}

Test(timers, one_that_no_router_knows_holds_up_nobody)
{
    struct field f;

    field_open(&f);
    waiting(&f, "A", 80, -10);
    test_db_run(f.db, "UPDATE desk.timer SET name = 'of_tomorrow'");
    waiting(&f, "B", 10, -5);
    add_scheduler(&f, 0, 100 * US_PER_MS);
    wait_until(&f, "SELECT count(*) = 10 FROM desk.event WHERE type = 'ticket.resumed'");
    cr_expect_eq(test_db_int(f.db, "SELECT count(*) FROM desk.timer"), 80);
    field_close(&f);
}
