/* The dispatcher: who is asked, in which order, and what happens when they do not answer; assignment at once;
 * and tickets that nobody took in time. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include "router_sql.h"
#include <criterion/criterion.h>
#include <stdio.h>

enum { WAIT_MS = 60000 };

static void be(struct desk *desk, const char *login, const char *state)
{
    cr_status(desk_presence(desk, login, state, NULL), 0);
}

static void set_mode(struct desk *desk, const char *team, const char *mode)
{
    test_db_runf(desk->db, "UPDATE desk.team SET mode = '%s' WHERE slug = '%s'", mode, team);
}

static const char *where(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "coalesce((SELECT 'owner ' || u.login FROM desk.app_user u WHERE u.id = t.owner_id), "
                       "(SELECT 'offer ' || u.login FROM desk.app_user u WHERE u.id = t.offered_to), (SELECT "
                       "'queue ' || g.slug FROM desk.ready r JOIN desk.team g ON g.id = r.team_id WHERE "
                       "r.ticket_id = t.id), state)");
}

struct wish {
    struct desk *desk;
    const char *number, *where;
};

static bool is_there(void *arg)
{
    const struct wish *wish = arg;

    return strcmp(where(wish->desk, wish->number), wish->where) == 0;
}

static void expect_at(struct desk *desk, const char *number, const char *place)
{
    test_loop_until(&desk->loop, is_there, &(struct wish){desk, number, place}, WAIT_MS);
}

static void end_offer(struct desk *desk, const char *number)
{
    uint32_t generation;

    test_db_runf(
        desk->db,
        "UPDATE desk.ticket SET offered_until = now() - interval '1 s' WHERE number = '%1$s'; UPDATE "
        "desk.timer SET fire_at = now() - interval '1 s' WHERE name = 'offer_end' AND ticket_id = "
        "(SELECT id FROM desk.ticket WHERE number = '%1$s')",
        number);
    generation = (uint32_t)atoi(
        ticket_text(desk, number,
                    "SELECT generation FROM desk.timer r WHERE r.ticket_id = t.id AND r.name = 'offer_end'"));
    cr_status(desk_wait(desk, desk_send_due(desk, number, "offer_end", generation)), 0);
}

/* ---- offers ---- */

Test(dispatch, asks_one_after_the_other)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    set_mode(&desk, "service-desk", "offer");
    be(&desk, "agent-eu-1", "available");
    be(&desk, "agent-eu-2", "available");
    be(&desk, "agent-ap-1", "busy");
    number = desk_ticket(&desk);
    expect_at(&desk, number, "offer agent-eu-1");
    desk_check(&desk);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT concat_ws(' ', e.actor, e.data->>'why', round(extract(epoch FROM "
                                 "t.offered_until - e.at))) FROM desk.event e WHERE e.ticket_id = t.id AND "
                                 "e.type = 'ticket.offered'"),
                     "system:router idle 60");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(c->>'login', ' ') FROM desk.dispatch d, "
                                 "json_array_elements(d.candidates) c WHERE d.ticket_id = t.id"),
                     "agent-eu-1 agent-eu-2");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    expect_at(&desk, number, "offer agent-eu-2");
    end_offer(&desk, number);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT p.state FROM desk.presence p WHERE p.user_id = "
                                           "md5('agent-eu-2')::uuid"),
                     "away");
    expect_at(&desk, number, "queue service-desk");
    be(&desk, "agent-eu-2", "available");
    be(&desk, "agent-ap-1", "available");
    expect_at(&desk, number, "offer agent-ap-1");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_ACCEPT, number, -1), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(dispatch, nobody_there_leaves_it_in_the_queue)
{
    struct desk desk;
    struct answer *a;
    const char *first, *second;

    desk_open(&desk, 2);
    set_mode(&desk, "service-desk", "offer");
    first = desk_ticket(&desk);
    cr_status(a = desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(member(a, "number"), first);
    be(&desk, "agent-eu-2", "available");
    second = desk_ticket(&desk);
    expect_at(&desk, second, "offer agent-eu-2");
    first = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, second, -1), 0);
    expect_at(&desk, first, "offer agent-eu-2");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.offered'"), 2,
                 "one at a time");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- the choice ---- */

static const char *choice(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT string_agg(c.login || ' ' || c.why, ', ' ORDER BY c.rank) FROM "
                       "desk.dispatch_candidates(t.id) c");
}

static void own(struct desk *desk, const char *login, uint32_t level)
{
    cr_status(desk_do(desk, login, ACTION_CLAIM, desk_ticket_of(desk, NULL, level, level), -1), 0);
}

Test(dispatch, ranks_by_affinity_language_load_and_rest)
{
    struct desk desk;
    const char *number, *other;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_expect_str_eq(choice(&desk, number), "");
    be(&desk, "agent-us-1", "available");
    be(&desk, "agent-eu-2", "available");
    be(&desk, "agent-ap-1", "available");
    be(&desk, "agent-eu-1", "available");
    cr_expect_str_eq(choice(&desk, number),
                     "agent-us-1 idle, agent-eu-2 idle, agent-eu-1 language, agent-ap-1 only");
    test_db_run(desk.db, "UPDATE desk.presence SET since = '2026-01-01Z'");
    cr_expect_str_eq(choice(&desk, number),
                     "agent-eu-1 name, agent-eu-2 name, agent-us-1 language, agent-ap-1 only");
    test_db_run(desk.db,
                "INSERT INTO desk.agent (user_id, languages, capacity) VALUES (md5('agent-ap-1')::uuid, "
                "'{zh,en}', 100), (md5('agent-us-1')::uuid, '{es}', NULL) ON CONFLICT (user_id) DO "
                "UPDATE SET languages = excluded.languages, capacity = excluded.capacity");
    cr_expect_str_eq(choice(&desk, number),
                     "agent-ap-1 name, agent-eu-1 name, agent-eu-2 language, agent-us-1 only");
    own(&desk, "agent-ap-1", 2); /* each of another requester's, for what follows */
    own(&desk, "agent-eu-1", 2);
    test_db_run(
        desk.db,
        "UPDATE desk.ticket SET requester_id = md5('requester-ap-1')::uuid WHERE owner_id IS NOT NULL");
    cr_expect_str_eq(choice(&desk, number),
                     "agent-eu-2 load, agent-ap-1 load, agent-eu-1 language, agent-us-1 only");

    other = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-us-1", ACTION_CLAIM, other, -1), 0);
    c = desk_command(ACTION_LINK, other, -1);
    c.link = (char *)"related";
    c.other = (char *)number;
    cr_status(desk_call_command(&desk, "agent-us-1", &c), 0);
    test_db_runf(desk.db,
                 "UPDATE desk.ticket SET requester_id = md5('requester-ap-1')::uuid WHERE number = '%s'",
                 other);
    cr_expect_eq(strncmp(choice(&desk, number), "agent-us-1 link", 15), 0, "%s", choice(&desk, number));
    test_db_runf(desk.db,
                 "UPDATE desk.ticket SET requester_id = md5('requester-eu-1')::uuid WHERE number = '%s'",
                 other);
    cr_expect_eq(strncmp(choice(&desk, number), "agent-us-1 requester", 20), 0, "%s", choice(&desk, number));
    test_db_runf(desk.db,
                 "UPDATE desk.ticket SET updated_at = now() - interval '31 days' WHERE number = '%s'", other);
    cr_expect_eq(strncmp(choice(&desk, number), "agent-us-1 link", 15), 0, "%s", choice(&desk, number));
    desk_close(&desk);
}

Test(dispatch, passes_over_whom_something_speaks_against)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    be(&desk, "agent-eu-1", "available");
    be(&desk, "agent-eu-2", "available");
    test_db_run(desk.db, "UPDATE desk.presence SET since = '2026-01-01Z'");
    test_db_run(desk.db, "INSERT INTO desk.agent (user_id, capacity) VALUES (md5('agent-eu-1')::uuid, 1) ON "
                         "CONFLICT (user_id) DO UPDATE SET capacity = 1");
    cr_expect_str_eq(choice(&desk, number), "agent-eu-1 name, agent-eu-2 only");
    own(&desk, "agent-eu-1", 2);
    cr_expect_str_eq(choice(&desk, number), "agent-eu-2 only", "the other one is at their capacity");
    test_db_runf(desk.db, "UPDATE desk.ticket SET skills = '{vpn:2}' WHERE number = '%s'", number);
    cr_expect_str_eq(choice(&desk, number), "");
    test_db_run(desk.db, "INSERT INTO desk.agent (user_id, skills) VALUES (md5('agent-eu-2')::uuid, "
                         "'{vpn:1,vpn:2}') ON CONFLICT (user_id) DO UPDATE SET skills = excluded.skills");
    cr_expect_str_eq(choice(&desk, number), "agent-eu-2 only");
    desk_close(&desk);
}

/* Whose desk is closed has gone home, whatever they said last. */
Test(dispatch, whoever_went_home_is_given_only_the_most_urgent)
{
    struct desk desk;
    const char *usual, *urgent;

    desk_open(&desk, 2);
    desk_keep_house(&desk);
    usual = desk_ticket(&desk);
    urgent = desk_ticket_of(&desk, NULL, 1, 1);
    be(&desk, "agent-eu-1", "available");
    test_db_run(desk.db,
                "INSERT INTO desk.desk (name, region) VALUES ('shut', 'eu'), ('open', 'eu'); INSERT INTO "
                "desk.shift (desk, opens_at, closes_at) VALUES ('shut', now() - interval '2 h', "
                "now() - interval '1 h'), ('open', now() - interval '1 h', 'infinity'); INSERT INTO "
                "desk.agent_desk (user_id, desk) VALUES (md5('agent-eu-1')::uuid, 'shut') ON CONFLICT "
                "(user_id) DO UPDATE SET desk = 'shut'");
    cr_expect_str_eq(choice(&desk, usual), "");
    cr_expect_str_eq(choice(&desk, urgent), "agent-eu-1 only");
    set_mode(&desk, "service-desk", "offer");
    expect_at(&desk, urgent, "offer agent-eu-1");
    cr_expect_str_eq(where(&desk, usual), "queue service-desk");
    test_db_run(desk.db, "UPDATE desk.agent_desk SET desk = 'open'");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, urgent, -1), 0);
    expect_at(&desk, usual, "offer agent-eu-1");
    desk_close(&desk);
}

/* ---- whose turn it is ---- */

/* A queue full of what its only agent has turned down, and of what nobody is there for. */
Test(dispatch, what_was_turned_down_blocks_nothing_behind_it)
{
    enum { DECLINED = 25 };
    struct desk desk;
    const char *numbers[DECLINED], *last;

    desk_open(&desk, 2);
    for (int i = 0; i < DECLINED; i++)
        numbers[i] = desk_ticket_of(&desk, NULL, 2, 2);
    last = desk_ticket_of(&desk, NULL, 3, 3);
    for (int i = 0; i < DECLINED; i += 2)
        test_db_runf(
            desk.db,
            "INSERT INTO desk.dispatch (ticket_id, event_seq, user_id, at, candidates) SELECT id, 1, "
            "md5('agent-eu-1')::uuid, now(), '[]' FROM desk.ticket WHERE number = '%s'",
            numbers[i]);
    for (int i = 1; i < DECLINED; i += 2) { /* of these nothing is known but that they gave them back */
        cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, numbers[i], -1), 0);
        cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, numbers[i], 1), 0);
    }
    set_mode(&desk, "service-desk", "offer");
    be(&desk, "agent-eu-1", "available");
    expect_at(&desk, last, "offer agent-eu-1");
    be(&desk, "agent-eu-2", "available");
    expect_at(&desk, numbers[0], "offer agent-eu-2");
    desk_check(&desk);
    desk_close(&desk);
}

static const char *heads(struct desk *desk, int most)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(desk->db, "meridian_router"));
    const char *params[1] = {most == 2 ? "2" : "100"};
    static char text[256];
    PGresult *result = PQexecParams(pg, sql_router_dispatch_heads.sql, 1, NULL, params, NULL, NULL, 0);
    size_t n = 0;

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
    text[0] = 0;
    for (int i = 0; i < PQntuples(result); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "", PQgetvalue(result, i, 0));
    PQclear(result);
    PQfinish(pg);
    return text;
}

Test(dispatch, a_backlog_of_one_team_leaves_the_others_their_turn)
{
    struct desk desk;
    const char *first, *second, *other;
    char expected[128];

    desk_open(&desk, 2);
    first = desk_ticket_of(&desk, NULL, 1, 1);
    second = desk_ticket_of(&desk, NULL, 1, 1);
    other = desk_ticket_of(&desk, "network", 3, 3);
    cr_expect_str_eq(ticket_text(&desk, other, "SELECT slug FROM desk.team g WHERE g.id = t.team_id"),
                     "network");
    be(&desk, "agent-eu-1", "available");
    test_db_run(desk.db,
                "UPDATE desk.team SET mode = 'assign' WHERE slug IN ('service-desk', 'network'); INSERT "
                "INTO desk.team_member (user_id, team_id) SELECT md5('agent-eu-1')::uuid, id FROM "
                "desk.team WHERE slug = 'network' ON CONFLICT DO NOTHING");
    snprintf(expected, sizeof expected, "%s %s", first, other);
    cr_expect_str_eq(heads(&desk, 2), expected);
    snprintf(expected, sizeof expected, "%s %s %s", first, second, other);
    cr_expect_str_eq(heads(&desk, 100), expected);
    desk_close(&desk);
}

/* ---- assignment ---- */

Test(dispatch, assigns_at_once)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    set_mode(&desk, "service-desk", "assign");
    be(&desk, "agent-eu-1", "available");
    number = desk_ticket(&desk);
    expect_at(&desk, number, "owner agent-eu-1");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT concat_ws(' ', e.type, e.actor, e.data->>'why', t.state, t.epoch, "
                    "t.owner_region) FROM desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC LIMIT 1"),
        "ticket.assigned system:router only open 1 eu");
    desk_check(&desk);
    desk_close(&desk);
}

static bool queue_stands(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM desk.ready") == 3;
}

/* Two routers: what one gave counts for the other. */
Test(dispatch, of_two_nobody_is_given_too_much, .timeout = 120)
{
    enum { TICKETS = 12 };
    struct desk desk, second;

    desk_open(&desk, 3);
    for (int i = 0; i < TICKETS; i++)
        desk_ticket(&desk);
    test_db_run(desk.db,
                "INSERT INTO desk.agent (user_id, capacity) SELECT id, 6 FROM desk.app_user WHERE "
                "login IN ('agent-eu-1', 'agent-eu-2', 'agent-us-1') ON CONFLICT (user_id) DO UPDATE SET "
                "capacity = 6");
    be(&desk, "agent-eu-1", "available");
    be(&desk, "agent-eu-2", "available");
    be(&desk, "agent-us-1", "available");
    desk_second(&second, &desk);
    set_mode(&desk, "service-desk", "assign");
    while (!queue_stands(&desk)) {
        uv_run(&desk.loop, UV_RUN_ONCE);
        uv_run(&second.loop, UV_RUN_NOWAIT);
    }
    desk_second_close(&second, &desk);
    cr_expect_str_eq(test_db_text(desk.db,
                                  "SELECT string_agg(u.login || ' ' || n, ', ' ORDER BY u.login) FROM "
                                  "(SELECT owner_id, count(*) AS n FROM desk.ticket WHERE owner_id IS "
                                  "NOT NULL GROUP BY owner_id) x JOIN desk.app_user u ON u.id = x.owner_id"),
                     "agent-eu-1 3, agent-eu-2 3, agent-us-1 3");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- nobody took it ---- */

static const char *overflow_timer(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT generation || ' ' || round(extract(epoch FROM fire_at - now()) / 60) FROM "
                       "desk.timer r WHERE r.ticket_id = t.id AND r.name = 'overflow'");
}

static void overflow(struct desk *desk, const char *number)
{
    uint32_t generation = (uint32_t)atoi(overflow_timer(desk, number));

    test_db_run(desk->db, "UPDATE desk.timer SET fire_at = now() - interval '1 s' WHERE name = 'overflow'");
    cr_status(desk_wait(desk, desk_send_due(desk, number, "overflow", generation)), 0);
    cr_status(desk_wait(desk, desk_send_due(desk, number, "overflow", generation)), 0);
}

Test(dispatch, what_nobody_took_goes_to_another_team_once)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 900, overflow_team = 5 WHERE id = 1; UPDATE "
                         "desk.team SET overflow_after = 1800, overflow_team = 4 WHERE id = 5");
    number = desk_ticket(&desk);
    cr_expect_str_eq(overflow_timer(&desk, number), "1 15");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "", "it has left the queue");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "3 15");
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 3), 0);
    overflow(&desk, number);
    cr_expect_str_eq(where(&desk, number), "queue experts");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT concat_ws(' ', e.actor, e.data->>'from_team', e.data->>'reason', "
                                 "t.hops) FROM desk.event e WHERE e.ticket_id = t.id AND e.type = "
                                 "'ticket.transferred'"),
                     "system:sla service-desk overflow 1");
    cr_expect_str_eq(overflow_timer(&desk, number), "6 30", "and there its time runs anew");
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TRANSFER, number, -1), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "", "network has none");
    desk_check(&desk);
    desk_close(&desk);
}

Test(dispatch, what_nobody_took_is_opened_to_all)
{
    static const char refusal[] = "SELECT desk.refusal_of(md5('agent-eu-1')::uuid, t.id)";
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 900, claims = 'on_shift' WHERE id = 1");
    number = desk_ticket(&desk);
    cr_expect_str_eq(ticket_text(&desk, number, refusal), "off_shift");
    cr_status(a = desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(a->json, "");
    overflow(&desk, number);
    cr_expect_str_eq(where(&desk, number), "queue service-desk");
    cr_expect_str_eq(overflow_timer(&desk, number), "");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.opened_to_all'"),
                 1);
    cr_expect_str_eq(ticket_text(&desk, number, refusal), "");
    desk_check(&desk);
    cr_status(a = desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(member(a, "number"), number);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_TRANSFER, number, 1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "opened_to_all"), "false", "elsewhere it is not");
    desk_check(&desk);
    desk_close(&desk);
}

/* What is offered, declined and missed for ever goes all the same, and is not offered once more before. */
Test(dispatch, offers_do_not_put_an_overflow_off)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 900, overflow_team = 5 WHERE id = 1");
    number = desk_ticket(&desk);
    test_db_run(desk.db, "UPDATE desk.ticket SET created_at = created_at - interval '10 min'");
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-1", "offer", 60), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "", "it is not in the queue");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "3 5", "ten minutes are over");

    cr_assert_eq(desk_offer(&desk, number, "agent-eu-2", "offer", 60), 0);
    test_db_run(desk.db, "UPDATE desk.ticket SET created_at = created_at - interval '10 min'");
    end_offer(&desk, number);
    set_mode(&desk, "service-desk", "offer");
    be(&desk, "agent-ap-1", "available");
    cr_expect_str_eq(choice(&desk, number), "agent-ap-1 only");
    cr_expect_str_eq(heads(&desk, 100), "", "it is to leave");
    overflow(&desk, number);
    cr_expect_str_eq(where(&desk, number), "queue experts");
    desk_check(&desk);
    desk_close(&desk);
}

static void apply_overflow(struct desk *desk, const char *overflow)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_printf(&text,
               "{\"desks\": {\"open\": {\"region\": \"eu\"}}, \"teams\": {\"service-desk\": {\"title\": "
               "{\"en\": \"S\", "
               "\"zh\": \"服\"}, \"tier\": 1, \"desks\": [\"open\"]%s}}, \"default_team\": \"service-desk\", "
               "\"agents\": {\"agent-eu-1\": {\"desk\": \"open\", \"teams\": [\"service-desk\"]}}}",
               overflow);
    cr_status(desk_wait(desk, desk_send_organisation(
                                  desk, "admin", buf_text(&text),
                                  test_db_int(desk->db, "SELECT max(version) FROM desk.organisation"))),
              0);
}

/* As one that came while the document was being committed: its row knows nothing of an overflow. */
Test(dispatch, what_an_overflow_could_not_reach_is_caught_up_with)
{
    static const char armed[] =
        "EXISTS (SELECT FROM desk.timer r WHERE r.ticket_id = t.id AND r.name = "
        "'overflow') || ' ' || (SELECT r.overflows FROM desk.ready r WHERE r.ticket_id "
        "= t.id)";
    struct desk desk;
    PGconn *pg;
    PGresult *result;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 900 WHERE slug = 'service-desk'");
    cr_expect_str_eq(ticket_text(&desk, number, armed), "false false");
    pg = PQconnectdb(test_db_conninfo(desk.db, "meridian_router"));
    result =
        PQexecParams(pg, sql_router_overflow_catch_up.sql, 1, NULL, (const char *[]){"10"}, NULL, NULL, 0);
    cr_expect_eq(PQntuples(result), 1, "%s", PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
    cr_expect_str_eq(ticket_text(&desk, number, armed), "true true");
    desk_check(&desk);
    desk_close(&desk);
}

Test(dispatch, a_new_overflow_reaches_what_waits_already)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    test_db_run(desk.db, "UPDATE desk.ticket SET created_at = created_at - interval '10 min'");
    apply_overflow(&desk, "");
    cr_expect_str_eq(overflow_timer(&desk, number), "");
    apply_overflow(&desk, ", \"overflow\": {\"after\": 1800, \"everybody\": true}");
    cr_expect_str_eq(overflow_timer(&desk, number), "1 20");
    apply_overflow(&desk, ", \"overflow\": {\"after\": 900, \"everybody\": true}");
    cr_expect_str_eq(overflow_timer(&desk, number), "1 5");
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "", "it has left the queue");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(overflow_timer(&desk, number), "3 15", "it waits anew");
    apply_overflow(&desk, "");
    cr_expect_str_eq(overflow_timer(&desk, number), "");
    desk_check(&desk);
    desk_close(&desk);
}
