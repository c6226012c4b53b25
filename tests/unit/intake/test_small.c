/* The small nouns: problems, cursors, token buckets, the bounded map, peeking into JSON, languages. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "intake/cursor.h"
#include "intake/language.h"
#include "intake/peek.h"
#include "intake/problem.h"
#include "intake/ratelimit.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

/* ---- problems ---- */

Test(problem, has_all_members)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    problem_add(&out, &(struct problem){.code = -E_ALREADY_CLAIMED,
                                        .language = "en",
                                        .detail = "agent \"x\" was faster",
                                        .instance = STR("/api/v1/tickets/EU-1:claim"),
                                        .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                        .errors = STR("[{\"pointer\":\"/a\",\"detail\":\"b\"}]"),
                                        .members = STR(" { \"winner\":\"agent-ap-3\", \"epoch\":2 } ")});
    cr_assert_str_eq(buf_text(&out),
                     "{\"type\":\"urn:meridian:problem:already-claimed\",\"title\":\"Somebody else claimed "
                     "it first\",\"status\":409,"
                     "\"detail\":\"agent \\\"x\\\" was "
                     "faster\",\"instance\":\"/api/v1/tickets/EU-1:claim\",\"code\":\"already-claimed\","
                     "\"errors\":[{\"pointer\":\"/"
                     "a\",\"detail\":\"b\"}],\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
                     "\"winner\":\"agent-ap-3\", \"epoch\":2}");
}

Test(problem, every_failure_renders_in_both_languages)
{
    for (int code = 1; code <= E_RANGE; code++) {
        for (int zh = 0; zh < 2; zh++) {
            _cleanup_buf_ struct buf out = BUF_INIT;
            json_t *json;
            problem_add(&out,
                        &(struct problem){.code = code, .language = zh ? "zh" : "en", .members = STR("{}")});
            json = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
            cr_assert(json, "%s", buf_text(&out));
            cr_assert_eq(json_integer_value(json_object_get(json, "status")), error_info(code)->http_status);
            cr_assert_str_eq(json_string_value(json_object_get(json, "title")),
                             zh ? error_info(code)->title_zh : error_info(code)->title_en);
            cr_assert_null(json_object_get(json, "detail"));
            json_decref(json);
        }
    }
}

Test(problem, what_is_no_object_adds_nothing)
{
    static const char *const members[] = {"", "{}", "{ }", "[1]", "x", "{", "null"};

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        problem_add(&out, &(struct problem){.code = E_NOT_FOUND, .members = str_from(members[i])});
        cr_assert(str_ends(buf_str(&out), STR("\"code\":\"not-found\"}")), "%s", buf_text(&out));
    }
}

Test(problem, retry_after_only_where_repeating_helps)
{
    cr_assert_gt(problem_retry_after_s(-E_UNAVAILABLE), 0);
    cr_assert_gt(problem_retry_after_s(E_SPOOL_FULL), 0);
    cr_assert_gt(problem_retry_after_s(E_RATE_LIMITED), 0);
    cr_assert_gt(problem_retry_after_s(E_KEY_IN_FLIGHT), 0);
    cr_assert_eq(problem_retry_after_s(E_NOT_FOUND), 0);
    cr_assert_eq(problem_retry_after_s(E_ALREADY_CLAIMED), 0);
}

/* ---- cursors ---- */

Test(cursor, comes_back)
{
    static const char *const keys[] = {"x", "01900000-0000-7000-8000-000000000001:17",
                                       "2:1795404460588556:0190"};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        _cleanup_buf_ struct buf cursor = BUF_INIT, key = BUF_INIT;
        cursor_add(&cursor, STR("secret"), "tickets", str_from(keys[i]));
        cr_assert_eq(cursor_read(buf_str(&cursor), STR("secret"), "tickets", &key), 0);
        cr_assert_str_eq(buf_text(&key), keys[i]);
    }
}

Test(cursor, forged_and_foreign_ones_are_refused)
{
    _cleanup_buf_ struct buf cursor = BUF_INIT, key = BUF_INIT;

    cursor_add(&cursor, STR("secret"), "tickets", STR("abc"));
    cr_assert_eq(cursor_read(buf_str(&cursor), STR("other"), "tickets", &key), -E_RANGE);
    cr_assert_eq(cursor_read(buf_str(&cursor), STR("secret"), "queue", &key), -E_RANGE);
    for (size_t i = 0; i < cursor.n; i++) { /* any one character changed */
        char was = cursor.p[i];
        cursor.p[i] = was == 'A' ? 'B' : 'A';
        cr_assert_eq(cursor_read(buf_str(&cursor), STR("secret"), "tickets", &key), -E_RANGE, "at %zu", i);
        cursor.p[i] = was;
    }
    for (size_t n = 0; n < cursor.n; n++) /* cut anywhere */
        cr_assert_eq(cursor_read((struct str){cursor.p, n}, STR("secret"), "tickets", &key), -E_RANGE);
    cr_assert_eq(cursor_read(STR("bm90LWEtY3Vyc29y"), STR("secret"), "tickets", &key), -E_RANGE);
    cr_assert_eq(cursor_read(STR("!!!"), STR("secret"), "tickets", &key), -E_RANGE);
    cr_assert_eq(key.n, 0);
}

/* ---- token buckets ---- */

Test(ratelimit, a_burst_then_the_rate)
{
    struct ratelimit limit = {"submit", 10, 20};
    struct lru *buckets = ratelimit_new(100);
    int64_t now = 1000 * US_PER_S, left;
    int taken = 0;

    while (ratelimit_take(buckets, &limit, "a", now, &left) == 0)
        taken++;
    cr_assert_eq(taken, 20);
    cr_assert_eq(left, 0);
    cr_assert_eq(ratelimit_take(buckets, &limit, "a", now + 99 * US_PER_MS, &left), -E_RATE_LIMITED);
    cr_assert_eq(ratelimit_take(buckets, &limit, "a", now + 100 * US_PER_MS, &left), 0);
    cr_assert_eq(ratelimit_take(buckets, &limit, "b", now, &left), 0, "others have their own");
    for (taken = 0; ratelimit_take(buckets, &limit, "a", now + 1100 * US_PER_MS, &left) == 0;)
        taken++;
    cr_assert_eq(taken, 10, "a second later: as many as the rate, %d", taken);
    for (taken = 0; ratelimit_take(buckets, &limit, "a", now + 3600 * US_PER_S, &left) == 0;)
        taken++;
    cr_assert_eq(taken, 20, "no more than a burst is ever saved up");
    lru_free(buckets);
}

Test(ratelimit, zero_is_no_limit)
{
    struct ratelimit limit = {"x", 0, 0};
    struct lru *buckets = ratelimit_new(10);
    int64_t left;

    for (int i = 0; i < 1000; i++)
        cr_assert_eq(ratelimit_take(buckets, &limit, "a", 0, &left), 0);
    cr_assert_eq(lru_count(buckets), 0);
    lru_free(buckets);
}

Test(ratelimit, looking_takes_nothing_and_policies_are_apart)
{
    struct ratelimit one = {"one", 1, 1}, two = {"two", 1, 1};
    struct lru *buckets = ratelimit_new(10);
    int64_t left;

    cr_assert_eq(ratelimit_look(buckets, &one, "a", 0), 0);
    cr_assert_eq(ratelimit_look(buckets, &one, "a", 0), 0);
    cr_assert_eq(ratelimit_take(buckets, &one, "a", 0, &left), 0);
    cr_assert_eq(ratelimit_look(buckets, &one, "a", 0), -E_RATE_LIMITED);
    cr_assert_eq(ratelimit_look(buckets, &two, "a", 0), 0);
    lru_free(buckets);
}

/* ---- the bounded map ---- */

static int forgotten;
static void on_forget(void *ctx, void *entry)
{
    (void)ctx;
    forgotten += *(int *)entry;
}

Test(lru, keeps_what_was_used_last)
{
    struct lru *lru = lru_new(sizeof(int), 1000, on_forget, NULL);
    char name[16];

    for (int i = 0; i < 3000; i++) {
        struct lru_key key, first = lru_key_text("0");
        snprintf(name, sizeof name, "%d", i);
        key = lru_key_text(name);
        *(int *)lru_put(lru, &key) = 1;
        cr_assert_not_null(lru_get(lru, &first), "used all the time");
        cr_assert_leq(lru_count(lru), 1000);
    }
    cr_assert_eq(forgotten, 2000);
    for (int i = 0; i < 3000; i++) {
        struct lru_key key;
        snprintf(name, sizeof name, "%d", i);
        key = lru_key_text(name);
        cr_assert_eq(lru_get(lru, &key) != NULL, i == 0 || i > 2000, "%d", i);
    }
    lru_free(lru);
    cr_assert_eq(forgotten, 3000);
}

Test(lru, an_entry_is_zeroed_and_stays_where_it_is)
{
    struct lru *lru = lru_new(64, 500, NULL, NULL);
    struct lru_key key = lru_key_text("x");
    char *entry = lru_put(lru, &key), zero[64] = {0};

    cr_assert_arr_eq(entry, zero, sizeof zero);
    memset(entry, 7, 64);
    for (int i = 0; i < 300; i++) { /* the table grows */
        struct lru_key other = {.bytes = {(uint8_t)i, (uint8_t)(i >> 8), 1}};
        lru_put(lru, &other);
    }
    cr_assert_eq(lru_get(lru, &key), (void *)entry);
    cr_assert_eq(lru_put(lru, &key), (void *)entry);
    lru_drop(lru, &key);
    cr_assert_null(lru_get(lru, &key));
    lru_drop(lru, &key);
    lru_free(lru);
}

/* ---- peeking ---- */

Test(peek, finds_own_members_only)
{
    static const char json[] = "{\"next\":null, \"text\" : \"a, \\\"version\\\": 9 }\" "
                               ",\"inner\":{\"version\":1},\"list\":[{\"version\":2}],"
                               "\"version\":7,\"negative\": -3 , \"flag\":true,\"plain\":\"abc\"}";
    struct str s = str_from(json);

    cr_assert_eq(peek_int(s, "version", -1), 7);
    cr_assert_eq(peek_int(s, "negative", 0), -3);
    cr_assert_eq(peek_int(s, "missing", -1), -1);
    cr_assert_eq(peek_int(s, "text", -1), -1);
    cr_assert(str_eq(peek_member(s, "next"), STR("null")));
    cr_assert(str_eq(peek_member(s, "inner"), STR("{\"version\":1}")));
    cr_assert(str_eq(peek_member(s, "list"), STR("[{\"version\":2}]")));
    cr_assert(str_eq(peek_member(s, "flag"), STR("true")));
    cr_assert(str_eq(peek_text(s, "plain"), STR("abc")));
    cr_assert_null(peek_text(s, "text").p, "has escapes");
    cr_assert_null(peek_text(s, "next").p);
    cr_assert_null(peek_member(s, "nex").p);
}

Test(peek, odd_texts_have_no_members)
{
    static const char *const odd[] = {"",     " ",          "[]",         "{",
                                      "{\"a", "{\"a\"",     "{\"a\":",    "{\"a\" 1}",
                                      "null", "{\"b\":\"x", "{\"b\":[1,", "{\"b\":\"\\"};

    for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
        cr_assert_null(peek_member(str_from(odd[i]), "a").p, "%s", odd[i]);
}

/* ---- languages ---- */

Test(language, table)
{
    static const struct {
        const char *header, *expected;
    } cases[] = {
        {"", "en"},
        {"zh", "zh"},
        {"zh-CN", "zh"},
        {"ZH-Hant-TW", "zh"},
        {"en-GB,zh;q=0.9", "en"},
        {"zh;q=0.5,en;q=0.8", "en"},
        {"de,zh;q=0.3", "zh"},
        {"de, fr", "en"},
        {"*", "en"},
        {"zh;q=0", "en"},
        {"zh;q=bad", "en"},
        {"en;q=0.2 , zh ; q=0.3", "zh"},
        {",,zh,,", "zh"},
        {";;;", "en"},
        {"zhx", "en"},
        {"zh;q=0.001", "zh"},
        {"zh;q=1.0", "zh"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        cr_assert_str_eq(language_of(str_from(cases[i].header), "en"), cases[i].expected, "%s",
                         cases[i].header);
}
