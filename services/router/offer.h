/* Offers: a ticket that belongs to nobody but to whoever is asked to take it, for a while. At most one is
 * open for a ticket; how it ends is decided with each change of the ticket (ticket_change_settle_offer). */
#pragma once
#include "router/outcome.h"
#include "router/ticket_change.h"

#define OFFER_KIND_OFFER    "offer"    /* of the dispatcher: not answered, it sends the agent away */
#define OFFER_KIND_HANDOVER "handover" /* of the owner before */

/** An offer to be made. Texts are borrowed for as long as the plan. */
struct offer {
    const char *kind;            /* one of the two above */
    const char *user_id, *login; /* to whom */
    int64_t until_us;            /* by the database's time */
};

/** Plans the offer of a ticket that is new or open: whoever owned it does not any more, and it leaves the
 * queue. An offer that is open is withdrawn. The caller may add to the event. */
void ticket_offer_plan(const struct ticket_row *row, const struct offer *offer, struct ticket_plan *ret_plan);
/** Part of ticket_write: the rows of desk.offer follow a settled change of the locked ticket; an agent who
 * missed an offer of the dispatcher is set to away. Database failures; -E_CONFLICT when another offer of the
 * dispatcher is open for the same agent. */
int offer_follow(struct db_conn *conn, const struct ticket_row *row,
                 const struct ticket_change *change) _must_check_;
/** -E_OFFER_OVER with what became of the last offer of this ticket to the user, and who has it now; or a
 * database failure. */
int offer_explain_over(struct db_conn *conn, const struct ticket_row *row, const char *user_id,
                       struct outcome *out) _must_check_;
