/* Committed submissions that are not yet flushed in a second region: they stay in the spool until they are.
 * Loop thread. */
#pragma once
#include "intake/spool.h"
#include "service/service.h"

struct held;

struct held *held_new(struct service *service, struct spool *spool);
void held_stop(struct held *held);         /* before the bus and the spool close */
struct held *held_free(struct held *held); /* after; NULL is fine */
/** Keeps records, given by their seq in the spool, until `lsn` is safe. */
void held_add(struct held *held, uint64_t lsn, const int64_t *seqs, size_t n);
/** Everything up to here is safe: those records leave the spool. */
void held_release(struct held *held, uint64_t lsn);
int64_t held_count(const struct held *held);
