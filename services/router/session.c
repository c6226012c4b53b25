/* Sign-in, look-up and end of sessions.
 *
 * Passwords are checked here and nowhere else. What must stay true: an unknown or disabled name costs the
 * same time and gets the same answer as a wrong password; what failed too often lately is refused without a
 * check (sign_in_gate.h); only a few passwords are checked at once and only a few sign-ins wait for that, so
 * that guessing cannot take the workers, nor the places on the bus, away from tickets. Tokens exist in clear
 * only in the answer; the database keeps hashes.
 */
#include "auth/auth.h"
#include "base/clock.h"
#include "base/encode.h"
#include "meridian/errors.h"
#include "router/state.h"
#include "router_sql.h"
#include <stdio.h>

enum { SESSION_SECONDS = 12 * 3600, CSRF_BYTES = 24 };

/* The person and the session behind a token, as parts of the reply. */
static int find(struct db_conn *conn, struct job_session *session, const uint8_t token_hash[AUTH_HASH_SIZE])
{
    struct store_session *who = &session->who;
    int r = store_session_lookup(conn, token_hash, who);

    if (r == -E_NOT_FOUND || (!r && who->ended))
        return -E_UNAUTHENTICATED;
    if (r < 0)
        return r;
    if (who->expires_us <= clock_now_us())
        return -E_SESSION_EXPIRED;
    store_session_principal(who, &session->principal);
    meridian__session_info__init(&session->info);
    session->info.principal = &session->principal;
    session->info.expires_us = who->expires_us;
    session->info.has_csrf_hash = who->has_csrf;
    session->info.csrf_hash = (ProtobufCBinaryData){AUTH_HASH_SIZE, who->csrf_hash};
    session->found = true;
    return 0;
}

static void session_finish(struct job *job, int status, Meridian__Reply *reply)
{
    if (!status && job->session.found)
        reply->session = &job->session.info;
}

/* ---- open ---- */

static int add_session(struct db_conn *conn, struct job *job, const struct uuid *user)
{
    struct job_session *session = &job->session;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    uint8_t token_hash[AUTH_HASH_SIZE], csrf_hash[AUTH_HASH_SIZE], secret[CSRF_BYTES];
    _cleanup_buf_ struct buf csrf = BUF_INIT;
    int r;

    auth_token_new(session->token);
    auth_token_hash(str_from(session->token), token_hash);
    random_bytes(secret, sizeof secret);
    buf_add_base64url(&csrf, secret, sizeof secret);
    snprintf(session->csrf, sizeof session->csrf, "%s", buf_text(&csrf));
    auth_sha256(csrf.p, csrf.n, csrf_hash);
    db_param_bytes(&params, token_hash, sizeof token_hash);
    db_param_uuid(&params, user);
    db_param_bytes(&params, csrf_hash, sizeof csrf_hash);
    db_param_int(&params, SESSION_SECONDS);
    db_param_int(&params, job->cluster_epoch);
    r = db_exec_lsn(conn, &sql_router_session_add, &params, &result, &job->lsn);
    if (!r && !db_affected(&result))
        r = job_check_epoch(job, 0);
    if (!r)
        r = find(conn, session, token_hash);
    if (r < 0)
        return r;
    session->info.token = session->token;
    session->info.csrf = session->csrf;
    return 0;
}

static int session_open_work(struct db_conn *conn, struct job *job)
{
    const Meridian__SessionOpen *open = job->request->session_open;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    const char *hash = NULL;
    struct uuid user;
    int r;

    db_param_text(&params, open->login);
    r = db_exec(conn, &sql_router_session_user, &params, &result);
    if (!r && db_rows(&result) == 1) {
        hash = db_text(&result, 0, 1);
        r = db_uuid(&result, 0, 0, &user);
    }
    if (r < 0)
        return r;
    /* Without a hash this takes as long and never matches. */
    if (!auth_password_verify(str_from(open->password), hash))
        return -E_BAD_CREDENTIALS;
    return add_session(conn, job, &user);
}

static struct str login_of(const struct job *job)
{
    return str_from(job->request->session_open->login);
}

static struct str address_of(const struct job *job)
{
    const char *peer = job->request->session_open->peer;

    return peer ? str_from(peer) : (struct str){0};
}

/* Answers a sign-in that the gate does not let through now. False when it does. */
static bool turn_away(struct job *job)
{
    enum gate_answer answer =
        gate_ask(&job->router->gate, login_of(job), address_of(job), clock_monotonic_us());

    if (answer == GATE_OPEN)
        return false;
    outcome_refuse(&job->out, 0,
                   answer == GATE_CLOSED ? "Too many failed sign-ins for this name; wait a minute"
                                         : "This name is tried too often at the moment; try again");
    router_finish(job, -E_RATE_LIMITED);
    return true;
}

static void crowd_out(struct job *job)
{
    outcome_refuse(&job->out, 0, "Too many sign-ins at once");
    router_finish(job, -E_UNAVAILABLE);
}

/* Loop thread: the next sign-ins in line, as many as may run. What was open when they came may be closed by
 * those before them. */
static void let_in(struct router *router)
{
    struct sign_in_gate *gate = &router->gate;

    while (gate->running < gate->most_running && gate->nwaiting) {
        struct job *job = CONTAINER_OF(list_pop(&gate->waiting), struct job, node);

        gate->nwaiting--;
        if (router->closing || clock_monotonic_us() > job->deadline_us) {
            crowd_out(job);
        } else if (!turn_away(job)) {
            gate_tries(gate, login_of(job), clock_monotonic_us());
            gate->running++;
            router_work(job);
        }
    }
}

void session_open_begin(struct job *job)
{
    struct router *router = job->router;
    struct sign_in_gate *gate = &router->gate;

    if (turn_away(job))
        return;
    if (gate->nwaiting >= GATE_WAITING) {
        crowd_out(job);
        return;
    }
    list_append(&gate->waiting, &job->node);
    gate->nwaiting++;
    let_in(router);
}

void session_open_end(struct router *router, struct job *job, int status)
{
    if (status == -E_BAD_CREDENTIALS)
        gate_failed(&router->gate, login_of(job), address_of(job), clock_monotonic_us());
    else if (!status)
        gate_succeeded(&router->gate, login_of(job), address_of(job));
    router->gate.running--;
}

void session_open_next(struct router *router)
{
    let_in(router);
}

const struct job_kind session_open_kind = {
    .name = "session_open", .work = session_open_work, .finish = session_finish};

/* ---- look up ---- */

static int session_lookup_work(struct db_conn *conn, struct job *job)
{
    const ProtobufCBinaryData *hash = &job->request->session_lookup->token_hash;

    return hash->len == AUTH_HASH_SIZE ? find(conn, &job->session, hash->data) : -E_UNAUTHENTICATED;
}

const struct job_kind session_lookup_kind = {
    .name = "session_lookup", .repeatable = true, .work = session_lookup_work, .finish = session_finish};

/* ---- end ---- */

static int session_close_work(struct db_conn *conn, struct job *job)
{
    const ProtobufCBinaryData *hash = &job->request->session_close->token_hash;
    _cleanup_params_ struct db_params params = {0};
    int r;

    if (hash->len != AUTH_HASH_SIZE)
        return outcome_refuse(&job->out, -E_BAD_REQUEST, "A token hash has 32 bytes");
    db_param_bytes(&params, hash->data, hash->len);
    r = db_exec_lsn(conn, &sql_router_session_end, &params, NULL, &job->lsn);
    if (!r)
        job->hints.session_ended = true;
    return r;
}

const struct job_kind session_close_kind = {
    .name = "session_close", .repeatable = true, .work = session_close_work};
