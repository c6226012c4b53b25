/* One connection: opening it so that a dead peer is noticed, preparing every statement, and telling
 * afterwards what went wrong.
 *
 * Used by the pool's workers and by db_connect_one. Keep-alives (5 s idle, 3 probes 5 s apart) and
 * tcp_user_timeout bound how long a call can hang on a peer that vanished; the server's own statement_timeout
 * bounds the rest. A session that must not write is made read only here, whatever its role may do, which is
 * why a connection lost on it is never uncertain.
 *
 * A failure leaves the reason in `detail` and, when the connection cannot be used further, `lost`. Nothing
 * here retries: the pool does.
 */
#include "db/conn.h"
#include "base/clock.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <meridian/errors.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { MAX_KEYWORDS = 64, IDLE_CHECK_S = 30 };

const struct db_statement db_own[DB_OWN_COUNT] = {
    [DB_OWN_BEGIN] = {"db_begin", "BEGIN"},
    [DB_OWN_BEGIN_READ] = {"db_begin_read", "BEGIN READ ONLY"},
    [DB_OWN_COMMIT] = {"db_commit", "COMMIT"},
    [DB_OWN_LSN] = {"db_lsn", "SELECT pg_current_wal_insert_lsn()"},
    [DB_OWN_VISIBLE] =
        {"db_visible",
         "SELECT set_config('meridian.kind', $1, true), set_config('meridian.user_id', $2, true),"
         " set_config('meridian.teams', $3, true)"},
    [DB_OWN_VISIBLE_AS] =
        {"db_visible_as",
         "SELECT set_config('meridian.kind', $1, true), set_config('meridian.user_id', $2, true),"
         " set_config('meridian.teams', $3, true), set_config('role', $4, true)"},
};

int db_conninfo_check(const char *conninfo, struct buf *ret_reason)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);

    if (!options) {
        buf_add_str(ret_reason, str_trim((struct str){message, message ? strcspn(message, "\n") : 0}));
        PQfreemem(message);
        return -E_CONFIG;
    }
    PQconninfoFree(options);
    return 0;
}

void db_conn_init(struct db_conn *conn, const struct db_connect_options *options)
{
    *conn = (struct db_conn){.options = *options};
}

void db_conn_fini(struct db_conn *conn)
{
    db_conn_disconnect(conn);
    buf_fini(&conn->teams);
}

void db_conn_disconnect(struct db_conn *conn)
{
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->tx = TX_NONE;
}

/* Notices (a trigger's RAISE, "already exists, skipping") are for people at psql. */
static void on_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/* What we want unless the conninfo says otherwise. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"connect_timeout", "2"},     {"keepalives", "1"},       {"keepalives_idle", "5"},
    {"keepalives_interval", "5"}, {"keepalives_count", "3"}, {"tcp_user_timeout", "20000"},
    {"client_encoding", "UTF8"},  {"gssencmode", "disable"},
};

static PGconn *open_pg(const struct db_connect_options *options)
{
    const char *keywords[MAX_KEYWORDS + 16], *values[MAX_KEYWORDS + 16];
    PQconninfoOption *parsed = PQconninfoParse(options->conninfo, NULL);
    _cleanup_buf_ struct buf settings = BUF_INIT;
    PGconn *pg;
    int n = 0;

    /* The form in which values are written must not depend on the server's configuration. */
    buf_add_text(&settings,
                 "-c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex -c standard_conforming_strings=on");
    if (!options->writable)
        buf_add_text(&settings, " -c default_transaction_read_only=on");
    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        keywords[n] = defaults[i].keyword;
        values[n++] = defaults[i].value;
    }
    keywords[n] = "fallback_application_name";
    values[n++] = options->application ? options->application : "meridian";
    if (options->writable) {
        keywords[n] = "target_session_attrs";
        values[n++] = "read-write";
    }
    for (PQconninfoOption *o = parsed; o && o->keyword && n < MAX_KEYWORDS + 14; o++) {
        if (!o->val)
            continue;
        if (!strcmp(o->keyword, "options")) {
            buf_add_char(&settings, ' ');
            buf_add_text(&settings, o->val);
            continue;
        }
        /* libpq lets the last of two equal keywords win, so these override the defaults above. */
        keywords[n] = o->keyword;
        values[n++] = o->val;
    }
    keywords[n] = "options";
    values[n++] = buf_text(&settings);
    keywords[n] = NULL;
    values[n] = NULL;
    pg = PQconnectdbParams(keywords, values, 0);
    PQconninfoFree(parsed);
    return pg;
}

static void note(struct db_conn *conn, const char *sqlstate, const char *message)
{
    snprintf(conn->sqlstate, sizeof conn->sqlstate, "%s", sqlstate);
    snprintf(conn->detail, sizeof conn->detail, "%s%s%.*s", sqlstate, *sqlstate ? ": " : "",
             (int)strcspn(message, "\n"), message);
}

int db_conn_open(struct db_conn *conn, struct buf *ret_reason)
{
    db_conn_disconnect(conn);
    conn->pg = open_pg(&conn->options);
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        note(conn, "", PQerrorMessage(conn->pg));
        buf_add_text(ret_reason, conn->detail);
        db_conn_disconnect(conn);
        return -E_DB;
    }
    PQsetNoticeReceiver(conn->pg, on_notice, NULL);
    conn->lost = conn->uncertain = false;
    conn->tx = TX_NONE;
    conn->failed = 0;
    conn->used_us = clock_monotonic_us();
    return 0;
}

int db_conn_prepare_all(struct db_conn *conn, struct buf *ret_reason)
{
    int r = 0;

    for (int i = 0; i < DB_OWN_COUNT && !r; i++)
        r = db_prepare(conn, &db_own[i]);
    for (const struct db_statement *const *const *list = conn->options.lists; list && *list; list++)
        for (const struct db_statement *const *s = *list; *s && !r; s++)
            r = db_prepare(conn, *s);
    if (!r)
        return 0;
    buf_add_text(ret_reason, conn->detail);
    return -E_DB;
}

int db_prepare(struct db_conn *conn, const struct db_statement *statement)
{
    PGresult *result = PQprepare(conn->pg, statement->name, statement->sql, 0, NULL);
    int r = 0;

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        char reason[sizeof conn->detail];

        r = db_conn_failure(conn, result);
        memcpy(reason, conn->detail, sizeof reason);
        snprintf(conn->detail, sizeof conn->detail, "statement %s: %.400s", statement->name, reason);
    }
    PQclear(result);
    return r;
}

bool db_conn_start(struct db_conn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};
    int64_t now = clock_monotonic_us();

    conn->uncertain = false;
    conn->failed = 0;
    conn->sqlstate[0] = conn->detail[0] = 0;
    if (conn->lost || !conn->pg)
        return false;
    /* A server that said something unasked has most likely said good-bye. Finding out now, with nothing in
     * flight, keeps the next statement from ending as uncertain. */
    if (poll(&fd, 1, 0) > 0 || now - conn->used_us > IDLE_CHECK_S * US_PER_S) {
        PGresult *result = PQexec(conn->pg, "SELECT 1");

        if (PQresultStatus(result) != PGRES_TUPLES_OK) {
            int r _unused_ = db_conn_failure(conn, result);

            conn->lost = true;
        }
        PQclear(result);
        conn->used_us = now;
    }
    return !conn->lost;
}

static int failure_of(const char *sqlstate)
{
    if (!strcmp(sqlstate, "40003"))
        return -E_DB_UNCERTAIN;
    if (!strncmp(sqlstate, "40", 2))
        return -E_DB_RETRY;
    if (!strcmp(sqlstate, "23505"))
        return -E_CONFLICT;
    if (!strncmp(sqlstate, "22", 2) || !strncmp(sqlstate, "23", 2))
        return -E_VALIDATION;
    if (!strcmp(sqlstate, "42501"))
        return -E_FORBIDDEN;
    return -E_DB;
}

/* Refusals that a new connection cures: the primary became a standby (25006, unless the transaction itself is
 * read only), the prepared statements are gone (26000), or a migration changed the columns of one (0A000).
 * Nothing was done, so the pool reconnects and repeats. */
static bool unfit(const struct db_conn *conn, const char *sqlstate)
{
    bool may_write = conn->options.writable && !(conn->tx == TX_OPEN && conn->tx_read);

    return (may_write && !strcmp(sqlstate, "25006")) || !strcmp(sqlstate, "26000") ||
           !strcmp(sqlstate, "0A000");
}

int db_conn_failure(struct db_conn *conn, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    note(conn, sqlstate ? sqlstate : "", message ? message : PQerrorMessage(conn->pg));
    if (constraint) {
        size_t n = strlen(conn->detail);

        snprintf(conn->detail + n, sizeof conn->detail - n, " (%s)", constraint);
    }
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        conn->lost = true;
        return -E_DB;
    }
    if (!sqlstate)
        return -E_DB;
    if (unfit(conn, sqlstate))
        conn->lost = true;
    return failure_of(sqlstate);
}

int db_connect_one(const struct db_connect_options *options, struct db_conn **ret_conn,
                   struct buf *ret_reason)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    _cleanup_conn_ struct db_conn *conn = NULL;
    int r;

    r = db_conninfo_check(options->conninfo, ret_reason ? ret_reason : &reason);
    if (r < 0)
        return r;
    conn = NEW(struct db_conn);
    db_conn_init(conn, options);
    r = db_conn_open(conn, ret_reason ? ret_reason : &reason);
    if (!r)
        r = db_conn_prepare_all(conn, ret_reason ? ret_reason : &reason);
    if (r < 0)
        return r;
    *ret_conn = TAKE(conn);
    return 0;
}

struct db_conn *db_close_one(struct db_conn *conn)
{
    if (!conn)
        return NULL;
    db_rollback(conn);
    db_conn_fini(conn);
    free(conn);
    return NULL;
}

bool db_is_local(const struct db_conn *conn)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    const struct sockaddr_in *v4 = (const void *)&peer;
    const struct sockaddr_in6 *v6 = (const void *)&peer;

    if (getpeername(PQsocket(conn->pg), (struct sockaddr *)&peer, &n) < 0)
        return false;
    switch (peer.ss_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    default:
        return false;
    }
}
