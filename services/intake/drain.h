/* From the spool to the authority: batches in order of acceptance, until each record's ticket is safe in a
 * second region. Loop thread. */
#pragma once
#include "intake/spool.h"
#include "service/service.h"

struct drain;

/** What became of a record. Status 0: `number` is the ticket that the key leads to and `lsn` the commit;
 * where an earlier submission had made that ticket, `region` and `accepted_us` are its own. -E_KEY_REUSED:
 * the key was used with another body. -E_UNAVAILABLE: it stays in the spool, and waiting for news is not
 * worth while. Else it can never be stored and was set aside; `detail` says why. */
struct drain_outcome {
    int status;
    const char *number;
    const char *region;  /* NULL: as the record says */
    int64_t accepted_us; /* 0: as the record says */
    uint64_t lsn;
    const char *detail;
};
/** Told exactly once for each record with a waiter. True when everybody who was or will be answered about
 * this record has heard just that: an outcome that takes back what was promised to somebody is kept for an
 * operator otherwise. */
typedef bool (*drain_settled_fn)(void *waiter, const struct drain_outcome *outcome);

/** Starts with whatever an earlier run left in the spool. */
struct drain *drain_new(struct service *service, struct spool *spool, drain_settled_fn settled);
void drain_stop(struct drain *drain);          /* before the bus and the spool close: nothing more is sent */
struct drain *drain_free(struct drain *drain); /* after; NULL is fine */

/** A record that was just stored; taken over. Its waiter is told of the outcome. */
void drain_add(struct drain *drain, struct spool_record *take_record);
/** True while the authority cannot be reached: nobody should wait for a commit. */
bool drain_stalled(const struct drain *drain);
int64_t drain_undelivered(const struct drain *drain); /* records without a known commit */
int64_t drain_held(const struct drain *drain);        /* committed, waiting for their second region */
size_t drain_window_bytes(const struct drain *drain); /* of records in memory, not yet sent */
int64_t drain_oldest_us(
    const struct drain *drain); /* when the oldest undelivered one was accepted; 0: none is known */
