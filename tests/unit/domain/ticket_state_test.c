/* The table of moves, written down a second time as text and walked whole. */
#include "domain/priority.h"
#include "domain/ticket_state.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* One line per (action, owner): the states that follow new, open, pending, resolved, closed, cancelled. N O P
 * R C X, '-' = refused. */
static const struct {
    enum ticket_action action;
    bool owned, by_requester;
    const char *next;
} expected[] = {
    {ACTION_CLAIM, false, false, "OO----"},      {ACTION_CLAIM, true, false, "------"},
    {ACTION_RELEASE, true, false, "-OO---"},     {ACTION_RELEASE, false, false, "------"},
    {ACTION_TRANSFER, true, false, "NOO---"},    {ACTION_TRANSFER, false, false, "NOO---"},
    {ACTION_REPLY, true, false, "NOP---"},       {ACTION_REPLY, false, true, "NOO---"},
    {ACTION_REPLY, true, true, "NOO---"},        {ACTION_NOTE, false, false, "NOPR--"},
    {ACTION_NOTE, true, false, "NOPR--"},        {ACTION_PEND, true, false, "-PP---"},
    {ACTION_PEND, false, false, "------"},       {ACTION_RESOLVE, true, false, "-RR---"},
    {ACTION_RESOLVE, false, false, "------"},    {ACTION_CONFIRM, true, true, "---C--"},
    {ACTION_CONFIRM, false, true, "---C--"},     {ACTION_REOPEN, true, true, "---OO-"},
    {ACTION_REOPEN, false, false, "---OO-"},     {ACTION_CANCEL, false, true, "XXX---"},
    {ACTION_CANCEL, true, false, "XXX---"},      {ACTION_PRIORITIZE, true, false, "NOP---"},
    {ACTION_PRIORITIZE, false, false, "NOP---"}, {ACTION_RECALCULATE, false, false, "NOP---"},
    {ACTION_RECALCULATE, true, false, "NOP---"}, {ACTION_ACKNOWLEDGE, false, false, "NOP---"},
    {ACTION_ACKNOWLEDGE, true, false, "NOP---"}, {ACTION_TAKE_OVER, true, false, "-OP---"},
    {ACTION_TAKE_OVER, false, false, "------"},  {ACTION_ASSIGN, true, false, "OOP---"},
    {ACTION_ASSIGN, false, false, "OOP---"},     {ACTION_NUDGE, true, true, "NOP---"},
    {ACTION_NUDGE, false, true, "NOP---"},       {ACTION_HAND_BACK, true, false, "NOO---"},
    {ACTION_HAND_BACK, false, false, "NOO---"},  {ACTION_LINK, false, false, "NOPR--"},
    {ACTION_LINK, true, false, "NOPR--"},        {ACTION_UNLINK, false, false, "NOPR--"},
    {ACTION_UNLINK, true, false, "NOPR--"},      {ACTION_MERGE, false, false, "XXX---"},
    {ACTION_MERGE, true, false, "XXX---"},       {ACTION_UNMERGE, false, false, "------"},
    {ACTION_UNMERGE, true, false, "------"},     {ACTION_SPLIT, true, false, "NOPR--"},
    {ACTION_SPLIT, false, false, "NOPR--"},      {ACTION_FOLLOW_UP, true, true, "----C-"},
    {ACTION_FOLLOW_UP, false, true, "----C-"},   {ACTION_HAND_OVER, true, false, "-OO---"},
    {ACTION_HAND_OVER, false, false, "------"},
};

Test(ticket_state, table)
{
    static const char letters[] = "-NOPRCX";

    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        for (int s = TICKET_NEW; s <= TICKET_CANCELLED; s++) {
            struct ticket_situation now = {(enum ticket_state)s, expected[i].owned, expected[i].by_requester};
            int next = (int)ticket_state_next(expected[i].action, now);

            cr_expect_eq(letters[next], expected[i].next[s - 1], "%s in %s (owned %d): %c, expected %c",
                         ticket_action_name(expected[i].action), ticket_state_name(now.state), now.owned,
                         letters[next], expected[i].next[s - 1]);
        }
}

Test(ticket_state, nothing_but_a_reopening_leaves_a_final_state)
{
    for (int s = TICKET_NEW; s <= TICKET_CANCELLED; s++) {
        enum ticket_action actions[TICKET_ACTIONS_MAX];
        size_t n = 0;

        for (int f = 0; f < 4; f++)
            n += ticket_actions_allowed(
                (struct ticket_situation){(enum ticket_state)s, f & 1, f & 2, .late = true}, actions);
        if (s == TICKET_CLOSED)
            cr_expect(n == 4 && actions[0] == ACTION_FOLLOW_UP, "%zu", n);
        else
            cr_expect_eq(n == 0, ticket_state_is_final((enum ticket_state)s), "%d", s);
    }
}

Test(ticket_state, a_closed_ticket_is_reopened_in_time)
{
    struct ticket_situation closed = {TICKET_CLOSED, true, true};

    cr_expect_eq(ticket_state_next(ACTION_REOPEN, closed), TICKET_OPEN);
    closed.late = true;
    cr_expect_eq(ticket_state_next(ACTION_REOPEN, closed), 0);
    closed.state = TICKET_RESOLVED;
    cr_expect_eq(ticket_state_next(ACTION_REOPEN, closed), TICKET_OPEN, "that has no end");
}

Test(ticket_state, only_a_merged_ticket_gets_out_again)
{
    cr_expect_eq(
        ticket_state_next(ACTION_UNMERGE, (struct ticket_situation){TICKET_CANCELLED, .merged = true}),
        TICKET_OPEN);
    cr_expect_eq(ticket_state_next(ACTION_UNMERGE, (struct ticket_situation){TICKET_OPEN, .merged = true}),
                 0);
}

Test(ticket_state, only_what_is_offered_is_accepted_or_declined)
{
    for (int s = TICKET_NEW; s <= TICKET_CANCELLED; s++) {
        struct ticket_situation now = {.state = (enum ticket_state)s};
        bool open = s == TICKET_NEW || s == TICKET_OPEN;

        cr_expect_eq(ticket_state_next(ACTION_ACCEPT, now), 0);
        cr_expect_eq(ticket_state_next(ACTION_DECLINE, now), 0);
        now.offered = true;
        cr_expect_eq((int)ticket_state_next(ACTION_ACCEPT, now), open ? TICKET_OPEN : 0);
        cr_expect_eq((int)ticket_state_next(ACTION_DECLINE, now), open ? s : 0);
    }
}

Test(ticket_state, numbers_that_are_none)
{
    struct ticket_situation now = {TICKET_OPEN, true, false};

    cr_expect_eq(ticket_state_next((enum ticket_action)0, now), 0);
    cr_expect_eq(ticket_state_next((enum ticket_action)99, now), 0);
    now.state = (enum ticket_state)0;
    cr_expect_eq(ticket_state_next(ACTION_NOTE, now), 0);
    now.state = (enum ticket_state)7;
    cr_expect_eq(ticket_state_next(ACTION_NOTE, now), 0);
    cr_expect_str_eq(ticket_state_name((enum ticket_state)99), "unknown");
    cr_expect_str_eq(ticket_action_name((enum ticket_action)99), "unknown");
    cr_expect_str_eq(user_role_name((enum user_role)99), "unknown");
}

Test(ticket_state, allowed_lists)
{
    enum ticket_action actions[TICKET_ACTIONS_MAX];
    size_t n = ticket_actions_allowed((struct ticket_situation){TICKET_RESOLVED, true, false}, actions);

    cr_assert_eq(n, 6);
    cr_expect_eq(actions[0], ACTION_NOTE);
    cr_expect_eq(actions[1], ACTION_CONFIRM);
    cr_expect_eq(actions[2], ACTION_REOPEN);
    n = ticket_actions_allowed((struct ticket_situation){TICKET_NEW, false, true}, actions);
    cr_assert_eq(n, 15);
    cr_expect_eq(actions[0], ACTION_CLAIM);
    cr_expect_eq(actions[4], ACTION_CANCEL);
    cr_expect_eq(actions[6], ACTION_RECALCULATE);
    cr_expect_eq(actions[7], ACTION_ACKNOWLEDGE);
    cr_expect_eq(actions[8], ACTION_ASSIGN);
    cr_expect_eq(actions[9], ACTION_NUDGE);
    cr_expect_eq(actions[10], ACTION_HAND_BACK);
}

Test(ticket_state, names_go_both_ways)
{
    enum ticket_state state;
    enum ticket_action action;
    enum user_role role;

#define X(constant, number, text)                                                                            \
    cr_expect_str_eq(ticket_state_name(constant), text);                                                     \
    cr_expect_eq(ticket_state_parse(STR(text), &state), 0);                                                  \
    cr_expect_eq(state, constant);
    TICKET_STATES(X)
#undef X
#define X(constant, number, text)                                                                            \
    cr_expect_str_eq(ticket_action_name(constant), text);                                                    \
    cr_expect_eq(ticket_action_parse(STR(text), &action), 0);                                                \
    cr_expect_eq(action, constant);
    TICKET_ACTIONS(X)
#undef X
#define X(constant, number, text)                                                                            \
    cr_expect_str_eq(user_role_name(constant), text);                                                        \
    cr_expect_eq(user_role_parse(STR(text), &role), 0);                                                      \
    cr_expect_eq(role, constant);
    USER_ROLES(X)
#undef X
    cr_expect_eq(ticket_state_parse(STR("NEW"), &state), -E_BAD_REQUEST);
    cr_expect_eq(ticket_action_parse(STR(""), &action), -E_BAD_REQUEST);
    cr_expect_eq(user_role_parse(STR("root"), &role), -E_BAD_REQUEST);
}

Test(priority, matrix)
{
    static const int expected_matrix[4][4] = {{3, 2, 3, 4}, {2, 1, 2, 3}, {3, 2, 3, 4}, {4, 3, 4, 4}};

    for (unsigned impact = 0; impact <= 3; impact++)
        for (unsigned urgency = 0; urgency <= 3; urgency++) {
            int priority = 0;

            cr_assert_eq(priority_of(impact, urgency, &priority), 0);
            cr_expect_eq(priority, expected_matrix[impact][urgency], "impact %u urgency %u", impact, urgency);
        }
}

Test(priority, levels_that_are_none)
{
    int priority = 7;

    cr_expect_eq(priority_of(4, 1, &priority), -E_VALIDATION);
    cr_expect_eq(priority_of(1, 4000000000u, &priority), -E_VALIDATION);
    cr_expect_eq(priority, 7);
}
