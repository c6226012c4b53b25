/* What happens to tickets without anybody asking for it: when a time has come, and when a desk closes. Called
 * with the ticket locked, by timers.c, escalate.c and shift_end.c; pure. */
#include "domain/ticket_state.h"
#include "router/ticket_rules.h"

void ticket_rules_plan_resume(const struct ticket_row *row, struct ticket_plan *ret_plan)
{
    *ret_plan = (struct ticket_plan){0};
    if (row->state != TICKET_PENDING || !row->pending_until_us || row->pending_until_us > row->now_us)
        return;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ticket_change_resume(&ret_plan->steps[0], TICKET_OPEN);
}

static int higher(int level, int present)
{
    return level && level < present ? level : 0;
}

/* To another team, out of the queue or out of somebody's hands. */
static void add_transfer(const struct ticket_row *row, const struct ticket_raise *raise,
                         struct ticket_plan *plan)
{
    struct ticket_change *change = &plan->steps[plan->n];

    *change = plan->n ? plan->steps[plan->n - 1] : ticket_change_none(row);
    plan->n++;
    change->event = "ticket.transferred";
    change->public = true;
    change->details = row->owner_id ? ",\"reason\":\"escalation\"" : NULL;
    change->epoch_rises = true;
    change->leaves_note = row->owner_id ? NOTE_ANY : NOTE_NONE;
    change->owner_id = change->owner_login = change->owner_region = NULL;
    change->state = ticket_state_next(ACTION_TRANSFER, (struct ticket_situation){.state = row->state});
    change->pending_reason = NULL;
    change->pending_until_us = 0;
    change->team = raise->team.id;
    change->tier = raise->team.tier;
    change->team_slug = raise->team.slug;
}

bool ticket_rules_raises(const struct ticket_row *row, const struct ticket_raise *raise)
{
    return ticket_state_next(ACTION_PRIORITIZE, (struct ticket_situation){.state = row->state}) &&
           (higher(raise->impact, row->impact) || higher(raise->urgency, row->urgency));
}

bool ticket_rules_moves(const struct ticket_row *row, const struct ticket_raise *raise)
{
    return raise->team.id && raise->team.id != row->team && (!row->owner_id || raise->even_if_owned) &&
           ticket_state_next(ACTION_TRANSFER, (struct ticket_situation){.state = row->state});
}

void ticket_rules_plan_raise(const struct ticket_row *row, const struct ticket_raise *raise,
                             struct ticket_plan *plan)
{
    if (ticket_rules_raises(row, raise)) {
        struct ticket_change *change = &plan->steps[plan->n++];

        *change = ticket_change_none(row);
        ticket_change_prioritize(change, higher(raise->impact, row->impact),
                                 higher(raise->urgency, row->urgency));
    }
    if (ticket_rules_moves(row, raise))
        add_transfer(row, raise, plan);
}

void ticket_rules_plan_escalate(const struct ticket_row *row, const char *details,
                                const struct ticket_raise *raise, struct ticket_plan *ret_plan)
{
    struct ticket_change *change = &ret_plan->steps[0];

    *ret_plan = (struct ticket_plan){.n = 1};
    *change = ticket_change_none(row);
    change->event = "escalation.notified";
    change->public = false;
    change->details = details;
    ticket_rules_plan_raise(row, raise, ret_plan);
}

void ticket_rules_plan_return(const struct ticket_row *row, const char *details, struct ticket_plan *ret_plan)
{
    struct ticket_change *change = &ret_plan->steps[0];

    *ret_plan = (struct ticket_plan){.n = 1};
    *change = ticket_change_none(row);
    change->event = "ticket.returned";
    change->details = details;
    change->owner_id = change->owner_login = change->owner_region = NULL;
    change->epoch_rises = true;
}

void ticket_rules_plan_remind(const struct ticket_row *row, struct ticket_plan *ret_plan)
{
    *ret_plan = (struct ticket_plan){0};
    if (row->state != TICKET_PENDING)
        return;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ret_plan->steps[0].event = TICKET_REMINDED;
}

void ticket_rules_plan_offer_end(const struct ticket_row *row, struct ticket_plan *ret_plan)
{
    *ret_plan = (struct ticket_plan){0};
    if (!row->offered_to || row->offered_until_us > row->now_us)
        return;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ret_plan->steps[0].event = "ticket.offer_expired";
    ret_plan->steps[0].public = false; /* who did not answer is for the desk */
    ret_plan->steps[0].offer_outcome = OFFER_EXPIRED;
}

void ticket_rules_plan_close(const struct ticket_row *row, struct ticket_plan *ret_plan)
{
    *ret_plan = (struct ticket_plan){0};
    if (row->state != TICKET_RESOLVED)
        return;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ret_plan->steps[0].event = "ticket.closed";
    ret_plan->steps[0].state = TICKET_CLOSED;
    ret_plan->steps[0].epoch_rises = true;
}

void ticket_rules_plan_survey(const struct ticket_row *row, struct ticket_plan *ret_plan)
{
    *ret_plan = (struct ticket_plan){0};
    if (row->state != TICKET_RESOLVED && row->state != TICKET_CLOSED)
        return;
    ret_plan->n = 1;
    ret_plan->steps[0] = ticket_change_none(row);
    ret_plan->steps[0].event = "survey.due";
    ret_plan->steps[0].public = false;
}
