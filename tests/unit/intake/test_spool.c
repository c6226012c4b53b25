/* The spool's thread: order, group commit, refusal when there is no room, recovery. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "temp.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>

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
    for (int i = 1; i <= 2000; i++)
        spool_delete(world.spool, i);
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

    temp_new(&world.temp);
    open_world(&world, 0, 3);
    for (int i = 1; i <= 3; i++)
        spool_append(world.spool, temp_record(i, "s"), on_appended, &world);
    turn_until(&world, &world.stored, 3);
    spool_append(world.spool, temp_record(4, "s"), on_appended, &world);
    turn_until(&world, &world.refused, 1);
    cr_assert_eq(spool_has_room(world.spool), -E_SPOOL_FULL);
    spool_delete(world.spool, 1);
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
