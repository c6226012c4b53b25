/* Looking up sessions by token hash. The plain token never reaches the database. */
#include "store/session.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "store_sql.h"
#include <stdio.h>

static uint32_t role_number(const char *text)
{
#define X(name, number, role)                                                                                \
    if (text && strcmp(text, role) == 0)                                                                     \
        return number;
    USER_ROLES(X)
#undef X
    return 0; /* may do and see nothing */
}

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

/* '{1,2,3}' */
static size_t parse_teams(const char *text, uint32_t ret_teams[STORE_MAX_TEAMS])
{
    size_t n = 0;

    for (const char *c = text ? text : ""; *c && n < STORE_MAX_TEAMS; c++) {
        char *end;
        if (*c < '0' || *c > '9')
            continue;
        ret_teams[n++] = (uint32_t)strtoul(c, &end, 10);
        c = end - 1;
    }
    return n;
}

static int read_session(const struct db_result *result, int row, struct store_session *ret_session)
{
    _cleanup_buf_ struct buf csrf = BUF_INIT;
    struct store_session s = {0};
    int r;

    copy(s.user_id, sizeof s.user_id, db_text(result, row, 0));
    copy(s.login, sizeof s.login, db_text(result, row, 1));
    copy(s.name, sizeof s.name, db_text(result, row, 2));
    s.role = role_number(db_text(result, row, 3));
    copy(s.region, sizeof s.region, db_text(result, row, 4));
    copy(s.language, sizeof s.language, db_text(result, row, 5));
    s.nteams = parse_teams(db_text(result, row, 6), s.teams);
    s.expires_us = db_int(result, row, 7);
    s.ended = db_bool(result, row, 8);
    r = db_bytes(result, row, 9, &csrf);
    if (r < 0)
        return r;
    s.has_csrf = csrf.n == AUTH_HASH_SIZE;
    if (s.has_csrf)
        memcpy(s.csrf_hash, csrf.p, AUTH_HASH_SIZE);
    *ret_session = s;
    return 0;
}

int store_session_lookup(struct db_conn *conn, const uint8_t token_hash[AUTH_HASH_SIZE],
                         struct store_session *ret_session)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_bytes(&params, token_hash, AUTH_HASH_SIZE);
    r = db_exec(conn, &sql_store_session_lookup, &params, &result);
    if (r < 0)
        return r;
    return db_rows(&result) == 0 ? -E_NOT_FOUND : read_session(&result, 0, ret_session);
}

int store_session_recent(struct db_conn *conn, int64_t after_us, size_t max,
                         struct store_session *ret_sessions, uint8_t (*ret_hashes)[AUTH_HASH_SIZE],
                         size_t *ret_n)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_int(&params, after_us);
    db_param_int(&params, (int64_t)max);
    r = db_exec(conn, &sql_store_session_recent, &params, &result);
    for (int i = 0; r >= 0 && i < db_rows(&result); i++) {
        _cleanup_buf_ struct buf hash = BUF_INIT;

        r = read_session(&result, i, &ret_sessions[i]);
        if (r >= 0)
            r = db_bytes(&result, i, 10, &hash);
        if (r >= 0 && hash.n == AUTH_HASH_SIZE)
            memcpy(ret_hashes[i], hash.p, AUTH_HASH_SIZE);
    }
    if (r < 0)
        return r;
    *ret_n = (size_t)db_rows(&result);
    return 0;
}

void store_session_principal(struct store_session *session, Meridian__Principal *principal)
{
    meridian__principal__init(principal);
    principal->user_id = session->user_id;
    principal->login = session->login;
    principal->name = session->name;
    principal->role = session->role;
    principal->region = session->region;
    principal->language = session->language;
    principal->teams = session->teams;
    principal->n_teams = session->nteams;
}
