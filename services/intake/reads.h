/* Reading documents: from the region's database when it is current enough for whoever asks, else from the
 * authority. Loop thread. */
#pragma once
#include "intake/call.h"

struct reads *reads_new(struct intake *intake);
void reads_stop(struct reads *reads);          /* before the database pool closes: nobody waits any more */
struct reads *reads_free(struct reads *reads); /* after; NULL is fine */

enum {
    READ_AS_SYSTEM = 1, /* not with the caller's eyes: the handler has judged */
    READ_ASK_TWICE = 2, /* what a standby does not have is asked of the authority: it may be too new */
    READ_AUTHORITY = 4, /* ask the authority first, the region's database only when it is away */
    READ_ONLY_AUTHORITY = 8,
    READ_PLAIN = 16, /* without "stale" */
};
/** 0 and the document, which ends in "as_of", "lag_ms" and "stale"; -E_NOT_FOUND; -E_BAD_REQUEST;
 * -E_UNAVAILABLE when nobody could be asked. `json` is borrowed. */
typedef void (*read_fn)(struct call *call, int status, struct str json);
/** Reads a document of common/store/document.h. `args` are copied. `done` may run before this returns. */
void read_document(struct call *call, const char *name, const char *const *args, size_t nargs, unsigned flags,
                   read_fn done);
/** Answers a read that failed. */
void read_problem(struct call *call, int status);
/** A read_fn: answers with the document, or why it could not be read. */
void read_answered(struct call *call, int status, struct str json);

/** A user wrote something up to this position: their next reads here wait for it. */
void reads_note(struct reads *reads, const char *user_id, uint64_t lsn);
/** How far the region's database is behind, in milliseconds, as last seen; -1: never seen, or it is away. */
int64_t reads_lag_ms(const struct reads *reads);
