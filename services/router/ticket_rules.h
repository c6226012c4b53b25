/* From a command and a locked ticket to the changes that it means, or the refusal. Pure: no database, no time
 * source. */
#pragma once
#include "router/outcome.h"
#include "router/ticket_assignee.h"
#include "router/ticket_change.h"
#include "router/ticket_team.h"
#include "wire/wire.h"

/** Region that an ownership is counted for: the agent's own, else that of the request. */
const char *ticket_actor_region(const Meridian__Request *request);

/** True when whoever asks may not know that the ticket exists. */
bool ticket_rules_hide(const Meridian__Request *request, const struct ticket_row *row);
/** True when whoever asks has the right to do `action` to the ticket, as it is owned now. */
bool ticket_rules_may(const Meridian__Request *request, enum ticket_action action,
                      const struct ticket_row *row);
/** An agent's reply to the parent goes to this open child, too, with `details` for its event; nothing, if
 * whoever asks may not reply to it, or it is open no more. */
void ticket_rules_plan_broadcast(const Meridian__Request *request, const struct ticket_row *row,
                                 const char *details, struct ticket_plan *ret_plan);

/* ticket_rules_time.c: what nobody asks for. */
/** The wait is over, by itself: a pending ticket whose end has come goes on, with its owner if it has one;
 * any other stays as it is. */
void ticket_rules_plan_resume(const struct ticket_row *row, struct ticket_plan *ret_plan);
/** What a step of an escalation does to a ticket, beside telling people. */
struct ticket_raise {
    int impact, urgency;     /* at least; 0: as it is */
    struct ticket_team team; /* id 0: it stays */
    bool even_if_owned;
};
/** A step of an escalation: the event that says whom it tells, with `details`; and a rise of the priority
 * where that of `raise` is above the ticket's; and its transfer to the team, unless somebody owns it whom it
 * is not taken from. The plan borrows from `raise`. */
void ticket_rules_plan_escalate(const struct ticket_row *row, const char *details,
                                const struct ticket_raise *raise, struct ticket_plan *ret_plan);
/** Whether it would rise; whether it would go to another team. */
bool ticket_rules_raises(const struct ticket_row *row, const struct ticket_raise *raise);
bool ticket_rules_moves(const struct ticket_row *row, const struct ticket_raise *raise);
/** Adds these changes, without the event of a step. */
void ticket_rules_plan_raise(const struct ticket_row *row, const struct ticket_raise *raise,
                             struct ticket_plan *plan);
#define TICKET_REMINDED "ticket.reminded"
/** The requester of a pending ticket is reminded that it waits. */
void ticket_rules_plan_remind(const struct ticket_row *row, struct ticket_plan *ret_plan);
/** The desk of its owner closes: an open ticket goes back into the queue. The event has `details`. */
void ticket_rules_plan_return(const struct ticket_row *row, const char *details,
                              struct ticket_plan *ret_plan);
/** Nobody answered an offer in time: the ticket goes back into the queue. */
void ticket_rules_plan_offer_end(const struct ticket_row *row, struct ticket_plan *ret_plan);
/** A resolved ticket that nobody reopened closes. */
void ticket_rules_plan_close(const struct ticket_row *row, struct ticket_plan *ret_plan);
/** A ticket that was resolved is to be asked about. */
void ticket_rules_plan_survey(const struct ticket_row *row, struct ticket_plan *ret_plan);
/** Decides. `row` is the locked ticket, `target` the team named by a transfer, `assignee` whom
 * an assignment names; the plan borrows from them. 0, or a refusal that `out` explains: -E_UNAUTHENTICATED,
 * -E_NOT_FOUND (hidden), -E_FORBIDDEN, -E_VALIDATION, -E_PRECONDITION, -E_PRECONDITION_REQUIRED,
 * -E_ALREADY_CLAIMED, -E_OWNERSHIP_LOST, -E_OFFERED, -E_OFFER_OVER (without a word: offer_explain_over has
 * it), -E_BAD_TRANSITION, -E_BAD_REQUEST. */
int ticket_rules_plan(const Meridian__Request *request, const struct ticket_row *row,
                      const struct ticket_team *target, const struct ticket_assignee *assignee,
                      struct ticket_plan *ret_plan, struct outcome *out) _must_check_;
