/* The worker pool, seen from the loop: a bounded queue of jobs in, finished jobs out, and the watch over
 * both.
 *
 * Services submit from the loop thread; `done` runs on the loop thread, from one async handle that drains the
 * whole list of finished jobs. What must stay true:
 * - every accepted job gets exactly one `done`, whatever dies;
 * - nobody waits for ever: a timer, running only while there are jobs, expires those that wait and cuts the
 * socket of those that hang. The threads are in worker.c.
 */
#include "base/memory.h"
#include "db/worker.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include <meridian/errors.h>
#include <signal.h>
#include <sys/socket.h>

#define DEFAULT_DEADLINE_US   (10 * US_PER_S)
#define DEFAULT_HANG_GRACE_US (30 * US_PER_S)
enum { TICK_MS = 50 };

static struct {
    struct metric *jobs, *depth, *seconds, *repeats;
} metrics;

static void make_metrics(void)
{
    metrics.jobs = metric_counter("meridian_db_jobs_total", "Database jobs finished, by outcome.", "outcome");
    metrics.repeats =
        metric_counter("meridian_db_repeats_total", "Database jobs run again, by cause.", "cause");
    metrics.depth = metric_gauge("meridian_db_queue_depth", "Database jobs waiting for a worker.", "pool");
    metrics.seconds = metric_histogram("meridian_db_job_seconds",
                                       "Time of a database job from submission to its end.", NULL);
}

static void deliver(struct db_pool *pool)
{
    struct list done;

    list_init(&done);
    pthread_mutex_lock(&pool->lock);
    for (struct list *node; (node = list_pop(&pool->finished));)
        list_append(&done, node);
    metric_set(metrics.depth, pool->label, pool->depth);
    pthread_mutex_unlock(&pool->lock);
    for (struct list *node; (node = list_pop(&done));) {
        struct job *job = CONTAINER_OF(node, struct job, node);

        metric_add(metrics.jobs, job->status < 0 ? error_info(job->status)->slug : "ok", 1);
        metric_observe(metrics.seconds, NULL, (double)(clock_monotonic_us() - job->submitted_us) / US_PER_S);
        job->done(job->arg, job->status);
        free(job);
    }
}

static void on_wake(uv_async_t *wake)
{
    deliver(wake->data);
}

/* lock held. The worker's blocking call returns as if the peer had closed; only then does the worker close
 * the socket. */
static void cut(struct worker *worker)
{
    if (worker->fd >= 0)
        shutdown(worker->fd, SHUT_RDWR);
    worker->fd = -1;
}

static void on_tick(uv_timer_t *tick)
{
    struct db_pool *pool = tick->data;
    int64_t now = clock_monotonic_us();
    bool idle;

    pthread_mutex_lock(&pool->lock);
    LIST_FOR(node, &pool->waiting)
    {
        struct job *job = CONTAINER_OF(node, struct job, node);

        if (now > job->deadline_us) {
            list_remove(node);
            pool->depth--;
            db_pool_finish(pool, job, db_pool_expired(pool));
        }
    }
    for (int i = 0; i < pool->nworkers; i++) {
        struct worker *worker = &pool->workers[i];

        bool hangs = worker->job && now > worker->job->deadline_us + pool->hang_grace_us;
        bool half_open = !worker->ready && now > worker->since_us + pool->hang_grace_us;

        if (hangs || half_open)
            cut(worker);
    }
    idle = list_empty(&pool->waiting) && !pool->running && list_empty(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    if (idle) {
        pool->ticking = false;
        uv_timer_stop(tick);
    }
}

/* lock held. Only idle workers are in the list, so no signal is lost on a sleeper. */
static void wake_worker(struct db_pool *pool)
{
    struct list *node = list_pop(&pool->idle);

    if (node)
        pthread_cond_signal(&CONTAINER_OF(node, struct worker, node)->work);
}

int db_pool_submit(struct db_pool *pool, db_work_fn work, db_done_fn done, void *arg, int64_t deadline_us)
{
    int64_t now = clock_monotonic_us();
    struct job *job = NULL;

    pthread_mutex_lock(&pool->lock);
    if (!pool->closing && pool->depth < pool->max_queue) {
        job = NEW(struct job);
        *job = (struct job){.work = work,
                            .done = done,
                            .arg = arg,
                            .submitted_us = now,
                            .deadline_us = deadline_us ? deadline_us : now + DEFAULT_DEADLINE_US};
        list_append(&pool->waiting, &job->node);
        pool->depth++;
        metric_set(metrics.depth, pool->label, pool->depth);
        wake_worker(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!job)
        return -E_UNAVAILABLE;
    if (!pool->ticking) {
        pool->ticking = true;
        uv_timer_start(&pool->tick, on_tick, TICK_MS, TICK_MS);
    }
    return 0;
}

bool db_pool_ready(const struct db_pool *pool)
{
    return atomic_load(&pool->ready) > 0;
}

int db_pool_depth(const struct db_pool *pool)
{
    struct db_pool *mutable = (struct db_pool *)pool;
    int depth;

    pthread_mutex_lock(&mutable->lock);
    depth = pool->depth;
    pthread_mutex_unlock(&mutable->lock);
    return depth;
}

int64_t db_pool_down_since_us(const struct db_pool *pool)
{
    return atomic_load(&pool->down_since_us);
}

static void free_pool(struct db_pool *pool)
{
    for (int i = 0; i < pool->nworkers; i++) {
        db_conn_fini(&pool->workers[i].conn);
        pthread_cond_destroy(&pool->workers[i].work);
    }
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->lock);
    free((char *)pool->connect.conninfo);
    free((char *)pool->connect.application);
    free(pool);
}

static void on_closed(uv_handle_t *handle)
{
    struct db_pool *pool = handle->data;

    if (!--pool->handles)
        free_pool(pool);
}

/* Signals are the loop's business: a worker must not be the thread that gets SIGTERM. */
static void start_worker(struct db_pool *pool, int i)
{
    struct worker *worker = &pool->workers[i];
    sigset_t all, before;

    worker->pool = pool;
    worker->fd = -1;
    pthread_cond_init(&worker->work, NULL);
    db_conn_init(&worker->conn, &pool->connect);
    pool->alive++;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&worker->thread, NULL, db_worker_run, worker) != 0) {
        log_error("no thread for a database worker");
        abort(); /* at start-up, like out of memory */
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int db_pool_open(const struct db_pool_options *options, struct db_pool **ret_pool)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    _cleanup_buf_ struct buf reason = BUF_INIT;
    pthread_condattr_t monotonic;
    struct db_pool *pool;
    int r;

    r = db_conninfo_check(options->conninfo, &reason);
    if (r < 0) {
        log_error("unusable conninfo", L_STR("reason", buf_str(&reason)));
        return r;
    }
    pthread_once(&once, make_metrics);
    pool = mem_alloc(sizeof *pool + sizeof *pool->workers * (size_t)options->workers);
    pool->connect = (struct db_connect_options){.conninfo = mem_str(options->conninfo),
                                                .application = mem_str(options->application),
                                                .lists = options->lists,
                                                .writable = options->writable};
    pool->max_queue = options->max_queue;
    pool->hang_grace_us = options->hang_grace_us ? options->hang_grace_us : DEFAULT_HANG_GRACE_US;
    pool->repeats = metrics.repeats;
    pool->label = options->writable ? "primary" : "standby";
    pool->nworkers = options->workers;
    list_init(&pool->idle);
    list_init(&pool->waiting);
    list_init(&pool->finished);
    atomic_init(&pool->ready, 0);
    atomic_init(&pool->down_since_us, clock_monotonic_us());
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->end, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r = uv_async_init(options->loop, &pool->wake, on_wake);
    if (r < 0) {
        log_error("no wake-up handle for the database pool", L_TEXT("reason", uv_strerror(r)));
        free_pool(pool);
        return -E_IO;
    }
    uv_timer_init(options->loop, &pool->tick);
    pool->handles = 2;
    pool->wake.data = pool->tick.data = pool;
    uv_unref((uv_handle_t *)&pool->wake); /* an idle pool keeps no loop alive */
    for (int i = 0; i < pool->nworkers; i++)
        start_worker(pool, i);
    *ret_pool = pool;
    return 0;
}

struct db_pool *db_pool_close(struct db_pool *pool)
{
    struct timespec until;

    if (!pool)
        return NULL;
    until = db_timespec(clock_monotonic_us() + pool->hang_grace_us);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    for (int i = 0; i < pool->nworkers; i++)
        pthread_cond_signal(&pool->workers[i].work);
    pthread_cond_broadcast(&pool->end);
    for (struct list *node; (node = list_pop(&pool->waiting));) {
        pool->depth--;
        db_pool_finish(pool, CONTAINER_OF(node, struct job, node), -E_UNAVAILABLE);
    }
    while (pool->alive && pthread_cond_timedwait(&pool->end, &pool->lock, &until) == 0)
        continue;
    for (int i = 0; i < pool->nworkers; i++)
        cut(&pool->workers[i]);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->nworkers; i++)
        pthread_join(pool->workers[i].thread, NULL);
    deliver(pool);
    uv_timer_stop(&pool->tick);
    uv_close((uv_handle_t *)&pool->wake, on_closed);
    uv_close((uv_handle_t *)&pool->tick, on_closed);
    return NULL;
}
