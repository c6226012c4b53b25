/* The order of refusals, on made-up rows: what one may not see, may never do, did wrong, came too late for.
 */
#include "base/cleanup.h"
#include "meridian/errors.h"
#include "router/robots.h"
#include "router/ticket_rules.h"
#include <criterion/criterion.h>

#define ME     "00000000-0000-0000-0000-000000000001"
#define YOU    "00000000-0000-0000-0000-000000000002"
#define PERSON "00000000-0000-0000-0000-000000000003"

static uint32_t my_teams[] = {1};

struct stage {
    Meridian__Request request;
    Meridian__Principal principal;
    Meridian__Command command;
    struct ticket_row row;
    struct ticket_assignee assignee;
    struct ticket_plan plan;
    struct outcome out;
};

/* An agent of team 1, and a ticket of team 1 that is open and theirs at epoch 5, version 9. */
static void set(struct stage *s, enum ticket_action action)
{
    *s = (struct stage){.request = MERIDIAN__REQUEST__INIT,
                        .principal = MERIDIAN__PRINCIPAL__INIT,
                        .command = MERIDIAN__COMMAND__INIT};
    s->principal.user_id = (char *)ME;
    s->principal.login = (char *)"me";
    s->principal.role = ROLE_AGENT;
    s->principal.teams = my_teams;
    s->principal.n_teams = 1;
    s->principal.region = (char *)"ap";
    s->command.action = action;
    s->command.number = (char *)"EU-1";
    s->command.has_epoch = true;
    s->command.epoch = 5;
    s->command.text = s->command.cause = s->command.solution = s->command.prevention = (char *)"text";
    s->request.principal = &s->principal;
    s->request.command = &s->command;
    s->row = (struct ticket_row){.state = TICKET_OPEN,
                                 .priority = 3,
                                 .epoch = 5,
                                 .version = 9,
                                 .team = 1,
                                 .owned_at_us = 1,
                                 .now_us = 2,
                                 .number = "EU-1",
                                 .team_slug = "one",
                                 .requester_id = PERSON,
                                 .submitter_id = PERSON,
                                 .owner_id = ME,
                                 .owner_login = "me",
                                 .owner_name = "Me",
                                 .owner_region = "ap"};
}

static int judge(struct stage *s)
{
    struct ticket_team team = {.id = 2, .tier = 1, .slug = "two"};

    outcome_fini(&s->out);
    return ticket_rules_plan(&s->request, &s->row, &team, &s->assignee, &s->plan, &s->out);
}

static void lose(struct stage *s)
{
    s->row.owner_id = YOU;
    s->row.owner_login = s->row.owner_name = "you";
    s->row.epoch = 6;
}

Test(ticket_rules, hidden_comes_before_everything)
{
    struct stage s;

    set(&s, ACTION_RESOLVE);
    lose(&s);
    s.row.team = 7;
    s.row.restricted = true;
    s.row.state = TICKET_CLOSED;
    s.command.has_force = s.command.force = true;
    s.command.text = NULL; /* the reason that force needs */
    s.command.has_epoch = false;
    cr_expect_eq(judge(&s), -E_NOT_FOUND);
    cr_expect_eq(s.out.json.n + s.out.detail.n, 0, "and tells nothing");
    s.row.restricted = false;
    s.principal.role = ROLE_REQUESTER;
    cr_expect_eq(judge(&s), -E_NOT_FOUND);
    s.principal.user_id = (char *)PERSON;
    cr_expect_eq(judge(&s), -E_FORBIDDEN, "then what one could never do");
    s.principal.role = ROLE_AGENT;
    cr_expect_eq(judge(&s), -E_VALIDATION, "then the request itself");
    s.command.force = false;
    cr_expect_eq(judge(&s), -E_PRECONDITION_REQUIRED);
    s.command.has_epoch = true;
    s.command.has_if_version = true;
    cr_expect_eq(judge(&s), -E_PRECONDITION);
    s.command.n_if_versions = 2;
    s.command.if_versions = (uint64_t[]){7, 8};
    cr_expect_eq(judge(&s), -E_PRECONDITION);
    s.command.if_versions = (uint64_t[]){8, 9};
    cr_expect_eq(judge(&s), -E_OWNERSHIP_LOST, "one of several is enough");
    s.command.n_if_versions = 0;
    s.command.if_version = 9;
    cr_expect_eq(judge(&s), -E_OWNERSHIP_LOST, "then what others did");
    s.command.epoch = 6;
    cr_expect_eq(judge(&s), -E_BAD_TRANSITION, "then the state");
    s.row.state = TICKET_OPEN;
    cr_expect_eq(judge(&s), -E_FORBIDDEN, "last the rights of the present owner");
    s.row.owner_id = PERSON;
    cr_expect_eq(judge(&s), 0);
    outcome_fini(&s.out);
}

Test(ticket_rules, nobody_and_nothing)
{
    struct stage s;

    set(&s, ACTION_NOTE);
    s.request.principal = NULL;
    cr_expect_eq(judge(&s), -E_UNAUTHENTICATED);
    outcome_fini(&s.out);
    set(&s, (enum ticket_action)0);
    cr_expect_eq(judge(&s), -E_FORBIDDEN);
    s.principal.role = 9;
    cr_expect_eq(judge(&s), -E_NOT_FOUND, "a role that is none sees nothing");
    outcome_fini(&s.out);
}

Test(ticket_rules, a_reply_that_wakes_is_two_events)
{
    struct stage s;

    set(&s, ACTION_REPLY);
    s.row.state = TICKET_PENDING;
    s.row.pending_reason = "waiting";
    cr_assert_eq(judge(&s), 0);
    cr_expect_eq(s.plan.n, 1);
    cr_expect(s.plan.steps[0].first_response);
    cr_expect_str_eq(s.plan.steps[0].pending_reason, "waiting", "an agent's reply leaves it pending");
    s.principal.user_id = (char *)PERSON;
    s.principal.role = ROLE_REQUESTER;
    cr_assert_eq(judge(&s), 0);
    cr_assert_eq(s.plan.n, 2);
    cr_expect_str_eq(s.plan.steps[0].event, "ticket.replied");
    cr_expect_eq(s.plan.steps[0].state, TICKET_PENDING);
    cr_expect_str_eq(s.plan.steps[0].pending_reason, "waiting");
    cr_expect(!s.plan.steps[0].first_response);
    cr_expect_str_eq(s.plan.steps[1].event, "ticket.resumed");
    cr_expect_eq(s.plan.steps[1].state, TICKET_OPEN);
    cr_expect_null(s.plan.steps[1].pending_reason);
    cr_expect_eq(s.plan.steps[1].text_kind, TEXT_NONE);
    cr_expect_str_eq(s.plan.steps[1].owner_id, ME, "the owner stays");
    outcome_fini(&s.out);
}

Test(ticket_rules, region_of_an_ownership)
{
    struct stage s;

    set(&s, ACTION_CLAIM);
    s.request.region = (char *)"eu";
    cr_expect_str_eq(ticket_actor_region(&s.request), "ap");
    s.principal.region = (char *)"";
    cr_expect_str_eq(ticket_actor_region(&s.request), "eu");
    s.principal.region = s.request.region = NULL;
    cr_expect_str_eq(ticket_actor_region(&s.request), "");
}

Test(ticket_rules, only_the_team_takes_over)
{
    struct stage s;

    set(&s, ACTION_TAKE_OVER);
    lose(&s);
    s.command.epoch = 6;
    cr_assert_eq(judge(&s), 0);
    cr_expect_str_eq(s.plan.steps[0].owner_id, ME);
    s.row.team = 7;
    cr_expect_eq(judge(&s), -E_FORBIDDEN);
    s.principal.role = ROLE_LEAD;
    cr_expect_eq(judge(&s), -E_FORBIDDEN);
    outcome_fini(&s.out);
}

/* ---- handovers ---- */

static Meridian__HandoverNote a_note(void)
{
    Meridian__HandoverNote note = MERIDIAN__HANDOVER_NOTE__INIT;

    note.state = note.tried = note.next_step = (char *)"text";
    return note;
}

Test(ticket_rules, an_owner_hands_over)
{
    Meridian__HandoverNote note = a_note();
    struct stage s;

    set(&s, ACTION_HAND_OVER);
    s.command.handover = &note;
    cr_assert_eq(judge(&s), 0);
    cr_expect_eq(s.plan.n, 1);
    cr_expect_null(s.plan.steps[0].owner_id);
    cr_expect(s.plan.steps[0].epoch_rises && s.plan.steps[0].state == TICKET_OPEN);

    s.row.state = TICKET_PENDING;
    s.row.pending_reason = "a part";
    cr_assert_eq(judge(&s), 0);
    cr_expect(s.plan.steps[0].state == TICKET_OPEN && !s.plan.steps[0].pending_reason);

    s.command.has_at_shift_end = s.command.at_shift_end = true;
    cr_assert_eq(judge(&s), 0);
    cr_expect_str_eq(s.plan.steps[0].event, "ticket.handover_prepared");
    cr_expect_str_eq(s.plan.steps[0].owner_id, ME);
    cr_expect(s.plan.steps[0].state == TICKET_PENDING && s.plan.steps[0].pending_reason);
    cr_expect_not(s.plan.steps[0].epoch_rises || s.plan.steps[0].public);
}

Test(ticket_rules, refusals_of_a_handover_in_order)
{
    Meridian__HandoverNote note = a_note();
    struct stage s;

    set(&s, ACTION_HAND_OVER);
    cr_expect_eq(judge(&s), -E_VALIDATION, "without a note");
    s.command.handover = &note;
    s.command.has_epoch = false;
    cr_expect_eq(judge(&s), -E_PRECONDITION_REQUIRED);
    s.command.has_epoch = true;
    lose(&s);
    cr_expect_eq(judge(&s), -E_OWNERSHIP_LOST);
    s.command.epoch = 6;
    cr_expect_eq(judge(&s), -E_FORBIDDEN, "it is somebody else's");
    s.principal.role = ROLE_LEAD;
    cr_expect_eq(judge(&s), 0);
    s.command.at_shift_end = true;
    cr_expect_eq(judge(&s), -E_FORBIDDEN, "a lead prepares no note for others");
    s.command.at_shift_end = false;
    s.row.state = TICKET_RESOLVED;
    cr_expect_eq(judge(&s), -E_BAD_TRANSITION);
    outcome_fini(&s.out);
}

/* ---- escalations and robots ---- */

Test(ticket_rules, an_owner_keeps_a_ticket_unless_the_step_says_otherwise)
{
    struct ticket_raise raise = {.urgency = 1, .team = {.id = 2, .tier = 2, .slug = "two"}};
    struct stage s;

    set(&s, ACTION_CLAIM);
    s.row.impact = s.row.urgency = 2;
    ticket_rules_plan_escalate(&s.row, "", &raise, &s.plan);
    cr_expect_eq(s.plan.n, 2);
    cr_expect_not(ticket_rules_moves(&s.row, &raise));
    raise.even_if_owned = true;
    ticket_rules_plan_escalate(&s.row, "", &raise, &s.plan);
    cr_assert_eq(s.plan.n, 3);
    cr_expect(s.plan.steps[2].team == 2 && !s.plan.steps[2].owner_id && s.plan.steps[2].leaves_note);
    cr_expect(s.plan.steps[2].urgency == 1 && s.plan.steps[2].epoch_rises);
    s.row.team = 2;
    cr_expect_not(ticket_rules_moves(&s.row, &raise), "it is there");
    s.row.state = TICKET_RESOLVED;
    cr_expect_not(ticket_rules_raises(&s.row, &raise), "nothing is left to hurry");
}

/* What is held off comes after a move that has ended an offer: it is not offered anew. */
Test(ticket_rules, holding_off_changes_nothing)
{
    struct ticket_raise raise = {.team = {.id = 2, .tier = 2, .slug = "two"}};
    struct ticket_change *last;
    struct stage s;

    set(&s, ACTION_CLAIM);
    s.row.owner_id = s.row.owner_login = NULL;
    s.row.offered_to = s.row.offered_login = YOU;
    s.row.offered_until_us = 9;
    ticket_rules_plan_escalate(&s.row, "", &raise, &s.plan);
    robots_plan_held_off(&s.row, ROBOTS_ESCALATION_LATE, 7, "", &s.plan);
    cr_assert_eq(s.plan.n, 3);
    last = &s.plan.steps[2];
    cr_expect_eq(last->team, 2);
    cr_expect(!last->offered_to && !last->epoch_rises && !last->public);
    cr_expect_str_eq(last->rearm, ROBOTS_ESCALATION_LATE);
    cr_expect_eq(last->rearm_at_us, 7);

    s.plan = (struct ticket_plan){0};
    robots_plan_held_off(&s.row, ROBOTS_OVERFLOW, 7, "", &s.plan);
    cr_expect_str_eq(s.plan.steps[0].offered_to, YOU, "what did not move is as it was");
}
