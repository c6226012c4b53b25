/* The authority over tickets: takes requests of the bus, does them in the database, answers, and tells the
 * other services that something changed. In a region without the primary it only passes requests on ("warm").
 *
 * Everything here runs on the loop thread; the work of a request runs on a database worker (job.h).
 */
#pragma once
#include "bus/bus.h"
#include "db/db.h"
#include <stdbool.h>
#include <uv.h>

struct router;

struct router_options {
    uv_loop_t *loop;
    struct bus *bus;               /* for hints and for forwarding; NULL: neither (tests) */
    const char *region, *instance; /* of this process; live as long as the router */
    const char *conninfo;          /* NULL or "": warm */
    int db_workers;
    int standbys_expected;        /* 0: there is no second region, and no reply has a replicated_lsn */
    uint64_t janitor_ms;          /* between rounds of housekeeping; 0: a minute */
    const struct bus_group *home; /* warm: the routers of the home region */
};

/** Starts the workers (authority) or dials the home region (warm). -E_CONFIG for unusable options. */
int router_open(const struct router_options *options, struct router **ret_router) _must_check_;
/** Ends waiting work with -E_UNAVAILABLE, finishes what runs, closes timers; the loop must run once more.
 * NULL is fine. */
struct router *router_close(struct router *router);

/** Receives the answer, borrowed for the call. Called once, on the loop thread, never from inside
 * router_dispatch. */
typedef void (*router_answer_fn)(void *ctx, Meridian__Reply *reply);
/** Takes a request, which must stay until it is answered. */
void router_dispatch(struct router *router, const Meridian__Request *request, router_answer_fn answer,
                     void *ctx);
/** A bus_handler; `ctx` is the router. */
void router_on_request(void *ctx, struct bus_request *request);

/** One line per reason why it cannot do its work. */
void router_not_ready(const struct router *router, struct buf *ret_reasons);
/** Members of the heartbeat's stats. */
void router_stats(const struct router *router, struct buf *ret_json);
/** Requests taken and not yet answered. */
int router_busy(const struct router *router);
/** True beside the primary: it does the work itself. */
bool router_is_authority(const struct router *router);
