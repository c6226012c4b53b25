/* The rules of every verb, in the order in which they are judged. Called by command.c with the ticket locked;
 * tests call it with made-up rows.
 *
 * The order matters, because each refusal tells something: what is hidden comes first (not-found, whatever
 * was asked); then what the person could never do, not even as the owner (forbidden); then the request itself
 * (validation, preconditions); then what others did meanwhile (already-claimed, ownership-lost); then the
 * state; last the rights of the present owner. So an agent who lost a ticket learns who has it, and is not
 * merely told "forbidden".
 */
#include "router/ticket_rules.h"
#include "auth/authz.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/ticket_fields.h"
#include "router/ticket_refusal.h"
#include <stdio.h>

struct judge {
    const Meridian__Request *request;
    const Meridian__Principal *actor;
    const Meridian__Command *command;
    const struct ticket_row *row;
    const struct ticket_team *target;
    const struct ticket_assignee *assignee;
    enum ticket_action action;
    struct ticket_situation situation;
    struct outcome *out;
};

const char *ticket_actor_region(const Meridian__Request *request)
{
    if (request->principal && request->principal->region && request->principal->region[0])
        return request->principal->region;
    return request->region ? request->region : "";
}

static enum authz_verdict verdict(const struct judge *j, const char *owner_id)
{
    struct authz_subject subject = {(enum user_role)j->actor->role, j->actor->user_id, j->actor->teams,
                                    j->actor->n_teams};
    struct authz_ticket ticket = {j->row->requester_id, j->row->submitter_id, owner_id,
                                  (uint32_t)j->row->team, j->row->restricted};

    return authz(&subject, (int)j->action, &ticket);
}

/* ---- what has to be known ---- */

static bool epoch_required(const struct judge *j)
{
    switch (j->action) {
    case ACTION_RELEASE:
    case ACTION_PEND:
    case ACTION_RESOLVE:
    case ACTION_TAKE_OVER:
    case ACTION_HAND_OVER:
        return true;
    case ACTION_TRANSFER:
    case ACTION_HAND_BACK:
    case ACTION_ASSIGN:
        return j->row->owner_id;
    default:
        return false;
    }
}

static bool version_matches(const Meridian__Command *c, uint64_t version)
{
    bool matches = !c->has_if_version || c->if_version == version;

    for (size_t i = 0; i < c->n_if_versions && !matches; i++)
        matches = c->if_versions[i] == version;
    return matches;
}

static int check_preconditions(const struct judge *j)
{
    const Meridian__Command *c = j->command;

    if (!version_matches(c, (uint64_t)j->row->version))
        return outcome_refuse(j->out, -E_PRECONDITION, "The ticket is at version %d", j->row->version);
    if (epoch_required(j) && !c->has_epoch)
        return outcome_refuse(j->out, -E_PRECONDITION_REQUIRED, "Send the epoch of the ownership");
    return 0;
}

/* ---- what others did meanwhile ---- */

/* Every write of a ticket goes through all of its events, and requesters are strangers. */
static int check_room(const struct judge *j)
{
    if ((j->action != ACTION_REPLY && j->action != ACTION_NUDGE && j->action != ACTION_FOLLOW_UP) ||
        j->actor->role != ROLE_REQUESTER || j->row->version < LIMIT_TICKET_EVENTS)
        return 0;
    return outcome_refuse(j->out, -E_TICKET_FULL, "%s has had %d events", j->row->number, j->row->version);
}

static int refuse_transition(const struct judge *j, const char *detail)
{
    return ticket_refuse_transition(j->row, j->situation, j->action, detail, j->out);
}

/* No such move from here. */
static int refuse_move(const struct judge *j)
{
    const struct ticket_row *row = j->row;
    char detail[120];

    if (j->action == ACTION_TAKE_OVER && !row->owner_id && !ticket_state_is_final(row->state))
        return refuse_transition(j, "Nobody owns this ticket: claim it");
    if (row->state == TICKET_CLOSED && j->situation.late &&
        (j->action == ACTION_REOPEN || (j->action == ACTION_REPLY && j->situation.by_requester)))
        return ticket_refuse_reopen(row, j->out);
    snprintf(detail, sizeof detail, "A ticket that is %s%s cannot be changed by %s",
             ticket_state_name(row->state), row->owner_id ? " and owned" : "", ticket_action_name(j->action));
    return refuse_transition(j, detail);
}

static bool offered_to_actor(const struct judge *j)
{
    return j->row->offered_to && strcmp(j->row->offered_to, j->actor->user_id) == 0;
}

static int check_others(const struct judge *j)
{
    const Meridian__Command *c = j->command;
    bool at_work = j->row->state == TICKET_OPEN || j->row->state == TICKET_PENDING;

    if (j->action == ACTION_CLAIM && j->row->owner_id && at_work)
        return ticket_refuse_claimed(j->row, j->out);
    if (c->has_epoch && c->epoch != (uint64_t)j->row->epoch)
        return ticket_refuse_lost(j->row, j->out);
    if ((j->action == ACTION_ACCEPT || j->action == ACTION_DECLINE) && !offered_to_actor(j))
        return -E_OFFER_OVER; /* command.c tells what became of it */
    if (j->action == ACTION_CLAIM && j->row->offered_to && !offered_to_actor(j) &&
        !ticket_rules_may(j->request, ACTION_ASSIGN, j->row))
        return ticket_refuse_offered(j->row, j->out);
    if (j->action == ACTION_TAKE_OVER && j->row->owner_id && strcmp(j->row->owner_id, j->actor->user_id) == 0)
        return refuse_transition(j, "You own this ticket already");
    if (j->action == ACTION_ASSIGN && j->row->owner_id && strcmp(j->row->owner_id, j->assignee->id) == 0)
        return refuse_transition(j, "Whom you name owns this ticket already");
    if (j->action == ACTION_HAND_OVER && j->row->owner_id && j->assignee && j->assignee->id &&
        strcmp(j->row->owner_id, j->assignee->id) == 0)
        return refuse_transition(j, "Whom you name owns this ticket already");
    if (j->action == ACTION_HAND_OVER && c->at_shift_end && j->row->owner_id &&
        strcmp(j->row->owner_id, j->actor->user_id) != 0)
        return outcome_refuse(j->out, -E_FORBIDDEN, "Only its owner prepares the handover of a ticket");
    if (j->action == ACTION_HAND_BACK && !j->row->came_from)
        return refuse_transition(j, "This ticket has been with no other team");
    return 0;
}

/* ---- what it means ---- */

static void own(struct ticket_change *change, const struct judge *j)
{
    change->owner_id = j->actor->user_id;
    change->owner_login = j->actor->login;
    change->owner_region = ticket_actor_region(j->request);
}

static void disown(struct ticket_change *change)
{
    change->owner_id = change->owner_login = change->owner_region = NULL;
}

static void say(struct ticket_change *change, const struct judge *j, enum ticket_text kind)
{
    if (ticket_fields_blank(j->command->text))
        return;
    change->text_kind = kind;
    change->text = j->command->text;
    change->from_requester = j->situation.by_requester;
}

/* A ticket that the requester answers does not wait for the requester any more: an event of its own. */
static void add_resumption(struct ticket_plan *plan, enum ticket_state next)
{
    struct ticket_change *resumed = &plan->steps[plan->n++];

    *resumed = plan->steps[0];
    ticket_change_resume(resumed, next);
    resumed->text_kind = TEXT_NONE;
}

static void plan_steps(const struct judge *j, enum ticket_state next, struct ticket_plan *plan)
{
    const struct ticket_row *row = j->row;
    const Meridian__Command *c = j->command;
    struct ticket_change *change = &plan->steps[0];

    *plan = (struct ticket_plan){.n = 1};
    *change = ticket_change_none(row);
    change->state = next;
    if (next != TICKET_PENDING && j->action != ACTION_REPLY) {
        change->pending_reason = NULL;
        change->pending_until_us = 0;
    }
    switch (j->action) {
    case ACTION_CLAIM:
    case ACTION_ACCEPT: /* a claim by whoever is asked is the same */
        change->event = offered_to_actor(j) ? "ticket.offer_accepted" : "ticket.claimed";
        own(change, j);
        change->epoch_rises = true;
        if (offered_to_actor(j))
            change->offer_outcome = OFFER_ACCEPTED;
        break;
    case ACTION_DECLINE:
        change->event = "ticket.offer_declined";
        change->public = false; /* who would not take it is for the desk */
        change->offer_outcome = OFFER_DECLINED;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_RELEASE:
        change->event = "ticket.released";
        disown(change);
        change->epoch_rises = true;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_TRANSFER:
    case ACTION_HAND_BACK:
        change->event = "ticket.transferred";
        disown(change);
        change->epoch_rises = true;
        change->team = j->target->id;
        change->tier = j->target->tier;
        change->team_slug = j->target->slug;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_REPLY:
        change->event = "ticket.replied";
        say(change, j, TEXT_REPLY);
        change->first_response = !j->situation.by_requester && !row->responded;
        if (next != row->state) {
            change->state = row->state;
            add_resumption(plan, next);
        }
        break;
    case ACTION_NOTE:
        change->event = "ticket.noted";
        change->public = false;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_PEND:
        change->event = "ticket.pended";
        change->pending_reason = c->text;
        change->pending_until_us = c->has_until_us ? c->until_us : 0;
        break;
    case ACTION_RESOLVE:
        change->event = "ticket.resolved";
        change->cause = ticket_fields_blank(c->cause) ? NULL : c->cause;
        change->solution = ticket_fields_blank(c->solution) ? NULL : c->solution;
        change->prevention = ticket_fields_blank(c->prevention) ? NULL : c->prevention;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_CONFIRM:
        change->event = "ticket.confirmed";
        change->epoch_rises = true;
        break;
    case ACTION_REOPEN:
        change->event = "ticket.reopened";
        if (!row->owner_on_shift)
            disown(change);
        change->epoch_rises = true;
        change->reopened = true;
        say(change, j, TEXT_REPLY);
        break;
    case ACTION_PRIORITIZE:
        ticket_change_prioritize(change, c->has_impact ? (int)c->impact : 0,
                                 c->has_urgency ? (int)c->urgency : 0);
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_RECALCULATE:
        change->event = "sla.recalculated";
        change->public = false;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_ACKNOWLEDGE:
        change->event = "ticket.acknowledged";
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_TAKE_OVER:
        change->event = "ticket.taken_over";
        own(change, j);
        change->epoch_rises = true;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_ASSIGN:
        change->event = "ticket.assigned";
        change->owner_id = j->assignee->id;
        change->owner_login = j->assignee->login;
        change->owner_region = j->assignee->region;
        change->epoch_rises = true;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_NUDGE:
        change->event = "ticket.nudged";
        break;
    case ACTION_LINK:
        change->event = "ticket.linked";
        break;
    case ACTION_UNLINK:
        change->event = "ticket.unlinked";
        break;
    case ACTION_MERGE:
        change->event = "ticket.merged";
        disown(change);
        change->epoch_rises = true;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_UNMERGE:
        change->event = "ticket.unmerged";
        change->epoch_rises = true;
        say(change, j, TEXT_NOTE);
        break;
    case ACTION_HAND_OVER: /* handover.c says to whom */
        if (c->at_shift_end) {
            *change = ticket_change_none(row);
            change->event = "ticket.handover_prepared";
            change->public = false;
            break;
        }
        change->event = "ticket.returned";
        disown(change);
        change->epoch_rises = true;
        break;
    case ACTION_SPLIT:
        change->event = "ticket.split";
        break;
    case ACTION_FOLLOW_UP:
        change->event = "ticket.followed_up";
        break;
    case ACTION_CANCEL:
        change->event = "ticket.cancelled";
        disown(change);
        change->epoch_rises = true;
        say(change, j, TEXT_REPLY);
        break;
    }
}

static struct judge judge_of(const Meridian__Request *request, const struct ticket_row *row)
{
    struct judge j = {
        .request = request, .actor = request->principal, .command = request->command, .row = row};

    j.action = (enum ticket_action)j.command->action;
    return j;
}

bool ticket_rules_hide(const Meridian__Request *request, const struct ticket_row *row)
{
    struct judge j = judge_of(request, row);

    return !j.actor || verdict(&j, row->owner_id) == AUTHZ_HIDE;
}

bool ticket_rules_may(const Meridian__Request *request, enum ticket_action action,
                      const struct ticket_row *row)
{
    struct judge j = judge_of(request, row);

    j.action = action;
    return j.actor && verdict(&j, row->owner_id) == AUTHZ_ALLOW;
}

void ticket_rules_plan_broadcast(const Meridian__Request *request, const struct ticket_row *row,
                                 const char *details, struct ticket_plan *ret_plan)
{
    struct judge j = judge_of(request, row);
    enum ticket_state next;

    *ret_plan = (struct ticket_plan){0};
    j.situation = (struct ticket_situation){.state = row->state, .owned = row->owner_id};
    next = ticket_state_next(ACTION_REPLY, j.situation);
    if (!next || verdict(&j, row->owner_id) != AUTHZ_ALLOW ||
        strcmp(row->requester_id, j.actor->user_id) == 0)
        return; /* nobody is the desk for a ticket of their own */
    plan_steps(&j, next, ret_plan);
    ret_plan->steps[0].details = details;
}

/* Its owner might. */
static int refuse_others_ticket(const struct judge *j)
{
    if (j->action == ACTION_ASSIGN)
        return outcome_refuse(
            j->out, -E_FORBIDDEN, "%s",
            j->row->owner_id ? "Only its owner, or a lead of its team, may assign this ticket"
                             : "Nobody owns this ticket: claim it, or have a lead of its team assign it");
    return outcome_refuse(j->out, -E_FORBIDDEN, "Only its owner may %s this ticket",
                          ticket_action_name(j->action));
}

int ticket_rules_plan(const Meridian__Request *request, const struct ticket_row *row,
                      const struct ticket_team *target, const struct ticket_assignee *assignee,
                      struct ticket_plan *ret_plan, struct outcome *out)
{
    struct judge j = judge_of(request, row);
    enum authz_verdict present;
    enum ticket_state next;
    int r;

    if (!j.actor)
        return outcome_refuse(out, -E_UNAUTHENTICATED, "The request names nobody");
    j.target = target;
    j.assignee = assignee;
    j.out = out;
    j.situation = (struct ticket_situation){.state = row->state,
                                            .owned = row->owner_id,
                                            .by_requester = strcmp(j.actor->user_id, row->requester_id) == 0,
                                            .merged = row->merged,
                                            .late = row->reopen_until_us < row->now_us,
                                            .offered = row->offered_to};

    present = verdict(&j, row->owner_id);
    if (present == AUTHZ_HIDE)
        return -E_NOT_FOUND;
    if (present == AUTHZ_DENY && verdict(&j, j.actor->user_id) != AUTHZ_ALLOW)
        return outcome_refuse(out, -E_FORBIDDEN, "You may not %s this ticket", ticket_action_name(j.action));
    r = ticket_fields_check(j.command, row, target, assignee, out);
    if (!r)
        r = check_preconditions(&j);
    if (!r)
        r = check_room(&j);
    if (!r)
        r = check_others(&j);
    if (r < 0)
        return r;
    next = ticket_state_next(j.action, j.situation);
    if (!next)
        return refuse_move(&j);
    if (j.action == ACTION_NUDGE && row->nudged_at_us &&
        row->now_us < row->nudged_at_us + LIMIT_NUDGE_S * US_PER_S)
        return ticket_refuse_nudge(row, out);
    if (present == AUTHZ_DENY)
        return refuse_others_ticket(&j);
    plan_steps(&j, next, ret_plan);
    return 0;
}
