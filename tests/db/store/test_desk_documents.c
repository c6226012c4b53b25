/* What is read of the desk and not of one ticket: the queue, teams, keys, histories for audits, how it is.
 * Through row-level security as well. */
#include "base/encode.h"
#include "desk.h"
#include "meridian/errors.h"
#include "store/submission.h"
#include <criterion/criterion.h>

static struct desk desk;

static void set_up(void)
{
    desk_open_with_tickets(&desk);
}

static void tear_down(void)
{
    desk_close(&desk);
}
TestSuite(desk_documents, .init = set_up, .fini = tear_down);

/* ---- the queue ---- */

Test(desk_documents, the_queue_is_in_the_order_of_claims_and_pages_without_gap)
{
    _cleanup_buf_ struct buf seen = BUF_INIT;
    char cursor[128] = "";
    json_t *json;

    test_db_run(desk.db, "DELETE FROM desk.ready");
    for (int i = 0; i < 12; i++) { /* in three teams, priorities falling, deadlines equal in pairs */
        char number[16];
        snprintf(number, sizeof number, "EU-%d", 100 + i);
        desk_ticket(&desk, number, "requester-eu-1", 1 + i % 3, "new", NULL);
        test_db_runf(
            desk.db,
            "UPDATE desk.ready SET priority = %d, due_at = '2030-01-01'::timestamptz + interval '1 h' * %d"
            " WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%s')",
            4 - i / 4, 10 - i / 2, number);
    }
    do {
        cr_assert_eq(desk_read(&desk, "agent-eu-1", "queue", &json, "", cursor, "5", NULL), 0);
        buf_printf(&seen, "%s ", desk_numbers(json));
        snprintf(cursor, sizeof cursor, "%s", desk_text(json, "next"));
        json_decref(json);
    } while (cursor[0]);
    cr_assert_str_eq(buf_text(&seen),
                     "EU-110 EU-111 EU-108 EU-109 EU-106 EU-107 EU-104 EU-105 EU-102 EU-103 EU-100 EU-101 ");
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "queue", &json, "infrastructure", "", "50", NULL), 0);
    cr_assert_str_eq(desk_numbers(json), "EU-110 EU-107 EU-104 EU-101");
    json_decref(json);
}

Test(desk_documents, a_queue_is_for_its_team)
{
    json_t *json;

    cr_assert_eq(desk_read(&desk, "agent-eu-1", "queue", &json, "security", "", "5", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "queue", &json, "no-such-team", "", "5", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "queue", &json, "", "", "5", NULL), 0);
    cr_assert_str_eq(desk_numbers(json), "");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "queue", &json, "", "", "5", NULL), 0);
    cr_assert_str_eq(desk_numbers(json), "EU-1");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "lead-eu-1", "queue", &json, "security", "", "5", NULL), 0);
    cr_assert_str_eq(desk_numbers(json), "EU-3 EU-6");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "admin", "queue", &json, "", "", "5", NULL), 0);
    cr_assert_str_eq(desk_numbers(json), "EU-1 EU-3 EU-6", "an admin without teams: all");
    json_decref(json);
}

/* ---- the rest ---- */

Test(desk_documents, a_submission_is_found_by_its_key)
{
    char key[40];
    json_t *json;

    snprintf(key, sizeof key, "%s", test_db_text(desk.db, "SELECT md5('EU-3')"));
    cr_assert_eq(desk_read(&desk, NULL, "submission", &json, key, NULL), 0);
    cr_assert_str_eq(desk_text(json, "number"), "EU-3");
    cr_assert_str_eq(desk_text(json, "body_hash"),
                     test_db_text(desk.db, "SELECT encode(sha256('EU-3'), 'hex')"));
    json_decref(json);
    cr_assert_eq(desk_read(&desk, NULL, "submission", &json, "00000000000000000000000000000000", NULL),
                 -E_NOT_FOUND);
}

Test(desk_documents, many_keys_are_looked_up_at_once)
{
    static const char *const numbers[] = {"EU-3", NULL, "EU-1", "EU-3"};
    uint8_t keys[4][STORE_KEY_SIZE] = {{0}}, hash[AUTH_HASH_SIZE];
    struct store_known known[4];

    for (size_t i = 0; i < 4; i++) {
        _cleanup_buf_ struct buf bytes = BUF_INIT;
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT md5('%s')", numbers[i] ? numbers[i] : "no such");
        cr_assert_eq(buf_add_unhex(&bytes, str_from(test_db_text(desk.db, sql))), 0);
        memcpy(keys[i], bytes.p, STORE_KEY_SIZE);
    }
    cr_assert_eq(store_submissions_known(desk.conn, (const uint8_t(*)[STORE_KEY_SIZE])keys, 4, known), 0);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(known[i].found, numbers[i] != NULL);
        if (!numbers[i])
            continue;
        auth_sha256(numbers[i], strlen(numbers[i]), hash);
        cr_assert_str_eq(known[i].number, numbers[i]);
        cr_assert_str_eq(known[i].region, "eu");
        cr_assert_arr_eq(known[i].body_hash, hash, sizeof hash);
        cr_assert_gt(known[i].accepted_us, 0);
    }
}

Test(desk_documents, teams_and_users)
{
    json_t *json;

    cr_assert_eq(desk_read(&desk, "agent-eu-1", "teams", &json, NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 5, "not the restricted one");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "lead-eu-1", "teams", &json, NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 6);
    json_decref(json);
    cr_assert_eq(desk_read(&desk, NULL, "user", &json, "requester-ap-1", NULL), 0);
    cr_assert_str_eq(desk_text(json, "id"), test_db_text(desk.db, "SELECT md5('requester-ap-1')::uuid"));
    json_decref(json);
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'requester-ap-1'");
    cr_assert_eq(desk_read(&desk, NULL, "user", &json, "requester-ap-1", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "requester-ap-1", "me", &json, NULL), -E_NOT_FOUND);
}

Test(desk_documents, audit_walks_every_event_of_every_ticket_once)
{
    _cleanup_buf_ struct buf seen = BUF_INIT;
    char cursor[64] = "";
    const json_t *item;
    json_t *json;
    size_t i;

    desk_note(&desk, "EU-1", "agent-eu-1", "x");
    desk_event(&desk, "EU-2", "ticket.claimed", true);
    test_db_run(desk.db, "ALTER TABLE desk.event DISABLE TRIGGER event_append_only");
    test_db_run(
        desk.db,
        "DELETE FROM desk.event WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'EU-5')");
    for (const char *const *rows = (const char *const[]){"1", "2", "3", "8", "9", NULL}; *rows; rows++) {
        buf_reset(&seen);
        do {
            cr_assert_eq(desk_read(&desk, "lead-eu-1", "audit", &json, cursor, *rows, NULL), 0);
            json_array_foreach(json_object_get(json, "items"), i, item)
                buf_printf(&seen, "%s:%lld/%lld ", desk_text(item, "number"),
                           (long long)json_integer_value(json_object_get(item, "seq")),
                           (long long)json_integer_value(json_object_get(item, "head_seq")));
            snprintf(cursor, sizeof cursor, "%s", desk_text(json, "next"));
            json_decref(json);
        } while (cursor[0]);
        cr_assert_str_eq(buf_text(&seen),
                         "EU-1:1/2 EU-1:2/2 EU-2:1/2 EU-2:2/2 EU-3:1/1 EU-4:1/1 EU-5:0/1 EU-6:1/1 ",
                         "a ticket whose events are gone shows, %s rows a page: %s", *rows, buf_text(&seen));
    }
}

/* A page has to fit into a message of the bus: it ends when it is full of tickets, or of their events; and it
 * says where to go on also when nothing on it was wanted. */
Test(desk_documents, histories_of_clocks_page_by_tickets_and_bytes)
{
    json_t *json;

    desk_ticket(&desk, "EU-71", "requester-eu-1", 1, "new", NULL);
    desk_ticket(&desk, "EU-72", "requester-eu-1", 1, "closed", NULL);
    desk_ticket(&desk, "EU-73", "requester-eu-1", 1, "new", NULL);
    test_db_run(
        desk.db,
        "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash) SELECT 9, "
        "t.id, 2, 'ticket.noted', now(), 'x', false, jsonb_build_object('pad', repeat('x', 600000)), '' "
        "FROM desk.ticket t WHERE t.number = 'EU-71'");
    for (int wanted = 0; wanted < 2; wanted++) {
        _cleanup_buf_ struct buf seen = BUF_INIT;
        char after[64] = "";
        int pages = 0;

        do {
            const char *next;

            cr_assert_eq(
                desk_read(&desk, "lead-eu-1", "sla-history", &json, after, "2", wanted ? "true" : "", NULL),
                0);
            cr_assert_leq(json_array_size(json_object_get(json, "items")), 2);
            buf_printf(&seen, " %s ", desk_numbers(json));
            next = json_string_value(json_object_get(json, "next"));
            snprintf(after, sizeof after, "%s", next ? next : "");
            json_decref(json);
            pages++;
        } while (after[0]);
        cr_expect(strstr(buf_text(&seen), " EU-71 "), "alone on its page: %s", buf_text(&seen));
        cr_expect_eq(strstr(buf_text(&seen), "EU-72") != NULL, !wanted, "%s", buf_text(&seen));
        cr_expect(strstr(buf_text(&seen), "EU-73"), "%s", buf_text(&seen));
        cr_expect_gt(pages, 1);
    }
    cr_expect_eq(desk_read(&desk, "requester-eu-1", "sla-ticket", &json, "EU-71", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "sla-ticket", &json, "EU-71", NULL), 0);
    cr_expect_str_eq(desk_numbers(json), "EU-71");
    json_decref(json);
    cr_expect_eq(desk_read(&desk, "agent-eu-1", "sla-ticket", &json, "EU-7", NULL), -E_NOT_FOUND);
}

Test(desk_documents, rules_of_zones_page_by_bytes)
{
    char after[64] = "";
    json_t *json;

    for (int i = 0; i < 4; i++)
        test_db_runf(desk.db,
                     "INSERT INTO desk.tzdata (version, zones) VALUES ('%d', "
                     "jsonb_build_object('x', repeat('x', 300000)))",
                     i);
    for (int page = 0; page < 2; page++) {
        const json_t *items;

        cr_assert_eq(desk_read(&desk, "lead-eu-1", "tzdata", &json, after, "5", NULL), 0);
        items = json_object_get(json, "items");
        cr_assert_eq(json_array_size(items), 2, "%zu", json_array_size(items));
        for (int i = 0; i < 2; i++)
            cr_expect_eq(
                atoi(json_string_value(json_object_get(json_array_get(items, (size_t)i), "version"))),
                3 - 2 * page - i);
        cr_assert_eq(json_is_string(json_object_get(json, "next")), page == 0);
        if (page == 0)
            snprintf(after, sizeof after, "%s", json_string_value(json_object_get(json, "next")));
        json_decref(json);
    }
}

Test(desk_documents, status_counts_and_dead_letters_list)
{
    json_t *json;

    test_db_run(
        desk.db,
        "INSERT INTO desk.instance (instance, service, region, version, started_at, seen_at, stats) VALUES"
        " ('intake-eu-1', 'intake', 'eu', '1', now(), now(), '{\"spool_depth\": 3}'),"
        " ('intake-ap-1', 'intake', 'ap', '1', now(), now() - interval '1 min', '{\"spool_depth\": 4}')");
    test_db_run(desk.db,
                "INSERT INTO desk.delivery (id, ticket_id, position, type, channel, region, destination, "
                "payload, state, next_at)"
                " SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, (SELECT id FROM desk.ticket "
                "WHERE number = 'EU-1'), n,"
                " 'ticket.created', 'mail', 'eu', 'a@b', '{}', s, CASE WHEN s = 'queued' THEN now() END"
                " FROM (VALUES (1, 'dead'), (2, 'queued'), (3, 'uncertain'), (4, 'delivered'), (5, 'dead')) "
                "v (n, s)");
    cr_assert_eq(desk_read(&desk, NULL, "status", &json, NULL), 0);
    cr_assert_eq(json_integer_value(json_object_get(json, "spool_depth")), 7);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json, "deliveries"), "dead")), 2);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json, "deliveries"), "queued")), 1);
    cr_assert(json_is_false(json_object_get(json_array_get(json_object_get(json, "instances"), 0), "alive")),
              "ap is first, and silent");
    cr_assert(json_is_true(json_object_get(json_array_get(json_object_get(json, "instances"), 1), "alive")));
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "lead-eu-1", "dead-letters", &json, "", "2", NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 2);
    cr_assert_str_eq(desk_text(json, "next"), "01900000-0000-7000-8000-000000000003");
    cr_assert_str_eq(desk_text(json_array_get(json_object_get(json, "items"), 0), "ticket"), "EU-1");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "dead-letters", &json, "", "2", NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 0,
                 "hidden from agents by the database itself");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, NULL, "replication", &json, NULL), 0);
    cr_assert(json_is_array(json_object_get(json, "replication")));
    json_decref(json);
}

/* On shift is who sits at a desk that is open, whatever team is asked about: as for claims. */
Test(desk_documents, agents_are_on_shift_by_their_own_desk)
{
    json_t *json, *agent;

    test_db_run(desk.db,
                "INSERT INTO desk.desk (name, region) VALUES ('open', 'eu'); INSERT INTO desk.shift "
                "(desk, opens_at, closes_at) VALUES ('open', now() - interval '1 h', now() + "
                "interval '1 h'); INSERT INTO desk.agent_desk (user_id, desk) VALUES "
                "(md5('agent-eu-1')::uuid, 'open') ON CONFLICT (user_id) DO UPDATE SET desk = 'open'");
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "agents", &json, "service-desk", "agent-ap-9", "1", NULL), 0);
    agent = json_array_get(json_object_get(json, "items"), 0);
    cr_expect_str_eq(desk_text(agent, "login"), "agent-eu-1");
    cr_expect(json_is_true(json_object_get(agent, "on_shift")));
    json_decref(json);
}
