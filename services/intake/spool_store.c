/* The spool's file.
 *
 * A record is durable when spool_store_commit has returned: WAL with synchronous=FULL makes SQLite call
 * fdatasync at every commit. Each record carries a checksum over everything that was promised (key, hash,
 * number, time, payload), because SQLite does not notice a flipped bit inside a value; a record that does not
 * match is moved to the table `dead`, where an operator finds it, and never sent.
 *
 * How far a block of numbers was used is written once a transaction, before its commit, and not with each
 * record: all that counts is that the commit of a record covers its number.
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

enum {
    CHECKSUM_SIZE = 16,
    LOAD_ROWS = 64,
    SHRINK_ABOVE_PAGES = 4096,
    LOG_PAGES = 1024,     /* 4 MiB: worth a checkpoint when there is nothing else to do */
    LOG_PAGES_MOST = 8192 /* 32 MiB: half of what spool_min_free keeps free */
};

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

/* The numbers that this transaction gave out of one block. */
static int use_block(struct spool_store *store)
{
    int r = store->used_block ? simple(store, &sql_spool_block_use, store->used_block, store->used_value) : 0;

    store->used_block = store->used_value = 0;
    return r;
}

int spool_store_commit(struct spool_store *store)
{
    int r = use_block(store);

    return r < 0 ? r : simple(store, &sql_spool_commit, 0, 0);
}

void spool_store_rollback(struct spool_store *store)
{
    store->used_block = store->used_value = 0;
    if (!sqlite3_get_autocommit(store->file.db))
        (void)!simple(store, &sql_spool_rollback, 0, 0);
}

/* ---- records ---- */

static void checksum_of(const struct spool_record *record, uint8_t ret_checksum[CHECKSUM_SIZE])
{
    const struct str parts[] = {
        {(const char *)record->key, sizeof record->key},
        {(const char *)record->body_hash, sizeof record->body_hash},
        {record->number, strlen(record->number) + 1},
        {(const char *)&record->accepted_us, sizeof record->accepted_us},
        buf_str(&record->payload),
    };
    uint8_t hash[AUTH_HASH_SIZE];

    auth_sha256_parts(parts, ARRAY_SIZE(parts), hash);
    memcpy(ret_checksum, hash, CHECKSUM_SIZE);
}

/* "number", or "number region accepted": what spool_store_settle wrote. What is missing stays as it was. */
static void read_answer(const char *text, struct spool_twin *twin)
{
    struct str number, region, rest;
    int64_t accepted_us;

    str_cut(str_from(text), ' ', &number, &rest);
    str_cut(rest, ' ', &region, &rest);
    snprintf(twin->number, sizeof twin->number, "%.*s", (int)number.n, number.p);
    snprintf(twin->region, sizeof twin->region, "%.*s", (int)region.n, region.p);
    if (str_to_i64(rest, 1, INT64_MAX, &accepted_us) == 0)
        twin->accepted_us = accepted_us;
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
        *ret_twin = (struct spool_twin){.accepted_us = sqlite3_column_int64(stmt, 2)};
        read_answer((const char *)sqlite3_column_text(stmt, 1), ret_twin);
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
    r = store->used_block == record->block ? 0 : use_block(store);
    store->used_block = record->block;
    if (record->value > store->used_value)
        store->used_value = record->value;
    return r < 0 ? r : SPOOL_STORED;
}

int spool_store_delete(struct spool_store *store, int64_t first, int64_t last)
{
    int r = simple(store, &sql_spool_record_delete, first, last);

    return r < 0 ? r : sqlite3_changes(store->file.db);
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
    if (r >= 0)
        r = spool_store_delete(store, seq, seq);
    return r < 0 ? r : r == 0;
}

int spool_store_settle(struct spool_store *store, int64_t seq, const struct spool_twin *answer)
{
    char text[SPOOL_NUMBER_SIZE + SPOOL_REGION_SIZE + 24];
    sqlite3_stmt *stmt;
    int r = run(store, &sql_spool_record_settle, &stmt);

    if (r < 0)
        return r;
    snprintf(text, sizeof text, "%s %s %lld", answer->number, answer->region, (long long)answer->accepted_us);
    sqlite3_bind_int64(stmt, 1, seq);
    sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
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

/* As spool_store_load, but leaves damaged rows where they are and adds their seqs (int64_t) to `damaged`. */
static int load(struct spool_store *store, int64_t seq, size_t max, size_t max_bytes,
                struct list *ret_records, struct buf *damaged, bool *ret_more)
{
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
            buf_add(damaged, &bad, sizeof bad);
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
    *ret_more = rows == max || step == SQLITE_ROW;
    return 0;
}

int spool_store_load(struct spool_store *store, int64_t seq, size_t max, size_t max_bytes,
                     struct list *ret_records, int64_t *ret_damaged, bool *ret_more)
{
    _cleanup_buf_ struct buf damaged = BUF_INIT;
    int r = load(store, seq, max, max_bytes, ret_records, &damaged, ret_more);

    if (r < 0)
        return r;
    *ret_damaged = (int64_t)(damaged.n / sizeof(int64_t));
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
static int check_records(struct spool_store *store, struct spool_findings *findings)
{
    int64_t seq = 0, damaged;
    bool more = true;
    int r = 0;

    while (more && r >= 0) {
        struct list records;
        struct list *node;

        list_init(&records);
        r = spool_store_load(store, seq, LOAD_ROWS, SIZE_MAX, &records, &damaged, &more);
        if (r >= 0)
            findings->damaged += damaged;
        if (list_empty(&records)) /* a page of nothing but damaged ones: they are gone now, ask again */
            more = more && r >= 0 && damaged > 0;
        while ((node = list_pop(&records))) {
            struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
            seq = record->seq;
            spool_record_free(record);
        }
    }
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

static int64_t last_seq(struct spool_store *store)
{
    sqlite3_stmt *stmt;
    int64_t seq = 0;

    if (run(store, &sql_spool_record_last, &stmt) < 0)
        return 0;
    if (sqlite3_step(stmt) == SQLITE_ROW)
        seq = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return seq;
}

/* Copies what can be read out of a file that was set aside, row by row. Steps over rows that are not what was
 * stored (they stay in that file), and over places that cannot be read as long as it is known that more
 * follows. */
static void salvage(struct spool_store *store, struct spool_findings *findings)
{
    struct spool_store old = {0};
    struct spool_twin twin;
    int64_t seq = 0, copied = 0, last;
    bool more = true;

    if (spool_file_open_damaged(&old.file, findings->aside) < 0 || spool_store_begin(store) < 0) {
        spool_file_close(&old.file);
        return;
    }
    last = last_seq(&old);
    while (more) {
        _cleanup_buf_ struct buf damaged = BUF_INIT;
        struct list records;
        struct list *node;

        list_init(&records);
        if (load(&old, seq, 1, SIZE_MAX, &records, &damaged, &more) < 0)
            more = ++seq < last;
        if (damaged.n) {
            memcpy(&seq, damaged.p, sizeof seq);
            findings->damaged++;
        }
        while ((node = list_pop(&records))) {
            struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
            seq = record->seq;
            copied += spool_store_append(store, record, &twin) == SPOOL_STORED;
            spool_record_free(record);
        }
    }
    spool_file_close(&old.file);
    if (spool_store_commit(store) < 0)
        spool_store_rollback(store);
    else
        findings->salvaged = copied;
}

/* SQLite calls it after each commit with the length of the log. Being there also turns SQLite's own
 * checkpoints off. */
static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct spool_store *store = ctx;

    (void)db, (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

int spool_store_open(const char *directory, struct spool_store **ret_store,
                     struct spool_findings *ret_findings, struct buf *ret_reason)
{
    struct spool_store *store = NEW(struct spool_store);
    struct spool_findings findings = {0};
    int r = spool_file_open(&store->file, directory, findings.aside, sizeof findings.aside, ret_reason);

    if (r >= 0)
        sqlite3_wal_hook(store->file.db, on_commit, store);
    if (r >= 0 && findings.aside[0])
        salvage(store, &findings);
    if (r >= 0)
        r = check_records(store, &findings);
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

void spool_store_checkpoint(struct spool_store *store, bool idle)
{
    if (store->log_pages <= (idle ? LOG_PAGES : LOG_PAGES_MOST))
        return;
    (void)sqlite3_wal_checkpoint_v2(store->file.db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    store->log_pages = 0; /* the next commit tells: the log begins anew once all of it is in the file */
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
