/* Reading goes event by event through libyaml, so that every fault has its place and nothing is built that
 * was not bounded before. Writing is our own: what it has to say is small, and its quotes are those that
 * other readers of YAML need as well. */
#include "deskctl/yaml.h"
#include "base/encode.h"
#include "meridian/errors.h"
#include <string.h>
#include <yaml.h>

void yaml_fault_fini(struct yaml_fault *fault)
{
    buf_fini(&fault->reason);
}

/* ---- reading ---- */

struct reader {
    yaml_parser_t parser;
    json_t *lines;
    struct buf pointer;
    struct yaml_fault *fault;
    int depth, nodes;
};

static int fail(struct reader *r, yaml_mark_t mark, const char *reason)
{
    r->fault->line = (int)mark.line + 1;
    r->fault->column = (int)mark.column + 1;
    buf_reset(&r->fault->reason);
    buf_add_text(&r->fault->reason, reason);
    return -E_VALIDATION;
}

static int next(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    return fail(r, r->parser.problem_mark, r->parser.problem ? r->parser.problem : "cannot be read");
}

static bool is_whole_number(const char *text, size_t n)
{
    size_t i = n && text[0] == '-';

    return i < n && (text[i] != '0' || n == i + 1) && strspn(text + i, "0123456789") == n - i;
}

static int read_plain(struct reader *r, const yaml_event_t *event, struct str text, json_t **ret_json)
{
    int64_t number;

    if (str_eq(text, STR("null")) || str_eq(text, STR("~")) || !text.n)
        *ret_json = json_null();
    else if (str_eq(text, STR("true")) || str_eq(text, STR("false")))
        *ret_json = json_boolean(text.p[0] == 't');
    else if (!is_whole_number(text.p, text.n))
        *ret_json = json_stringn(text.p, text.n);
    else if (str_to_i64(text, INT64_MIN, INT64_MAX, &number) == 0)
        *ret_json = json_integer(number);
    else
        return fail(r, event->start_mark, "is too large a number; put it into quotes if it is a text");
    return *ret_json ? 0 : fail(r, event->start_mark, "is not UTF-8 text");
}

static int read_scalar(struct reader *r, const yaml_event_t *event, json_t **ret_json)
{
    struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};

    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        return read_plain(r, event, text, ret_json);
    *ret_json = json_stringn(text.p, text.n);
    return *ret_json ? 0 : fail(r, event->start_mark, "is not UTF-8 text");
}

static void add_token(struct buf *pointer, const char *key)
{
    buf_add_char(pointer, '/');
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            buf_add_text(pointer, *key == '~' ? "~0" : "~1");
        else
            buf_add_char(pointer, *key);
}

static int read_value(struct reader *r, yaml_event_t *event, json_t **ret_json);

/* The value that begins with `event`, at the pointer with `token` behind it. */
static int read_below(struct reader *r, const char *token, yaml_event_t *event, json_t **ret_json)
{
    size_t before = r->pointer.n;
    int rc;

    add_token(&r->pointer, token);
    rc = read_value(r, event, ret_json);
    r->pointer.n = before;
    if (r->pointer.p)
        r->pointer.p[before] = 0;
    return rc;
}

static int read_member(struct reader *r, const yaml_event_t *key, json_t *object)
{
    const char *name = (const char *)key->data.scalar.value;
    yaml_event_t event;
    json_t *value = NULL;
    int rc;

    if (key->type != YAML_SCALAR_EVENT)
        return fail(r, key->start_mark, "a key must be a text");
    if (key->data.scalar.anchor || key->data.scalar.tag)
        return fail(r, key->start_mark, "anchors and tags are not understood; write the value out");
    if (strlen(name) != key->data.scalar.length || !utf8_valid(str_from(name)))
        return fail(r, key->start_mark, "a key must be UTF-8 text");
    if (json_object_get(object, name))
        return fail(r, key->start_mark, "this key is here twice");
    rc = next(r, &event);
    if (rc < 0)
        return rc;
    rc = read_below(r, name, &event, &value);
    yaml_event_delete(&event);
    if (rc == 0)
        json_object_set_new(object, name, value);
    return rc;
}

static int read_item(struct reader *r, yaml_event_t *event, json_t *array)
{
    json_t *value = NULL;
    char token[24];
    int rc;

    snprintf(token, sizeof token, "%zu", json_array_size(array));
    rc = read_below(r, token, event, &value);
    if (rc == 0)
        json_array_append_new(array, value);
    return rc;
}

static int read_collection(struct reader *r, bool mapping, json_t *into)
{
    const yaml_event_type_t end = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    bool done = false;
    int rc = 0;

    while (rc == 0 && !done) {
        yaml_event_t event;

        rc = next(r, &event);
        if (rc < 0)
            return rc;
        done = event.type == end;
        if (!done)
            rc = mapping ? read_member(r, &event, into) : read_item(r, &event, into);
        yaml_event_delete(&event);
    }
    return rc;
}

static int read_nested(struct reader *r, const yaml_event_t *event, bool mapping, json_t **ret_json)
{
    json_t *into;
    int rc;

    if (r->depth == YAML_DEPTH_MAX)
        return fail(r, event->start_mark, "is nested too deep");
    into = mapping ? json_object() : json_array();
    r->depth++;
    rc = read_collection(r, mapping, into);
    r->depth--;
    if (rc < 0)
        json_decref(into);
    else
        *ret_json = into;
    return rc;
}

static int check_node(struct reader *r, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return fail(r, event->start_mark, "aliases are not understood; write the value out");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    }
    if (anchor || tag)
        return fail(r, event->start_mark, "anchors and tags are not understood; write the value out");
    if (++r->nodes > YAML_NODES_MAX)
        return fail(r, event->start_mark, "is one value too many");
    return 0;
}

static int read_value(struct reader *r, yaml_event_t *event, json_t **ret_json)
{
    int rc = check_node(r, event);

    if (rc < 0)
        return rc;
    json_object_set_new(r->lines, buf_text(&r->pointer),
                        json_integer((json_int_t)event->start_mark.line + 1));
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event, ret_json);
    case YAML_MAPPING_START_EVENT:
        return read_nested(r, event, true, ret_json);
    case YAML_SEQUENCE_START_EVENT:
        return read_nested(r, event, false, ret_json);
    default:
        return fail(r, event->start_mark, "a value is missing here");
    }
}

static int expect(struct reader *r, yaml_event_type_t type, const char *otherwise)
{
    yaml_event_t event;
    int rc = next(r, &event);

    if (rc < 0)
        return rc;
    if (event.type != type)
        rc = fail(r, event.start_mark, otherwise);
    yaml_event_delete(&event);
    return rc;
}

static int read_document(struct reader *r, json_t **ret_json)
{
    yaml_event_t event;
    int rc = expect(r, YAML_STREAM_START_EVENT, "is no text");

    if (rc == 0)
        rc = expect(r, YAML_DOCUMENT_START_EVENT, "is empty");
    if (rc == 0)
        rc = next(r, &event);
    if (rc < 0)
        return rc;
    rc = read_value(r, &event, ret_json);
    yaml_event_delete(&event);
    if (rc == 0)
        rc = expect(r, YAML_DOCUMENT_END_EVENT, "a second value begins here");
    if (rc == 0)
        rc = expect(r, YAML_STREAM_END_EVENT, "a second document begins here; one is understood");
    return rc;
}

int yaml_read(struct str text, json_t **ret_json, json_t **ret_lines, struct yaml_fault *fault)
{
    struct reader r = {.lines = json_object(), .fault = fault};
    json_t *json = NULL;
    int rc;

    if (!yaml_parser_initialize(&r.parser)) {
        json_decref(r.lines);
        return fail(&r, (yaml_mark_t){0}, "there is no memory for it");
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    rc = read_document(&r, &json);
    yaml_parser_delete(&r.parser);
    buf_fini(&r.pointer);
    if (rc < 0) {
        json_decref(json);
        json_decref(r.lines);
        return rc;
    }
    *ret_json = json;
    *ret_lines = r.lines;
    return 0;
}

int yaml_line(const json_t *lines, const char *pointer)
{
    _cleanup_buf_ struct buf at = BUF_INIT;

    buf_add_text(&at, pointer);
    for (;;) {
        const json_t *line = json_object_get(lines, buf_text(&at));
        char *slash = at.n ? strrchr(at.p, '/') : NULL;

        if (line || !slash)
            return line ? (int)json_integer_value(line) : 1;
        *slash = 0;
        at.n = (size_t)(slash - at.p);
    }
}

/* ---- writing ---- */

enum { LINE_CHARS = 100, INDENT = 2 };

/* Words that some reader of YAML takes for something else. */
static bool is_special(struct str text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq_nocase(text, str_from(words[i])))
            return true;
    return false;
}

static bool is_plain(struct str text)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-./@";

    if (!text.n || is_special(text) || !utf8_printable(text) || text.p[text.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!((unsigned char)text.p[i] & 0x80) && !strchr(safe, text.p[i]))
            return false;
    return ((unsigned char)text.p[0] & 0x80) || strchr(safe, text.p[0]) < safe + 52; /* a letter */
}

static void write_text(struct str text, struct buf *out)
{
    if (is_plain(text))
        buf_add_str(out, text);
    else
        buf_json_str(out, text);
}

static bool is_nested(const json_t *json)
{
    return json_is_object(json) || json_is_array(json);
}

static void write_inline(const json_t *json, struct buf *out)
{
    size_t i;
    json_t *item;

    if (json_is_string(json)) {
        write_text((struct str){json_string_value(json), json_string_length(json)}, out);
    } else if (json_is_array(json)) {
        buf_add_char(out, '[');
        json_array_foreach(json, i, item)
        {
            buf_add_text(out, i ? ", " : "");
            write_inline(item, out);
        }
        buf_add_char(out, ']');
    } else if (json_is_object(json)) {
        buf_add_text(out, "{}"); /* only empty ones come here */
    } else {
        char *text = json_dumps(json, JSON_ENCODE_ANY);

        buf_add_text(out, text);
        free(text);
    }
}

static bool has_objects(const json_t *json)
{
    bool found = json_is_object(json) && json_object_size(json);

    for (size_t i = 0; json_is_array(json) && i < json_array_size(json) && !found; i++)
        found = has_objects(json_array_get(json, i));
    return found;
}

/* On the line of its key, or of its dash. False: it needs lines of its own. */
static bool write_short(const json_t *json, struct buf *out)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (json_is_string(json)) {
        write_text((struct str){json_string_value(json), json_string_length(json)}, out);
        return true;
    }
    if (has_objects(json))
        return false;
    write_inline(json, &text);
    if (is_nested(json) && json_array_size(json) && text.n > LINE_CHARS)
        return false;
    buf_add_str(out, buf_str(&text));
    return true;
}

static void indent(int depth, struct buf *out)
{
    for (int i = 0; i < depth * INDENT; i++)
        buf_add_char(out, ' ');
}

static void write_lines(const json_t *json, int depth, bool begun, struct buf *out)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)json, key, value)
    {
        if (!begun)
            indent(depth, out);
        begun = false;
        write_text(str_from(key), out);
        buf_add_char(out, ':');
        if (!has_objects(value))
            buf_add_char(out, ' ');
        if (!write_short(value, out)) {
            while (out->n && out->p[out->n - 1] == ' ')
                out->p[--out->n] = 0;
            buf_add_char(out, '\n');
            write_lines(value, depth + 1, false, out);
        } else {
            buf_add_char(out, '\n');
        }
    }
    json_array_foreach((json_t *)json, i, value)
    {
        if (!begun)
            indent(depth, out);
        begun = false;
        buf_add_text(out, "- ");
        if (write_short(value, out))
            buf_add_char(out, '\n');
        else
            write_lines(value, depth + 1, true, out);
    }
}

void yaml_write(const json_t *json, struct buf *out)
{
    if (write_short(json, out))
        buf_add_char(out, '\n');
    else
        write_lines(json, 0, false, out);
}
