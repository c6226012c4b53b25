/* The spool's file: what is committed stays, whatever happens to the process, the disk or the file. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "temp.h"
#include "wire/wire.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct spool_store *opened(const struct temp *temp, struct spool_findings *ret_findings)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_store *store = NULL;

    cr_assert_eq(spool_store_open(temp->path, &store, ret_findings, &reason), 0, "%s", buf_text(&reason));
    return store;
}

static int append(struct spool_store *store, int64_t n, const char *subject, struct spool_twin *ret_twin)
{
    struct spool_record *record = temp_record(n, subject);
    int r = spool_store_begin(store);

    if (r >= 0)
        r = spool_store_append(store, record, ret_twin);
    if (r >= 0 && spool_store_commit(store) < 0)
        r = -E_IO;
    if (r < 0)
        spool_store_rollback(store);
    spool_record_free(record);
    return r;
}

/* All records, as "number subject" lines in order. */
static void list_all(struct spool_store *store, struct buf *out)
{
    struct list records;
    struct list *node;
    int64_t seq = 0, damaged;
    bool more = true;

    while (more) {
        list_init(&records);
        cr_assert_eq(spool_store_load(store, seq, 3, SIZE_MAX, &records, &damaged, &more), 0);
        while ((node = list_pop(&records))) {
            struct spool_record *record = CONTAINER_OF(node, struct spool_record, node);
            Meridian__Submission *m =
                meridian__submission__unpack(NULL, record->payload.n, (uint8_t *)record->payload.p);
            cr_assert_gt(record->seq, seq);
            seq = record->seq;
            buf_printf(out, "%s %s\n", record->number, m->subject);
            meridian__submission__free_unpacked(m, NULL);
            spool_record_free(record);
        }
    }
}

/* Runs SQL on the file while nobody has it open. */
static void tamper(const struct temp *temp, const char *sql)
{
    _cleanup_(freep) char *path = mem_printf("%s/spool.db", temp->path);
    sqlite3 *db;

    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(spool_store, keeps_records_in_order_over_restarts)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf all = BUF_INIT;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(findings.records, 0);
    for (int64_t n = 1; n <= 5; n++)
        cr_assert_eq(append(store, n, "s", &twin), SPOOL_STORED);
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(findings.records, 5);
    cr_assert_eq(findings.damaged + findings.dead + findings.aside[0], 0);
    list_all(store, &all);
    cr_assert_str_eq(buf_text(&all), "EU-1 s\nEU-2 s\nEU-3 s\nEU-4 s\nEU-5 s\n");
    cr_assert_eq(spool_store_delete(store, 2, 2), 1);
    cr_assert_eq(spool_store_delete(store, 2, 2), 0, "gone already");
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 6, "s", &twin), SPOOL_STORED);
    buf_reset(&all);
    list_all(store, &all);
    cr_assert_str_eq(buf_text(&all), "EU-1 s\nEU-3 s\nEU-4 s\nEU-5 s\nEU-6 s\n");
    spool_store_close(store);
}

Test(spool_store, seq_is_never_reused)
{
    _cleanup_temp_ struct temp temp;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_record *record = temp_record(9, "s");
    struct spool_twin twin;

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 1, "s", &twin), SPOOL_STORED);
    cr_assert_eq(spool_store_delete(store, 1, 5), 1);
    cr_assert_eq(spool_store_append(store, record, &twin), SPOOL_STORED);
    cr_assert_eq(record->seq, 2);
    spool_record_free(record);
    spool_store_close(store);
}

Test(spool_store, the_same_key_is_recognised)
{
    _cleanup_temp_ struct temp temp;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin = {0};

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 1, "one body", &twin), SPOOL_STORED);
    cr_assert_eq(append(store, 1, "one body", &twin), SPOOL_TWIN);
    cr_assert_str_eq(twin.number, "EU-1");
    cr_assert_eq(twin.accepted_us, 1000001);
    cr_assert_eq(append(store, 1, "another body", &twin), SPOOL_OTHER_BODY);
    cr_assert_eq(spool_store_settle(store, 1, &(struct spool_twin){"AP-77", "ap", 42}), 0);
    cr_assert_eq(append(store, 1, "one body", &twin), SPOOL_TWIN);
    cr_assert_str_eq(twin.number, "AP-77", "what the key leads to");
    cr_assert_str_eq(twin.region, "ap");
    cr_assert_eq(twin.accepted_us, 42);
    spool_store_close(store);
}

Test(spool_store, numbers_are_not_given_out_twice)
{
    _cleanup_temp_ struct temp temp;
    struct number_range blocks[SPOOL_BLOCKS_MAX];
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    size_t n;

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(spool_store_block_add(store, 1, 10), 0);
    cr_assert_eq(spool_store_block_add(store, 101, 10), 0);
    for (int64_t i = 1; i <= 4; i++)
        cr_assert_eq(append(store, i, "s", &twin), SPOOL_STORED);
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(spool_store_blocks(store, blocks, &n), 0);
    cr_assert_eq(n, 2);
    cr_assert_eq(blocks[0].next, 5);
    cr_assert_eq(blocks[1].next, 101);
    cr_assert_eq(append(store, 10, "s", &twin), SPOOL_STORED);
    cr_assert_eq(spool_store_blocks(store, blocks, &n), 0);
    cr_assert_eq(n, 1, "the first is used up");
    cr_assert_eq(blocks[0].first, 101);
    spool_store_close(store);
}

Test(spool_store, a_damaged_record_is_set_aside_and_the_rest_goes_on)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf all = BUF_INIT;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;

    temp_new(&temp);
    store = opened(&temp, &findings);
    for (int64_t n = 1; n <= 9; n++)
        cr_assert_eq(append(store, n, "s", &twin), SPOOL_STORED);
    store = spool_store_close(store);
    /* One flipped bit, a wrong number, a truncated payload, a whole page of bad ones in a row. */
    tamper(
        &temp,
        "UPDATE record SET payload = cast(replace(cast(payload AS text), 's', 't') AS blob) WHERE seq = 2");
    tamper(&temp, "UPDATE record SET number = 'EU-99' WHERE seq IN (4, 5, 6, 7)");
    tamper(&temp, "UPDATE record SET payload = substr(payload, 1, 20) WHERE seq = 9");
    store = opened(&temp, &findings);
    cr_assert_eq(findings.damaged, 6);
    cr_assert_eq(findings.dead, 6);
    cr_assert_eq(findings.records, 3);
    list_all(store, &all);
    cr_assert_str_eq(buf_text(&all), "EU-1 s\nEU-3 s\nEU-8 s\n");
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(findings.damaged, 0, "told once");
    cr_assert_eq(findings.dead, 6, "and kept");
    spool_store_close(store);
}

/* An answer as an earlier release wrote it: the number alone. */
Test(spool_store, an_answer_may_be_a_number_alone)
{
    _cleanup_temp_ struct temp temp;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin = {0};

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 1, "s", &twin), SPOOL_STORED);
    store = spool_store_close(store);
    tamper(&temp, "UPDATE record SET answer = 'AP-77'");
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 1, "s", &twin), SPOOL_TWIN);
    cr_assert_str_eq(twin.number, "AP-77");
    cr_assert_str_eq(twin.region, "");
    cr_assert_eq(twin.accepted_us, 1000001, "its own");
    spool_store_close(store);
}

static void overwrite(const struct temp *temp, long at, size_t n)
{
    _cleanup_(freep) char *path = mem_printf("%s/spool.db", temp->path);
    _cleanup_(freep) char *junk = mem_alloc(n);
    int fd = open(path, O_WRONLY);

    memset(junk, 0x5a, n);
    cr_assert_eq(pwrite(fd, junk, n, at), (ssize_t)n);
    close(fd);
}

Test(spool_store, a_file_that_is_none_is_moved_aside)
{
    _cleanup_temp_ struct temp temp;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    struct stat info;

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(append(store, 1, "s", &twin), SPOOL_STORED);
    store = spool_store_close(store);
    overwrite(&temp, 0, 4096);
    store = opened(&temp, &findings);
    cr_assert_neq(findings.aside[0], 0);
    cr_assert_eq(stat(findings.aside, &info), 0, "nothing is deleted");
    cr_assert_eq(findings.records, 0);
    cr_assert_eq(append(store, 2, "s", &twin), SPOOL_STORED, "and submissions are accepted again");
    spool_store_close(store);
}

Test(spool_store, what_is_readable_in_a_damaged_file_is_saved)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf all = BUF_INIT;
    _cleanup_(freep) char *path = NULL, *big = mem_alloc(2001);
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    struct stat info;

    temp_new(&temp);
    memset(big, 'x', 2000);
    store = opened(&temp, &findings);
    for (int64_t n = 1; n <= 40; n++)
        cr_assert_eq(append(store, n, big, &twin), SPOOL_STORED);
    store = spool_store_close(store);
    path = mem_printf("%s/spool.db", temp.path);
    cr_assert_eq(stat(path, &info), 0);
    overwrite(&temp, info.st_size - 3 * 4096, 3 * 4096); /* the last pages */
    store = opened(&temp, &findings);
    cr_assert_neq(findings.aside[0], 0);
    cr_assert_gt(findings.salvaged, 20);
    cr_assert_lt(findings.salvaged, 40);
    cr_assert_eq(findings.records, findings.salvaged);
    list_all(store, &all);
    cr_assert(str_starts(buf_str(&all), STR("EU-1 x")));
    spool_store_close(store);
}

/* Two kinds of damage at once: a row whose checksum is wrong is stepped over while the rest is copied. */
Test(spool_store, a_damaged_record_does_not_end_the_salvage)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf all = BUF_INIT;
    _cleanup_(freep) char *path = NULL, *big = mem_alloc(2001);
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    struct stat info;

    temp_new(&temp);
    memset(big, 'x', 2000);
    store = opened(&temp, &findings);
    for (int64_t n = 1; n <= 40; n++)
        cr_assert_eq(append(store, n, big, &twin), SPOOL_STORED);
    store = spool_store_close(store);
    tamper(&temp, "UPDATE record SET number = 'EU-99' WHERE seq IN (1, 3, 4)");
    path = mem_printf("%s/spool.db", temp.path);
    cr_assert_eq(stat(path, &info), 0);
    overwrite(&temp, info.st_size - 3 * 4096, 3 * 4096);
    store = opened(&temp, &findings);
    cr_assert_neq(findings.aside[0], 0);
    cr_assert_eq(findings.damaged, 3);
    cr_assert_gt(findings.salvaged, 17);
    list_all(store, &all);
    cr_assert(str_starts(buf_str(&all), STR("EU-2 x")));
    spool_store_close(store);
}

/* The log goes into the file when it is asked to, and at no commit. */
Test(spool_store, checkpoints_are_made_apart_from_commits)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_(freep) char *path = NULL, *big = mem_alloc(40001);
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    struct stat before, after;

    temp_new(&temp);
    path = mem_printf("%s/spool.db", temp.path);
    memset(big, 'x', 40000);
    store = opened(&temp, &findings);
    cr_assert_eq(stat(path, &before), 0);
    for (int64_t n = 1; n <= 150; n++) { /* 6 MB: SQLite's own limit is 4 */
        cr_assert_eq(append(store, n, big, &twin), SPOOL_STORED);
        spool_store_checkpoint(store, false);
    }
    cr_assert_eq(stat(path, &after), 0);
    cr_assert_eq(after.st_size, before.st_size, "while there is work");
    spool_store_checkpoint(store, true);
    cr_assert_eq(stat(path, &after), 0);
    cr_assert_gt(after.st_size, 4000000);
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(findings.records, 150);
    spool_store_close(store);
}

/* What lies behind a page that cannot be read is copied, too. */
Test(spool_store, a_page_in_the_middle_costs_its_own_records_only)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf all = BUF_INIT;
    _cleanup_(freep) char *path = NULL, *big = mem_alloc(1001);
    char page[4096];
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    int leaves = 0, fd;

    temp_new(&temp);
    memset(big, 'x', 1000);
    store = opened(&temp, &findings);
    for (int64_t n = 1; n <= 90; n++)
        cr_assert_eq(append(store, n, big, &twin), SPOOL_STORED);
    store = spool_store_close(store);
    path = mem_printf("%s/spool.db", temp.path);
    fd = open(path, O_RDONLY);
    for (long at = 4096; leaves < 10; at += 4096) {
        cr_assert_eq(pread(fd, page, sizeof page, at), (ssize_t)sizeof page);
        leaves += page[0] == 13; /* a leaf of a table */
        if (leaves == 10)
            overwrite(&temp, at, sizeof page);
    }
    close(fd);
    store = opened(&temp, &findings);
    cr_assert_neq(findings.aside[0], 0);
    cr_assert_geq(findings.salvaged, 85);
    cr_assert_lt(findings.salvaged, 90);
    list_all(store, &all);
    cr_assert(strstr(buf_text(&all), "EU-1 x"));
    cr_assert(strstr(buf_text(&all), "EU-90 x"));
    spool_store_close(store);
}

Test(spool_store, one_folder_one_process)
{
    _cleanup_temp_ struct temp temp;
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_findings findings;
    struct spool_store *store, *other;

    temp_new(&temp);
    store = opened(&temp, &findings);
    cr_assert_eq(spool_store_open(temp.path, &other, &findings, &reason), -E_IO);
    cr_assert(strstr(buf_text(&reason), "another process"), "%s", buf_text(&reason));
    spool_store_close(store);
}

Test(spool_store, a_folder_that_cannot_be_used_says_why)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_findings findings;
    struct spool_store *store;

    cr_assert_eq(spool_store_open("/proc/no-such", &store, &findings, &reason), -E_IO);
    cr_assert(strstr(buf_text(&reason), "/proc/no-such"), "%s", buf_text(&reason));
}

/* The child acknowledges each record by a byte after its commit, then is killed in the middle of its work.
 * Everything it acknowledged is there. */
Test(spool_store, kill_nine_loses_nothing_that_was_acknowledged)
{
    for (int round = 0; round < 20; round++) {
        _cleanup_temp_ struct temp temp;
        _cleanup_buf_ struct buf all = BUF_INIT;
        struct spool_findings findings;
        struct spool_store *store;
        struct spool_twin twin;
        int64_t acknowledged = 0;
        char bytes[4096];
        ssize_t n;
        int pipe_fds[2];
        pid_t child;

        temp_new(&temp);
        cr_assert_eq(pipe(pipe_fds), 0);
        child = fork();
        if (child == 0) {
            store = NULL;
            if (spool_store_open(temp.path, &store, &findings, &all) < 0)
                _exit(1);
            for (int64_t i = 1;; i++)
                if (append(store, i, "s", &twin) != SPOOL_STORED || write(pipe_fds[1], "x", 1) != 1)
                    _exit(1);
        }
        close(pipe_fds[1]);
        while (acknowledged < 1 + round * 7) {
            n = read(pipe_fds[0], bytes, sizeof bytes);
            cr_assert_gt(n, 0);
            acknowledged += n;
        }
        kill(child, SIGKILL);
        while ((n = read(pipe_fds[0], bytes, sizeof bytes)) > 0)
            acknowledged += n;
        waitpid(child, NULL, 0);
        close(pipe_fds[0]);
        store = opened(&temp, &findings);
        cr_assert_eq(findings.damaged + findings.aside[0], 0);
        cr_assert_geq(findings.records, acknowledged);
        cr_assert_leq(findings.records, acknowledged + 1);
        spool_store_close(store);
    }
}

/* A disk that takes no more: RLIMIT_FSIZE makes write(2) fail as a full disk does. */
Test(spool_store, a_full_disk_refuses_and_keeps_what_was_promised)
{
    _cleanup_temp_ struct temp temp;
    struct rlimit before, tight;
    struct spool_findings findings;
    struct spool_store *store;
    struct spool_twin twin;
    int64_t stored = 0;

    temp_new(&temp);
    signal(SIGXFSZ, SIG_IGN);
    store = opened(&temp, &findings);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = (struct rlimit){400 * 1024, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    while (stored < 100000 &&
           append(store, stored + 1, "a subject that takes some room", &twin) == SPOOL_STORED)
        stored++;
    cr_assert_gt(stored, 10);
    cr_assert_lt(stored, 100000, "the disk is full");
    setrlimit(RLIMIT_FSIZE, &before);
    store = spool_store_close(store);
    store = opened(&temp, &findings);
    cr_assert_eq(findings.damaged + findings.aside[0], 0);
    cr_assert_eq(findings.records, stored);
    cr_assert_eq(append(store, stored + 1, "s", &twin), SPOOL_STORED);
    spool_store_close(store);
}
