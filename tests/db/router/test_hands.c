/* Tickets that change hands: taken over from a colleague, assigned to one, from team to team; what is counted
 * of it, and the requester who asks whether anybody is there. */
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char *owned_by(struct desk *desk, const char *login)
{
    const char *number = desk_ticket(desk);

    cr_status(desk_do(desk, login, ACTION_CLAIM, number, -1), 0);
    return number;
}

static const char *last_event(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT concat_ws(' ', type, actor, data->>'from_owner', data->>'owner', "
                       "data->>'region', data->>'epoch') "
                       "FROM desk.event e WHERE e.ticket_id = t.id ORDER BY seq DESC LIMIT 1");
}

Test(hands, a_colleague_takes_over_with_a_reason)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = owned_by(&desk, "agent-eu-1");
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_TAKE_OVER, number, 1), 0);
    cr_expect_str_eq(member(a, "owner.login"), "agent-ap-1");
    cr_expect_str_eq(member(a, "owner.region"), "ap");
    cr_expect_str_eq(member(a, "epoch"), "2");
    cr_expect_str_eq(last_event(&desk, number), "ticket.taken_over agent-ap-1 agent-eu-1 agent-ap-1 ap 2");
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT body FROM desk.note n WHERE n.ticket_id = t.id"),
                     "A reason.");
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), E_OWNERSHIP_LOST);
    cr_expect_str_eq(member(a, "owner.login"), "agent-ap-1");

    c = desk_command(ACTION_TAKE_OVER, number, 2);
    c.text = NULL;
    cr_status(a = desk_call_command(&desk, "lead-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "/reason"), "%s", a->json);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TAKE_OVER, number, -1), E_PRECONDITION_REQUIRED);
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_TAKE_OVER, number, 2), E_BAD_TRANSITION);
    cr_expect_str_eq(a->detail, "You own this ticket already");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_TAKE_OVER, number, 2), E_FORBIDDEN);

    cr_status(desk_do(&desk, "agent-ap-1", ACTION_PEND, number, 2), 0);
    cr_status(a = desk_do(&desk, "lead-eu-1", ACTION_TAKE_OVER, number, 2), 0);
    cr_expect_str_eq(member(a, "state"), "pending", "it goes on waiting");
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_RELEASE, number, 3), 0);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_TAKE_OVER, number, 4), E_BAD_TRANSITION);
    cr_expect_str_eq(a->detail, "Nobody owns this ticket: claim it");
    cr_expect(strstr(member(a, "allowed"), "claim"));
    desk_check(&desk);
    desk_close(&desk);
}

/* All of them saw the same ownership: one of them gets it. */
Test(hands, two_who_take_over_at_once, .timeout = 60)
{
    static const char *const logins[] = {"agent-eu-2", "agent-ap-1", "agent-us-1", "lead-eu-1"};
    struct desk desk;

    desk_open(&desk, 4);
    for (int round = 0; round < 20; round++) {
        const char *number = owned_by(&desk, "agent-eu-1");
        struct answer *answers[ARRAY_SIZE(logins)];
        const char *winner = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(logins); i++) {
            Meridian__Command c = desk_command(ACTION_TAKE_OVER, number, 1);

            answers[i] = desk_send_command(&desk, logins[i], &c);
        }
        for (size_t i = 0; i < ARRAY_SIZE(logins); i++)
            if (!desk_wait(&desk, answers[i])->status) {
                cr_expect_null(winner, "%s and %s", winner, logins[i]);
                winner = logins[i];
            }
        cr_assert_not_null(winner);
        for (size_t i = 0; i < ARRAY_SIZE(logins); i++)
            if (logins[i] != winner) {
                cr_status(answers[i], E_OWNERSHIP_LOST);
                cr_expect_str_eq(member(answers[i], "owner.login"), winner);
                cr_expect_str_eq(member(answers[i], "epoch"), "2");
            }
    }
    desk_check(&desk);
    desk_close(&desk);
}

Test(hands, its_owner_or_a_lead_assigns)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ASSIGN, number, -1), E_FORBIDDEN);
    cr_expect_str_eq(a->detail, "Nobody owns this ticket: claim it, or have a lead of its team assign it");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_ASSIGN, number, -1), E_FORBIDDEN);
    cr_status(a = desk_do(&desk, "lead-eu-1", ACTION_ASSIGN, number, -1), 0);
    cr_expect_str_eq(member(a, "owner.login"), "agent-eu-2");
    cr_expect_str_eq(member(a, "state"), "open");
    cr_expect_str_eq(last_event(&desk, number), "ticket.assigned lead-eu-1 agent-eu-2 eu 1");

    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_ASSIGN, number, 1), E_BAD_TRANSITION);
    cr_expect_str_eq(a->detail, "Whom you name owns this ticket already");
    c = desk_command(ACTION_ASSIGN, number, 1);
    c.assignee = (char *)"agent-us-1";
    c.text = (char *)"It is night here.";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_FORBIDDEN);
    cr_expect_str_eq(a->detail, "Only its owner, or a lead of its team, may assign this ticket");
    c.has_epoch = false;
    cr_status(desk_call_command(&desk, "agent-eu-2", &c), E_PRECONDITION_REQUIRED);
    c.has_epoch = true;
    cr_status(a = desk_call_command(&desk, "agent-eu-2", &c), 0);
    cr_expect_str_eq(member(a, "owner.region"), "us", "where the new owner works");
    cr_expect_str_eq(last_event(&desk, number), "ticket.assigned agent-eu-2 agent-eu-2 agent-us-1 us 2");
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT body FROM desk.note n WHERE n.ticket_id = t.id"),
                     "It is night here.");
    c.epoch = 1;
    cr_status(a = desk_call_command(&desk, "agent-eu-2", &c), E_OWNERSHIP_LOST);
    cr_expect_str_eq(member(a, "owner.login"), "agent-us-1");
    desk_check(&desk);
    desk_close(&desk);
}

Test(hands, who_cannot_be_assigned_and_why)
{
    static const struct {
        const char *login, *detail;
    } cases[] = {
        {NULL, "must not be empty"},
        {" ", "must not be empty"},
        {"nobody", "there is nobody of this login"},
        {"requester-eu-1", "is a requester; a ticket is assigned to an agent"},
        {"agent-ap-1", "has an account that is disabled"},
        {"agent-us-1", "is not a member of the ticket's team, service-desk"},
    };
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'agent-ap-1'");
    test_db_run(desk.db,
                "DELETE FROM desk.team_member m USING desk.app_user u, desk.team g WHERE u.id = m.user_id "
                "AND g.id = m.team_id AND u.login = 'agent-us-1' AND g.slug = 'service-desk'");
    number = owned_by(&desk, "agent-eu-1");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Meridian__Command c = desk_command(ACTION_ASSIGN, number, 1);
        struct answer *a;

        c.assignee = (char *)cases[i].login;
        cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
        cr_expect(strstr(a->json, cases[i].detail) && strstr(a->json, "/to"), "%s: %s", cases[i].login,
                  a->json);
    }
    desk_check(&desk);
    desk_close(&desk);
}

static const char *journey(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "concat_ws(' ', hops, raised, bounces, cardinality(past_owners), handovers, holds, reopened)");
}

static void transfer(struct desk *desk, const char *number, const char *team)
{
    Meridian__Command c = desk_command(ACTION_TRANSFER, number, ticket_epoch(desk, number));

    c.team = (char *)team;
    cr_status(desk_call_command(desk, "lead-eu-1", &c), 0);
}

/* Hops, raised, bounces, owners, handovers between regions, holds, reopened. */
Test(hands, where_a_ticket_goes_is_counted)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_expect_str_eq(journey(&desk, number), "0 0 0 0 0 0 0");
    cr_assert_str_eq(member(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), "number"), number);
    cr_expect_str_eq(journey(&desk, number), "0 0 0 1 0 0 0");
    transfer(&desk, number, "service-desk");
    cr_expect_str_eq(journey(&desk, number), "0 0 0 1 0 0 0", "the same team is no hop");
    transfer(&desk, number, "network");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    cr_expect_str_eq(journey(&desk, number), "1 1 0 2 1 0 0");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_TAKE_OVER, number, ticket_epoch(&desk, number)), 0);
    cr_expect_str_eq(journey(&desk, number), "1 1 0 2 2 0 0",
                     "back in the region of the first, who is counted once");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, ticket_epoch(&desk, number)), 0);
    transfer(&desk, number, "service-desk");
    cr_expect_str_eq(journey(&desk, number), "2 1 1 2 2 1 0");
    transfer(&desk, number, "network");
    cr_expect_str_eq(journey(&desk, number), "3 2 2 2 2 1 0");
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_ASSIGN, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_RESOLVE, number, ticket_epoch(&desk, number)), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(journey(&desk, number), "3 2 2 3 2 1 1");
    desk_check(&desk);
    test_db_run(
        desk.db,
        "UPDATE desk.ticket SET hops = 0, raised = 0, bounces = 9, past_owners = '{}', past_teams = '{}', "
        "past_region = NULL; SELECT desk.journeys_count()");
    cr_expect_str_eq(journey(&desk, number), "3 2 2 3 2 1 1", "as the migration counts what was before it");
    cr_expect_str_eq(
        ticket_text(
            &desk, number,
            "concat_ws(' ', past_region, (SELECT g.slug FROM desk.team g WHERE g.id = past_teams[2]))"),
        "eu service-desk", "of the last owner; the team that it came from");
    desk_check(&desk);
    desk_close(&desk);
}

/* Once in four hours; who owns it hears of it. */
Test(hands, a_requester_asks_whether_anybody_is_there)
{
    struct desk desk;
    struct answer *a, *again;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), 0);
    cr_expect_str_eq(last_event(&desk, number), "ticket.nudged requester-eu-1 0");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT public FROM desk.event e WHERE e.ticket_id = t.id AND type = 'ticket.nudged'"),
        "true");
    c = desk_command(ACTION_NUDGE, number, -1);
    c.client_key = (char *)"again";
    cr_status(a = desk_call_command(&desk, "requester-eu-1", &c), E_NUDGED_LATELY);
    cr_expect_str_eq(member(a, "possible_at"),
                     ticket_text(&desk, number, "desk.rfc3339(nudged_at + interval '4 hours')"));
    cr_expect(strstr(a->detail, member(a, "possible_at")), "%s", a->detail);
    cr_expect_str_eq(ticket_text(&desk, number, "nudges"), "1");
    desk_check(&desk);

    test_db_run(desk.db, "UPDATE desk.ticket SET nudged_at = nudged_at - interval '3 hours 59 minutes'");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), E_NUDGED_LATELY);
    test_db_run(desk.db, "UPDATE desk.ticket SET nudged_at = nudged_at - interval '1 minute'");
    cr_status(again = desk_call_command(&desk, "requester-eu-1", &c), E_NUDGED_LATELY);
    cr_expect_str_eq(again->json, a->json, "a refusal under a key stays");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "nudges"), "2");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, -1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), E_BAD_TRANSITION);
    desk_close(&desk);
}

/* To a higher tier with a reason, and back to the team that it came from. */
Test(hands, handed_up_and_back)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = owned_by(&desk, "agent-eu-1");
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_HAND_BACK, number, 1), E_BAD_TRANSITION);
    cr_expect_str_eq(a->detail, "This ticket has been with no other team");
    c = desk_command(ACTION_TRANSFER, number, 1);
    c.text = (char *)" ";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), E_VALIDATION);
    cr_expect(strstr(a->json, "is required when a ticket goes to another tier"), "%s", a->json);
    c.text = (char *)"Layer 2, I think.";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT concat_ws(' ', data->>'from_team', data->>'from_tier', data->>'team', "
                    "data->>'tier') FROM desk.event e WHERE e.ticket_id = t.id ORDER BY seq DESC LIMIT 1"),
        "service-desk 1 network 2");
    c = desk_command(ACTION_TRANSFER, number, -1);
    c.team = (char *)"applications";
    c.text = NULL;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(journey(&desk, number), "2 1 0 1 0 0 0", "a reason is not needed within a tier");

    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-us-1", ACTION_HAND_BACK, number, ticket_epoch(&desk, number)),
              E_FORBIDDEN);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_HAND_BACK, number, -1), E_PRECONDITION_REQUIRED);
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_HAND_BACK, number, ticket_epoch(&desk, number)), 0);
    cr_expect_str_eq(member(a, "team"), "network");
    cr_expect_str_eq(member(a, "owner"), "null");
    cr_status(a = desk_do(&desk, "lead-eu-1", ACTION_HAND_BACK, number, -1), 0);
    cr_expect_str_eq(member(a, "team"), "applications", "the one that it came from");
    cr_expect_str_eq(journey(&desk, number), "4 1 2 2 1 0 0");
    desk_check(&desk);
    desk_close(&desk);
}

/* Its clocks go on from where they were: it is before those that have more time left, also if they came while
 * it was resolved. */
Test(hands, a_reopened_ticket_does_not_queue_up_again)
{
    struct desk desk;
    struct answer *a;
    const char *old, *later;

    desk_open(&desk, 2);
    old = owned_by(&desk, "agent-eu-1");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, old, 1), 0);
    desk_age(&desk, old, 10);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, old, 1), 0);
    later = owned_by(&desk, "agent-eu-2");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_REPLY, later, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_RELEASE, later, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, old, -1), 0);
    cr_expect_str_eq(
        ticket_text(&desk, old,
                    "SELECT r.created_at = t.created_at AND r.team_id = t.team_id FROM desk.ready r "
                    "WHERE r.ticket_id = t.id"),
        "true");
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-ap-1", NULL, NULL), "number"), old);
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-ap-1", NULL, NULL), "number"), later);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_RESOLVE, old, ticket_epoch(&desk, old)), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, old, -1), 0);
    cr_status(a = desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, old, -1), E_BAD_TRANSITION);
    cr_expect(strstr(a->json, "\"reopen\""), "%s", a->json);
    desk_check(&desk);
    desk_close(&desk);
}
