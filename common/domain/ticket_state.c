/* The table of allowed moves: one row per action, one column per state. Called by the router before every
 * change and by tests that walk it whole. It says what is possible, never who may do it. Nothing here can
 * fail but parsing.
 *
 * A cell is the state that follows; 0 is "no such move". The two facts beside the state are columns of the
 * row: whether the ticket must or must not have an owner, or must be offered to somebody. A requester's reply
 * is the only action whose result depends on who acts: it wakes a pending ticket, because the desk was
 * waiting for it.
 */
#include "domain/ticket_state.h"
#include "meridian/errors.h"

enum owner_rule { ANY, OWNED, UNOWNED, OFFERED };

struct move {
    enum owner_rule owner;
    /* Indexed by state number; [0] is unused. */
    unsigned char next[TICKET_CANCELLED + 1];
};

#define N TICKET_NEW
#define O TICKET_OPEN
#define P TICKET_PENDING
#define R TICKET_RESOLVED
#define C TICKET_CLOSED
#define X TICKET_CANCELLED
#define _ 0

static const struct move moves[] = {
    /*                               new open pending resolved closed cancelled */
    [ACTION_CLAIM] = {UNOWNED, {0, O, O, _, _, _, _}},   [ACTION_RELEASE] = {OWNED, {0, _, O, O, _, _, _}},
    [ACTION_TRANSFER] = {ANY, {0, N, O, O, _, _, _}},    [ACTION_REPLY] = {ANY, {0, N, O, P, _, _, _}},
    [ACTION_NOTE] = {ANY, {0, N, O, P, R, _, _}},        [ACTION_PEND] = {OWNED, {0, _, P, P, _, _, _}},
    [ACTION_RESOLVE] = {OWNED, {0, _, R, R, _, _, _}},   [ACTION_CONFIRM] = {ANY, {0, _, _, _, C, _, _}},
    [ACTION_REOPEN] = {ANY, {0, _, _, _, O, O, _}},      [ACTION_CANCEL] = {ANY, {0, X, X, X, _, _, _}},
    [ACTION_PRIORITIZE] = {ANY, {0, N, O, P, _, _, _}},  [ACTION_RECALCULATE] = {ANY, {0, N, O, P, _, _, _}},
    [ACTION_ACKNOWLEDGE] = {ANY, {0, N, O, P, _, _, _}}, [ACTION_TAKE_OVER] = {OWNED, {0, _, O, P, _, _, _}},
    [ACTION_ASSIGN] = {ANY, {0, O, O, P, _, _, _}},      [ACTION_NUDGE] = {ANY, {0, N, O, P, _, _, _}},
    [ACTION_HAND_BACK] = {ANY, {0, N, O, O, _, _, _}},   [ACTION_LINK] = {ANY, {0, N, O, P, R, _, _}},
    [ACTION_UNLINK] = {ANY, {0, N, O, P, R, _, _}},      [ACTION_MERGE] = {ANY, {0, X, X, X, _, _, _}},
    [ACTION_UNMERGE] = {ANY, {0, _, _, _, _, _, O}},     [ACTION_SPLIT] = {ANY, {0, N, O, P, R, _, _}},
    [ACTION_FOLLOW_UP] = {ANY, {0, _, _, _, _, C, _}},   [ACTION_ACCEPT] = {OFFERED, {0, O, O, _, _, _, _}},
    [ACTION_DECLINE] = {OFFERED, {0, N, O, _, _, _, _}}, [ACTION_HAND_OVER] = {OWNED, {0, _, O, O, _, _, _}},
};

#undef N
#undef O
#undef P
#undef R
#undef C
#undef X
#undef _

struct name {
    int number;
    const char *text;
};
#define X(constant, number, text) {number, text},
static const struct name states[] = {TICKET_STATES(X)};
static const struct name actions[] = {TICKET_ACTIONS(X)};
static const struct name roles[] = {USER_ROLES(X)};
#undef X

static const char *name_of(const struct name *names, size_t n, int number)
{
    for (size_t i = 0; i < n; i++)
        if (names[i].number == number)
            return names[i].text;
    return "unknown";
}

static int number_of(const struct name *names, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(str_from(names[i].text), text))
            return names[i].number;
    return -E_BAD_REQUEST;
}

const char *ticket_state_name(enum ticket_state state)
{
    return name_of(states, ARRAY_SIZE(states), (int)state);
}

const char *ticket_action_name(enum ticket_action action)
{
    return name_of(actions, ARRAY_SIZE(actions), (int)action);
}

const char *user_role_name(enum user_role role)
{
    return name_of(roles, ARRAY_SIZE(roles), (int)role);
}

int ticket_state_parse(struct str name, enum ticket_state *ret_state)
{
    int number = number_of(states, ARRAY_SIZE(states), name);

    if (number < 0)
        return number;
    *ret_state = (enum ticket_state)number;
    return 0;
}

int ticket_action_parse(struct str name, enum ticket_action *ret_action)
{
    int number = number_of(actions, ARRAY_SIZE(actions), name);

    if (number < 0)
        return number;
    *ret_action = (enum ticket_action)number;
    return 0;
}

int user_role_parse(struct str name, enum user_role *ret_role)
{
    int number = number_of(roles, ARRAY_SIZE(roles), name);

    if (number < 0)
        return number;
    *ret_role = (enum user_role)number;
    return 0;
}

enum ticket_state ticket_state_next(enum ticket_action action, struct ticket_situation now)
{
    const struct move *move;

    if (action < ACTION_CLAIM || action >= ARRAY_SIZE(moves) || now.state < TICKET_NEW ||
        now.state > TICKET_CANCELLED)
        return 0;
    move = &moves[action];
    if ((move->owner == OWNED && !now.owned) || (move->owner == UNOWNED && now.owned) ||
        (move->owner == OFFERED && !now.offered))
        return 0;
    if ((action == ACTION_UNMERGE && !now.merged) ||
        (action == ACTION_REOPEN && now.state == TICKET_CLOSED && now.late))
        return 0;
    if (action == ACTION_REPLY && now.by_requester && now.state == TICKET_PENDING)
        return TICKET_OPEN;
    return (enum ticket_state)move->next[now.state];
}

bool ticket_state_is_final(enum ticket_state state)
{
    return state == TICKET_CLOSED || state == TICKET_CANCELLED;
}

size_t ticket_actions_allowed(struct ticket_situation now, enum ticket_action ret_actions[TICKET_ACTIONS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (ticket_state_next((enum ticket_action)actions[i].number, now))
            ret_actions[n++] = (enum ticket_action)actions[i].number;
    return n;
}
