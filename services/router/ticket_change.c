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

void ticket_change_resume(struct ticket_change *change, enum ticket_state next)
{
    change->event = "ticket.resumed";
    change->state = next;
    change->pending_reason = NULL;
    change->pending_until_us = 0;
}
