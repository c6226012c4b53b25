/* See desk.h. */
#include "desk.h"
#include <criterion/criterion.h>

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

bool desk_is(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    bool is;

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(pg));
    is = PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return is;
}
