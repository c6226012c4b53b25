/* The dispatcher: gives the ready tickets of teams that want it so to the best agent who is there, as an
 * offer or at once. Routers beside the primary see to it, when something changed and once a second; several
 * do no harm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct router;

struct dispatcher {
    struct router *router;
    uv_timer_t timer;
    bool working, woken;
    bool wanted; /* some team dispatches: then it is worth while to look at once */
};

void dispatcher_open(struct dispatcher *self, struct router *router);
void dispatcher_close(struct dispatcher *self);
/** Tickets or presences changed. */
void dispatcher_wake(struct dispatcher *self);
