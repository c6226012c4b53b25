/* The inside of a connection, for the files of this folder only. One thread uses a connection at a time. */
#pragma once
#include "db/db.h"
#include <libpq-fe.h>

enum db_tx {
    TX_NONE,    /* every statement commits by itself */
    TX_PENDING, /* begun for the caller; BEGIN travels with the first statement */
    TX_OPEN,
};

struct db_conn {
    PGconn *pg; /* NULL while not connected */
    struct db_connect_options
        options; /* texts and lists owned by the pool or by db_connect_one's caller until it closes */
    enum db_tx tx;
    bool tx_read;                         /* READ ONLY: losing its commit is harmless */
    bool visible;                         /* the settings below travel with BEGIN */
    char kind[16], user_id[40], role[64]; /* role "" for none */
    struct buf teams;                     /* '{1,2}' */
    int failed;                           /* first failure of this transaction; every later call repeats it */
    bool lost;                            /* the connection is dead or unfit: reconnect before the next use */
    bool uncertain;                       /* a commit of unknown end since db_conn_start: never repeat */
    int64_t used_us;                      /* monotonic time of the last answer */
    char sqlstate[6];
    char detail[512];
};

/* The statements that this folder itself needs on every connection. */
enum {
    DB_OWN_BEGIN,
    DB_OWN_BEGIN_READ,
    DB_OWN_COMMIT,
    DB_OWN_LSN,
    DB_OWN_VISIBLE,
    DB_OWN_VISIBLE_AS,
    DB_OWN_COUNT
};
extern const struct db_statement db_own[DB_OWN_COUNT];

/** 0 when libpq can parse it, else -E_CONFIG with the reason appended. */
int db_conninfo_check(const char *conninfo, struct buf *ret_reason) _must_check_;
void db_conn_init(struct db_conn *conn, const struct db_connect_options *options);
void db_conn_fini(struct db_conn *conn);
/** Connects anew; blocks 2 s a host at most. -E_DB with the reason appended. */
int db_conn_open(struct db_conn *conn, struct buf *ret_reason) _must_check_;
/** Prepares what every connection needs and all statements of the lists. -E_DB with the name of the failing
 * one appended; the connection stays. */
int db_conn_prepare_all(struct db_conn *conn, struct buf *ret_reason) _must_check_;
void db_conn_disconnect(struct db_conn *conn);
/** Forgets the last run; false when the connection turns out to be dead (asks the server after 30 s of
 * silence or an unasked word). */
bool db_conn_start(struct db_conn *conn);

/** Prepares one statement; failures as db_exec. */
int db_prepare(struct db_conn *conn, const struct db_statement *statement) _must_check_;

/** Number of the first parameter that cannot be sent, 0 for none. */
int db_params_broken(const struct db_params *p);
/** Records why `result` (may be NULL) failed, and whether the connection went with it; the failure of
 * db_exec's contract, without the question of uncertainty. */
int db_conn_failure(struct db_conn *conn, const PGresult *result) _must_check_;
