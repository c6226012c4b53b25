/* The life of a ticket from end to end. */
#include "desk.h"
#include <criterion/criterion.h>

Test(router, life_of_a_ticket)
{
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 4);
    number = desk_ticket(&desk);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "new");
    cr_expect_str_eq(ticket_text(&desk, number, "priority"), "3");
    cr_status(a = desk_claim_next(&desk, "agent-ap-1", NULL, NULL), 0);
    cr_expect_str_eq(member(a, "number"), number);
    cr_expect_str_eq(member(a, "owner.login"), "agent-ap-1");
    cr_expect_str_eq(member(a, "owner.region"), "ap");
    cr_expect_str_eq(member(a, "epoch"), "1");
    cr_expect_str_eq(member(a, "version"), "2");
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_REPLY, number, 1), 0);
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(member(a, "state"), "pending");
    cr_expect_str_eq(member(a, "pending_reason"), "A reason.");
    cr_status(a = desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_str_eq(member(a, "state"), "open");
    cr_expect_str_eq(member(a, "version"), "6", "replied and resumed");
    cr_status(a = desk_do(&desk, "agent-ap-1", ACTION_RESOLVE, number, 1), 0);
    cr_expect_str_eq(member(a, "state"), "resolved");
    cr_status(a = desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, number, -1), 0);
    cr_expect_str_eq(member(a, "state"), "closed");
    cr_expect_str_eq(member(a, "epoch"), "2");
    desk_check(&desk);
    desk_close(&desk);
}
