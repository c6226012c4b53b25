/* Tickets and clocks for the tests of sla, and a connection that holds locks. */
#pragma once
#include "harness.h"
#include <libpq-fe.h>

/** `n` tickets numbered <prefix>-1 ... with a first event each (so that the hash chain has a beginning). */
void desk_tickets(struct test_db *db, const char *prefix, int n);
/** A running clock on each of those tickets: the next thing is due at now + fire_s, the breach at now +
 * due_s. */
void desk_clocks(struct test_db *db, const char *prefix, const char *target, double fire_s, double due_s);
/** Events whose hash does not follow from the one before, gaps in seq, tickets that differ from their last
 * event: 0 for a whole chain. */
int64_t desk_broken_chains(struct test_db *db);

/** A superuser connection that stays open. */
PGconn *desk_connect(struct test_db *db);
void desk_exec(PGconn *pg, const char *sql);
/** True when the query's first value is true. */
bool desk_is(PGconn *pg, const char *sql);
