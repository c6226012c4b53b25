/* The leases as the database gives them: fair shares, terms, and what becomes of a holder that is away. */
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

struct answer {
    int64_t term, live;
    int shards;
};

/* A renewal by the role of the scheduler. `term` 0: a new run. */
static struct answer renew(struct test_db *db, const char *instance, int64_t term)
{
    char sql[256];
    const char *value = NULL;
    long long got_term, got_shards, live;

    snprintf(sql, sizeof sql,
             "SELECT l.term || ' ' || l.shards || ' ' || l.live FROM desk.shards_lease('%s', NULL, "
             "nullif(%lld, 0)) l",
             instance, (long long)term);
    cr_assert_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, &value), "");
    cr_assert_eq(sscanf(value, "%lld %lld %lld", &got_term, &got_shards, &live), 3);
    return (struct answer){got_term, live, __builtin_popcountll((unsigned long long)got_shards)};
}

/* As if a scheduler had been silent for six seconds. */
static void silence(struct test_db *db, const char *instance)
{
    test_db_runf(db,
                 "UPDATE desk.scheduler SET seen_at = seen_at - interval '6 s' WHERE instance = '%s'; UPDATE "
                 "desk.shard_lease SET until = until - interval '6 s' WHERE holder = '%s'",
                 instance, instance);
}

Test(lease, is_shared_fairly_by_those_that_live)
{
    struct test_db *db = test_db_new();
    struct answer a, b, c;

    a = renew(db, "sla-1", 0);
    cr_expect_eq(a.shards, 64, "alone");
    b = renew(db, "sla-2", 0);
    cr_expect_eq(b.shards, 0, "nothing is free yet");
    cr_expect_gt(b.term, a.term);
    cr_expect_eq(renew(db, "sla-1", a.term).shards, 32, "gives half back");
    cr_expect_eq(renew(db, "sla-2", b.term).shards, 32);
    c = renew(db, "sla-3", 0);
    renew(db, "sla-1", a.term);
    renew(db, "sla-2", b.term);
    cr_expect_eq(renew(db, "sla-3", c.term).shards, 20);
    cr_expect_eq(c.live, 3);
    cr_expect_eq(test_db_int(db, "SELECT count(DISTINCT term) FROM desk.shard_lease"), 3);
    cr_expect_eq(test_db_int(db, "SELECT count(*) FROM desk.shard_lease WHERE holder IS NULL"), 0);
    test_db_free(db);
}

Test(lease, of_a_silent_holder_goes_to_others_and_does_not_come_back_by_itself)
{
    struct test_db *db = test_db_new();
    struct answer a, b;

    a = renew(db, "sla-1", 0);
    silence(db, "sla-1");
    b = renew(db, "sla-2", 0);
    cr_expect_eq(b.shards, 64);
    cr_expect_eq(b.live, 1);
    cr_expect_eq(renew(db, "sla-1", a.term).shards, 0, "it wakes, and renews nothing");
    cr_expect_eq(renew(db, "sla-2", b.term).shards, 32);
    cr_expect_eq(renew(db, "sla-1", a.term).shards, 32);
    test_db_free(db);
}

Test(lease, a_new_run_takes_over_from_its_dead_predecessor_at_once)
{
    struct test_db *db = test_db_new();
    struct answer a, b;

    a = renew(db, "sla-1", 0);
    b = renew(db, "sla-1", 0);
    cr_expect_eq(b.shards, 64);
    cr_expect_eq(b.live, 1, "one name is one copy");
    cr_expect_eq(renew(db, "sla-1", a.term).shards, 0, "the predecessor was not dead: it has nothing");
    cr_expect_eq(renew(db, "sla-1", b.term).shards, 64);
    test_db_free(db);
}

Test(lease, is_given_back_at_the_end)
{
    struct test_db *db = test_db_new();
    struct answer a = renew(db, "sla-1", 0);
    char sql[64];

    snprintf(sql, sizeof sql, "SELECT desk.shards_release(%lld)", (long long)a.term);
    cr_expect_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, sql, NULL), "");
    cr_expect_eq(renew(db, "sla-2", 0).shards, 64, "at once");
    test_db_free(db);
}

Test(lease, the_shard_of_a_ticket_is_the_same_everywhere)
{
    struct test_db *db = test_db_new();

    cr_expect_eq(test_db_int(db, "SELECT desk.shard_of('00000000-0000-0000-0000-0000000000ff')"), 63);
    cr_expect_eq(test_db_int(db, "SELECT count(DISTINCT desk.shard_of(gen_random_uuid())) FROM "
                                 "generate_series(1, 3000)"),
                 64);
    cr_expect_eq(test_db_int(db,
                             "SELECT count(*) FROM (SELECT gen_random_uuid() AS id FROM "
                             "generate_series(1, 1000) OFFSET 0) t WHERE NOT desk.shard_held(1::bigint << "
                             "desk.shard_of(id), id) OR NOT desk.shard_held(-1, id) OR "
                             "desk.shard_held(~(1::bigint << desk.shard_of(id)), id)"),
                 0);
    test_db_free(db);
}

Test(lease, only_schedulers_may)
{
    struct test_db *db = test_db_new();

    cr_expect_str_eq(test_db_try(db, "meridian_sla", NULL, NULL, NULL, "DELETE FROM desk.timer", NULL),
                     "42501");
    cr_expect_str_eq(
        test_db_try(db, "meridian_sla", NULL, NULL, NULL, "UPDATE desk.shard_lease SET term = 1", NULL),
        "42501");
    cr_expect_str_eq(
        test_db_try(db, "meridian_intake", NULL, NULL, NULL, "SELECT desk.shards_release(1)", NULL), "42501");
    test_db_free(db);
}
