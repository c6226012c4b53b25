/* The whole matrix: every action x role x relation to the ticket x who owns it x restricted. The expectation
 * is written here as prose turned into ifs, on purpose in another form than the table of authz.c, and the
 * promises people rely on are spelled out once more below it.
 */
#include "auth/authz.h"
#include "base/cleanup.h"
#include <criterion/criterion.h>

#define ME       "018f0000-0000-7000-8000-000000000001"
#define SOMEBODY "018f0000-0000-7000-8000-000000000002"
#define ANOTHER  "018f0000-0000-7000-8000-000000000003"

enum { TEAM = 7 };

static const int actions[] = {
    ACTION_CLAIM,        ACTION_RELEASE,
    ACTION_TRANSFER,     ACTION_REPLY,
    ACTION_NOTE,         ACTION_PEND,
    ACTION_RESOLVE,      ACTION_CONFIRM,
    ACTION_REOPEN,       ACTION_CANCEL,
    ACTION_PRIORITIZE,   ACTION_RECALCULATE,
    ACTION_ACKNOWLEDGE,  ACTION_TAKE_OVER,
    ACTION_ASSIGN,       ACTION_NUDGE,
    ACTION_HAND_BACK,    AUTHZ_TICKET_READ,
    AUTHZ_TICKET_SUBMIT, AUTHZ_TICKET_SUBMIT_FOR_OTHERS,
    AUTHZ_QUEUE_READ,    AUTHZ_QUEUE_CLAIM,
    AUTHZ_EVENTS_READ,   AUTHZ_STATUS_READ,
    AUTHZ_AUDIT_READ,    AUTHZ_DEAD_LETTERS,
    AUTHZ_SLA_READ,      AUTHZ_SLA_APPLY,
    AUTHZ_ORG_READ,      AUTHZ_ORG_APPLY,
    ACTION_LINK,         ACTION_UNLINK,
    ACTION_MERGE,        ACTION_UNMERGE,
    AUTHZ_ONCALL_SWAP,   ACTION_ACCEPT,
    ACTION_DECLINE,      ACTION_HAND_OVER,
    AUTHZ_AGENTS_READ,   AUTHZ_OFFERS_READ,
    AUTHZ_PRESENCE_SET,  AUTHZ_PRESENCE_SET_FOR_OTHERS,
    AUTHZ_CLAIM_UNFIT,
};
static const enum user_role roles[] = {ROLE_REQUESTER, ROLE_AGENT, ROLE_LEAD, ROLE_ADMIN};

enum relation { FOREIGN, REQUESTED, SUBMITTED };
enum owner { OWNED_BY_ME, OWNED_BY_SOMEBODY, UNOWNED };

struct situation {
    enum user_role role;
    enum relation relation;
    enum owner owner;
    bool member, restricted;
};

static enum authz_verdict expected_without_ticket(enum user_role role, int action)
{
    switch (action) {
    case AUTHZ_TICKET_SUBMIT:
    case AUTHZ_EVENTS_READ:
        return AUTHZ_ALLOW;
    case AUTHZ_TICKET_SUBMIT_FOR_OTHERS:
    case AUTHZ_QUEUE_READ:
    case AUTHZ_QUEUE_CLAIM:
    case AUTHZ_STATUS_READ:
        return role == ROLE_REQUESTER ? AUTHZ_DENY : AUTHZ_ALLOW;
    case AUTHZ_SLA_APPLY:
    case AUTHZ_ORG_APPLY:
        return role == ROLE_ADMIN ? AUTHZ_ALLOW : AUTHZ_DENY;
    case AUTHZ_SLA_READ:
    case AUTHZ_ORG_READ:
    case AUTHZ_ONCALL_SWAP:
    case AUTHZ_AGENTS_READ:
    case AUTHZ_OFFERS_READ:
    case AUTHZ_PRESENCE_SET:
        return role >= ROLE_AGENT ? AUTHZ_ALLOW : AUTHZ_DENY;
    case AUTHZ_AUDIT_READ:
    case AUTHZ_DEAD_LETTERS:
    case AUTHZ_PRESENCE_SET_FOR_OTHERS:
        return role == ROLE_LEAD || role == ROLE_ADMIN ? AUTHZ_ALLOW : AUTHZ_DENY;
    default:
        return AUTHZ_DENY;
    }
}

static bool expected_allowed(const struct situation *s, int action)
{
    bool mine = s->relation != FOREIGN, owner = s->owner == OWNED_BY_ME,
         staff = s->role == ROLE_AGENT || s->role == ROLE_LEAD, lead = s->role == ROLE_LEAD;

    if (s->role == ROLE_ADMIN)
        return true;
    switch (action) {
    case AUTHZ_TICKET_READ:
        return true; /* visible */
    case AUTHZ_PRESENCE_SET_FOR_OTHERS:
        return lead && s->member;
    case ACTION_CLAIM:
    case ACTION_TAKE_OVER:
    case ACTION_ACCEPT:
    case ACTION_DECLINE:
    case AUTHZ_QUEUE_READ:
    case AUTHZ_QUEUE_CLAIM:
        return staff && s->member;
    case ACTION_RELEASE:
    case ACTION_ASSIGN:
    case ACTION_HAND_OVER:
        return staff && (owner || (lead && s->member));
    case ACTION_TRANSFER:
    case ACTION_HAND_BACK:
        return staff && (owner || (lead && s->member) || (s->owner == UNOWNED && s->member));
    case ACTION_REPLY:
        return mine || (staff && (owner || s->member));
    case AUTHZ_CLAIM_UNFIT:
        return lead && s->member;
    case ACTION_RECALCULATE:
        return lead;
    case ACTION_ACKNOWLEDGE:
        return staff;
    case ACTION_PRIORITIZE:
        return staff && (owner || (lead && s->member) || (s->owner == UNOWNED && s->member));
    case ACTION_MERGE:
        return staff && (owner || (lead && s->member) || (s->owner == UNOWNED && s->member));
    case ACTION_UNMERGE:
        return staff && s->member;
    case ACTION_LINK:
    case ACTION_UNLINK:
    case ACTION_NOTE:
        return staff && (owner || s->member);
    case ACTION_PEND:
    case ACTION_RESOLVE:
        return staff && owner;
    case ACTION_CONFIRM:
    case ACTION_NUDGE:
        return mine;
    case ACTION_REOPEN:
        return mine || (staff && s->member);
    case ACTION_CANCEL:
        return mine || (staff && (owner || (lead && s->member)));
    default:
        return expected_without_ticket(s->role, action) == AUTHZ_ALLOW;
    }
}

static enum authz_verdict expected(const struct situation *s, int action)
{
    bool mine = s->relation != FOREIGN;

    if (s->role == ROLE_REQUESTER && !mine)
        return AUTHZ_HIDE;
    if ((s->role == ROLE_AGENT || s->role == ROLE_LEAD) && s->restricted && !s->member && !mine)
        return AUTHZ_HIDE;
    return expected_allowed(s, action) ? AUTHZ_ALLOW : AUTHZ_DENY;
}

static enum authz_verdict ask(const struct situation *s, int action)
{
    static const uint32_t in[] = {3, TEAM}, out[] = {3, 8};
    static const char *const owners[] = {[OWNED_BY_ME] = ME, [OWNED_BY_SOMEBODY] = ANOTHER, [UNOWNED] = NULL};
    struct authz_subject subject = {
        .role = s->role, .user_id = ME, .teams = s->member ? in : out, .nteams = 2};
    struct authz_ticket ticket = {
        .requester_id = s->relation == REQUESTED ? ME : SOMEBODY,
        .submitter_id = s->relation == SUBMITTED ? ME : SOMEBODY,
        .owner_id = owners[s->owner],
        .team = TEAM,
        .restricted = s->restricted,
    };

    return authz(&subject, action, &ticket);
}

Test(authz, the_whole_matrix)
{
    int asked = 0;

    for (size_t a = 0; a < ARRAY_SIZE(actions); a++)
        for (size_t r = 0; r < ARRAY_SIZE(roles); r++)
            for (unsigned bits = 0; bits < 36; bits++) {
                struct situation s = {roles[r], bits % 3, bits / 3 % 3, bits / 9 % 2, bits / 18};
                cr_assert_eq(ask(&s, actions[a]), expected(&s, actions[a]),
                             "action %d role %d relation %d owner %d member %d restricted %d", actions[a],
                             (int)s.role, (int)s.relation, (int)s.owner, s.member, s.restricted);
                asked++;
            }
    cr_assert_eq(asked, (int)(ARRAY_SIZE(actions) * ARRAY_SIZE(roles) * 36));
}

Test(authz, without_a_ticket)
{
    for (size_t a = 0; a < ARRAY_SIZE(actions); a++)
        for (size_t r = 0; r < ARRAY_SIZE(roles); r++) {
            struct authz_subject subject = {.role = roles[r], .user_id = ME};
            cr_assert_eq(authz(&subject, actions[a], NULL), expected_without_ticket(roles[r], actions[a]),
                         "action %d role %d", actions[a], (int)roles[r]);
        }
}

/* What people count on, in plain sight. */
Test(authz, requesters)
{
    struct situation own = {ROLE_REQUESTER, REQUESTED, OWNED_BY_SOMEBODY, false, false};
    struct situation foreign = {ROLE_REQUESTER, FOREIGN, UNOWNED, false, false};

    cr_assert_eq(ask(&own, AUTHZ_TICKET_READ), AUTHZ_ALLOW);
    cr_assert_eq(ask(&own, ACTION_REPLY), AUTHZ_ALLOW);
    cr_assert_eq(ask(&own, ACTION_CONFIRM), AUTHZ_ALLOW);
    cr_assert_eq(ask(&own, ACTION_REOPEN), AUTHZ_ALLOW);
    cr_assert_eq(ask(&own, ACTION_CANCEL), AUTHZ_ALLOW);
    cr_assert_eq(ask(&own, ACTION_NOTE), AUTHZ_DENY);
    cr_assert_eq(ask(&own, ACTION_CLAIM), AUTHZ_DENY);
    for (size_t a = 0; a < ARRAY_SIZE(actions); a++)
        cr_assert_eq(ask(&foreign, actions[a]), AUTHZ_HIDE);
    /* Not even as a member of the team, should a requester ever be listed in one. */
    foreign.member = true;
    cr_assert_eq(ask(&foreign, AUTHZ_TICKET_READ), AUTHZ_HIDE);
    own.member = true;
    cr_assert_eq(ask(&own, ACTION_CLAIM), AUTHZ_DENY);
}

Test(authz, agents)
{
    struct situation elsewhere = {ROLE_AGENT, FOREIGN, UNOWNED, false, false};
    struct situation hidden = {ROLE_AGENT, FOREIGN, UNOWNED, false, true};
    struct situation colleague = {ROLE_AGENT, FOREIGN, OWNED_BY_SOMEBODY, true, false};

    cr_assert_eq(ask(&elsewhere, AUTHZ_TICKET_READ), AUTHZ_ALLOW);
    cr_assert_eq(ask(&elsewhere, ACTION_CLAIM), AUTHZ_DENY);
    cr_assert_eq(ask(&hidden, AUTHZ_TICKET_READ), AUTHZ_HIDE);
    cr_assert_eq(ask(&hidden, ACTION_CLAIM), AUTHZ_HIDE);
    cr_assert_eq(ask(&colleague, ACTION_NOTE), AUTHZ_ALLOW);
    cr_assert_eq(ask(&colleague, ACTION_RESOLVE), AUTHZ_DENY);
    cr_assert_eq(ask(&colleague, ACTION_RELEASE), AUTHZ_DENY);
    cr_assert_eq(ask(&colleague, ACTION_TRANSFER), AUTHZ_DENY);
    colleague.role = ROLE_LEAD;
    cr_assert_eq(ask(&colleague, ACTION_RELEASE), AUTHZ_ALLOW);
    cr_assert_eq(ask(&colleague, ACTION_TRANSFER), AUTHZ_ALLOW);
    cr_assert_eq(ask(&colleague, ACTION_RESOLVE), AUTHZ_DENY);
}

Test(authz, deny_by_default)
{
    const uint32_t teams[] = {TEAM};
    struct authz_subject admin = {ROLE_ADMIN, ME, teams, 1}, nobody = {0, ME, teams, 1},
                         stranger = {9, ME, teams, 1};
    struct authz_ticket ticket = {ME, ME, NULL, TEAM, false};

    cr_assert_eq(authz(&admin, 0, NULL), AUTHZ_DENY);
    cr_assert_eq(authz(&admin, 99, &ticket), AUTHZ_DENY);
    cr_assert_eq(authz(&admin, AUTHZ_PRESENCE_SET_FOR_OTHERS + 1, NULL), AUTHZ_DENY);
    cr_assert_eq(authz(NULL, AUTHZ_TICKET_SUBMIT, NULL), AUTHZ_DENY);
    cr_assert_eq(authz(NULL, AUTHZ_TICKET_READ, &ticket), AUTHZ_HIDE);
    for (size_t a = 0; a < ARRAY_SIZE(actions); a++) {
        cr_assert_eq(authz(&nobody, actions[a], NULL), AUTHZ_DENY);
        cr_assert_eq(authz(&stranger, actions[a], &ticket), AUTHZ_HIDE);
    }
}

Test(authz, missing_ids_are_nobody)
{
    struct authz_subject subject = {.role = ROLE_REQUESTER};
    struct authz_ticket ticket = {0};

    cr_assert_eq(authz(&subject, AUTHZ_TICKET_READ, &ticket), AUTHZ_HIDE);
    subject.user_id = ticket.requester_id = ticket.submitter_id = ticket.owner_id = "";
    cr_assert_eq(authz(&subject, AUTHZ_TICKET_READ, &ticket), AUTHZ_HIDE);
    subject.role = ROLE_AGENT;
    cr_assert_eq(authz(&subject, ACTION_RESOLVE, &ticket), AUTHZ_DENY);
    cr_assert_eq(authz(&subject, AUTHZ_TICKET_READ, &ticket), AUTHZ_ALLOW);
}
