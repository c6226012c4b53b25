/* Statements, parameters, results and transactions of one connection, against a real server. */
#include "base/clock.h"
#include "harness.h"
#include <criterion/criterion.h>
#include <meridian/errors.h>
#include <stdio.h>

#define S(id, text) static const struct db_statement id = {.name = #id, .sql = text}

S(t_echo, "SELECT $1::text, $2::bigint, $3::boolean, $4::uuid, $5::bytea, desk.us($6::timestamptz)");
S(t_insert, "INSERT INTO t_row (id, word) VALUES ($1, $2)");
S(t_count, "SELECT count(*) FROM t_row");
S(t_deferred, "INSERT INTO t_deferred (id, other) VALUES ($1, $2)");
S(t_settings, "SELECT current_setting('meridian.kind', true), current_setting('meridian.user_id', true), "
              "current_setting('meridian.teams', true), current_user,"
              " current_setting('transaction_read_only')");
S(t_fail, "SELECT t_fail($1)");
S(t_now, "SELECT count(*) FROM generate_series(1, $1::int)");

static const struct db_statement *const statements[] = {&t_echo,     &t_insert, &t_count, &t_deferred,
                                                        &t_settings, &t_fail,   &t_now,   NULL};
static const struct db_statement *const *const lists[] = {statements, NULL};

static struct test_db *db;
static struct db_conn *conn;

static struct db_conn *open_conn(const char *role, bool writable)
{
    struct db_connect_options options = {
        .conninfo = test_db_conninfo(db, role), .application = "test", .lists = lists, .writable = writable};
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct db_conn *c = NULL;

    cr_assert_eq(db_connect_one(&options, &c, &reason), 0, "%s", buf_text(&reason));
    return c;
}

static void setup(void)
{
    db = test_db_new();
    test_db_run(db, "CREATE TABLE t_row (id bigint PRIMARY KEY, word text NOT NULL CHECK (word <> ''));"
                    "CREATE TABLE t_deferred (id bigint PRIMARY KEY, other bigint REFERENCES t_deferred "
                    "DEFERRABLE INITIALLY DEFERRED);"
                    "CREATE FUNCTION t_fail(code text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE "
                    "EXCEPTION 'as asked' USING ERRCODE = code; END $$;"
                    "GRANT ALL ON t_row, t_deferred TO meridian_router, meridian_intake");
    conn = open_conn(NULL, true);
}

static void teardown(void)
{
    db_close_one(conn);
    test_db_free(db);
}

TestSuite(statements, .init = setup, .fini = teardown);

static int insert(struct db_conn *c, int64_t id, const char *word)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_int(&params, id);
    db_param_text(&params, word);
    return db_exec(c, &t_insert, &params, NULL);
}

static int64_t count(struct db_conn *c)
{
    _cleanup_result_ struct db_result result = {0};

    cr_assert_eq(db_exec(c, &t_count, NULL, &result), 0, "%s", db_error_detail(c));
    return db_int(&result, 0, 0);
}

Test(statements, every_kind_of_value_comes_back)
{
    const int64_t at_us = 1795402380123456;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    struct uuid id = uuid_v7(), back;
    const char raw[] = {0, 1, '\\', 'x', (char)0xff, 0};
    struct str long_text =
        STR("服务台 and a text that is longer than the scratch space of a parameter ''\"\\");

    db_param_str(&params, long_text);
    db_param_int(&params, INT64_MIN);
    db_param_bool(&params, true);
    db_param_uuid(&params, &id);
    db_param_bytes(&params, raw, sizeof raw);
    db_param_time(&params, at_us);
    cr_assert_eq(db_exec(conn, &t_echo, &params, &result), 0, "%s", db_error_detail(conn));
    cr_assert_eq(db_rows(&result), 1);
    cr_assert(str_eq(db_str(&result, 0, 0), long_text));
    cr_assert_eq(db_int(&result, 0, 1), INT64_MIN);
    cr_assert(db_bool(&result, 0, 2));
    cr_assert_eq(db_uuid(&result, 0, 3, &back), 0);
    cr_assert(uuid_eq(&id, &back));
    cr_assert_eq(db_bytes(&result, 0, 4, &bytes), 0);
    cr_assert(str_eq(buf_str(&bytes), (struct str){raw, sizeof raw}));
    cr_assert_eq(db_int(&result, 0, 5), at_us);
    cr_assert_eq(db_uuid(&result, 0, 0, &back), -E_BAD_REQUEST);
    cr_assert_eq(db_bytes(&result, 0, 0, &bytes), -E_BAD_REQUEST);
}

Test(statements, null_goes_and_comes_as_null)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    struct uuid id;

    db_param_str(&params, (struct str){0});
    db_param_null(&params);
    db_param_null(&params);
    db_param_uuid(&params, NULL);
    db_param_bytes(&params, NULL, 0);
    db_param_time(&params, 0);
    cr_assert_eq(db_exec(conn, &t_echo, &params, &result), 0);
    for (int i = 0; i < 6; i++)
        cr_assert(db_is_null(&result, 0, i), "column %d", i);
    cr_assert_null(db_str(&result, 0, 0).p);
    cr_assert_null(db_text(&result, 0, 0));
    cr_assert_eq(db_int(&result, 0, 1), 0);
    cr_assert_not(db_bool(&result, 0, 2));
    cr_assert_eq(db_uuid(&result, 0, 3, &id), -E_BAD_REQUEST);
    cr_assert_eq(db_bytes(&result, 0, 4, &bytes), 0);
    cr_assert_eq(bytes.n, 0);
}

Test(statements, empty_is_not_null)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};

    db_param_str(&params, STR(""));
    db_param_int(&params, 0);
    db_param_bool(&params, false);
    db_param_null(&params);
    db_param_bytes(&params, "", 0);
    db_param_time(&params, -1);
    cr_assert_eq(db_exec(conn, &t_echo, &params, &result), 0, "%s", db_error_detail(conn));
    cr_assert_str_eq(db_text(&result, 0, 0), "");
    cr_assert_not(db_is_null(&result, 0, 2));
    cr_assert_str_eq(db_text(&result, 0, 4), "\\x");
    cr_assert_eq(db_int(&result, 0, 5), -1, "before 1970");
}

Test(statements, what_cannot_be_sent_is_refused_before)
{
    const int64_t never_us[] = {INT64_MAX, INT64_MIN};

    for (int i = 0; i < 3; i++) {
        _cleanup_params_ struct db_params params = {0};

        db_param_int(&params, 1);
        if (i < 2)
            db_param_time(&params, never_us[i]);
        else
            db_param_str(&params, (struct str){"a\0b", 3});
        cr_assert_eq(db_exec(conn, &t_insert, &params, NULL), -E_VALIDATION);
        cr_assert(strstr(db_error_detail(conn), "t_insert: parameter $2"), "%s", db_error_detail(conn));
    }
    cr_assert_eq(count(conn), 0);
}

Test(statements, sqlstates_become_failures)
{
    static const struct {
        const char *sqlstate;
        int failure;
    } cases[] = {{"40001", -E_DB_RETRY},  {"40P01", -E_DB_RETRY},   {"40003", -E_DB_UNCERTAIN},
                 {"23505", -E_CONFLICT},  {"23503", -E_VALIDATION}, {"22P02", -E_VALIDATION},
                 {"42501", -E_FORBIDDEN}, {"55P03", -E_DB},         {"57014", -E_DB},
                 {"MD001", -E_DB}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_params_ struct db_params params = {0};

        db_param_text(&params, cases[i].sqlstate);
        cr_assert_eq(db_exec(conn, &t_fail, &params, NULL), cases[i].failure, "%s", cases[i].sqlstate);
        cr_assert_str_eq(db_sqlstate(conn), cases[i].sqlstate);
        cr_assert(strstr(db_error_detail(conn), "as asked"));
    }
    cr_assert_eq(insert(conn, 1, "a"), 0);
    cr_assert_eq(insert(conn, 1, "a"), -E_CONFLICT);
    cr_assert(strstr(db_error_detail(conn), "t_row_pkey"), "%s", db_error_detail(conn));
    cr_assert_eq(insert(conn, 2, ""), -E_VALIDATION);
    cr_assert_eq(count(conn), 1);
}

Test(statements, results_are_replaced_and_counted)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};

    db_param_int(&params, 7);
    db_param_text(&params, "x");
    cr_assert_eq(db_exec(conn, &t_insert, &params, &result), 0);
    cr_assert_eq(db_affected(&result), 1);
    cr_assert_eq(db_exec(conn, &t_count, NULL, &result), 0);
    cr_assert_eq(db_int(&result, 0, 0), 1);
}

Test(statements, a_transaction_is_all_or_nothing)
{
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(insert(conn, 1, "a"), 0);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM t_row"), 0, "not visible before the commit");
    cr_assert_eq(db_commit(conn, NULL), 0);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM t_row"), 1);
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(insert(conn, 2, "a"), 0);
    db_rollback(conn);
    cr_assert_eq(count(conn), 1);
}

Test(statements, after_a_failure_the_transaction_only_repeats_it)
{
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(insert(conn, 1, "a"), 0);
    cr_assert_eq(insert(conn, 1, "b"), -E_CONFLICT);
    cr_assert_eq(insert(conn, 2, "c"), -E_CONFLICT);
    cr_assert_eq(db_commit(conn, NULL), -E_CONFLICT);
    cr_assert_eq(count(conn), 0);
    cr_assert_eq(db_begin(conn), 0, "and the next one is free of it");
    cr_assert_eq(insert(conn, 2, "c"), 0);
    cr_assert_eq(db_commit(conn, NULL), 0);
}

Test(statements, the_first_statement_may_fail_with_begin)
{
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(insert(conn, 1, ""), -E_VALIDATION);
    db_rollback(conn);
    cr_assert_eq(count(conn), 0);
}

Test(statements, a_deferred_constraint_fails_the_commit)
{
    for (int alone = 0; alone < 2; alone++) {
        _cleanup_params_ struct db_params params = {0};
        uint64_t lsn = 0;

        db_param_int(&params, 1);
        db_param_int(&params, 99);
        if (alone) {
            cr_assert_eq(db_exec(conn, &t_deferred, &params, NULL), -E_VALIDATION, "%s",
                         db_error_detail(conn));
            cr_assert_eq(db_exec_lsn(conn, &t_deferred, &params, NULL, &lsn), -E_VALIDATION);
        } else {
            cr_assert_eq(db_begin(conn), 0);
            cr_assert_eq(db_exec(conn, &t_deferred, &params, NULL), 0);
            cr_assert_eq(db_commit(conn, &lsn), -E_VALIDATION);
        }
        cr_assert_str_eq(db_sqlstate(conn), "23503");
        cr_assert_eq(lsn, 0);
        cr_assert_eq(test_db_int(db, "SELECT count(*) FROM t_deferred"), 0);
        cr_assert_eq(count(conn), 0, "the connection goes on");
    }
}

Test(statements, wrong_order_is_refused)
{
    uint64_t lsn;

    cr_assert_eq(db_commit(conn, NULL), -E_INTERNAL);
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(db_begin(conn), -E_INTERNAL);
    cr_assert_eq(db_exec_lsn(conn, &t_count, NULL, NULL, &lsn), -E_INTERNAL);
    cr_assert_eq(db_commit(conn, NULL), 0, "nothing was sent");
}

Test(statements, lsn_lies_behind_the_commit)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    uint64_t first = 0, second = 0, third = 0, none = 0;
    char text[LSN_TEXT_SIZE], sql[128];

    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(insert(conn, 1, "a"), 0);
    cr_assert_eq(db_commit(conn, &first), 0);
    db_param_int(&params, 2);
    db_param_text(&params, "b");
    cr_assert_eq(db_exec_lsn(conn, &t_insert, &params, &result, &second), 0);
    cr_assert_eq(db_affected(&result), 1);
    cr_assert_gt(second, first);
    snprintf(sql, sizeof sql, "SELECT pg_current_wal_insert_lsn() >= '%s'::pg_lsn", lsn_format(second, text));
    cr_assert_str_eq(test_db_text(db, sql), "t");
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(db_commit(conn, &third), 0, "nothing to commit, but a position");
    cr_assert_geq(third, second);
    cr_assert_eq(db_exec_lsn(conn, &t_insert, &params, NULL, &none), -E_CONFLICT);
    cr_assert_eq(none, 0);
}

Test(statements, lsn_text)
{
    char text[LSN_TEXT_SIZE];
    uint64_t lsn;

    cr_assert_str_eq(lsn_format(0x16B3748, text), "0/16B3748");
    cr_assert_eq(lsn_parse(STR("ffffffff/FFFFFFFF"), &lsn), 0);
    cr_assert_eq(lsn, UINT64_MAX);
    cr_assert_str_eq(lsn_format(lsn, text), "FFFFFFFF/FFFFFFFF");
    for (size_t i = 0; i < 6; i++) {
        const char *bad[] = {"", "/", "1/", "1", "1/2/3", "123456789/0"};

        cr_assert_eq(lsn_parse(str_from(bad[i]), &lsn), -E_BAD_REQUEST, "%s", bad[i]);
    }
}

Test(statements, reading_cannot_write)
{
    _cleanup_conn_ struct db_conn *reader = open_conn("meridian_router", false);

    cr_assert_eq(db_begin_read(conn), 0);
    cr_assert_eq(insert(conn, 1, "a"), -E_DB);
    cr_assert_str_eq(db_sqlstate(conn), "25006");
    db_rollback(conn);
    cr_assert_eq(insert(conn, 1, "a"), 0, "the connection is not to blame");
    cr_assert_eq(insert(reader, 2, "a"), -E_DB,
                 "a connection that is not writable is read only, whatever the role may do");
}

Test(statements, visibility_holds_for_one_transaction)
{
    const uint32_t teams[] = {1, 4294967295};
    const struct db_visibility who = {
        .kind = "agent", .user_id = "0190a2b4-0000-7000-8000-000000000001", .teams = teams, .nteams = 2};
    _cleanup_result_ struct db_result result = {0};

    cr_assert_eq(db_begin_visible(conn, "meridian_intake", &who), 0);
    cr_assert_eq(db_exec(conn, &t_settings, NULL, &result), 0, "%s", db_error_detail(conn));
    cr_assert_str_eq(db_text(&result, 0, 0), "agent");
    cr_assert_str_eq(db_text(&result, 0, 1), who.user_id);
    cr_assert_str_eq(db_text(&result, 0, 2), "{1,4294967295}");
    cr_assert_str_eq(db_text(&result, 0, 3), "meridian_intake");
    cr_assert_str_eq(db_text(&result, 0, 4), "on");
    cr_assert_eq(db_commit(conn, NULL), 0);
    cr_assert_eq(db_exec(conn, &t_settings, NULL, &result), 0);
    cr_assert_str_eq(db_text(&result, 0, 0), "");
    cr_assert_str_eq(db_text(&result, 0, 3), "postgres");
    cr_assert_eq(db_begin_visible(conn, NULL, &(struct db_visibility){.kind = "system"}), 0);
    cr_assert_eq(db_exec(conn, &t_settings, NULL, &result), 0);
    cr_assert_str_eq(db_text(&result, 0, 0), "system");
    cr_assert_str_eq(db_text(&result, 0, 1), "");
    cr_assert_str_eq(db_text(&result, 0, 2), "{}");
    db_rollback(conn);
    cr_assert_eq(db_begin_visible(conn, "no_such_role", &who), 0);
    cr_assert_lt(db_exec(conn, &t_settings, NULL, &result), 0,
                 "an unknown role shows at the first statement");
    db_rollback(conn);
    cr_assert_eq(count(conn), 0);
}

Test(statements, scripts_tell_the_line)
{
    cr_assert_eq(db_script(conn, "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1), (2);"), 0);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM a"), 2);
    cr_assert_eq(db_script(conn, "-- 服务台\nINSERT INTO a VALUES (3);\n\nSELECT nothing FROM a;\n"), -E_DB);
    cr_assert(strstr(db_error_detail(conn), "(line 4)"), "%s", db_error_detail(conn));
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM a"), 2, "all or nothing");
    cr_assert_eq(db_begin(conn), 0);
    cr_assert_eq(db_script(conn, "INSERT INTO a VALUES (4)"), 0);
    cr_assert_eq(insert(conn, 1, ""), -E_VALIDATION);
    cr_assert_eq(db_script(conn, "INSERT INTO a VALUES (5)"), -E_VALIDATION);
    db_rollback(conn);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM a"), 2);
    cr_assert_eq(db_script(conn, ""), 0);
}

Test(statements, a_statement_that_does_not_prepare_is_named)
{
    static const struct db_statement bad = {.name = "t_bad", .sql = "SELECT nowhere FROM nothing"};
    static const struct db_statement *const all[] = {&t_count, &bad, NULL};
    static const struct db_statement *const *const with_bad[] = {all, NULL};
    struct db_connect_options options = {.conninfo = test_db_conninfo(db, NULL), .lists = with_bad};
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct db_conn *c = NULL;

    cr_assert_eq(db_connect_one(&options, &c, &reason), -E_DB);
    cr_assert(strstr(buf_text(&reason), "statement t_bad: 42P01"), "%s", buf_text(&reason));
}

Test(statements, connecting_fails_with_a_reason)
{
    static const struct {
        const char *conninfo;
        int failure;
    } cases[] = {{"host", -E_CONFIG}, {"nonsense=1", -E_CONFIG}, {"host=/nowhere dbname=x", -E_DB}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct db_connect_options options = {.conninfo = cases[i].conninfo};
        _cleanup_buf_ struct buf reason = BUF_INIT;
        struct db_conn *c = NULL;

        cr_assert_eq(db_connect_one(&options, &c, &reason), cases[i].failure);
        cr_assert_gt(reason.n, 0);
        cr_assert_eq(db_connect_one(&options, &c, NULL), cases[i].failure);
    }
    cr_assert(db_is_local(conn));
}

Test(statements, the_form_of_values_does_not_depend_on_the_server)
{
    _cleanup_result_ struct db_result result = {0};
    _cleanup_conn_ struct db_conn *other = NULL;
    static const struct db_statement show = {
        .name = "t_show",
        .sql = "SELECT current_setting('TimeZone'), current_setting('DateStyle'), '\\x01'::bytea::text"};

    test_db_run(
        db, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Asia/Shanghai''', "
            "current_database());"
            " EXECUTE format('ALTER DATABASE %I SET DateStyle = ''SQL, DMY''', current_database());"
            " EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database()); END $$");
    other = open_conn(NULL, true);
    cr_assert_eq(db_exec_once(other, &show, NULL, &result), 0);
    cr_assert_str_eq(db_text(&result, 0, 0), "UTC");
    cr_assert_str_eq(db_text(&result, 0, 1), "ISO, MDY");
    cr_assert_str_eq(db_text(&result, 0, 2), "\\x01");
}
