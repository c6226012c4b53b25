/* The spool's thread: order, group commit, refusal when there is no room, recovery. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "temp.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    struct temp temp;
    uv_loop_t loop;
    struct spool *spool;
    int stored, twins, others, refused, loaded;
    int64_t last_seq;
    bool loaded_all;
};

static void on_appended(void *ctx, int outcome, struct spool_record *record, const struct spool_twin *twin)
{
    struct world *world = ctx;

    (void)twin;
    world->stored += outcome == SPOOL_STORED;
    world->twins += outcome == SPOOL_TWIN;
    world->others += outcome == SPOOL_OTHER_BODY;
    world->refused += outcome == -E_SPOOL_FULL;
    if (outcome == SPOOL_STORED) {
        cr_assert_gt(record->seq, world->last_seq, "callbacks come in order");
        world->last_seq = record->seq;
    }
    spool_record_free(record);
}

static void on_loaded(void *ctx, int status, struct list *records, bool more)
{
    struct world *world = ctx;
    struct list *node;

    cr_assert_eq(status, 0);
    while ((node = list_pop(records))) {
        world->loaded++;
        spool_record_free(CONTAINER_OF(node, struct spool_record, node));
    }
    world->loaded_all = !more;
}

static void open_world(struct world *world, int64_t min_free, int64_t max_records)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_options options = {&world->loop, world->temp.path, min_free, max_records};

    uv_loop_init(&world->loop);
    cr_assert_eq(spool_open(&options, &world->spool, &reason), 0, "%s", buf_text(&reason));
}

static void close_world(struct world *world)
{
    world->spool = spool_close(world->spool);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&world->loop), 0);
}

static void turn_until(struct world *world, const int *value, int wanted)
{
    int64_t end = clock_monotonic_us() + 20 * US_PER_S;

    while (*value < wanted && clock_monotonic_us() < end)
        uv_run(&world->loop, UV_RUN_ONCE);
    cr_assert_geq(*value, wanted);
}

Test(spool, many_appends_share_a_transaction)
{
    struct world world = {0};
    struct metric *commits;
    int64_t seqs[2000];

    temp_new(&world.temp);
    open_world(&world, 0, 1000000);
    commits = metric_counter("meridian_intake_spool_commits_total", "Transactions of the spool.", NULL);
    for (int i = 1; i <= 2000; i++)
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 2000);
    cr_assert_eq(spool_depth(world.spool), 2000);
    cr_assert_lt(metric_read(commits, NULL), 200);
    spool_load(world.spool, 0, 5000, SIZE_MAX, on_loaded, &world);
    turn_until(&world, &world.loaded, 2000);
    cr_assert(world.loaded_all);
    for (int64_t i = 1; i <= 2000; i++)
        seqs[i - 1] = i;
    spool_delete(world.spool, seqs, 2000);
    spool_delete(world.spool, NULL, 0);
    spool_bury(world.spool, 7, "deleted before, so nothing to bury");
    close_world(&world);
    open_world(&world, 0, 1000000);
    cr_assert_eq(spool_depth(world.spool), 0);
    cr_assert_eq(spool_dead(world.spool), 0);
    close_world(&world);
    temp_remove(&world.temp);
}

Test(spool, a_load_sees_what_was_given_before_it)
{
    struct world world = {0};

    temp_new(&world.temp);
    open_world(&world, 0, 1000000);
    for (int i = 1; i <= 10; i++)
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
    spool_load(world.spool, 0, 100, SIZE_MAX, on_loaded, &world);
    spool_append(world.spool, temp_record(11, "s"), on_appended, &world);
    turn_until(&world, &world.loaded, 10);
    cr_assert_eq(world.loaded, 10);
    turn_until(&world, &world.stored, 11);
    close_world(&world);
    temp_remove(&world.temp);
}

Test(spool, the_same_key_in_one_group)
{
    struct world world = {0};

    temp_new(&world.temp);
    open_world(&world, 0, 1000000);
    for (int i = 0; i < 3; i++)
        spool_append(world.spool, temp_record(1, "s"), on_appended, &world);
    spool_append(world.spool, temp_record(1, "other"), on_appended, &world);
    turn_until(&world, &world.others, 1);
    cr_assert_eq(world.stored, 1);
    cr_assert_eq(world.twins, 2);
    cr_assert_eq(spool_depth(world.spool), 1);
    close_world(&world);
    temp_remove(&world.temp);
}

Test(spool, closing_finishes_what_was_given)
{
    struct world world = {0};

    temp_new(&world.temp);
    open_world(&world, 0, 1000000);
    for (int i = 1; i <= 500; i++)
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
    close_world(&world);
    cr_assert_eq(world.stored, 500);
    temp_remove(&world.temp);
}

Test(spool, below_the_free_space_floor_nothing_is_accepted)
{
    struct world world = {0};

    temp_new(&world.temp);
    open_world(&world, INT64_MAX, 1000000);
    cr_assert_eq(spool_has_room(world.spool), -E_SPOOL_FULL);
    spool_append(world.spool, temp_record(1, "s"), on_appended, &world);
    turn_until(&world, &world.refused, 1);
    cr_assert_eq(spool_depth(world.spool), 0);
    close_world(&world);
    temp_remove(&world.temp);
}

Test(spool, above_the_most_records_nothing_is_accepted_until_some_leave)
{
    struct world world = {0};
    int64_t first = 1;

    temp_new(&world.temp);
    open_world(&world, 0, 3);
    for (int i = 1; i <= 3; i++)
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 3);
    spool_append(world.spool, temp_record(4, "s"), on_appended, &world);
    turn_until(&world, &world.refused, 1);
    cr_assert_eq(spool_has_room(world.spool), -E_SPOOL_FULL);
    spool_delete(world.spool, &first, 1);
    spool_append(world.spool, temp_record(5, "s"), on_appended, &world); /* may share the delete's group */
    turn_until(&world, &world.loaded, 0);
    while (world.stored + world.refused < 5)
        uv_run(&world.loop, UV_RUN_ONCE);
    spool_append(world.spool, temp_record(6, "s"), on_appended, &world);
    while (world.stored + world.refused < 6)
        uv_run(&world.loop, UV_RUN_ONCE);
    cr_assert_eq(world.stored, 4);
    close_world(&world);
    temp_remove(&world.temp);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* only to turn the loop */
}

static void turn_until_room(struct world *world)
{
    int64_t end = clock_monotonic_us() + 20 * US_PER_S;
    uv_timer_t tick;

    uv_timer_init(&world->loop, &tick);
    uv_timer_start(&tick, on_tick, 1, 1);
    while (spool_has_room(world->spool) < 0) {
        cr_assert_lt(clock_monotonic_us(), end, "no room was found");
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* While nothing is accepted nothing may be given to the writer either: it has to look by itself. */
Test(spool, room_is_found_again_although_nobody_asks)
{
    struct world world = {0};

    temp_new(&world.temp);
    open_world(&world, INT64_MAX, 1000000);
    cr_assert_eq(spool_has_room(world.spool), -E_SPOOL_FULL);
    spool_limit(world.spool, 0, 1000000); /* as if somebody had made room */
    turn_until_room(&world);
    spool_append(world.spool, temp_record(1, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 1);
    close_world(&world);
    temp_remove(&world.temp);
}

Test(spool, records_that_leave_make_room_by_themselves)
{
    struct world world = {0};
    const int64_t seqs[] = {1, 2};

    temp_new(&world.temp);
    open_world(&world, 0, 2);
    for (int i = 1; i <= 3; i++) {
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
        while (world.stored + world.refused < i)
            uv_run(&world.loop, UV_RUN_ONCE);
    }
    cr_assert_eq(world.refused, 1);
    spool_delete(world.spool, seqs, 2);
    turn_until_room(&world);
    spool_append(world.spool, temp_record(4, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 3);
    cr_assert_eq(spool_depth(world.spool), 1);
    close_world(&world);
    temp_remove(&world.temp);
}

/* The disk fills up under a running spool, and is given room again. */
Test(spool, a_disk_that_is_full_for_a_while)
{
    struct world world = {0};
    struct rlimit before, tight;
    int given = 0;

    signal(SIGXFSZ, SIG_IGN);
    temp_new(&world.temp);
    open_world(&world, 0, 1000000);
    getrlimit(RLIMIT_FSIZE, &before);
    tight = (struct rlimit){300 * 1024, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    while (world.refused == 0 && given < 50000) {
        spool_append(world.spool, temp_record(++given, "a subject that takes some room"), on_appended,
                     &world);
        uv_run(&world.loop, UV_RUN_NOWAIT);
    }
    while (world.stored + world.refused < given)
        uv_run(&world.loop, UV_RUN_ONCE);
    cr_assert_gt(world.refused, 0);
    setrlimit(RLIMIT_FSIZE, &before);
    for (int tries = 0, stored = world.stored; world.stored == stored; tries++) {
        cr_assert_lt(tries, 1000, "accepted again once there is room");
        spool_append(world.spool, temp_record(++given, "s"), on_appended, &world);
        while (world.stored + world.refused < given)
            uv_run(&world.loop, UV_RUN_ONCE);
    }
    cr_assert_eq(spool_depth(world.spool), world.stored, "nothing refused is in the file");
    close_world(&world);
    open_world(&world, 0, 1000000);
    cr_assert_eq(spool_depth(world.spool), world.stored);
    close_world(&world);
    temp_remove(&world.temp);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* A write fails, and then the file cannot even be opened: everybody is told, nobody waits for a better day.
 */
Test(spool, a_file_that_cannot_be_opened_again_keeps_nobody_waiting)
{
    struct world world = {0};
    char path[128], away[128];

    signal(SIGXFSZ, SIG_IGN);
    temp_new(&world.temp);
    snprintf(path, sizeof path, "%s/spool.db", world.temp.path);
    snprintf(away, sizeof away, "%s/away.db", world.temp.path);
    open_world(&world, 0, 1000000);
    spool_append(world.spool, temp_record(1, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 1);
    cr_assert_eq(rename(path, away), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    limit_files(1);
    for (int i = 2; i <= 4; i++) { /* the first fails by itself, the others while the file is away */
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
        turn_until(&world, &world.refused, i - 1);
    }
    limit_files(RLIM_INFINITY);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rename(away, path), 0);
    turn_until_room(&world);
    spool_append(world.spool, temp_record(5, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 2);
    close_world(&world);
    temp_remove(&world.temp);
}

/* Overwrites a page in the middle of the table's rows (a leaf: 13), which later records do not touch. */
static void damage_old_records(const char *path)
{
    char page[4096];
    int leaves = 0, fd = open(path, O_RDWR);

    for (off_t at = 4096; pread(fd, page, sizeof page, at) == sizeof page; at += 4096) {
        leaves += page[0] == 13;
        if (leaves < 10)
            continue;
        memset(page, 0x5a, sizeof page);
        if (pwrite(fd, page, sizeof page, at) != sizeof page)
            _exit(3);
        close(fd);
        return;
    }
    _exit(4);
}

/* While the file is away after the failed write, loading fails; when it is back, the process ends. */
static void on_loaded_or_again(void *ctx, int status, struct list *records, bool more)
{
    struct world *world = ctx;

    if (status < 0)
        spool_load(world->spool, 0, 1, SIZE_MAX, on_loaded_or_again, world);
    else
        on_loaded(ctx, status, records, more);
}

/* In a child: a file that turns out to be damaged while the process runs. */
static void run_until_damage_is_found(const struct temp *temp)
{
    struct world world = {.temp = *temp};
    char path[128];

    for (int run = 0; run < 2; run++) { /* the second run finds the records in the file, not in the log */
        open_world(&world, 0, 1000000);
        for (int i = 1; i <= 400; i++)
            spool_append(world.spool, temp_record(run * 400 + i, "s"), on_appended, &world);
        turn_until(&world, &world.stored, 400 * (run + 1));
        if (run == 0)
            close_world(&world);
    }
    snprintf(path, sizeof path, "%s/spool.db", temp->path);
    damage_old_records(path);
    limit_files(1);
    spool_append(world.spool, temp_record(1001, "s"), on_appended, &world);
    turn_until(&world, &world.refused, 1);
    limit_files(RLIM_INFINITY);
    spool_load(world.spool, 0, 1, SIZE_MAX, on_loaded_or_again, &world);
    turn_until(&world, &world.loaded, 1); /* not reached: the process has ended */
}

Test(spool, damage_found_at_run_time_ends_the_process_for_a_fresh_start)
{
    struct world world = {0};
    int status = 0;
    pid_t child;

    signal(SIGXFSZ, SIG_IGN);
    temp_new(&world.temp);
    child = fork();
    if (child == 0) {
        run_until_damage_is_found(&world.temp);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE, "status %x", (unsigned)status);
    open_world(&world, 0, 1000000);
    cr_assert_gt(spool_depth(world.spool), 700, "all but the rows of one page: %lld",
                 (long long)spool_depth(world.spool));
    cr_assert_lt(spool_depth(world.spool), 800);
    spool_append(world.spool, temp_record(1000, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 1);
    close_world(&world);
    temp_remove(&world.temp);
}

static void on_block(void *ctx, int status, struct number_range block)
{
    struct world *world = ctx;

    cr_assert_eq(status, 0);
    cr_assert_eq(block.first, 4096);
    world->loaded++;
}

Test(spool, blocks_are_kept)
{
    struct world world = {0};
    const struct number_range *blocks;
    size_t n;

    temp_new(&world.temp);
    open_world(&world, 0, 10);
    spool_block_add(world.spool, 4096, 100, on_block, &world);
    turn_until(&world, &world.loaded, 1);
    close_world(&world);
    open_world(&world, 0, 10);
    blocks = spool_blocks(world.spool, &n);
    cr_assert_eq(n, 1);
    cr_assert_eq(blocks[0].count, 100);
    close_world(&world);
    temp_remove(&world.temp);
}
