/* The spool's file.
 *
 * A record is durable when spool_store_commit has returned: WAL with synchronous=FULL makes SQLite call
 * fdatasync at every commit. Each record carries a checksum over everything that was promised (key, hash,
 * number, time, payload), because SQLite does not notice a flipped bit inside a value; a record that does not
 * match is moved to the table `dead`, where an operator finds it, and never sent.
 *
 * Only one process may have the file: a lock file guards it beyond SQLite's own exclusive locking, so that a
 * second intake with the same folder stops at start and not at the first write.
 */
#include "intake/spool_store.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/spool_file.h"
#include "meridian/errors.h"
#include "spool_sql.h"
#include <stdio.h>
#include <sys/statvfs.h>

enum { CHECKSUM_SIZE = 16, LOAD_ROWS = 64, SHRINK_ABOVE_PAGES = 4096 };

struct spool_record *spool_record_free(struct spool_record *record)
{
    if (record)
        buf_fini(&record->payload);
    free(record);
    return NULL;
}

/* ---- statements ---- */

static int run(struct spool_store *store, const struct db_statement *statement, sqlite3_stmt **ret_stmt)
{
    return spool_file_prepare(&store->file, statement, ret_stmt);
}

/* Steps a statement that gives no rows. */
static int finish(struct spool_store *store, sqlite3_stmt *stmt)
{
    int r = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return r == SQLITE_DONE || r == SQLITE_ROW ? 0 : spool_file_failed(&store->file);
}

static int simple(struct spool_store *store, const struct db_statement *statement, int64_t a, int64_t b)
{
    sqlite3_stmt *stmt;
    int r = run(store, statement, &stmt);

    if (r < 0)
        return r;
    if (sqlite3_bind_parameter_count(stmt) > 0)
        sqlite3_bind_int64(stmt, 1, a);
    if (sqlite3_bind_parameter_count(stmt) > 1)
        sqlite3_bind_int64(stmt, 2, b);
    return finish(store, stmt);
}

int spool_store_begin(struct spool_store *store)
{
    return simple(store, &sql_spool_begin, 0, 0);
}

int spool_store_commit(struct spool_store *store)
{
    return simple(store, &sql_spool_commit, 0, 0);
}

void spool_store_rollback(struct spool_store *store)
{
    if (!sqlite3_get_autocommit(store->file.db))
        (void)!simple(store, &sql_spool_rollback, 0, 0);
}

/* ---- records ---- */

static void checksum_of(const struct spool_record *record, uint8_t ret_checksum[CHECKSUM_SIZE])
{
    _cleanup_buf_ struct buf all = BUF_INIT;
    uint8_t hash[AUTH_HASH_SIZE];

    buf_reserve(&all, record->payload.n + 128);
    buf_add(&all, record->key, sizeof record->key);
    buf_add(&all, record->body_hash, sizeof record->body_hash);
    buf_add(&all, record->number, strlen(record->number) + 1);
    buf_add(&all, &record->accepted_us, sizeof record->accepted_us);
    buf_add_str(&all, buf_str(&record->payload));
    auth_sha256(all.p, all.n, hash);
    memcpy(ret_checksum, hash, CHECKSUM_SIZE);
}

static int find_twin(struct spool_store *store, const struct spool_record *record,
                     struct spool_twin *ret_twin)
{
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_record_twin, &stmt);

    if (r < 0)
        return r;
    sqlite3_bind_blob(stmt, 1, record->key, sizeof record->key, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        sqlite3_reset(stmt);
        return spool_file_failed(&store->file);
    }
    r = SPOOL_OTHER_BODY;
    if (sqlite3_column_bytes(stmt, 0) == sizeof record->body_hash &&
        memcmp(sqlite3_column_blob(stmt, 0), record->body_hash, sizeof record->body_hash) == 0) {
        snprintf(ret_twin->number, sizeof ret_twin->number, "%s", (const char *)sqlite3_column_text(stmt, 1));
        ret_twin->accepted_us = sqlite3_column_int64(stmt, 2);
        r = SPOOL_TWIN;
    }
    sqlite3_reset(stmt);
    return r;
}

int spool_store_append(struct spool_store *store, struct spool_record *record, struct spool_twin *ret_twin)
{
    uint8_t checksum[CHECKSUM_SIZE];
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_record_append, &stmt);

    if (r < 0)
        return r;
    checksum_of(record, checksum);
    sqlite3_bind_blob(stmt, 1, record->key, sizeof record->key, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, record->body_hash, sizeof record->body_hash, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, record->number, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, record->accepted_us);
    sqlite3_bind_blob(stmt, 5, buf_text(&record->payload), (int)record->payload.n, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 6, checksum, sizeof checksum, SQLITE_STATIC);
    r = finish(store, stmt);
    if (r < 0)
        return r;
    if (sqlite3_changes(store->file.db) == 0)
        return find_twin(store, record, ret_twin);
    record->seq = sqlite3_last_insert_rowid(store->file.db);
    r = simple(store, &sql_spool_block_use, record->block, record->value);
    return r < 0 ? r : SPOOL_STORED;
}

int spool_store_delete(struct spool_store *store, int64_t seq)
{
    int r = simple(store, &sql_spool_record_delete, seq, 0);

    return r < 0 ? r : sqlite3_changes(store->file.db) == 0;
}

int spool_store_bury(struct spool_store *store, int64_t seq, const char *reason)
{
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_record_bury, &stmt);

    if (r < 0)
        return r;
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite3_bind_int64(stmt, 2, clock_now_us());
    sqlite3_bind_text(stmt, 3, reason, -1, SQLITE_STATIC);
    r = finish(store, stmt);
    return r < 0 ? r : spool_store_delete(store, seq);
}

int spool_store_settle(struct spool_store *store, int64_t seq, const char *number)
{
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_record_settle, &stmt);

    if (r < 0)
        return r;
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite3_bind_text(stmt, 2, number, -1, SQLITE_STATIC);
    return finish(store, stmt);
}

/* NULL when the row is not what was stored. */
static struct spool_record *read_record(sqlite3_stmt *row)
{
    struct spool_record *record = NEW(struct spool_record);
    const void *stored = sqlite3_column_blob(row, 6);
    const char *number = (const char *)sqlite3_column_text(row, 3);
    uint8_t checksum[CHECKSUM_SIZE];

    record->seq = sqlite3_column_int64(row, 0);
    if (sqlite3_column_bytes(row, 1) != sizeof record->key ||
        sqlite3_column_bytes(row, 2) != sizeof record->body_hash ||
        sqlite3_column_bytes(row, 6) != CHECKSUM_SIZE || !number || strlen(number) >= sizeof record->number)
        return spool_record_free(record);
    memcpy(record->key, sqlite3_column_blob(row, 1), sizeof record->key);
    memcpy(record->body_hash, sqlite3_column_blob(row, 2), sizeof record->body_hash);
    memcpy(record->number, number, strlen(number) + 1);
    record->accepted_us = sqlite3_column_int64(row, 4);
    buf_add(&record->payload, sqlite3_column_blob(row, 5), (size_t)sqlite3_column_bytes(row, 5));
    checksum_of(record, checksum);
    return memcmp(checksum, stored, CHECKSUM_SIZE) == 0 ? record : spool_record_free(record);
}

static int bury_all(struct spool_store *store, const struct buf *seqs)
{
    const int64_t *seq = (const int64_t *)(const void *)seqs->p;
    bool own = sqlite3_get_autocommit(store->file.db);
    int r = own && seqs->n ? spool_store_begin(store) : 0;

    for (size_t i = 0; i < seqs->n / sizeof *seq && r >= 0; i++)
        r = spool_store_bury(store, seq[i], "damaged: the checksum does not match");
    if (own && seqs->n && r >= 0)
        r = spool_store_commit(store);
    if (own && r < 0)
        spool_store_rollback(store);
    return r;
}

int spool_store_load(struct spool_store *store, int64_t seq, size_t max, size_t max_bytes,
                     struct list *ret_records, int64_t *ret_damaged, bool *ret_more)
{
    _cleanup_buf_ struct buf damaged = BUF_INIT;
    size_t rows = 0, bytes = 0;
    sqlite3_stmt *stmt;
    int step, r = run(store, &sql_spool_record_load, &stmt);

    if (r < 0)
        return r;
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite3_bind_int64(stmt, 2, (int64_t)max);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct spool_record *record = read_record(stmt);
        rows++;
        if (!record) {
            int64_t bad = sqlite3_column_int64(stmt, 0);
            buf_add(&damaged, &bad, sizeof bad);
            continue;
        }
        list_append(ret_records, &record->node);
        bytes += record->payload.n;
        if (bytes >= max_bytes)
            break;
    }
    sqlite3_reset(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return spool_file_failed(&store->file);
    *ret_damaged = (int64_t)(damaged.n / sizeof(int64_t));
    *ret_more = rows == max || step == SQLITE_ROW;
    r = bury_all(store, &damaged);
    return r < 0 ? r : 0;
}

/* ---- number blocks ---- */

int spool_store_block_add(struct spool_store *store, int64_t first, int64_t count)
{
    return simple(store, &sql_spool_block_add, first, count);
}

int spool_store_blocks(struct spool_store *store, struct number_range ret_blocks[SPOOL_BLOCKS_MAX],
                       size_t *ret_n)
{
    sqlite3_stmt *stmt;
    int step, r = simple(store, &sql_spool_block_prune, 0, 0);
    size_t n = 0;

    if (r >= 0)
        r = run(store, &sql_spool_block_list, &stmt);
    if (r < 0)
        return r;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW && n < SPOOL_BLOCKS_MAX)
        ret_blocks[n++] = (struct number_range){sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                                                sqlite3_column_int64(stmt, 2)};
    sqlite3_reset(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        return spool_file_failed(&store->file);
    *ret_n = n;
    return 0;
}

/* ---- opening ---- */

/* Looks at every record once, so that damage is known (and told) at start and not when its turn comes. */
static int check_records(struct spool_store *store, int64_t *ret_damaged)
{
    int64_t seq = 0, total = 0, damaged;
    bool more = true;
    int r = 0;

    while (more && r >= 0) {
        struct list records;
        struct list *node;

        list_init(&records);
        r = spool_store_load(store, seq, LOAD_ROWS, SIZE_MAX, &records, &damaged, &more);
        if (r >= 0)
            total += damaged;
        if (list_empty(&records)) /* a page of nothing but damaged ones: they are gone now, ask again */
            more = more && r >= 0 && damaged > 0;
        while ((node = list_pop(&records))) {
            struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
            seq = record->seq;
            spool_record_free(record);
        }
    }
    *ret_damaged = total;
    return r;
}

static int count_rows(struct spool_store *store, struct spool_findings *findings)
{
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_counts, &stmt);

    if (r < 0)
        return r;
    r = sqlite3_step(stmt) == SQLITE_ROW ? 0 : spool_file_failed(&store->file);
    findings->records = sqlite3_column_int64(stmt, 0);
    findings->dead = sqlite3_column_int64(stmt, 1);
    sqlite3_reset(stmt);
    return r;
}

/* Copies what can be read out of a file that was set aside. Stops at the first place that cannot be read. */
static int64_t salvage(struct spool_store *store, const char *aside)
{
    struct spool_store old = {0};
    struct spool_twin twin;
    int64_t seq = 0, copied = 0, damaged;
    bool more = true;

    if (spool_file_open_damaged(&old.file, aside) < 0 || spool_store_begin(store) < 0) {
        spool_file_close(&old.file);
        return 0;
    }
    while (more) {
        struct list records;
        struct list *node;

        list_init(&records);
        more = spool_store_load(&old, seq, 1, SIZE_MAX, &records, &damaged, &more) >= 0 && more;
        more = more && !list_empty(&records);
        while ((node = list_pop(&records))) {
            struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
            seq = record->seq;
            copied += spool_store_append(store, record, &twin) == SPOOL_STORED;
            spool_record_free(record);
        }
    }
    spool_file_close(&old.file);
    if (spool_store_commit(store) < 0) {
        spool_store_rollback(store);
        return 0;
    }
    return copied;
}

int spool_store_open(const char *directory, struct spool_store **ret_store,
                     struct spool_findings *ret_findings, struct buf *ret_reason)
{
    struct spool_store *store = NEW(struct spool_store);
    struct spool_findings findings = {0};
    int r = spool_file_open(&store->file, directory, findings.aside, sizeof findings.aside, ret_reason);

    if (r >= 0 && findings.aside[0])
        findings.salvaged = salvage(store, findings.aside);
    if (r >= 0)
        r = check_records(store, &findings.damaged);
    if (r >= 0)
        r = count_rows(store, &findings);
    if (r < 0) {
        if (ret_reason->n == 0)
            buf_add_text(ret_reason, spool_store_error(store));
        spool_store_close(store);
        return r;
    }
    *ret_findings = findings;
    *ret_store = store;
    return 0;
}

struct spool_store *spool_store_close(struct spool_store *store)
{
    if (store)
        spool_file_close(&store->file);
    free(store);
    return NULL;
}

void spool_store_shrink(struct spool_store *store)
{
    sqlite3_stmt *stmt;
    int64_t pages = 0;

    if (run(store, &sql_spool_free_pages, &stmt) < 0)
        return;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        pages = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    if (pages <= SHRINK_ABOVE_PAGES || run(store, &sql_spool_shrink, &stmt) < 0)
        return;
    while (sqlite3_step(stmt) == SQLITE_ROW) /* a row a page */
        ;
    sqlite3_reset(stmt);
}

int64_t spool_store_free_bytes(const struct spool_store *store)
{
    struct statvfs fs;

    if (fstatvfs(store->file.lock_fd, &fs) != 0)
        return 0;
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}

const char *spool_store_error(const struct spool_store *store)
{
    return store->file.error;
}
