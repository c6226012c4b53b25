/* The pool: what is repeated and what never, queue, deadlines, reconnecting, closing. Real servers, stopped
 * and cut for real. */
#include "base/clock.h"
#include "base/memory.h"
#include "harness.h"
#include "metrics/metrics.h"
#include "proxy.h"
#include <criterion/criterion.h>
#include <meridian/errors.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define S(id, text) static const struct db_statement id = {.name = #id, .sql = text}

S(p_insert, "INSERT INTO t_row (id) VALUES ($1)");
S(p_bump, "UPDATE t_row SET n = n + 1 WHERE id = $1");
S(p_repeatable, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
S(p_read, "SELECT n FROM t_row WHERE id = $1");
S(p_kill_me, "SELECT pg_terminate_backend(pg_backend_pid())");
S(p_conflict, "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$");
S(p_pid, "SELECT pg_backend_pid()");
S(p_one, "SELECT 1");

static const struct db_statement *const statements[] = {&p_insert,  &p_bump,     &p_repeatable, &p_read,
                                                        &p_kill_me, &p_conflict, &p_pid,        NULL};
static const struct db_statement *const *const lists[] = {statements, NULL};
static const struct db_statement *const plain[] = {&p_one, &p_kill_me, NULL}; /* need no table */
static const struct db_statement *const *const plain_lists[] = {plain, NULL};

static struct test_db *db;
static uv_loop_t loop;

static void setup(void)
{
    db = test_db_new();
    test_db_run(db, "CREATE TABLE t_row (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO t_row "
                    "VALUES (1), (2)");
    test_loop_init(&loop);
}

static void teardown(void)
{
    test_loop_close(&loop);
    test_db_free(db);
}

TestSuite(pool, .init = setup, .fini = teardown);

static int with_id(struct db_conn *conn, const struct db_statement *statement, int64_t id,
                   struct db_result *ret_result)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_int(&params, id);
    return db_exec(conn, statement, &params, ret_result);
}

/* ---- a job of any kind: what it does is in `steps` ---- */

struct job {
    int runs;
    int64_t id;
    pthread_barrier_t *meet; /* on the first run, after the first statement */
    int status;
    atomic_bool done;
};

static void on_done(void *arg, int status)
{
    struct job *job = arg;

    cr_assert_not(job->done, "done twice");
    job->status = status;
    job->done = true;
}

static bool is_done(void *arg)
{
    return ((struct job *)arg)->done;
}

static bool is_ready(void *pool)
{
    return db_pool_ready(pool);
}

static bool is_down(void *pool)
{
    return !db_pool_ready(pool);
}

static struct db_pool *open_pool(const char *conninfo, const struct db_pool_options *changes)
{
    struct db_pool_options options = *changes;
    struct db_pool *pool = NULL;

    options.loop = &loop;
    options.conninfo = conninfo;
    options.application = "test";
    cr_assert_eq(db_pool_open(&options, &pool), 0);
    return pool;
}

/* ---- repetitions ---- */

/* Both lock their own row, meet, then want the other's. */
static int deadlock_work(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    int r = db_begin(conn);

    job->runs++;
    if (!r)
        r = with_id(conn, &p_bump, job->id, NULL);
    if (job->runs == 1)
        pthread_barrier_wait(job->meet);
    if (!r)
        r = with_id(conn, &p_bump, 3 - job->id, NULL);
    return r < 0 ? r : db_commit(conn, NULL);
}

/* Both read under one snapshot, meet, then write the same row. */
static int conflict_work(struct db_conn *conn, void *arg)
{
    _cleanup_result_ struct db_result result = {0};
    struct job *job = arg;
    int r = db_begin(conn);

    job->runs++;
    if (!r)
        r = db_exec(conn, &p_repeatable, NULL, NULL);
    if (!r)
        r = with_id(conn, &p_read, 1, &result);
    if (job->runs == 1)
        pthread_barrier_wait(job->meet);
    if (!r)
        r = with_id(conn, &p_bump, 1, NULL);
    return r < 0 ? r : db_commit(conn, NULL);
}

static void run_two(db_work_fn work)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 2);
    pthread_barrier_t meet;
    struct job a = {.id = 1, .meet = &meet}, b = {.id = 2, .meet = &meet};

    pthread_barrier_init(&meet, NULL, 2);
    cr_assert_eq(db_pool_submit(pool, work, on_done, &a, 0), 0);
    cr_assert_eq(db_pool_submit(pool, work, on_done, &b, 0), 0);
    test_loop_until(&loop, is_done, &a, 30000);
    test_loop_until(&loop, is_done, &b, 30000);
    cr_assert_eq(a.status, 0);
    cr_assert_eq(b.status, 0);
    cr_assert_geq(a.runs + b.runs, 3, "one of them was repeated");
    db_pool_close(pool);
    pthread_barrier_destroy(&meet);
}

Test(pool, a_deadlock_is_repeated)
{
    run_two(deadlock_work);
    cr_assert_eq(test_db_int(db, "SELECT sum(n) FROM t_row"), 4);
}

Test(pool, a_serialisation_failure_is_repeated)
{
    run_two(conflict_work);
    cr_assert_eq(test_db_int(db, "SELECT n FROM t_row WHERE id = 1"), 2);
}

static int always_conflict(struct db_conn *conn, void *arg)
{
    ((struct job *)arg)->runs++;
    return db_exec(conn, &p_conflict, NULL, NULL);
}

Test(pool, repetitions_end)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    struct job job = {0}, hasty = {0};

    cr_assert_eq(test_db_call(&loop, pool, always_conflict, &job), -E_DB_RETRY);
    cr_assert_eq(job.runs, 9);
    cr_assert_eq(db_pool_submit(pool, always_conflict, on_done, &hasty, clock_monotonic_us() + 20000), 0);
    test_loop_until(&loop, is_done, &hasty, 10000);
    cr_assert_lt(hasty.status, 0);
    cr_assert_lt(hasty.runs, 9, "the deadline ends them too");
    db_pool_close(pool);
}

/* The server ends the session in the middle of the transaction, once. */
static int killed_before_commit(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    int r = db_begin(conn);

    if (!r)
        r = with_id(conn, &p_insert, 10, NULL);
    if (!r && job->runs++ == 0)
        r = db_exec(conn, &p_kill_me, NULL, NULL);
    return r < 0 ? r : db_commit(conn, NULL);
}

Test(pool, a_connection_lost_before_the_commit_is_repeated)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    struct job job = {0};

    cr_assert_eq(test_db_call(&loop, pool, killed_before_commit, &job), 0);
    cr_assert_eq(job.runs, 2);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM t_row WHERE id = 10"), 1);
    db_pool_close(pool);
}

/* ---- uncertainty ---- */

static int insert_in_transaction(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    int r = db_begin(conn);

    job->runs++;
    if (!r)
        r = with_id(conn, &p_insert, job->id, NULL);
    return r < 0 ? r : db_commit(conn, NULL);
}

static int insert_in_transaction_lsn(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    uint64_t lsn;
    int r = db_begin(conn);

    job->runs++;
    if (!r)
        r = with_id(conn, &p_insert, job->id, NULL);
    return r < 0 ? r : db_commit(conn, &lsn);
}

static int insert_alone(struct db_conn *conn, void *arg)
{
    struct job *job = arg;

    job->runs++;
    return with_id(conn, &p_insert, job->id, NULL);
}

static int insert_alone_lsn(struct db_conn *conn, void *arg)
{
    _cleanup_params_ struct db_params params = {0};
    struct job *job = arg;
    uint64_t lsn;

    job->runs++;
    db_param_int(&params, job->id);
    return db_exec_lsn(conn, &p_insert, &params, NULL, &lsn);
}

static int read_alone(struct db_conn *conn, void *arg)
{
    _cleanup_result_ struct db_result result = {0};
    struct job *job = arg;

    job->runs++;
    return with_id(conn, &p_read, 1, &result);
}

static int read_in_transaction(struct db_conn *conn, void *arg)
{
    _cleanup_result_ struct db_result result = {0};
    struct job *job = arg;
    int r = db_begin_read(conn);

    job->runs++;
    if (!r)
        r = with_id(conn, &p_read, 1, &result);
    return r < 0 ? r : db_commit(conn, NULL);
}

/* Runs `work` through a relay that cuts at `word`; tells whether the row is there afterwards. */
static void run_cut(db_work_fn work, bool writable, const char *word, enum proxy_cut cut, struct job *job)
{
    struct proxy *proxy = proxy_new(getenv("MERIDIAN_TEST_PG"));
    const char *name = strstr(test_db_conninfo(db, NULL), "dbname=");
    _cleanup_(freep) char *conninfo = mem_printf("host=%s user=postgres %s", proxy_dir(proxy), name);
    struct db_pool *pool = open_pool(
        conninfo,
        &(struct db_pool_options){.lists = lists, .workers = 1, .max_queue = 10, .writable = writable});

    test_loop_until(&loop, is_ready, pool, 20000);
    proxy_arm(proxy, cut, word);
    cr_assert_eq(db_pool_submit(pool, work, on_done, job, 0), 0);
    test_loop_until(&loop, is_done, job, 30000);
    db_pool_close(pool);
    proxy_free(proxy);
}

static int64_t rows_with(int64_t id)
{
    char sql[80];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM t_row WHERE id = %lld", (long long)id);
    return test_db_int(db, sql);
}

Test(pool, a_commit_without_answer_is_uncertain)
{
    static const db_work_fn works[] = {insert_in_transaction, insert_in_transaction_lsn};

    for (int i = 0; i < 4; i++) {
        struct job job = {.id = 100 + i};

        run_cut(works[i / 2], true, "db_commit", i % 2 ? CUT_AFTER : CUT_BEFORE, &job);
        cr_assert_eq(job.status, -E_DB_UNCERTAIN, "case %d: %d", i, job.status);
        cr_assert_eq(job.runs, 1, "never repeated");
        cr_assert_eq(rows_with(job.id), i % 2, "the work cannot know, but it is so");
    }
}

Test(pool, a_lone_statement_without_answer_is_uncertain)
{
    static const db_work_fn works[] = {insert_alone, insert_alone_lsn};

    for (int i = 0; i < 4; i++) {
        struct job job = {.id = 200 + i};

        run_cut(works[i / 2], true, "p_insert", i % 2 ? CUT_AFTER : CUT_BEFORE, &job);
        cr_assert_eq(job.status, -E_DB_UNCERTAIN, "case %d: %d", i, job.status);
        cr_assert_eq(job.runs, 1);
        cr_assert_eq(rows_with(job.id), i % 2);
    }
}

Test(pool, before_the_commit_left_nothing_is_uncertain)
{
    for (int i = 0; i < 2; i++) {
        struct job job = {.id = 300 + i};

        run_cut(insert_in_transaction, true, "p_insert", i ? CUT_AFTER : CUT_BEFORE, &job);
        cr_assert_eq(job.status, 0);
        cr_assert_eq(job.runs, 2);
        cr_assert_eq(rows_with(job.id), 1);
    }
}

Test(pool, reading_is_never_uncertain)
{
    struct job alone = {0}, whole = {0}, on_primary = {0};

    run_cut(read_alone, false, "p_read", CUT_AFTER, &alone);
    cr_assert_eq(alone.status, 0);
    cr_assert_eq(alone.runs, 2);
    run_cut(read_in_transaction, false, "db_commit", CUT_AFTER, &whole);
    cr_assert_eq(whole.status, 0);
    cr_assert_eq(whole.runs, 2);
    run_cut(read_in_transaction, true, "db_commit", CUT_AFTER, &on_primary);
    cr_assert_eq(on_primary.status, 0);
    cr_assert_eq(on_primary.runs, 2);
}

Test(pool, a_session_ended_while_idle_harms_nobody)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    struct job job = {.id = 400};

    cr_assert_eq(test_db_call(&loop, pool, read_alone, &job), 0);
    test_db_run(db, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
                    "current_database() AND application_name = 'test'");
    cr_assert_eq(test_db_call(&loop, pool, insert_alone, &job), 0,
                 "the good-bye is found before the statement leaves");
    db_pool_close(pool);
}

static int tell_pid(struct db_conn *conn, void *arg)
{
    _cleanup_result_ struct db_result result = {0};
    struct job *job = arg;
    int r = db_exec(conn, &p_pid, NULL, &result);

    if (r == 0)
        job->id = db_int(&result, 0, 0);
    return r;
}

/* A session that has just worked has its plans and caches in hand. Not always: it may be late for the queue.
 */
Test(pool, who_worked_last_works_next)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 4);
    struct job job = {0};
    int64_t before = 0;
    int changes = 0;

    for (int i = 0; i < 60; i++) {
        cr_assert_eq(test_db_call(&loop, pool, tell_pid, &job), 0);
        changes += job.id != before;
        before = job.id;
    }
    cr_expect_lt(changes, 30, "%d of 60 went to another session", changes);
    db_pool_close(pool);
}

/* ---- statements and plans ---- */

Test(pool, a_bad_statement_keeps_the_pool_from_being_ready)
{
    static const struct db_statement bad = {.name = "p_bad", .sql = "SELECT x FROM t_later"};
    static const struct db_statement *const all[] = {&bad, NULL};
    static const struct db_statement *const *const with_bad[] = {all, NULL};
    struct db_pool *pool = open_pool(
        test_db_conninfo(db, NULL),
        &(struct db_pool_options){.lists = with_bad, .workers = 1, .max_queue = 10, .writable = true});
    struct job job = {0};

    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &job, clock_monotonic_us() + 300000), 0);
    test_loop_until(&loop, is_done, &job, 10000);
    cr_assert_eq(job.status, -E_DB);
    cr_assert_eq(job.runs, 0);
    cr_assert_not(db_pool_ready(pool));
    cr_assert_gt(db_pool_down_since_us(pool), 0);
    test_db_run(db, "CREATE TABLE t_later (x int)");
    test_loop_until(&loop, is_ready, pool, 20000);
    cr_assert_eq(db_pool_down_since_us(pool), 0);
    db_pool_close(pool);
}

static const struct db_statement p_star = {.name = "p_star", .sql = "SELECT * FROM t_wide"};

static int read_star(struct db_conn *conn, void *arg)
{
    ((struct job *)arg)->runs++;
    return db_exec(conn, &p_star, NULL, NULL);
}

Test(pool, a_migration_under_a_prepared_statement_reconnects)
{
    static const struct db_statement *const all[] = {&p_star, NULL};
    static const struct db_statement *const *const star_lists[] = {all, NULL};
    struct job job = {0};
    struct db_pool *pool;

    test_db_run(db, "CREATE TABLE t_wide (a int)");
    pool = test_db_pool(db, &loop, NULL, star_lists, 1);
    cr_assert_eq(test_db_call(&loop, pool, read_star, &job), 0);
    test_db_run(db, "ALTER TABLE t_wide ADD COLUMN b int");
    cr_assert_eq(test_db_call(&loop, pool, read_star, &job), 0);
    cr_assert_eq(job.runs, 3);
    db_pool_close(pool);
}

/* ---- queue, deadlines, closing ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside;
    bool open;
};

static struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

static int wait_at_gate(struct db_conn *conn, void *arg)
{
    (void)conn;
    ((struct job *)arg)->runs++;
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    while (!gate.open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
    return 0;
}

static bool somebody_inside(void *arg)
{
    bool inside;

    (void)arg;
    pthread_mutex_lock(&gate.lock);
    inside = gate.inside > 0;
    pthread_mutex_unlock(&gate.lock);
    return inside;
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void *open_gate_later(void *pool)
{
    /* The pool refuses new work as soon as it closes; there is nothing else to see from outside, so the gate
     * opens once it is asked. */
    (void)pool;
    open_gate();
    return NULL;
}

Test(pool, a_full_queue_refuses_and_a_deadline_passes_in_it)
{
    struct db_pool *pool =
        open_pool(test_db_conninfo(db, NULL),
                  &(struct db_pool_options){.lists = lists, .workers = 1, .max_queue = 2, .writable = true});
    struct job held = {0}, late = {0}, patient = {0}, refused = {0};

    test_loop_until(&loop, is_ready, pool, 20000);
    cr_assert_eq(db_pool_submit(pool, wait_at_gate, on_done, &held, 0), 0);
    test_loop_until(&loop, somebody_inside, NULL, 10000);
    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &late, clock_monotonic_us() + 100000), 0);
    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &patient, 0), 0);
    cr_assert_eq(db_pool_depth(pool), 2);
    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &refused, 0), -E_UNAVAILABLE);
    test_loop_until(&loop, is_done, &late, 10000);
    cr_assert_eq(late.status, -E_TIMEOUT);
    cr_assert_eq(late.runs, 0);
    cr_assert_not(patient.done);
    open_gate();
    test_loop_until(&loop, is_done, &patient, 10000);
    cr_assert_eq(patient.status, 0);
    cr_assert_eq(held.status, 0);
    cr_assert_eq(db_pool_depth(pool), 0);
    db_pool_close(pool);
    cr_assert_not(refused.done);
}

Test(pool, closing_finishes_what_runs_and_fails_what_waits)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    struct job running = {0}, waiting[20] = {0};
    pthread_t opener;

    cr_assert_eq(db_pool_submit(pool, wait_at_gate, on_done, &running, 0), 0);
    test_loop_until(&loop, somebody_inside, NULL, 10000);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &waiting[i], 0), 0);
    cr_assert_eq(pthread_create(&opener, NULL, open_gate_later, pool), 0);
    db_pool_close(pool);
    pthread_join(opener, NULL);
    cr_assert(running.done);
    cr_assert_eq(running.status, 0);
    for (int i = 0; i < 20; i++) {
        cr_assert(waiting[i].done);
        cr_assert(waiting[i].status == -E_UNAVAILABLE || (waiting[i].status == 0 && waiting[i].runs == 1));
    }
}

Test(pool, closing_without_a_server_is_quick)
{
    struct db_pool *pool =
        open_pool("host=/nowhere user=x dbname=x",
                  &(struct db_pool_options){.lists = lists, .workers = 3, .max_queue = 10});
    struct job job = {0};
    int64_t start = clock_monotonic_us();

    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &job, 0), 0);
    cr_assert_null(db_pool_close(pool));
    cr_assert(job.done);
    cr_assert_eq(job.status, -E_UNAVAILABLE);
    cr_assert_lt(clock_monotonic_us() - start, 2 * US_PER_S);
    cr_assert_null(db_pool_close(NULL));
}

Test(pool, an_unusable_conninfo_is_told_at_once)
{
    struct db_pool *pool = NULL;

    cr_assert_eq(
        db_pool_open(&(struct db_pool_options){.loop = &loop, .conninfo = "nonsense=1", .workers = 1}, &pool),
        -E_CONFIG);
}

static int leave_open(struct db_conn *conn, void *arg)
{
    struct job *job = arg;
    int r = db_begin(conn);

    return r < 0 ? r : with_id(conn, &p_insert, job->id, NULL);
}

Test(pool, a_transaction_left_open_is_rolled_back)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    struct job job = {.id = 500};

    cr_assert_eq(test_db_call(&loop, pool, leave_open, &job), 0);
    cr_assert_eq(rows_with(500), 0);
    cr_assert_eq(test_db_call(&loop, pool, insert_in_transaction, &job), 0);
    cr_assert_eq(rows_with(500), 1);
    db_pool_close(pool);
}

/* ---- a server that goes away ---- */

static int one(struct db_conn *conn, void *arg)
{
    ((struct job *)arg)->runs++;
    return db_exec(conn, &p_one, NULL, NULL);
}

Test(pool, reconnects_when_the_server_comes_back)
{
    struct test_server *server = test_server_new();
    struct db_pool *pool = open_pool(
        test_server_conninfo(server),
        &(struct db_pool_options){.lists = plain_lists, .workers = 3, .max_queue = 10, .writable = true});
    struct job before = {0}, during = {0}, after = {0};

    test_loop_until(&loop, is_ready, pool, 20000);
    cr_assert_eq(test_db_call(&loop, pool, one, &before), 0);
    test_server_stop(server);
    cr_assert_eq(db_pool_submit(pool, one, on_done, &during, clock_monotonic_us() + 500000), 0);
    test_loop_until(&loop, is_done, &during, 10000);
    cr_assert_eq(during.status, -E_DB);
    test_server_start(server);
    cr_assert_eq(test_db_call(&loop, pool, one, &after), 0);
    db_pool_close(pool);
    test_server_free(server);
}

Test(pool, a_frozen_server_is_cut_off)
{
    struct test_server *server = test_server_new();
    struct db_pool *pool = open_pool(
        test_server_conninfo(server),
        &(struct db_pool_options){
            .lists = plain_lists, .workers = 1, .max_queue = 10, .writable = true, .hang_grace_us = 200000});
    struct job hung = {0}, waiting = {0}, hung_at_close = {0};

    test_loop_until(&loop, is_ready, pool, 20000);
    test_server_freeze(server);
    cr_assert_eq(db_pool_submit(pool, one, on_done, &hung, clock_monotonic_us() + 200000), 0);
    cr_assert_eq(db_pool_submit(pool, one, on_done, &waiting, clock_monotonic_us() + 100000), 0);
    test_loop_until(&loop, is_done, &waiting, 5000);
    cr_assert_eq(waiting.status, -E_TIMEOUT, "the worker was busy, not away");
    test_loop_until(&loop, is_done, &hung, 5000);
    cr_assert_eq(hung.status, -E_DB_UNCERTAIN);
    test_loop_until(&loop, is_down, pool, 5000);
    test_server_thaw(server);
    test_loop_until(&loop, is_ready, pool, 20000);
    test_server_freeze(server);
    cr_assert_eq(db_pool_submit(pool, one, on_done, &hung_at_close, 0), 0);
    db_pool_close(pool); /* returns although nothing answers */
    cr_assert(hung_at_close.status == -E_DB_UNCERTAIN || hung_at_close.status == -E_UNAVAILABLE);
    test_server_thaw(server);
    test_server_free(server);
}

Test(pool, a_connection_that_hangs_while_it_prepares_is_cut_off)
{
    struct proxy *proxy = proxy_new(getenv("MERIDIAN_TEST_PG"));
    const char *name = strstr(test_db_conninfo(db, NULL), "dbname=");
    _cleanup_(freep) char *conninfo = mem_printf("host=%s user=postgres %s", proxy_dir(proxy), name);
    struct db_pool_options options = {
        .lists = lists, .workers = 1, .max_queue = 10, .writable = true, .hang_grace_us = 200000};
    struct job job = {0};
    struct db_pool *pool;

    proxy_arm(proxy, SWALLOW, "p_bump");
    pool = open_pool(conninfo, &options);
    cr_assert_eq(db_pool_submit(pool, read_alone, on_done, &job, 0), 0);
    test_loop_until(&loop, is_done, &job, 9000);
    cr_assert_eq(job.status, 0);
    db_pool_close(pool);
    proxy_free(proxy);
}

Test(pool, its_figures_are_told)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 1);
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct job job = {.id = 1};

    cr_assert_eq(test_db_call(&loop, pool, read_alone, &job), 0);
    cr_assert_eq(test_db_call(&loop, pool, always_conflict, &job), -E_DB_RETRY);
    cr_assert_eq(test_db_call(&loop, pool, insert_alone, &job), -E_CONFLICT);
    metrics_render(&text);
    cr_expect(strstr(buf_text(&text), "meridian_db_jobs_total{outcome=\"ok\"} 1\n"), "%s", buf_text(&text));
    cr_expect(strstr(buf_text(&text), "meridian_db_jobs_total{outcome=\"conflict\"} 1\n"));
    cr_expect(strstr(buf_text(&text), "meridian_db_jobs_total{outcome=\"database-retry\"} 1\n"));
    cr_expect(strstr(buf_text(&text), "meridian_db_repeats_total{cause=\"conflict\"} 8\n"));
    cr_expect(strstr(buf_text(&text), "meridian_db_queue_depth{pool=\"primary\"} 0\n"));
    cr_expect(strstr(buf_text(&text), "meridian_db_job_seconds_count 3\n"));
    db_pool_close(pool);
}

/* ---- everything at once ---- */

enum { STORM = 400 };

struct storm {
    struct job jobs[STORM];
    int finished;
};

static struct storm storm;

static void on_storm_done(void *arg, int status)
{
    on_done(arg, status);
    storm.finished++;
}

static bool storm_over(void *arg)
{
    (void)arg;
    return storm.finished == STORM;
}

static bool storm_goes_on(void *arg)
{
    return storm.finished >= *(int *)arg;
}

Test(pool, every_job_ends_once_while_sessions_die)
{
    struct db_pool *pool = test_db_pool(db, &loop, NULL, lists, 4);
    int uncertain = 0, ok = 0;

    for (int i = 0; i < STORM; i++) {
        storm.jobs[i].id = 1000 + i;
        cr_assert_eq(db_pool_submit(pool, i % 2 ? insert_in_transaction_lsn : insert_alone, on_storm_done,
                                    &storm.jobs[i], clock_monotonic_us() + 60 * US_PER_S),
                     0);
    }
    for (int next = 20; next < STORM - 20; next += 20) {
        test_loop_until(&loop, storm_goes_on, &next, 60000);
        test_db_run(db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                        "current_database() AND application_name = 'test'");
    }
    test_loop_until(&loop, storm_over, NULL, 60000);
    for (int i = 0; i < STORM; i++) {
        int64_t rows = rows_with(1000 + i);

        if (storm.jobs[i].status == 0) {
            ok++;
            cr_assert_eq(rows, 1);
        } else {
            uncertain++;
            cr_assert_eq(storm.jobs[i].status, -E_DB_UNCERTAIN, "job %d: %d", i, storm.jobs[i].status);
        }
    }
    cr_assert_gt(ok, STORM / 2, "%d ok, %d uncertain", ok, uncertain);
    db_pool_close(pool);
}
