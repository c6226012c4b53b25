/* The migration runner: once each, in order, unchanged, together. */
#include "base/buf.h"
#include "base/memory.h"
#include "harness.h"
#include "store/migrate.h"
#include <criterion/criterion.h>
#include <meridian/errors.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct test_db *db;
static char dir[64];
static struct buf told;

static void add_line(void *arg, const char *message)
{
    buf_add_text(arg, message);
    buf_add_char(arg, '\n');
}

static void write_file(const char *name, const char *text)
{
    char path[160];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static int migrate_into(const char *conninfo, const char *from, int *ret_applied)
{
    struct store_migrate_options options = {
        .conninfo = conninfo, .dir = from, .tell = add_line, .arg = &told};

    *ret_applied = -1;
    buf_reset(&told);
    return store_migrate(&options, ret_applied);
}

static int migrate(int *ret_applied)
{
    return migrate_into(test_db_conninfo(db, NULL), dir, ret_applied);
}

static void setup(void)
{
    _cleanup_(freep) char *command = NULL;

    db = test_db_new();
    strcpy(dir, "/tmp/mmigrate.XXXXXX");
    cr_assert(mkdtemp(dir));
    command = mem_printf(
        "mkdir %s/migrations && cp %s/schema/migrations/*.sql %s/migrations && cp %s/schema/roles.sql %s",
        dir, MERIDIAN_SOURCE_DIR, dir, MERIDIAN_SOURCE_DIR, dir);
    cr_assert_eq(system(command), 0);
}

static void teardown(void)
{
    _cleanup_(freep) char *command = mem_printf("rm -r %s", dir);

    cr_assert_eq(system(command), 0);
    buf_fini(&told);
    test_db_free(db);
}

TestSuite(migrate, .init = setup, .fini = teardown);

Test(migrate, a_repetition_does_nothing)
{
    int64_t before = test_db_int(db, "SELECT count(*) FROM desk.schema_migration");
    int applied;

    cr_assert_eq(migrate(&applied), 0, "%s", buf_text(&told));
    cr_assert_eq(applied, 0);
    cr_assert_eq(told.n, 0);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM desk.schema_migration"), before);
}

Test(migrate, new_files_run_in_order_and_once)
{
    int applied;

    write_file("migrations/9002_drop_b.sql", "ALTER TABLE desk.a DROP COLUMN b;");
    write_file("migrations/9001_make_a.sql",
               "SET ROLE meridian_owner;\nCREATE TABLE desk.a (b int, c int);\nRESET ROLE;\n");
    cr_assert_eq(migrate(&applied), 0, "%s", buf_text(&told));
    cr_assert_eq(applied, 2);
    cr_assert(strstr(buf_text(&told), "applied 9001_make_a.sql"));
    cr_assert_str_eq(
        test_db_text(
            db,
            "SELECT string_agg(name, ' ' ORDER BY version) FROM desk.schema_migration WHERE version > 9000"),
        "9001_make_a.sql 9002_drop_b.sql");
    cr_assert_eq(migrate(&applied), 0);
    cr_assert_eq(applied, 0);
}

Test(migrate, a_changed_file_is_refused_before_anything_runs)
{
    int applied;

    write_file("migrations/9001_make_a.sql", "CREATE TABLE desk.a (b int);");
    cr_assert_eq(migrate(&applied), 0);
    write_file("migrations/9001_make_a.sql", "CREATE TABLE desk.a (b bigint);");
    write_file("migrations/9002_make_b.sql", "CREATE TABLE desk.b (b int);");
    cr_assert_eq(migrate(&applied), -E_CONFLICT);
    cr_assert_eq(applied, -1);
    cr_assert(strstr(buf_text(&told), "9001_make_a.sql was changed after it was applied"), "%s",
              buf_text(&told));
    cr_assert_null(test_db_text(db, "SELECT to_regclass('desk.b')"));
}

Test(migrate, a_latecomer_is_refused)
{
    int applied;

    write_file("migrations/9005_make_a.sql", "CREATE TABLE desk.a (b int);");
    cr_assert_eq(migrate(&applied), 0);
    write_file("migrations/9003_make_b.sql", "CREATE TABLE desk.b (b int);");
    cr_assert_eq(migrate(&applied), -E_CONFLICT);
    cr_assert(strstr(buf_text(&told), "9003_make_b.sql was never applied"), "%s", buf_text(&told));
}

Test(migrate, an_older_release_lives_with_newer_records)
{
    char path[160];
    int applied;

    write_file("migrations/9005_make_a.sql", "CREATE TABLE desk.a (b int);");
    cr_assert_eq(migrate(&applied), 0);
    snprintf(path, sizeof path, "%s/migrations/9005_make_a.sql", dir);
    unlink(path);
    cr_assert_eq(migrate(&applied), 0, "%s", buf_text(&told));
    cr_assert_eq(applied, 0);
}

Test(migrate, a_failure_names_file_and_line_and_leaves_nothing)
{
    int applied;

    write_file("migrations/9001_make_a.sql", "CREATE TABLE desk.a (b int);");
    write_file("migrations/9002_make_b.sql",
               "CREATE TABLE desk.b (b int);\n\nINSERT INTO desk.nowhere VALUES (1);\n");
    cr_assert_eq(migrate(&applied), -E_DB);
    cr_assert(strstr(buf_text(&told), "9002_make_b.sql: 42P01"), "%s", buf_text(&told));
    cr_assert(strstr(buf_text(&told), "(line 3)"), "%s", buf_text(&told));
    cr_assert_eq(test_db_int(db, "SELECT max(version) FROM desk.schema_migration"), 9001,
                 "what came before stays");
    cr_assert_null(test_db_text(db, "SELECT to_regclass('desk.b')"));
    write_file("migrations/9002_make_b.sql", "CREATE TABLE desk.b (b int);");
    cr_assert_eq(migrate(&applied), 0, "and it goes on from there");
    cr_assert_eq(applied, 1);
}

Test(migrate, without_transaction_where_it_must)
{
    int applied;

    write_file("migrations/9001_index_ticket.sql", "-- meridian: no transaction\nCREATE INDEX CONCURRENTLY "
                                                   "IF NOT EXISTS ticket_subject ON desk.ticket (subject);");
    cr_assert_eq(migrate(&applied), 0, "%s", buf_text(&told));
    cr_assert_eq(applied, 1);
    cr_assert_eq(test_db_int(db, "SELECT count(*) FROM pg_index WHERE indexrelid = "
                                 "'desk.ticket_subject'::regclass AND indisvalid"),
                 1);
    cr_assert_eq(migrate(&applied), 0);
    cr_assert_eq(applied, 0);
}

Test(migrate, a_bad_folder_changes_nothing)
{
    static const struct {
        const char *name, *text, *reason;
    } cases[] = {{"migrations/9001-bad.sql", "", "not named NNNN_verb_noun.sql"},
                 {"migrations/0000_zero.sql", "", "not named"},
                 {"migrations/0001_another.sql", "", "have one number"},
                 {"migrations/9001_latin.sql", "-- \xe9", "not UTF-8"}};
    char path[160];
    int applied;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_file(cases[i].name, cases[i].text);
        cr_expect_eq(migrate(&applied), -E_CONFIG, "%s", cases[i].name);
        cr_expect(strstr(buf_text(&told), cases[i].reason), "%s", buf_text(&told));
        snprintf(path, sizeof path, "%s/%s", dir, cases[i].name);
        unlink(path);
    }
    cr_expect_eq(migrate_into(test_db_conninfo(db, NULL), "/nowhere", &applied), -E_CONFIG);
    cr_expect_eq(migrate_into("nonsense=1", dir, &applied), -E_CONFIG);
    cr_expect_eq(migrate_into("host=/nowhere", dir, &applied), -E_DB);
    cr_expect_neq(told.n, 0);
    write_file("migrations/notes.txt", "not a migration");
    cr_expect_eq(migrate(&applied), 0);
}

struct runner {
    struct buf told;
    int status, applied;
};

static void *run_migration(void *arg)
{
    struct runner *runner = arg;
    struct store_migrate_options options = {
        .conninfo = test_db_conninfo(db, NULL), .dir = dir, .tell = add_line, .arg = &runner->told};

    runner->status = store_migrate(&options, &runner->applied);
    return NULL;
}

Test(migrate, two_at_once_apply_everything_once)
{
    struct runner runners[2] = {0};
    pthread_t threads[2];

    write_file("migrations/9001_make_a.sql", "CREATE TABLE desk.a (b int);\nSELECT pg_sleep(0.1);");
    write_file("migrations/9002_make_b.sql", "CREATE TABLE desk.b (b int);");
    test_db_conninfo(db, NULL);
    cr_assert_eq(pthread_create(&threads[0], NULL, run_migration, &runners[0]), 0);
    cr_assert_eq(pthread_create(&threads[1], NULL, run_migration, &runners[1]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(runners[i].status, 0, "%s", buf_text(&runners[i].told));
        buf_fini(&runners[i].told);
    }
    cr_assert_eq(runners[0].applied + runners[1].applied, 2);
}

/* Gives up the lock as soon as the migration has begun to wait for it. */
static void on_waiting(void *arg, const char *message)
{
    add_line(&told, message);
    if (strstr(message, "waiting for a lock"))
        test_db_run(arg, "COMMIT");
}

Test(migrate, a_table_in_use_delays_it)
{
    struct store_migrate_options options = {
        .conninfo = test_db_conninfo(db, NULL), .dir = dir, .tell = on_waiting, .arg = db};
    int applied;

    write_file("migrations/9001_change_ticket.sql", "ALTER TABLE desk.ticket ADD COLUMN x int;");
    test_db_run(db, "BEGIN; LOCK TABLE desk.ticket IN ACCESS SHARE MODE");
    cr_assert_eq(store_migrate(&options, &applied), 0, "%s", buf_text(&told));
    cr_assert_eq(applied, 1);
    cr_assert(strstr(buf_text(&told), "55P03"));
}
