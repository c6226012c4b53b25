/* Numbers: blocks ahead, none twice, none without a lease. */
#include "authority.h"
#include "base/memory.h"
#include "intake/numbers.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <stdio.h>

struct world {
    struct authority authority;
    struct temp temp;
    struct spool *spool;
    struct numbers *numbers;
};
static struct world world;

static void open_spool(void)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_options options = {&world.authority.loop, world.temp.path, 0, 1000000};

    cr_assert_eq(spool_open(&options, &world.spool, &reason), 0, "%s", buf_text(&reason));
    world.numbers = numbers_new(&world.authority.service, world.spool);
}

static void stop(void)
{
    numbers_stop(world.numbers);
    authority_close(&world.authority);
    world.spool = spool_close(world.spool);
    world.numbers = numbers_free(world.numbers);
    uv_run(&world.authority.loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&world.authority.loop), 0);
}

static bool ahead(void *arg)
{
    return numbers_left(world.numbers) >= *(int64_t *)arg;
}

static bool asked(void *arg)
{
    return world.authority.leases >= *(int *)arg;
}

static int64_t take(void)
{
    struct spool_record record = {0};
    char text[32];

    cr_assert_eq(numbers_take(world.numbers, &record), 0);
    snprintf(text, sizeof text, "EU-%lld", (long long)record.value);
    cr_assert_str_eq(record.number, text);
    return record.value;
}

Test(numbers, two_blocks_are_kept_ahead_and_none_is_given_twice)
{
    int64_t two = 2 * 65536, last = 0;

    temp_new(&world.temp);
    authority_open(&world.authority, COMMITS);
    open_spool();
    authority_turn(&world.authority, ahead, &two);
    cr_assert_eq(world.authority.leases, 2);
    for (int i = 0; i < 200000; i++) {
        int64_t value;
        if (numbers_left(world.numbers) == 0)
            authority_turn(&world.authority, ahead, &two);
        value = take();
        cr_assert_gt(value, last);
        last = value;
    }
    authority_turn(&world.authority, ahead, &two);
    stop();
    temp_remove(&world.temp);
}

Test(numbers, none_without_a_lease_and_leased_once_the_authority_is_back)
{
    struct spool_record record;
    int64_t two = 2 * 65536;
    int tries = 2;

    temp_new(&world.temp);
    authority_open(&world.authority, IS_AWAY);
    open_spool();
    cr_assert_eq(numbers_take(world.numbers, &record), -E_UNAVAILABLE);
    authority_turn(&world.authority, asked, &tries);
    cr_assert_eq(numbers_left(world.numbers), 0);
    world.authority.behaviour = COMMITS;
    authority_turn(&world.authority, ahead, &two);
    cr_assert_eq(take(), 1);
    stop();
    temp_remove(&world.temp);
}

/* A cut of eight hours, with as many submissions as a spool is to hold. */
Test(numbers, last_for_a_hundred_thousand_submissions_without_the_authority)
{
    int64_t two = 2 * 65536, last = 0;

    temp_new(&world.temp);
    authority_open(&world.authority, COMMITS);
    open_spool();
    authority_turn(&world.authority, ahead, &two);
    world.authority.behaviour = IS_AWAY;
    for (int i = 0; i < 100000; i++) {
        int64_t value = take();
        cr_assert_gt(value, last);
        last = value;
    }
    stop();
    temp_remove(&world.temp);
}

static void on_stored(void *ctx, int outcome, struct spool_record *record, const struct spool_twin *twin)
{
    (void)twin;
    cr_assert_eq(outcome, SPOOL_STORED);
    spool_record_free(record);
    ++*(int *)ctx;
}

Test(numbers, go_on_behind_what_was_stored_after_a_restart)
{
    int64_t two = 2 * 65536, value = 0;
    int stored = 0;

    temp_new(&world.temp);
    authority_open(&world.authority, COMMITS);
    open_spool();
    authority_turn(&world.authority, ahead, &two);
    for (int i = 0; i < 100; i++) {
        struct spool_record *record = temp_record(i, "s");
        cr_assert_eq(numbers_take(world.numbers, record), 0);
        value = record->value;
        spool_append(world.spool, record, on_stored, &stored);
    }
    while (stored < 100)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    stop();
    authority_open(&world.authority, IS_AWAY); /* cut off: what was leased before must do */
    open_spool();
    cr_assert_eq(take(), value + 1);
    cr_assert_geq(numbers_left(world.numbers), 65536);
    stop();
    temp_remove(&world.temp);
}
