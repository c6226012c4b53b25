/* The threads of the pool: a connection each, jobs taken one by one and run to their end with the repetitions
 * that are safe.
 *
 * Started and joined by pool.c. What must stay true:
 * - a worker takes a job only when its connection has everything prepared, so jobs wait (and expire) while
 * the server is away;
 * - a job is repeated only when nothing of it was committed: class 40, or a connection lost before the commit
 * left;
 * - a socket is published before anything can block on it and withdrawn before it is closed, so that the loop
 * can cut it off. A worker never ends by itself: it reconnects for ever, and tells about it once a minute.
 */
#include "db/worker.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include <meridian/errors.h>

enum { MAX_RUNS = 9 }; /* once, and eight repetitions */
#define RECONNECT_FIRST_US (50 * US_PER_MS)
#define RECONNECT_LAST_US  (2 * US_PER_S)
#define RETRY_FIRST_US     (2 * US_PER_MS)
#define RETRY_LAST_US      (200 * US_PER_MS)
#define LOG_AGAIN_US       (60 * US_PER_S)

static int64_t jittered(int64_t us)
{
    return us / 2 + (int64_t)(random_u64() % (uint64_t)(us / 2 + 1));
}

/* Sleeps unless the pool closes. True when the time passed. */
static bool pause_us(struct db_pool *pool, int64_t us)
{
    struct timespec until = db_timespec(clock_monotonic_us() + us);
    bool closing;

    pthread_mutex_lock(&pool->lock);
    while (!pool->closing && pthread_cond_timedwait(&pool->end, &pool->lock, &until) == 0)
        continue;
    closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    return !closing;
}

/* Tells the other threads which socket this worker blocks on, and whether its connection counts. */
static void publish(struct worker *worker, int fd, bool ready)
{
    struct db_pool *pool = worker->pool;
    int change = (int)ready - (int)worker->ready;

    pthread_mutex_lock(&pool->lock);
    worker->fd = fd;
    worker->ready = ready;
    worker->since_us = clock_monotonic_us();
    if (change) {
        int n = atomic_fetch_add(&pool->ready, change) + change;

        atomic_store(&pool->down_since_us, n ? 0 : clock_monotonic_us());
    }
    pthread_mutex_unlock(&pool->lock);
}

static void tell_failure(struct worker *worker, const char *reason)
{
    int64_t now = clock_monotonic_us();

    if (worker->logged_us && now - worker->logged_us < LOG_AGAIN_US)
        return;
    worker->logged_us = now;
    log_warn("no database connection", L_TEXT("reason", reason), L_TEXT("pool", worker->pool->label));
}

static bool connected(const struct worker *worker)
{
    return worker->conn.pg && !worker->conn.lost;
}

static void disconnect(struct worker *worker)
{
    if (!worker->conn.pg)
        return;
    publish(worker, -1, false); /* before the number may belong to another file */
    db_conn_disconnect(&worker->conn);
}

static bool connect_and_prepare(struct worker *worker, struct buf *ret_reason)
{
    if (db_conn_open(&worker->conn, ret_reason) < 0)
        return false;
    publish(worker, PQsocket(worker->conn.pg), false);
    if (db_conn_prepare_all(&worker->conn, ret_reason) < 0)
        return false;
    publish(worker, PQsocket(worker->conn.pg), true);
    return true;
}

/* Tries until it is connected, the pool closes or `deadline_us` passes (0: never). */
static bool reconnect(struct worker *worker, int64_t deadline_us)
{
    int64_t delay = RECONNECT_FIRST_US;

    disconnect(worker);
    for (;;) {
        _cleanup_buf_ struct buf reason = BUF_INIT;
        int64_t wait;

        if (connect_and_prepare(worker, &reason)) {
            if (worker->logged_us)
                log_info("database connected", L_TEXT("pool", worker->pool->label));
            worker->logged_us = 0;
            return true;
        }
        disconnect(worker);
        tell_failure(worker, buf_text(&reason));
        wait = jittered(delay);
        if (deadline_us && clock_monotonic_us() + wait > deadline_us)
            return false;
        if (!pause_us(worker->pool, wait))
            return false;
        delay = delay * 2 < RECONNECT_LAST_US ? delay * 2 : RECONNECT_LAST_US;
    }
}

static bool is_closing(struct db_pool *pool)
{
    bool closing;

    pthread_mutex_lock(&pool->lock);
    closing = pool->closing;
    pthread_mutex_unlock(&pool->lock);
    return closing;
}

/* Runs a job to its end, with the repetitions that are safe. */
static int run_job(struct worker *worker, struct job *job)
{
    struct db_conn *conn = &worker->conn;
    int64_t delay = RETRY_FIRST_US;
    int status = -E_DB;

    for (int run = 1; run <= MAX_RUNS; run++) {
        bool broken;

        if (!db_conn_start(conn) && !(reconnect(worker, job->deadline_us) && db_conn_start(conn)))
            return status;
        status = job->work(conn, job->arg);
        db_rollback(conn);
        broken = status == -E_DB && conn->lost && !conn->uncertain;
        if (!broken && status != -E_DB_RETRY)
            return status;
        if (run == MAX_RUNS || is_closing(worker->pool))
            return status;
        metric_add(worker->pool->repeats, broken ? "connection" : "conflict", 1);
        if (!broken) {
            int64_t wait = jittered(delay);

            if (clock_monotonic_us() + wait > job->deadline_us || !pause_us(worker->pool, wait))
                return status;
            delay = delay * 2 < RETRY_LAST_US ? delay * 2 : RETRY_LAST_US;
        }
    }
    return status;
}

void db_pool_finish(struct db_pool *pool, struct job *job, int status)
{
    job->status = status;
    list_append(&pool->finished, &job->node);
    if (!pool->closing) /* db_pool_close delivers by itself */
        uv_async_send(&pool->wake);
}

int db_pool_expired(const struct db_pool *pool)
{
    return atomic_load(&pool->ready) > 0 ? -E_TIMEOUT : -E_DB;
}

/* Waits for a job; NULL when the pool closes or the connection wants a look. */
static struct job *take_job(struct worker *worker)
{
    struct db_pool *pool = worker->pool;
    struct job *job = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->closing && list_empty(&pool->waiting)) {
        list_append(pool->idle.next, &worker->node); /* in front */
        pthread_cond_wait(&worker->work, &pool->lock);
        list_remove(&worker->node);
    }
    while (!pool->closing && !job) {
        struct list *node = list_pop(&pool->waiting);

        if (!node)
            break;
        job = CONTAINER_OF(node, struct job, node);
        pool->depth--;
        if (clock_monotonic_us() > job->deadline_us) {
            db_pool_finish(pool, job, db_pool_expired(pool));
            job = NULL;
        }
    }
    if (job) {
        worker->job = job;
        pool->running++;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

void *db_worker_run(void *arg)
{
    struct worker *worker = arg;
    struct db_pool *pool = worker->pool;

    while (!is_closing(pool)) {
        struct job *job;
        int status;

        if (!connected(worker) && !reconnect(worker, 0))
            break;
        job = take_job(worker);
        if (!job)
            continue;
        status = run_job(worker, job);
        if (!connected(worker))
            disconnect(worker);
        pthread_mutex_lock(&pool->lock);
        worker->job = NULL;
        pool->running--;
        db_pool_finish(pool, job, status);
        pthread_mutex_unlock(&pool->lock);
    }
    disconnect(worker);
    pthread_mutex_lock(&pool->lock);
    pool->alive--;
    pthread_cond_broadcast(&pool->end);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}
