/* Every statement of the router finds its rows by an index, in a database that has grown. */
#include "base/memory.h"
#include "desk.h"
#include "router_sql.h"
#include <criterion/criterion.h>

/* Tables that grow with tickets or with time. */
static const char *const large[] = {"ticket",     "ticket_alias",
                                    "event",      "clock",
                                    "ready",      "outbox",
                                    "reply",      "note",
                                    "command",    "session",
                                    "delivery",   "app_user",
                                    "owned",      "timer",
                                    "link",       "merge",
                                    "agent",      "lane",
                                    "offer",      "dispatch",
                                    "presence",   "team_member",
                                    "agent_desk", "shift",
                                    "handover",   "handover_prepared",
                                    NULL};

static void grow(struct desk *desk)
{
    test_db_run(desk->db, "INSERT INTO desk.app_user (id, login, name, email, role, region) SELECT "
                          "gen_random_uuid(), 'u' || i, 'u', 'u', 'requester', 'eu'"
                          " FROM generate_series(1, 3000) i; INSERT INTO desk.agent (user_id, skills, "
                          "capacity) SELECT id, '{s1:1}', 9 FROM desk.app_user");
    test_db_run(
        desk->db,
        "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
        "channel, subject, description, impact, urgency, priority,"
        " language, requester_id, submitter_id, team_id, accepted_at, event_seq, event_hash, skills) SELECT "
        "gen_random_uuid(), 'EU-' || i, gen_random_uuid(),"
        " 'k', 'x', 'eu', 'api', 's', 'd', 2, 2, 1 + i % 4, 'en', md5('requester-eu-1')::uuid, "
        "md5('requester-eu-1')::uuid, 1 + i % 5, now(), 1, "
        "sha256('x'), ARRAY['s' || i / 5 % 8 || ':1'] FROM generate_series(1, 5000) i");
    test_db_run(desk->db, "INSERT INTO desk.ticket_alias SELECT 'AP-' || i, id, 'ap' FROM desk.ticket t, "
                          "LATERAL (SELECT substr(number, 4)::int AS i) n");
    test_db_run(desk->db, "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, hash) "
                          "SELECT row_number() OVER (), id, 1, 'ticket.created', now(), 'x',"
                          " true, 'x' FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, "
                          "warn_percent, due_at, warn_at, fire_at) SELECT id, target, 'running',"
                          " now(), 1, 75, now() + interval '1 h', now(), now() + interval '1 h' FROM "
                          "desk.ticket, (VALUES ('first_response'), ('resolve')) v (target)");
    test_db_run(desk->db,
                "INSERT INTO desk.ready SELECT id, team_id, priority, now(), now() FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 1, id, 1, "
                          "'ticket.created' FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.reply SELECT gen_random_uuid(), id, 1, requester_id, true, 'b', "
                          "now() FROM desk.ticket");
    test_db_run(
        desk->db,
        "INSERT INTO desk.note SELECT gen_random_uuid(), id, 1, requester_id, 'b', now() FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.command (user_id, key, response) SELECT requester_id, id::text, "
                          "'{}' FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.session (token_hash, user_id, kind, expires_at) SELECT "
                          "sha256(id::text::bytea), requester_id, 'session', now() FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.delivery (id, position, type, channel, region, destination, "
                          "payload, state) SELECT id, 1, 'ticket.created', 'mail', 'eu', 'd', '{}',"
                          " 'delivered' FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.link (from_id, kind, to_id, at, by_id) SELECT id, 'depends_on', "
                          "gen_random_uuid(), now(), requester_id FROM desk.ticket");
    test_db_run(desk->db,
                "INSERT INTO desk.merge (source_id, into_id, root_id, was_new, at, by_id) SELECT id, "
                "gen_random_uuid(), gen_random_uuid(), true, now(), requester_id FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.handover (ticket_id, event_seq, from_id, at, note) SELECT id, 1, "
                          "requester_id, now(), "
                          "'{}' FROM desk.ticket; INSERT INTO desk.handover_prepared (ticket_id, owner_id, "
                          "at, note) SELECT id, "
                          "requester_id, now(), '{}' FROM desk.ticket");
    test_db_run(desk->db, "INSERT INTO desk.offer (id, ticket_id, kind, user_id, made_at, expires_at, "
                          "outcome, answered_at) SELECT id, id, 'handover', requester_id, now(), now() + "
                          "interval '1 min', o, CASE WHEN o IS NOT NULL THEN now() END FROM desk.ticket, "
                          "LATERAL (SELECT CASE WHEN right(number, 1) <> '0' THEN 'expired' END AS o) x");
    test_db_run(desk->db,
                "INSERT INTO desk.presence (user_id, state, since, said_by) SELECT id, CASE WHEN login LIKE "
                "'u%7' THEN 'available' ELSE 'offline' END, now(), 'x' FROM desk.app_user");
    test_db_run(desk->db,
                "INSERT INTO desk.team (id, slug, name_en, name_zh, tier) SELECT 100 + i, 't' || i, 't', "
                "'t', 1 FROM generate_series(0, 199) i; INSERT INTO desk.team_member (user_id, team_id) "
                "SELECT id, 100 + substr(login, 2)::int % 200 FROM desk.app_user WHERE login ~ '^u[0-9]+$'");
    test_db_run(desk->db,
                "INSERT INTO desk.desk (name, region) SELECT 'd' || i, 'eu' FROM generate_series(0, 99) i; "
                "INSERT INTO desk.shift (desk, opens_at, closes_at) SELECT 'd' || i, now() + j * interval "
                "'1 day', now() + j * interval '1 day' + interval '8 h' FROM generate_series(0, 99) i, "
                "generate_series(-10, 30) j; INSERT INTO desk.agent_desk (user_id, desk) SELECT id, 'd' || "
                "substr(login, 2)::int % 100 FROM desk.app_user WHERE login ~ '^u[0-9]+$'");
    test_db_run(desk->db, "INSERT INTO desk.timer SELECT id, 'pending_end', now() + interval '1 h', 1 FROM "
                          "desk.ticket");
}

static void check_plans(struct desk *desk, const char *when)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(desk->db, "meridian_router"));

    cr_assert_eq(PQstatus(pg), CONNECTION_OK);
    for (const struct db_statement *const *s = sql_router_all; *s; s++)
        if (*s != &sql_router_organisation_faults) /* of one that is applied: may look at all of a team */
            test_db_check_plan(pg, *s, large,
                               *s == &sql_router_delivery_replay /* its index has only the dead */, when);
    PQfinish(pg);
}

/* Plans are kept for the life of a connection: those made in a new, empty database must be right as well. */
Test(plans, every_statement_uses_indexes)
{
    struct desk desk;

    desk_prepare(&desk);
    check_plans(&desk, "empty");
    test_db_run(desk.db, "ANALYZE");
    check_plans(&desk, "empty and analyzed");
    grow(&desk);
    test_db_run(desk.db, "ANALYZE");
    check_plans(&desk, "grown");
    PQfinish(desk.pg);
    test_db_free(desk.db);
}

/* Of one claim, measured: 66, planned in an empty database and after ANALYZE. Most of it are the 41 lanes of
 * the agent's five teams, each looked at once for what it asks; a claim that read the queue would read
 * thousands. */
enum { READS_MAX = 70 };

/* Claims as the router does, in a transaction; returns how many rows it read in all tables. */
static int reads_of(PGconn *pg, const char *claims)
{
    static const char sum[] =
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) FROM pg_stat_xact_user_tables";
    _cleanup_buf_ struct buf sql = BUF_INIT;
    PGresult *before, *after;
    int reads;

    buf_printf(&sql, "SELECT desk.claim_next((%s))", claims);
    PQclear(PQexec(pg, "BEGIN"));
    before = PQexec(pg, sum); /* also what the transactions of the last second read */
    cr_assert_eq(PQresultStatus(before), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    after = PQexec(pg, buf_text(&sql));
    cr_assert_eq(PQresultStatus(after), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    PQclear(after);
    after = PQexec(pg, sum);
    cr_assert_eq(PQresultStatus(after), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    reads = atoi(PQgetvalue(after, 0, 0)) - atoi(PQgetvalue(before, 0, 0));
    PQclear(before);
    PQclear(after);
    PQclear(PQexec(pg, "COMMIT"));
    return reads;
}

static int claim_reads(PGconn *pg, const char *key)
{
    _cleanup_buf_ struct buf claims = BUF_INIT;

    buf_printf(&claims,
               "SELECT json_build_array(json_build_object('n', 0, 'epoch', 1, 'teams', '{1,2,3,4,5}'::int[], "
               "'agent', md5('agent-eu-1')::uuid, 'login', 'agent-eu-1', 'region', 'eu', 'key', '%s', "
               "'hash', ''))",
               key);
    return reads_of(pg, buf_text(&claims));
}

/* The statements inside desk.claim_next, which EXPLAIN does not show: planned in an empty database, they
 * still read a handful of rows when it has grown. */
Test(plans, a_claim_reads_little)
{
    struct desk desk;
    PGconn *pg;

    desk_prepare(&desk);
    pg = PQconnectdb(test_db_conninfo(desk.db, "meridian_router"));
    test_db_run(desk.db,
                "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
                "channel, subject, description, impact, urgency, priority, language, requester_id, "
                "submitter_id, team_id, accepted_at, event_seq, event_hash) VALUES "
                "(gen_random_uuid(), 'EU-0', gen_random_uuid(), 'k', 'x', 'eu', 'api', 's', 'd', 2, "
                "2, 1, 'en', md5('requester-eu-1')::uuid, md5('requester-eu-1')::uuid, 1, now(), 1, "
                "sha256('x')); INSERT INTO desk.ready SELECT id, 1, 1, now(), now() FROM desk.ticket");
    claim_reads(pg, "first");
    claim_reads(pg, "empty");
    grow(&desk);
    cr_expect_lt(claim_reads(pg, "grown"), READS_MAX);
    test_db_run(desk.db, "ANALYZE");
    cr_expect_lt(claim_reads(pg, "analyzed"), READS_MAX);
    PQfinish(pg);
    PQfinish(desk.pg);
    test_db_free(desk.db);
}

/* Of what many lanes have for one of many who ask together, one head each is read. */
Test(plans, claims_together_read_what_they_may_take)
{
    enum { CLAIMS = 40 };
    struct desk desk;
    PGconn *pg;
    int reads;

    desk_prepare(&desk);
    grow(&desk);
    test_db_run(desk.db,
                "UPDATE desk.agent a SET capacity = NULL, skills = ARRAY['s' || substr(u.login, 2)::int % 8 "
                "|| ':1'] FROM desk.app_user u WHERE u.id = a.user_id AND u.login ~ '^u[0-9]+$'; ANALYZE");
    pg = PQconnectdb(test_db_conninfo(desk.db, "meridian_router"));
    reads = reads_of(pg, "SELECT json_agg(json_build_object('n', n, 'epoch', 1, 'teams', ARRAY[1 + n % 5], "
                         "'agent', u.id, 'login', u.login, 'region', 'eu', 'key', n, 'hash', '')) FROM "
                         "generate_series(0, 39) n JOIN desk.app_user u ON u.login = 'u' || 8 + n");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket WHERE owner_id IS NOT NULL"), CLAIMS,
                 "each has a lane of their own");
    cr_expect_lt(reads, 40 * CLAIMS, "%d", reads);
    PQfinish(pg);
    PQfinish(desk.pg);
    test_db_free(desk.db);
}
