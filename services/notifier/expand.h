/* The expander: turns outbox rows into deliveries, beside the primary. Loop thread; any number of processes
 * at once. */
#pragma once
#include "db/db.h"

struct expander;

struct expander_options {
    uv_loop_t *loop;
    struct db_pool *pool;    /* close the pool before the expander */
    int64_t rate;            /* most ordinary events per second */
    const char *home_region; /* where webhooks without a region are sent from */
    void (*on_made)(void *ctx,
                    bool urgent); /* deliveries were made, some of them urgent: look for what is due */
    void *ctx;
};

struct expander *expander_open(const struct expander_options *options);
/** Something was added to the outbox: look soon. */
void expander_wake(struct expander *expander);
/** Begins no further batch and calls `done` when the one in hand has ended; at once if there is none. */
void expander_drain(struct expander *expander, void (*done)(void *ctx), void *ctx);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turn of the loop. */
struct expander *expander_close(struct expander *expander);
