/* States and moves of a ticket: names, the table of allowed moves, and what may be done next. Pure; the
 * numbers and names are those of meridian/ticket.h.
 */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"
#include "meridian/ticket.h"

/** Stored and shown names; "unknown" for a number that is none. Static storage. */
const char *ticket_state_name(enum ticket_state state);
const char *ticket_action_name(enum ticket_action action);
const char *user_role_name(enum user_role role);
/** 0 or -E_BAD_REQUEST. */
int ticket_state_parse(struct str name, enum ticket_state *ret_state) _must_check_;
int ticket_action_parse(struct str name, enum ticket_action *ret_action) _must_check_;
int user_role_parse(struct str name, enum user_role *ret_role) _must_check_;

/** What of a ticket decides about a move, beside the action. */
struct ticket_situation {
    enum ticket_state state;
    bool owned;        /* somebody works on it */
    bool by_requester; /* whoever acts is the one who asked */
    bool merged;       /* it is part of another one, and could still become one of its own */
    bool late;         /* closed, and for longer than it may be reopened */
    bool offered;      /* to somebody, and nobody works on it */
};

/** The state after `action`, or 0 when the table has no such move. Rights are not judged here (auth/authz.h).
 */
enum ticket_state ticket_state_next(enum ticket_action action, struct ticket_situation now);
/** True for states in which nobody works on it; a closed ticket can be reopened for a while. */
bool ticket_state_is_final(enum ticket_state state);

#define X(constant, number, verb) +1
enum { TICKET_ACTIONS_MAX = TICKET_ACTIONS(X) };
#undef X
/** All actions that the table allows now, in order of their numbers. Returns how many. */
size_t ticket_actions_allowed(struct ticket_situation now,
                              enum ticket_action ret_actions[TICKET_ACTIONS_MAX]);
