/* Who may do what: one table, one function, no I/O. Called by the router before every command and by intake
 * before every answer; the row-level security of the database says the same of reading a second time, in its
 * own words (desk.viewer_sees).
 *
 * The facts between a person and a ticket are bits; a row of the table says, for each role, which of them are
 * enough. Visibility comes first: what one may not see is hidden (404) whatever one tries, so that refusals
 * tell nothing. An action or a role that is not in the table is denied, also to admins. Ownership epochs are
 * not judged here: the router compares them first and answers ownership-lost.
 */
#include "auth/authz.h"
#include <string.h>

enum fact {
    MINE = 1,       /* requester or submitter: a person's own ticket, whatever their role */
    OWNER = 2,      /* works on it */
    MEMBER = 4,     /* of the ticket's team */
    UNOWNED = 8,    /* nobody works on it and MEMBER */
    ANYBODY = 16,   /* always true, but for tickets that are hidden */
    NO_TICKET = 32, /* no object was given: the action as such, e.g. "my queue" and not one team's */
    NOBODY = 0,
};

struct rule {
    int action;
    bool needs_ticket; /* without one it is denied */
    /* Any of these facts is enough. Admins may do everything in the table. */
    unsigned requester, agent, lead;
};

static const struct rule rules[] = {
    {ACTION_CLAIM, true, NOBODY, MEMBER, MEMBER},
    {ACTION_RELEASE, true, NOBODY, OWNER, OWNER | MEMBER},
    {ACTION_TRANSFER, true, NOBODY, OWNER | UNOWNED, OWNER | MEMBER},
    {ACTION_REPLY, true, MINE, MINE | OWNER | MEMBER, MINE | OWNER | MEMBER},
    {ACTION_NOTE, true, NOBODY, OWNER | MEMBER, OWNER | MEMBER},
    {ACTION_PEND, true, NOBODY, OWNER, OWNER},
    {ACTION_RESOLVE, true, NOBODY, OWNER, OWNER},
    {ACTION_CONFIRM, true, MINE, MINE, MINE},
    {ACTION_REOPEN, true, MINE, MINE | MEMBER, MINE | MEMBER},
    {ACTION_CANCEL, true, MINE, MINE | OWNER, MINE | OWNER | MEMBER},
    {ACTION_PRIORITIZE, true, NOBODY, OWNER | UNOWNED, OWNER | MEMBER},
    {ACTION_RECALCULATE, true, NOBODY, NOBODY, ANYBODY},
    {ACTION_ACKNOWLEDGE, true, NOBODY, ANYBODY, ANYBODY},
    {ACTION_TAKE_OVER, true, NOBODY, MEMBER, MEMBER},
    {ACTION_ASSIGN, true, NOBODY, OWNER, OWNER | MEMBER},
    {ACTION_NUDGE, true, MINE, MINE, MINE},
    {ACTION_HAND_BACK, true, NOBODY, OWNER | UNOWNED, OWNER | MEMBER},
    {ACTION_LINK, true, NOBODY, OWNER | MEMBER, OWNER | MEMBER},
    {ACTION_UNLINK, true, NOBODY, OWNER | MEMBER, OWNER | MEMBER},
    {ACTION_MERGE, true, NOBODY, OWNER | UNOWNED, OWNER | MEMBER},
    {ACTION_UNMERGE, true, NOBODY, MEMBER, MEMBER},
    {ACTION_ACCEPT, true, NOBODY, MEMBER, MEMBER},
    {ACTION_DECLINE, true, NOBODY, MEMBER, MEMBER},
    {ACTION_HAND_OVER, true, NOBODY, OWNER, OWNER | MEMBER},
    {ACTION_SPLIT, true, NOBODY, OWNER | MEMBER, OWNER | MEMBER},
    {ACTION_FOLLOW_UP, true, MINE, MINE | MEMBER, MINE | MEMBER},
    {AUTHZ_TICKET_READ, true, MINE, ANYBODY, ANYBODY},
    {AUTHZ_TICKET_SUBMIT, false, ANYBODY, ANYBODY, ANYBODY},
    {AUTHZ_TICKET_SUBMIT_FOR_OTHERS, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_QUEUE_READ, false, NOBODY, MEMBER | NO_TICKET, MEMBER | NO_TICKET},
    {AUTHZ_QUEUE_CLAIM, false, NOBODY, MEMBER | NO_TICKET, MEMBER | NO_TICKET},
    {AUTHZ_EVENTS_READ, false, ANYBODY, ANYBODY, ANYBODY},
    {AUTHZ_STATUS_READ, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_AUDIT_READ, false, NOBODY, NOBODY, ANYBODY},
    {AUTHZ_DEAD_LETTERS, false, NOBODY, NOBODY, ANYBODY},
    {AUTHZ_SLA_READ, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_SLA_APPLY, false, NOBODY, NOBODY, NOBODY},
    {AUTHZ_ORG_READ, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_ORG_APPLY, false, NOBODY, NOBODY, NOBODY},
    {AUTHZ_CLAIM_UNFIT, true, NOBODY, NOBODY, MEMBER},
    {AUTHZ_ONCALL_SWAP, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_AGENTS_READ, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_OFFERS_READ, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_PRESENCE_SET, false, NOBODY, ANYBODY, ANYBODY},
    {AUTHZ_PRESENCE_SET_FOR_OTHERS, false, NOBODY, NOBODY, MEMBER | NO_TICKET},
};

static const struct rule *rule_of(int action)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].action == action)
            return &rules[i];
    return NULL;
}

/* An id that is missing is nobody's: two missing ones are not the same person. */
static bool same_person(const char *a, const char *b)
{
    return a && b && a[0] && strcmp(a, b) == 0;
}

static bool is_member(const struct authz_subject *subject, uint32_t team)
{
    for (size_t i = 0; i < subject->nteams; i++)
        if (subject->teams[i] == team)
            return true;
    return false;
}

static unsigned facts_of(const struct authz_subject *subject, const struct authz_ticket *ticket)
{
    unsigned facts = ANYBODY;
    bool owned = ticket->owner_id && ticket->owner_id[0];

    if (same_person(subject->user_id, ticket->requester_id) ||
        same_person(subject->user_id, ticket->submitter_id))
        facts |= MINE;
    if (same_person(subject->user_id, ticket->owner_id))
        facts |= OWNER;
    if (is_member(subject, ticket->team))
        facts |= owned ? MEMBER : MEMBER | UNOWNED;
    return facts;
}

static bool visible(enum user_role role, const struct authz_ticket *ticket, unsigned facts)
{
    switch (role) {
    case ROLE_REQUESTER:
        return facts & MINE;
    case ROLE_AGENT:
    case ROLE_LEAD:
        return !ticket->restricted || (facts & (MEMBER | MINE));
    case ROLE_ADMIN:
        return true;
    }
    return false;
}

static bool allowed(enum user_role role, const struct rule *rule, unsigned facts)
{
    switch (role) {
    case ROLE_REQUESTER:
        return facts & rule->requester;
    case ROLE_AGENT:
        return facts & rule->agent;
    case ROLE_LEAD:
        return facts & rule->lead;
    case ROLE_ADMIN:
        return true;
    }
    return false;
}

enum authz_verdict authz(const struct authz_subject *subject, int action, const struct authz_ticket *ticket)
{
    const struct rule *rule = rule_of(action);
    unsigned facts = ANYBODY | NO_TICKET;

    if (!subject)
        return ticket ? AUTHZ_HIDE : AUTHZ_DENY;
    if (ticket) {
        facts = facts_of(subject, ticket);
        if (!visible(subject->role, ticket, facts))
            return AUTHZ_HIDE;
    }
    if (!rule || (rule->needs_ticket && !ticket))
        return AUTHZ_DENY;
    return allowed(subject->role, rule, facts) ? AUTHZ_ALLOW : AUTHZ_DENY;
}
