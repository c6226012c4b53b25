/* Organisations at the router: who may apply one, on top of what, what is refused, what it writes, and where
 * new tickets go. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* The teams and people of the tests, as a document: with these desks, services and rules. */
static const char *document(struct desk *desk, const char *more)
{
    _cleanup_buf_ struct buf sql = BUF_INIT;

    buf_printf(
        &sql,
        "SELECT (json_build_object('teams', (SELECT json_object_agg(g.slug, json_build_object('title', "
        "json_build_object('en', g.name_en, 'zh', g.name_zh), 'tier', g.tier, 'restricted', "
        "g.restricted, 'desks', '[\"day\", \"always\"]'::json) ORDER BY g.id) FROM desk.team g), "
        "'default_team', (SELECT g.slug FROM desk.team g ORDER BY g.id LIMIT 1), 'agents', (SELECT "
        "json_object_agg(a.login, json_build_object('desk', 'day', 'teams', a.teams)) FROM (SELECT "
        "u.login, json_agg(g.slug) AS teams FROM desk.team_member m JOIN desk.app_user u ON u.id = "
        "m.user_id JOIN desk.team g ON g.id = m.team_id GROUP BY u.login) a), 'desks', '{\"day\": "
        "{\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", "
        "\"17:00\"]]}}}, \"always\": {\"region\": \"ap\"}}'::json)::jsonb || '%s'::jsonb)::text",
        more);
    return test_db_text(desk->db, buf_text(&sql));
}

static struct answer *apply(struct desk *desk, const char *login, const char *text, int64_t base)
{
    return desk_wait(desk, desk_send_organisation(desk, login, text, base));
}

static void apply_fine(struct desk *desk, const char *more)
{
    int64_t version = test_db_int(desk->db, "SELECT max(version) FROM desk.organisation");

    cr_status(apply(desk, "admin", document(desk, more), version), 0);
}

/* ---- applying ---- */

Test(organisation, is_applied_by_admins_on_top_of_the_one_in_force)
{
    struct desk desk;
    struct answer *a;
    char text[8192];

    desk_open(&desk, 2);
    snprintf(text, sizeof text, "%s", document(&desk, "{}"));
    cr_status(apply(&desk, "requester-eu-1", text, 1), E_FORBIDDEN);
    cr_status(apply(&desk, "agent-eu-1", text, 1), E_FORBIDDEN);
    cr_status(apply(&desk, "lead-eu-1", text, 1), E_FORBIDDEN);
    cr_status(a = apply(&desk, "admin", "{\"desk\":{}}", 1), E_VALIDATION);
    cr_expect_not_null(strstr(a->json, "/document/desk"), "%s", a->json);
    cr_status(apply(&desk, "admin", "{\"desks\":", 1), E_VALIDATION);
    cr_status(a = apply(&desk, "admin", text, 1), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}");
    cr_status(a = apply(&desk, "admin", text, 1), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}", "delivered again, it answers the same");
    cr_status(a = apply(&desk, "admin", text, 2), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}", "where nothing changes there is no other version");
    cr_status(a = apply(&desk, "admin", "{}", 1), E_PRECONDITION);
    cr_expect_str_eq(a->detail, "Organisation 2 is in force; yours was made from 1");
    cr_status(apply(&desk, "admin", "{}", 9), E_PRECONDITION);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.organisation"), 2);
    desk_close(&desk);
}

Test(organisation, of_two_at_once_one_wins, .timeout = 120)
{
    enum { ROUNDS = 20 };
    struct desk desk;

    desk_open(&desk, 4);
    for (int i = 0; i < ROUNDS; i++) {
        char first[8192], second[8192];
        struct answer *a, *b;

        snprintf(first, sizeof first, "%s", document(&desk, i % 2 ? "{\"rules\": []}" : "{}"));
        snprintf(second, sizeof second, "%s",
                 document(&desk, i % 2 ? "{\"services\": {\"a\": {}}}" : "{\"services\": {\"b\": {}}}"));
        a = desk_send_organisation(&desk, "admin", first, i + 1);
        b = desk_send_organisation(&desk, "admin", second, i + 1);
        desk_wait(&desk, a);
        desk_wait(&desk, b);
        cr_assert((a->status == 0) + (b->status == 0) == 1, "%d %d", a->status, b->status);
        cr_assert_eq(a->status ? a->status : b->status, E_PRECONDITION);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT max(version) FROM desk.organisation"), ROUNDS + 1);
    desk_close(&desk);
}

Test(organisation, writes_teams_members_desks_and_shifts)
{
    struct desk desk;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin",
                    "{\"desks\": {\"day\": {\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\", \"weekly\": "
                    "{\"mon\": [[\"09:00\", \"17:00\"]]}}}, \"always\": {\"region\": \"ap\"}}, \"teams\": "
                    "{\"harbour\": {\"title\": {\"en\": \"Harbour\", \"zh\": \"港口\"}, \"tier\": 2, "
                    "\"desks\": [\"day\"], \"minimum\": 3, \"shift_end\": \"return\"}}, \"default_team\": "
                    "\"harbour\", \"agents\": {\"agent-eu-1\": {\"desk\": \"day\", \"teams\": "
                    "[\"harbour\"]}}}",
                    1),
              0);
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT concat_ws(' ', name_en, name_zh, tier, restricted, minimum, shift_end) "
                              "FROM desk.team WHERE slug = 'harbour'"),
        "Harbour 港口 2 f 3 return");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.team WHERE retired_at IS NULL"), 1);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT string_agg(u.login || ' ' || g.slug, ', ') FROM "
                                           "desk.team_member m JOIN desk.app_user u ON u.id = m.user_id JOIN "
                                           "desk.team g ON g.id = m.team_id"),
                     "agent-eu-1 harbour");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT string_agg(g.slug || ' ' || d.desk, ', ') FROM "
                                           "desk.team_desk d JOIN desk.team g ON g.id = d.team_id"),
                     "harbour day");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.shift WHERE desk = 'day' AND closes_at - "
                                      "opens_at = '8h' AND extract(isodow FROM opens_at AT TIME ZONE 'UTC') "
                                      "= 1 AND opens_at BETWEEN now() - interval '15 days' AND now() + "
                                      "interval '35 days'"),
                 test_db_int(desk.db, "SELECT count(*) FROM desk.shift WHERE desk = 'day'"));
    cr_expect_geq(test_db_int(desk.db, "SELECT count(*) FROM desk.shift WHERE desk = 'day'"), 5);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT opens_at || ' ' || closes_at FROM desk.shift WHERE desk = "
                                           "'always'"),
                     "-infinity infinity");

    cr_status(apply(&desk, "admin", "{}", 2), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.team WHERE retired_at IS NULL"), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.team_member"), 0);
    desk_close(&desk);
}

/* ---- what the database knows better ---- */

static void refused(struct desk *desk, const char *text, const char *pointer, const char *reason)
{
    int64_t version = test_db_int(desk->db, "SELECT max(version) FROM desk.organisation");
    struct answer *a = apply(desk, "admin", text, version);
    char expected[512];

    cr_status(a, E_VALIDATION);
    snprintf(expected, sizeof expected, "[{\"pointer\":\"/document%s\",\"detail\":\"%s\"}]", pointer, reason);
    cr_expect_str_eq(member(a, "errors"), expected, "%s", a->json);
    cr_expect_eq(test_db_int(desk->db, "SELECT max(version) FROM desk.organisation"), version);
}

Test(organisation, is_refused_when_it_names_what_is_not_there)
{
    struct desk desk;

    desk_open(&desk, 2);
    refused(&desk, "{\"desks\": {\"a\": {\"region\": \"xx\"}}}", "/desks/a/region",
            "there is no such region");
    refused(&desk, "{\"agents\": {\"nobody\": {}}}", "/agents/nobody", "has no account");
    refused(&desk, "{\"agents\": {\"requester-eu-1\": {}}}", "/agents/requester-eu-1", "is a requester");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'agent-eu-1'");
    refused(&desk, "{\"agents\": {\"agent-eu-1\": {}}}", "/agents/agent-eu-1",
            "has an account that is disabled");
    desk_close(&desk);
}

Test(organisation, is_refused_when_somebody_would_lose_work)
{
    struct desk desk;
    const char *number, *team;
    char pointer[80], reason[200];

    desk_open(&desk, 2);
    apply_fine(&desk, "{}");
    number = desk_ticket(&desk);
    team = ticket_text(&desk, number, "SELECT slug FROM desk.team WHERE id = t.team_id");
    snprintf(reason, sizeof reason, "leaves out \\\"%s\\\", which has open tickets: transfer them first",
             team);
    refused(&desk, "{}", "/teams", reason);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    snprintf(reason, sizeof reason,
             "takes agent-eu-1 out of \\\"%s\\\", of which they own 1 open tickets: transfer them first",
             team);
    refused(&desk, document(&desk, "{\"agents\": {}}"), "/agents", reason);
    refused(&desk, document(&desk, "{\"agents\": {\"agent-eu-1\": {\"desk\": \"day\"}}}"),
            "/agents/agent-eu-1/teams", reason);

    snprintf(pointer, sizeof pointer, "/teams/%s/restricted", team);
    test_db_run(desk.db, "UPDATE desk.team SET restricted = NOT restricted");
    {
        char text[8192];

        snprintf(text, sizeof text, "%s", document(&desk, "{}"));
        test_db_run(desk.db, "UPDATE desk.team SET restricted = NOT restricted");
        refused(&desk, text, pointer,
                "cannot change, as the team has tickets: make another team and transfer them");
    }
    desk_close(&desk);
}

/* ---- routing ---- */

static const char *routed(struct desk *desk, const char *service, const char *submitter,
                          const char *attributes)
{
    struct draft draft;
    struct answer *a;
    static char text[400];

    draft_init(&draft, desk);
    draft.message.service = (char *)service;
    draft.message.attributes = (char *)attributes;
    draft.message.has_impact = draft.message.has_urgency = false;
    snprintf(draft.submitter, sizeof draft.submitter, "%s", who(submitter)->user_id);
    cr_status(a = desk_submit(desk, (struct draft *[]){&draft}, 1), 0);
    snprintf(text, sizeof text, "%s",
             ticket_text(desk, draft.number,
                         "SELECT concat_ws(' ', (SELECT g.slug FROM desk.team g WHERE g.id = t.team_id), "
                         "t.priority, t.tags, (SELECT concat_ws(' ', e.data ->> 'priority', e.data -> "
                         "'tags', e.data -> 'routing' ->> 'organisation', e.data -> 'routing' ->> 'service', "
                         "e.data -> 'routing' ->> 'rule') FROM desk.event e WHERE e.ticket_id = t.id AND "
                         "e.seq = 1))"));
    return text;
}

Test(organisation, routes_new_tickets)
{
    struct desk desk;
    char first[64], second[64], expected[400];

    desk_open(&desk, 2);
    snprintf(first, sizeof first, "%s", test_db_text(desk.db, "SELECT slug FROM desk.team WHERE id = 1"));
    snprintf(
        second, sizeof second, "%s",
        test_db_text(desk.db, "SELECT slug FROM desk.team WHERE NOT restricted ORDER BY id DESC LIMIT 1"));
    snprintf(expected, sizeof expected, "%s 3 {} 3 [] 1", first);
    cr_expect_str_eq(routed(&desk, NULL, "requester-eu-1", NULL), expected,
                     "an organisation without teams leaves the routing to the names of teams");

    {
        char more[400];

        snprintf(more, sizeof more,
                 "{\"services\": {\"net\": {\"team\": \"%s\", \"impact\": \"high\"}}, \"rules\": [{\"name\": "
                 "\"gold\", \"when\": {\"customer_tier\": \"gold\"}, \"team\": \"%s\", \"impact\": \"high\", "
                 "\"urgency\": \"high\", \"tags\": [\"au\", \"金\"]}]}",
                 second, second);
        apply_fine(&desk, more);
    }
    snprintf(expected, sizeof expected, "%s 2 {} 2 [] 2 net", second);
    cr_expect_str_eq(routed(&desk, "net/vpn", "requester-eu-1", NULL), expected);
    snprintf(expected, sizeof expected, "%s 1 {au,金} 1 [\"au\", \"金\"] 2 gold", second);
    cr_expect_str_eq(routed(&desk, NULL, "agent-eu-1", "{\"customer_tier\": \"gold\"}"), expected);
    snprintf(expected, sizeof expected, "%s 3 {} 3 [] 2", first);
    cr_expect_str_eq(routed(&desk, NULL, "requester-eu-1", "{\"customer_tier\": \"gold\"}"), expected,
                     "nobody promises himself a contract");
    snprintf(expected, sizeof expected, "%s 3 {} 3 [] 2", second);
    cr_expect_str_eq(routed(&desk, second, "requester-eu-1", NULL), expected, "a team may be named");
    desk_check(&desk);
    desk_close(&desk);
}

Test(organisation, nothing_goes_to_a_team_that_is_gone)
{
    struct desk desk;
    Meridian__Command command;
    const char *number;

    desk_open(&desk, 2);
    apply_fine(&desk, "{}");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = now() WHERE id = 2");
    command = desk_command(ACTION_TRANSFER, number, 1);
    command.team = (char *)test_db_text(desk.db, "SELECT slug FROM desk.team WHERE id = 2");
    cr_status(desk_call_command(&desk, "agent-eu-1", &command), E_VALIDATION);
    desk_close(&desk);
}

static bool laid_out(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM desk.shift WHERE desk = 'always'") == 1;
}

Test(organisation, shifts_are_laid_out_by_a_router_that_starts)
{
    struct desk desk;

    desk_prepare(&desk);
    test_db_run(desk.db, "SELECT desk.organisation_apply(2, '{\"desks\": {\"always\": {\"region\": "
                         "\"eu\"}}}', '[]', 'somebody')");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.shift"), 0);
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_loop_until(&desk.loop, laid_out, &desk, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT desk.shifts_lay(1, '[]')::int"), 0,
                 "of an organisation that is not in force");
    cr_expect(laid_out(&desk));
    desk_close(&desk);
}
