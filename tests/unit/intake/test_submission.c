/* Submissions: what is taken, what is refused and with which pointer, and the hashes that make them
 * repeatable. */
#include "base/encode.h"
#include "base/memory.h"
#include "intake/submission.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <criterion/criterion.h>

static json_t *parsed(const char *text)
{
    _cleanup_buf_ struct buf detail = BUF_INIT;
    json_t *json = NULL;

    cr_assert_eq(body_parse(str_from(text), &json, &detail), 0, "%s: %s", text, buf_text(&detail));
    return json;
}

/* `pointers`: the faults expected, in order, separated by spaces; "" for none. */
static void expect(const char *text, const char *pointers)
{
    _cleanup_errors_ struct body_errors errors = {0};
    _cleanup_buf_ struct buf array = BUF_INIT, found = BUF_INIT;
    struct submission submission;
    json_t *json = parsed(text), *list, *fault;
    size_t i;
    int r = submission_read(json, &submission, &errors);

    body_errors_add(&array, &errors);
    list = json_loads(buf_text(&array), 0, NULL);
    cr_assert(json_is_array(list), "%s", buf_text(&array));
    json_array_foreach(list, i, fault)
    {
        buf_printf(&found, "%s%s", i ? " " : "", json_string_value(json_object_get(fault, "pointer")));
        cr_assert(json_string_length(json_object_get(fault, "detail")) > 0);
    }
    cr_assert_str_eq(buf_text(&found), pointers, "%.200s: %s", text, buf_text(&array));
    cr_assert_eq(r, pointers[0] ? -E_VALIDATION : 0);
    json_decref(list);
    json_decref(json);
}

#define WITH(more) "{\"subject\":\"s\",\"description\":\"d\"," more "}"

Test(submission, table)
{
    static const struct {
        const char *text, *pointers;
    } cases[] = {
        {"{\"subject\":\"s\",\"description\":\"d\"}", ""},
        {WITH("\"service\":null,\"impact\":null,\"attributes\":null"), ""},
        {WITH("\"impact\":\"high\",\"urgency\":\"low\",\"language\":\"zh\",\"service\":\"mail\",\"on_behalf_"
              "of\":\"a\""),
         ""},
        {WITH("\"attributes\":{\"floor\":3,\"x\":1.5,\"b\":true,\"座位\":\"12\"}"), ""},
        {"{\"subject\":\"打印机\",\"description\":\"line one\\nline two\\ttab\"}", ""},
        {"{}", "/subject /description"},
        {"[]", ""}, /* replaced below: no object */
        {"{\"subject\":7,\"description\":[]}", "/subject /description"},
        {"{\"subject\":\"\",\"description\":\" \\n \"}", "/subject /description"},
        {"{\"subject\":\"a\\nb\",\"description\":\"d\"}", "/subject"},
        {"{\"subject\":\"a\\u0000b\",\"description\":\"c\\u0000\"}", "/subject /description"},
        {"{\"subject\":\"a\\u0007\",\"description\":\"\\u0085\"}", "/subject /description"},
        {WITH("\"impact\":1"), "/impact"},
        {WITH("\"impact\":\"huge\",\"urgency\":true"), "/impact /urgency"},
        {WITH("\"language\":\"fr\""), "/language"},
        {WITH("\"language\":\"en\\u0000\""), "/language"},
        {WITH("\"attributes\":[]"), "/attributes"},
        {WITH("\"attributes\":{\"a/b\":{},\"c~d\":[],\"e\":null}"),
         "/attributes/a~1b /attributes/c~0d /attributes/e"},
        {WITH("\"attributes\":{\"\":1}"), "/attributes/"},
        {WITH("\"attributes\":{\"k\":\"a\\u0000\"}"), "/attributes/k"},
        {WITH("\"on_behalf_of\":5"), "/on_behalf_of"},
        {WITH("\"subjekt\":1,\"colour\":2"), "/subjekt /colour"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (strcmp(cases[i].text, "[]") != 0)
            expect(cases[i].text, cases[i].pointers);
}

Test(submission, what_is_no_object_has_one_fault_at_the_root)
{
    _cleanup_errors_ struct body_errors errors = {0};
    struct submission submission;
    json_t *json = parsed("[]");

    cr_assert_eq(submission_read(json, &submission, &errors), -E_VALIDATION);
    cr_assert_str_eq(buf_text(&errors.json),
                     "{\"pointer\":\"\",\"detail\":\"must be an object, not an array\"}");
    json_decref(json);
}

Test(submission, an_unknown_field_names_the_nearest)
{
    _cleanup_errors_ struct body_errors errors = {0};
    struct submission submission;
    json_t *json = parsed(WITH("\"urgncy\":\"low\""));

    cr_assert_eq(submission_read(json, &submission, &errors), -E_VALIDATION);
    cr_assert(strstr(buf_text(&errors.json), "did you mean \\\"urgency\\\"?"), "%s", buf_text(&errors.json));
    json_decref(json);
}

static char *repeated(const char *unit, size_t n)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < n; i++)
        buf_add_text(&text, unit);
    return buf_take(&text);
}

static void expect_size(const char *field, const char *unit, size_t most, bool in_bytes)
{
    for (int over = 0; over < 2; over++) {
        size_t units = in_bytes ? most / strlen(unit) : most;
        _cleanup_(freep) char *value = repeated(unit, units + (size_t)over);
        _cleanup_(freep) char *pointer = mem_printf("/%s", field);
        _cleanup_(freep) char *text = strcmp(field, "subject") == 0
                                          ? mem_printf("{\"subject\":\"%s\",\"description\":\"d\"}", value)
                                      : strcmp(field, "description") == 0
                                          ? mem_printf("{\"subject\":\"s\",\"description\":\"%s\"}", value)
                                          : mem_printf(WITH("\"%s\":\"%s\""), field, value);
        expect(text, over ? pointer : "");
    }
}

Test(submission, limits_are_exact)
{
    expect_size("subject", "x", LIMIT_SUBJECT_CHARS, false);
    expect_size("subject", "界", LIMIT_SUBJECT_CHARS, false);
    expect_size("subject", "🖨", LIMIT_SUBJECT_CHARS, false);
    expect_size("description", "x", LIMIT_TEXT_BYTES, true);
    expect_size("service", "x", LIMIT_SERVICE_CHARS, false);
    expect_size("on_behalf_of", "x", 64, false);
}

Test(submission, attributes_have_limits)
{
    _cleanup_buf_ struct buf many = BUF_INIT;
    _cleanup_(freep) char *key = repeated("k", LIMIT_ATTRIBUTE_KEY_CHARS + 1),
                          *value = repeated("界", LIMIT_ATTRIBUTE_VALUE_CHARS + 1);
    _cleanup_(freep) char *long_key = mem_printf(WITH("\"attributes\":{\"%s\":1}"), key);
    _cleanup_(freep) char *pointer = mem_printf("/attributes/%s", key);
    _cleanup_(freep) char *fits = mem_printf(WITH("\"attributes\":{\"%s\":\"%s\"}"), key + 1, value + 3);
    _cleanup_(freep) char *long_value = mem_printf(WITH("\"attributes\":{\"k\":\"%s\"}"), value);

    expect(long_key, pointer);
    expect(fits, "");
    expect(long_value, "/attributes/k");
    buf_add_text(&many, "{\"subject\":\"s\",\"description\":\"d\",\"attributes\":{");
    for (int i = 0; i <= LIMIT_ATTRIBUTES; i++)
        buf_printf(&many, "%s\"%d\":1", i ? "," : "", i);
    buf_add_text(&many, "}}");
    expect(buf_text(&many), "/attributes");
}

Test(submission, no_more_than_fifty_faults_are_told)
{
    _cleanup_errors_ struct body_errors errors = {0};
    _cleanup_buf_ struct buf text = BUF_INIT, array = BUF_INIT;
    struct submission submission;
    json_t *json, *list;

    buf_add_text(&text, "{");
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "%s\"unknown%d\":1", i ? "," : "", i);
    buf_add_text(&text, "}");
    json = parsed(buf_text(&text));
    cr_assert_eq(submission_read(json, &submission, &errors), -E_VALIDATION);
    body_errors_add(&array, &errors);
    list = json_loads(buf_text(&array), 0, NULL);
    cr_assert_eq(json_array_size(list), 50);
    json_decref(list);
    json_decref(json);
}

Test(submission, malformed_json_is_refused_with_its_place)
{
    static const char *const cases[] = {"",
                                        "{",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"a\":1} x",
                                        "{\"a\":\"\xff\"}",
                                        "{\"a\":}",
                                        "nul",
                                        "{\"a\":\"\\ud800\"}",
                                        "[1,2",
                                        "{\"a\":1e999}",
                                        "\"text\"x",
                                        "{\"a\":99999999999999999999}"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf detail = BUF_INIT;
        json_t *json;
        cr_assert_eq(body_parse(str_from(cases[i]), &json, &detail), -E_MALFORMED_JSON, "%s", cases[i]);
        cr_assert(strstr(buf_text(&detail), "line ") && strstr(buf_text(&detail), "byte "), "%s",
                  buf_text(&detail));
    }
}

Test(submission, the_hash_ignores_order_and_spaces_only)
{
    static const char *const same[] = {"{\"a\":1,\"b\":[1,2]}", " { \"b\" : [ 1 , 2 ] ,\n\"a\":1}"};
    static const char *const others[] = {"{\"a\":1,\"b\":[2,1]}", "{\"a\":\"1\",\"b\":[1,2]}",
                                         "{\"a\":1.0,\"b\":[1,2]}", "{\"a\":1}"};
    uint8_t first[AUTH_HASH_SIZE], hash[AUTH_HASH_SIZE];
    json_t *json = parsed(same[0]);

    submission_hash(json, first);
    json_decref(json);
    json = parsed(same[1]);
    submission_hash(json, hash);
    json_decref(json);
    cr_assert_arr_eq(first, hash, sizeof hash);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        json = parsed(others[i]);
        submission_hash(json, hash);
        json_decref(json);
        cr_assert(memcmp(first, hash, sizeof hash) != 0, "%s", others[i]);
    }
}

Test(submission, the_key_is_the_first_half_of_a_hash_over_requester_and_key)
{
    _cleanup_buf_ struct buf hex = BUF_INIT;
    uint8_t key[SUBMISSION_KEY_SIZE];

    submission_key("5a0b63c8-0000-7000-8000-000000000001", STR("k1"), key);
    buf_add_hex(&hex, key, sizeof key);
    /* printf '5a0b63c8-0000-7000-8000-000000000001:k1' | sha256sum | cut -c1-32 */
    cr_assert_str_eq(buf_text(&hex), "66275437c28e491c93aa6ed459b578df");
}

Test(submission, client_keys_are_visible_ascii)
{
    char longest[LIMIT_KEY_CHARS + 2];

    memset(longest, 'x', sizeof longest);
    cr_assert(submission_client_key_valid((struct str){longest, LIMIT_KEY_CHARS}));
    cr_assert_not(submission_client_key_valid((struct str){longest, LIMIT_KEY_CHARS + 1}));
    cr_assert(submission_client_key_valid(STR("!~a:b/9")));
    cr_assert_not(submission_client_key_valid(STR("")));
    cr_assert_not(submission_client_key_valid(STR("a b")));
    cr_assert_not(submission_client_key_valid(STR("schl\xc3\xbcssel")));
    cr_assert_not(submission_client_key_valid((struct str){"a\0b", 3}));
}
