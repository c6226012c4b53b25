/* Every statement on a ticket-sized table uses an index, also under the generic plan that a prepared
 * statement ends up with. */
#include "base/memory.h"
#include "desk.h"
#include "store_sql.h"
#include <criterion/criterion.h>
#include <libpq-fe.h>

static struct desk desk;

static void set_up(void)
{
    desk_open(&desk);
    test_db_run(
        desk.db,
        "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, "
        "subject, description, impact, urgency,"
        " priority, language, requester_id, submitter_id, team_id, state, owner_id, owned_at, accepted_at, "
        "event_seq, event_hash)"
        " SELECT ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'EU-' || i, "
        "md5(i::text)::uuid, 'k', '', 'eu', 'api', 's', 'd',"
        " 2, 2, 1 + i % 4, 'en', r.id, r.id, 1 + i % 5, CASE WHEN i % 4 = 0 THEN 'open' ELSE 'new' END,"
        " CASE WHEN i % 4 = 0 THEN md5('agent-eu-1')::uuid END, CASE WHEN i % 4 = 0 THEN now() END, now(), "
        "3, ''"
        " FROM generate_series(1, 20000) i JOIN LATERAL (SELECT md5(CASE WHEN i % 50 = 0 THEN "
        "'requester-eu-1' ELSE 'requester-ap-1' END)::uuid"
        " AS id) r ON true");
    test_db_run(desk.db,
                "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)"
                " SELECT (i * 3 + s)::bigint, ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, "
                "s, 'ticket.created', now(), 'x', true, '{}', ''"
                " FROM generate_series(1, 20000) i, generate_series(1, 3) s");
    test_db_run(desk.db, "INSERT INTO desk.reply SELECT gen_random_uuid(), id, 1, md5('agent-eu-1')::uuid, "
                         "false, 'b', now() FROM desk.ticket");
    test_db_run(desk.db, "INSERT INTO desk.note SELECT gen_random_uuid(), id, 2, md5('agent-eu-1')::uuid, "
                         "'b', now() FROM desk.ticket");
    test_db_run(desk.db, "INSERT INTO desk.ticket_alias SELECT 'AP-' || n, id, 'ap' FROM (SELECT id, "
                         "row_number() OVER () AS n FROM desk.ticket) x");
    test_db_run(
        desk.db,
        "INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at)"
        " SELECT id, 'resolve', 'running', now(), 3600, 75, now() FROM desk.ticket");
    test_db_run(
        desk.db,
        "INSERT INTO desk.ready SELECT id, team_id, priority, now() + id_s * interval '1 s', now() FROM"
        " (SELECT *, right(id::text, 6)::int AS id_s FROM desk.ticket WHERE state = 'new') t");
    test_db_run(desk.db, "INSERT INTO desk.delivery (id, ticket_id, position, type, channel, region, "
                         "destination, payload, state, next_at)"
                         " SELECT gen_random_uuid(), id, 1, 'x', 'mail', 'eu', 'a@b', '{}', 'delivered', "
                         "NULL FROM desk.ticket");
    test_db_run(desk.db, "INSERT INTO desk.session (token_hash, user_id, kind, expires_at) SELECT "
                         "sha256(i::text::bytea), md5('agent-eu-1')::uuid,"
                         " 'session', now() + i * interval '1 s' FROM generate_series(1, 20000) i");
    test_db_run(desk.db, "ANALYZE");
}

static void tear_down(void)
{
    desk_close(&desk);
}
TestSuite(plans, .init = set_up, .fini = tear_down, .timeout = 120);

static bool is_large(const char *relation)
{
    static const char *const large[] = {"ticket", "ticket_alias", "reply",    "note",
                                        "clock",  "ready",        "delivery", "session"};

    for (size_t i = 0; i < ARRAY_SIZE(large); i++)
        if (strcmp(relation, large[i]) == 0)
            return true;
    return strncmp(relation, "event_", 6) == 0;
}

/* Fails on a sequential scan that ran over a large table. Empty partitions of events may be scanned. */
static void check_node(const char *name, const json_t *node)
{
    const char *relation = json_string_value(json_object_get(node, "Relation Name"));
    const json_t *child;
    double seen = json_number_value(json_object_get(node, "Actual Rows")) +
                  json_number_value(json_object_get(node, "Rows Removed by Filter"));
    size_t i;

    if (relation && is_large(relation) &&
        strcmp(json_string_value(json_object_get(node, "Node Type")), "Seq Scan") == 0)
        cr_assert(json_number_value(json_object_get(node, "Actual Loops")) == 0 || seen == 0,
                  "%s reads all of %s", name, relation);
    json_array_foreach(json_object_get(node, "Plans"), i, child) check_node(name, child);
}

static void check_plan(PGconn *pg, const struct db_statement *statement, const char *kind, const char *login,
                       const char *args)
{
    _cleanup_(freep) char *prepare = mem_printf("PREPARE q AS %s", statement->sql);
    _cleanup_(freep) char *explain = mem_printf("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE q%s", args);
    _cleanup_(freep) char *begin = mem_printf(
        "BEGIN READ ONLY; SELECT set_config('meridian.kind', '%s', true), set_config('meridian.user_id',"
        " '%s', true), set_config('meridian.teams', '{1,2,3,4,5}', true)",
        kind, login);
    PGresult *result;
    json_t *json;

    PQclear(PQexec(pg, begin));
    result = PQexec(pg, prepare);
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s: %s", statement->name, PQerrorMessage(pg));
    PQclear(result);
    result = PQexec(pg, explain);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", statement->name, PQerrorMessage(pg));
    json = json_loads(PQgetvalue(result, 0, 0), 0, NULL);
    check_node(statement->name, json_object_get(json_array_get(json, 0), "Plan"));
    json_decref(json);
    PQclear(result);
    PQclear(PQexec(pg, "ROLLBACK; DEALLOCATE ALL"));
}

Test(plans, use_indexes)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(desk.db, "meridian_intake"));
    const char *agent = test_db_text(desk.db, "SELECT md5('agent-eu-1')::uuid"),
               *requester = test_db_text(desk.db, "SELECT md5('requester-eu-1')::uuid");
    static const char *const modes[] = {"SET plan_cache_mode = force_generic_plan",
                                        "SET plan_cache_mode = force_custom_plan"};
    const struct {
        const struct db_statement *statement;
        const char *kind, *login, *args;
    } cases[] = {
        {&sql_store_document_ticket, "agent", agent, "('EU-500', 'en')"},
        {&sql_store_document_ticket, "requester", requester, "('EU-500', 'en')"},
        {&sql_store_document_ticket, "agent", agent, "('AP-500', 'en')"},
        {&sql_store_document_tickets, "agent", agent, "(NULL, 50, NULL, NULL, NULL, NULL, NULL, NULL)"},
        {&sql_store_document_tickets, "agent", agent,
         "('01900000-0000-7000-8000-000000009000', 50, 'new', 'network', 1, 'eu', false, NULL)"},
        {&sql_store_document_tickets_of_requester, "requester", requester,
         "(NULL, 50, NULL, NULL, NULL, NULL, NULL, NULL)"},
        {&sql_store_document_tickets_of_requester, "agent", agent,
         "(NULL, 50, NULL, NULL, NULL, NULL, NULL, 'requester-eu-1')"},
        {&sql_store_document_tickets_of_owner, "agent", agent,
         "(NULL, 50, NULL, NULL, NULL, NULL, NULL, NULL)"},
        {&sql_store_document_events, "agent", agent, "('EU-500', NULL, 50)"},
        {&sql_store_document_events, "requester", requester, "('EU-500', 1, 50)"},
        {&sql_store_document_queue, "agent", agent, "(NULL, NULL, 50)"},
        {&sql_store_document_queue, "agent", agent,
         "('network', '1:1795406177000000:01900000-0000-7000-8000-000000000100', 50)"},
        {&sql_store_document_eligibility, "agent", agent, "('EU-500', NULL, 50)"},
        {&sql_store_document_submission, "none", "", "('c4ca4238a0b923820dcc509a6f75849b')"},
        {&sql_store_submissions_known, "none", "", "('{c4ca4238-a0b9-2382-0dcc-509a6f75849b}')"},
        {&sql_store_document_dead_letters, "lead", agent, "(NULL, 50)"},
        {&sql_store_document_sla_ticket, "agent", agent, "('EU-500')"},
        {&sql_store_document_sla_ticket, "agent", agent, "('AP-500')"},
        {&sql_store_document_sla_ticket, "agent", agent, "('XX-1')"},
        {&sql_store_document_sla_history, "lead", agent, "(NULL, 50, NULL)"},
        {&sql_store_document_sla_history, "lead", agent,
         "('01900000-0000-7000-8000-000000009000', 50, 'true')"},
        {&sql_store_document_audit, "lead", agent, "(NULL, 200)"},
        {&sql_store_document_audit, "lead", agent, "('01900000-0000-7000-8000-000000009000:2', 200)"},
        {&sql_store_session_lookup, "none", "", "('\\x00')"},
        {&sql_store_session_recent, "none", "", "(4102444800000000, 50)"},
        {&sql_store_feed_read, "system", "", "(30000, 200)"},
        {&sql_store_feed_bounds, "system", "", "(30000)"},
    };

    cr_assert_eq(PQstatus(pg), CONNECTION_OK);
    for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
        PQclear(PQexec(pg, modes[m]));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
            check_plan(pg, cases[i].statement, cases[i].kind, cases[i].login, cases[i].args);
    }
    PQfinish(pg);
}
