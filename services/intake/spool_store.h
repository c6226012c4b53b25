/* The spool's file: SQLite, one connection, blocking. Used by the spool's writer thread only (spool.c); tests
 * use it directly. */
#pragma once
#include "auth/auth.h"
#include "base/list.h"
#include "intake/submission.h"

enum { SPOOL_NUMBER_SIZE = 24, SPOOL_REGION_SIZE = 8, SPOOL_BLOCKS_MAX = 64 };

/** One accepted submission on its way to the database. */
struct spool_record {
    struct list node; /* for whoever owns it */
    int64_t seq;      /* order of acceptance; set when stored */
    uint8_t key[SUBMISSION_KEY_SIZE];
    uint8_t body_hash[AUTH_HASH_SIZE];
    char number[SPOOL_NUMBER_SIZE];
    int64_t
        block; /* first of the block the number is from, and the number: so that none is given out twice */
    int64_t value;
    int64_t accepted_us;
    struct buf payload; /* a packed meridian.Submission */
    void *waiter;       /* the owner's; not stored */
};
struct spool_record *spool_record_free(struct spool_record *record); /* NULL is fine */

/** What was stored earlier under the same key, or the ticket that the key led to. */
struct spool_twin {
    char number[SPOOL_NUMBER_SIZE];
    char region[SPOOL_REGION_SIZE]; /* "": this one */
    int64_t accepted_us;
};
enum spool_outcome { SPOOL_STORED = 0, SPOOL_TWIN = 1 /* same key, same body */, SPOOL_OTHER_BODY = 2 };

struct number_range {
    int64_t first, count, next;
};

struct spool_store;
/** What opening found. */
struct spool_findings {
    int64_t records, dead;
    int64_t damaged;  /* records set aside now because their checksum was wrong */
    int64_t salvaged; /* records copied out of a damaged file; those in it whose checksum is wrong count as
                         damaged */
    char aside[256];  /* where the damaged file was put; "" when there was none */
};
/** Opens or makes `directory`/spool.db and checks every record. A file that SQLite cannot read is moved aside
 * and what is readable copied out of it. -E_IO when the directory cannot be used or another process has it
 * (reason appended). */
int spool_store_open(const char *directory, struct spool_store **ret_store,
                     struct spool_findings *ret_findings, struct buf *ret_reason) _must_check_;
struct spool_store *spool_store_close(struct spool_store *store); /* NULL is fine */

/* Each returns 0 (or what it documents) or -E_IO; after that the transaction must be rolled back. */
int spool_store_begin(struct spool_store *store) _must_check_;
int spool_store_commit(struct spool_store *store) _must_check_;
void spool_store_rollback(struct spool_store *store);
/** Within a transaction. enum spool_outcome; with SPOOL_TWIN *ret_twin is set. */
int spool_store_append(struct spool_store *store, struct spool_record *record,
                       struct spool_twin *ret_twin) _must_check_;
/** Drops the records from `first` to `last`. How many there were. */
int spool_store_delete(struct spool_store *store, int64_t first, int64_t last) _must_check_;
/** 1 when there is no such record. */
int spool_store_bury(struct spool_store *store, int64_t seq, const char *reason) _must_check_;
int spool_store_settle(struct spool_store *store, int64_t seq, const struct spool_twin *answer) _must_check_;
int spool_store_block_add(struct spool_store *store, int64_t first, int64_t count) _must_check_;
/** Appends up to `max` records after `seq`, at most about `max_bytes`, to `ret_records`. *ret_damaged counts
 * those whose checksum is wrong, which are buried. *ret_more tells whether there may be more. */
int spool_store_load(struct spool_store *store, int64_t seq, size_t max, size_t max_bytes,
                     struct list *ret_records, int64_t *ret_damaged, bool *ret_more) _must_check_;
int spool_store_blocks(struct spool_store *store, struct number_range ret_blocks[SPOOL_BLOCKS_MAX],
                       size_t *ret_n) _must_check_;
/** Moves the log into the file when it has grown: early when nobody is waiting (`idle`), late in any case.
 * Nothing else does, so that no commit pays for it. Failure does not matter. */
void spool_store_checkpoint(struct spool_store *store, bool idle);
/** Shrinks the file a little when much of it is unused; failure does not matter. */
void spool_store_shrink(struct spool_store *store);
/** Bytes a writer may still use on the file system. */
int64_t spool_store_free_bytes(const struct spool_store *store);
/** The last failure of SQLite, for the log. */
const char *spool_store_error(const struct spool_store *store);
