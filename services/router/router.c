/* Takes requests, gives them to the workers, answers, and spreads the news.
 *
 * Called by main.c and by tests; the bus calls router_on_request. What must stay true:
 * - every request is answered exactly once, also when the router closes;
 * - nothing is absorbed without bound: the workers' queue is bounded, and while the database is away requests
 * are refused at once;
 * - an answer and hints are given only after the commit: a hint that is lost or a caller that
 * is gone changes nothing. It deliberately knows nothing of tickets: each kind of request has a file of its
 * own, and the switch below is the only list of them.
 */
#include "router/router.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router/state.h"
#include "router_sql.h"
#include "store_sql.h"
#include <stdio.h>

enum { MAX_QUEUE = 1024, JANITOR_MS = 60 * 1000, SHIFT_END_MS = 1000, FEEDS_MS = 2000 };
#define DEFAULT_PATIENCE_US (10 * US_PER_S)
#define MOST_PATIENCE_US    (60 * US_PER_S)
#define DOWN_AT_ONCE_US     (US_PER_S) /* a reconnect within this time goes unnoticed */

static const struct job_kind *kind_of(const Meridian__Request *request)
{
    switch (request->body_case) {
    case MERIDIAN__REQUEST__BODY_SUBMIT:
        return &submit_kind;
    case MERIDIAN__REQUEST__BODY_COMMAND:
        return &command_kind;
    case MERIDIAN__REQUEST__BODY_CLAIM_NEXT:
        return &claim_next_kind;
    case MERIDIAN__REQUEST__BODY_SESSION_OPEN:
        return &session_open_kind;
    case MERIDIAN__REQUEST__BODY_SESSION_LOOKUP:
        return &session_lookup_kind;
    case MERIDIAN__REQUEST__BODY_SESSION_CLOSE:
        return &session_close_kind;
    case MERIDIAN__REQUEST__BODY_NUMBER_LEASE:
        return &number_lease_kind;
    case MERIDIAN__REQUEST__BODY_HEARTBEAT:
        return &heartbeat_kind;
    case MERIDIAN__REQUEST__BODY_READ:
        return &read_kind;
    case MERIDIAN__REQUEST__BODY_DEAD_LETTER_REPLAY:
        return &dead_letter_replay_kind;
    case MERIDIAN__REQUEST__BODY_REPLICATED:
        return &replicated_kind;
    case MERIDIAN__REQUEST__BODY_TIMER_DUE:
        return &timer_due_kind;
    case MERIDIAN__REQUEST__BODY_PLAN_APPLY:
        return &plan_apply_kind;
    case MERIDIAN__REQUEST__BODY_ORGANISATION_APPLY:
        return &org_apply_kind;
    case MERIDIAN__REQUEST__BODY_SHIFT_SWAP:
        return &shift_swap_kind;
    case MERIDIAN__REQUEST__BODY_PRESENCE:
        return &presence_kind;
    default: /* a newer sender's, or the notifier's */
        return NULL;
    }
}

/* ---- a request's way ---- */

static void send_reply(struct job *job, Meridian__Reply *reply)
{
    struct router *router = job->router;

    metric_observe(router->metrics.seconds, NULL,
                   (double)(clock_monotonic_us() - job->started_us) / US_PER_S);
    if (reply->status)
        metric_add(router->metrics.failures, error_info((int)reply->status)->slug, 1);
    metric_set(router->metrics.busy, NULL, --router->busy);
    job->answer(job->ctx, reply);
}

void router_pass_reply(struct job *job, const Meridian__Reply *reply)
{
    Meridian__Reply copy = *reply;

    send_reply(job, &copy);
    job_free(job);
}

void router_finish(struct job *job, int status)
{
    struct router *router = job->router;
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    reply.id = job->request->id;
    reply.status = (uint32_t)-status;
    if (job->out.json.n) {
        reply.has_json = true;
        reply.json = (ProtobufCBinaryData){job->out.json.n, (uint8_t *)job->out.json.p};
    }
    if (status && job->out.detail.n)
        reply.detail = job->out.detail.p;
    if (!status && job->lsn) {
        metric_add(router->metrics.commits, NULL, 1);
        replication_wrote(&router->replication, job->lsn);
        reply.has_lsn = true;
        reply.lsn = job->lsn;
    }
    if (job->conflict)
        metric_add(router->metrics.conflicts, NULL, 1);
    if (job->kind && job->kind->finish)
        job->kind->finish(job, status, &reply);
    if (router->cluster_epoch) { /* that of its commit, should another primary have been promoted since */
        reply.has_cluster_epoch = true;
        reply.cluster_epoch = (uint64_t)(job->seen_epoch ? job->seen_epoch : router->cluster_epoch);
    }
    if (router->replication.standbys_expected) {
        reply.has_replicated_lsn = true;
        reply.replicated_lsn = router->replication.flushed;
    }
    if (!status)
        hinting_add(&router->hinting, job); /* first: answering may free the request */
    if (!status && router->pool && (job->hints.changed || job->kind == &presence_kind))
        dispatcher_wake(&router->dispatcher);
    send_reply(job, &reply);
    job_free(job);
}

/* A failure of ours, to be looked into; not what a caller did wrong. */
static bool is_trouble(int status)
{
    switch (-status) {
    case E_INTERNAL:
    case E_DB:
    case E_DB_RETRY:
    case E_DB_UNCERTAIN:
    case E_STALE_PRIMARY:
        return true;
    default:
        return false;
    }
}

int router_run(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    int r;

    job_reset(job);
    r = job->kind->work(conn, job);
    if (r == -E_FORBIDDEN && strcmp(db_sqlstate(conn), "42501") == 0 && !job->out.detail.n)
        r = -E_INTERNAL; /* our role lacks a right: not the caller's fault */
    if (is_trouble(r)) {
        buf_add_text(&job->trouble, job->kind->name);
        buf_add_text(&job->trouble, ": ");
        buf_add_text(&job->trouble, job->out.detail.n ? job->out.detail.p : db_error_detail(conn));
    }
    return r < 0 ? r : 0;
}

/* The connection died while a commit was under way. Whatever became of it, the same request finds its own
 * traces by its key, so it runs once more, as long as somebody waits for it. True when it does. */
static bool repeats(struct job *job, int *status)
{
    struct router *router = job->router;

    if (*status == -E_DB_UNCERTAIN && job->kind->repeatable) {
        job->uncertain = true;
        if (!router->closing && clock_monotonic_us() < job->deadline_us) {
            metric_add(router->metrics.uncertain, NULL, 1);
            router_work(job);
            return true;
        }
    }
    /* That this try did not even start says nothing of the one before. */
    if (job->uncertain && (is_trouble(*status) || *status == -E_TIMEOUT || *status == -E_UNAVAILABLE))
        *status = -E_DB_UNCERTAIN;
    return false;
}

void router_worked(struct job *job, int status)
{
    struct router *router = job->router;
    bool sign_in = job->kind == &session_open_kind;

    if (repeats(job, &status))
        return;
    if (job->seen_epoch)
        router_saw_epoch(router, job->seen_epoch);
    if (is_trouble(status))
        router_complain(router, "a request failed", status, buf_text(&job->trouble));
    if (sign_in)
        session_open_end(router, job, status);
    router_finish(job, status);
    if (sign_in)
        session_open_next(router);
}

static void on_work_done(void *arg, int status)
{
    router_worked(arg, status);
}

void router_work(struct job *job)
{
    int r = db_pool_submit(job->router->pool, router_run, on_work_done, job, job->deadline_us);

    if (r < 0)
        router_worked(job, r);
}

/* True while the workers have been without a connection for longer than a moment. */
static bool database_away(const struct router *router)
{
    int64_t since = db_pool_down_since_us(router->pool);

    return since && clock_monotonic_us() - since > DOWN_AT_ONCE_US;
}

void router_dispatch(struct router *router, const Meridian__Request *request, router_answer_fn answer,
                     void *ctx)
{
    const struct job_kind *kind = kind_of(request);
    struct job *job = NEW(struct job);
    int64_t patience_us = request->has_timeout_ms ? request->timeout_ms * US_PER_MS : DEFAULT_PATIENCE_US;

    job->router = router;
    job->plans = router->plans;
    job->organisations = router->organisations;
    job->kind = kind;
    job->request = request;
    job->answer = answer;
    job->ctx = ctx;
    job->started_us = clock_monotonic_us();
    job->deadline_us = job->started_us + (patience_us < MOST_PATIENCE_US ? patience_us : MOST_PATIENCE_US);
    job->cluster_epoch = router->cluster_epoch;
    if (request->has_cluster_epoch && (int64_t)request->cluster_epoch > job->cluster_epoch)
        job->cluster_epoch = (int64_t)request->cluster_epoch;
    metric_add(router->metrics.requests, kind ? kind->name : "unknown", 1);
    metric_set(router->metrics.busy, NULL, ++router->busy);

    if (!router->pool) {
        forward_request(job);
    } else if (!kind) {
        outcome_refuse(&job->out, 0, "The router does not serve this kind of request");
        router_finish(job, -E_BAD_REQUEST);
    } else if (database_away(router)) {
        outcome_refuse(&job->out, 0, "The database is away");
        router_finish(job, -E_UNAVAILABLE);
    } else if (kind == &session_open_kind) {
        session_open_begin(job);
    } else if (kind == &claim_next_kind) {
        claim_groups_add(&router->claims, job);
    } else {
        router_work(job);
    }
}

static void answer_bus(void *ctx, Meridian__Reply *reply)
{
    bus_answer(ctx, reply);
}

void router_on_request(void *ctx, struct bus_request *request)
{
    router_dispatch(ctx, bus_request_message(request), answer_bus, request);
}

/* ---- shared by the files of this folder ---- */

void router_saw_epoch(struct router *router, int64_t epoch)
{
    if (epoch <= router->cluster_epoch)
        return;
    if (router->cluster_epoch) {
        log_warn("the cluster epoch rose: another primary was promoted", L_INT("from", router->cluster_epoch),
                 L_INT("to", epoch));
        replication_forget(&router->replication);
    }
    router->cluster_epoch = epoch;
}

void router_complain(struct router *router, const char *what, int failure, const char *detail)
{
    int64_t now = clock_monotonic_us();

    if (router->complained_us && now - router->complained_us < US_PER_S) {
        router->unsaid++;
        return;
    }
    log_warn(what, L_ERROR(failure), L_TEXT("detail", detail), L_INT("others_not_logged", router->unsaid));
    router->complained_us = now;
    router->unsaid = 0;
}

static void free_when_closed(struct router *router)
{
    if (router->closing && !router->handles)
        free(router);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct router *router = uv_handle_get_data(handle);

    router->handles--;
    free_when_closed(router);
}

void router_timer_init(struct router *router, uv_timer_t *timer, uv_timer_cb callback, uint64_t every_ms)
{
    uv_timer_init(router->loop, timer);
    router->handles++;
    if (callback)
        uv_timer_start(timer, callback, every_ms, every_ms);
}

void router_timer_close(struct router *router, uv_timer_t *timer)
{
    uv_handle_set_data((uv_handle_t *)timer, router);
    uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* ---- life ---- */

static void make_metrics(struct router *router)
{
    router->metrics.requests =
        metric_counter("meridian_router_requests_total", "Requests taken, by kind.", "kind");
    router->metrics.failures = metric_counter("meridian_router_failures_total",
                                              "Requests answered with a failure, by problem.", "problem");
    router->metrics.seconds = metric_histogram("meridian_router_request_seconds",
                                               "Time from taking a request to its answer.", NULL);
    router->metrics.commits =
        metric_counter("meridian_router_commits_total", "Transactions committed for requests.", NULL);
    router->metrics.conflicts = metric_counter(
        "meridian_router_conflicts_total", "Requests that found that somebody had been there first.", NULL);
    router->metrics.uncertain =
        metric_counter("meridian_router_uncertain_total",
                       "Commits whose answer was lost; the request was repeated by its key.", NULL);
    router->metrics.dispatched =
        metric_counter("meridian_router_dispatched_total", "Tickets that were offered or assigned.", NULL);
    router->metrics.busy =
        metric_gauge("meridian_router_requests_in_hand", "Requests taken and not yet answered.", NULL);
    router->metrics.replicated_age =
        metric_gauge("meridian_router_unreplicated_seconds",
                     "Age of the oldest commit that no second region has flushed.", NULL);
}

static int open_authority(struct router *router, const struct router_options *options)
{
    static const struct db_statement *const *const lists[] = {sql_router_all, sql_store_all, NULL};
    struct db_pool_options pool = {
        .loop = options->loop,
        .conninfo = options->conninfo,
        .application = options->instance,
        .lists = lists,
        .workers = options->db_workers,
        .max_queue = MAX_QUEUE,
        .writable = true,
    };
    int r = db_pool_open(&pool, &router->pool);

    if (r < 0)
        return r;
    gate_init(&router->gate, options->db_workers / 4);
    replication_open(&router->replication, router, options->standbys_expected);
    janitor_open(&router->janitor, router, options->janitor_ms ? options->janitor_ms : JANITOR_MS);
    shift_end_open(&router->shift_end, router, SHIFT_END_MS);
    dispatcher_open(&router->dispatcher, router);
    feeds_open(&router->feeds, router, FEEDS_MS);
    return 0;
}

static int open_warm(struct router *router, const struct router_options *options)
{
    static const char *const peers[] = {"router", NULL};

    if (!options->bus || !options->home || !options->home->urls || !options->home->urls[0])
        return -E_CONFIG;
    return bus_dial(options->bus, options->home, 1, peers, &router->home);
}

int router_open(const struct router_options *options, struct router **ret_router)
{
    struct router *router = NEW(struct router);
    bool authority = options->conninfo && options->conninfo[0];
    int r;

    router->loop = options->loop;
    router->bus = options->bus;
    router->region = options->region;
    router->instance = options->instance;
    router->plans = plan_book_new();
    router->organisations = org_book_new();
    make_metrics(router);
    r = authority ? open_authority(router, options) : open_warm(router, options);
    if (r < 0) {
        plan_book_free(router->plans);
        org_book_free(router->organisations);
        free(router);
        return r;
    }
    hinting_open(&router->hinting, router);
    claim_groups_open(&router->claims, router);
    *ret_router = router;
    return 0;
}

struct router *router_close(struct router *router)
{
    if (!router)
        return NULL;
    router->closing = true;
    if (router->pool) {
        session_open_next(router); /* refuses those that wait for their turn */
        claim_groups_close(&router->claims);
        router->pool = db_pool_close(router->pool);
        session_open_next(router);
        replication_close(&router->replication);
        janitor_close(&router->janitor);
        shift_end_close(&router->shift_end);
        feeds_close(&router->feeds);
        dispatcher_close(&router->dispatcher);
    }
    router->plans = plan_book_free(router->plans);
    router->organisations = org_book_free(router->organisations);
    hinting_close(&router->hinting);
    return NULL;
}

void router_not_ready(const struct router *router, struct buf *ret_reasons)
{
    if (router->pool && !db_pool_ready(router->pool))
        buf_add_text(ret_reasons, "database: no connection\n");
    if (router->home && !bus_connected(router->home))
        buf_add_text(ret_reasons, "home region: no router is connected\n");
}

void router_stats(const struct router *router, struct buf *ret_json)
{
    buf_printf(ret_json, "\"authority\":%s,\"in_hand\":%d", router->pool ? "true" : "false", router->busy);
    if (router->pool)
        buf_printf(ret_json, ",\"db_queue\":%d,\"cluster_epoch\":%lld", db_pool_depth(router->pool),
                   (long long)router->cluster_epoch);
    if (router->replication.standbys_expected)
        buf_printf(ret_json, ",\"unreplicated_ms\":%lld",
                   (long long)(router->replication.behind_since_us
                                   ? (clock_monotonic_us() - router->replication.behind_since_us) / US_PER_MS
                                   : 0));
}

int router_busy(const struct router *router)
{
    return router->busy;
}

bool router_is_authority(const struct router *router)
{
    return router->pool;
}
