/* Quotes more than YAML asks for: only what begins with a letter and goes on with letters, digits and a few
 * marks stands alone, so that nothing can be an indicator, a number, a time or a date to any reader. */
#include "deskctl/yaml_write.h"
#include "base/memory.h"
#include <strings.h>

enum { LINE_WIDTH = 100, INDENT = 2, KEY_MAX = 1000 /* characters; a longer key needs the mark "?" */ };

/* ---- texts ---- */

static bool is_letter(int32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c > 0xa0 && c < 0x2000) ||
           (c > 0x206f && c < 0xd800 && c != 0x3000) || (c >= 0xf900 && c < 0xfe00) || c > 0xffff;
}

static bool is_inner(int32_t c)
{
    return is_letter(c) || (c && c < 0x80 && strchr("0123456789 _-./@+()", c));
}

static bool stands_alone(struct str text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
    size_t i = 0;

    if (!text.n || text.p[text.n - 1] == ' ' || !is_letter(utf8_next(text, &i)))
        return false;
    while (i < text.n)
        if (!is_inner(utf8_next(text, &i)))
            return false;
    for (const char *const *word = words; *word; word++)
        if (strcasecmp(text.p, *word) == 0)
            return false;
    return true;
}

static void add_quoted(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n;) {
        size_t begin = i;
        int32_t c = utf8_next(text, &i);

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (c == '\n')
            buf_add_text(out, "\\n");
        else if (c == '\t')
            buf_add_text(out, "\\t");
        else if (c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c < 0x202f) || c == 0xfeff ||
                 c == 0xfffe || c == 0xffff)
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add(out, text.p + begin, i - begin);
    }
    buf_add_char(out, '"');
}

static void add_text(struct buf *out, struct str text)
{
    if (stands_alone(text))
        buf_add_str(out, text);
    else
        add_quoted(out, text);
}

/* ---- values ---- */

static bool has_object(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (has_object(json_array_get(value, i)))
            return true;
    return json_object_size(value) != 0;
}

/* A value without objects, on one line. */
static void add_line(struct buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        add_text(out, (struct str){json_string_value(value), json_string_length(value)});
    } else if (json_is_array(value)) {
        buf_add_char(out, '[');
        for (size_t i = 0; i < json_array_size(value); i++) {
            buf_add_text(out, i ? ", " : "");
            add_line(out, json_array_get(value, i));
        }
        buf_add_char(out, ']');
    } else {
        _cleanup_(freep) char *text = json_dumps(value, JSON_ENCODE_ANY); /* {}, a number, a word */

        buf_add_text(out, text);
    }
}

static void add_block(struct buf *out, const json_t *value, size_t indent, bool begun);

/* A value behind `-` or `:`, to its end of line. An item's object begins on the line of its mark. */
static void add_value(struct buf *out, const json_t *value, size_t indent, bool item)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    if (!has_object(value)) {
        add_line(&line, value);
        if (json_array_size(value) == 0 || indent + utf8_length(buf_str(&line)) <= LINE_WIDTH) {
            buf_printf(out, " %s\n", buf_text(&line));
            return;
        }
    }
    buf_add_char(out, item ? ' ' : '\n');
    add_block(out, value, indent, item);
}

static void add_member(struct buf *out, const char *key, const json_t *value, size_t indent)
{
    _cleanup_buf_ struct buf name = BUF_INIT;

    add_text(&name, str_from(key));
    if (utf8_length(buf_str(&name)) > KEY_MAX)
        buf_printf(out, "? %s\n%*s:", buf_text(&name), (int)indent, "");
    else
        buf_printf(out, "%s:", buf_text(&name));
    add_value(out, value, indent + INDENT, false);
}

/* What is within an object or array, a line or more each; `begun`: the first line is indented already. */
static void add_block(struct buf *out, const json_t *value, size_t indent, bool begun)
{
    const char *key;
    json_t *member;

    for (size_t i = 0; i < json_array_size(value); i++) {
        buf_printf(out, "%*s-", i || !begun ? (int)indent : 0, "");
        add_value(out, json_array_get(value, i), indent + INDENT, true);
    }
    json_object_foreach((json_t *)value, key, member)
    {
        buf_printf(out, "%*s", begun ? 0 : (int)indent, "");
        add_member(out, key, member, indent);
        begun = false;
    }
}

void yaml_write(const json_t *json, struct buf *out)
{
    if (json_array_size(json) || json_object_size(json)) {
        add_block(out, json, 0, false);
        return;
    }
    add_line(out, json);
    buf_add_char(out, '\n');
}
