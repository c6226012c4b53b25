/* The position that a second region has flushed. Called by router.c after every commit; its own timer asks
 * the database while commits of this router are still on their way. The answer rides on every reply, so that
 * intake may drop what it spooled. Without a streaming standby the position stays where it was, and nothing
 * is dropped.
 */
#include "router/replication.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "router/state.h"
#include "router_sql.h"

enum { EVERY_MS = 50 };

struct question {
    struct router *router;
    uint64_t flushed;
    int64_t epoch;
};

static int ask(struct db_conn *conn, uint64_t *ret_flushed, int64_t *ret_epoch)
{
    _cleanup_result_ struct db_result result = {0};
    int r;

    *ret_flushed = 0;
    *ret_epoch = 0;
    r = db_exec(conn, &sql_router_replication_flushed, NULL, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) == 1)
        *ret_epoch = db_int(&result, 0, 1);
    if (db_rows(&result) == 1 && !db_is_null(&result, 0, 0))
        return lsn_parse(db_str(&result, 0, 0), ret_flushed);
    return 0;
}

static int question_work(struct db_conn *conn, void *arg)
{
    struct question *question = arg;

    return ask(conn, &question->flushed, &question->epoch);
}

static void question_done(void *arg, int status)
{
    struct question *question = arg;
    struct router *router = question->router;

    router->replication.asking = false;
    if (!status)
        router_saw_epoch(router, question->epoch);
    if (!status &&
        question->epoch == router->cluster_epoch) /* else of a primary that was replaced meanwhile */
        replication_flushed(&router->replication, question->flushed);
    free(question); /* a failure is no news: the next round asks again */
}

static void on_timer(uv_timer_t *timer)
{
    struct replication *self = timer->data;
    struct router *router = self->router;
    struct question *question;

    metric_set(router->metrics.replicated_age, NULL,
               self->behind_since_us ? (double)(clock_monotonic_us() - self->behind_since_us) / US_PER_S : 0);
    if (self->asking || self->wrote <= self->flushed || !db_pool_ready(router->pool))
        return;
    question = NEW(struct question);
    question->router = router;
    self->asking = true;
    if (db_pool_submit(router->pool, question_work, question_done, question,
                       clock_monotonic_us() + US_PER_S) < 0)
        question_done(question, -E_UNAVAILABLE);
}

void replication_open(struct replication *self, struct router *router, int standbys_expected)
{
    self->router = router;
    self->standbys_expected = standbys_expected;
    if (standbys_expected) {
        router_timer_init(router, &self->timer, on_timer, EVERY_MS);
        self->timer.data = self;
    }
}

void replication_close(struct replication *self)
{
    if (self->standbys_expected)
        router_timer_close(self->router, &self->timer);
}

void replication_wrote(struct replication *self, uint64_t lsn)
{
    if (lsn <= self->wrote)
        return;
    self->wrote = lsn;
    if (self->standbys_expected && lsn > self->flushed && !self->behind_since_us)
        self->behind_since_us = clock_monotonic_us();
}

void replication_flushed(struct replication *self, uint64_t lsn)
{
    if (lsn > self->flushed)
        self->flushed = lsn;
    if (self->flushed >= self->wrote)
        self->behind_since_us = 0;
}

void replication_forget(struct replication *self)
{
    self->wrote = self->flushed = 0;
    self->behind_since_us = 0;
}

static int replicated_work(struct db_conn *conn, struct job *job)
{
    int64_t epoch;
    int r = ask(conn, &job->flushed_lsn, &epoch);

    return r < 0 ? r : job_check_epoch(job, epoch);
}

static void replicated_finish(struct job *job, int status, Meridian__Reply *reply)
{
    (void)reply; /* every reply carries the position */
    if (!status && job->seen_epoch == job->router->cluster_epoch)
        replication_flushed(&job->router->replication, job->flushed_lsn);
}

const struct job_kind replicated_kind = {
    .name = "replicated", .repeatable = true, .work = replicated_work, .finish = replicated_finish};
