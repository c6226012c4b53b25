/* Where every change begins: the ticket as it is. Called by ticket_rules.c, which decides what changes. */
#include "router/ticket_change.h"
#include "domain/priority.h"
#include "meridian/ticket.h"

void ticket_change_prioritize(struct ticket_change *change, int impact, int urgency)
{
    change->event = "ticket.prioritized";
    if (impact)
        change->impact = impact;
    if (urgency)
        change->urgency = urgency;
    if (priority_of((unsigned)change->impact, (unsigned)change->urgency, &change->priority) < 0)
        change->priority = PRIORITY_P4; /* cannot be */
}

struct ticket_change ticket_change_none(const struct ticket_row *row)
{
    return (struct ticket_change){
        .public = true,
        .state = row->state,
        .owner_id = row->owner_id,
        .owner_login = row->owner_login,
        .owner_region = row->owner_region,
        .offered_to = row->offered_to,
        .offered_login = row->offered_login,
        .offered_until_us = row->offered_until_us,
        .team = row->team,
        .tier = row->tier,
        .priority = row->priority,
        .impact = row->impact,
        .urgency = row->urgency,
        .team_slug = row->team_slug,
        .pending_reason = row->pending_reason,
        .pending_until_us = row->pending_until_us,
    };
}

void ticket_change_quiet(struct ticket_change *change, const char *event)
{
    change->event = event;
    change->public = false;
    change->epoch_rises = false;
    change->leaves_note = NOTE_NONE;
    change->offer_kind = NULL;
    change->offer_outcome = OFFER_STAYS;
    change->text_kind = TEXT_NONE;
}

static bool workable(const struct ticket_change *change)
{
    return !change->owner_id && (change->state == TICKET_NEW || change->state == TICKET_OPEN);
}

bool ticket_change_queues(const struct ticket_change *change)
{
    return workable(change) && !change->offered_to;
}

void ticket_change_settle_offer(const struct ticket_row *row, struct ticket_change *change)
{
    bool begins = change->offer_kind;

    if (row->offered_to && !change->offer_outcome &&
        (begins || !workable(change) || change->team != row->team))
        change->offer_outcome = OFFER_WITHDRAWN;
    if (!change->offer_outcome || begins)
        return;
    change->offered_to = change->offered_login = NULL;
    change->offered_until_us = 0;
}

void ticket_change_resume(struct ticket_change *change, enum ticket_state next)
{
    change->event = "ticket.resumed";
    change->state = next;
    change->pending_reason = NULL;
    change->pending_until_us = 0;
}
