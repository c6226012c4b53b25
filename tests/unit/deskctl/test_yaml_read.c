/* Documents in YAML and JSON: which scalar becomes what, what is refused and where, and the lines of values.
 */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/yaml_read.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

static void expect_json(const char *yaml, const char *json)
{
    _cleanup_yaml_document_ struct yaml_document document = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};
    _cleanup_(freep) char *text = NULL;

    cr_expect_eq(yaml_read(str_from(yaml), &document, &fault), 0, "%s: %zu:%zu: %s", yaml, fault.line,
                 fault.column, buf_text(&fault.reason));
    text = document.json ? json_dumps(document.json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    cr_expect(text && strcmp(text, json) == 0, "%s: %s", yaml, text);
}

static void expect_fault_of(struct str yaml, size_t line, size_t column, const char *said)
{
    _cleanup_yaml_document_ struct yaml_document document = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};

    cr_expect_eq(yaml_read(yaml, &document, &fault), -E_VALIDATION, "%.*s", (int)yaml.n, yaml.p);
    cr_expect(!document.json && fault.line == line && fault.column == column &&
                  strstr(buf_text(&fault.reason), said),
              "%.40s: %zu:%zu: %s", yaml.p, fault.line, fault.column, buf_text(&fault.reason));
}

static void expect_fault(const char *yaml, size_t line, size_t column, const char *said)
{
    expect_fault_of(str_from(yaml), line, column, said);
}

/* ---- values ---- */

Test(yaml_read, scalars)
{
    static const char *const cases[][2] = {
        {"null", "null"},
        {"~", "null"},
        {"Null", "null"},
        {"'null'", "\"null\""},
        {"---", "null"},
        {"true", "true"},
        {"TRUE", "true"},
        {"False", "false"},
        {"tRUE", "\"tRUE\""},
        {"\"true\"", "\"true\""},
        {"yes", "\"yes\""},
        {"no", "\"no\""},
        {"on", "\"on\""},
        {"off", "\"off\""},
        {"y", "\"y\""},
        {"0", "0"},
        {"-12", "-12"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"'7'", "\"7\""},
        {"007", "\"007\""},
        {"+5", "\"+5\""},
        {"-", "[null]"},
        {"0x1f", "\"0x1f\""},
        {"0o17", "\"0o17\""},
        {"1_000", "\"1_000\""},
        {"1.5", "\"1.5\""},
        {"1e3", "\"1e3\""},
        {".inf", "\".inf\""},
        {"1.5h", "\"1.5h\""},
        {"08:00", "\"08:00\""},
        {"190:20:30", "\"190:20:30\""},
        {"2026-04-03", "\"2026-04-03\""},
        {"春节", "\"春节\""},
        {"\"\\u6625\\t\\\"\"", "\"春\\t\\\"\""},
        {"''", "\"\""},
        {"a\n  b", "\"a b\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_json(cases[i][0], cases[i][1]);
}

Test(yaml_read, objects_and_arrays)
{
    expect_json("b: 1\na:\n- x\n- [08:00, 17:00]\n- {c: , d}\n- - y\n",
                "{\"b\":1,\"a\":[\"x\",[\"08:00\",\"17:00\"],{\"c\":null,\"d\":null},[\"y\"]]}");
    expect_json("? a\n: |\n  one\n  two\n\"1\": >-\n  three\n  four\n",
                "{\"a\":\"one\\ntwo\\n\",\"1\":\"three four\"}");
    expect_json("---\na: b%\n...\n", "{\"a\":\"b%\"}");
    expect_json("\xef\xbb\xbf"
                "a: b",
                "{\"a\":\"b\"}");
    expect_json("a: b\r\nc: d\r\n", "{\"a\":\"b\",\"c\":\"d\"}");
    expect_json("<<: {a: 1}", "{\"<<\":{\"a\":1}}"); /* no merging */
}

Test(yaml_read, json_is_read_as_json)
{
    expect_json("\t{\"a\":\t1.5, \"b\": \"\\ud83d\\ude00\\/\", \"c\": \"\x7f\"}\n",
                "{\"a\":1.5,\"b\":\"\xf0\x9f\x98\x80/\",\"c\":\"\x7f\"}");
    expect_json("{\"a\":1,\n\"b\"\n:[true,{}, []]}", "{\"a\":1,\"b\":[true,{},[]]}");
    expect_json("{\n\t# no JSON, but YAML\n\ta: 1.5,\n}", "{\"a\":\"1.5\"}");
}

/* ---- faults ---- */

Test(yaml_read, refuses_with_the_place)
{
    static const struct {
        const char *yaml;
        size_t line, column;
        const char *said;
    } cases[] = {
        {"", 1, 1, "no document"},
        {"# only a comment\n", 2, 1, "no document"},
        {"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", 5, 3, "\"c\" is there already, in line 3"},
        {"{\"a\": {\"b\": 1},\n \"a\": 2}", 2, 2, "\"a\" is there already, in line 1"},
        {"a: {x: 1}\n\"a\": 2\n", 2, 1, "\"a\" is there already, in line 1"},
        {"春: &x 1", 1, 4, "anchors"},
        {"a: &x [1]", 1, 4, "anchors"},
        {"a: &x\n  b: 1", 1, 4, "anchors"},
        {"&x a: 1", 1, 1, "anchors"},
        {"a: 1\nb: *a", 2, 4, "aliases"},
        {"*a : 1", 1, 1, "aliases"},
        {"a: !!str 1", 1, 4, "tags"},
        {"a: !x [1]", 1, 4, "tags"},
        {"a: !x {b: 1}", 1, 4, "tags"},
        {"!x a: 1", 1, 1, "tags"},
        {"a: 1\n---\nb: 1\n", 2, 1, "another document"},
        {"a: 1\n...\n--- b\n", 3, 1, "another document"},
        {"a:\n\tb: 1", 2, 1, "is a tab"},
        {"a:\tb", 1, 3, "is a tab"},
        {"a: 'b\x01'", 1, 6, "U+0001"},
        {"a: b\x7f", 1, 5, "U+007F"},
        {"a: b\nc: \xe2\x80\xa8", 2, 4, "U+2028"},
        {"a: b\xc2\x85", 1, 5, "U+0085"},
        {"春: \xff", 1, 4, "is not UTF-8"},
        {"{\"a\": \"\xff\"}", 1, 8, "is not UTF-8"},
        {"a: 1\n2: b", 2, 1, "must be a text; quote it"},
        {"true: b", 1, 1, "must be a text"},
        {"? \n: b", 1, 2, "must be a text"},
        {"[a]: b", 1, 1, "must be a text"},
        {"? {a: b}\n: c", 1, 3, "must be a text"},
        {"a: 9223372036854775808", 1, 4, "64 bits"},
        {"a: -9223372036854775809", 1, 4, "64 bits"},
        {"{\"a\": 9223372036854775808}", 1, 7, "64 bits"},
        {"99999999999999999999: a", 1, 1, "64 bits"},
        {"a: \"\\0\"", 1, 4, "NUL"},
        {"{\"a\": \"\\u0000\"}", 1, 7, "NUL"},
        {"\"\\0\": a", 1, 1, "NUL"},
        {"a: [1", 2, 1, "is not YAML: while parsing a flow sequence: "},
        {"a: b: c", 1, 5, "is not YAML: mapping values are not allowed"},
        {"{\"policies\":\n [}", 2, 3, "is not YAML"},
        {"a:\n  - 1\n b: 2", 3, 2, "is not YAML"},
        {"a: 1\n--- x\n...\n*", 2, 1, "another document"},
        {"%YAML 1.2\n--- a", 1, 1, "directives (%)"},
        {"a: 1\n%", 2, 1, "directives (%)"},
        {"@", 1, 1, "is not YAML"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_fault(cases[i].yaml, cases[i].line, cases[i].column, cases[i].said);
    expect_fault_of(STR("a: b\0"), 1, 5, "U+0000");
}

Test(yaml_read, says_it_in_chinese)
{
    cli_chinese = true;
    expect_fault("a: 1\na: 2", 2, 1, "\"a\" 重复，第 1 行已有");
    expect_fault("a: &x 1", 1, 4, "不支持锚点");
}

/* A text of `n` pieces between a beginning and an end. */
static void repeat(struct buf *out, const char *begin, const char *piece, size_t n, const char *end)
{
    buf_reset(out);
    buf_add_text(out, begin);
    while (n--)
        buf_add_text(out, piece);
    buf_add_text(out, end);
}

static void expect_taken(const struct buf *text)
{
    _cleanup_yaml_document_ struct yaml_document document = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};

    cr_expect_eq(yaml_read(buf_str(text), &document, &fault), 0, "%.40s: %zu:%zu: %s", buf_text(text),
                 fault.line, fault.column, buf_text(&fault.reason));
}

Test(yaml_read, depth_has_an_end)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    repeat(&text, "", "- ", YAML_DEPTH_MAX, "x");
    expect_taken(&text);
    repeat(&text, "", "- ", YAML_DEPTH_MAX + 1, "x");
    expect_fault(buf_text(&text), 1, 2 * YAML_DEPTH_MAX + 1, "nested more than 32 deep");
    repeat(&text, "a: ", "[", YAML_DEPTH_MAX, "");
    expect_fault(buf_text(&text), 1, YAML_DEPTH_MAX + 3, "nested more than 32 deep");
    repeat(&text, "", "[", YAML_DEPTH_MAX + 1, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
    expect_fault(buf_text(&text), 1, YAML_DEPTH_MAX + 1, "nested more than 32 deep");
    repeat(&text, "", "{a: ", 100000, "");
    expect_fault(buf_text(&text), 1, 4 * YAML_DEPTH_MAX + 1, "nested more than 32 deep");
}

Test(yaml_read, size_has_an_end)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    repeat(&text, "# ", "x", YAML_FILE_MAX - 6, "\na: 1");
    expect_fault(buf_text(&text), 1, 1, "is longer than 1048576 bytes");
    repeat(&text, "# ", "x", YAML_FILE_MAX - 7, "\na: 1");
    expect_taken(&text);
    repeat(&text, "[\n", "1,\n", YAML_VALUES_MAX - 2, "1\n]");
    expect_taken(&text);
    repeat(&text, "[\n", "1,\n", YAML_VALUES_MAX - 1, "1\n]");
    expect_fault(buf_text(&text), YAML_VALUES_MAX + 1, 1, "at most 200000");
    repeat(&text, "", "- 1\n", YAML_VALUES_MAX, "");
    expect_fault(buf_text(&text), YAML_VALUES_MAX, 3, "at most 200000");
}

Test(yaml_read, where_a_comment_may_be)
{
    static const struct {
        const char *yaml;
        size_t line;
    } cases[] = {
        {"a: b#c\n", 0}, {"a: b # c\n", 1}, {"a: 1\n# c\n", 2}, {"{\"a\": \"b # c\"}", 0}, {"a: ' #'", 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_yaml_document_ struct yaml_document document = {0};
        _cleanup_yaml_fault_ struct yaml_fault fault = {0};

        cr_assert_eq(yaml_read(str_from(cases[i].yaml), &document, &fault), 0);
        cr_expect_eq(document.comment_line, cases[i].line, "%s", cases[i].yaml);
    }
}

/* ---- places ---- */

static void expect_place(const struct yaml_document *document, const char *pointer, size_t line,
                         const char *path)
{
    _cleanup_buf_ struct buf got = BUF_INIT;

    document_places_path(&document->places, pointer, &got);
    cr_expect_eq(document_places_line(&document->places, pointer), line, "%s: %zu", pointer,
                 document_places_line(&document->places, pointer));
    cr_expect_str_eq(buf_text(&got), path, "%s: %s", pointer, buf_text(&got));
}

static void expect_places(const char *text, bool is_json)
{
    _cleanup_yaml_document_ struct yaml_document document = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};

    cr_assert_eq(yaml_read(str_from(text), &document, &fault), 0, "%s", buf_text(&fault.reason));
    cr_expect_eq(document.is_json, is_json);
    expect_place(&document, "", 2, "");
    expect_place(&document, "/teams", 2, "teams");
    expect_place(&document, "/teams/vpn/desks", 4, "teams.vpn.desks");
    expect_place(&document, "/teams/vpn/desks/0", 5, "teams.vpn.desks[0]");
    expect_place(&document, "/teams/vpn/desks/1/a", 6, "teams.vpn.desks[1].a");
    expect_place(&document, "/teams/vpn/desks/1/b", 7, "teams.vpn.desks[1].b");
    expect_place(&document, "/1", 8, "1");
    expect_place(&document, "/a~1b.~0", 9, "[\"a/b.~\"]");
    expect_place(&document, "/春 节", 10, "[\"春 节\"]");
    expect_place(&document, "/春 节/2026", 10, "[\"春 节\"].2026"); /* it is no array */
    /* What is not there stands where it should be. */
    expect_place(&document, "/names", 2, "names");
    expect_place(&document, "/names/0/x", 2, "names[0].x");
    expect_place(&document, "/teams/vpn/name", 3, "teams.vpn.name");
    expect_place(&document, "/teams/vpn/desks/2", 4, "teams.vpn.desks[2]");
    expect_place(&document, "/teams/vpn/desks/x", 4, "teams.vpn.desks.x");
    expect_place(&document, "/teams/vpn/desks/-1", 4, "teams.vpn.desks.-1");
    expect_place(&document, "/", 2, "[\"\"]");
    expect_place(&document, "teams", 2, ""); /* no pointer */
}

Test(yaml_read, every_value_has_its_line)
{
    expect_places("# a desk\n"
                  "teams:\n"
                  "  vpn:\n"
                  "    desks:\n"
                  "      - eu\n"
                  "      - a: 1\n"
                  "        b: [x, y]\n"
                  "\"1\": one\n"
                  "a/b.~: 2\n"
                  "春 节: 3\n",
                  false);
}

Test(yaml_read, every_value_of_json_has_its_line)
{
    expect_places("\n"
                  "{\"teams\": {\n"
                  " \"vpn\": {\n"
                  "  \"desks\": [\n"
                  "   \"e\\\"],u\",\n"
                  "   {\"a\":1,\n"
                  "    \"b\": [\"x\\\\\", []]}]}},\n"
                  "\"1\": null,\n"
                  "\"a/b.~\": true, \n"
                  "\"春 节\" \n : -3e2}\n",
                  true);
}

Test(yaml_read, no_document_has_no_places)
{
    const struct yaml_document document = {0};

    expect_place(&document, "/a/0", 1, "a[0]");
}
