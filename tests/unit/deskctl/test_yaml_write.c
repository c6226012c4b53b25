/* JSON as YAML: how it looks, and that whatever is written reads back as the same. */
#include "base/cleanup.h"
#include "deskctl/yaml_read.h"
#include "deskctl/yaml_write.h"
#include <criterion/criterion.h>

static void expect_yaml(const char *json, const char *yaml)
{
    json_auto_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    _cleanup_buf_ struct buf got = BUF_INIT;

    cr_assert(value, "%s", json);
    yaml_write(value, &got);
    cr_expect_str_eq(buf_text(&got), yaml, "%s:\n%s", json, buf_text(&got));
}

Test(yaml_write, looks_as_people_write_it)
{
    expect_yaml(
        "{\"zone\": \"Asia/Shanghai\", \"weekly\": {\"mon\": [[\"08:00\", \"17:00\"]]}, \"closed\": "
        "[\"2026-04-03\"], \"name\": \"春节\", \"none\": {}, \"few\": [], \"count\": -7, \"b\": true, "
        "\"nothing\": null}",
        "zone: Asia/Shanghai\n"
        "weekly:\n"
        "  mon: [[\"08:00\", \"17:00\"]]\n"
        "closed: [\"2026-04-03\"]\n"
        "name: 春节\n"
        "none: {}\n"
        "few: []\n"
        "count: -7\n"
        "b: true\n"
        "nothing: null\n");
    expect_yaml(
        "{\"policies\": [{\"name\": \"urgent\", \"when\": {\"priority\": [1, 2]}}, [{\"1\": []}, [2]]]}",
        "policies:\n"
        "  - name: urgent\n"
        "    when:\n"
        "      priority: [1, 2]\n"
        "  - - \"1\": []\n"
        "    - [2]\n");
    expect_yaml("[]", "[]\n");
    expect_yaml("{}", "{}\n");
    expect_yaml("[1, \"a\"]", "- 1\n- a\n");
    expect_yaml("\"no\"", "\"no\"\n");
}

Test(yaml_write, a_long_list_is_a_line_an_item)
{
    expect_yaml("{\"people\": [\"agent-of-the-desk-in-europe-1\", \"agent-of-the-desk-in-europe-2\", "
                "\"agent-of-the-desk-in-europe-3\"]}",
                "people: [agent-of-the-desk-in-europe-1, agent-of-the-desk-in-europe-2, "
                "agent-of-the-desk-in-europe-3]\n");
    expect_yaml("{\"people\": [\"agent-of-the-desk-in-europe-1\", \"agent-of-the-desk-in-europe-2\", "
                "\"agent-of-the-desk-in-europe-3\", \"anna\"]}",
                "people:\n"
                "  - agent-of-the-desk-in-europe-1\n"
                "  - agent-of-the-desk-in-europe-2\n"
                "  - agent-of-the-desk-in-europe-3\n"
                "  - anna\n");
}

Test(yaml_write, quotes_what_could_be_anything_else)
{
    static const char *const quoted[] = {
        "",      " a",         "a ",           "a: b", "a:b", "a #b", "#a", "- a", "-",   "1",    "1.5",
        "007",   "~",          "null",         "NULL", "yes", "No",   "ON", "y",   "N",   "true", "off",
        "08:00", "2026-04-03", "*a",           "&a",   "!a",  "|",    ">",  "%a",  "@a",  "`a",   "{a",
        "[a",    "a,b",        "a]",           "?",    "'a'", "=",    "<<", "---", "...", "0x1",  "+1",
        ".5",    ".inf",       "\xe3\x80\x80", "a: ",
    };
    static const char *const alone[] = {"a",    "yes please", "a-b",   "Europe/Berlin", "a@b.c",
                                        "春节", "été",        "null_", "a (b) + c"};

    for (size_t i = 0; i < ARRAY_SIZE(quoted); i++) {
        json_auto_t *value = json_string(quoted[i]);
        _cleanup_buf_ struct buf got = BUF_INIT, expected = BUF_INIT;

        yaml_write(value, &got);
        buf_printf(&expected, "\"%s\"\n", quoted[i]);
        cr_expect_str_eq(buf_text(&got), buf_text(&expected));
    }
    for (size_t i = 0; i < ARRAY_SIZE(alone); i++) {
        json_auto_t *value = json_string(alone[i]);
        _cleanup_buf_ struct buf got = BUF_INIT, expected = BUF_INIT;

        yaml_write(value, &got);
        buf_printf(&expected, "%s\n", alone[i]);
        cr_expect_str_eq(buf_text(&got), buf_text(&expected));
    }
    expect_yaml("\"a\\n\\tb\\\"\\\\\\u0001\\u007f\\u0085\\u2028\\ufeff\\uffff\\u202e\"",
                "\"a\\n\\tb\\\"\\\\\\u0001\\u007f\\u0085\\u2028\\ufeff\\uffff\\u202e\"\n");
}

/* ---- whatever it is ---- */

static unsigned seed = 4711;

static unsigned pick(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

/* Pieces that mean something in YAML, put together. */
static void add_random_text(struct buf *out)
{
    static const char *const pieces[] = {
        "a",
        "Z",
        "7",
        "0",
        ".",
        "-",
        " ",
        "\n",
        "\t",
        "\r",
        "#",
        ":",
        ": ",
        " #",
        ",",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        "~",
        "null",
        "yes",
        "true",
        "<<",
        "---",
        "...",
        "春节",
        "\xc2\x85",
        "\u2028",
        "\xc2\xa0",
        "\ufeff",
        "\u3000",
        "=",
        "08:00",
        "2026-04-03",
        "\x7f",
        "é",
        "\x01",
        "- ",
        "\n\n",
        "  ",
        "1e3",
        "0x1",
        "\xf0\x9f\x98\x80",
        "\xf0\xa0\xae\xb7",
        "\uffff",
        "_",
        "x y",
    };

    for (unsigned n = pick(8) == 0 ? 1500 + pick(100) : pick(6); n; n--)
        buf_add_text(out, pieces[pick(ARRAY_SIZE(pieces))]);
}

static json_t *random_text(void)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    add_random_text(&text);
    return json_stringn(buf_text(&text), text.n);
}

static json_t *random_json(unsigned depth)
{
    unsigned kind = pick(depth ? 9 : 6), n = pick(6);
    json_t *json;

    switch (kind) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(pick(2));
    case 2:
        return json_integer(pick(2) ? (json_int_t)pick(1000) - 500 : pick(2) ? INT64_MIN : INT64_MAX);
    case 3:
    case 4:
    case 5:
        return random_text();
    case 6:
        json = json_array();
        while (n--)
            json_array_append_new(json, random_json(depth - 1));
        return json;
    default:
        json = json_object();
        while (n--) {
            _cleanup_buf_ struct buf key = BUF_INIT;

            add_random_text(&key);
            json_object_set_new(json, buf_text(&key), random_json(depth - 1));
        }
        return json;
    }
}

/* The order of members counts, too. */
static bool is_same(const json_t *a, const json_t *b)
{
    _cleanup_(freep) char *x = json_dumps(a, JSON_ENCODE_ANY), *y = json_dumps(b, JSON_ENCODE_ANY);

    return json_equal(a, b) && strcmp(x, y) == 0;
}

Test(yaml_write, reads_back_as_the_same)
{
    for (int i = 0; i < 4000; i++) {
        json_auto_t *json = random_json(5);
        _cleanup_yaml_document_ struct yaml_document document = {0};
        _cleanup_yaml_fault_ struct yaml_fault fault = {0};
        _cleanup_buf_ struct buf text = BUF_INIT;

        yaml_write(json, &text);
        if (text.n > YAML_FILE_MAX)
            continue;
        cr_assert_eq(yaml_read(buf_str(&text), &document, &fault), 0, "%d: %zu:%zu: %s\n%s", i, fault.line,
                     fault.column, buf_text(&fault.reason), buf_text(&text));
        cr_assert(is_same(json, document.json), "%d:\n%s", i, buf_text(&text));
    }
}
