/* Tickets that change hands without the queue: taken over from a colleague, assigned to one. */
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
