/* Committed submissions that are not yet flushed in a second region: they stay in the spool until they are.
 * Loop thread. */
#pragma once
#include "intake/spool.h"
#include "service/service.h"

struct held;

/** Another primary was promoted: whether it has what was held is not known, so that was forgotten here and is
 * to be sent again from the spool. */
typedef void (*held_forgot_fn)(void *ctx);
struct held *held_new(struct service *service, struct spool *spool, held_forgot_fn forgot, void *ctx);
void held_stop(struct held *held);         /* before the bus and the spool close */
struct held *held_free(struct held *held); /* after; NULL is fine */
/** Notes the cluster epoch of an answer, which may end in `forgot`. False for an answer of a primary that has
 * been replaced: its positions are of another log, and what it committed may be gone. */
bool held_trusts(struct held *held, const Meridian__Reply *reply) _must_check_;
/** Keeps records, given by their seq in the spool, until `lsn` is safe. */
void held_add(struct held *held, uint64_t lsn, const int64_t *seqs, size_t n);
/** Everything up to here is safe: those records leave the spool. */
void held_release(struct held *held, uint64_t lsn);
int64_t held_count(const struct held *held);
