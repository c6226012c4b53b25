/* Numbers, heartbeats, the cluster epoch, reads, dead letters, replication, housekeeping, a database that
 * goes away. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include "store/migrate.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct answer *lease(struct desk *desk, const char *region, uint32_t count)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__NumberLease lease = MERIDIAN__NUMBER_LEASE__INIT;

    lease.region = (char *)region;
    lease.count = count;
    lease.instance = (char *)"intake-eu-1";
    request.body_case = MERIDIAN__REQUEST__BODY_NUMBER_LEASE;
    request.number_lease = &lease;
    return desk_send(desk, &request);
}

Test(operations, numbers_are_never_leased_twice)
{
    struct desk desk;
    struct answer *answers[64];
    bool seen[64] = {0};

    desk_open(&desk, 8);
    for (int i = 0; i < 64; i++)
        answers[i] = lease(&desk, "eu", 4096);
    for (int i = 0; i < 64; i++) {
        Meridian__NumberBlock *block = desk_wait(&desk, answers[i])->reply->numbers;

        cr_status(answers[i], 0);
        cr_assert_not_null(block);
        cr_expect_eq(block->count, 4096);
        cr_expect_str_eq(block->region, "eu");
        cr_assert_eq((block->first - 1048576) % 4096, 0);
        cr_assert(!seen[(block->first - 1048576) / 4096]);
        seen[(block->first - 1048576) / 4096] = true;
    }
    cr_expect_eq(desk_wait(&desk, lease(&desk, "ap", 1))->reply->numbers->first, 1048576,
                 "each region counts for itself");
    cr_status(desk_wait(&desk, lease(&desk, "xx", 1)), E_BAD_REQUEST);
    cr_status(desk_wait(&desk, lease(&desk, "eu", 0)), E_BAD_REQUEST);
    cr_status(desk_wait(&desk, lease(&desk, "eu", 4000000000u)), E_BAD_REQUEST);
    desk_close(&desk);
}

static struct answer *beat(struct desk *desk, const char *instance, const char *stats)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Heartbeat heartbeat = MERIDIAN__HEARTBEAT__INIT;

    heartbeat.service = (char *)"sla";
    heartbeat.instance = (char *)instance;
    heartbeat.region = (char *)"us";
    heartbeat.version = (char *)"1";
    heartbeat.stats = (char *)stats;
    request.body_case = MERIDIAN__REQUEST__BODY_HEARTBEAT;
    request.heartbeat = &heartbeat;
    return desk_call(desk, &request);
}

Test(operations, heartbeats)
{
    struct desk desk;
    struct answer *a;

    desk_open(&desk, 2);
    cr_status(beat(&desk, "sla-us-1", NULL), 0);
    cr_status(a = beat(&desk, "sla-us-1", "{\"due\":3}"), 0);
    cr_expect_eq(a->reply->cluster_epoch, 1);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT (stats->>'due')::int FROM desk.instance WHERE instance = 'sla-us-1'"),
        3);
    cr_status(beat(&desk, "sla-us-1", "{"), E_VALIDATION);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.instance"), 1);
    desk_close(&desk);
}

/* A caller that knows a later epoch talks to a primary that was replaced: nothing may be written. */
Test(operations, a_replaced_primary_refuses_writes)
{
    struct desk desk;
    struct draft draft;
    Meridian__SubmitBatch batch = MERIDIAN__SUBMIT_BATCH__INIT;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Command command;
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;
    Meridian__NumberLease numbers = MERIDIAN__NUMBER_LEASE__INIT;
    Meridian__Submission *records[] = {&draft.message};
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    draft_init(&draft, &desk);
    request.has_cluster_epoch = true;
    request.cluster_epoch = 2;
    request.principal = who("agent-eu-1");
    request.body_case = MERIDIAN__REQUEST__BODY_SUBMIT;
    batch.submissions = records;
    batch.n_submissions = 1;
    request.submit = &batch;
    cr_status(desk_call(&desk, &request), E_STALE_PRIMARY);
    command = desk_command(ACTION_CLAIM, number, -1);
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    cr_status(desk_call(&desk, &request), E_STALE_PRIMARY);
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    cr_status(desk_call(&desk, &request), E_STALE_PRIMARY);
    numbers.region = (char *)"eu";
    numbers.count = 1;
    numbers.instance = (char *)"intake-eu-1";
    request.body_case = MERIDIAN__REQUEST__BODY_NUMBER_LEASE;
    request.number_lease = &numbers;
    cr_status(desk_call(&desk, &request), E_STALE_PRIMARY);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event"), 1);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.number_block"), 0);
    test_db_run(desk.db, "UPDATE desk.cluster SET epoch = 2");
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    cr_status(desk_call(&desk, &request), 0);
    cr_expect_eq(desk_claim_next(&desk, "agent-eu-1", NULL, NULL)->reply->cluster_epoch, 2,
                 "the router learns it");
    test_db_run(desk.db,
                "UPDATE desk.cluster SET epoch = 1"); /* as if the connection now led to the old one */
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), E_STALE_PRIMARY);
    desk_close(&desk);
}

Test(operations, reads_have_the_readers_eyes)
{
    struct desk desk;
    struct answer *a;
    char *args[] = {NULL, (char *)""};

    desk_open(&desk, 2);
    args[0] = (char *)desk_ticket(&desk);
    cr_status(a = desk_read(&desk, "requester-eu-1", "ticket", args, 2), 0);
    cr_expect_str_eq(member(a, "number"), args[0]);
    cr_expect_str_eq(member(a, "lag_ms"), "0");
    cr_status(desk_read(&desk, "agent-ap-1", "ticket", args, 2), 0);
    cr_status(desk_read(&desk, "requester-ap-1", "ticket", args, 2), E_NOT_FOUND);
    cr_status(desk_read(&desk, "requester-eu-1", "no-such-document", args, 2), E_BAD_REQUEST);
    cr_status(desk_read(&desk, "requester-eu-1", "ticket", args, 1), E_BAD_REQUEST);
    args[0] = (char *)"EU-1";
    cr_status(desk_read(&desk, "admin", "ticket", args, 2), E_NOT_FOUND);
    desk_close(&desk);
}

Test(operations, dead_letters_are_replayed)
{
    struct desk desk;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__DeadLetterReplay replay = MERIDIAN__DEAD_LETTER_REPLAY__INIT;
    struct answer *a;

    desk_open(&desk, 2);
    test_db_run(desk.db, "INSERT INTO desk.delivery (id, position, type, channel, region, destination, "
                         "payload, state, attempts, next_at)"
                         " SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, i, 'ticket.created', "
                         "'mail', 'eu', 'a@example.test', '{}',"
                         " (ARRAY['dead', 'uncertain', 'delivered', 'queued', 'dead'])[i], 5, NULL FROM "
                         "generate_series(1, 5) i");
    request.body_case = MERIDIAN__REQUEST__BODY_DEAD_LETTER_REPLAY;
    request.dead_letter_replay = &replay;
    cr_status(desk_call(&desk, &request), E_UNAUTHENTICATED);
    request.principal = who("agent-eu-1");
    cr_status(desk_call(&desk, &request), E_FORBIDDEN);
    request.principal = who("admin");
    replay.delivery_id = (char *)"00000000-0000-0000-0000-000000000003";
    cr_status(desk_call(&desk, &request), E_NOT_FOUND);
    replay.delivery_id = (char *)"nonsense";
    cr_status(desk_call(&desk, &request), E_NOT_FOUND);
    replay.delivery_id = (char *)"00000000-0000-0000-0000-000000000005";
    cr_status(a = desk_call(&desk, &request), 0);
    cr_expect_str_eq(member(a, "replayed"), "1");
    replay.delivery_id = NULL;
    cr_status(a = desk_call(&desk, &request), 0);
    cr_expect_str_eq(member(a, "replayed"), "2");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.delivery WHERE state = 'queued' AND "
                                      "attempts = 0 AND next_at IS NOT NULL"),
                 3);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.delivery WHERE state = 'queued' AND attempts = 5"), 1,
        "what was queued is left alone");
    cr_expect_str_eq(
        test_db_try(
            desk.db, "meridian_router", NULL, NULL, NULL,
            "UPDATE desk.delivery SET state = 'delivered' WHERE id = '00000000-0000-0000-0000-000000000003'",
            NULL),
        "", "the router sees no row to change there");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.delivery WHERE state = 'delivered'"), 1);
    desk_close(&desk);
}

Test(operations, what_the_router_does_not_serve)
{
    struct desk desk;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Deliver deliver = MERIDIAN__DELIVER__INIT;

    desk_open(&desk, 1);
    cr_status(desk_call(&desk, &request), E_BAD_REQUEST);
    deliver.delivery_id = deliver.channel = deliver.destination = deliver.payload = (char *)"";
    request.body_case = MERIDIAN__REQUEST__BODY_DELIVER;
    request.deliver = &deliver;
    cr_status(desk_call(&desk, &request), E_BAD_REQUEST);
    desk_close(&desk);
}

/* There is a second region, but no standby streams: every reply says that nothing is safe there. */
Test(operations, without_a_standby_nothing_is_replicated)
{
    struct desk desk;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Replicated replicated = MERIDIAN__REPLICATED__INIT;
    struct answer *a;

    desk_prepare(&desk);
    desk_start(&desk, (struct router_options){.db_workers = 2, .standbys_expected = 2});
    desk_ticket(&desk);
    request.body_case = MERIDIAN__REQUEST__BODY_REPLICATED;
    request.replicated = &replicated;
    cr_status(a = desk_call(&desk, &request), 0);
    cr_expect(a->reply->has_replicated_lsn);
    cr_expect_eq(a->reply->replicated_lsn, 0);
    desk_close(&desk);
}

static bool pruned(void *arg)
{
    struct desk *desk = arg;

    return !test_db_int(desk->db, "SELECT count(*) FROM desk.command WHERE key LIKE 'old%'") &&
           !test_db_int(desk->db, "SELECT count(*) FROM desk.session WHERE label = 'old'") &&
           test_db_int(desk->db, "SELECT (to_regclass('desk.event_' || to_char(now() AT TIME ZONE 'UTC' + "
                                 "interval '3 months', 'YYYYMM')) IS NOT NULL)::int");
}

static void drop_months(struct desk *desk, int first, int last)
{
    for (int month = first; month <= last; month++)
        test_db_runf(desk->db,
                     "DO $$ BEGIN EXECUTE format('DROP TABLE desk.event_%%s', to_char(now() AT TIME ZONE "
                     "'UTC' + interval '%d months', 'YYYYMM')); END $$",
                     month);
}

Test(operations, housekeeping)
{
    struct desk desk;

    desk_prepare(&desk);
    drop_months(&desk, 3, 3);
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_db_run(desk.db, "INSERT INTO desk.command (user_id, key, response, created_at) SELECT "
                         "md5('admin')::uuid, 'old' || i, '{}', now() - interval '26 hours'"
                         " FROM generate_series(1, 1300) i");
    test_db_run(desk.db, "INSERT INTO desk.command (user_id, key, response, created_at) VALUES "
                         "(md5('admin')::uuid, 'old nothing', '', now() - interval '11 min'),"
                         " (md5('admin')::uuid, 'new nothing', '', now() - interval '9 min'), "
                         "(md5('admin')::uuid, 'new', '{}', now() - interval '24 hours')");
    test_db_run(desk.db, "INSERT INTO desk.session (token_hash, user_id, kind, label, expires_at) VALUES"
                         " (sha256('1'), md5('admin')::uuid, 'session', 'old', now() - interval '25 hours'),"
                         " (sha256('2'), md5('admin')::uuid, 'session', 'new', now() - interval '23 hours')");
    test_loop_until(&desk.loop, pruned, &desk, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.command"), 2);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.session"), 1);
    desk_close(&desk);
}

/* The month's events are where they cannot be taken from: they stay there, and everything else goes on. */
Test(operations, housekeeping_goes_on_without_a_partition)
{
    struct desk desk;

    desk_prepare(&desk);
    drop_months(&desk, 2, 3);
    test_db_run(desk.db,
                "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, hash) VALUES "
                "(1, gen_random_uuid(), 1, 'ticket.created', now() + interval '2 months', 'x', true, '')");
    test_db_run(desk.db, "INSERT INTO desk.command (user_id, key, response, created_at) VALUES "
                         "(md5('admin')::uuid, 'old', '{}', now() - interval '26 hours')");
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_loop_until(&desk.loop, pruned, &desk, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event_default"), 1);
    desk_close(&desk);
}

static bool backend_sleeps(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                 "AND usename = 'meridian_router' AND wait_event = 'PgSleep'") > 0;
}

/* The connection dies in the middle of a write: the request finds out by its key, and the caller hears of
 * nothing. */
Test(operations, a_lost_connection_is_not_the_callers_problem, .timeout = 60)
{
    struct desk desk;
    struct draft draft;
    Meridian__Command note;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    test_db_run(desk.db, "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
                         "pg_sleep(30); RETURN NEW; END $$");
    for (int i = 0; i < 3; i++) {
        test_db_run(
            desk.db,
            "CREATE TRIGGER slow BEFORE INSERT ON desk.outbox FOR EACH ROW EXECUTE FUNCTION public.slow()");
        draft_init(&draft, &desk);
        note = desk_command(ACTION_NOTE, number, -1);
        a = i == 0   ? desk_send_claim_next(&desk, "agent-eu-1", NULL, NULL)
            : i == 1 ? desk_send_command(&desk, "agent-eu-1", &note)
                     : desk_send_submit(&desk, &(struct draft *){&draft}, 1);
        test_loop_until(&desk.loop, backend_sleeps, &desk, 20000);
        /* Dropping it waits for the sleeper, so that goes first; whoever comes meanwhile sleeps as well, and
         * goes, too. */
        test_db_run(desk.db, "DO $$ BEGIN LOOP PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                             "usename = 'meridian_router' AND datname = current_database();"
                             " BEGIN SET LOCAL lock_timeout = '200ms'; DROP TRIGGER slow ON desk.outbox; "
                             "EXIT; EXCEPTION WHEN lock_not_available THEN END; END LOOP; END $$");
        cr_status(desk_wait(&desk, a), 0);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket"), 2);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event"), 4);
    desk_check(&desk);
    desk_close(&desk);
}

static bool answered(void *arg)
{
    return *(int *)arg >= 0;
}

static void take_status(void *ctx, Meridian__Reply *reply)
{
    *(int *)ctx = (int)reply->status;
}

static void run_at(const char *conninfo, const char *sql)
{
    PGconn *pg = PQconnectdb(conninfo);
    PGresult *result = PQexec(pg, sql);

    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
}

static bool somebody_sleeps(void *arg)
{
    PGconn *pg = PQconnectdb(arg);
    PGresult *result = PQexec(pg, "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    bool sleeps = PQntuples(result) > 0;

    PQclear(result);
    PQfinish(pg);
    return sleeps;
}

/* Without its database a router says "uncertain" of what was under way, refuses the rest quickly, and
 * recovers by itself. */
Test(operations, a_database_that_goes_away, .timeout = 120)
{
    struct test_server *server = test_server_new();
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;
    _cleanup_buf_ struct buf stats = BUF_INIT;
    struct router_options options = {.db_workers = 2, .region = "eu", .instance = "router-eu-1"};
    struct router *router;
    uv_loop_t loop;
    int status = -1, applied;

    cr_assert_eq(store_migrate(&(struct store_migrate_options){.conninfo = test_server_conninfo(server),
                                                               .dir = MERIDIAN_SOURCE_DIR "/schema"},
                               &applied),
                 0);
    options.loop = test_loop_init(&loop);
    options.conninfo = test_server_conninfo(server);
    cr_assert_eq(router_open(&options, &router), 0);
    test_loop_until(&loop, desk_router_is_ready, router, 20000);
    run_at(options.conninfo,
           "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); "
           "RETURN NEW; END $$;"
           " CREATE TRIGGER slow BEFORE INSERT ON desk.command FOR EACH ROW EXECUTE FUNCTION public.slow()");
    request.id = (ProtobufCBinaryData){16, (uint8_t *)"0123456789abcdef"};
    request.has_timeout_ms = true;
    request.timeout_ms = 3000;
    request.principal = who("agent-eu-1");
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    router_dispatch(router, &request, take_status, &status);
    test_loop_until(&loop, somebody_sleeps, (void *)options.conninfo, 20000);
    test_server_stop(server);
    test_loop_until(&loop, answered, &status, 20000);
    cr_expect_eq(status, E_DB_UNCERTAIN);
    request.timeout_ms = 500;
    for (int64_t begun; status != E_UNAVAILABLE;) {
        status = -1;
        begun = clock_monotonic_us();
        router_dispatch(router, &request, take_status, &status);
        test_loop_until(&loop, answered, &status, 20000);
        cr_assert(status != 0);
        cr_assert_lt(clock_monotonic_us() - begun, 5 * US_PER_S);
    }
    test_server_start(server);
    run_at(options.conninfo, "DROP TRIGGER slow ON desk.command");
    test_loop_until(&loop, desk_router_is_ready, router, 20000);
    status = -1;
    router_dispatch(router, &request, take_status, &status);
    test_loop_until(&loop, answered, &status, 20000);
    cr_expect_eq(status, 0);
    router_stats(router, &stats);
    cr_expect(strstr(buf_text(&stats), "\"authority\":true"));
    cr_expect_eq(router_busy(router), 0);
    router_close(router);
    test_loop_close(&loop);
    test_server_free(server);
}
