/* Offers: to one agent, for a while. Accepted, declined, missed or withdrawn, each once; and at no instant is
 * a ticket without an owner, an offer or a place in the queue. */
#include "base/clock.h"
#include "desk.h"
#include "router/offer.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char *offered(struct desk *desk, const char *login)
{
    const char *number = desk_ticket(desk);

    cr_assert_eq(desk_offer(desk, number, login, OFFER_KIND_OFFER, 60), 0);
    return number;
}

static const char *last_offer(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT concat_ws(' ', o.kind, u.login, coalesce(o.outcome, 'open'), o.reason) FROM "
                       "desk.offer o JOIN desk.app_user u ON u.id = o.user_id WHERE o.ticket_id = t.id ORDER "
                       "BY o.made_at DESC LIMIT 1");
}

static const char *last_event(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT concat_ws(' ', type, actor, 'to', coalesce(data->>'offered_to', '-'), "
                       "'from', coalesce(data->>'from_offered_to', '-'), 'owner', "
                       "coalesce(data->>'owner', '-'), data->>'epoch') FROM desk.event e WHERE e.ticket_id "
                       "= t.id ORDER BY seq DESC LIMIT 1");
}

static uint32_t make_due(struct desk *desk, const char *number)
{
    test_db_runf(
        desk->db,
        "UPDATE desk.presence SET said_at = said_at - interval '1 h'; "
        "UPDATE desk.ticket SET offered_until = now() - interval '1 s' WHERE number = '%1$s'; UPDATE "
        "desk.timer SET fire_at = now() - interval '1 s' WHERE name = 'offer_end' AND ticket_id = "
        "(SELECT id FROM desk.ticket WHERE number = '%1$s'); UPDATE "
        "desk.offer SET made_at = made_at - interval '1 h', expires_at = (SELECT "
        "offered_until FROM desk.ticket WHERE number = '%1$s') WHERE outcome IS NULL AND ticket_id = "
        "(SELECT id FROM desk.ticket WHERE number = '%1$s')",
        number);
    return (uint32_t)atoi(ticket_text(desk, number,
                                      "SELECT generation FROM desk.timer r WHERE r.ticket_id = t.id AND "
                                      "r.name = 'offer_end'"));
}

/* ---- answers ---- */

Test(offers, whoever_is_asked_accepts)
{
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offered system:router to agent-eu-1 from - owner - 0");
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "new");
    desk_check(&desk);

    cr_status(a = desk_claim_next(&desk, "agent-eu-2", NULL, NULL), 0);
    cr_expect_str_eq(a->json, "", "it waits in no queue");
    cr_status(a = desk_do(&desk, "agent-eu-2", ACTION_CLAIM, number, -1), E_OFFERED);
    cr_expect_str_eq(member(a, "offered_to"), "agent-eu-1");
    cr_expect_neq(member(a, "until")[0], 0);
    cr_status(a = desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, number, -1), E_OFFER_OVER);
    cr_expect_str_eq(a->detail, "The ticket was not offered to you; it is offered to agent-eu-1 now");
    cr_expect_str_eq(member(a, "offer"), "null");
    cr_expect_str_eq(member(a, "offered_to"), "agent-eu-1");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_ACCEPT, number, -1), E_FORBIDDEN);

    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, number, -1), 0);
    cr_expect_str_eq(member(a, "owner.login"), "agent-eu-1");
    cr_expect_str_eq(member(a, "state"), "open");
    cr_expect_str_eq(member(a, "epoch"), "1");
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offer_accepted agent-eu-1 to - from agent-eu-1 owner agent-eu-1 1");
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 accepted");
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), E_OFFER_OVER);
    cr_expect(strstr(a->detail, "You accepted the offer at 2"), "%s", a->detail);
    cr_expect(strstr(a->detail, "; agent-eu-1 owns the ticket now"), "%s", a->detail);
    cr_expect_str_eq(member(a, "offer.outcome"), "accepted");
    desk_check(&desk);
    desk_close(&desk);
}

Test(offers, a_claim_by_whoever_is_asked_accepts)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offer_accepted agent-eu-1 to - from agent-eu-1 owner agent-eu-1 1");
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 accepted");
    desk_check(&desk);
    desk_close(&desk);
}

/* Several are handed over to one agent, who says yes to all of them at once, through two routers. */
Test(offers, accepting_keeps_to_the_capacity)
{
    enum { OFFERS = 6 };
    struct desk desk, second;
    struct answer *answers[OFFERS];
    const char *numbers[OFFERS];
    int got = 0;

    desk_open(&desk, OFFERS);
    desk_second(&second, &desk);
    test_db_run(desk.db, "INSERT INTO desk.agent (user_id, capacity) VALUES (md5('agent-eu-1')::uuid, 4) ON "
                         "CONFLICT (user_id) DO UPDATE SET capacity = 4");
    for (int i = 0; i < OFFERS; i++) { /* P3: 2 points */
        numbers[i] = desk_ticket_of(&desk, NULL, 2, 2);
        cr_assert_eq(desk_offer(&desk, numbers[i], "agent-eu-1", OFFER_KIND_HANDOVER, 60), 0);
    }
    for (int i = 0; i < OFFERS; i++) {
        Meridian__Command c = desk_command(i % 3 ? ACTION_ACCEPT : ACTION_CLAIM, numbers[i], -1);

        answers[i] = desk_send_command(i % 2 ? &second : &desk, "agent-eu-1", &c);
    }
    for (int i = 0; i < OFFERS; i++) {
        desk_wait(i % 2 ? &second : &desk, answers[i]);
        got += !answers[i]->status;
        if (answers[i]->status)
            cr_status(answers[i], E_NOT_ELIGIBLE);
    }
    cr_expect_eq(got, 2, "%d", got);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.offer WHERE outcome IS NULL"), OFFERS - 2,
                 "the others stay, to be declined or missed");
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}

/* Asked while their desk was open, they say yes when it has closed. */
Test(offers, whoever_goes_home_may_still_accept)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    test_db_run(desk.db, "UPDATE desk.team SET claims = 'on_shift'");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, number, -1), 0);
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 accepted");
    desk_close(&desk);
}

/* Who would not take it, or did not answer, is for the desk alone. */
Test(offers, requesters_do_not_read_who_would_not_take_it)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-2", OFFER_KIND_OFFER, 60), 0);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", make_due(&desk, number))), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(type, ' ' ORDER BY seq) FROM desk.event e WHERE "
                                 "e.ticket_id = t.id AND NOT e.public"),
                     "ticket.offer_declined ticket.offer_expired");
    desk_close(&desk);
}

Test(offers, who_declines_says_why)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    c = desk_command(ACTION_DECLINE, number, -1);
    c.text = NULL;
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "/reason"), "%s", a->json);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(member(a, "owner"), "null");
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offer_declined agent-eu-1 to - from agent-eu-1 owner - 0");
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 declined A reason.");
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT body FROM desk.note n WHERE n.ticket_id = t.id"),
                     "A reason.");
    desk_check(&desk);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, number, -1), E_OFFER_OVER);
    cr_expect(strstr(a->detail, "; the ticket is in the queue: claim it"), "%s", a->detail);
    cr_status(a = desk_claim_next(&desk, "agent-eu-2", NULL, NULL), 0);
    cr_expect_str_eq(member(a, "number"), number, "pull goes on");
    desk_check(&desk);
    desk_close(&desk);
}

/* Told once that it is over, it stays so for that key: a late delivery accepts no later offer. */
Test(offers, a_refusal_is_remembered)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    c = desk_command(ACTION_ACCEPT, number, -1);
    c.client_key = (char *)"a key";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), E_OFFER_OVER);
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-1", OFFER_KIND_OFFER, 60), 0);
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), E_OFFER_OVER);
    c.client_key = (char *)"another key";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "epoch"), "1");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- its end ---- */

Test(offers, who_misses_one_is_away)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    uint32_t generation;

    desk_open(&desk, 2);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    number = offered(&desk, "agent-eu-1");
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", 2)), 0);
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 open",
                     "a call that comes early does nothing");
    generation = make_due(&desk, number);
    cr_expect_eq(generation, 2);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", generation)), 0);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", generation)), 0);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offer_expired system:sla to - from agent-eu-1 owner - 0");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.offer_expired'"),
                 1);
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT concat_ws(' ', state, reason, said_by) FROM desk.presence"),
        "away missed_offer system:router");
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, number, -1), E_OFFER_OVER);
    cr_expect(strstr(a->detail, "The offer to you expired at 2"), "%s", a->detail);
    cr_expect_str_eq(member(a, "offer.outcome"), "expired");
    desk_check(&desk);

    cr_status(desk_presence(&desk, "agent-eu-1", "busy", NULL), 0);
    number = offered(&desk, "agent-eu-1");
    generation = make_due(&desk, number);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", generation)), 0);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT state FROM desk.presence"), "busy", "they had said so");
    desk_close(&desk);
}

Test(offers, a_missed_one_takes_back_nothing_that_was_said_since)
{
    struct desk desk;
    const char *number;
    uint32_t generation;

    desk_open(&desk, 2);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    number = offered(&desk, "agent-eu-1");
    generation = make_due(&desk, number);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0); /* back at the desk, too late */
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", generation)), 0);
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 expired");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT concat_ws(' ', state, said_by) FROM desk.presence"),
                     "available agent-eu-1");
    desk_close(&desk);
}

Test(offers, a_missed_handover_sends_nobody_away)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_CLAIM, number, -1), 0);
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-1", OFFER_KIND_HANDOVER, 60), 0);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offered system:router to agent-eu-1 from - owner - 2");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_RESOLVE, number, 1), E_OWNERSHIP_LOST);
    desk_check(&desk);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "offer_end", make_due(&desk, number))), 0);
    cr_expect_str_eq(last_offer(&desk, number), "handover agent-eu-1 expired");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT state FROM desk.presence"), "available");
    desk_check(&desk);
    desk_close(&desk);
}

Test(offers, whatever_takes_the_ticket_withdraws_it)
{
    static const struct {
        const char *login;
        enum ticket_action action;
    } ways[] = {{"lead-eu-1", ACTION_CLAIM},       {"admin", ACTION_CLAIM},
                {"lead-eu-1", ACTION_ASSIGN},      {"agent-eu-2", ACTION_TRANSFER},
                {"requester-eu-1", ACTION_CANCEL}, {"lead-eu-1", ACTION_CANCEL}};
    struct desk desk;
    struct answer *a;
    const char *number, *root;
    Meridian__Command c;

    desk_open(&desk, 2);
    for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
        number = offered(&desk, "agent-eu-1");
        cr_status(desk_do(&desk, ways[i].login, ways[i].action, number, -1), 0);
        cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 withdrawn", "%s by %s",
                         ticket_text(&desk, number, "state"), ways[i].login);
        cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ACCEPT, number, -1), E_OFFER_OVER);
        cr_expect(strstr(a->detail, "The offer to you was withdrawn at 2"), "%s", a->detail);
        desk_check_held(&desk);
    }
    root = desk_ticket(&desk);
    number = offered(&desk, "agent-eu-1");
    c = desk_command(ACTION_MERGE, number, -1);
    c.other = (char *)root;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 withdrawn");
    desk_check(&desk);
    desk_close(&desk);
}

Test(offers, words_and_levels_do_not_end_it)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = offered(&desk, "agent-eu-1");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_NOTE, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_REPLY, number, -1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), 0);
    c = desk_command(ACTION_PRIORITIZE, number, -1);
    c.has_impact = c.has_urgency = true;
    c.impact = c.urgency = 1;
    cr_status(desk_call_command(&desk, "agent-eu-2", &c), 0);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.prioritized agent-eu-2 to agent-eu-1 from - owner - 0");
    cr_expect_str_eq(last_offer(&desk, number), "offer agent-eu-1 open");
    desk_check(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT priority FROM desk.ready r WHERE r.ticket_id = t.id"),
                     "1", "it is back in the queue at its new level");
    desk_check(&desk);
    desk_close(&desk);
}

Test(offers, the_dispatcher_makes_one_at_a_time_to_an_agent)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    offered(&desk, "agent-eu-1");
    number = desk_ticket(&desk);
    cr_expect_eq(desk_offer(&desk, number, "agent-eu-1", OFFER_KIND_OFFER, 60), -E_CONFLICT);
    cr_expect_eq(desk_offer(&desk, number, "agent-eu-1", OFFER_KIND_HANDOVER, 60), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- races ---- */

static int is_won(const struct answer *answer)
{
    return answer->status == 0;
}

/* Two routers; of whoever answers and whoever takes the ticket away, one wins. */
Test(offers, of_an_answer_and_a_rival_one_wins, .timeout = 120)
{
    enum { ROUNDS = 12 };
    static const enum ticket_action rivals[] = {ACTION_CLAIM, ACTION_ASSIGN, ACTION_TRANSFER, ACTION_CANCEL};
    struct desk desk, second;

    desk_open(&desk, 4);
    desk_second(&second, &desk);
    for (int i = 0; i < ROUNDS * (int)ARRAY_SIZE(rivals); i++) {
        const char *number = offered(&desk, "agent-eu-1");
        Meridian__Command accept = desk_command(ACTION_ACCEPT, number, -1),
                          rival = desk_command(rivals[i % (int)ARRAY_SIZE(rivals)], number, 0);
        struct answer *a, *b;

        a = desk_send_command(&desk, "agent-eu-1", &accept);
        b = desk_send_command(&second, "lead-eu-1", &rival);
        if (i % 3)
            desk_wait(&second, b);
        desk_wait(&desk, a);
        desk_wait(&second, b);
        cr_assert_eq(is_won(a) + is_won(b), 1, "%s: %d %s, %d %s", number, a->status, a->detail, b->status,
                     b->detail);
        cr_assert(is_won(a) || a->status == E_OFFER_OVER, "%d %s", a->status, a->detail);
        desk_check_held(&desk);
    }
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}

Test(offers, of_an_answer_and_the_end_of_time_one_wins, .timeout = 120)
{
    enum { ROUNDS = 30 };
    struct desk desk, second;
    int accepted = 0;

    desk_open(&desk, 4);
    desk_second(&second, &desk);
    for (int i = 0; i < ROUNDS; i++) {
        const char *number = offered(&desk, "agent-eu-1");
        uint32_t generation = make_due(&desk, number);
        Meridian__Command accept = desk_command(ACTION_ACCEPT, number, -1);
        struct answer *a = desk_send_command(&desk, "agent-eu-1", &accept),
                      *b = desk_send_due(&second, number, "offer_end", generation);

        if (i % 2)
            desk_wait(&second, b);
        desk_wait(&desk, a);
        desk_wait(&second, b);
        cr_assert(b->status == 0 || b->status == E_UNAVAILABLE, "%d %s", b->status, b->detail);
        cr_assert(is_won(a) || a->status == E_OFFER_OVER, "%d %s", a->status, a->detail);
        accepted += is_won(a);
        cr_assert_str_eq(last_offer(&desk, number),
                         is_won(a) ? "offer agent-eu-1 accepted" : "offer agent-eu-1 expired");
        desk_check_held(&desk);
    }
    cr_log_info("%d of %d were accepted in time", accepted, ROUNDS);
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}

/* Anything by anybody, in any order. */
Test(offers, no_ticket_is_ever_lost, .timeout = 300)
{
    enum { STEPS = 160, TICKETS = 6 };
    static const char *const logins[] = {"agent-eu-1", "agent-eu-2", "agent-ap-1", "lead-eu-1",
                                         "requester-eu-1"};
    static const enum ticket_action actions[] = {
        ACTION_CLAIM,     ACTION_RELEASE, ACTION_TRANSFER, ACTION_REPLY,   ACTION_ASSIGN,
        ACTION_TAKE_OVER, ACTION_ACCEPT,  ACTION_DECLINE,  ACTION_PEND,    ACTION_RESOLVE,
        ACTION_REOPEN,    ACTION_CANCEL,  ACTION_ACCEPT,   ACTION_DECLINE, ACTION_CLAIM};
    const char *numbers[TICKETS];
    struct desk desk;
    int done = 0;

    desk_open(&desk, 2);
    srand(7);
    for (int i = 0; i < TICKETS; i++)
        numbers[i] = desk_ticket(&desk);
    for (int i = 0; i < STEPS; i++) {
        const char *number = numbers[rand() % TICKETS], *login = logins[rand() % (int)ARRAY_SIZE(logins)];
        enum ticket_action action = actions[rand() % (int)ARRAY_SIZE(actions)];
        bool open = strcmp(ticket_text(&desk, number, "state IN ('new', 'open')"), "true") == 0;

        if (i % 4 == 0 && open)
            done += desk_offer(&desk, number, logins[rand() % 3],
                               i % 8 ? OFFER_KIND_OFFER : OFFER_KIND_HANDOVER, 60) == 0;
        else if (i % 16 == 1 && strcmp(ticket_text(&desk, number, "offered_to IS NOT NULL"), "true") == 0)
            desk_wait(&desk, desk_send_due(&desk, number, "offer_end", make_due(&desk, number)));
        else if (action != ACTION_CANCEL || i % 40 == 3)
            done += is_won(desk_do(&desk, login, action, number, ticket_epoch(&desk, number)));
        desk_check_held(&desk);
    }
    cr_expect_gt(done, STEPS / 6, "%d", done);
    desk_check(&desk);
    desk_close(&desk);
}
