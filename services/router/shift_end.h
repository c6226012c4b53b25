/* When a desk closes, what its agents own goes back into the queue or is handed over, for teams that want it
 * so. Routers beside
 * the primary see to it once a second; several do no harm. */
#pragma once
#include "router/ticket_change.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct router;

struct shift_end {
    struct router *router;
    uv_timer_t timer;
    bool working;
};

void shift_end_open(struct shift_end *self, struct router *router, uint64_t every_ms);
void shift_end_close(struct shift_end *self);
/** Part of ticket_write, worker thread: a ticket that goes on after it was on hold, while the desk of its
 * owner is closed, is seen to like those that were open when it closed; with the next laying
 * out of shifts, if one is just being committed. Database failures. */
int shift_end_follow(struct db_conn *conn, const struct ticket_row *row,
                     const struct ticket_change *change) _must_check_;
