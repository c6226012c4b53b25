/* The scene of the tests of sla: a database with tickets, clocks and timers, up to two schedulers on one
 * loop, and, where timers ring, a router on a bus. Every helper ends the test on failure. */
#pragma once
#include "harness.h"
#include "sla/scheduler.h"
#include <libpq-fe.h>

struct desk {
    struct test_db *db;
    PGconn *eyes; /* superuser, for looking */
    uv_loop_t loop;
    struct db_pool *pools[2];
    struct scheduler *schedulers[2];
    struct bus *bus; /* NULL without desk_ring, and so are the next two */
    struct router *router;
    struct bus_client *routers;
    const char *until;

    /* How the router is reached: by two lines, of which requests may get no answer. */
    struct desk_line {
        struct desk *desk;
        int i;
    } lines[2];
    bool (*holds)(int line, const Meridian__TimerDue *due); /* NULL: none */
    struct bus_request *held[1024];
    int nheld;
};

/** A database with its people, and a loop. */
void desk_open(struct desk *desk);
/** A router on a bus: schedulers that are made afterwards ring it. Returns when it can be rung. With
 * desk->holds set, it is as if the router were frozen when it is asked for some timers, or on one line. */
void desk_ring(struct desk *desk);
/** Refuses what is held. */
void desk_let_go(struct desk *desk);
/** Starts the scheduler `i` (0 or 1), called sla-eu-1 or sla-eu-2, with two connections and a wheel of a
 * minute; `every_us` as in scheduler.h. */
void desk_scheduler(struct desk *desk, int i, int64_t every_us);
/** Tells the first scheduler that the clocks and timers of a ticket changed. */
void desk_hint(struct desk *desk, const char *number);
/** Another scheduler lives and has all shards for ever, and does nothing. */
void desk_ghost(struct desk *desk);
/** Drains that scheduler: returns when it has called back. */
void desk_drain(struct desk *desk, int i);
/** Those that ring are drained, the others stop in the middle. */
void desk_close(struct desk *desk);
/** Turns the loop until the query's first value is true. */
void desk_wait(struct desk *desk, const char *query);

/** `n` tickets numbered <prefix>-1 ... with a first event each (so that the hash chain has a beginning). */
void desk_tickets(struct test_db *db, const char *prefix, int n);
/** A running clock on each of those tickets: the next thing is due at now + fire_s, the breach at now +
 * due_s. */
void desk_clocks(struct test_db *db, const char *prefix, const char *target, double fire_s, double due_s);
/** `n` such tickets that wait until `in_s` from now, as the router leaves them: each with its timer. */
void desk_waits(struct test_db *db, const char *prefix, int n, double in_s);
/** Events whose hash does not follow from the one before, gaps in seq, tickets that differ from their last
 * event: 0 for a whole chain. */
int64_t desk_broken_chains(struct test_db *db);

/** A superuser connection that stays open. */
PGconn *desk_connect(struct test_db *db);
void desk_exec(PGconn *pg, const char *sql);
