/* The file itself. A damaged one is never deleted: it is renamed with the time in its name, with its
 * write-ahead log, for whoever repairs it. */
#include "intake/spool_file.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "spool_sql.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int spool_file_failed(struct spool_file *file)
{
    snprintf(file->error, sizeof file->error, "%s (%d)", file->db ? sqlite3_errmsg(file->db) : "not open",
             file->db ? sqlite3_extended_errcode(file->db) : 0);
    return -E_IO;
}

int spool_file_prepare(struct spool_file *file, const struct db_statement *statement, sqlite3_stmt **ret_stmt)
{
    for (size_t i = 0; i < SPOOL_STATEMENTS_MAX; i++) {
        if (file->prepared[i].statement == statement) {
            *ret_stmt = file->prepared[i].stmt;
            sqlite3_reset(*ret_stmt);
            return 0;
        }
        if (file->prepared[i].statement)
            continue;
        if (!file->db || sqlite3_prepare_v3(file->db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                            &file->prepared[i].stmt, NULL) != SQLITE_OK)
            return spool_file_failed(file);
        file->prepared[i].statement = statement;
        *ret_stmt = file->prepared[i].stmt;
        return 0;
    }
    abort(); /* more statements than the table holds: raise SPOOL_STATEMENTS_MAX */
}

static void close_db(struct spool_file *file)
{
    for (size_t i = 0; i < SPOOL_STATEMENTS_MAX; i++) {
        sqlite3_finalize(file->prepared[i].stmt);
        file->prepared[i].stmt = NULL;
        file->prepared[i].statement = NULL;
    }
    sqlite3_close(file->db);
    file->db = NULL;
}

void spool_file_close(struct spool_file *file)
{
    close_db(file);
    if (file->lock_fd > 0)
        close(file->lock_fd);
    file->lock_fd = 0;
}

static bool is_whole(struct spool_file *file)
{
    sqlite3_stmt *stmt;
    bool ok = spool_file_prepare(file, &sql_spool_check, &stmt) == 0 && sqlite3_step(stmt) == SQLITE_ROW &&
              strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;

    if (ok)
        sqlite3_reset(stmt);
    else
        (void)!spool_file_failed(file);
    return ok;
}

/* 0, 1 when the file is damaged, -E_IO when it cannot be used for another reason. */
static int open_db(struct spool_file *file, const char *path)
{
    int r = sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                            NULL);

    if (r == SQLITE_OK)
        r = sqlite3_exec(file->db, sql_spool_open.sql, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(file->db, sql_spool_schema.sql, NULL, NULL, NULL);
    if (r == SQLITE_OK && !is_whole(file))
        r = SQLITE_CORRUPT;
    if (r == SQLITE_OK)
        return 0;
    (void)!spool_file_failed(file);
    close_db(file);
    return r == SQLITE_CORRUPT || r == SQLITE_NOTADB ? 1 : -E_IO;
}

static int set_aside(const char *path, char *ret_aside, size_t size)
{
    static const char *const parts[] = {"", "-wal"};

    snprintf(ret_aside, size, "%s.damaged-%lld", path, (long long)(clock_now_us() / US_PER_S));
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        _cleanup_(freep) char *from = mem_printf("%s%s", path, parts[i]);
        _cleanup_(freep) char *to = mem_printf("%s%s", ret_aside, parts[i]);
        if (rename(from, to) != 0 && errno != ENOENT)
            return -E_IO;
    }
    return 0;
}

static int lock(struct spool_file *file, const char *directory, struct buf *ret_reason)
{
    _cleanup_(freep) char *path = mem_printf("%s/spool.lock", directory);

    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        buf_printf(ret_reason, "%s: %s", directory, strerror(errno));
        return -E_IO;
    }
    file->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->lock_fd < 0 || flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        buf_printf(ret_reason, "%s: %s", path,
                   errno == EWOULDBLOCK ? "another process has this spool" : strerror(errno));
        return -E_IO;
    }
    return 0;
}

int spool_file_open(struct spool_file *file, const char *directory, char *ret_aside, size_t size,
                    struct buf *ret_reason)
{
    _cleanup_(freep) char *path = mem_printf("%s/spool.db", directory);
    int r = lock(file, directory, ret_reason);

    if (r < 0)
        return r;
    r = open_db(file, path);
    if (r == 1) {
        r = set_aside(path, ret_aside, size);
        if (r == 0)
            r = open_db(file, path);
    }
    if (r == 0)
        return 0;
    buf_printf(ret_reason, "%s: %s", path, file->error);
    return -E_IO;
}

int spool_file_open_damaged(struct spool_file *file, const char *path)
{
    if (sqlite3_open_v2(path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        return 0;
    return spool_file_failed(file);
}
