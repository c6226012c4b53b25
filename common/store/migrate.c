/* The migration runner. Called by meridian-migrate and by the database tests; never by a service.
 *
 * Reads and checks every file before it touches anything, so that a bad folder changes nothing. What must
 * stay true: a migration and its record are one transaction; a file once applied never changes; two runs at
 * once apply everything once. A lock that is not granted within 2 s (lock_timeout) makes the step start over,
 * so that a long reader delays the migration and not everybody behind it.
 */
#include "store/migrate.h"
#include "base/clock.h"
#include "base/memory.h"
#include "db/db.h"
#include "store_migrate_sql.h"
#include <dirent.h>
#include <errno.h>
#include <meridian/errors.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { MAX_TRIES = 30, MAX_FILE_BYTES = 16 * 1024 * 1024 };

struct file {
    int version;
    char *name;
    struct buf text;
};

struct run {
    const struct store_migrate_options *options;
    struct db_conn *conn;
    struct file *files;
    int nfiles;
};

static _printf_(2, 3) void tell(struct run *run, const char *format, ...)
{
    char message[1024];
    va_list args;

    if (!run->options->tell)
        return;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    run->options->tell(run->options->arg, message);
}

static void run_fini(struct run *run)
{
    for (int i = 0; i < run->nfiles; i++) {
        free(run->files[i].name);
        buf_fini(&run->files[i].text);
    }
    free(run->files);
    db_close_one(run->conn);
}

static void closefp(FILE **file)
{
    if (*file)
        fclose(*file);
}

static int read_file(struct run *run, const char *path, struct buf *ret_text)
{
    _cleanup_(closefp) FILE *file = fopen(path, "re");
    char block[16384];
    size_t n;

    while (file && (n = fread(block, 1, sizeof block, file)) > 0 && ret_text->n <= MAX_FILE_BYTES)
        buf_add(ret_text, block, n);
    if (!file || ferror(file) || ret_text->n > MAX_FILE_BYTES) {
        tell(run, "%s: %s", path, file && !ferror(file) ? "too large" : strerror(errno));
        return -E_CONFIG;
    }
    if (!utf8_valid(buf_str(ret_text))) {
        tell(run, "%s: not UTF-8, or has a NUL inside", path);
        return -E_CONFIG;
    }
    return 0;
}

/* NNNN_verb_noun.sql */
static int parse_name(const char *name)
{
    int version = 0;

    for (int i = 0; i < 4; i++) {
        if (name[i] < '0' || name[i] > '9')
            return -1;
        version = version * 10 + name[i] - '0';
    }
    if (name[4] != '_' || strspn(name + 5, "abcdefghijklmnopqrstuvwxyz0123456789_") + 9 != strlen(name))
        return -1;
    return version > 0 ? version : -1;
}

static int by_version(const void *a, const void *b)
{
    return ((const struct file *)a)->version - ((const struct file *)b)->version;
}

static void closedirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int read_folder(struct run *run)
{
    _cleanup_(freep) char *path = mem_printf("%s/migrations", run->options->dir);
    _cleanup_(closedirp) DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir) {
        tell(run, "%s: %s", path, strerror(errno));
        return -E_CONFIG;
    }
    while ((entry = readdir(dir))) {
        _cleanup_(freep) char *name = mem_printf("%s/%s", path, entry->d_name);
        int version = parse_name(entry->d_name), r;

        if (!str_ends(str_from(entry->d_name), STR(".sql")) || entry->d_name[0] == '.')
            continue;
        if (version < 0) {
            tell(run, "%s: not named NNNN_verb_noun.sql", name);
            return -E_CONFIG;
        }
        run->files = mem_grow(run->files, sizeof *run->files * (size_t)(run->nfiles + 1));
        run->files[run->nfiles++] = (struct file){.version = version, .name = mem_str(entry->d_name)};
        r = read_file(run, name, &run->files[run->nfiles - 1].text);
        if (r < 0)
            return r;
    }
    if (run->nfiles)
        qsort(run->files, (size_t)run->nfiles, sizeof *run->files, by_version);
    for (int i = 1; i < run->nfiles; i++)
        if (run->files[i].version == run->files[i - 1].version) {
            tell(run, "%s and %s have one number", run->files[i - 1].name, run->files[i].name);
            return -E_CONFIG;
        }
    return 0;
}

static int refused(struct run *run, const char *what, int failure)
{
    tell(run, "%s: %s", what, db_error_detail(run->conn));
    /* What the contract promises; the details are in the message. */
    return failure == -E_DB_UNCERTAIN ? failure : -E_DB;
}

/* Another session holds what we need, or changes the same role right now. */
static bool worth_another_try(const struct run *run)
{
    const char *sqlstate = db_sqlstate(run->conn);

    return !strcmp(sqlstate, "55P03") || !strcmp(sqlstate, "40P01") ||
           (!strcmp(sqlstate, "XX000") && strstr(db_error_detail(run->conn), "concurrently updated"));
}

static int repeat(struct run *run, int (*step)(struct run *, const void *), const void *what,
                  const char *name)
{
    for (int i = 1;; i++) {
        int r = step(run, what);

        if (!r)
            return 0;
        if (i == MAX_TRIES || !worth_another_try(run))
            return refused(run, name, r);
        tell(run, "%s: waiting for a lock (%s)", name, db_error_detail(run->conn));
        db_rollback(run->conn);
        nanosleep(&(struct timespec){.tv_nsec = 50000000 + (long)(random_u64() % 200000000)}, NULL);
    }
}

static int apply_roles(struct run *run, const void *text)
{
    return db_script(run->conn, buf_text(text));
}

static int checksum(struct run *run, const struct file *file, struct db_result *ret_result)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_bytes(&params, buf_text(&file->text), file->text.n);
    return db_exec_once(run->conn, &sql_store_migrate_checksum, &params, ret_result);
}

static int record(struct run *run, const struct file *file)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result sum = {0};
    int r = checksum(run, file, &sum);

    if (r < 0)
        return r;
    db_param_int(&params, file->version);
    db_param_text(&params, file->name);
    db_param_text(&params, db_text(&sum, 0, 0));
    return db_exec_once(run->conn, &sql_store_migrate_record, &params, NULL);
}

static int apply(struct run *run, const void *what)
{
    const struct file *file = what;
    int r;

    if (str_starts(buf_str(&file->text), STR("-- meridian: no transaction\n"))) {
        r = db_script(run->conn, buf_text(&file->text));
        return r < 0 ? r : record(run, file);
    }
    r = db_begin(run->conn);
    if (!r)
        r = db_script(run->conn, buf_text(&file->text));
    if (!r)
        r = db_script(run->conn, sql_store_migrate_table.sql);
    if (!r)
        r = record(run, file);
    if (!r)
        r = db_commit(run->conn, NULL);
    return r;
}

static int check_applied(struct run *run, const struct db_result *applied, int row, const struct file *file)
{
    _cleanup_result_ struct db_result sum = {0};
    int r = checksum(run, file, &sum);

    if (r < 0)
        return refused(run, file->name, r);
    if (!strcmp(db_text(&sum, 0, 0), db_text(applied, row, 2)))
        return 0;
    tell(run,
         "%s was changed after it was applied: applied %s with sha256 %.12s..., the file now has %.12s...; "
         "restore it, "
         "and put the change into a new migration",
         file->name, db_text(applied, row, 3), db_text(applied, row, 2), db_text(&sum, 0, 0));
    return -E_CONFLICT;
}

/* Compares the files with the records. *ret_newest is the newest version applied. */
static int check_history(struct run *run, int *ret_newest)
{
    _cleanup_result_ struct db_result exists = {0}, applied = {0};
    int r, row = 0, newest = 0;

    r = db_exec_once(run->conn, &sql_store_migrate_exists, NULL, &exists);
    if (!r && db_bool(&exists, 0, 0))
        r = db_exec_once(run->conn, &sql_store_migrate_applied, NULL, &applied);
    if (r < 0)
        return refused(run, "desk.schema_migration", r);
    if (db_rows(&applied))
        newest = (int)db_int(&applied, db_rows(&applied) - 1, 0);
    for (int i = 0; i < run->nfiles; i++) {
        const struct file *file = &run->files[i];

        while (row < db_rows(&applied) && db_int(&applied, row, 0) < file->version)
            row++; /* applied by a newer release whose files we do not have: N-1 must live with that */
        if (row < db_rows(&applied) && db_int(&applied, row, 0) == file->version)
            r = check_applied(run, &applied, row, file);
        else if (file->version < newest) {
            tell(run, "%s was never applied, but the database is at %04d already; give it a newer number",
                 file->name, newest);
            r = -E_CONFLICT;
        }
        if (r < 0)
            return r;
    }
    *ret_newest = newest;
    return 0;
}

int store_migrate(const struct store_migrate_options *options, int *ret_applied)
{
    _cleanup_(run_fini) struct run run = {.options = options};
    _cleanup_buf_ struct buf roles = BUF_INIT, reason = BUF_INIT;
    _cleanup_(freep) char *path = mem_printf("%s/roles.sql", options->dir);
    int r, newest, applied = 0;

    r = read_folder(&run);
    if (!r)
        r = read_file(&run, path, &roles);
    if (r < 0)
        return r;
    r = db_connect_one(&(struct db_connect_options){.conninfo = options->conninfo,
                                                    .application = "meridian-migrate",
                                                    .writable = true},
                       &run.conn, &reason);
    if (r < 0) {
        tell(&run, "no connection: %s", buf_text(&reason));
        return r;
    }
    r = db_exec_once(run.conn, &sql_store_migrate_lock, NULL, NULL);
    if (!r)
        r = db_exec_once(run.conn, &sql_store_migrate_settings, NULL, NULL);
    if (r < 0)
        return refused(&run, "lock", r);
    r = check_history(&run, &newest);
    if (!r)
        r = repeat(&run, apply_roles, &roles, "roles.sql");
    for (int i = 0; i < run.nfiles && !r; i++) {
        int64_t start = clock_monotonic_us();

        if (run.files[i].version <= newest)
            continue;
        r = repeat(&run, apply, &run.files[i], run.files[i].name);
        if (!r) {
            applied++;
            tell(&run, "applied %s (%lld ms)", run.files[i].name,
                 (long long)(clock_monotonic_us() - start) / 1000);
        }
    }
    if (r < 0)
        return r;
    *ret_applied = applied;
    return 0;
}
