/* Handovers by hand: to somebody by name, to the best who is there, to nobody; and the note that stays with
 * the ticket, for agents alone. */
#include "base/clock.h"
#include "desk.h"
#include "router/offer.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char *claimed(struct desk *desk, const char *login)
{
    const char *number = desk_ticket(desk);

    cr_status(desk_do(desk, login, ACTION_CLAIM, number, -1), 0);
    return number;
}

static struct answer *hand_over(struct desk *desk, const char *login, const char *number, int64_t epoch,
                                const char *to)
{
    Meridian__Command c = desk_command(ACTION_HAND_OVER, number, epoch);

    c.assignee = (char *)to;
    return desk_call_command(desk, login, &c);
}

static struct answer *prepare(struct desk *desk, const char *login, const char *number, int64_t epoch,
                              const char *state)
{
    Meridian__Command c = desk_command(ACTION_HAND_OVER, number, epoch);

    c.has_at_shift_end = c.at_shift_end = true;
    c.handover->state = (char *)state;
    return desk_call_command(desk, login, &c);
}

static const char *where(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "concat_ws(' ', t.epoch, coalesce((SELECT 'owner ' || u.login FROM desk.app_user u WHERE "
        "u.id = t.owner_id), (SELECT 'offer ' || o.kind || ' ' || u.login FROM desk.offer o JOIN "
        "desk.app_user u ON u.id = o.user_id WHERE o.ticket_id = t.id AND o.outcome IS NULL), "
        "(SELECT 'queue' FROM desk.ready r WHERE r.ticket_id = t.id), 'nowhere'), t.state)");
}

static const char *last_event(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT concat_ws(' ', type, actor, data->>'reason', 'from', data->>'from_owner', 'to', "
        "coalesce(data->>'offered_to', '-'), data->>'why', data->>'epoch') FROM desk.event e "
        "WHERE e.ticket_id = t.id ORDER BY seq DESC LIMIT 1");
}

/* A member of what somebody sees of the ticket. */
static const char *sees(struct desk *desk, const char *login, const char *number, const char *path)
{
    char *args[] = {(char *)number, (char *)"en"};
    struct answer *a = desk_read(desk, login, "ticket", args, 2);

    cr_status(a, 0);
    return member(a, path);
}

static void expect_pinned(struct desk *desk, const char *number, const char *state)
{
    cr_expect_str_eq(sees(desk, "agent-ap-1", number, "handover.note.state"), state);
}

static void end_offer(struct desk *desk, const char *number)
{
    test_db_runf(
        desk->db,
        "UPDATE desk.ticket SET offered_until = now() - interval '1 s' WHERE number = '%1$s'; UPDATE "
        "desk.timer SET fire_at = now() - interval '1 s' WHERE name = 'offer_end' AND ticket_id = "
        "(SELECT id FROM desk.ticket WHERE number = '%1$s'); UPDATE desk.offer SET made_at = made_at - "
        "interval '1 h', expires_at = (SELECT offered_until FROM desk.ticket WHERE number = '%1$s') WHERE "
        "outcome IS NULL AND ticket_id = (SELECT id FROM desk.ticket WHERE number = '%1$s')",
        number);
    cr_status(
        desk_wait(desk, desk_send_due(desk, number, "offer_end",
                                      (uint32_t)atoi(ticket_text(
                                          desk, number,
                                          "SELECT generation FROM desk.timer r WHERE r.ticket_id = t.id "
                                          "AND r.name = 'offer_end'")))),
        0);
}

/* ---- by name ---- */

/* Or nobody could take it until the time to answer is over. */
Test(handover, not_to_somebody_who_could_not_accept)
{
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    /* not what its first event says, so that the desk is not checked */
    test_db_run(desk.db,
                "UPDATE desk.ticket SET skills = '{vpn:2}'; INSERT INTO desk.agent (user_id, skills) "
                "VALUES (md5('agent-ap-1')::uuid, '{vpn:1,vpn:2}')");
    cr_status(a = hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), E_VALIDATION);
    cr_expect_str_eq(where(&desk, number), "1 owner agent-eu-1 open");
    test_db_run(desk.db, "UPDATE desk.agent SET capacity = 1 WHERE user_id = md5('agent-ap-1')::uuid");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, desk_ticket(&desk), -1), 0);
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-ap-1"), E_VALIDATION);
    test_db_run(desk.db, "UPDATE desk.agent SET capacity = NULL");
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-ap-1"), 0);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_ACCEPT, number, -1), 0);
    desk_close(&desk);
}

static struct answer *merge_into(struct desk *desk, const char *number, const char *into,
                                 enum ticket_action action)
{
    Meridian__Command c = desk_command(action, number, -1);

    c.other = (char *)into;
    return desk_call_command(desk, "lead-eu-1", &c);
}

Test(handover, a_merge_that_is_undone_leaves_the_note)
{
    struct desk desk;
    const char *number, *into;

    desk_open(&desk, 2);
    into = desk_ticket(&desk);
    number = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, number, -1), 0);
    cr_status(merge_into(&desk, number, into, ACTION_MERGE), 0);
    cr_status(merge_into(&desk, number, NULL, ACTION_UNMERGE), 0);
    expect_pinned(&desk, number, "It prints blank pages.");
    desk_check(&desk);
    desk_close(&desk);
}

Test(handover, to_somebody_by_name)
{
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", number, -1, "agent-eu-2"), E_PRECONDITION_REQUIRED);
    cr_status(hand_over(&desk, "agent-eu-1", number, 0, "agent-eu-2"), E_OWNERSHIP_LOST);
    cr_status(hand_over(&desk, "agent-eu-2", number, 1, "agent-ap-1"), E_FORBIDDEN);
    cr_status(hand_over(&desk, "requester-eu-1", number, 1, "agent-ap-1"), E_FORBIDDEN);
    cr_status(a = hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-1"), E_BAD_TRANSITION);
    cr_status(a = hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_expect_str_eq(member(a, "owner"), "null");
    cr_expect_str_eq(where(&desk, number), "2 offer handover agent-eu-2 open");
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offered agent-eu-1 handover from agent-eu-1 to agent-eu-2 2");
    cr_expect_str_eq(ticket_text(&desk, number, "round(extract(epoch FROM t.offered_until - t.updated_at))"),
                     "900");
    desk_check(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), E_OWNERSHIP_LOST);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), E_OFFERED);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, number, -1), 0);
    cr_expect_str_eq(where(&desk, number), "3 owner agent-eu-2 open");
    expect_pinned(&desk, number, "It prints blank pages.");
    desk_check(&desk);
    desk_close(&desk);
}

Test(handover, a_lead_hands_over_what_others_own)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "lead-eu-1", number, 1, "agent-eu-2"), 0);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offered lead-eu-1 handover from agent-eu-1 to agent-eu-2 2");
    cr_expect_str_eq(sees(&desk, "agent-eu-2", number, "handover.from"), "agent-eu-1");
    cr_expect_str_eq(sees(&desk, "agent-eu-2", number, "handover.author"), "lead-eu-1");
    desk_close(&desk);
}

Test(handover, declined_or_missed_it_is_in_the_queue_with_its_note)
{
    struct desk desk;
    struct answer *a;
    const char *first, *second;
    char *args[] = {(char *)"service-desk", (char *)"", (char *)"50"};

    desk_open(&desk, 2);
    first = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", first, 1, "agent-eu-2"), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_DECLINE, first, -1), 0);
    cr_expect_str_eq(where(&desk, first), "2 queue open");
    expect_pinned(&desk, first, "It prints blank pages.");
    cr_status(a = desk_read(&desk, "agent-ap-1", "queue", args, 3), 0);
    cr_expect(strstr(a->json, "Look at the drum."), "%s", a->json);
    cr_expect(strstr(a->json, "\"from\" : \"agent-eu-1\""), "%s", a->json);

    second = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", second, 1, "agent-eu-2"), 0);
    end_offer(&desk, second);
    cr_expect_str_eq(where(&desk, second), "2 queue open");
    expect_pinned(&desk, second, "It prints blank pages.");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- to whoever is there ---- */

Test(handover, the_best_who_is_there_is_asked)
{
    struct desk desk;
    const char *number, *again;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    cr_status(desk_presence(&desk, "agent-eu-2", "busy", NULL), 0);
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, NULL), 0);
    cr_expect_str_eq(where(&desk, number), "2 queue open", "not its owner, not who is busy");
    cr_expect_str_eq(last_event(&desk, number), "ticket.returned agent-eu-1 handover from agent-eu-1 to - 2");
    expect_pinned(&desk, number, "It prints blank pages.");
    desk_check(&desk);

    cr_status(desk_presence(&desk, "agent-eu-2", "available", NULL), 0);
    cr_status(desk_presence(&desk, "agent-us-1", "available", NULL), 0);
    number = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, NULL), 0);
    cr_expect_str_eq(where(&desk, number), "2 offer handover agent-eu-2 open");
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.offered agent-eu-1 handover from agent-eu-1 to agent-eu-2 idle 2");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(c->>'login', ' ') FROM desk.dispatch d, "
                                 "json_array_elements(d.candidates) c WHERE d.ticket_id = t.id"),
                     "agent-eu-2 agent-us-1");
    again = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", again, 1, NULL), 0);
    cr_expect_str_eq(where(&desk, again), "2 offer handover agent-us-1 open",
                     "what somebody is asked for counts as if they had it");
    cr_status(desk_do(&desk, "agent-us-1", ACTION_DECLINE, again, -1), 0);
    cr_expect_str_eq(where(&desk, again), "2 queue open", "nobody else is asked");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- the note ---- */

Test(handover, the_note_is_for_agents_alone)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    char *args[] = {NULL, (char *)"", (char *)"50"};

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(prepare(&desk, "agent-eu-1", number, 1, "It prints blank pages."), 0);
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_expect_str_eq(sees(&desk, "requester-eu-1", number, "handover"), "");
    cr_expect_str_eq(sees(&desk, "requester-eu-1", number, "prepared_handover"), "");
    args[0] = (char *)number;
    cr_status(a = desk_read(&desk, "requester-eu-1", "events", args, 3), 0);
    cr_expect(strstr(a->json, "ticket.offered"), "%s", a->json);
    cr_expect_not(strstr(a->json, "handover_prepared"), "%s", a->json);
    cr_expect_not(strstr(a->json, "blank pages"), "%s", a->json);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event e WHERE e.data::text LIKE '%blank%'"),
                 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox o WHERE o.data::text LIKE '%blank%'"),
                 0);
    desk_close(&desk);
}

Test(handover, the_note_stays_until_it_is_solved_or_handed_over_again)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_RELEASE, number, 3), 0);
    expect_pinned(&desk, number, "It prints blank pages.");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    c = desk_command(ACTION_HAND_OVER, number, 5);
    c.assignee = (char *)"agent-us-1";
    c.handover->state = (char *)"The drum is worn out.";
    c.handover->has_next_step_at_us = true;
    c.handover->next_step_at_us = 1800000000 * US_PER_S;
    cr_status(desk_call_command(&desk, "agent-ap-1", &c), 0);
    c.handover->has_next_step_at_us = false;
    expect_pinned(&desk, number, "The drum is worn out.");
    cr_expect_str_eq(sees(&desk, "agent-ap-1", number, "handover.note.next_step_at"),
                     "2027-01-15T08:00:00.000Z");
    cr_status(desk_do(&desk, "agent-us-1", ACTION_ACCEPT, number, -1), 0);
    cr_status(desk_do(&desk, "agent-us-1", ACTION_PEND, number, 7), 0);
    expect_pinned(&desk, number, "The drum is worn out.");
    cr_status(desk_do(&desk, "agent-us-1", ACTION_RESOLVE, number, 7), 0);
    cr_expect_str_eq(sees(&desk, "agent-us-1", number, "handover"), "null");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(sees(&desk, "agent-us-1", number, "handover"), "null", "it is another story now");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover"), 2, "what was told is kept");
    desk_check(&desk);
    desk_close(&desk);
}

Test(handover, what_is_missing_is_told)
{
    static char too_long[LIMIT_HANDOVER_BYTES + 2];
    static const struct {
        const char *to, *pointer, *detail;
    } wrong[] = {{"nobody-here", "/to", "nobody of this login"},
                 {"requester-eu-1", "/to", "requester"},
                 {"admin", "/to", "not a member"}};
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        cr_status(a = hand_over(&desk, "agent-eu-1", number, 1, wrong[i].to), E_VALIDATION);
        cr_expect(strstr(a->json, wrong[i].pointer) && strstr(a->json, wrong[i].detail), "%s", a->json);
    }
    c = desk_command(ACTION_HAND_OVER, number, 1);
    c.handover = NULL;
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "\"/note\""), "%s", a->json);
    c = desk_command(ACTION_HAND_OVER, number, 1);
    c.handover->tried = (char *)" ";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "/note/tried"), "%s", a->json);
    c = desk_command(ACTION_HAND_OVER, number, 1);
    memset(too_long, 'x', sizeof too_long - 1);
    c.handover->next_step = too_long;
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "/note/next_step") && strstr(a->json, "too long"), "%s", a->json);
    c = desk_command(ACTION_HAND_OVER, number, 1);
    c.has_at_shift_end = c.at_shift_end = true;
    c.assignee = (char *)"agent-eu-2";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "\"/to\""), "%s", a->json);
    cr_expect_str_eq(where(&desk, number), "1 owner agent-eu-1 open");
    desk_close(&desk);
}

Test(handover, what_its_owner_prepares_is_theirs)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(prepare(&desk, "lead-eu-1", number, 1, "Not mine."), E_FORBIDDEN);
    cr_status(prepare(&desk, "agent-eu-1", number, 0, "Too late."), E_OWNERSHIP_LOST);
    cr_status(prepare(&desk, "agent-eu-1", number, 1, "One."), 0);
    cr_status(prepare(&desk, "agent-eu-1", number, 1, "Two."), 0);
    cr_expect_str_eq(where(&desk, number), "1 owner agent-eu-1 open");
    cr_expect_str_eq(sees(&desk, "agent-eu-1", number, "prepared_handover.note.state"), "Two.");
    cr_expect_str_eq(sees(&desk, "agent-eu-2", number, "prepared_handover"), "null");
    cr_expect_str_eq(sees(&desk, "lead-eu-1", number, "prepared_handover"), "null");
    cr_expect_str_eq(sees(&desk, "agent-eu-1", number, "handover"), "null");
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TAKE_OVER, number, 1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover_prepared"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- clocks, keys, races ---- */

static const char *clocks(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT string_agg(concat_ws(' ', c.target, c.cycle, c.state, c.due_at, c.fire_at, "
        "c.generation), ', ' ORDER BY c.target, c.cycle) FROM desk.clock c WHERE c.ticket_id = t.id");
}

Test(handover, clocks_do_not_notice)
{
    struct desk desk;
    const char *number;
    char before[2048];

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    snprintf(before, sizeof before, "%s", clocks(&desk, number));
    cr_status(prepare(&desk, "agent-eu-1", number, 1, "It waits."), 0);
    cr_expect_str_eq(clocks(&desk, number), before);
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_expect_str_eq(clocks(&desk, number), before);
    end_offer(&desk, number);
    cr_expect_str_eq(clocks(&desk, number), before);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    cr_expect_str_eq(clocks(&desk, number), before);
    desk_check(&desk);
    desk_close(&desk);
}

Test(handover, one_on_hold_goes_on)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_status(hand_over(&desk, "agent-eu-1", number, 1, "agent-eu-2"), 0);
    cr_expect_str_eq(where(&desk, number), "2 offer handover agent-eu-2 open");
    desk_check(&desk);
    desk_close(&desk);
}

Test(handover, a_key_hands_over_once)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = claimed(&desk, "agent-eu-1");
    c = desk_command(ACTION_HAND_OVER, number, 1);
    c.assignee = (char *)"agent-eu-2";
    c.client_key = (char *)"a key";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACCEPT, number, -1), 0);
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(where(&desk, number), "3 owner agent-eu-2 open");
    c.handover->state = (char *)"Another note.";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), E_KEY_REUSED);
    desk_check(&desk);
    desk_close(&desk);
}

/* Two routers: of an owner who hands over and whatever else changes the ownership, one wins. */
Test(handover, of_two_who_end_an_ownership_one_wins, .timeout = 120)
{
    enum { ROUNDS = 8 };
    static const struct {
        const char *login;
        enum ticket_action action;
    } rivals[] = {{"agent-eu-1", ACTION_RESOLVE},
                  {"agent-eu-1", ACTION_RELEASE},
                  {"agent-eu-2", ACTION_TAKE_OVER},
                  {"lead-eu-1", ACTION_HAND_OVER}};
    struct desk desk, second;

    desk_open(&desk, 4);
    desk_second(&second, &desk);
    for (int i = 0; i < ROUNDS * (int)ARRAY_SIZE(rivals); i++) {
        const char *number = claimed(&desk, "agent-eu-1"), *login = rivals[i % 4].login;
        Meridian__Command c = desk_command(ACTION_HAND_OVER, number, 1),
                          rival = desk_command(rivals[i % 4].action, number, 1);
        struct answer *a, *b;

        c.assignee = (char *)"agent-ap-1";
        a = desk_send_command(&desk, "agent-eu-1", &c);
        b = desk_send_command(&second, login, &rival);
        if (i % 3)
            desk_wait(&second, b);
        desk_wait(&desk, a);
        desk_wait(&second, b);
        cr_assert_eq((a->status == 0) + (b->status == 0), 1, "%s: %d %s, %d %s", number, a->status, a->detail,
                     b->status, b->detail);
        cr_assert(a->status == 0 || a->status == E_OWNERSHIP_LOST || a->status == E_BAD_TRANSITION, "%d %s",
                  a->status, a->detail);
        desk_check_held(&desk);
    }
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}
