/* Who may take what: skills, shifts and capacities, in claims of the next ticket and in claims by number,
 * through one router and through two at once. */
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* A desk whose network tickets need what the services say, with agents as told: agent-eu-1 sits where it is
 * always open, agent-ap-1 where it opens in three days and at no other time of
 * the week. */
static void arrange(struct desk *desk, const char *agents, const char *network)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(
        &text,
        "{\"desks\": {\"open\": {\"region\": \"eu\"}, \"shut\": {\"region\": \"ap\", \"hours\": {\"zone\": "
        "\"UTC\", \"weekly\": {\"%s\": [[\"09:00\", \"17:00\"]]}}}}, \"teams\": "
        "{\"network\": {\"title\": {\"en\": \"N\", \"zh\": \"网\"}, \"tier\": 2, \"desks\": [\"open\", "
        "\"shut\"]%s}}, \"default_team\": \"network\", \"agents\": %s, \"services\": {\"network\": "
        "{\"team\": \"network\"}, \"network/vpn\": {\"skills\": {\"vpn\": 2}}, \"network/core\": "
        "{\"skills\": {\"vpn\": 3, \"core\": 1}}}}",
        test_db_text(desk->db, "SELECT to_char(now() + interval '3 days', 'dy')"), network, agents);
    cr_status(desk_wait(desk, desk_send_organisation(
                                  desk, "admin", buf_text(&text),
                                  test_db_int(desk->db, "SELECT max(version) FROM desk.organisation"))),
              0);
}

#define EU(members)   "\"agent-eu-1\": {\"desk\": \"open\", \"teams\": [\"network\"]" members "}"
#define EU_2(members) "\"agent-eu-2\": {\"desk\": \"open\", \"teams\": [\"network\"]" members "}"
#define AP(members)   "\"agent-ap-1\": {\"desk\": \"shut\", \"teams\": [\"network\"]" members "}"
#define LEAD          "\"lead-eu-1\": {\"desk\": \"open\", \"teams\": [\"network\"]}"
#define VPN(level)    ", \"skills\": {\"vpn\": " level "}"

static const char *next(struct desk *desk, const char *login)
{
    struct answer *a = desk_claim_next(desk, login, "network", NULL);

    cr_status(a, 0);
    return a->json[0] ? member(a, "number") : "";
}

static struct answer *pick(struct desk *desk, const char *login, const char *number)
{
    return desk_do(desk, login, ACTION_CLAIM, number, -1);
}

/* ---- skills ---- */

Test(eligibility, a_ticket_needs_what_it_was_routed_with)
{
    struct desk desk;
    const char *vpn, *plain;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU(VPN("2")) "}", "");
    vpn = desk_ticket_of(&desk, "network/vpn/client", 2, 2);
    plain = desk_ticket_of(&desk, "network", 2, 2);
    cr_expect_str_eq(ticket_text(&desk, vpn, "t.skills::text"), "{vpn:2}");
    cr_expect_str_eq(ticket_text(&desk, vpn,
                                 "(SELECT e.data ->> 'skills' FROM desk.event e WHERE e.ticket_id = "
                                 "t.id)"),
                     "{\"vpn\": 2}");
    cr_expect_str_eq(ticket_text(&desk, plain, "t.skills::text"), "{}");
    arrange(&desk, "{" EU(VPN("1")) "}", "");
    cr_expect_str_eq(ticket_text(&desk, vpn, "t.skills::text"), "{vpn:2}",
                     "a later organisation changes nothing");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), plain, "though the other one is older");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), "");
    desk_check(&desk);
    desk_close(&desk);
}

/* Transferred, it goes on needing it. */
Test(eligibility, a_transfer_carries_the_skills_over)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = desk_ticket_of(&desk, "network", 2, 2);
    test_db_run(desk.db, "UPDATE desk.ticket SET skills = '{vpn:2}'; UPDATE desk.ready SET team_id = team_id;"
                         " INSERT INTO desk.agent SELECT md5('agent-eu-2')::uuid, '{vpn:1,vpn:2}'");
    c = desk_command(ACTION_TRANSFER, number, -1);
    c.team = (char *)"applications";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(desk_claim_next(&desk, "agent-eu-1", "applications", NULL)->json, "");
    cr_status(pick(&desk, "agent-eu-1", number), E_NOT_ELIGIBLE);
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-eu-2", "applications", NULL), "number"), number);
    desk_close(&desk);
}

Test(eligibility, a_pick_is_told_which_skill_is_missing)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command again;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU(VPN("2")) ", " EU_2(", \"skills\": {\"vpn\": 5, \"core\": 1}") ", " LEAD "}", "");
    number = desk_ticket_of(&desk, "network/core", 1, 1);
    again = desk_command(ACTION_CLAIM, number, -1);
    again.client_key = (char *)"held-up";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &again), E_NOT_ELIGIBLE);
    cr_expect_str_eq(member(a, "refusal"), "skills", "also a P1");
    cr_expect_not_null(strstr(a->json,
                              "\"missing\":[{\"skill\":\"core\",\"level\":1},{\"skill\":\"vpn\",\"level\":"
                              "3,\"has\":2}]"),
                       "%s", a->json);
    cr_expect_not_null(strstr(a->detail, "core at level 1 (yours is 0), vpn at level 3 (yours is 2)"), "%s",
                       a->detail);
    arrange(&desk, "{" EU(", \"skills\": {\"vpn\": 3, \"core\": 1}") ", " LEAD "}", "");
    cr_status(desk_call_command(&desk, "agent-eu-1", &again), E_NOT_ELIGIBLE);
    cr_expect_eq(ticket_epoch(&desk, number), 0, "told the same as before");
    cr_status(pick(&desk, "agent-eu-1", number), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(eligibility, leads_and_administrators_pick_all_the_same)
{
    struct desk desk;
    const char *one, *two;

    desk_open(&desk, 2);
    arrange(&desk, "{" LEAD "}", ", \"claims\": \"on_shift\"");
    one = desk_ticket_of(&desk, "network/core", 2, 2);
    two = desk_ticket_of(&desk, "network/core", 2, 2);
    cr_expect_str_eq(next(&desk, "lead-eu-1"), "", "but are given none");
    cr_status(pick(&desk, "lead-eu-1", one), 0);
    cr_status(pick(&desk, "admin", two), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- shifts ---- */

Test(eligibility, off_shift_only_the_most_urgent_is_given)
{
    struct desk desk;
    struct answer *a;
    const char *p1, *p2;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU("") ", " AP("") ", \"agent-us-1\": {\"teams\": [\"network\"]}}",
            ", \"claims\": \"on_shift\"");
    p2 = desk_ticket_of(&desk, "network", 1, 2);
    cr_expect_str_eq(next(&desk, "agent-ap-1"), "");
    cr_status(a = pick(&desk, "agent-ap-1", p2), E_NOT_ELIGIBLE);
    cr_expect_str_eq(member(a, "refusal"), "off_shift");
    cr_expect_str_eq(member(a, "opens_at"),
                     test_db_text(desk.db, "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '3 days', "
                                           "'YYYY-MM-DD\"T09:00:00.000Z\"')"));
    cr_expect_not_null(strstr(a->detail, member(a, "opens_at")), "%s", a->detail);
    cr_expect_str_eq(next(&desk, "agent-us-1"), "");
    cr_status(a = pick(&desk, "agent-us-1", p2), E_NOT_ELIGIBLE);
    cr_expect_not_null(strstr(a->detail, "no desk of yours opens"), "%s", a->detail);
    p1 = desk_ticket_of(&desk, "network", 1, 1);
    cr_expect_str_eq(next(&desk, "agent-ap-1"), p1, "P1 is for all of the team around the clock");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), p2);
    desk_check(&desk);
    desk_close(&desk);
}

Test(eligibility, anybody_may_where_the_team_does_not_ask)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    arrange(&desk, "{" AP("") "}", "");
    number = desk_ticket_of(&desk, "network", 3, 3);
    cr_expect_str_eq(next(&desk, "agent-ap-1"), number);
    desk_close(&desk);
}

/* ---- capacity ---- */

Test(eligibility, at_capacity_only_the_most_urgent_is_given)
{
    struct desk desk;
    struct answer *a;
    const char *first, *second, *p1;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU(", \"capacity\": 3") "}", "");
    first = desk_ticket_of(&desk, "network", 1, 2); /* P2: 4 points, more than are left, and still given */
    second = desk_ticket_of(&desk, "network", 1, 2);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), first);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), "");
    cr_status(a = pick(&desk, "agent-eu-1", second), E_NOT_ELIGIBLE);
    cr_expect_str_eq(member(a, "refusal"), "capacity");
    cr_expect_str_eq(a->detail, "You carry 4 of 3 points: finish something first");
    p1 = desk_ticket_of(&desk, "network", 1, 1);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), p1);
    cr_expect_eq(test_db_int(desk.db, "SELECT desk.agent_load(md5('agent-eu-1')::uuid)"), 12);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, p1, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, first, 1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT desk.agent_load(md5('agent-eu-1')::uuid)"), 0,
                 "nothing can be done about either");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), second);
    desk_check(&desk);
    desk_close(&desk);
}

/* Claims of one agent at the same time, of both kinds, through two routers: each counts before the next. */
Test(eligibility, a_capacity_holds_however_many_claims_come_at_once, .timeout = 240)
{
    enum { ROUNDS = 12, EACH = 6 };
    struct desk desk, other;

    desk_open(&desk, EACH);
    desk_second(&other, &desk);
    arrange(&desk, "{" EU(", \"capacity\": 4") "}", "");
    for (int round = 0; round < ROUNDS; round++) {
        struct answer *answers[2][EACH];
        int got = 0;

        for (int i = 0; i < EACH; i++) { /* P3: 2 points */
            Meridian__Command claim = desk_command(ACTION_CLAIM, desk_ticket_of(&desk, "network", 2, 2), -1);

            answers[0][i] = i % 2 ? desk_send_command(&desk, "agent-eu-1", &claim)
                                  : desk_send_claim_next(&desk, "agent-eu-1", "network", NULL);
            answers[1][i] = desk_send_claim_next(&other, "agent-eu-1", "network", NULL);
        }
        for (int i = 0; i < EACH; i++) {
            desk_wait(&desk, answers[0][i]);
            desk_wait(&other, answers[1][i]);
            for (int k = 0; k < 2; k++) {
                got += !answers[k][i]->status && answers[k][i]->json[0];
                cr_expect(!answers[k][i]->status || answers[k][i]->status == E_NOT_ELIGIBLE ||
                              answers[k][i]->status == E_ALREADY_CLAIMED ||
                              answers[k][i]->status == E_DB_RETRY,
                          "%s", error_info(answers[k][i]->status)->name);
            }
        }
        cr_expect_eq(got, 2, "%d in round %d", got, round);
        test_db_run(desk.db, "UPDATE desk.ticket SET state = 'resolved', resolved_at = now() WHERE state = "
                             "'open' AND owner_id IS NOT NULL; UPDATE desk.ticket SET state = 'cancelled', "
                             "closed_at = now() WHERE owner_id IS NULL; DELETE FROM desk.ready");
    }
    cr_expect_eq(
        test_db_int(desk.db, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

/* ---- the order ---- */

Test(eligibility, first_what_the_agent_speaks_unless_another_is_past_due)
{
    struct desk desk;
    const char *en_1, *zh_1, *zh_late, *p1;
    struct draft draft;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU(", \"languages\": [\"en\"]") ", " EU_2("") "}", "");
    draft_init(&draft, &desk);
    draft.message.service = (char *)"network";
    draft.message.language = (char *)"zh";
    zh_1 = desk_submit(&desk, &(struct draft *){&draft}, 1)->reply->submitted[0]->number;
    en_1 = desk_ticket_of(&desk, "network", 2, 2);
    draft_init(&draft, &desk);
    draft.message.service = (char *)"network";
    draft.message.language = (char *)"zh";
    zh_late = desk_submit(&desk, &(struct draft *){&draft}, 1)->reply->submitted[0]->number;
    test_db_run(desk.db,
                "UPDATE desk.ready SET due_at = now() - interval '1 hour' WHERE ticket_id = (SELECT id "
                "FROM desk.ticket ORDER BY id DESC LIMIT 1)");
    p1 = desk_ticket_of(&desk, "network", 1, 1);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), p1, "priority comes before everything");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), zh_late);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), en_1);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), zh_1, "better than nothing");
    desk_close(&desk);
}

/* However much there is that is for others. */
Test(eligibility, what_fits_is_found_behind_a_thousand_that_do_not)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    arrange(&desk, "{" EU("") "}", "");
    number = desk_ticket_of(&desk, "network", 3, 3);
    test_db_run(
        desk.db,
        "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
        "channel, subject, description, impact, urgency, priority, language, requester_id, "
        "submitter_id, team_id, accepted_at, event_seq, event_hash, skills) SELECT gen_random_uuid(), "
        "'EU-' || i, gen_random_uuid(), 'k', 'x', 'eu', 'api', 's', 'd', 1, 1, 1, 'en', "
        "t.requester_id, t.requester_id, t.team_id, now(), 1, sha256('x'), '{vpn:5}' FROM desk.ticket "
        "t, generate_series(1, 1000) i; INSERT INTO desk.ready SELECT id, team_id, 1, now(), now() FROM "
        "desk.ticket WHERE priority = 1");
    cr_expect_str_eq(next(&desk, "agent-eu-1"), number);
    cr_expect_str_eq(next(&desk, "agent-eu-1"), "", "and then nothing is");
    desk_close(&desk);
}
