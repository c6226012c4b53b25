/* See harness.h. The parent of the test processes starts the server in Criterion's PRE_ALL hook and leaves
 * its folder in the environment variable MERIDIAN_TEST_PG, where each test process finds it. The server
 * itself is kept by postgres-guard.sh, which lives on a pipe from us: whatever way this program ends, the
 * pipe closes, and the guard stops the server and removes its folder.
 */
#include "harness.h"
#include "base/clock.h"
#include "base/memory.h"
#include "store/migrate.h"
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_KEPT = 4096 };
#define PG_BIN "/usr/lib/postgresql/15/bin"

/* ---- servers ---- */

struct test_server {
    pid_t guard;
    FILE *to, *from; /* the guard's input and output */
    char dir[64];
    char conninfo[128];
};

static void die(const char *what)
{
    fprintf(stderr, "database test harness: %s\n", what);
    abort();
}

static void command(struct test_server *server, const char *word)
{
    char answer[32];

    fprintf(server->to, "%s\n", word);
    fflush(server->to);
    if (!fgets(answer, sizeof answer, server->from) || strcmp(answer, "ok\n") != 0)
        die("PostgreSQL does not start, or its guard is gone");
}

struct test_server *test_server_new(void)
{
    struct test_server *server = NEW(struct test_server);
    char *argv[] = {MERIDIAN_SOURCE_DIR "/tests/db/postgres-guard.sh", PG_BIN, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char line[128];
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        die("no pipes");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    if (posix_spawn(&server->guard, argv[0], &actions, &attributes, argv, environ) != 0)
        die("cannot start postgres-guard.sh");
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(in[0]);
    close(out[1]);
    server->to = fdopen(in[1], "w");
    server->from = fdopen(out[0], "r");
    if (!fgets(line, sizeof line, server->from) || sscanf(line, "dir %63s", server->dir) != 1)
        die("initdb failed");
    snprintf(server->conninfo, sizeof server->conninfo, "host=%s user=postgres dbname=postgres", server->dir);
    command(server, "start");
    return server;
}

struct test_server *test_server_free(struct test_server *server)
{
    if (!server)
        return NULL;
    fclose(server->to);
    while (waitpid(server->guard, NULL, 0) < 0 && errno == EINTR)
        continue;
    fclose(server->from);
    free(server);
    return NULL;
}

const char *test_server_conninfo(struct test_server *server)
{
    return server->conninfo;
}

void test_server_stop(struct test_server *server)
{
    command(server, "stop");
}

void test_server_start(struct test_server *server)
{
    command(server, "start");
}

void test_server_freeze(struct test_server *server)
{
    command(server, "freeze");
}

void test_server_thaw(struct test_server *server)
{
    command(server, "thaw");
}

/* ---- the server of this program ---- */

static struct test_server *shared; /* in the parent only */

static PGresult *run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s\nin: %s\n", PQerrorMessage(pg), sql);
        die("SQL of a test failed");
    }
    return result;
}

static void on_migration(void *arg, const char *message)
{
    buf_add_text(arg, message);
    buf_add_char(arg, '\n');
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    _cleanup_buf_ struct buf told = BUF_INIT;
    char conninfo[128];
    PGconn *pg;
    int applied;

    (void)tests;
    shared = test_server_new();
    setenv("MERIDIAN_TEST_PG", shared->dir, 1);
    pg = PQconnectdb(shared->conninfo);
    PQclear(run(pg, "CREATE DATABASE meridian_template"));
    PQfinish(pg);
    snprintf(conninfo, sizeof conninfo, "host=%s user=postgres dbname=meridian_template", shared->dir);
    if (store_migrate(&(struct store_migrate_options){.conninfo = conninfo,
                                                      .dir = MERIDIAN_SOURCE_DIR "/schema",
                                                      .tell = on_migration,
                                                      .arg = &told},
                      &applied) < 0) {
        fputs(buf_text(&told), stderr);
        die("the migrations do not apply");
    }
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    shared = test_server_free(shared);
}

/* ---- a database ---- */

struct test_db {
    char name[48];
    PGconn *pg;
    void *kept[MAX_KEPT]; /* texts handed out */
    int nkept;
};

static const char *keep(struct test_db *db, char *text)
{
    if (db->nkept == MAX_KEPT)
        die("MAX_KEPT texts of one test_db");
    return db->kept[db->nkept++] = text;
}

static const char *server_dir(void)
{
    const char *dir = getenv("MERIDIAN_TEST_PG");

    if (!dir)
        die("MERIDIAN_TEST_PG is not set: no test server");
    return dir;
}

struct test_db *test_db_new(void)
{
    static int count;
    struct test_db *db = NEW(struct test_db);
    _cleanup_(freep) char *admin = mem_printf("host=%s user=postgres dbname=postgres", server_dir());
    _cleanup_(freep) char *sql = NULL;
    PGconn *pg = PQconnectdb(admin);

    snprintf(db->name, sizeof db->name, "t_%d_%d", (int)getpid(), ++count);
    sql = mem_printf("CREATE DATABASE %s TEMPLATE meridian_template", db->name);
    PQclear(run(pg, sql));
    PQfinish(pg);
    db->pg = PQconnectdb(test_db_conninfo(db, NULL));
    PQclear(run(db->pg, "SET client_min_messages = warning"));
    return db;
}

struct test_db *test_db_free(struct test_db *db)
{
    if (!db)
        return NULL;
    PQfinish(db->pg);
    for (int i = 0; i < db->nkept; i++)
        free(db->kept[i]);
    free(db);
    return NULL;
}

const char *test_db_conninfo(struct test_db *db, const char *role)
{
    return keep(db,
                mem_printf("host=%s user=%s dbname=%s", server_dir(), role ? role : "postgres", db->name));
}

void test_db_run(struct test_db *db, const char *sql)
{
    PQclear(run(db->pg, sql));
}

void test_db_runf(struct test_db *db, const char *format, ...)
{
    char *sql = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&sql, format, args) < 0)
        die("out of memory");
    va_end(args);
    PQclear(run(db->pg, sql));
    free(sql);
}

static char *first_value(const PGresult *result)
{
    return PQntuples(result) && !PQgetisnull(result, 0, 0) ? mem_str(PQgetvalue(result, 0, 0)) : NULL;
}

int64_t test_db_int(struct test_db *db, const char *sql)
{
    const char *text = test_db_text(db, sql);

    return text ? strtoll(text, NULL, 10) : 0;
}

const char *test_db_text(struct test_db *db, const char *sql)
{
    PGresult *result = run(db->pg, sql);
    char *value = first_value(result);

    PQclear(result);
    return value ? keep(db, value) : NULL;
}

const char *test_db_try(struct test_db *db, const char *role, const char *kind, const char *user_id,
                        const char *teams, const char *sql, const char **ret_value)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(db, role));
    const char *settings[] = {kind, user_id ? user_id : "", teams ? teams : ""};
    const char *sqlstate;
    PGresult *result;

    if (PQstatus(pg) != CONNECTION_OK)
        die(PQerrorMessage(pg));
    if (kind)
        PQclear(PQexecParams(pg,
                             "SELECT set_config('meridian.kind', $1, false), set_config('meridian.user_id', "
                             "$2, false), set_config('meridian.teams', $3, false)",
                             3, NULL, settings, NULL, NULL, 0));
    result = PQexec(pg, sql);
    sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    sqlstate = keep(db, mem_str(sqlstate ? sqlstate : ""));
    if (ret_value) {
        char *value = first_value(result);

        *ret_value = value ? keep(db, value) : NULL;
    }
    PQclear(result);
    PQfinish(pg);
    return sqlstate;
}

void test_db_people(struct test_db *db)
{
    test_db_run(db, "INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'Europe', 'Europe/Stockholm'), "
                    "('ap', 'Asia-Pacific', 'Asia/Shanghai'),"
                    " ('us', 'Americas', 'America/New_York') ON CONFLICT DO NOTHING");
    test_db_run(db,
                "INSERT INTO desk.team (id, slug, name_en, name_zh, tier, restricted) VALUES (1, "
                "'service-desk', 'Service desk', '服务台', 1, false),"
                " (2, 'infrastructure', 'Infrastructure', '基础设施', 2, false), (3, 'applications', "
                "'Applications', '应用', 2, false),"
                " (4, 'network', 'Network', '网络', 2, false), (5, 'experts', 'Experts', '专家', 3, false),"
                " (6, 'security', 'Security', '安全', 2, true) ON CONFLICT DO NOTHING");
    test_db_run(db, "INSERT INTO desk.app_user (id, login, name, email, role, region, language)"
                    " SELECT md5(login)::uuid, login, login, login || '@example.test', role, region, "
                    "language FROM (VALUES"
                    " ('agent-eu-1', 'agent', 'eu', 'en'), ('agent-eu-2', 'agent', 'eu', 'en'), "
                    "('agent-ap-1', 'agent', 'ap', 'zh'), ('agent-us-1', 'agent', 'us', 'en'),"
                    " ('lead-eu-1', 'lead', 'eu', 'en'), ('requester-eu-1', 'requester', 'eu', 'en'), "
                    "('requester-ap-1', 'requester', 'ap', 'zh'), ('admin', 'admin', 'eu', 'en'))"
                    " AS u (login, role, region, language)");
    test_db_run(
        db,
        "INSERT INTO desk.team_member (user_id, team_id) SELECT u.id, t.id FROM desk.app_user u, desk.team t"
        " WHERE (u.role = 'agent' AND t.id <= 5) OR u.role = 'lead'");
}

/* ---- plans ---- */

static int parameters(const char *sql)
{
    int most = 0;

    for (const char *c = strchr(sql, '$'); c; c = strchr(c + 1, '$'))
        if (atoi(c + 1) > most)
            most = atoi(c + 1);
    return most;
}

static char *explain(PGconn *pg, const struct db_statement *statement)
{
    _cleanup_buf_ struct buf sql = BUF_INIT, plan = BUF_INIT;
    PGresult *result = PQprepare(pg, statement->name, statement->sql, 0, NULL);

    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
    buf_printf(&sql, "EXPLAIN (COSTS OFF) EXECUTE %s", statement->name);
    for (int i = 0; i < parameters(statement->sql); i++)
        buf_add_text(&sql, i ? ", NULL" : "(NULL");
    if (parameters(statement->sql))
        buf_add_char(&sql, ')');
    result = PQexec(pg, buf_text(&sql));
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", statement->name, PQerrorMessage(pg));
    for (int i = 0; i < PQntuples(result); i++)
        buf_printf(&plan, "%s\n", PQgetvalue(result, i, 0));
    PQclear(result);
    return buf_take(&plan);
}

/* True when an index on a large table is read from end to end. */
static bool walks_an_index(const char *plan, const char *table)
{
    _cleanup_buf_ struct buf pattern = BUF_INIT;

    buf_printf(&pattern, " on %s", table);
    for (const char *line = strstr(plan, "Index"); line; line = strstr(line + 1, "Index")) {
        const char *end = strchr(line, '\n'), *next = end ? end + 1 + strspn(end + 1, " ") : NULL,
                   *on = strstr(line, buf_text(&pattern));

        if (strncmp(line, "Index Scan using", 16) && strncmp(line, "Index Only Scan using", 21))
            continue;
        if (on && on < end &&
            (strchr(" \n", on[pattern.n]) || !strncmp(on + pattern.n, "_2", 2) ||
             !strncmp(on + pattern.n, "_default", 8)) && /* a partition */
            (!next || strncmp(next, "Index Cond", 10)))
            return true;
    }
    return false;
}

void test_db_check_plan(PGconn *pg, const struct db_statement *statement, const char *const *large,
                        bool may_walk, const char *when)
{
    _cleanup_(freep) char *plan = explain(pg, statement);

    for (; *large; large++) {
        char pattern[64];

        snprintf(pattern, sizeof pattern, "Seq Scan on %s ", *large);
        cr_expect_null(strstr(plan, pattern), "%s scans %s, %s:\n%s", statement->name, *large, when, plan);
        snprintf(pattern, sizeof pattern, "Seq Scan on %s\n", *large);
        cr_expect_null(strstr(plan, pattern), "%s scans %s, %s:\n%s", statement->name, *large, when, plan);
        snprintf(pattern, sizeof pattern, "Seq Scan on %s_2", *large); /* a partition */
        cr_expect_null(strstr(plan, pattern), "%s scans %s, %s:\n%s", statement->name, *large, when, plan);
        snprintf(pattern, sizeof pattern, "Seq Scan on %s_default", *large);
        cr_expect_null(strstr(plan, pattern), "%s scans %s, %s:\n%s", statement->name, *large, when, plan);
        cr_expect(may_walk || !walks_an_index(plan, *large), "%s walks an index of %s, %s:\n%s",
                  statement->name, *large, when, plan);
    }
}

/* ---- pools and the loop ---- */

uv_loop_t *test_loop_init(uv_loop_t *loop)
{
    cr_assert_eq(uv_loop_init(loop), 0);
    return loop;
}

static void on_timeout(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_poll(uv_timer_t *timer)
{
    (void)timer; /* turns the loop, so that conditions that no handle announces are looked at */
}

void test_loop_until(uv_loop_t *loop, bool (*cond)(void *arg), void *arg, int timeout_ms)
{
    uv_timer_t *timers = NEW_ARRAY(uv_timer_t, 2); /* freed after their close callbacks ran */
    bool late = false;

    uv_timer_init(loop, &timers[0]);
    uv_timer_init(loop, &timers[1]);
    timers[0].data = &late;
    uv_timer_start(&timers[0], on_timeout, (uint64_t)timeout_ms, 0);
    uv_timer_start(&timers[1], on_poll, 5, 5);
    while (!cond(arg) && !late)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timers[0], NULL);
    uv_close((uv_handle_t *)&timers[1], NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    free(timers);
    cr_assert(cond(arg), "the condition did not come true in %d ms", timeout_ms);
}

void test_loop_close(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(loop), 0, "handles are left open");
}

static bool is_ready(void *pool)
{
    return db_pool_ready(pool);
}

struct db_pool *test_db_pool(struct test_db *db, uv_loop_t *loop, const char *role,
                             const struct db_statement *const *const *lists, int workers)
{
    bool reader = role && (!strcmp(role, "meridian_intake") || !strcmp(role, "meridian_report"));
    struct db_pool *pool;
    int r;

    r = db_pool_open(&(struct db_pool_options){.loop = loop,
                                               .conninfo = test_db_conninfo(db, role),
                                               .application = "test",
                                               .lists = lists,
                                               .workers = workers,
                                               .max_queue = 1000,
                                               .writable = !reader},
                     &pool);
    cr_assert_eq(r, 0);
    test_loop_until(loop, is_ready, pool, 20000);
    return pool;
}

struct call {
    db_work_fn work;
    void *job;
    bool done;
    int status;
};

static int call_work(struct db_conn *conn, void *arg)
{
    struct call *call = arg;

    return call->work(conn, call->job);
}

static void call_done(void *arg, int status)
{
    struct call *call = arg;

    call->status = status;
    call->done = true;
}

static bool call_is_done(void *arg)
{
    return ((struct call *)arg)->done;
}

int test_db_call(uv_loop_t *loop, struct db_pool *pool, db_work_fn work, void *job)
{
    struct call call = {.work = work, .job = job};

    cr_assert_eq(db_pool_submit(pool, call_work, call_done, &call, 0), 0);
    test_loop_until(loop, call_is_done, &call, 60000);
    return call.status;
}
