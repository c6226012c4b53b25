/* The ledger: claims due deliveries beside the primary, has them sent, records how each attempt ended. Loop
 * thread; any number of processes at once.
 */
#pragma once
#include "db/db.h"
#include "notifier/handover.h"

struct ledger;

struct ledger_options {
    uv_loop_t *loop;
    struct db_pool *pool;
    struct handover *handover;
    const struct notifier_conf *conf;
    const char *instance;
};

struct ledger *ledger_open(const struct ledger_options *options);
/** Deliveries may be due, urgent ones among them: look soon. */
void ledger_wake(struct ledger *ledger, bool urgent);
/** Claims no more and calls `done` once everything under way has ended and is recorded; at once if nothing
 * is. */
void ledger_drain(struct ledger *ledger, void (*done)(void *ctx), void *ctx);
/** From now on nothing is started or recorded: what ends is forgotten, its lease brings it back. Before bus,
 * transport and pool are closed. */
void ledger_stop(struct ledger *ledger);
/** After bus, transport and pool are closed. NULL is fine; returns NULL. Memory goes with the next turn of
 * the loop. */
struct ledger *ledger_close(struct ledger *ledger);

struct ledger_figures {
    int in_flight, lanes, dead_lanes;
};
struct ledger_figures ledger_figures(const struct ledger *ledger);
