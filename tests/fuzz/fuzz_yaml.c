// links: deskctl_core
/* Documents from any bytes, as deskctl reads them. What is refused says why and where; what is taken keeps to
 * the limits, has a place for each value, and reads back as the same when it is written as YAML. */
#include "base/memory.h"
#include "deskctl/yaml_read.h"
#include "deskctl/yaml_write.h"
#include "fuzz.h"

/* Counts the values; finds out whether one is a fraction, which YAML does not keep. */
static size_t count(const json_t *value, int depth, bool *has_real)
{
    size_t n = 1;
    const char *key;
    json_t *member;

    MUST(depth <= YAML_DEPTH_MAX);
    *has_real = *has_real || json_is_real(value);
    MUST(!json_is_string(value) || strlen(json_string_value(value)) == json_string_length(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        n += count(json_array_get(value, i), depth + 1, has_real);
    json_object_foreach((json_t *)value, key, member) n += count(member, depth + 1, has_real);
    return n;
}

static void check_places(const struct yaml_document *document, size_t values, size_t lines)
{
    const struct document_places *places = &document->places;

    MUST(places->n == values && values <= YAML_VALUES_MAX);
    for (size_t i = 0; i < places->n; i++)
        MUST(places->items[i].line >= 1 && places->items[i].line <= lines && places->items[i].n >= 1 &&
             i + places->items[i].n <= places->n);
}

/* The pointers to the first members and items, each one step deeper, find what the JSON has. */
static void check_pointers(const struct yaml_document *document)
{
    const json_t *value = document->json;
    _cleanup_buf_ struct buf pointer = BUF_INIT;
    size_t at = 0;

    while (json_array_size(value) || json_object_size(value)) {
        const char *key = json_object_iter_key(json_object_iter((json_t *)value));

        buf_add_char(&pointer, '/');
        for (const char *p = key ? key : "0"; *p; p++) {
            if (*p == '~' || *p == '/')
                buf_add_text(&pointer, *p == '~' ? "~0" : "~1");
            else
                buf_add_char(&pointer, *p);
        }
        at++;
        MUST(document_places_line(&document->places, buf_text(&pointer)) == document->places.items[at].line);
        value = key ? json_object_get(value, key) : json_array_get(value, 0);
    }
}

static void check_writing(const json_t *json)
{
    _cleanup_yaml_document_ struct yaml_document again = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_(freep) char *a = NULL, *b = NULL;

    yaml_write(json, &text);
    if (text.n > YAML_FILE_MAX)
        return;
    MUST(yaml_read(buf_str(&text), &again, &fault) == 0);
    a = json_dumps(json, JSON_ENCODE_ANY);
    b = json_dumps(again.json, JSON_ENCODE_ANY);
    MUST(strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = {(const char *)data, size};
    _cleanup_yaml_document_ struct yaml_document document = {0};
    _cleanup_yaml_fault_ struct yaml_fault fault = {0};
    bool has_real = false;
    size_t lines = 2; /* libyaml ends a text without a line feed on the next line */

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n' || data[i] == '\r';
    if (yaml_read(text, &document, &fault) < 0) {
        MUST(fault.reason.n && utf8_valid(buf_str(&fault.reason)) && !document.json);
        MUST(fault.line >= 1 && fault.line <= lines && fault.column >= 1);
        return 0;
    }
    check_places(&document, count(document.json, 0, &has_real), lines);
    check_pointers(&document);
    if (!has_real)
        check_writing(document.json);
    return 0;
}
