/* Hex, base64, percent and JSON: known answers, round trips, and that a failure leaves the buffer as it was.
 */
#include "base/encode.h"
#include "base/uuid.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

typedef int (*decoder)(struct buf *, struct str);
typedef void (*encoder)(struct buf *, const void *, size_t);

static void expect_bad(decoder decode, struct str text)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    buf_add_text(&buf, "kept");
    cr_assert_eq(decode(&buf, text), -E_BAD_REQUEST, "%.*s", (int)text.n, text.p);
    cr_assert_str_eq(buf.p, "kept", "a failure takes back what it appended");
    cr_assert_eq(buf.n, 4);
}

static void round_trip(encoder encode, decoder decode)
{
    for (size_t n = 0; n < 100; n++) {
        _cleanup_buf_ struct buf text = BUF_INIT, back = BUF_INIT;
        uint8_t bytes[100];
        random_bytes(bytes, n);
        encode(&text, bytes, n);
        cr_assert_eq(decode(&back, buf_str(&text)), 0);
        cr_assert_eq(back.n, n);
        cr_assert(n == 0 || memcmp(back.p, bytes, n) == 0);
    }
}

Test(encode, round_trips)
{
    round_trip(buf_add_hex, buf_add_unhex);
    round_trip(buf_add_base64, buf_add_unbase64);
    round_trip(buf_add_base64url, buf_add_unbase64url);
}

Test(encode, base64_vectors_of_rfc4648)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT, url = BUF_INIT;
        buf_add_base64(&out, vectors[i][0], strlen(vectors[i][0]));
        cr_assert_str_eq(buf_text(&out), vectors[i][1]);
        buf_add_base64url(&url, vectors[i][0], strlen(vectors[i][0]));
        cr_assert_eq(url.n, strcspn(vectors[i][1], "="), "no padding");
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_add_base64(&out, "\xfb\xff\xfe", 3);
    buf_add_base64url(&out, "\xfb\xff\xfe", 3);
    cr_assert_str_eq(out.p, "+//+-__-");
}

Test(encode, base64_refuses_other_spellings)
{
    static const struct str bad[] = {{"Zg", 2},   {"Zg=", 3},   {"Zg===", 5}, {"Zg==Zg==", 8},
                                     {"Z===", 4}, {"====", 4},  {"Zh==", 4},  {"Zm9=", 4},
                                     {"Zm 9", 4}, {"Zm9\n", 4}, {"Zm\0v", 4}, {"-_-_", 4}};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        expect_bad(buf_add_unbase64, bad[i]);
    expect_bad(buf_add_unbase64url, STR("Z"));
    expect_bad(buf_add_unbase64url, STR("Zm9vZ"));
    expect_bad(buf_add_unbase64url, STR("Zg=="));
    expect_bad(buf_add_unbase64url, STR("Zh"));
    expect_bad(buf_add_unbase64url, STR("+//+"));
}

Test(encode, hex)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    buf_add_hex(&out, "\x00\xab\xff", 3);
    cr_assert_str_eq(out.p, "00abff");
    buf_reset(&out);
    cr_assert_eq(buf_add_unhex(&out, STR("4D65")), 0);
    cr_assert_str_eq(out.p, "Me");
    expect_bad(buf_add_unhex, STR("abc"));
    expect_bad(buf_add_unhex, STR("abxy"));
    expect_bad(buf_add_unhex, STR("ab g"));
    expect_bad(buf_add_unhex, (struct str){"ab\0\0", 4});
}

Test(encode, percent)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    buf_add_percent(&out, (struct str){"a-Z_0.~ /?\0\xe6", 12});
    cr_assert_str_eq(out.p, "a-Z_0.~%20%2F%3F%00%E6");
    buf_reset(&out);
    cr_assert_eq(buf_add_unpercent(&out, STR("%41+%e6%89%93%2f")), 0);
    cr_assert_str_eq(out.p, "A+\xe6\x89\x93/");
    expect_bad(buf_add_unpercent, STR("ab%"));
    expect_bad(buf_add_unpercent, STR("ab%4"));
    expect_bad(buf_add_unpercent, STR("ab%zz"));
    expect_bad(buf_add_unpercent, STR("ab%00c"));
    expect_bad(buf_add_unpercent, (struct str){"a\0b", 3});
}

static void expect_json(struct str in, const char *out)
{
    _cleanup_buf_ struct buf buf = BUF_INIT;

    buf_json_str(&buf, in);
    cr_assert_str_eq(buf.p, out);
}

Test(encode, json)
{
    _cleanup_buf_ struct buf null = BUF_INIT;

    expect_json(STR(""), "\"\"");
    expect_json((struct str){NULL, 0}, "\"\"");
    expect_json(STR("plain"), "\"plain\"");
    expect_json(STR("a\"b\\c\nd\te\r"), "\"a\\\"b\\\\c\\nd\\u0009e\\u000d\"");
    expect_json(STR("\x7f\x1b"), "\"\\u007f\\u001b\"");
    expect_json(STR("\xe6\x89\x93\xe5\x8d\xb0 \xf0\x9f\x8c\x8d"),
                "\"\xe6\x89\x93\xe5\x8d\xb0 \xf0\x9f\x8c\x8d\"");
    expect_json((struct str){"\xe6\x89\x93\0", 4}, "\"\xe6\x89\x93\\u0000\"");
    buf_json_text(&null, NULL);
    cr_assert_str_eq(null.p, "null");
}

Test(encode, json_replaces_only_the_bad_bytes)
{
    expect_json(STR("\xe6\x89\x93\xff\xe5\x8d\xb0"), "\"\xe6\x89\x93\xef\xbf\xbd\xe5\x8d\xb0\"");
    expect_json(STR("x\xe6\x89"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
    expect_json(STR("\xff\""), "\"\xef\xbf\xbd\\\"\"");
    expect_json(STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
