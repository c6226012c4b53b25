/* The database test harness: one private PostgreSQL 15 per test program, a migrated template, a database of
 * its own for each test.
 *
 * tests/CMakeLists.txt compiles harness.c into every program of tests/db/<area>/ and links `db` and `store`.
 * Nothing is to be set up: the server starts before the first test and dies with the program. Roles have no
 * passwords here. Every helper ends the test on failure, so none returns an error. A typical test:
 *
 *     static int work(struct db_conn *conn, void *arg) { ... db_exec(conn, &sql_router_ticket_claim, &p, &r)
 * ... }
 *
 *     Test(claim, wins_once)
 *     {
 *         struct test_db *db = test_db_new();
 *         uv_loop_t loop;
 *         struct db_pool *pool = test_db_pool(db, test_loop_init(&loop), "meridian_router", (const struct
 * db_statement *const *const[]){sql_router_all, NULL}, 4); test_db_run(db, "INSERT INTO desk.region VALUES
 * ('eu', ...)"); cr_assert_eq(test_db_call(&loop, pool, work, &job), 0); cr_assert_eq(test_db_int(db, "SELECT
 * count(*) FROM desk.event"), 1); db_pool_close(pool); test_loop_close(&loop); test_db_free(db);
 *     }
 */
#pragma once
#include "db/db.h"
#include <stdint.h>

/* ---- a database ---- */

struct test_db;
/** A fresh database from the migrated template (tens of milliseconds). */
struct test_db *test_db_new(void);
struct test_db *test_db_free(struct test_db *db); /* returns NULL; the database itself goes with the server */
/** libpq conninfo for a role ("meridian_router", ...); NULL: the superuser. Lives as long as `db`. */
const char *test_db_conninfo(struct test_db *db, const char *role);
/** Runs SQL text as the superuser (who is not subject to row-level security). */
void test_db_run(struct test_db *db, const char *sql);
void test_db_runf(struct test_db *db, const char *format, ...) _printf_(2, 3);
/** First column of the first row, as the superuser; 0 or NULL for SQL NULL and for no row. */
int64_t test_db_int(struct test_db *db, const char *sql);
const char *test_db_text(struct test_db *db, const char *sql); /* lives as long as `db` */
/** Runs SQL text as a role, with the settings of row-level security when `kind` is not NULL. The SQLSTATE, ""
 * when it worked; the first column of the first row in *ret_value when not NULL (NULL for no row). Both live
 * as long as `db`. */
const char *test_db_try(struct test_db *db, const char *role, const char *kind, const char *user_id,
                        const char *teams, const char *sql, const char **ret_value);
/** Fills in regions, teams and a few people, the same in every test: see harness.c. Logins: agent-eu-1,
 * agent-ap-1, agent-us-1, lead-eu-1, requester-eu-1, requester-ap-1, admin; the UUID of a login is
 * md5(login). */
void test_db_people(struct test_db *db);

struct pg_conn;
/** Fails where the plan of a statement, as the role of the connection gets it, reads all of one of
 * the `large` tables (NULL-terminated): by a sequential scan, or, unless it `may_walk`, through an index
 * without a condition. `when` is for the message. */
void test_db_check_plan(struct pg_conn *pg, const struct db_statement *statement, const char *const *large,
                        bool may_walk, const char *when);

/* ---- pools and the loop ---- */

uv_loop_t *test_loop_init(uv_loop_t *loop); /* returns it */
/** Turns the loop until cond(arg); ends the test after `timeout_ms`. */
void test_loop_until(uv_loop_t *loop, bool (*cond)(void *arg), void *arg, int timeout_ms);
/** Turns the loop until every handle is closed, and closes it. Close the pools before. */
void test_loop_close(uv_loop_t *loop);
/** A pool that is ready. Writable unless the role is meridian_intake or meridian_report. */
struct db_pool *test_db_pool(struct test_db *db, uv_loop_t *loop, const char *role,
                             const struct db_statement *const *const *lists, int workers);
/** Submits one job, turns the loop until it is done, and returns its status. */
int test_db_call(uv_loop_t *loop, struct db_pool *pool, db_work_fn work, void *job);

/* ---- a server of one's own, for tests that stop it ---- */

struct test_server;
struct test_server *test_server_new(void);                        /* started, empty */
struct test_server *test_server_free(struct test_server *server); /* stops and removes it; returns NULL */
const char *test_server_conninfo(struct test_server *server);     /* superuser, database postgres */
void test_server_stop(struct test_server *server);   /* at once, as a crash: clients lose their connections */
void test_server_start(struct test_server *server);  /* returns when it answers */
void test_server_freeze(struct test_server *server); /* SIGSTOP: sockets stay open, nothing answers */
void test_server_thaw(struct test_server *server);
