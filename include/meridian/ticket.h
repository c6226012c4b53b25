/* What every process must agree on about a ticket: states, actions, levels. Values travel on the bus and are
 * stored in PostgreSQL as the lower-case names; numbers and names are never reused. The table of allowed
 * moves is in common/domain/ticket_state.h. */
#pragma once

/* X(constant, wire number, stored name) */
#define TICKET_STATES(X)                                                                                     \
    X(TICKET_NEW, 1, "new")                                                                                  \
    X(TICKET_OPEN, 2, "open")                                                                                \
    X(TICKET_PENDING, 3, "pending")                                                                          \
    X(TICKET_RESOLVED, 4, "resolved")                                                                        \
    X(TICKET_CLOSED, 5, "closed")                                                                            \
    X(TICKET_CANCELLED, 6, "cancelled")

/* X(constant, wire number, verb in the URL and in deskctl) */
#define TICKET_ACTIONS(X)                                                                                    \
    X(ACTION_CLAIM, 1, "claim")                                                                              \
    X(ACTION_RELEASE, 2, "release")                                                                          \
    X(ACTION_TRANSFER, 3, "transfer")                                                                        \
    X(ACTION_REPLY, 4, "reply")                                                                              \
    X(ACTION_NOTE, 5, "note")                                                                                \
    X(ACTION_PEND, 6, "pend")                                                                                \
    X(ACTION_RESOLVE, 7, "resolve")                                                                          \
    X(ACTION_CONFIRM, 8, "confirm")                                                                          \
    X(ACTION_REOPEN, 9, "reopen")                                                                            \
    X(ACTION_CANCEL, 10, "cancel")                                                                           \
    X(ACTION_PRIORITIZE, 11, "prioritize")                                                                   \
    X(ACTION_RECALCULATE, 12, "recalculate")                                                                 \
    X(ACTION_ACKNOWLEDGE, 13, "acknowledge")                                                                 \
    X(ACTION_TAKE_OVER, 14, "take-over")                                                                     \
    X(ACTION_ASSIGN, 15, "assign")                                                                           \
    X(ACTION_NUDGE, 16, "nudge")                                                                             \
    X(ACTION_HAND_BACK, 17, "hand-back")                                                                     \
    X(ACTION_LINK, 20, "link")                                                                               \
    X(ACTION_UNLINK, 21, "unlink")                                                                           \
    X(ACTION_MERGE, 22, "merge")                                                                             \
    X(ACTION_UNMERGE, 23, "unmerge")                                                                         \
    X(ACTION_ACCEPT, 24, "accept")                                                                           \
    X(ACTION_DECLINE, 25, "decline")                                                                         \
    X(ACTION_HAND_OVER, 26, "hand-over")                                                                     \
    X(ACTION_SPLIT, 27, "split")                                                                             \
    X(ACTION_FOLLOW_UP, 28, "follow-up")

/* X(constant, wire number, stored name) */
#define USER_ROLES(X)                                                                                        \
    X(ROLE_REQUESTER, 1, "requester")                                                                        \
    X(ROLE_AGENT, 2, "agent")                                                                                \
    X(ROLE_LEAD, 3, "lead")                                                                                  \
    X(ROLE_ADMIN, 4, "admin")

/* X(constant, what `from` is to `to`: stored, and what `to` is to `from`). The last two are of tickets that
 * were made from others; people do not make or end them. */
#define TICKET_LINKS(X)                                                                                      \
    X(LINK_PARENT_OF, "parent_of", "child_of")                                                               \
    X(LINK_DUPLICATE_OF, "duplicate_of", "duplicated_by")                                                    \
    X(LINK_RELATED, "related", "related")                                                                    \
    X(LINK_CAUSED_BY, "caused_by", "causes")                                                                 \
    X(LINK_DEPENDS_ON, "depends_on", "blocks")                                                               \
    X(LINK_SPLIT_FROM, "split_from", "split_into")                                                           \
    X(LINK_FOLLOW_UP_OF, "follow_up_of", "follow_up")

/* Impact and urgency: 1 high, 2 medium, 3 low. Priority: 1 (P1) to 4 (P4). */
enum { LEVEL_HIGH = 1, LEVEL_MEDIUM = 2, LEVEL_LOW = 3 };
enum { PRIORITY_P1 = 1, PRIORITY_P4 = 4 };

#define X(name, number, text) name = number,
enum ticket_state { TICKET_STATES(X) };
enum ticket_action { TICKET_ACTIONS(X) };
enum user_role { USER_ROLES(X) };
#undef X
