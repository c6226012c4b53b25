/* How far the log is safe in a second region: asked of the primary every few milliseconds while something is
 * on its way there. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct router;

struct replication {
    struct router *router;
    uv_timer_t timer;
    int standbys_expected; /* 0: there is no second region */
    bool asking;
    uint64_t wrote;          /* highest commit of this router */
    uint64_t flushed;        /* in a second region */
    int64_t behind_since_us; /* monotonic; 0: everything of ours is flushed */
};

void replication_open(struct replication *replication, struct router *router, int standbys_expected);
void replication_close(struct replication *replication);
/** A commit at `lsn` happened. */
void replication_wrote(struct replication *replication, uint64_t lsn);
/** A new answer; 0 is ignored. Never goes back within a cluster epoch. */
void replication_flushed(struct replication *replication, uint64_t lsn);
/** Another primary took over: what was known counts no more. */
void replication_forget(struct replication *replication);
