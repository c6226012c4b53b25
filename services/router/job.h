/* One request on its way: made by router.c on the loop thread, worked on by a database worker, answered on
 * the loop thread.
 *
 * `work` reads the request (borrowed, unchanging) and writes only the outcome part of its own job; it may run
 * several times, each time from a fresh outcome. `finish` turns what only this kind of request has into parts
 * of the reply.
 */
#pragma once
#include "base/list.h"
#include "db/db.h"
#include "router/org_book.h"
#include "router/outcome.h"
#include "router/plan_book.h"
#include "router/router.h"
#include "router/submit.h"
#include "store/session.h"
#include "wire/wire.h"

struct job;

struct job_kind {
    const char *name; /* metrics label */
    /* Doing it twice is doing it once: it only reads, or what it writes is found again by its key. After an
     * uncertain commit it is simply repeated. */
    bool repeatable;
    /** Runs on a worker. 0, or a failure that the caller is told. */
    int (*work)(struct db_conn *conn, struct job *job);
    /** NULL, or adds to the reply; what it points to must live until the job is freed. Loop thread. */
    void (*finish)(struct job *job, int status, Meridian__Reply *reply);
};

/* What the commit means for others: see hinting.h. */
struct job_hints {
    bool changed;          /* tickets */
    bool outbox;           /* notices were added */
    bool clocks;           /* clocks were started, paused or stopped, or timers were */
    struct uuid timers_of; /* of this ticket; zero: of more than one */
    bool session_ended;    /* that of the request's token hash */
};

/* A session that was opened or found; the messages point into the struct. */
struct job_session {
    bool found;
    struct store_session who;
    char token[AUTH_TOKEN_SIZE], csrf[64]; /* in clear, only after a sign-in */
    Meridian__SessionInfo info;
    Meridian__Principal principal;
};

struct job {
    struct router *router;
    struct plan_book *plans; /* for the workers, like the request */
    struct org_book *organisations;
    const struct job_kind *kind;
    const Meridian__Request *request;
    router_answer_fn answer;
    void *ctx;
    int64_t started_us, deadline_us; /* monotonic */
    int64_t cluster_epoch;           /* in: the highest that the sender or this router knows */
    bool uncertain;                  /* an earlier try may have been committed */
    struct list node; /* where it waits for its turn: to sign in, or for the next group of claims */

    /* The result, written by work. */
    struct outcome out;
    uint64_t lsn;       /* of the commit; 0: nothing was committed */
    int64_t seen_epoch; /* the cluster epoch that was read; 0: none was */
    bool conflict;      /* for the metric: somebody was there first */
    struct job_hints hints;
    struct submit_result submit;
    struct job_session session;
    uint64_t first_number;
    Meridian__NumberBlock block;
    uint64_t flushed_lsn;

    struct buf trouble; /* what the database said of a failure: for the log, not for the caller */
};

/** Back to a fresh outcome, before another try. */
void job_reset(struct job *job);
void job_free(struct job *job);
DEFINE_CLEANUP(struct job, job_free)
/** Checks what the database says of the cluster epoch against what the caller and this router know. 0 or
 * -E_STALE_PRIMARY. */
int job_check_epoch(struct job *job, int64_t epoch) _must_check_;
/** After the commit: tickets changed, and somebody may have to be told. */
void job_hint_ticket(struct job *job);
/** After the commit: clocks or timers of that ticket `changed`, so that schedulers look at them. */
void job_hint_timers(struct job *job, const struct uuid *ticket, bool changed);
/** The key under which the answer of this request is kept: the caller's Idempotency-Key, or the request's id;
 * the two never meet. */
void job_command_key(const struct job *job, const char *client_key, struct buf *ret_key);
/** Hash of what is asked, so that one key does not stand for two things. */
void job_command_hash(const ProtobufCMessage *asked, uint8_t ret_hash[32]);
/** A refusal as it is kept under a key; job_recall gives it again. */
void job_refusal_text(const struct job *job, int failure, struct buf *ret_text);
/** The request was answered before: takes that answer. 1, or -E_KEY_REUSED when something else was asked. */
int job_recall(struct job *job, struct str response, struct str hash_hex,
               const uint8_t hash[32]) _must_check_;

enum { CLAIMS_TOGETHER_MAX = 16 };
/** claim.c: claims the next ticket for each of up to CLAIMS_TOGETHER_MAX jobs in one statement. 0, and each
 * has in ret_status what `work` would have returned; -E_DB_RETRY there: all that is ready for it is held by
 * others, or its key is another one's of the same call. A failure: nothing happened, or, as of db_exec_lsn,
 * nobody knows. */
int claim_next_together(struct db_conn *conn, struct job *const *jobs, size_t n,
                        int *ret_status) _must_check_;

/* The kinds, one per body of a request. */
extern const struct job_kind submit_kind, command_kind, claim_next_kind, session_open_kind,
    session_lookup_kind, session_close_kind, number_lease_kind, heartbeat_kind, read_kind,
    dead_letter_replay_kind, replicated_kind, timer_due_kind, plan_apply_kind, org_apply_kind,
    shift_swap_kind, presence_kind;
