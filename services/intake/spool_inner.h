/* The inside of the spool, shared by the loop's side (spool.c) and the writer's (spool_writer.c). */
#pragma once
#include "intake/spool.h"
#include "metrics/metrics.h"
#include <pthread.h>
#include <stdatomic.h>

enum { SPOOL_LAZY_MAX = 64 }; /* deletes that may wait for company */

enum spool_op_kind { OP_APPEND, OP_LOAD, OP_DELETE, OP_BURY, OP_SETTLE, OP_BLOCK };

/* One thing to be done to the file. Owned by the list it is in. */
struct spool_op {
    struct list node;
    enum spool_op_kind kind;
    int status; /* set by the writer */
    int64_t seq, count;
    int64_t *seqs; /* OP_DELETE */
    size_t nseqs;
    const char *reason;
    /* OP_APPEND */
    struct spool_record *record;
    struct spool_twin twin; /* of OP_SETTLE: the answer */
    spool_append_fn appended;
    /* OP_LOAD */
    size_t max, max_bytes;
    struct list records;
    int64_t damaged;
    bool more;
    spool_load_fn loaded;
    spool_block_fn blocked;
    void *ctx;
};

struct spool {
    struct spool_options options;
    struct spool_store *store; /* the writer's */
    struct number_range blocks[SPOOL_BLOCKS_MAX];
    size_t nblocks;
    pthread_t thread;
    uv_async_t wake;
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct list in, out; /* under the lock */
    bool closing;        /* under the lock */
    bool urgent;         /* under the lock: somebody waits for what is in `in` */
    atomic_llong depth, dead;
    atomic_llong min_free_bytes, max_records;
    atomic_size_t waiting; /* in `in` */
    atomic_bool full;      /* the last look at the disk said so */
    bool failing;          /* the writer's: the last transaction failed, and that was logged */
    struct metric *commits, *commit_seconds, *alarms;
};

/** The writer thread; `arg` is the spool. */
void *spool_write(void *arg);
/** Looks at the disk; the answer is what spool_has_room says until the next look. */
bool spool_look_for_room(struct spool *spool);
