/* Who gets a ticket. Worker thread. */
#pragma once
#include "router/plan_book.h"
#include "router/ticket_row.h"
#include <stdint.h>

struct dispatch {
    struct plan_book *plans;
    int64_t cluster_epoch; /* the highest that this router knows */
};

enum {
    DISPATCH_NOBODY, /* who is there and may take it; or it is not ready any more, or locked by somebody */
    DISPATCH_GIVEN,  /* to be committed */
    DISPATCH_BUSY,   /* another transaction dispatches */
};

/** In the connection's transaction: gives a ready ticket of a team that dispatches to the best agent, as the
 * team's mode says. One of the above; -E_STALE_PRIMARY; -E_CONFLICT when that agent was offered another one
 * meanwhile; database failures. */
int dispatch_ticket(struct db_conn *conn, const struct dispatch *dispatch, const char *number) _must_check_;
/** With the event that was written last: among whom (JSON) its agent was chosen. Database failures. */
int dispatch_write_down(struct db_conn *conn, const struct ticket_row *row, const char *user_id,
                        const char *candidates) _must_check_;
