/* Looks dates up in lists and objects; nothing here computes time. */
#include "holiday/calendar_document.h"
#include "base/memory.h"
#include <stdio.h>

char *date_text(struct civil date, char ret_text[DATE_TEXT_SIZE])
{
    snprintf(ret_text, DATE_TEXT_SIZE, "%04d-%02d-%02d", date.year, date.month, date.day);
    return ret_text;
}

static bool lists(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

const char *calendar_by_hand(const json_t *calendar, const char *date, const json_t **ret_hours)
{
    *ret_hours = json_object_get(json_object_get(calendar, "open"), date);
    if (*ret_hours)
        return "open";
    if (lists(json_object_get(calendar, "closed"), date))
        return "closed";
    return lists(json_object_get(calendar, "yearly"), date + strlen("2026-")) ? "yearly" : NULL;
}

/* ---- sources ---- */

json_t *calendar_source_days(const json_t *source)
{
    const json_t *closed = json_object_get(source, "closed");
    json_t *days = json_object(), *value;
    const char *date;

    for (size_t i = 0; i < json_array_size(closed); i++) {
        json_t *one = json_array_get(closed, i);

        json_object_set_new(days, json_string_value(one), json_pack("{s:O, s:b}", "date", one, "closed", 1));
    }
    json_object_foreach(json_object_get(source, "open"), date, value)
        json_object_set_new(days, date, json_pack("{s:s, s:O}", "date", date, "open", value));
    json_object_foreach(json_object_get(source, "names"), date, value) if (json_object_get(days, date))
        json_object_set(json_object_get(days, date), "name", value);
    return days;
}

json_t *calendar_source_of(const json_t *days)
{
    json_t *source = json_object(), *closed = json_array(), *open = json_object(), *names = json_object();
    json_t *day;
    const char *date;

    json_object_foreach((json_t *)days, date, day)
    {
        if (json_object_get(day, "open"))
            json_object_set(open, date, json_object_get(day, "open"));
        else
            json_array_append(closed, json_object_get(day, "date"));
        if (json_object_get(day, "name"))
            json_object_set(names, date, json_object_get(day, "name"));
    }
    json_object_set_new(source, "closed", closed);
    json_object_set_new(source, "open", open);
    json_object_set_new(source, "names", names);
    return source;
}

void calendar_imported(const json_t *calendar, const char *date, const char **ret_source,
                       const char **ret_name)
{
    bool found_open = false;
    const char *key;
    json_t *source;

    *ret_source = *ret_name = NULL;
    json_object_foreach(json_object_get(calendar, "imported"), key, source)
    {
        bool open = json_object_get(json_object_get(source, "open"), date) != NULL;

        /* The last that opens it, or else the first that closes it. */
        if (!open && (found_open || *ret_source || !lists(json_object_get(source, "closed"), date)))
            continue;
        found_open = found_open || open;
        *ret_source = key;
        *ret_name = json_string_value(json_object_get(json_object_get(source, "names"), date));
    }
}

/* ---- text ---- */

enum { LINE_WIDTH = 100, INDENT = 2 };

static void add_value(struct buf *out, const json_t *value, size_t indent);

static void add_item(struct buf *out, const char *key, const json_t *value, size_t indent, const char *comma)
{
    buf_printf(out, "%s\n%*s", comma, (int)indent, "");
    if (key) {
        buf_json_text(out, key);
        buf_add_text(out, ": ");
    }
    add_value(out, value, indent);
}

static void add_value(struct buf *out, const json_t *value, size_t indent)
{
    _cleanup_(freep) char *line = json_dumps(value, JSON_ENCODE_ANY);
    const char *comma = "", *key;
    json_t *member;

    if ((indent && strlen(line) + indent <= LINE_WIDTH) || !(json_is_object(value) || json_is_array(value))) {
        buf_add_text(out, line);
        return;
    }
    buf_add_char(out, json_is_object(value) ? '{' : '[');
    for (size_t i = 0; i < json_array_size(value); i++, comma = ",")
        add_item(out, NULL, json_array_get(value, i), indent + INDENT, comma);
    json_object_foreach((json_t *)value, key, member)
    {
        add_item(out, key, member, indent + INDENT, comma);
        comma = ",";
    }
    buf_printf(out, "\n%*s%c", (int)indent, "", json_is_object(value) ? '}' : ']');
}

void calendar_document_text(const json_t *calendar, struct buf *out)
{
    add_value(out, calendar, 0);
    buf_add_char(out, '\n');
}
