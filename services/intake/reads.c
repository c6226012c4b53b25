/* Reads.
 *
 * Read-your-writes: every answer to a write carries the position of its commit, clients may send it back, and
 * what this process saw of a user's writes (its own answers, hints of the routers) is remembered. A standby
 * that has not replayed that position is given WAIT_MS; then the question goes to the authority. Nobody
 * blocks a database worker for that: whoever waits is in a list, and one small job looks at the standby's
 * position every few milliseconds while the list is not empty.
 *
 * A server that hangs (a frozen machine, a black hole) must not hang the edge: a question to the database
 * that takes too long is left to its worker, which has copies of all it touches, and an heir goes on without
 * it; for a second nobody else asks there either.
 *
 * A standby that cannot be asked is replaced by the authority, and the authority by the standby, whose answer
 * is then marked stale; so a cut-off region goes on showing what it last knew. -E_UNAVAILABLE only when
 * neither answers, or when the one that answers is not allowed to say "there is no such ticket".
 */
#include "intake/reads.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/peek.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "store/document.h"

enum {
    WAIT_MS = 300,
    LOOK_MS = 5,
    IDLE_LOOK_MS = 1000,
    SWEEP_MS = 50,
    USERS_MAX = 50000,
    ARGS_MAX = STORE_MAX_ARGS
};
static const int64_t authority_us = 3 * US_PER_S, patience_us = 1500 * US_PER_MS, rest_us = US_PER_S;

struct read {
    struct list node; /* in reads.waiting or reads.asked */
    struct reads *reads;
    struct call *call;
    const char *name;
    char *args[ARGS_MAX];
    size_t nargs;
    unsigned flags;
    read_fn done;
    uint64_t wanted;    /* position to be seen */
    int64_t give_up_us; /* monotonic: end of the wait, or of the patience with the database */
    bool asked_here, asked_there, old;
    bool abandoned;               /* nobody waits for what the database says */
    struct store_session session; /* a copy: the call may be gone before the worker is */
    Meridian__Principal principal;
    struct buf json;
};

struct reads {
    struct intake *intake;
    struct lru *users; /* of uint64_t: what each user wrote last */
    struct list waiting, asked;
    uv_timer_t look, sweep;
    int handles; /* of these, not yet closed */
    bool looking, stopped;
    int64_t resting_until_us;     /* the database hung: not asked until then */
    struct store_freshness fresh; /* written by the worker */
    bool seen, primary;
    uint64_t replayed;
    int64_t lag_ms;
    struct metric *waits, *authority, *hung, *lag;
};

static void ask_here(struct read *read);
static void ask_there(struct read *read);
static void on_sweep(uv_timer_t *timer);
static void sweep_later(struct reads *reads);

/* ---- ends ---- */

static void read_free(struct read *read)
{
    for (size_t i = 0; i < read->nargs; i++)
        free(read->args[i]);
    buf_fini(&read->json);
    free(read);
}

static void finish(struct read *read, int status)
{
    if (status == 0 && !(read->flags & READ_PLAIN)) {
        int64_t lag_ms = peek_int(buf_str(&read->json), "lag_ms", 0);
        bool stale = read->old || lag_ms * US_PER_MS > read->reads->intake->conf->stale_after_us;

        read->json.n--; /* the brace */
        buf_printf(&read->json, ",\"stale\":%s}", stale ? "true" : "false");
    }
    read->done(read->call, status, buf_str(&read->json));
    read_free(read);
}

void read_problem(struct call *call, int status)
{
    if (status == -E_UNAVAILABLE || error_info(status)->http_status >= 500)
        call_problem(call, E_UNAVAILABLE, "neither the region's database nor the authority can be asked");
    else
        call_problem(call, status, NULL);
}

void read_answered(struct call *call, int status, struct str json)
{
    if (status < 0)
        read_problem(call, status);
    else
        call_json(call, 200, json);
}

/* ---- the authority ---- */

static void on_authority(void *ctx, int status, const Meridian__Reply *reply)
{
    struct read *read = ctx;
    int failure = status < 0 ? status : -(int)reply->status;

    if (!failure && (!reply->has_json || reply->json.len < 2))
        failure = -E_PEER;
    if (!failure) {
        buf_reset(&read->json);
        buf_add(&read->json, reply->json.data, reply->json.len);
        finish(read, 0);
    } else if (status >= 0 && error_info(failure)->retry == RETRY_NEVER) {
        finish(read, failure);
    } else if (!read->asked_here && !(read->flags & READ_ONLY_AUTHORITY)) {
        read->old = true;
        ask_here(read);
    } else {
        finish(read, -E_UNAVAILABLE);
    }
}

static void ask_there(struct read *read)
{
    struct intake *intake = read->reads->intake;
    Meridian__Read body = MERIDIAN__READ__INIT;
    Meridian__Request request;
    char *args[ARGS_MAX];

    read->asked_there = true;
    if (intake->closing) {
        finish(read, -E_UNAVAILABLE);
        return;
    }
    metric_add(read->reads->authority, NULL, 1);
    for (size_t i = 0; i < read->nargs; i++)
        args[i] = read->args[i] ? read->args[i] : (char *)"";
    body.document = (char *)read->name;
    body.args = args;
    body.n_args = read->nargs;
    call_request(read->call, &request, &read->principal);
    if (read->flags & READ_AS_SYSTEM)
        request.principal = NULL;
    request.body_case = MERIDIAN__REQUEST__BODY_READ;
    request.read = &body;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(authority_us / US_PER_MS);
    bus_call(intake->service->routers, &request, authority_us, 0, on_authority, read);
}

/* ---- the region's database ---- */

static int work_read(struct db_conn *conn, void *job)
{
    struct read *read = job;
    struct db_visibility who = store_visibility(read->flags & READ_AS_SYSTEM ? NULL : &read->principal);

    buf_reset(&read->json);
    return store_document(conn, NULL, read->name, &who, (const char *const *)read->args, read->nargs,
                          &read->json);
}

static void on_read(void *job, int status)
{
    struct read *read = job;

    list_remove(&read->node);
    if (read->abandoned) {
        read_free(read);
    } else if (status == 0) {
        finish(read, 0);
    } else if (status == -E_NOT_FOUND) {
        if ((read->flags & READ_ASK_TWICE) && !read->reads->primary && !read->asked_there)
            ask_there(read);
        else
            finish(read, read->flags & READ_ASK_TWICE && read->old && !read->reads->primary ? -E_UNAVAILABLE
                                                                                            : status);
    } else if (status == -E_BAD_REQUEST || status == -E_FORBIDDEN) {
        finish(read, status);
    } else if (!read->asked_there) {
        ask_there(read);
    } else {
        finish(read, -E_UNAVAILABLE);
    }
}

static void ask_here(struct read *read)
{
    struct intake *intake = read->reads->intake;

    int64_t now_us = clock_monotonic_us();

    read->asked_here = true;
    if (!intake->db || intake->closing || !db_pool_ready(intake->db) ||
        now_us < read->reads->resting_until_us ||
        db_pool_submit(intake->db, work_read, on_read, read, now_us + patience_us) < 0) {
        on_read(read, -E_DB);
        return;
    }
    read->give_up_us = now_us + patience_us;
    list_append(&read->reads->asked, &read->node);
    sweep_later(read->reads);
}

/* A copy of the question that goes on while the original is left to its worker. */
static struct read *inherit(struct read *read)
{
    struct read *heir = NEW(struct read);

    *heir = *read;
    heir->node = (struct list){0};
    heir->json = BUF_INIT;
    for (size_t i = 0; i < read->nargs; i++)
        heir->args[i] = mem_str(read->args[i]);
    store_session_principal(&heir->session, &heir->principal);
    read->abandoned = true;
    return heir;
}

static void sweep_later(struct reads *reads)
{
    if (!uv_is_active((uv_handle_t *)&reads->sweep))
        uv_timer_start(&reads->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

/* Ends patience with the database: with an answer that does not come, and with a position, the look for which
 * may hang as well. */
static void on_sweep(uv_timer_t *timer)
{
    struct reads *reads = timer->data;
    int64_t now_us = clock_monotonic_us();

    LIST_FOR(node, &reads->waiting)
    {
        struct read *read = CONTAINER_OF(node, struct read, node);
        if (read->give_up_us > now_us)
            continue;
        list_remove(node);
        ask_there(read);
    }

    LIST_FOR(node, &reads->asked)
    {
        struct read *read = CONTAINER_OF(node, struct read, node);
        if (read->give_up_us > now_us)
            continue;
        list_remove(node);
        reads->resting_until_us = now_us + rest_us;
        metric_add(reads->hung, NULL, 1);
        on_read(inherit(read), -E_TIMEOUT);
    }
    if (list_empty(&reads->asked) && list_empty(&reads->waiting))
        uv_timer_stop(timer);
}

/* ---- waiting for a position ---- */

static bool is_current(const struct reads *reads, uint64_t wanted)
{
    return !wanted || (reads->seen && (reads->primary || reads->replayed >= wanted));
}

static void look_again(struct reads *reads, uint64_t ms);

static int work_look(struct db_conn *conn, void *job)
{
    struct reads *reads = job;

    return store_freshness(conn, &reads->fresh);
}

static void on_look(void *job, int status)
{
    struct reads *reads = job;

    reads->looking = false;
    reads->lag_ms = -1;
    if (status == 0) {
        int64_t lag_ms = reads->fresh.standby ? (reads->fresh.now_us - reads->fresh.as_of_us) / US_PER_MS : 0;
        reads->seen = true;
        reads->primary = !reads->fresh.standby;
        reads->replayed = reads->fresh.lsn;
        reads->lag_ms = lag_ms > 0 ? lag_ms : 0;
    }
    metric_set(reads->lag, NULL, (double)reads->lag_ms / 1000);
    LIST_FOR(node, &reads->waiting)
    {
        struct read *read = CONTAINER_OF(node, struct read, node);
        if (is_current(reads, read->wanted)) {
            list_remove(node);
            ask_here(read);
        } else if (status < 0) { /* else the sweep ends its patience */
            list_remove(node);
            ask_there(read);
        }
    }
    look_again(reads, list_empty(&reads->waiting) ? IDLE_LOOK_MS : LOOK_MS);
}

static void on_look_time(uv_timer_t *timer)
{
    struct reads *reads = timer->data;
    struct intake *intake = reads->intake;

    if (reads->looking || reads->stopped)
        return;
    reads->looking = true;
    if (!intake->db || !db_pool_ready(intake->db) ||
        db_pool_submit(intake->db, work_look, on_look, reads, clock_monotonic_us() + WAIT_MS * US_PER_MS) < 0)
        on_look(reads, -E_DB);
}

static void look_again(struct reads *reads, uint64_t ms)
{
    if (!reads->stopped)
        uv_timer_start(&reads->look, on_look_time, ms, 0);
}

static uint64_t wanted_by(struct reads *reads, const struct call *call)
{
    struct lru_key key;
    const uint64_t *wrote;

    if (!call->signed_in)
        return call->seen_lsn;
    key = lru_key_text(call->session.user_id);
    wrote = lru_get(reads->users, &key);
    return wrote && *wrote > call->seen_lsn ? *wrote : call->seen_lsn;
}

void read_document(struct call *call, const char *name, const char *const *args, size_t nargs, unsigned flags,
                   read_fn done)
{
    struct reads *reads = call->intake->reads;
    struct read *read = NEW(struct read);

    if (nargs > ARGS_MAX)
        abort(); /* a bug of ours */
    *read = (struct read){
        .reads = reads, .call = call, .name = name, .nargs = nargs, .flags = flags, .done = done};
    for (size_t i = 0; i < nargs; i++)
        read->args[i] = mem_str(args[i]);
    read->session = call->session;
    store_session_principal(&read->session, &read->principal);
    read->wanted = wanted_by(reads, call);
    if (flags & (READ_AUTHORITY | READ_ONLY_AUTHORITY)) {
        ask_there(read);
    } else if (is_current(reads, read->wanted)) {
        ask_here(read);
    } else if (reads->stopped || !reads->intake->db || !db_pool_ready(reads->intake->db)) {
        ask_there(read);
    } else {
        metric_add(reads->waits, NULL, 1);
        read->give_up_us = clock_monotonic_us() + WAIT_MS * US_PER_MS;
        list_append(&reads->waiting, &read->node);
        sweep_later(reads);
        look_again(reads, 0);
    }
}

void reads_note(struct reads *reads, const char *user_id, uint64_t lsn)
{
    struct lru_key key = lru_key_text(user_id);
    uint64_t *wrote = lru_put(reads->users, &key);

    if (lsn > *wrote)
        *wrote = lsn;
}

int64_t reads_lag_ms(const struct reads *reads)
{
    return reads->lag_ms;
}

struct reads *reads_new(struct intake *intake)
{
    struct reads *reads = NEW(struct reads);

    reads->intake = intake;
    reads->users = lru_new(sizeof(uint64_t), USERS_MAX, NULL, NULL);
    reads->lag_ms = -1;
    reads->waits = metric_counter("meridian_intake_read_waits_total",
                                  "Reads that waited for the database to replay a write.", NULL);
    reads->authority = metric_counter("meridian_intake_read_authority_total",
                                      "Reads that were asked of the authority.", NULL);
    reads->hung = metric_counter("meridian_intake_read_hung_total",
                                 "Reads that the region's database did not answer in time.", NULL);
    reads->lag = metric_gauge("meridian_intake_database_lag_seconds",
                              "Age of the region's database; -1 while it is away.", NULL);
    list_init(&reads->waiting);
    list_init(&reads->asked);
    uv_timer_init(intake->service->loop, &reads->look);
    uv_timer_init(intake->service->loop, &reads->sweep);
    reads->look.data = reads->sweep.data = reads;
    reads->handles = 2;
    look_again(reads, 0);
    return reads;
}

void reads_stop(struct reads *reads)
{
    struct list *node;

    reads->stopped = true;
    uv_timer_stop(&reads->look);
    uv_timer_stop(&reads->sweep);
    while ((node = list_pop(&reads->waiting)))
        finish(CONTAINER_OF(node, struct read, node), -E_UNAVAILABLE);
}

static void on_closed(uv_handle_t *handle)
{
    struct reads *reads = handle->data;

    if (--reads->handles)
        return;
    lru_free(reads->users);
    free(reads);
}

struct reads *reads_free(struct reads *reads)
{
    if (!reads)
        return NULL;
    uv_close((uv_handle_t *)&reads->look, on_closed);
    uv_close((uv_handle_t *)&reads->sweep, on_closed);
    return NULL;
}
