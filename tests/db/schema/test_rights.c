/* Who may do what in the database, tried by the roles themselves. The superuser prepares and looks; roles
 * sign in. */
#include "harness.h"
#include <criterion/criterion.h>
#include <stdio.h>

#define DENIED "42501"

static struct test_db *db;

static const char *user(const char *login)
{
    char sql[160];

    snprintf(sql, sizeof sql, "SELECT id FROM desk.app_user WHERE login = '%s'", login);
    return test_db_text(db, sql);
}

/* A ticket with an event, a reply, a note, clocks and a place in the queue. */
static void add_ticket(int n, const char *requester, int team)
{
    test_db_runf(
        db,
        "WITH t AS (INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
        "channel, subject, description, impact, urgency, priority, language,"
        " requester_id, submitter_id, team_id, restricted, accepted_at, event_seq, event_hash)"
        " SELECT md5('t%d')::uuid, 'EU-%d', md5('k%d')::uuid, 'key', '', 'eu', 'api', 'subject', "
        "'description', 2, 2, 3, 'en', u.id, u.id, g.id, g.restricted, now(), 1, '\\x00'"
        " FROM desk.app_user u, desk.team g WHERE u.login = '%s' AND g.id = %d RETURNING *),"
        " e AS (INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, hash)"
        "  SELECT desk.feed_position(s), id, s, 'ticket.created', now(), 'x', s = 1, '\\x00' FROM t, "
        "generate_series(1, 2) s),"
        " y AS (INSERT INTO desk.reply SELECT md5('y' || id)::uuid, id, 1, requester_id, true, 'public', "
        "now() FROM t),"
        " o AS (INSERT INTO desk.note SELECT md5('o' || id)::uuid, id, 2, requester_id, 'internal', now() "
        "FROM t),"
        " c AS (INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, "
        "due_at, warn_at, fire_at)"
        "  SELECT id, 'resolve', 'running', now(), 60, 75, now() + interval '1 hour', now(), now() FROM t),"
        " a AS (INSERT INTO desk.ticket_alias SELECT 'EU-9%d', id, 'eu' FROM t),"
        " x AS (INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 1, id, 1, "
        "'ticket.created' FROM t),"
        " d AS (INSERT INTO desk.delivery (id, ticket_id, position, type, channel, region, destination, "
        "payload, state)"
        "  SELECT md5('d' || id)::uuid, id, 1, 'ticket.created', 'mail', 'eu', 'a@example.test', '{}', "
        "'dead' FROM t)"
        " INSERT INTO desk.ready SELECT id, team_id, priority, now(), now() FROM t",
        n, n, n, requester, team, n);
    test_db_runf(db,
                 "INSERT INTO desk.delivery_attempt SELECT id, 1, now(), 'eu', 'dead', '550 refused' FROM "
                 "desk.delivery WHERE ticket_id = md5('t%d')::uuid",
                 n);
}

static void setup(void)
{
    db = test_db_new();
    test_db_people(db);
    /* agent-eu-2 is in no restricted team; lead-eu-1 is in all; agent-eu-1 is in the open ones. */
    add_ticket(1, "requester-eu-1", 1);
    add_ticket(2, "requester-ap-1", 1);
    add_ticket(3, "requester-ap-1", 6);
}

static void teardown(void)
{
    test_db_free(db);
}

TestSuite(rights, .init = setup, .fini = teardown);

static int64_t seen(const char *role, const char *kind, const char *user_id, const char *teams,
                    const char *table)
{
    const char *value = NULL, *sqlstate;
    char sql[160];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM desk.%s", table);
    sqlstate = test_db_try(db, role, kind, user_id, teams, sql, &value);
    cr_assert_str_eq(sqlstate, "", "%s as %s of %s: %s", role, kind, table, sqlstate);
    return strtoll(value, NULL, 10);
}

/* As somebody who lifts the read-only default of the role, which is a courtesy and no barrier. */
static const char *tried(const char *role, const char *sql)
{
    char text[500];

    snprintf(text, sizeof text, "SET transaction_read_only = off; %s", sql);
    return test_db_try(db, role, "system", NULL, NULL, text, NULL);
}

/* Rows of every table that belongs to a ticket: ticket, alias, event, reply, note, ready, clock, outbox,
 * delivery, delivery_attempt. */
static const char *const tables[] = {"ticket", "ticket_alias", "event",  "reply",    "note",
                                     "ready",  "clock",        "outbox", "delivery", "delivery_attempt"};

static void expect_seen(const char *kind, const char *login, const char *teams, const int expected[10])
{
    for (int i = 0; i < 10; i++)
        cr_expect_eq(seen("meridian_intake", kind, login ? user(login) : NULL, teams, tables[i]), expected[i],
                     "%s %s sees %lld of %s, not %d", kind, login ? login : "",
                     (long long)seen("meridian_intake", kind, login ? user(login) : NULL, teams, tables[i]),
                     tables[i], expected[i]);
}

Test(rights, without_settings_intake_sees_nothing)
{
    expect_seen(NULL, NULL, NULL, (const int[10]){0});
    expect_seen("", NULL, "", (const int[10]){0});
    expect_seen("nonsense", "admin", "{1,2,3,4,5,6}", (const int[10]){0});
}

Test(rights, a_requester_sees_own_tickets_only)
{
    expect_seen("requester", "requester-eu-1", "{}", (const int[10]){1, 1, 1, 1, 0, 0, 1, 0, 0, 0});
    expect_seen("requester", "requester-ap-1", "", (const int[10]){2, 2, 2, 2, 0, 0, 2, 0, 0, 0});
    expect_seen("requester", "agent-eu-1", "{1}", (const int[10]){0});
}

Test(rights, a_restricted_team_is_hidden_from_others)
{
    expect_seen("agent", "agent-eu-1", "{1,2,3,4,5}", (const int[10]){2, 2, 4, 2, 2, 2, 2, 3, 0, 0});
    expect_seen("agent", "agent-eu-1", "{1,6}", (const int[10]){3, 3, 6, 3, 3, 3, 3, 3, 0, 0});
    expect_seen("lead", "lead-eu-1", "{1,6}", (const int[10]){3, 3, 6, 3, 3, 3, 3, 3, 3, 3});
    expect_seen("lead", "lead-eu-1", "{1}", (const int[10]){2, 2, 4, 2, 2, 2, 2, 3, 2, 2});
    expect_seen("admin", "admin", "{}", (const int[10]){3, 3, 6, 3, 3, 3, 3, 3, 3, 3});
    expect_seen("system", NULL, NULL, (const int[10]){3, 3, 6, 3, 3, 3, 3, 3, 3, 3});
}

Test(rights, intake_cannot_write_anything)
{
    static const char *const writes[] = {
        "INSERT INTO desk.session (token_hash, user_id, kind, expires_at) SELECT sha256('x'), id, 'session', "
        "now() FROM desk.app_user LIMIT 1",
        "UPDATE desk.ticket SET subject = 'x'",
        "DELETE FROM desk.ready",
        "TRUNCATE desk.ready",
        "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, hash) VALUES (1, "
        "gen_random_uuid(), 1, 'a.b', now(), 'x', true, '')",
        "SELECT desk.sla_fire(md5('t1')::uuid, 'resolve', 1, 'x', 1)",
        "UPDATE desk.calendar_feed SET next_at = now()",
        "SELECT desk.feed_take(1)",
        "SELECT desk.feed_told('DE', 1, NULL, NULL, NULL, NULL)",
        "SELECT desk.partitions_ensure(5)",
        "CREATE TABLE desk.x (i int)",
        "CREATE TABLE public.x (i int)",
        "CREATE SCHEMA x",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT 1 FROM desk.ticket FOR UPDATE",
    };

    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        cr_expect_str_eq(tried("meridian_intake", writes[i]), DENIED, "%s", writes[i]);
    cr_expect_str_eq(test_db_try(db, "meridian_intake", NULL, NULL, NULL, "CREATE TABLE x (i int)", NULL),
                     "25006");
    cr_expect_str_eq(tried("meridian_intake", "SET ROLE meridian_router"), DENIED);
    cr_expect_str_eq(tried("meridian_intake", "SET ROLE meridian_owner"), DENIED);
}

Test(rights, nobody_makes_temporary_tables)
{
    /* The right belongs to the database, which a copy of a template does not inherit: asked of the
     * migration's own text. */
    test_db_run(db, "DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', "
                    "current_database()); END $$");
    cr_assert_str_eq(tried("meridian_router", "CREATE TEMP TABLE x (i int)"), DENIED);
}

Test(rights, secrets_are_for_those_who_need_them)
{
    cr_expect_str_eq(tried("meridian_intake", "SELECT * FROM desk.user_password"), DENIED);
    cr_expect_str_eq(tried("meridian_sla", "SELECT * FROM desk.user_password"), DENIED);
    cr_expect_str_eq(tried("meridian_notifier", "SELECT * FROM desk.user_password"), DENIED);
    cr_expect_str_eq(tried("meridian_router", "SELECT * FROM desk.user_password"), "");
    cr_expect_str_eq(tried("meridian_intake", "SELECT secret FROM desk.webhook_endpoint"), DENIED);
    cr_expect_str_eq(tried("meridian_router", "SELECT secret FROM desk.webhook_endpoint"), DENIED);
    cr_expect_str_eq(tried("meridian_intake", "SELECT response FROM desk.command"), DENIED);
    cr_expect_str_eq(tried("meridian_notifier", "SELECT token_hash FROM desk.session"), DENIED);
}

Test(rights, the_notifier_knows_no_notes_and_moves_no_webhook)
{
    cr_expect_str_eq(tried("meridian_notifier", "SELECT body FROM desk.note"), DENIED);
    cr_expect_str_eq(tried("meridian_notifier", "SELECT body FROM desk.reply"), "");
    cr_expect_str_eq(
        tried("meridian_notifier", "UPDATE desk.webhook_endpoint SET url = 'http://elsewhere.example.test'"),
        DENIED);
    cr_expect_str_eq(
        tried("meridian_notifier", "UPDATE desk.webhook_endpoint SET disabled_at = now() WHERE id = 0"), "");
    cr_expect_str_eq(tried("meridian_notifier", "UPDATE desk.ticket SET subject = 'x'"), DENIED);
    cr_expect_str_eq(tried("meridian_notifier", "UPDATE desk.outbox SET type = 'a.b'"), DENIED);
    cr_expect_str_eq(tried("meridian_notifier", "DELETE FROM desk.outbox"), "");
}

Test(rights, only_the_router_writes_tickets)
{
    static const char *const writes[] = {
        "UPDATE desk.ticket SET subject = 'x'", "DELETE FROM desk.ready",
        "UPDATE desk.clock SET generation = 9",
        "INSERT INTO desk.ticket_alias VALUES ('EU-77', md5('t1')::uuid, 'eu')"};
    static const char *const others[] = {"meridian_intake", "meridian_sla", "meridian_notifier",
                                         "meridian_report"};

    for (size_t w = 0; w < 4; w++) {
        for (size_t i = 0; i < 4; i++)
            cr_expect_str_eq(tried(others[i], writes[w]), DENIED, "%s: %s", others[i], writes[w]);
        cr_expect_str_eq(tried("meridian_router", writes[w]), "", "%s", writes[w]);
    }
    cr_expect_str_eq(tried("meridian_router", "DELETE FROM desk.ticket"), DENIED);
    cr_expect_str_eq(tried("meridian_router", "UPDATE desk.reply SET body = 'x'"), DENIED);
    cr_expect_str_eq(tried("meridian_router", "UPDATE desk.delivery SET destination = 'b@example.test'"),
                     DENIED);
}

Test(rights, the_scheduler_writes_through_its_function_only)
{
    cr_expect_str_eq(
        tried("meridian_sla", "SELECT desk.sla_fire(md5('t1')::uuid, 'resolve', 1, 'system:sla', 1)"), "");
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.event WHERE type = 'sla.warned'"), 1);
    cr_expect_str_eq(tried("meridian_sla",
                           "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, "
                           "hash) VALUES (1, gen_random_uuid(), 1, 'a.b', now(), 'x', true, '')"),
                     DENIED);
    cr_expect_str_eq(tried("meridian_sla", "SELECT * FROM desk.reply"), DENIED);
    cr_expect_str_eq(tried("meridian_sla", "SELECT desk.feed_take(1)"), "");
    cr_expect_str_eq(tried("meridian_sla", "UPDATE desk.calendar_feed SET fetched = '{}'"), DENIED);
    cr_expect_str_eq(tried("meridian_sla", "SELECT desk.feed_told('DE', 1, NULL, NULL, NULL, NULL)"), "");
    cr_expect_str_eq(tried("meridian_notifier", "SELECT desk.feed_take(1)"), DENIED);
}

Test(rights, events_are_append_only_even_for_the_superuser)
{
    static const char *const changes[] = {"UPDATE desk.event SET actor = 'x'", "DELETE FROM desk.event",
                                          "TRUNCATE desk.event"};

    for (size_t i = 0; i < 3; i++) {
        cr_expect_str_eq(tried(NULL, changes[i]), "23001", "%s", changes[i]);
        cr_expect_str_eq(tried("meridian_router", changes[i]), DENIED, "%s", changes[i]);
    }
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.event"), 6);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                                 "WHERE i.inhparent = 'desk.event'::regclass"
                                 " AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND "
                                 "t.tgname = 'event_append_only')"),
                 0, "every partition has the trigger");
}

Test(rights, a_partition_is_no_way_around)
{
    const char *name = test_db_text(db, "SELECT tableoid::regclass FROM desk.event LIMIT 1");
    static const char *const roles[] = {"meridian_intake", "meridian_router", "meridian_sla",
                                        "meridian_notifier", "meridian_report"};
    char sql[160];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", name);
    for (size_t i = 0; i < 5; i++) {
        const char *value = NULL, *sqlstate = test_db_try(db, roles[i], "requester", user("requester-eu-1"),
                                                          "", sql, &value);

        cr_expect(!strcmp(sqlstate, DENIED) || !strcmp(value, "0"), "%s reads %s", roles[i], name);
    }
}

Test(rights, reports_see_open_tickets_without_texts)
{
    static const char *const views[] = {"ticket", "event", "clock", "queue"};
    const char *value;

    for (size_t i = 0; i < 4; i++) {
        char sql[80];

        snprintf(sql, sizeof sql, "SELECT count(*) FROM meridian_api.%s", views[i]);
        cr_expect_str_eq(test_db_try(db, "meridian_report", NULL, NULL, NULL, sql, &value), "", "%s",
                         views[i]);
        cr_expect_eq(strtol(value, NULL, 10), i == 1 ? 4 : 2, "%s: %s", views[i], value);
    }
    cr_expect_str_eq(tried("meridian_report", "SELECT description FROM desk.ticket"), DENIED);
    cr_expect_str_eq(tried("meridian_report", "SELECT email FROM desk.app_user"), DENIED);
    cr_expect_str_eq(tried("meridian_report", "SELECT * FROM desk.reply"), DENIED);
    cr_expect_str_eq(tried("meridian_intake", "SELECT * FROM meridian_api.ticket"), DENIED);
}

Test(rights, the_owner_is_subject_to_row_level_security_too)
{
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
                                 "AND a.attname = 'ticket_id' AND NOT a.attisdropped"
                                 " WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p') "
                                 "AND NOT c.relispartition"
                                 " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"),
                 0, "a table with ticket_id without forced row-level security: %s",
                 test_db_text(db,
                              "SELECT string_agg(c.relname, ', ') FROM pg_class c JOIN pg_attribute a ON "
                              "a.attrelid = c.oid AND a.attname = 'ticket_id'"
                              " WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p') AND "
                              "NOT c.relispartition AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"));
    cr_expect_eq(test_db_int(db,
                             "SELECT count(*) FROM pg_class WHERE oid IN ('desk.ticket'::regclass, "
                             "'desk.delivery_attempt'::regclass) AND relrowsecurity AND relforcerowsecurity"),
                 2);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM pg_class WHERE relispartition AND relnamespace = "
                                 "'desk'::regnamespace AND relkind = 'r' AND NOT relrowsecurity"),
                 0);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'meridian%' AND "
                                 "(rolbypassrls OR rolsuper OR rolcreaterole OR rolcreatedb)"),
                 0);
}

Test(rights, every_role_that_signs_in_has_its_limits)
{
    static const char *const roles[] = {"meridian_intake", "meridian_router", "meridian_sla",
                                        "meridian_notifier", "meridian_report"};

    cr_expect_eq(
        test_db_int(db, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'meridian%' AND rolcanlogin"), 5);
    for (size_t i = 0; i < 5; i++) {
        const char *value = NULL;

        test_db_try(db, roles[i], NULL, NULL, NULL, "SELECT current_setting('statement_timeout')", &value);
        cr_expect_str_neq(value, "0", "%s", roles[i]);
        test_db_try(db, roles[i], NULL, NULL, NULL,
                    "SELECT current_setting('idle_in_transaction_session_timeout')", &value);
        cr_expect_str_neq(value, "0", "%s", roles[i]);
    }
}

Test(rights, views_are_commented)
{
    cr_expect_eq(
        test_db_int(db, "SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'meridian_api'::regnamespace "
                        "AND c.relkind = 'v' AND obj_description(c.oid) IS NULL"),
        0);
    cr_expect_null(test_db_text(db, "SELECT string_agg(c.relname || '.' || a.attname, ', ') FROM pg_class c "
                                    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                                    " WHERE c.relnamespace = 'meridian_api'::regnamespace AND c.relkind = "
                                    "'v' AND col_description(c.oid, a.attnum) IS NULL"));
    cr_expect_geq(
        test_db_int(db, "SELECT count(*) FROM pg_class WHERE relnamespace = 'meridian_api'::regnamespace"),
        4);
}

Test(rights, text_sorts_by_code_point)
{
    cr_expect_str_eq(
        test_db_text(db, "SELECT datcollate || ' ' || datctype || ' ' || pg_encoding_to_char(encoding) FROM "
                         "pg_database WHERE datname = current_database()"),
        "C.UTF-8 C.UTF-8 UTF8");
    cr_expect_str_eq(
        test_db_text(db, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{b,B,é,安,a}'::text[]) x"),
        "Babé安");
}
