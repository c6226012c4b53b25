/* The drainer against an authority that does what authorities do: commit, be late, know a key already,
 * refuse, be away, say nothing. */
#include "authority.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/drain.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

enum { MOST = 4000 };

struct world {
    struct authority authority;
    struct temp temp;
    struct spool *spool;
    struct drain *drain;
    int given, stored, told[MOST], committed, uncertain, reused, refused, twins;
    char number[SPOOL_NUMBER_SIZE], region[SPOOL_REGION_SIZE];
    int64_t accepted_us;
    bool answered_before; /* the clients were told that all is well before the outcome came */
};
static struct world world;

struct waiter {
    int n;
};

static bool on_settled(void *waiter, const struct drain_outcome *outcome)
{
    struct waiter *w = waiter;
    int status = outcome->status;

    world.told[w->n]++;
    world.committed += status == 0;
    world.uncertain += status == -E_UNAVAILABLE;
    world.reused += status == -E_KEY_REUSED;
    world.refused += status == -E_VALIDATION;
    if (status == 0)
        cr_assert_gt(outcome->lsn, 0);
    if (status == -E_VALIDATION)
        cr_assert_not_null(outcome->detail);
    snprintf(world.number, sizeof world.number, "%s", outcome->number);
    snprintf(world.region, sizeof world.region, "%s", outcome->region ? outcome->region : "");
    world.accepted_us = outcome->accepted_us;
    free(w);
    return !world.answered_before;
}

static void on_stored(void *ctx, int outcome, struct spool_record *record, const struct spool_twin *twin)
{
    (void)ctx;
    if (outcome == SPOOL_TWIN) {
        world.twins++;
        snprintf(world.number, sizeof world.number, "%s", twin->number);
        spool_record_free(record);
        return;
    }
    cr_assert_eq(outcome, SPOOL_STORED);
    world.stored++;
    drain_add(world.drain, record);
}

static void give(int n, bool wait)
{
    struct spool_record *record = temp_record(n, "s");

    if (wait) {
        struct waiter *w = NEW(struct waiter);
        w->n = n;
        record->waiter = w;
    }
    world.given++;
    spool_append(world.spool, record, on_stored, NULL);
}

static void open_spool(void)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_options options = {&world.authority.loop, world.temp.path, 0, 1000000};

    cr_assert_eq(spool_open(&options, &world.spool, &reason), 0, "%s", buf_text(&reason));
    world.drain = drain_new(&world.authority.service, world.spool, on_settled);
}

static void start(enum behaviour behaviour)
{
    temp_new(&world.temp);
    authority_open(&world.authority, behaviour);
    open_spool();
}

/* As intake ends: the bus first, so that calls come back; the file stays. */
static void stop(void)
{
    drain_stop(world.drain);
    authority_close(&world.authority);
    world.spool = spool_close(world.spool);
    world.drain = drain_free(world.drain);
    uv_run(&world.authority.loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&world.authority.loop), 0);
}

static void restart(enum behaviour behaviour)
{
    struct temp temp = world.temp;

    stop();
    world = (struct world){.temp = temp};
    authority_open(&world.authority, behaviour);
    open_spool();
}

/* Everything that was given is in the file and gone from it. */
static bool empty(void *arg)
{
    (void)arg;
    return world.stored + world.twins == world.given && spool_depth(world.spool) == 0;
}

static bool tried(void *arg)
{
    return world.authority.batches >= *(int *)arg;
}

static bool all_told(void *arg)
{
    return world.committed + world.uncertain + world.reused + world.refused >= *(int *)arg;
}

static bool all_stored_in_file(void *arg)
{
    return spool_depth(world.spool) >= *(int *)arg;
}

static void expect_each_stored_once(int from, int to)
{
    for (int n = from; n <= to; n++)
        cr_assert_eq(world.authority.stored[n], 1, "%d: %d times", n, world.authority.stored[n]);
}

Test(drain, delivers_everything_once_and_in_order)
{
    start(COMMITS);
    for (int n = 1; n <= 1000; n++)
        give(n, n % 2);
    authority_turn(&world.authority, empty, NULL);
    expect_each_stored_once(1, 1000);
    cr_assert_eq(world.authority.out_of_order, 0);
    cr_assert_eq(world.committed, 500);
    for (int n = 1; n <= 1000; n++)
        cr_assert_eq(world.told[n], n % 2, "each waiter is told once");
    cr_assert_leq(world.authority.largest, 200);
    cr_assert_gt(world.authority.largest, 1);
    cr_assert_eq(drain_undelivered(world.drain), 0);
    stop();
    temp_remove(&world.temp);
}

Test(drain, a_backlog_larger_than_the_window_is_loaded_in_order)
{
    int all = 3500;

    start(IS_AWAY);
    for (int n = 1; n <= all; n++)
        give(n, n > 3490);
    authority_turn(&world.authority, all_stored_in_file, &all);
    cr_assert(drain_stalled(world.drain));
    world.authority.behaviour = COMMITS;
    authority_turn(&world.authority, empty, NULL);
    expect_each_stored_once(1, all);
    cr_assert_eq(world.authority.out_of_order, 0);
    cr_assert_eq(world.uncertain, 10, "those beyond the window are told that no news will come");
    cr_assert_not(drain_stalled(world.drain));
    stop();
    temp_remove(&world.temp);
}

Test(drain, what_an_earlier_process_left_is_sent_first)
{
    int three = 3, tries = 1;

    start(IS_AWAY);
    for (int n = 1; n <= 3; n++)
        give(n, true);
    authority_turn(&world.authority, all_stored_in_file, &three);
    authority_turn(&world.authority, tried, &tries);
    stop();
    cr_assert_eq(world.uncertain, 3, "told at the end: no news from here");
    authority_open(&world.authority, COMMITS);
    open_spool();
    give(4, false);
    authority_turn(&world.authority, empty, NULL);
    expect_each_stored_once(1, 4);
    cr_assert_eq(world.authority.out_of_order, 0);
    stop();
    temp_remove(&world.temp);
}

Test(drain, a_record_stays_until_it_is_safe_in_a_second_region)
{
    int five = 5;

    start(COMMITS_LATE);
    for (int n = 1; n <= 5; n++)
        give(n, true);
    authority_turn(&world.authority, all_told, &five);
    cr_assert_eq(world.committed, 5, "the answer does not wait for the second region");
    cr_assert_eq(spool_depth(world.spool), 5, "the record does");
    cr_assert_eq(drain_held(world.drain), 5);
    cr_assert_eq(drain_undelivered(world.drain), 0);
    world.authority.replicated = world.authority.lsn;
    authority_turn(&world.authority, empty, NULL);
    cr_assert_gt(world.authority.replicated_asks, 0);
    cr_assert_eq(drain_held(world.drain), 0);
    stop();
    temp_remove(&world.temp);
}

Test(drain, what_was_held_at_the_end_is_sent_again_and_known)
{
    int two = 2;

    start(COMMITS_LATE);
    give(1, true);
    give(2, true);
    authority_turn(&world.authority, all_told, &two);
    restart(COMMITS);
    authority_turn(&world.authority, empty, NULL);
    cr_assert_eq(world.authority.stored[1], 1);
    cr_assert_eq(world.authority.stored[2], 1);
    stop();
    temp_remove(&world.temp);
}

/* A promotion while records wait for a second region. The new primary's log begins where the old one's was
 * cut, so its positions pass the ones that were waited for, although it never had those records. */
Test(drain, what_was_held_is_sent_again_to_a_promoted_primary)
{
    int five = 5;

    start(COMMITS_LATE);
    world.authority.epoch = 1;
    for (int n = 1; n <= 5; n++)
        give(n, true);
    authority_turn(&world.authority, all_told, &five);
    cr_assert_eq(drain_held(world.drain), 5);
    world.authority.behaviour = COMMITS;
    world.authority.epoch = 2;
    world.authority.replicated = world.authority.lsn = 1000;
    authority_turn(&world.authority, empty, NULL);
    for (int n = 1; n <= 5; n++)
        cr_assert_eq(world.authority.stored[n], 2, "%d: once by each primary", n);
    cr_assert_eq(world.authority.out_of_order, 0);
    cr_assert_eq(drain_held(world.drain), 0);
    stop();
    temp_remove(&world.temp);
}

/* The same with more on its way, and a second promotion in the middle of it. */
Test(drain, promotions_lose_nothing_of_a_backlog)
{
    int some = 1000, all = 1500;

    start(COMMITS_LATE);
    world.authority.epoch = 1;
    for (int n = 1; n <= some; n++)
        give(n, false);
    while (drain_held(world.drain) < 200)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    world.authority.epoch = 2;
    for (int n = some + 1; n <= all; n++)
        give(n, false);
    while (world.stored < all || drain_held(world.drain) < 200)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    world.authority.behaviour = COMMITS;
    world.authority.epoch = 3;
    memset(world.authority.stored, 0, sizeof world.authority.stored);
    authority_turn(&world.authority, empty, NULL);
    expect_each_stored_once(1, all);
    cr_assert_eq(drain_undelivered(world.drain), 0);
    stop();
    temp_remove(&world.temp);
}

/* An old primary that lives on, reached through a router that does not know better. */
Test(drain, the_answer_of_a_replaced_primary_does_not_count)
{
    int one = 1, two = 2;

    start(COMMITS);
    world.authority.epoch = 2;
    give(1, true);
    authority_turn(&world.authority, all_told, &one);
    world.authority.epoch = 1;
    give(2, true);
    authority_turn(&world.authority, all_told, &two);
    cr_assert_eq(world.uncertain, 1);
    cr_assert_eq(world.authority.asked_epoch, 2, "each request names the epoch");
    world.authority.epoch = 2;
    authority_turn(&world.authority, empty, NULL);
    cr_assert_eq(world.authority.stored[2], 2);
    stop();
    temp_remove(&world.temp);
}

/* Every record of a group of the spool travels in the first batch: none leaves alone while the others wait.
 */
Test(drain, a_group_of_the_spool_travels_together)
{
    int forty = 40;

    start(COMMITS);
    for (int n = 1; n <= forty; n++)
        give(n, true);
    while (world.stored == 0)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    forty = world.stored; /* those of the first group */
    authority_turn(&world.authority, empty, NULL);
    cr_assert_geq((int)world.authority.first, forty);
    stop();
    temp_remove(&world.temp);
}

static size_t give_large(int n)
{
    static char text[60001];
    struct spool_record *record;
    size_t bytes;

    memset(text, 'x', sizeof text - 1);
    record = temp_record(n, text);
    bytes = record->payload.n;
    world.given++;
    spool_append(world.spool, record, on_stored, NULL);
    return bytes;
}

/* Large records: what is kept in memory is limited in bytes, not only in records. */
Test(drain, the_window_is_bounded_in_bytes)
{
    size_t bytes = 0;
    int all = 300;

    start(IS_AWAY);
    for (int n = 1; n <= all; n++)
        bytes += give_large(n);
    cr_assert_gt(bytes, 16u << 20);
    authority_turn(&world.authority, all_stored_in_file, &all);
    cr_assert_leq(drain_window_bytes(world.drain), 12u << 20, "%zu", drain_window_bytes(world.drain));
    world.authority.behaviour = COMMITS;
    authority_turn(&world.authority, empty, NULL);
    expect_each_stored_once(1, all);
    cr_assert_eq(drain_window_bytes(world.drain), 0);
    stop();
    temp_remove(&world.temp);
}

Test(drain, without_a_second_region_the_commit_is_enough)
{
    start(ALONE);
    give(1, true);
    authority_turn(&world.authority, empty, NULL);
    cr_assert_eq(world.committed, 1);
    stop();
    temp_remove(&world.temp);
}

Test(drain, a_key_that_had_made_a_ticket_leads_to_it)
{
    int one = 1;

    start(DUPLICATES);
    give(1, true);
    authority_turn(&world.authority, all_told, &one);
    cr_assert_eq(world.committed, 1);
    cr_assert_str_eq(world.number, "AP-1");
    cr_assert_str_eq(world.region, "ap");
    cr_assert_eq(world.accepted_us, 77);
    authority_turn(&world.authority, empty, NULL);
    stop();
    temp_remove(&world.temp);
}

Test(drain, another_body_under_a_key_is_told_to_who_waits_and_set_aside_otherwise)
{
    int one = 1;

    start(CONFLICTS);
    give(1, true);
    authority_turn(&world.authority, all_told, &one);
    cr_assert_eq(world.reused, 1);
    authority_turn(&world.authority, empty, NULL);
    cr_assert_eq(spool_dead(world.spool), 0, "the client knows");
    give(2, false);
    while (spool_dead(world.spool) == 0)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    cr_assert_eq(spool_dead(world.spool), 1, "nobody knows: an operator has to");
    world.answered_before = true;
    give(3, true);
    while (spool_dead(world.spool) == 1)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    cr_assert_eq(spool_dead(world.spool), 2, "the client was told otherwise");
    authority_turn(&world.authority, empty, NULL);
    stop();
    temp_remove(&world.temp);
}

Test(drain, what_can_never_be_stored_is_set_aside_and_the_rest_goes_on)
{
    start(REJECTS_ODD);
    for (int n = 1; n <= 20; n++)
        give(n, n == 1);
    authority_turn(&world.authority, empty, NULL);
    for (int n = 1; n <= 20; n++)
        cr_assert_eq(world.authority.stored[n], n % 2 == 0);
    cr_assert_eq(spool_dead(world.spool), 10);
    cr_assert_eq(world.refused, 1);
    stop();
    temp_remove(&world.temp);
}

Test(drain, a_batch_that_is_refused_as_a_whole_is_sent_one_by_one)
{
    start(REFUSES_BATCHES);
    for (int n = 1; n <= 30; n++)
        give(n, false);
    authority_turn(&world.authority, empty, NULL);
    for (int n = 1; n <= 30; n++)
        cr_assert_eq(world.authority.stored[n], n != 13);
    cr_assert_eq(spool_dead(world.spool), 1);
    stop();
    temp_remove(&world.temp);
}

Test(drain, an_authority_that_says_nothing_is_asked_again_after_the_end)
{
    int one = 1;

    start(IS_SILENT);
    give(1, true);
    authority_turn(&world.authority, all_stored_in_file, &one);
    while (world.authority.nheld == 0)
        uv_run(&world.authority.loop, UV_RUN_ONCE);
    restart(COMMITS);
    authority_turn(&world.authority, empty, NULL);
    cr_assert_eq(world.authority.stored[1], 1);
    stop();
    temp_remove(&world.temp);
}
