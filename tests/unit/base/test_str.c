/* Byte strings, numbers, distances, UTF-8. */
#include "base/cleanup.h"
#include "base/str.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

Test(str, equality)
{
    cr_assert(str_eq(STR("a"), STR("a")));
    cr_assert(str_eq((struct str){NULL, 0}, STR("")));
    cr_assert_not(str_eq(STR("a"), STR("ab")));
    cr_assert(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    cr_assert_not(str_eq_nocase(STR("@"), STR("`")), "not letters");
    cr_assert_not(str_eq_nocase(STR("[x"), STR("{x")));
    cr_assert_not(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")), "ASCII only");
    cr_assert(str_starts(STR("abc"), STR("ab")));
    cr_assert(str_starts(STR("abc"), STR("")));
    cr_assert_not(str_starts(STR("a"), STR("ab")));
    cr_assert(str_ends(STR("abc"), STR("bc")));
    cr_assert_not(str_ends(STR("c"), STR("bc")));
}

Test(str, trim_and_cut)
{
    struct str head, tail;

    cr_assert(str_eq(str_trim(STR(" \t a b\t ")), STR("a b")));
    cr_assert(str_eq(str_trim(STR("  \t")), STR("")));
    cr_assert(str_eq(str_trim(STR("\n")), STR("\n")), "line ends stay");
    cr_assert(str_cut(STR("a=b=c"), '=', &head, &tail));
    cr_assert(str_eq(head, STR("a")));
    cr_assert(str_eq(tail, STR("b=c")));
    cr_assert(str_cut(STR("a="), '=', &head, &tail));
    cr_assert_eq(tail.n, 0);
    cr_assert_not(str_cut(STR("abc"), '=', &head, &tail));
    cr_assert(str_eq(head, STR("abc")));
    cr_assert_eq(tail.n, 0);
    cr_assert_not(str_cut((struct str){NULL, 0}, '=', &head, &tail));
    cr_assert_eq(head.n + tail.n, 0);
}

Test(str, integers)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0x10",
                                      "1.0",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t v = 0;

    cr_assert_eq(str_to_i64(STR("0"), 0, 10, &v), 0);
    cr_assert_eq(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v), 0);
    cr_assert_eq(v, INT64_MIN);
    cr_assert_eq(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v), 0);
    cr_assert_eq(v, INT64_MAX);
    cr_assert_eq(str_to_i64(STR("007"), 0, 10, &v), 0);
    cr_assert_eq(v, 7);
    v = 42;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        cr_assert_eq(str_to_i64(str_from(bad[i]), INT64_MIN, INT64_MAX, &v), -E_BAD_REQUEST, "\"%s\"",
                     bad[i]);
    cr_assert_eq(str_to_i64(STR("11"), 0, 10, &v), -E_BAD_REQUEST);
    cr_assert_eq(str_to_i64(STR("-1"), 0, 10, &v), -E_BAD_REQUEST);
    cr_assert_eq(v, 42);
}

Test(str, fixed_forms_piece_by_piece)
{
    struct str text = STR("0042:x"), empty = {0};
    int value = -1;

    cr_expect(str_take_number(&text, 2, 0, 9, &value) && value == 0);
    cr_expect(str_take_number(&text, 2, 42, 42, &value) && value == 42);
    cr_expect_not(str_take_number(&text, 1, 0, 9, &value), "no digit");
    cr_expect_not(str_take_any(&text, ";"));
    cr_expect(str_take_any(&text, ",:"));
    cr_expect(str_eq(text, STR("x")));
    cr_expect_not(str_take_number(&text, 2, 0, 99, &value), "too short");
    cr_expect_not(str_take_number(&empty, 1, 0, 9, &value));
    cr_expect_not(str_take_any(&empty, "x"));
    text = STR("13");
    cr_expect_not(str_take_number(&text, 2, 1, 12, &value), "out of range");
    text = (struct str){"\0", 1};
    cr_expect_not(str_take_any(&text, "x"), "a NUL is none of them");
}

Test(str, distance)
{
    char longer[200];

    cr_assert_eq(str_distance("", ""), 0);
    cr_assert_eq(str_distance("abc", ""), 3);
    cr_assert_eq(str_distance("", "abc"), 3);
    cr_assert_eq(str_distance("spool_dir", "SPOOL_DIR"), 0, "any case");
    cr_assert_eq(str_distance("spool_dri", "spool_dir"), 1, "a swap is one mistake");
    cr_assert_eq(str_distance("SPOOL_DRI", "spool_dir"), 1, "in any case");
    cr_assert_eq(str_distance("spol_dir", "spool_dir"), 1);
    cr_assert_eq(str_distance("spool_dirr", "spool_dir"), 1);
    cr_assert_eq(str_distance("kitten", "sitting"), 3);
    cr_assert_eq(str_distance("ca", "abc"), 3, "optimal string alignment: no edit between swapped letters");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    cr_assert_eq(str_distance(longer, longer), 0, "long names are compared by their first part");
    cr_assert_eq(str_distance(longer, "x"), 62);
}

struct utf8_case {
    struct str bytes;
    bool valid;
};

Test(utf8, validity)
{
    static const struct utf8_case cases[] = {
        {{"", 0}, true},
        {{"plain", 5}, true},
        {{"\xe6\x89\x93\xe5\x8d\xb0", 6}, true},
        {{"\xf0\x9f\x8c\x8d", 4}, true},
        {{"\xed\x9f\xbf", 3}, true},      /* U+D7FF */
        {{"\xee\x80\x80", 3}, true},      /* U+E000 */
        {{"\xf4\x8f\xbf\xbf", 4}, true},  /* U+10FFFF */
        {{"\xf4\x90\x80\x80", 4}, false}, /* past it */
        {{"\xed\xa0\x80", 3}, false},     /* a surrogate */
        {{"\xed\xbf\xbf", 3}, false},
        {{"\xc0\xaf", 2}, false}, /* overlong */
        {{"\xc1\xbf", 2}, false},
        {{"\xe0\x9f\xbf", 3}, false},
        {{"\xf0\x8f\xbf\xbf", 4}, false},
        {{"\xf5\x80\x80\x80", 4}, false},
        {{"\xff", 1}, false},
        {{"\x80", 1}, false}, /* a stray continuation */
        {{"\xc3", 1}, false}, /* cut */
        {{"\xe6\x89", 2}, false},
        {{"\xf0\x9f\x8c", 3}, false},
        {{"\xe6\x89x", 3}, false},
        {{"a\0b", 3}, false}, /* NUL is no text */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        cr_assert_eq(utf8_valid(cases[i].bytes), cases[i].valid, "case %zu", i);
}

Test(utf8, length_counts_code_points)
{
    cr_assert_eq(utf8_length(STR("")), 0);
    cr_assert_eq(utf8_length(STR("abc")), 3);
    cr_assert_eq(utf8_length(STR("\xe6\x89\x93\xe5\x8d\xb0")), 2);
    cr_assert_eq(utf8_length(STR("\xf0\x9f\x8c\x8d!")), 2);
}

Test(utf8, next_stays_where_it_fails)
{
    struct str s = STR("a\xe6\x89\x93\xff");
    size_t i = 0;

    cr_assert_eq(utf8_next(s, &i), 'a');
    cr_assert_eq(utf8_next(s, &i), 0x6253);
    cr_assert_eq(i, 4);
    cr_assert_eq(utf8_next(s, &i), -1);
    cr_assert_eq(i, 4);
}

Test(utf8, printable)
{
    cr_assert(utf8_printable(STR("line\n\ttab\r\n\xe6\x89\x93")));
    cr_assert(utf8_printable(STR("\xc2\xa0")), "U+00A0 is past the C1 controls");
    cr_assert_not(utf8_printable(STR("\x1b[31m")));
    cr_assert_not(utf8_printable(STR("\x7f")));
    cr_assert_not(utf8_printable(STR("\xc2\x85")), "C1");
    cr_assert_not(utf8_printable((struct str){"\0", 1}));
    cr_assert_not(utf8_printable(STR("\xff")));
}
