/* What the loop's half of the pool (pool.c) and the threads' half (worker.c) share; for these two files only.
 *
 * `lock` guards everything that two threads touch; it is never held across a call to PostgreSQL or to a job.
 */
#pragma once
#include "base/clock.h"
#include "base/list.h"
#include "db/conn.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct metric;

struct job {
    struct list node; /* in pool->waiting, then in pool->finished */
    db_work_fn work;
    db_done_fn done;
    void *arg;
    int64_t submitted_us, deadline_us;
    int status;
};

struct worker {
    struct list node; /* lock: in pool->idle while it waits for a job */
    struct db_pool *pool;
    pthread_t thread;
    pthread_cond_t work; /* a job waits, or the pool closes */
    struct db_conn conn; /* the worker's alone */
    int64_t logged_us;   /* when this worker last told about a failed connect; 0: connected since */
    struct job *job;     /* lock: running now, or NULL */
    int fd;              /* lock: socket of the connection, -1 without one or when it was cut */
    bool ready;          /* lock: counted in pool->ready */
    int64_t since_us;    /* lock: when fd and ready were set */
};

struct db_pool {
    uv_async_t wake;
    uv_timer_t tick;
    bool ticking;                      /* loop thread */
    int handles;                       /* open loop handles; the pool is freed with the last */
    struct db_connect_options connect; /* owned texts */
    int max_queue;
    int64_t hang_grace_us;
    const char *label; /* of the queue gauge */
    struct metric *repeats;

    pthread_mutex_t lock;
    pthread_cond_t end; /* closing, or a worker has ended; monotonic clock */
    struct list idle;   /* workers, who worked last first: its session has plans and caches in hand */
    struct list waiting, finished;
    int depth; /* jobs in waiting */
    int running;
    int alive; /* worker threads */
    bool closing;

    atomic_int ready; /* workers connected and prepared */
    atomic_llong down_since_us;
    int nworkers;
    struct worker workers[];
};

static inline struct timespec db_timespec(int64_t us)
{
    return (struct timespec){.tv_sec = (time_t)(us / US_PER_S), .tv_nsec = (long)(us % US_PER_S) * 1000};
}

/** The thread; takes a struct worker. Ends when the pool closes. */
void *db_worker_run(void *worker);
/** Puts an ended job on its way back to the loop. Lock held. */
void db_pool_finish(struct db_pool *pool, struct job *job, int status);
/** How a job ends that was never started. Lock held. */
int db_pool_expired(const struct db_pool *pool);
