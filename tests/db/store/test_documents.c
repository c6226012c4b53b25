/* What each kind of reader sees. Every document is read through row-level security, so a hidden ticket is
 * missing and not refused. */
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
TestSuite(documents, .init = set_up, .fini = tear_down);

static void expect_sees(const char *login, const char *number, bool sees)
{
    json_t *json;
    int r = desk_read(&desk, login, "ticket", &json, number, "en", NULL);

    cr_assert_eq(r, sees ? 0 : -E_NOT_FOUND, "%s %s: %d", login, number, r);
    json_decref(json);
    r = desk_read(&desk, login, "events", &json, number, "", "50", NULL);
    cr_assert_eq(r, sees ? 0 : -E_NOT_FOUND, "events: %s %s: %d", login, number, r);
    json_decref(json);
}

Test(documents, who_sees_which_ticket)
{
    static const struct {
        const char *login, *sees; /* a letter per ticket, EU-1 first */
    } matrix[] = {
        {"requester-eu-1", "x.xx.."},
        {"requester-ap-1", ".x..x."},
        {"agent-eu-1", "xx.xx."},
        {"agent-eu-2", "xx.xxx"},
        {"lead-eu-1", "xxxxxx"},
        {"admin", "xxxxxx"},
        {NULL, "xxxxxx"},
    };

    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++)
        for (int t = 0; t < 6; t++) {
            char number[8];
            snprintf(number, sizeof number, "EU-%d", t + 1);
            expect_sees(matrix[i].login, number, matrix[i].sees[t] == 'x');
        }
}

Test(documents, lists_show_exactly_what_may_be_seen)
{
    static const struct {
        const char *login, *numbers;
    } matrix[] = {
        {"requester-eu-1", "EU-4 EU-3 EU-1"},           {"requester-ap-1", "EU-5 EU-2"},
        {"agent-eu-1", "EU-5 EU-4 EU-2 EU-1"},          {"agent-eu-2", "EU-6 EU-5 EU-4 EU-2 EU-1"},
        {"lead-eu-1", "EU-6 EU-5 EU-4 EU-3 EU-2 EU-1"},
    };

    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        json_t *json;
        cr_assert_eq(
            desk_read(&desk, matrix[i].login, "tickets", &json, "", "50", "", "", "", "", "", "", NULL), 0);
        cr_assert_str_eq(desk_numbers(json), matrix[i].numbers, "%s: %s", matrix[i].login,
                         desk_numbers(json));
        cr_assert(json_is_null(json_object_get(json, "next")));
        json_decref(json);
    }
}

Test(documents, an_unknown_kind_of_reader_sees_nothing)
{
    Meridian__Principal nobody = MERIDIAN__PRINCIPAL__INIT;
    _cleanup_buf_ struct buf json = BUF_INIT;
    const char *args[] = {"EU-1", "en"};
    struct db_visibility who;

    for (uint32_t role = 0; role < 8; role++) {
        if (role >= 1 && role <= 4)
            continue;
        nobody.role = role;
        nobody.user_id = (char *)test_db_text(desk.db, "SELECT md5('requester-eu-1')::uuid");
        who = store_visibility(&nobody);
        cr_assert_eq(store_document(desk.conn, NULL, "ticket", &who, args, 2, &json), -E_NOT_FOUND);
    }
}

Test(documents, filters_and_pages)
{
    static const struct {
        const char *document, *state, *team, *priority, *region, *owned, *login, *numbers;
    } cases[] = {
        {"tickets", "new", "", "", "", "", "", "EU-3 EU-1"},
        {"tickets", "", "service-desk", "", "", "", "", "EU-2 EU-1"},
        {"tickets", "", "", "4", "", "", "", ""},
        {"tickets", "", "", "", "ap", "", "", ""},
        {"tickets", "", "", "", "", "true", "", "EU-5 EU-4 EU-2"},
        {"tickets", "", "", "", "", "false", "", "EU-6 EU-3 EU-1"},
        {"tickets", "", "no-such-team", "", "", "", "", ""},
        {"tickets-of-requester", "", "", "", "", "", "requester-ap-1", "EU-5 EU-2"},
        {"tickets-of-requester", "", "", "", "", "", "nobody", ""},
        {"tickets-of-requester", "", "", "", "", "", "", ""},
        {"tickets-of-owner", "", "", "", "", "", "agent-ap-1", "EU-4"},
        {"tickets-of-owner", "", "", "", "", "", "", ""},
    };
    char cursor[64] = "";
    _cleanup_buf_ struct buf seen = BUF_INIT;
    json_t *json;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(desk_read(&desk, "lead-eu-1", cases[i].document, &json, "", "50", cases[i].state,
                               cases[i].team, cases[i].priority, cases[i].region, cases[i].owned,
                               cases[i].login, NULL),
                     0);
        cr_assert_str_eq(desk_numbers(json), cases[i].numbers, "case %zu: %s", i, desk_numbers(json));
        json_decref(json);
    }
    for (int page = 0; page < 3; page++) {
        cr_assert_eq(
            desk_read(&desk, "lead-eu-1", "tickets", &json, cursor, "2", "", "", "", "", "", "", NULL), 0);
        buf_printf(&seen, "%s|", desk_numbers(json));
        snprintf(cursor, sizeof cursor, "%s", desk_text(json, "next"));
        cr_assert_eq(cursor[0] != 0, page < 2);
        json_decref(json);
    }
    cr_assert_str_eq(buf_text(&seen), "EU-6 EU-5|EU-4 EU-3|EU-2 EU-1|");
}

Test(documents, notes_are_for_agents_only)
{
    json_t *json;

    desk_reply(&desk, "EU-1", "agent-eu-1", "We look into it");
    desk_note(&desk, "EU-1", "agent-eu-1", "He again");
    desk_reply(&desk, "EU-1", "requester-eu-1", "Thank you");
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "ticket", &json, "EU-1", "en", NULL), 0);
    cr_assert_null(json_object_get(json, "notes"));
    cr_assert_eq(json_array_size(json_object_get(json, "thread")), 2);
    cr_assert(
        json_is_false(json_object_get(json_array_get(json_object_get(json, "thread"), 0), "from_requester")));
    cr_assert(
        json_is_true(json_object_get(json_array_get(json_object_get(json, "thread"), 1), "from_requester")));
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "events", &json, "EU-1", "", "50", NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 3);
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-us-1", "ticket", &json, "EU-1", "en", NULL), 0);
    cr_assert_str_eq(desk_text(json_array_get(json_object_get(json, "notes"), 0), "body"), "He again");
    cr_assert_str_eq(desk_text(json_array_get(json_object_get(json, "notes"), 0), "author"), "agent-eu-1");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-us-1", "events", &json, "EU-1", "1", "2", NULL), 0);
    cr_assert_eq(json_array_size(json_object_get(json, "items")), 2);
    cr_assert_str_eq(desk_text(json, "next"), "3");
    json_decref(json);
}

Test(documents, a_ticket_says_who_has_it_and_what_is_next_in_two_languages)
{
    static const struct {
        const char *number, *language, *who, *what;
    } cases[] = {
        {"EU-1", "en", "Waiting in the queue of Service desk.", "First answer"},
        {"EU-1", "zh", "在“服务台”的队列中等待领取。", "首次答复"},
        {"EU-2", "en", "agent-eu-1 (eu) is working on it.", "First answer"},
        {"EU-2", "zh", "agent-eu-1（eu）正在处理。", "首次答复"},
        {"EU-4", "en", "agent-ap-1 (eu) has it, on hold: waiting for a part",
         "Work goes on after the hold, or when the requester replies"},
        {"EU-5", "en", "Resolved by agent-us-1 (eu), waiting for the requester to confirm.",
         "The requester confirms or reopens"},
        {"EU-5", "zh", "agent-us-1（eu）已解决，等待请求人确认。", "请求人确认解决，或重新打开"},
    };
    json_t *json;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(desk_read(&desk, "admin", "ticket", &json, cases[i].number, cases[i].language, NULL), 0);
        cr_assert_str_eq(desk_text(json, "who"), cases[i].who);
        cr_assert_str_eq(desk_text(json, "next_step.what"), cases[i].what);
        json_decref(json);
    }
    test_db_run(desk.db,
                "INSERT INTO desk.timer (ticket_id, name, fire_at, generation) SELECT id, 'auto_close', "
                "'2026-12-01T08:00:00Z', 1 FROM desk.ticket WHERE number = 'EU-5'");
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "ticket", &json, "EU-5", "en", NULL), 0);
    cr_assert_str_eq(desk_text(json, "next_step.what"),
                     "The requester confirms or reopens; else it closes by itself");
    cr_assert_str_eq(desk_text(json, "next_step.by"), "2026-12-01T08:00:00.000Z");
    json_decref(json);
    test_db_run(desk.db,
                "DELETE FROM desk.timer; UPDATE desk.ticket SET state = 'cancelled' WHERE number = 'EU-1'");
    cr_assert_eq(desk_read(&desk, "admin", "ticket", &json, "EU-1", "en", NULL), 0);
    cr_assert_str_eq(desk_text(json, "who"), "Cancelled.");
    cr_assert(json_is_null(json_object_get(json, "next_step")));
    json_decref(json);
}

Test(documents, a_ticket_has_every_member)
{
    static const char *const members[] = {"number",
                                          "key",
                                          "subject",
                                          "description",
                                          "state",
                                          "priority",
                                          "impact",
                                          "urgency",
                                          "service",
                                          "language",
                                          "attributes",
                                          "tags",
                                          "skills",
                                          "region",
                                          "channel",
                                          "requester",
                                          "team",
                                          "owner",
                                          "epoch",
                                          "version",
                                          "pending_reason",
                                          "pending_until",
                                          "clocks",
                                          "thread",
                                          "resolution",
                                          "aliases",
                                          "who",
                                          "next_step",
                                          "accepted_at",
                                          "created_at",
                                          "updated_at",
                                          "first_response_at",
                                          "resolved_at",
                                          "closed_at",
                                          "reopen_until",
                                          "notes",
                                          "as_of",
                                          "lag_ms",
                                          "journey",
                                          "nudges",
                                          "stage",
                                          "waits_for",
                                          "links",
                                          "merged",
                                          "merged_at",
                                          "customer",
                                          "site",
                                          "offered_to",
                                          "handover",
                                          "prepared_handover"};
    json_t *json;

    cr_assert_eq(desk_read(&desk, "lead-eu-1", "ticket", &json, "EU-5", "en", NULL), 0);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        cr_assert_not_null(json_object_get(json, members[i]), "%s", members[i]);
    cr_assert_eq(json_object_size(json), sizeof members / sizeof members[0]);
    cr_assert_str_eq(desk_text(json, "resolution.solution"), "Replaced");
    cr_assert_str_eq(desk_text(json, "attributes.floor"), "3");
    cr_assert_str_eq(desk_text(json, "team.slug"), "infrastructure");
    cr_assert_str_eq(desk_text(json, "owner.region"), "eu");
    cr_assert_eq(json_integer_value(json_object_get(json, "lag_ms")), 0, "this is the primary");
    json_decref(json);
}

Test(documents, whose_a_ticket_is_for_agents_only)
{
    json_t *json;

    test_db_run(desk.db, "UPDATE desk.ticket SET customer = '{\"name\": \"acme\", \"title\": null, \"tier\": "
                         "\"strategic\"}', site = 'Lund' WHERE number = 'EU-1'");
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "ticket", &json, "EU-1", "en", NULL), 0);
    cr_assert(!json_object_get(json, "customer") && !json_object_get(json, "site"));
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-us-1", "ticket", &json, "EU-1", "en", NULL), 0);
    cr_assert_str_eq(desk_text(json, "customer.tier"), "strategic");
    cr_assert_str_eq(desk_text(json, "site"), "Lund");
    json_decref(json);
}

Test(documents, what_the_desk_says_of_requesters_is_no_event_of_theirs)
{
    json_t *json, *data;

    test_db_run(desk.db,
                "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash) "
                "SELECT desk.feed_position(0), t.id, 2, 'ticket.created', now(), 'agent-eu-1', true, "
                "'{\"customer\": \"acme\", \"customer_tier\": \"standard\", \"contract\": \"c\", "
                "\"site\": \"s\", \"zone\": \"UTC\", \"state\": \"new\"}', '\\x02' "
                "FROM desk.ticket t WHERE t.number = 'EU-1'");
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "events", &json, "EU-1", "1", "10", NULL), 0);
    data = json_object_get(json_array_get(json_object_get(json, "items"), 0), "data");
    cr_assert_str_eq(desk_text(data, "state"), "new");
    cr_assert_eq(json_object_size(data), 1);
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "agent-us-1", "events", &json, "EU-1", "1", "10", NULL), 0);
    data = json_object_get(json_array_get(json_object_get(json, "items"), 0), "data");
    cr_assert_str_eq(desk_text(data, "customer"), "acme");
    json_decref(json);
}

Test(documents, teams_say_who_is_on_duty)
{
    const json_t *team = NULL, *item;
    json_t *json;
    size_t i;

    test_db_run(desk.db,
                "UPDATE desk.team SET duty_main = 'first', duty_backup = 'second', backup_after_s = 60 "
                "WHERE slug = 'experts'");
    test_db_run(desk.db,
                "INSERT INTO desk.duty SELECT id, 'main', 'agent-eu-1', now() - interval '1 h', 'infinity' "
                "FROM desk.team WHERE slug = 'experts'");
    test_db_run(desk.db, "INSERT INTO desk.duty SELECT id, 'backup', 'agent-us-1', now() + interval '1 h', "
                         "'infinity' FROM desk.team WHERE slug = 'experts'");
    cr_assert_eq(desk_read(&desk, "agent-eu-1", "teams", &json, NULL), 0);
    json_array_foreach(json_object_get(json, "items"), i, item)
    {
        if (strcmp(desk_text(item, "slug"), "experts") == 0)
            team = item;
        else
            cr_assert(json_is_null(json_object_get(item, "on_duty")));
    }
    cr_assert_not_null(team);
    cr_assert_str_eq(desk_text(team, "on_duty.main.schedule"), "first");
    item = json_object_get(json_object_get(json_object_get(team, "on_duty"), "main"), "people");
    cr_assert_eq(json_array_size(item), 1);
    cr_assert_str_eq(desk_text(json_array_get(item, 0), "login"), "agent-eu-1");
    cr_assert(json_is_null(json_object_get(json_array_get(item, 0), "until")));
    item = json_object_get(json_object_get(json_object_get(team, "on_duty"), "backup"), "people");
    cr_assert_eq(json_array_size(item), 0, "their turn is later");
    json_decref(json);
}

Test(documents, an_alias_leads_to_its_ticket)
{
    json_t *json;

    test_db_run(
        desk.db,
        "INSERT INTO desk.ticket_alias SELECT 'AP-9', id, 'ap' FROM desk.ticket WHERE number = 'EU-1'");
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "ticket", &json, "AP-9", "en", NULL), 0);
    cr_assert_str_eq(desk_text(json, "number"), "EU-1");
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(json, "aliases"), 0)), "AP-9");
    json_decref(json);
    cr_assert_eq(desk_read(&desk, "requester-ap-1", "ticket", &json, "AP-9", "en", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "requester-ap-1", "events", &json, "AP-9", "", "5", NULL), -E_NOT_FOUND);
    cr_assert_eq(desk_read(&desk, "requester-eu-1", "events", &json, "AP-9", "", "5", NULL), 0);
    json_decref(json);
}

Test(documents, wrong_names_and_arguments)
{
    json_t *json;

    cr_assert_eq(desk_read(&desk, "admin", "no-such", &json, NULL), -E_BAD_REQUEST);
    cr_assert_eq(desk_read(&desk, "admin", "ticket", &json, "EU-1", NULL), -E_BAD_REQUEST);
    cr_assert_eq(desk_read(&desk, "admin", "tickets", &json, "no uuid", "5", "", "", "", "", "", "", NULL),
                 -E_BAD_REQUEST);
    cr_assert_eq(desk_read(&desk, "admin", "queue", &json, "", "9:x:y", "5", NULL), -E_BAD_REQUEST);
    cr_assert_eq(desk_read(&desk, "admin", "me", &json, NULL), 0, "the connection is fine after all that");
    cr_assert_str_eq(desk_text(json, "login"), "admin");
    json_decref(json);
}
