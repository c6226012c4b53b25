/* Opening, checking and setting aside the SQLite file under the spool. Inside of spool_store.c only. */
#pragma once
#include "base/buf.h"
#include "db/statement.h"
#include <sqlite3.h>

enum { SPOOL_STATEMENTS_MAX = 32 };

struct spool_file {
    sqlite3 *db;
    int lock_fd; /* spool.lock, locked; also names the file system */
    struct {
        const struct db_statement *statement;
        sqlite3_stmt *stmt;
    } prepared[SPOOL_STATEMENTS_MAX];
    char error[256]; /* of the last failure */
};
struct spool_store {
    struct spool_file file;
    int64_t used_block, used_value; /* numbers given out in this transaction; 0: none */
    int log_pages;                  /* in the write-ahead log */
};

/** Opens `directory`/spool.db. A file that is damaged is renamed (its name in ret_aside) and a fresh one
 * made. */
int spool_file_open(struct spool_file *file, const char *directory, char *ret_aside, size_t size,
                    struct buf *ret_reason) _must_check_;
/** Opens a file that was set aside, for reading what is left. */
int spool_file_open_damaged(struct spool_file *file, const char *path) _must_check_;
void spool_file_close(struct spool_file *file);
/** The statement, prepared once and reset. */
int spool_file_prepare(struct spool_file *file, const struct db_statement *statement,
                       sqlite3_stmt **ret_stmt) _must_check_;
/** Remembers what SQLite says; always -E_IO. */
int spool_file_failed(struct spool_file *file) _must_check_;
