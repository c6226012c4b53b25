/* PostgreSQL: a fixed pool of worker threads, each with one libpq connection on which every statement is
 * prepared at connect.
 *
 * Work is straight-line blocking code: a job's `work` runs on a worker thread with that worker's connection,
 * its `done` runs on the loop thread afterwards. `work` touches only the connection and its own job. It may
 * run again from the start (serialisation failure, deadlock, connection lost before commit), so it must leave
 * the job reusable; results it wrote are simply overwritten.
 *
 * Failures: -E_DB_RETRY after the last repetition; -E_DB when the server is away or refuses; -E_DB_UNCERTAIN
 * when the connection died while a commit was in flight (also for a statement outside a transaction): look up
 * by key, never repeat blindly; -E_TIMEOUT when the job waited past its deadline without starting.
 */
#pragma once
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/uuid.h"
#include "db/statement.h"
#include <stdbool.h>
#include <uv.h>

struct db_pool;
struct db_conn;

struct db_pool_options {
    uv_loop_t *loop;
    const char *conninfo;                           /* libpq; multi-host allowed; password may be inside */
    const char *application;                        /* application_name */
    const struct db_statement *const *const *lists; /* NULL-terminated array of sql_<prefix>_all lists */
    int workers;                                    /* connections */
    int max_queue;                                  /* jobs waiting; more are refused with -E_UNAVAILABLE */
    bool writable;         /* insist on a primary (target_session_attrs=read-write); false makes every
                              session read only, so that a lost connection is never uncertain */
    int64_t hang_grace_us; /* past its deadline by this, a running job's socket is shut down; 0 = 30 s */
};

/** Starts the workers, which connect in the background and reconnect for ever (backoff 50 ms to 2 s).
 * -E_CONFIG for an unusable conninfo. A statement that cannot be prepared makes the pool not ready and is
 * logged once per connect with its name. */
int db_pool_open(const struct db_pool_options *options, struct db_pool **ret_pool) _must_check_;
/** Stops taking jobs, finishes those that run (no more repetitions; a hung one is cut off after
 * hang_grace_us), fails those that wait
 * (-E_UNAVAILABLE), joins the threads, calls every outstanding `done`. The loop must turn once more to close
 * its handles. NULL is fine. Returns NULL. Loop thread, not from within a `done`. */
struct db_pool *db_pool_close(struct db_pool *pool);
/** True while at least one worker is connected with everything prepared. Any thread. */
bool db_pool_ready(const struct db_pool *pool);
int db_pool_depth(const struct db_pool *pool); /* jobs waiting */
/** Microseconds (monotonic clock) since when no worker is connected; 0 while one is. */
int64_t db_pool_down_since_us(const struct db_pool *pool);

typedef int (*db_work_fn)(struct db_conn *conn, void *job);
typedef void (*db_done_fn)(void *job, int status);
/** Queues a job. `deadline_us` (monotonic) bounds the wait in the queue and repetitions; 0 = 10 s from now. A
 * job whose deadline passes in the queue ends with -E_TIMEOUT, or with -E_DB when no worker is connected. On
 * failure (-E_UNAVAILABLE: full or closing) neither function is called. Work that commits more than once must
 * be repeatable as a whole. Loop thread. */
int db_pool_submit(struct db_pool *pool, db_work_fn work, db_done_fn done, void *job,
                   int64_t deadline_us) _must_check_;

/* ---- inside work ---- */

enum { DB_MAX_PARAMS = 40 };
/** Parameters of one call, in order $1, $2, ... Zero-initialise. Text and bytes are borrowed until the call
 * returns. */
struct db_params {
    int n;
    const char *values[DB_MAX_PARAMS];
    int lengths[DB_MAX_PARAMS];
    int formats[DB_MAX_PARAMS];
    char scratch[DB_MAX_PARAMS][40];
};
void db_param_null(struct db_params *p);
void db_param_text(struct db_params *p, const char *text); /* NULL gives SQL NULL; must be NUL-terminated */
void db_param_str(
    struct db_params *p,
    struct str s); /* copied; s.p NULL gives SQL NULL. A NUL inside makes the call -E_VALIDATION */
void db_param_int(struct db_params *p, int64_t value);
void db_param_bool(struct db_params *p, bool value);
void db_param_uuid(struct db_params *p, const struct uuid *uuid); /* NULL gives SQL NULL */
void db_param_bytes(struct db_params *p, const void *bytes,
                    size_t n);                          /* bytea, binary format; bytes NULL gives SQL NULL */
void db_param_time(struct db_params *p, int64_t at_us); /* timestamptz; 0 gives SQL NULL */
void db_params_fini(struct db_params *p);               /* frees copies; safe when empty */
#define _cleanup_params_ _cleanup_(db_params_fini)

/** Rows of one call; text format. Values are borrowed until db_result_fini. Zero-initialise. */
struct db_result {
    void *pg; /* PGresult */
};
void db_result_fini(struct db_result *result);
#define _cleanup_result_ _cleanup_(db_result_fini)
int db_rows(const struct db_result *result);
int64_t db_affected(const struct db_result *result);
bool db_is_null(const struct db_result *result, int row, int column);
struct str db_str(const struct db_result *result, int row,
                  int column); /* NUL-terminated; p NULL for SQL NULL */
const char *db_text(const struct db_result *result, int row, int column); /* NULL for SQL NULL */
int64_t db_int(const struct db_result *result, int row, int column);      /* 0 for SQL NULL */
bool db_bool(const struct db_result *result, int row, int column);
int db_uuid(const struct db_result *result, int row, int column,
            struct uuid *ret_uuid) _must_check_; /* -E_BAD_REQUEST, also for SQL NULL */
/** Appends a bytea column decoded; SQL NULL appends nothing. -E_BAD_REQUEST when the column is no bytea. */
int db_bytes(const struct db_result *result, int row, int column, struct buf *ret_bytes) _must_check_;
/** timestamptz columns must be selected as desk.us(column) (bigint microseconds) and read with db_int. */

/** Runs a prepared statement. 0; -E_DB_RETRY (class 40: the pool repeats the job); -E_CONFLICT for a unique
 * violation (23505); -E_VALIDATION for other class 22/23 errors; -E_FORBIDDEN for 42501; -E_DB for the rest
 * or a lost connection; -E_DB_UNCERTAIN when the connection was lost and the statement ran outside a
 * transaction on a writable connection. db_error_detail says more. `params` may be NULL, `ret_result` may be
 * NULL (rows are dropped). A result already in *ret_result is freed first. */
int db_exec(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
            struct db_result *ret_result) _must_check_;
/** db_exec for one statement that commits by itself, and the LSN that covers it (as of db_commit) in the same
 * round trip. Never inside a transaction. -E_DB_UNCERTAIN also when only the LSN was lost. */
int db_exec_lsn(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
                struct db_result *ret_result, uint64_t *ret_lsn) _must_check_;
/** BEGIN travels with the first statement, so a failure to begin is reported there. -E_INTERNAL inside a
 * transaction. */
int db_begin(struct db_conn *conn) _must_check_;
int db_begin_read(struct db_conn *conn) _must_check_; /* READ ONLY */

/** Who is asking; row-level security reads it from the settings meridian.kind, meridian.user_id and
 * meridian.teams. */
struct db_visibility {
    const char *kind;      /* "requester", "agent", "lead", "admin" or "system" */
    const char *user_id;   /* UUID text; NULL for none */
    const uint32_t *teams; /* team ids */
    size_t nteams;
};
/** db_begin_read, as seen by `who` (copied): the settings hold until the end of the transaction. `role`
 * (NULL: the login role) is taken as by SET LOCAL ROLE. */
int db_begin_visible(struct db_conn *conn, const char *role, const struct db_visibility *who) _must_check_;
/** Commits; the position behind the commit record (pg_current_wal_insert_lsn() read right after) in *ret_lsn
 * when not NULL; not on a standby. When a statement of the transaction failed, nothing is committed and that
 * failure is returned. -E_DB_UNCERTAIN when the connection was lost before the answer. The transaction is
 * over in every case. */
int db_commit(struct db_conn *conn, uint64_t *ret_lsn) _must_check_;
void db_rollback(struct db_conn *conn); /* no-op outside a transaction; the pool does it too when work returns
                                           within one */
int db_failed(const struct db_conn *conn); /* inside a transaction: the failure that ended it, or 0 */
const char *db_error_detail(
    const struct db_conn *conn); /* message of the last failure: sqlstate and text; "" without one */
const char *
db_sqlstate(const struct db_conn *conn); /* of the last failure, five characters; "" without one */
/** True when the last failure was the statement's own (a bad value, a constraint, an exception raised by a
 * function), so that the same call fails again; false when the server is away, short of something, read only
 * or too slow, and when the transaction has to be repeated. */
bool db_refused(const struct db_conn *conn);

/* ---- one connection without a pool: migration, seed, commands, tests ---- */

struct db_connect_options {
    const char *conninfo;
    const char *application;
    const struct db_statement *const *const *lists; /* may be NULL */
    bool writable;                                  /* as in db_pool_options */
};
/** Connects (2 s a host) and prepares. -E_CONFIG for an unusable conninfo; -E_DB otherwise. The reason is
 * appended to *ret_reason when not NULL. */
int db_connect_one(const struct db_connect_options *options, struct db_conn **ret_conn,
                   struct buf *ret_reason) _must_check_;
struct db_conn *db_close_one(struct db_conn *conn); /* NULL is fine; returns NULL */
static inline void db_close_onep(struct db_conn **conn)
{
    *conn = db_close_one(*conn);
}
#define _cleanup_conn_ _cleanup_(db_close_onep)
/** db_exec without preparing: for a statement that runs once, or before what it needs exists everywhere. */
int db_exec_once(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
                 struct db_result *ret_result) _must_check_;
/** Runs the text of a whole SQL file, any number of statements: inside the transaction if there is one, else
 * in one implicit transaction. Failures as db_exec; db_error_detail also names the line. */
int db_script(struct db_conn *conn, const char *sql) _must_check_;
/** True when the server is reached by a unix socket or a loopback address: the only place where demo data may
 * go. */
bool db_is_local(const struct db_conn *conn);
/* LSNs travel as integers and are shown as PostgreSQL does, "0/16B3748". */
enum { LSN_TEXT_SIZE = 24 };
char *lsn_format(uint64_t lsn, char ret_text[LSN_TEXT_SIZE]);
int lsn_parse(struct str text, uint64_t *ret_lsn) _must_check_;
