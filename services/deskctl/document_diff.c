/* Called before a document is applied, for whoever has to decide. */
#include "deskctl/document_diff.h"
#include "base/buf.h"
#include <string.h>

struct diff {
    json_t *out;
    size_t n;
};

static void compare(struct diff *diff, const char *at, const json_t *before, const json_t *after);

static void tell(struct diff *diff, const char *at, const json_t *before, const json_t *after)
{
    json_t *item = json_pack("{s:s, s:s}", "change", !before ? "+" : !after ? "-" : "~", "at", at);

    if (before)
        json_object_set(item, "before", (json_t *)before);
    if (after)
        json_object_set(item, "after", (json_t *)after);
    json_array_append_new(diff->out, item);
    diff->n++;
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

static void compare_member(struct diff *diff, const char *at, const char *key, const json_t *before,
                           const json_t *after)
{
    _cleanup_buf_ struct buf pointer = BUF_INIT;

    buf_add_text(&pointer, at);
    add_token(&pointer, key);
    compare(diff, buf_text(&pointer), before, after);
}

static void compare_objects(struct diff *diff, const char *at, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)after, key, value)
        compare_member(diff, at, key, json_object_get(before, key), value);
    json_object_foreach((json_t *)before, key, value) if (!json_object_get(after, key))
        compare_member(diff, at, key, value, NULL);
}

/* ---- lists by name ---- */

static bool has_names(const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (!json_is_string(json_object_get(item, "name"))) return false;
    return json_array_size(list) > 0;
}

static const char *name_at(const json_t *list, size_t i)
{
    return json_string_value(json_object_get(json_array_get(list, i), "name"));
}

/* The place of the item of this name among those that the other list has too; -1: it is not there. */
static long place_of(const json_t *list, const char *name, const json_t *other)
{
    long place = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        bool shared = false;

        if (strcmp(name_at(list, i), name) == 0)
            return place;
        for (size_t k = 0; k < json_array_size(other) && !shared; k++)
            shared = strcmp(name_at(other, k), name_at(list, i)) == 0;
        place += shared;
    }
    return -1;
}

static void compare_named(struct diff *diff, const char *at, const json_t *before, const json_t *after)
{
    for (size_t i = 0; i < json_array_size(after); i++) {
        const char *name = name_at(after, i);
        long was = place_of(before, name, after), is = place_of(after, name, before);
        const json_t *old = NULL;

        for (size_t k = 0; was >= 0 && k < json_array_size(before); k++)
            if (strcmp(name_at(before, k), name) == 0)
                old = json_array_get(before, k);
        compare_member(diff, at, name, old, json_array_get(after, i));
        if (was >= 0 && was != is) {
            _cleanup_buf_ struct buf pointer = BUF_INIT;
            json_t *from = json_integer(was + 1), *to = json_integer(is + 1);

            buf_add_text(&pointer, at);
            add_token(&pointer, name);
            tell(diff, buf_text(&pointer), from, to);
            json_decref(from);
            json_decref(to);
        }
    }
    for (size_t i = 0; i < json_array_size(before); i++)
        if (place_of(after, name_at(before, i), before) < 0)
            compare_member(diff, at, name_at(before, i), json_array_get(before, i), NULL);
}

static void compare(struct diff *diff, const char *at, const json_t *before, const json_t *after)
{
    if (before && after && json_equal(before, after))
        return;
    if (json_is_object(before) && json_is_object(after))
        compare_objects(diff, at, before, after);
    else if (has_names(before) && has_names(after))
        compare_named(diff, at, before, after);
    else
        tell(diff, at, before, after);
}

size_t document_diff(const json_t *before, const json_t *after, json_t *out)
{
    struct diff diff = {.out = out};

    compare(&diff, "", before, after);
    return diff.n;
}
