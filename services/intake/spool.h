/* The regional spool: what was accepted, until its ticket is safe elsewhere. Owns one writer thread and the
 * file (spool_store.h).
 *
 * All functions and callbacks run on the loop thread. Operations are done in the order in which they were
 * given, many to one transaction (group commit), and their callbacks come in that order, after the fdatasync.
 * So a load that was asked for after an append has seen it.
 */
#pragma once
#include "intake/spool_store.h"
#include <uv.h>

struct spool;

struct spool_options {
    uv_loop_t *loop;
    const char *directory;
    int64_t min_free_bytes; /* below this nothing is accepted */
    int64_t max_records;    /* nor above this */
};
/** Opens the file and starts the thread. -E_IO with the reason appended. What was found wrong is logged
 * (error) and counted. */
int spool_open(const struct spool_options *options, struct spool **ret_spool,
               struct buf *ret_reason) _must_check_;
/** Does what was given so far, calls the callbacks, ends the thread. NULL is fine. The loop must turn once
 * more to release the handle. */
struct spool *spool_close(struct spool *spool);

/** `outcome` is an enum spool_outcome or -E_SPOOL_FULL; the record is the callback's to keep or free; `twin`
 * is set for SPOOL_TWIN. */
typedef void (*spool_append_fn)(void *ctx, int outcome, struct spool_record *record,
                                const struct spool_twin *twin);
void spool_append(struct spool *spool, struct spool_record *take_record, spool_append_fn done, void *ctx);

/** Loaded records, oldest first; the callee takes them off the list and owns them. `more`: there are further
 * ones. */
typedef void (*spool_load_fn)(void *ctx, int status, struct list *records, bool more);
void spool_load(struct spool *spool, int64_t after_seq, size_t max, size_t max_bytes, spool_load_fn done,
                void *ctx);

/* These are repeated until they succeed. */
void spool_delete(struct spool *spool, const int64_t *seqs, size_t n); /* copied */
void spool_bury(struct spool *spool, int64_t seq, const char *reason);
void spool_settle(struct spool *spool, int64_t seq, const struct spool_twin *answer);

typedef void (*spool_block_fn)(void *ctx, int status, struct number_range block);
void spool_block_add(struct spool *spool, int64_t first, int64_t count, spool_block_fn done, void *ctx);
/** Blocks found at opening. */
const struct number_range *spool_blocks(const struct spool *spool, size_t *ret_n);

int64_t spool_depth(const struct spool *spool); /* records in the file */
int64_t spool_dead(const struct spool *spool);  /* records set aside */
/** Changes the limits of the options; they count from the next group, or within a second. */
void spool_limit(struct spool *spool, int64_t min_free_bytes, int64_t max_records);
/** 0 when a record would be accepted now, as far as is known; else -E_SPOOL_FULL. */
int spool_has_room(const struct spool *spool) _must_check_;
