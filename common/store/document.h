/* JSON documents made by SQL: what the API shows. The same statements serve the reads of a region's standby
 * (intake) and of the authority (router, for Read requests), so that both give the same answer. Worker
 * thread; no state. */
#pragma once
#include "db/db.h"
#include "wire/wire.h"

/** Who looks, from the Principal of a request. No principal is a service of ours asking for itself: "system".
 * An unknown role sees nothing. Borrows from `principal`. */
struct db_visibility store_visibility(const Meridian__Principal *principal);

enum { STORE_MAX_ARGS = 8 };

/** Appends the document `name` as `who` may see it: one JSON object that ends in "as_of" (RFC 3339) and
 * "lag_ms" (how old it may be; 0 at the primary). `args` are the statement's parameters in order; NULL or ""
 * is SQL NULL. A list is {"next":key|null,"items":[...]}, whose `next` is the raw key of its last row, to be
 * given as the cursor argument of the next page.
 *
 *   ticket(number, language)                  events(number, after seq, limit)
 *   tickets(after id, limit, state, team, priority, region, owned, unused)
 *   tickets-of-requester(as tickets, login)   tickets-of-owner(as tickets, login)
 *   queue(team, after key, limit)             submission(submission key, hex)
 *   dead-letters(after id, limit)             audit(after key, limit)
 *   sla-history(after id, limit, open)         sla-ticket(number)
 *   sla-plan(version)                         sla-feeds(after name, limit)
 *   links(number)                             tzdata(after id, limit)
 *   agents(team, after login, limit)          offers(after id, limit)
 *   dispatch(number, after us, limit)
 *   teams()  me()  presence()  user(login)  status()  replication()
 *
 * `role` is taken for the transaction (SET LOCAL ROLE): the router passes STORE_READER, intake NULL.
 * "replication" is read with the caller's own rights; "submission" by anybody who has the key, without the
 * two members that tell the age. 0; -E_NOT_FOUND without a row; -E_BAD_REQUEST for an unknown name, a wrong
 * number of arguments or one that the statement cannot take; failures of db_exec. */
int store_document(struct db_conn *conn, const char *role, const char *name, const struct db_visibility *who,
                   const char *const *args, size_t nargs, struct buf *ret_json) _must_check_;
#define STORE_READER "meridian_intake"

/** How current the server of this connection is. */
struct store_freshness {
    bool standby;
    int64_t now_us;   /* its clock */
    int64_t as_of_us; /* commit time of the last transaction it replayed; now_us at a primary */
    uint64_t lsn;     /* replayed up to here; at a primary the insert position */
};
int store_freshness(struct db_conn *conn, struct store_freshness *ret_freshness) _must_check_;
