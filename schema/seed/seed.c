/* Runs the statements of schema/seed in order, in one transaction. Called by `meridian-migrate seed`.
 *
 * All knowledge of the demo is in those files; here are the order, the guard (loopback only, empty database
 * only) and the one password that SQL cannot hash. Nothing is repeated: a failure leaves the database as it
 * was.
 */
#include "seed/seed.h"
#include "auth/auth.h"
#include "db/db.h"
#include "seed_sql.h"
#include <inttypes.h>
#include <meridian/errors.h>
#include <stdio.h>

static const char password[] = "meridian-demo";

static void tell(const struct seed_options *options, const char *what, const char *why)
{
    char message[700];

    if (!options->tell)
        return;
    snprintf(message, sizeof message, "%s%s%s", what, *why ? ": " : "", why);
    options->tell(options->arg, message);
}

static int run_text(struct db_conn *conn, const struct db_statement *statement, const char *first,
                    const char *second)
{
    _cleanup_params_ struct db_params params = {0};

    if (first)
        db_param_text(&params, first);
    if (second)
        db_param_text(&params, second);
    return db_exec_once(conn, statement, &params, NULL);
}

static int add_people(struct db_conn *conn, const struct seed_options *options)
{
    static const struct db_statement *const statements[] = {
        &sql_seed_region, &sql_seed_team, &sql_seed_app_user, &sql_seed_team_member, &sql_seed_organisation};
    _cleanup_buf_ struct buf hash = BUF_INIT;
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(statements) && !r; i++)
        r = run_text(conn, statements[i], NULL, NULL);
    if (r < 0)
        return r;
    auth_password_hash((struct str){password, sizeof password - 1}, 16384, 1, &hash);
    r = run_text(conn, &sql_seed_user_password, buf_text(&hash), NULL);
    if (!r && options->webhook_url)
        r = run_text(conn, &sql_seed_webhook_endpoint, options->webhook_url, options->webhook_secret);
    return r;
}

static int add_tickets(struct db_conn *conn, const struct seed_options *options)
{
    _cleanup_params_ struct db_params params = {0};
    char seed[24];
    int r;

    snprintf(seed, sizeof seed, "%" PRId64, options->seed);
    r = run_text(conn, &sql_seed_seed_number, seed, NULL);
    if (!r)
        r = db_script(conn, sql_seed_template.sql);
    if (!r)
        r = db_script(conn, sql_seed_story.sql);
    if (r < 0)
        return r;
    db_param_int(&params, options->tickets);
    return db_exec_once(conn, &sql_seed_ticket, &params, NULL);
}

static int seed(struct db_conn *conn, const struct seed_options *options)
{
    _cleanup_result_ struct db_result exists = {0};
    int r;

    r = db_begin(conn);
    if (!r)
        r = run_text(conn, &sql_seed_lock, NULL, NULL);
    if (!r)
        r = db_exec_once(conn, &sql_seed_exists, NULL, &exists);
    if (r < 0)
        return r;
    if (db_bool(&exists, 0, 0)) {
        db_rollback(conn);
        return 1;
    }
    r = add_people(conn, options);
    if (!r && options->tickets > 0)
        r = add_tickets(conn, options);
    if (r < 0)
        return r;
    return db_commit(conn, NULL);
}

int seed_run(const struct seed_options *options)
{
    const struct db_connect_options connect = {
        .conninfo = options->conninfo, .application = "meridian-migrate", .writable = true};
    _cleanup_conn_ struct db_conn *conn = NULL;
    _cleanup_buf_ struct buf reason = BUF_INIT;
    int r;

    r = db_connect_one(&connect, &conn, &reason);
    if (r < 0) {
        tell(options, "no connection", buf_text(&reason));
        return r;
    }
    if (!db_is_local(conn)) {
        tell(options,
             "the demo has a public password: only a server on a unix socket or a loopback address is seeded",
             "");
        return -E_FORBIDDEN;
    }
    r = seed(conn, options);
    if (r < 0) {
        tell(options, "the demo data was refused", db_error_detail(conn));
        return r == -E_DB_UNCERTAIN ? r : -E_DB;
    }
    return r;
}
