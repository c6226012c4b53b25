/* Whether the one connection of a dialling socket is there. Private. */
#pragma once
#include "bus/wake.h"
#include <nng/nng.h>
#include <stdint.h>

struct pipe_watch {
    struct wake *wake;
    struct wake_event event;
    void (*on_change)(struct pipe_watch *watch); /* loop thread */
    uint32_t pipe;                               /* 0: none; loop thread */
    uint32_t seen_added, seen_removed;           /* written by NNG's threads, under the wake's lock */
};

/** Before dialling. 0 or an NNG error. */
int pipe_watch_start(struct pipe_watch *watch, nng_socket socket, struct wake *wake,
                     void (*on_change)(struct pipe_watch *watch)) __attribute__((warn_unused_result));
/** Closes the connection, if there is one; the dialer makes a new one. */
void pipe_watch_redial(struct pipe_watch *watch);
