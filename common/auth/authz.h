/* The one place that decides who may do what. Deny by default. Pure. */
#pragma once
#include "meridian/ticket.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a route or command does, beside the ticket actions (enum ticket_action keeps its numbers). */
enum authz_action {
    AUTHZ_TICKET_READ = 100,
    AUTHZ_TICKET_SUBMIT,
    AUTHZ_TICKET_SUBMIT_FOR_OTHERS,
    AUTHZ_QUEUE_READ,
    AUTHZ_QUEUE_CLAIM,
    AUTHZ_EVENTS_READ,
    AUTHZ_STATUS_READ,
    AUTHZ_AUDIT_READ,
    AUTHZ_DEAD_LETTERS,
    AUTHZ_SLA_READ,  /* plans of service levels, and how clocks came about */
    AUTHZ_SLA_APPLY, /* a plan for everybody */
    AUTHZ_ORG_READ,  /* the organisation: who works when, on what */
    AUTHZ_ORG_APPLY,
    AUTHZ_ONCALL_SWAP,  /* reads swaps of on-call shifts, asks and answers for oneself */
    AUTHZ_CLAIM_UNFIT,  /* takes a ticket by name whatever speaks against it: skills, shift, capacity */
    AUTHZ_AGENTS_READ,  /* who is in a team, and whether they are there */
    AUTHZ_OFFERS_READ,  /* what is offered to oneself */
    AUTHZ_PRESENCE_SET, /* whether one takes offers */
    AUTHZ_PRESENCE_SET_FOR_OTHERS, /* asked with each team of theirs */
};

struct authz_subject {
    enum user_role role;
    const char *user_id; /* UUID text */
    const uint32_t *teams;
    size_t nteams;
};
/** What matters of a ticket; NULL object for actions that have none. */
struct authz_ticket {
    const char *requester_id;
    const char *submitter_id;
    const char *owner_id; /* NULL: nobody */
    uint32_t team;
    bool restricted; /* the team's tickets are hidden from others */
};

enum authz_verdict {
    AUTHZ_ALLOW,
    AUTHZ_DENY, /* 403: may know that it exists */
    AUTHZ_HIDE, /* 404: may not */
};
/** `action` is an enum ticket_action or authz_action; `ticket` may be NULL for the actions that are not about
 * one ticket. A queue of one team is asked for with a ticket that has only the team set. The rules are the
 * table in authz.c: everybody sees and may reply to, nudge, confirm, reopen and cancel their own tickets;
 * agents see all but restricted teams' tickets unless they are members, claim and answer in their teams,
 * accept and decline what is offered to them, release, pend and resolve what they own, assign it to others,
 * and take over what others of their teams own; leads also release, transfer, assign and cancel what others
 * of their teams own; admins do everything. Ownership epochs are compared elsewhere, before this. */
enum authz_verdict authz(const struct authz_subject *subject, int action, const struct authz_ticket *ticket);
