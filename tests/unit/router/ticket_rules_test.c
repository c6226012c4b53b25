/* The order of refusals, on made-up rows: what one may not see, may never do, did wrong, came too late for.
 */
#include "base/cleanup.h"
#include "meridian/errors.h"
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
    s.command.cause = (char *)"\a";
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
    s.command.cause = (char *)"c";
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
