/* Bodies: parse, then check field by field. Nothing ends at the first fault: a person who fills in a form
 * wants to hear of all of them.
 *
 * Texts must be valid UTF-8 without NUL and control characters; jansson checks the encoding, the rest is
 * checked here. Escaped NUL is let through the parser on purpose, so that it can be named with its field.
 */
#include "intake/body.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <stdarg.h>
#include <stdio.h>

enum { ERRORS_MAX = 50, SUGGESTION_DISTANCE = 3 };

void body_errors_fini(struct body_errors *errors)
{
    buf_fini(&errors->json);
}

void body_error(struct body_errors *errors, const char *pointer, const char *format, ...)
{
    char detail[300];
    va_list args;

    if (errors->n++ >= ERRORS_MAX)
        return;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (errors->json.n)
        buf_add_char(&errors->json, ',');
    buf_add_text(&errors->json, "{\"pointer\":");
    buf_json_text(&errors->json, pointer);
    buf_add_text(&errors->json, ",\"detail\":");
    buf_json_text(&errors->json, detail);
    buf_add_char(&errors->json, '}');
}

void body_errors_add(struct buf *out, const struct body_errors *errors)
{
    buf_add_char(out, '[');
    buf_add_str(out, buf_str(&errors->json));
    buf_add_char(out, ']');
}

int body_parse(struct str bytes, json_t **ret_json, struct buf *ret_detail)
{
    json_error_t error;
    json_t *json = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

    if (!json) {
        buf_printf(ret_detail, "%s (line %d, column %d, byte %d)", error.text, error.line, error.column,
                   error.position);
        return -E_MALFORMED_JSON;
    }
    *ret_json = json;
    return 0;
}

/* "/name" with ~ and / escaped (RFC 6901). */
static void pointer_add(struct buf *out, const char *name)
{
    buf_add_char(out, '/');
    for (; *name; name++) {
        if (*name == '~')
            buf_add_text(out, "~0");
        else if (*name == '/')
            buf_add_text(out, "~1");
        else
            buf_add_char(out, *name);
    }
}

static const char *json_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

/* NULL when the text is fine, else what is wrong with it. */
static const char *text_fault(const json_t *value, bool one_line)
{
    struct str s = {json_string_value(value), json_string_length(value)};

    if (memchr(s.p, 0, s.n))
        return "must not contain NUL";
    if (!utf8_printable(s))
        return "must not contain control characters";
    if (one_line && (memchr(s.p, '\n', s.n) || memchr(s.p, '\r', s.n) || memchr(s.p, '\t', s.n)))
        return "must be one line";
    return NULL;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == 0;
}

static void read_text(const struct body_field *field, const json_t *value, const char *pointer, void *to,
                      struct body_errors *errors)
{
    const char *fault, *text = json_string_value(value);
    size_t n = json_string_length(value);

    if (!json_is_string(value)) {
        body_error(errors, pointer, "must be a string, not %s", json_kind(value));
        return;
    }
    fault = text_fault(value, field->kind == BODY_LINE);
    if (fault)
        body_error(errors, pointer, "%s", fault);
    else if (field->required && is_blank(text))
        body_error(errors, pointer, "must not be empty");
    else if (field->kind == BODY_LINE && utf8_length((struct str){text, n}) > field->max)
        body_error(errors, pointer, "must have at most %zu characters", field->max);
    else if (field->kind == BODY_TEXT && n > field->max)
        body_error(errors, pointer, "must have at most %zu bytes", field->max);
    else
        *(const char **)to = text;
}

static void read_number(const json_t *value, const char *pointer, struct body_number *to,
                        struct body_errors *errors)
{
    if (!json_is_integer(value))
        body_error(errors, pointer, "must be a whole number, not %s",
                   json_is_real(value) ? "a fraction" : json_kind(value));
    else if (json_integer_value(value) < 0)
        body_error(errors, pointer, "must not be negative");
    else
        *to = (struct body_number){true, json_integer_value(value)};
}

/* The whole string, a NUL inside it included. */
static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) &&
           str_eq((struct str){json_string_value(value), json_string_length(value)}, str_from(text));
}

static void read_level(const json_t *value, const char *pointer, int *to, struct body_errors *errors)
{
    static const char *const names[] = {"high", "medium", "low"};

    for (int i = 0; i < 3; i++)
        if (is_text(value, names[i])) {
            *to = i + 1;
            return;
        }
    body_error(errors, pointer, "must be \"high\", \"medium\" or \"low\"");
}

static void read_choice(const struct body_field *field, const json_t *value, const char *pointer, void *to,
                        struct body_errors *errors)
{
    _cleanup_buf_ struct buf list = BUF_INIT;

    for (const char *const *choice = field->choices; *choice; choice++) {
        if (is_text(value, *choice)) {
            *(const char **)to = *choice;
            return;
        }
        buf_printf(&list, "%s\"%s\"", list.n ? " or " : "", *choice);
    }
    body_error(errors, pointer, "must be %s", buf_text(&list));
}

static void read_time(const json_t *value, const char *pointer, int64_t *to, struct body_errors *errors)
{
    struct str text = {json_string_value(value), json_string_length(value)};

    if (!json_is_string(value) || clock_parse(text, to) < 0)
        body_error(errors, pointer, "must be a time as in \"2026-11-23T08:00:00Z\"");
}

static void check_attribute(const char *key, const json_t *value, const char *pointer,
                            struct body_errors *errors)
{
    const char *fault = json_is_string(value) ? text_fault(value, false) : NULL;

    if (!key[0] || utf8_length(str_from(key)) > LIMIT_ATTRIBUTE_KEY_CHARS || !utf8_printable(str_from(key)))
        body_error(errors, pointer, "names must have 1 to %d printable characters",
                   LIMIT_ATTRIBUTE_KEY_CHARS);
    else if (fault)
        body_error(errors, pointer, "%s", fault);
    else if (json_is_object(value) || json_is_array(value) || json_is_null(value))
        body_error(errors, pointer, "must be a string, a number or a boolean, not %s", json_kind(value));
    else if (json_is_string(value) &&
             utf8_length((struct str){json_string_value(value), json_string_length(value)}) >
                 LIMIT_ATTRIBUTE_VALUE_CHARS)
        body_error(errors, pointer, "must have at most %d characters", LIMIT_ATTRIBUTE_VALUE_CHARS);
}

static void read_flat(json_t *value, const char *pointer, json_t **to, struct body_errors *errors)
{
    int before = errors->n;
    const char *key;
    json_t *member;

    if (!json_is_object(value)) {
        body_error(errors, pointer, "must be an object, not %s", json_kind(value));
        return;
    }
    if (json_object_size(value) > LIMIT_ATTRIBUTES)
        body_error(errors, pointer, "must have at most %d members", LIMIT_ATTRIBUTES);
    json_object_foreach(value, key, member)
    {
        _cleanup_buf_ struct buf inner = BUF_INIT;
        buf_add_text(&inner, pointer);
        pointer_add(&inner, key);
        check_attribute(key, member, buf_text(&inner), errors);
    }
    if (errors->n == before)
        *to = value;
}

static void read_field(const struct body_field *field, json_t *value, const char *pointer, void *target,
                       struct body_errors *errors)
{
    void *to = (char *)target + field->offset;

    switch (field->kind) {
    case BODY_LINE:
    case BODY_TEXT:
        read_text(field, value, pointer, to, errors);
        break;
    case BODY_NUMBER:
        read_number(value, pointer, to, errors);
        break;
    case BODY_LEVEL:
        read_level(value, pointer, to, errors);
        break;
    case BODY_CHOICE:
        read_choice(field, value, pointer, to, errors);
        break;
    case BODY_TIME:
        read_time(value, pointer, to, errors);
        break;
    case BODY_FLAG:
        if (json_is_boolean(value))
            *(bool *)to = json_is_true(value);
        else
            body_error(errors, pointer, "must be true or false, not %s", json_kind(value));
        break;
    case BODY_OBJECT:
        if (json_is_object(value))
            *(json_t **)to = value;
        else
            body_error(errors, pointer, "must be an object, not %s", json_kind(value));
        break;
    case BODY_FLAT:
        read_flat(value, pointer, to, errors);
        break;
    }
}

static void name_unknown(const char *key, const char *within, const struct body_field *fields, size_t nfields,
                         struct body_errors *errors)
{
    _cleanup_buf_ struct buf pointer = BUF_INIT;
    const char *nearest = NULL;
    int best = SUGGESTION_DISTANCE + 1;

    buf_add_text(&pointer, within);
    pointer_add(&pointer, key);
    for (size_t i = 0; i < nfields && strlen(key) < 64; i++) {
        int distance = str_distance(key, fields[i].name);
        if (distance < best) {
            best = distance;
            nearest = fields[i].name;
        }
    }
    if (nearest)
        body_error(errors, buf_text(&pointer), "unknown field; did you mean \"%s\"?", nearest);
    else
        body_error(errors, buf_text(&pointer), "unknown field");
}

int body_read_within(json_t *object, const char *within, const struct body_field *fields, size_t nfields,
                     void *target, struct body_errors *errors)
{
    int before = errors->n;
    const char *key;
    json_t *value;

    if (!json_is_object(object)) {
        body_error(errors, within, "must be an object, not %s", json_kind(object));
        return -E_VALIDATION;
    }
    for (size_t i = 0; i < nfields; i++) {
        _cleanup_buf_ struct buf pointer = BUF_INIT;

        value = json_object_get(object, fields[i].name);
        buf_add_text(&pointer, within);
        pointer_add(&pointer, fields[i].name);
        if (value && !json_is_null(value))
            read_field(&fields[i], value, buf_text(&pointer), target, errors);
        else if (fields[i].required)
            body_error(errors, buf_text(&pointer), "is required");
    }
    json_object_foreach(object, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < nfields && !known; i++)
            known = strcmp(fields[i].name, key) == 0;
        if (!known)
            name_unknown(key, within, fields, nfields, errors);
    }
    return errors->n == before ? 0 : -E_VALIDATION;
}

int body_read(json_t *object, const struct body_field *fields, size_t nfields, void *target,
              struct body_errors *errors)
{
    return body_read_within(object, "", fields, nfields, target, errors);
}
