/* See desk.h. */
#include "desk.h"
#include "router/router.h"
#include "sla_sql.h"
#include <criterion/criterion.h>
#include <meridian/errors.h>
#include <stdio.h>

/* ---- who acts ---- */

static const char *const anybody[] = {"sla", "router", NULL};
static const char *const urls[] = {"inproc://timers-router", "inproc://timers-router-too", NULL};

void desk_open(struct desk *desk)
{
    *desk = (struct desk){.db = test_db_new()};
    test_db_people(desk->db);
    desk->eyes = desk_connect(desk->db);
    test_loop_init(&desk->loop);
}

static void on_request(void *ctx, struct bus_request *request)
{
    struct desk_line *line = ctx;
    struct desk *desk = line->desk;

    if (desk->holds && desk->nheld < (int)ARRAY_SIZE(desk->held) &&
        desk->holds(line->i, bus_request_message(request)->timer_due))
        desk->held[desk->nheld++] = request;
    else
        router_on_request(desk->router, request);
}

void desk_let_go(struct desk *desk)
{
    while (desk->nheld) {
        Meridian__Reply reply = MERIDIAN__REPLY__INIT;

        reply.status = E_INTERNAL;
        bus_answer(desk->held[--desk->nheld], &reply);
    }
}

static bool can_be_rung(void *arg)
{
    struct desk *desk = arg;
    _cleanup_buf_ struct buf reasons = BUF_INIT;

    router_not_ready(desk->router, &reasons);
    return !reasons.n && bus_connected(desk->routers);
}

void desk_ring(struct desk *desk)
{
    const struct bus_group group = {urls};
    const struct bus_options bus = {.loop = &desk->loop};
    const struct router_options router = {.loop = &desk->loop,
                                          .region = "eu",
                                          .instance = "router-eu-1",
                                          .conninfo = test_db_conninfo(desk->db, "meridian_router"),
                                          .db_workers = 4};

    cr_assert_eq(bus_open(&bus, &desk->bus), 0);
    cr_assert_eq(router_open(&router, &desk->router), 0);
    for (int i = 0; i < 2; i++) {
        desk->lines[i] = (struct desk_line){desk, i};
        cr_assert_eq(bus_serve(desk->bus, urls[i], anybody, 512, on_request, &desk->lines[i]), 0);
    }
    cr_assert_eq(bus_dial(desk->bus, &group, 1, anybody, &desk->routers), 0);
    test_loop_until(&desk->loop, can_be_rung, desk, 20000);
}

void desk_scheduler(struct desk *desk, int i, int64_t every_us)
{
    static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};
    static const char *const names[] = {"sla-eu-1", "sla-eu-2"};

    desk->pools[i] = test_db_pool(desk->db, &desk->loop, "meridian_sla", lists, 2);
    const struct scheduler_options options = {.loop = &desk->loop,
                                              .pool = desk->pools[i],
                                              .instance = names[i],
                                              .routers = desk->routers,
                                              .window_us = 60 * US_PER_S,
                                              .every_us = every_us};

    desk->schedulers[i] = scheduler_open(&options);
}

void desk_hint(struct desk *desk, const char *number)
{
    Meridian__Hint told = MERIDIAN__HINT__INIT;
    ProtobufCBinaryData ids[1];
    struct uuid id;
    char sql[128];
    PGresult *result;

    snprintf(sql, sizeof sql, "SELECT id::text FROM desk.ticket WHERE number = '%s'", number);
    result = PQexec(desk->eyes, sql);
    cr_assert_eq(PQntuples(result), 1, "%s: %s", number, PQerrorMessage(desk->eyes));
    cr_assert_eq(uuid_parse(str_from(PQgetvalue(result, 0, 0)), &id), 0);
    PQclear(result);
    ids[0] = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    told.publisher = (char *)"router-eu-1";
    told.timers_of = ids;
    told.n_timers_of = 1;
    scheduler_hint(desk->schedulers[0], &told);
}

void desk_ghost(struct desk *desk)
{
    test_db_run(desk->db,
                "SELECT desk.shards_lease('sla-eu-9', NULL, NULL); UPDATE desk.shard_lease SET until = "
                "'infinity'; UPDATE desk.scheduler SET seen_at = 'infinity'");
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

void desk_drain(struct desk *desk, int i)
{
    bool drained = false;

    scheduler_drain(desk->schedulers[i], set, &drained);
    test_loop_until(&desk->loop, is_set, &drained, 10000);
}

void desk_close(struct desk *desk)
{
    for (int i = 0; i < 2 && desk->bus && desk->schedulers[i]; i++)
        desk_drain(desk, i);
    if (desk->bus)
        bus_serve_stop(desk->bus);
    desk_let_go(desk);
    desk->router = router_close(desk->router);
    for (int i = 0; i < 2; i++) {
        db_pool_close(desk->pools[i]);
        scheduler_close(desk->schedulers[i]);
    }
    desk->bus = bus_close(desk->bus);
    test_loop_close(&desk->loop);
    PQfinish(desk->eyes);
    test_db_free(desk->db);
}

static bool is_so(void *arg)
{
    struct desk *desk = arg;
    PGresult *result = PQexec(desk->eyes, desk->until);
    bool is;

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", desk->until, PQerrorMessage(desk->eyes));
    is = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return is;
}

void desk_wait(struct desk *desk, const char *query)
{
    desk->until = query;
    test_loop_until(&desk->loop, is_so, desk, 20000);
}

/* ---- what is there ---- */

void desk_tickets(struct test_db *db, const char *prefix, int n)
{
    test_db_runf(db,
                 "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
                 "channel, subject, description,"
                 " impact, urgency, priority, language, requester_id, submitter_id, team_id, accepted_at, "
                 "event_seq, event_hash)"
                 " SELECT gen_random_uuid(), '%s-' || i, gen_random_uuid(), 'k', '', 'eu', 'api', 'subject', "
                 "'text', 2, 2, 3, 'en',"
                 " md5('requester-eu-1')::uuid, md5('requester-eu-1')::uuid, 1, now(), 1, '' FROM "
                 "generate_series(1, %d) i",
                 prefix, n);
    test_db_runf(db,
                 "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)"
                 " SELECT desk.feed_position(row_number() OVER ()::int), id, 1, 'ticket.created', now(), "
                 "'requester-eu-1', true, '{}',"
                 " desk.event_hash('', id, 1, 'ticket.created', now(), 'requester-eu-1', '{}') FROM "
                 "desk.ticket WHERE number LIKE '%s-%%'",
                 prefix);
    test_db_run(db, "UPDATE desk.ticket t SET event_hash = e.hash FROM desk.event e WHERE e.ticket_id = t.id "
                    "AND t.event_hash = ''");
}

void desk_clocks(struct test_db *db, const char *prefix, const char *target, double fire_s, double due_s)
{
    test_db_runf(db,
                 "INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, "
                 "due_at, warn_at, fire_at)"
                 " SELECT id, '%s', 'running', now() - interval '1 h', 3600, 75, now() + %f * interval '1 s',"
                 " now() + %f * interval '1 s', now() + %f * interval '1 s' FROM desk.ticket WHERE number "
                 "LIKE '%s-%%'",
                 target, due_s, fire_s, fire_s, prefix);
}

void desk_waits(struct test_db *db, const char *prefix, int n, double in_s)
{
    desk_tickets(db, prefix, n);
    test_db_runf(db,
                 "UPDATE desk.ticket SET state = 'pending', pending_reason = 'x', pending_until = now() + %f "
                 "* interval '1 s', owner_id = md5('agent-eu-1')::uuid, owned_at = now(), epoch = 1 WHERE "
                 "number LIKE '%s-%%'",
                 in_s, prefix);
    test_db_runf(db,
                 "INSERT INTO desk.timer SELECT id, 'pending_end', pending_until, event_seq FROM desk.ticket "
                 "WHERE number LIKE '%s-%%'",
                 prefix);
}

int64_t desk_broken_chains(struct test_db *db)
{
    return test_db_int(db, "WITH e AS (SELECT *, row_number() OVER w AS place, coalesce(lag(hash) OVER w, "
                           "'') AS previous FROM desk.event"
                           " WINDOW w AS (PARTITION BY ticket_id ORDER BY seq))"
                           " SELECT (SELECT count(*) FROM e WHERE seq <> place OR hash <> "
                           "desk.event_hash(previous, ticket_id, seq, type, at, actor, data))"
                           " + (SELECT count(*) FROM desk.ticket t WHERE NOT EXISTS (SELECT FROM desk.event "
                           "l WHERE l.ticket_id = t.id"
                           " AND l.seq = t.event_seq AND l.hash = t.event_hash))"
                           " + (SELECT count(*) FROM desk.ticket t JOIN desk.event l ON l.ticket_id = t.id "
                           "AND l.seq > t.event_seq)");
}

PGconn *desk_connect(struct test_db *db)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(db, NULL));

    cr_assert_eq(PQstatus(pg), CONNECTION_OK, "%s", PQerrorMessage(pg));
    return pg;
}

void desk_exec(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);

    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s: %s", sql, PQerrorMessage(pg));
    PQclear(result);
}
