/* Sessions at the edge.
 *
 * Known sessions are kept by the hash of their token. One that was checked less than FRESH ago is taken as it
 * is; one that was checked a little longer ago is taken too, while it is checked again; an older one waits
 * for the check. The check asks the region's database and, when that does not know the token or is away, the
 * authority. A check that takes too long or reaches nobody leaves the old knowledge in force for
 * `session_grace`: a region that is cut off goes on serving whoever is signed in. For the same reason new
 * sessions are read from the database four times a second, whoever opened them.
 *
 * Nobody waits for a database that hangs: after IMPATIENT_MS whoever is known is let in (those that come
 * later while the check is still out, too), and for the others the authority is asked beside it; whoever says
 * something first decides. After GIVE_UP_MS without news from either the wait is over, and for a second the
 * database is not asked. What is left with a worker belongs to it: a check is freed when the last of those
 * that have it (database, authority, timer) has let go.
 *
 * An ended session is refused from the next check on, which a hint brings forward; an expired one at once.
 */
#include "intake/sessions.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/limits.h"
#include "log/log.h"
#include "meridian/errors.h"
#include <stdio.h>

enum { SESSIONS_MAX = 20000, RECENT_MAX = 200, RECENT_MS = 250, IMPATIENT_MS = 300, GIVE_UP_MS = 1500 };
static const int64_t fresh_us = 5 * US_PER_S, usable_us = 15 * US_PER_S, overlap_us = 60 * US_PER_S;
static const int64_t database_us = 2 * US_PER_S, authority_us = 3 * US_PER_S, rest_us = US_PER_S;

struct known {
    struct store_session session;
    int64_t checked_us; /* monotonic; 0: has to be checked before the next use */
};

/* One check of one token, and the calls that wait for it. */
struct lookup {
    struct list node; /* in sessions.lookups */
    struct sessions *sessions;
    struct lru_key key;
    struct list calls;
    struct store_session found; /* written by the worker */
    uv_timer_t patience;
    int holders; /* database, authority and timer that still have it */
    bool at_database, at_authority, asked_authority;
    bool impatient; /* whoever is known need not wait */
    bool given_up;  /* the database is not waited for any more */
    bool ended;     /* everybody was told; only waits for its holders */
};

/* Reading new sessions. */
struct recent {
    struct sessions *sessions;
    int64_t after_us;
    struct store_session found[RECENT_MAX];
    uint8_t hashes[RECENT_MAX][AUTH_HASH_SIZE];
    size_t n;
};

struct sessions {
    struct intake *intake;
    struct lru *known;
    struct list lookups;
    uv_timer_t poll;
    int64_t after_us;         /* ends up to here were read */
    int64_t resting_until_us; /* the database hung: not asked until then */
    int64_t ahead_us;         /* see sessions_age */
    bool polling, stopped;
};

/* ---- what is known ---- */

static int64_t now_of(const struct sessions *sessions)
{
    return clock_monotonic_us() + sessions->ahead_us;
}

void sessions_age(struct sessions *sessions, int64_t us)
{
    sessions->ahead_us += us;
}

void sessions_remember(struct sessions *sessions, const uint8_t token_hash[AUTH_HASH_SIZE],
                       const struct store_session *session)
{
    struct lru_key key;
    struct known *known;

    memcpy(key.bytes, token_hash, sizeof key.bytes);
    known = lru_put(sessions->known, &key);
    known->session = *session;
    known->checked_us = now_of(sessions);
}

void sessions_forget(struct sessions *sessions, const uint8_t token_hash[AUTH_HASH_SIZE])
{
    struct lru_key key;
    struct known *known;

    memcpy(key.bytes, token_hash, sizeof key.bytes);
    known = lru_get(sessions->known, &key);
    if (known)
        known->checked_us = 0;
}

static void text_copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

int sessions_read(const Meridian__SessionInfo *info, struct store_session *ret_session)
{
    const Meridian__Principal *p = info ? info->principal : NULL;
    struct store_session s = {0};

    if (!p || strlen(p->user_id) != UUID_TEXT_SIZE - 1 || p->n_teams > STORE_MAX_TEAMS)
        return -E_PEER;
    text_copy(s.user_id, sizeof s.user_id, p->user_id);
    text_copy(s.login, sizeof s.login, p->login);
    text_copy(s.name, sizeof s.name, p->name ? p->name : p->login);
    text_copy(s.region, sizeof s.region, p->region);
    text_copy(s.language, sizeof s.language, p->language ? p->language : "en");
    s.role = p->role;
    s.nteams = p->n_teams;
    if (p->n_teams)
        memcpy(s.teams, p->teams, p->n_teams * sizeof s.teams[0]);
    s.expires_us = info->expires_us;
    s.has_csrf = info->has_csrf_hash && info->csrf_hash.len == AUTH_HASH_SIZE;
    if (s.has_csrf)
        memcpy(s.csrf_hash, info->csrf_hash.data, AUTH_HASH_SIZE);
    *ret_session = s;
    return 0;
}

/* ---- going on with a call ---- */

static bool csrf_is_right(const struct call *call)
{
    struct str given = http_header(call->x, "X-CSRF-Token");
    uint8_t hash[AUTH_HASH_SIZE];

    if (!call->session.has_csrf || !given.n)
        return false;
    auth_token_hash(given, hash);
    return auth_equal(hash, call->session.csrf_hash, sizeof hash);
}

static void judge(struct call *call, const struct store_session *session)
{
    enum http_method method = http_method(call->x);

    if (session->ended) {
        call_problem(call, E_UNAUTHENTICATED, "the session has ended");
        return;
    }
    if (session->expires_us <= clock_now_us()) {
        call_problem(call, E_SESSION_EXPIRED, NULL);
        return;
    }
    call->session = *session;
    call->signed_in = true;
    if (call->by_cookie && method != HTTP_GET_ && method != HTTP_HEAD_ && !csrf_is_right(call)) {
        call_problem(call, E_CSRF, "send the session's csrf value as X-CSRF-Token");
        return;
    }
    call->next(call);
}

/* Ends the wait of all calls: with a session, or with a failure. */
static void release(struct lookup *lookup, const struct store_session *session, int failure)
{
    struct list *node;

    while ((node = list_pop(&lookup->calls))) {
        struct call *call = CONTAINER_OF(node, struct call, node);
        if (session) {
            judge(call, session);
        } else {
            if (failure == -E_UNAUTHENTICATED)
                limit_count_unknown_token(call);
            call_problem(call, failure,
                         failure == -E_UNAVAILABLE ? "the session cannot be checked at the moment" : NULL);
        }
    }
}

static void let_go(struct lookup *lookup)
{
    if (--lookup->holders == 0)
        free(lookup);
}

static void on_lookup_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

static void lookup_end(struct lookup *lookup)
{
    lookup->ended = true;
    list_remove(&lookup->node);
    uv_close((uv_handle_t *)&lookup->patience, on_lookup_closed);
}

/* Old knowledge that may be used because nobody can be asked. NULL: none, or too old. */
static const struct store_session *still_usable(struct lookup *lookup)
{
    struct known *known = lru_get(lookup->sessions->known, &lookup->key);
    int64_t grace_us = lookup->sessions->intake->conf->session_grace_us;

    if (!known || (known->checked_us && known->checked_us + grace_us < now_of(lookup->sessions)))
        return NULL;
    return known->checked_us ? &known->session : NULL;
}

static void lookup_found(struct lookup *lookup, const struct store_session *session)
{
    sessions_remember(lookup->sessions, lookup->key.bytes, session);
    release(lookup, session, 0);
    lookup_end(lookup);
}

static void lookup_failed(struct lookup *lookup, int failure)
{
    struct store_session old;
    const struct store_session *usable = failure == -E_UNAVAILABLE ? still_usable(lookup) : NULL;

    if (usable)
        old = *usable; /* a call may change the map */
    else if (failure != -E_UNAVAILABLE)
        lru_drop(lookup->sessions->known, &lookup->key);
    release(lookup, usable ? &old : NULL, failure);
    lookup_end(lookup);
}

/* ---- asking ---- */

/* One of the two could not say anything: it is over when the other cannot either, or is not waited for. */
static void lookup_silent(struct lookup *lookup)
{
    if (!lookup->at_authority && (!lookup->at_database || lookup->given_up))
        lookup_failed(lookup, -E_UNAVAILABLE);
}

static void on_authority(void *ctx, int status, const Meridian__Reply *reply)
{
    struct lookup *lookup = ctx;
    struct store_session session;

    lookup->at_authority = false;
    if (lookup->ended)
        ;
    else if (status >= 0 && (reply->status == E_UNAUTHENTICATED || reply->status == E_NOT_FOUND))
        lookup_failed(lookup, -E_UNAUTHENTICATED);
    else if (status >= 0 && reply->status == E_SESSION_EXPIRED)
        lookup_failed(lookup, -E_SESSION_EXPIRED);
    else if (status < 0 || reply->status || sessions_read(reply->session, &session) < 0)
        lookup_silent(lookup);
    else
        lookup_found(lookup, &session);
    let_go(lookup);
}

static void ask_authority(struct lookup *lookup)
{
    struct service *service = lookup->sessions->intake->service;
    Meridian__SessionLookup body = MERIDIAN__SESSION_LOOKUP__INIT;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    body.token_hash = (ProtobufCBinaryData){AUTH_HASH_SIZE, lookup->key.bytes};
    request.region = (char *)service->conf.region;
    request.instance = (char *)service->conf.instance;
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_LOOKUP;
    request.session_lookup = &body;
    lookup->asked_authority = lookup->at_authority = true;
    lookup->holders++;
    bus_call(service->routers, &request, authority_us, 0, on_authority, lookup);
}

static int work_lookup(struct db_conn *conn, void *job)
{
    struct lookup *lookup = job;

    return store_session_lookup(conn, lookup->key.bytes, &lookup->found);
}

static void on_lookup(void *job, int status)
{
    struct lookup *lookup = job;

    lookup->at_database = false;
    if (lookup->ended)
        ;
    else if (status == 0)
        lookup_found(lookup, &lookup->found);
    else if (lookup->asked_authority || lookup->sessions->stopped)
        lookup_silent(lookup);
    else
        ask_authority(lookup);
    let_go(lookup);
}

static void on_hang(uv_timer_t *timer)
{
    struct lookup *lookup = timer->data;

    lookup->given_up = true;
    if (lookup->at_database)
        lookup->sessions->resting_until_us = clock_monotonic_us() + rest_us;
    lookup_silent(lookup);
}

static void on_impatience(uv_timer_t *timer)
{
    struct lookup *lookup = timer->data;
    const struct store_session *usable = still_usable(lookup);
    struct store_session old;

    uv_timer_start(timer, on_hang, GIVE_UP_MS, 0);
    lookup->impatient = true;
    if (usable) {
        old = *usable;
        release(lookup, &old, 0);
    } else if (!lookup->asked_authority && !lookup->sessions->stopped) {
        ask_authority(lookup);
    }
}

static bool ask_database(struct lookup *lookup)
{
    struct db_pool *db = lookup->sessions->intake->db;
    int64_t now_us = clock_monotonic_us();

    if (!db || !db_pool_ready(db) || now_us < lookup->sessions->resting_until_us ||
        db_pool_submit(db, work_lookup, on_lookup, lookup, now_us + database_us) < 0)
        return false;
    lookup->at_database = true;
    lookup->holders++;
    return true;
}

static struct lookup *lookup_start(struct sessions *sessions, const struct lru_key *key)
{
    struct lookup *lookup;
    struct intake *intake = sessions->intake;

    LIST_FOR(node, &sessions->lookups)
    {
        lookup = CONTAINER_OF(node, struct lookup, node);
        if (memcmp(&lookup->key, key, sizeof *key) == 0)
            return lookup;
    }
    lookup = NEW(struct lookup);
    lookup->sessions = sessions;
    lookup->key = *key;
    list_init(&lookup->calls);
    list_append(&sessions->lookups, &lookup->node);
    uv_timer_init(intake->service->loop, &lookup->patience);
    lookup->patience.data = lookup;
    lookup->holders = 1;
    uv_timer_start(&lookup->patience, on_impatience, IMPATIENT_MS, 0);
    if (!ask_database(lookup))
        ask_authority(lookup);
    return lookup;
}

/* ---- the start of a call ---- */

/* The token of the request: Authorization, else (over TLS only) the cookie. */
static struct str take_token(struct call *call)
{
    struct str header = http_header(call->x, "Authorization"), scheme, token = {0};

    if (header.p) {
        str_cut(header, ' ', &scheme, &token);
        return str_eq_nocase(scheme, STR("Bearer")) ? str_trim(token) : (struct str){0};
    }
    if (http_secure(call->x))
        token = http_cookie(call->x, "__Host-meridian");
    call->by_cookie = token.n > 0;
    return token;
}

void sessions_authenticate(struct call *call, void (*next)(struct call *call))
{
    struct sessions *sessions = call->intake->sessions;
    struct str token = take_token(call);
    struct known *known;
    struct lookup *lookup;
    struct lru_key key;
    int64_t age_us;

    if (!token.n || token.n >= AUTH_TOKEN_SIZE) {
        call_problem(call, E_UNAUTHENTICATED, "send a token: Authorization: Bearer mrd_...");
        return;
    }
    call->next = next;
    auth_token_hash(token, key.bytes);
    memcpy(call->token_hash, key.bytes, sizeof call->token_hash);
    known = lru_get(sessions->known, &key);
    age_us = known && known->checked_us ? now_of(sessions) - known->checked_us : INT64_MAX;
    if (age_us < fresh_us) {
        judge(call, &known->session);
        return;
    }
    if (!known && !limit_unknown_token(call))
        return;
    lookup = lookup_start(sessions, &key);
    if (age_us < usable_us || (lookup->impatient && still_usable(lookup))) {
        struct store_session session = known->session;
        judge(call, &session);
        return;
    }
    list_append(&lookup->calls, &call->node);
}

const struct store_session *sessions_present(struct sessions *sessions,
                                             const uint8_t token_hash[AUTH_HASH_SIZE])
{
    struct lru_key key;
    struct known *known;

    memcpy(key.bytes, token_hash, sizeof key.bytes);
    known = lru_get(sessions->known, &key);
    if (!known || known->session.ended || known->session.expires_us <= clock_now_us())
        return NULL;
    if (!known->checked_us || known->checked_us + fresh_us < now_of(sessions))
        lookup_start(sessions, &key);
    known = lru_get(sessions->known, &key); /* a check that fails at once may have dropped it */
    return known ? &known->session : NULL;
}

/* ---- new sessions of the whole desk ---- */

static int work_recent(struct db_conn *conn, void *job)
{
    struct recent *recent = job;

    return store_session_recent(conn, recent->after_us, RECENT_MAX, recent->found, recent->hashes,
                                &recent->n);
}

static void poll_recent(struct sessions *sessions);

/* The next page at once, when this one was full; else from a little before its end, because sessions are not
 * committed in the order of their ends. */
static void on_recent(void *job, int status)
{
    struct recent *recent = job;
    struct sessions *sessions = recent->sessions;
    bool full = status == 0 && recent->n == RECENT_MAX;

    sessions->polling = false;
    for (size_t i = 0; status == 0 && i < recent->n; i++)
        sessions_remember(sessions, recent->hashes[i], &recent->found[i]);
    if (status == 0 && recent->n)
        sessions->after_us = recent->found[recent->n - 1].expires_us - (full ? 0 : overlap_us);
    free(recent);
    if (full)
        poll_recent(sessions);
}

static void poll_recent(struct sessions *sessions)
{
    struct recent *recent;

    if (sessions->polling || sessions->stopped || !sessions->intake->db ||
        !db_pool_ready(sessions->intake->db))
        return;
    recent = NEW(struct recent);
    recent->sessions = sessions;
    recent->after_us = sessions->after_us;
    sessions->polling = db_pool_submit(sessions->intake->db, work_recent, on_recent, recent,
                                       clock_monotonic_us() + database_us) == 0;
    if (!sessions->polling)
        free(recent);
}

static void on_poll(uv_timer_t *timer)
{
    poll_recent(timer->data);
}

struct sessions *sessions_new(struct intake *intake)
{
    struct sessions *sessions = NEW(struct sessions);

    sessions->intake = intake;
    sessions->known = lru_new(sizeof(struct known), SESSIONS_MAX, NULL, NULL);
    list_init(&sessions->lookups);
    uv_timer_init(intake->service->loop, &sessions->poll);
    sessions->poll.data = sessions;
    uv_timer_start(&sessions->poll, on_poll, 0, RECENT_MS);
    return sessions;
}

void sessions_stop(struct sessions *sessions)
{
    sessions->stopped = true;
    uv_timer_stop(&sessions->poll);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct sessions *sessions = handle->data;

    lru_free(sessions->known);
    free(sessions);
}

struct sessions *sessions_free(struct sessions *sessions)
{
    if (sessions)
        uv_close((uv_handle_t *)&sessions->poll, on_poll_closed);
    return NULL;
}
