/* Statements and transactions on one connection.
 *
 * Called by work functions (through db.h) on the thread that holds the connection. What must stay true:
 * - an answer is final only when the server gave it: a connection that dies between a commit's departure and
 * its answer is uncertain;
 * - after the first failure inside a transaction every further call repeats that failure without asking the
 * server;
 * - BEGIN and the settings of row-level security leave in the same packet as the first statement, one round
 * trip for all of them, and COMMIT leaves together with the question for the log position. The few constant
 * statements of db_own are the only SQL in C; everything else is prepared from .sql files.
 */
#include "base/clock.h"
#include "db/conn.h"
#include <meridian/errors.h>
#include <stdio.h>

enum { MAX_STEPS = 4 };

/* One statement of a round trip. After `sync` the server has committed what ran outside a transaction. */
struct step {
    const char *name; /* prepared under this name, or */
    const char *sql;  /* sent as it is */
    const struct db_params *params;
    bool sync;
    PGresult *result; /* NULL: never answered */
};

static bool good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static int send_step(struct db_conn *conn, const struct step *s)
{
    static const struct db_params none;
    const struct db_params *p = s->params ? s->params : &none;
    int sent = s->sql ? PQsendQueryParams(conn->pg, s->sql, p->n, NULL, p->values, p->lengths, p->formats, 0)
                      : PQsendQueryPrepared(conn->pg, s->name, p->n, p->values, p->lengths, p->formats, 0);

    return sent && (!s->sync || PQpipelineSync(conn->pg)) ? 0 : -1;
}

/* True when everything, with its sync, was answered: only then is nothing in flight. A statement outside a
 * transaction commits at its sync, and may fail there (a deferred constraint) after it was reported done: the
 * error then takes the place of the result. */
static bool receive_step(struct db_conn *conn, struct step *s)
{
    bool synced = !s->sync;
    PGresult *more;

    s->result = PQgetResult(conn->pg);
    if (!s->result)
        return false;
    while (PQstatus(conn->pg) == CONNECTION_OK && ((more = PQgetResult(conn->pg)) || !synced)) {
        ExecStatusType status = PQresultStatus(more);

        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(more);
            return PQstatus(conn->pg) == CONNECTION_OK;
        }
        if (status == PGRES_FATAL_ERROR && more && good(s->result)) {
            PQclear(s->result);
            s->result = more;
            continue;
        }
        PQclear(more);
    }
    return PQstatus(conn->pg) == CONNECTION_OK;
}

/* Sends all steps, then reads the answers. Returns how many steps were answered in full; fewer than n means
 * that the connection is lost. Blocking is safe: only the last statement can be large, and what goes before
 * it answers with a few bytes. */
static int round_trip(struct db_conn *conn, struct step *steps, int n)
{
    int answered = 0;

    if (PQenterPipelineMode(conn->pg)) {
        bool sent = true;

        for (int i = 0; i < n && sent; i++)
            sent = !send_step(conn, &steps[i]);
        while (sent && answered < n && receive_step(conn, &steps[answered]))
            answered++;
        if (answered == n && !PQexitPipelineMode(conn->pg))
            conn->lost = true; /* answered, but not to be used again */
    }
    if (answered < n)
        conn->lost = true;
    conn->used_us = clock_monotonic_us();
    return answered;
}

static void clear_steps(struct step *steps, int n)
{
    for (int i = 0; i < n; i++)
        PQclear(steps[i].result);
}

static int refuse(struct db_conn *conn, int failure, const char *why)
{
    conn->sqlstate[0] = 0;
    snprintf(conn->detail, sizeof conn->detail, "%s", why);
    return failure;
}

static int uncertain(struct db_conn *conn)
{
    conn->uncertain = true;
    return -E_DB_UNCERTAIN;
}

/* What a round trip of which `answered` steps were answered came to. A lost connection is uncertain where
 * `commits` says so, whatever word came last. */
static int first_failure(struct db_conn *conn, struct step *steps, int n, int answered, bool commits)
{
    int r = 0;

    for (int i = 0; i < answered && !r; i++)
        if (!good(steps[i].result))
            r = db_conn_failure(conn, steps[i].result);
    if (r || answered == n)
        return r;
    r = db_conn_failure(conn, steps[answered].result);
    return commits ? uncertain(conn) : -E_DB;
}

/* The steps that open the transaction that db_begin promised. */
static int add_begin(struct db_conn *conn, struct step *steps, struct db_params *visible)
{
    int n = 0;

    steps[n++].name = db_own[conn->tx_read ? DB_OWN_BEGIN_READ : DB_OWN_BEGIN].name;
    if (conn->visible) {
        db_param_text(visible, conn->kind);
        db_param_text(visible, conn->user_id);
        db_param_text(visible, buf_text(&conn->teams));
        if (conn->role[0])
            db_param_text(visible, conn->role);
        steps[n].params = visible;
        steps[n++].name = db_own[conn->role[0] ? DB_OWN_VISIBLE_AS : DB_OWN_VISIBLE].name;
    }
    return n;
}

static int parse_lsn(const PGresult *result, uint64_t *ret_lsn)
{
    if (PQntuples(result) != 1)
        return -E_DB;
    return lsn_parse(str_from(PQgetvalue(result, 0, 0)), ret_lsn);
}

/* What may not even be sent. */
static int check_call(struct db_conn *conn, const struct db_statement *statement,
                      const struct db_params *params)
{
    int broken = db_params_broken(params);

    if (conn->lost || !conn->pg)
        return -E_DB; /* the reason of the loss stays in detail */
    if (broken) {
        char why[160];

        snprintf(why, sizeof why, "%s: parameter $%d cannot be sent (a NUL inside, or out of range)",
                 statement->name, broken);
        return refuse(conn, -E_VALIDATION, why);
    }
    return 0;
}

static void give(PGresult **result, struct db_result *ret_result)
{
    if (!ret_result)
        return;
    PQclear(ret_result->pg);
    ret_result->pg = TAKE(*result);
}

static int execute(struct db_conn *conn, const struct db_statement *statement, bool prepared,
                   struct db_params *params, struct db_result *ret_result)
{
    struct step steps[MAX_STEPS] = {0};
    struct db_params visible = {0};
    bool alone = conn->tx == TX_NONE;
    int r, n = 0;

    if (!alone && conn->failed)
        return conn->failed;
    r = check_call(conn, statement, params);
    if (r < 0) {
        if (!alone)
            conn->failed = r;
        return r;
    }
    if (conn->tx == TX_PENDING)
        n = add_begin(conn, steps, &visible);
    *(prepared ? &steps[n].name : &steps[n].sql) = prepared ? statement->name : statement->sql;
    steps[n].params = params;
    steps[n++].sync = true;
    if (conn->tx == TX_PENDING)
        conn->tx = TX_OPEN;

    r = first_failure(conn, steps, n, round_trip(conn, steps, n), alone && conn->options.writable);
    if (!r)
        give(&steps[n - 1].result, ret_result);
    else if (!alone)
        conn->failed = r;
    clear_steps(steps, n);
    return r;
}

int db_exec(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
            struct db_result *ret_result)
{
    return execute(conn, statement, true, params, ret_result);
}

int db_exec_once(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
                 struct db_result *ret_result)
{
    return execute(conn, statement, false, params, ret_result);
}

int db_exec_lsn(struct db_conn *conn, const struct db_statement *statement, struct db_params *params,
                struct db_result *ret_result, uint64_t *ret_lsn)
{
    struct step steps[2] = {{.name = statement->name, .params = params, .sync = true},
                            {.name = db_own[DB_OWN_LSN].name, .sync = true}};
    int r, answered;

    if (conn->tx != TX_NONE)
        return refuse(conn, -E_INTERNAL, "db_exec_lsn inside a transaction");
    r = check_call(conn, statement, params);
    if (r < 0)
        return r;
    answered = round_trip(conn, steps, 2);
    if (answered > 0 && !good(steps[0].result)) {
        r = db_conn_failure(conn, steps[0].result);
    } else if (answered < 2) {
        r = db_conn_failure(conn, steps[answered].result);
        r = conn->options.writable ? uncertain(conn) : -E_DB;
    } else if (!good(steps[1].result) || parse_lsn(steps[1].result, ret_lsn) < 0) {
        r = db_conn_failure(conn, steps[1].result);
        r = conn->options.writable ? uncertain(conn) : r; /* a standby: it wrote nothing */
    }
    if (!r)
        give(&steps[0].result, ret_result);
    clear_steps(steps, 2);
    return r;
}

static int begin(struct db_conn *conn, bool read)
{
    if (conn->tx != TX_NONE)
        return refuse(conn, -E_INTERNAL, "a transaction inside a transaction");
    if (conn->lost || !conn->pg)
        return refuse(conn, -E_DB, "not connected");
    conn->tx = TX_PENDING;
    conn->tx_read = read;
    conn->visible = false;
    conn->failed = 0;
    return 0;
}

int db_begin(struct db_conn *conn)
{
    return begin(conn, false);
}

int db_begin_read(struct db_conn *conn)
{
    return begin(conn, true);
}

int db_begin_visible(struct db_conn *conn, const char *role, const struct db_visibility *who)
{
    int r = begin(conn, true);

    if (r < 0)
        return r;
    conn->visible = true;
    snprintf(conn->kind, sizeof conn->kind, "%s", who->kind);
    snprintf(conn->role, sizeof conn->role, "%s", role ? role : "");
    snprintf(conn->user_id, sizeof conn->user_id, "%s", who->user_id ? who->user_id : "");
    buf_reset(&conn->teams);
    buf_add_char(&conn->teams, '{');
    for (size_t i = 0; i < who->nteams; i++) {
        if (i)
            buf_add_char(&conn->teams, ',');
        buf_add_i64(&conn->teams, who->teams[i]);
    }
    buf_add_char(&conn->teams, '}');
    return 0;
}

int db_commit(struct db_conn *conn, uint64_t *ret_lsn)
{
    struct step steps[2] = {{.name = db_own[DB_OWN_COMMIT].name, .sync = true},
                            {.name = db_own[DB_OWN_LSN].name, .sync = true}};
    bool sent = conn->tx == TX_OPEN;
    struct step *first = sent ? steps : steps + 1;
    int n = (sent ? 1 : 0) + (ret_lsn ? 1 : 0), r = conn->failed, answered;

    if (conn->tx == TX_NONE)
        return refuse(conn, -E_INTERNAL, "commit outside a transaction");
    if (r) {
        db_rollback(conn);
        return r;
    }
    if (conn->lost || !conn->pg) {
        conn->tx = TX_NONE;
        return -E_DB;
    }
    if (!n) { /* nothing was sent and nothing is asked */
        conn->tx = TX_NONE;
        return 0;
    }
    answered = round_trip(conn, first, n);
    conn->tx = TX_NONE;
    if (answered < n) {
        r = db_conn_failure(conn, first[answered].result);
        r = sent && conn->options.writable && !conn->tx_read ? uncertain(conn) : -E_DB;
    } else if (sent && !good(steps[0].result)) {
        r = db_conn_failure(
            conn, steps[0].result); /* a deferred constraint or a serialisation failure: rolled back */
    } else if (sent && strcmp(PQcmdStatus(steps[0].result), "COMMIT") != 0) {
        r = refuse(conn, -E_DB, "the transaction had failed and was rolled back");
    } else if (ret_lsn && (!good(steps[1].result) || parse_lsn(steps[1].result, ret_lsn) < 0)) {
        r = db_conn_failure(conn, steps[1].result); /* committed, but nobody knows where */
        r = sent && conn->options.writable && !conn->tx_read ? uncertain(conn) : r;
    }
    clear_steps(steps, 2);
    return r;
}

void db_rollback(struct db_conn *conn)
{
    if (conn->tx == TX_OPEN && !conn->lost && PQtransactionStatus(conn->pg) != PQTRANS_IDLE) {
        PGresult *result = PQexec(conn->pg, "ROLLBACK");

        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            conn->lost = true; /* the server rolls back when it notices */
        PQclear(result);
        conn->used_us = clock_monotonic_us();
    }
    conn->tx = TX_NONE;
    conn->failed = 0;
}

/* Adds the line to the reason. The position counts characters, so continuation bytes of UTF-8 are passed
 * over. */
static void add_line(struct db_conn *conn, const char *sql, const char *position)
{
    long at = strtol(position, NULL, 10), line = 1;
    size_t n = strlen(conn->detail);

    for (const char *c = sql; *c && at > 1; c++) {
        line += *c == '\n';
        at -= (*c & 0xC0) != 0x80;
    }
    snprintf(conn->detail + n, sizeof conn->detail - n, " (line %ld)", line);
}

int db_script(struct db_conn *conn, const char *sql)
{
    bool alone = conn->tx == TX_NONE;
    PGresult *result = NULL;
    int r;

    if (!alone && conn->failed)
        return conn->failed;
    if (conn->lost || !conn->pg)
        return -E_DB;
    if (conn->tx == TX_PENDING) {
        struct step open[MAX_STEPS] = {0};
        struct db_params visible = {0};
        int n = add_begin(conn, open, &visible);

        open[n - 1].sync = true;
        conn->tx = TX_OPEN;
        r = first_failure(conn, open, n, round_trip(conn, open, n), false);
        clear_steps(open, n);
        if (r < 0)
            return conn->failed = r;
    }
    result = PQexec(conn->pg, sql);
    conn->used_us = clock_monotonic_us();
    r = 0;
    if (!good(result) && PQresultStatus(result) != PGRES_EMPTY_QUERY) {
        const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);

        r = db_conn_failure(conn, result);
        if (PQstatus(conn->pg) != CONNECTION_OK)
            r = alone && conn->options.writable ? uncertain(conn) : -E_DB;
        if (position)
            add_line(conn, sql, position);
        if (!alone)
            conn->failed = r;
    }
    PQclear(result);
    return r;
}

int db_failed(const struct db_conn *conn)
{
    return conn->failed;
}

const char *db_error_detail(const struct db_conn *conn)
{
    return conn->detail;
}

const char *db_sqlstate(const struct db_conn *conn)
{
    return conn->sqlstate;
}

bool db_refused(const struct db_conn *conn)
{
    /* connection, transaction state (read only), rollback, resources, locks, operator, system */
    static const char *const passing[] = {"08", "25", "40", "53", "55", "57", "58"};

    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        if (strncmp(conn->sqlstate, passing[i], 2) == 0)
            return false;
    return conn->sqlstate[0] != 0;
}
