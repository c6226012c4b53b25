/* Version 7: the bits, the order, the text. */
#include "base/clock.h"
#include "base/uuid.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <pthread.h>

enum { MANY = 100000, THREADS = 4, EACH = 20000 };

static int64_t ms_of(const struct uuid *uuid)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

Test(uuid, v7_carries_version_variant_and_time)
{
    clock_fake(1795402260123456);
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid = uuid_v7();
        cr_assert_eq(uuid.bytes[6] >> 4, 7);
        cr_assert_eq(uuid.bytes[8] >> 6, 2);
        cr_assert_eq(ms_of(&uuid), 1795402260123);
    }
}

Test(uuid, v7_rises_strictly_also_within_a_millisecond)
{
    struct uuid last = uuid_v7();

    clock_fake(clock_now_us()); /* one millisecond for all: the counter must carry over into the time */
    for (int i = 0; i < MANY; i++) {
        struct uuid next = uuid_v7();
        cr_assert_lt(memcmp(&last, &next, sizeof next), 0);
        cr_assert_eq(next.bytes[6] >> 4, 7);
        last = next;
    }
}

Test(uuid, v7_does_not_run_backwards_with_the_clock)
{
    struct uuid before, after;

    clock_fake(1795402260000000);
    before = uuid_v7();
    clock_fake(1795402200000000); /* a minute back */
    after = uuid_v7();
    cr_assert_lt(memcmp(&before, &after, sizeof after), 0);
}

static void *make_many(void *arg)
{
    struct uuid *mine = arg;

    for (int i = 0; i < EACH; i++)
        mine[i] = uuid_v7();
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

Test(uuid, v7_of_many_threads_never_repeats)
{
    static struct uuid all[THREADS][EACH];
    pthread_t threads[THREADS];
    struct uuid *flat = all[0];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, make_many, all[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int k = 1; k < EACH; k++)
            cr_assert_lt(compare(&all[i][k - 1], &all[i][k]), 0, "each thread sees a rising row");
    qsort(flat, (size_t)THREADS * EACH, sizeof *flat, compare);
    for (int i = 1; i < THREADS * EACH; i++)
        cr_assert_neq(compare(&flat[i - 1], &flat[i]), 0);
}

Test(uuid, text_round_trip)
{
    struct uuid uuid = uuid_v7(), back;
    char text[UUID_TEXT_SIZE];

    uuid_format(&uuid, text);
    cr_assert_eq(strlen(text), 36);
    cr_assert_eq(uuid_parse(str_from(text), &back), 0);
    cr_assert(uuid_eq(&uuid, &back));
    cr_assert_eq(uuid_parse(STR("0190A6B4-7C1E-7ABC-8DEF-0123456789AB"), &back), 0, "upper case is accepted");
    cr_assert_str_eq(uuid_format(&back, text), "0190a6b4-7c1e-7abc-8def-0123456789ab");
}

Test(uuid, refuses_other_forms)
{
    static const char *const bad[] = {
        "",
        "0190a6b47c1e7abc8def0123456789ab",
        "{0190a6b4-7c1e-7abc-8def-0123456789ab}",
        "0190a6b4-7c1e-7abc-8def-0123456789a",
        "0190a6b4-7c1e-7abc-8def-0123456789abc",
        "0190a6b4-7c1e-7abc-8def-0123456789ag",
        "0190a6b4+7c1e-7abc-8def-0123456789ab",
        "0190a6b4-7c1e-7abc-8de-f0123456789ab",
        "0190a6b4-7c1e-7abc-8def-0123456789 a",
    };
    struct uuid uuid;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(uuid_parse(str_from(bad[i]), &uuid), -E_BAD_REQUEST, "\"%s\"", bad[i]);
}

Test(random, fills_everything_and_differs)
{
    static unsigned char a[100000], b[100000];
    int zero_runs = 0;

    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);
    for (size_t i = 0; i + 16 <= sizeof a; i++)
        zero_runs += memcmp(a + i, (unsigned char[16]){0}, 16) == 0;
    cr_assert_eq(zero_runs, 0, "no part was left out");
    cr_assert_neq(random_u64(), random_u64());
    random_bytes(a, 0);
}
