/* One array in the order of the file. What stands within a place follows it; its siblings are found by
 * jumping over what is within each. */
#include "deskctl/document_places.h"
#include "base/memory.h"

void document_places_fini(struct document_places *places)
{
    for (size_t i = 0; i < places->n; i++)
        free(places->items[i].key);
    free(places->items);
    *places = (struct document_places){0};
}

size_t document_places_add(struct document_places *places, const char *key, size_t line, bool array)
{
    places->items = mem_more(places->items, places->n, sizeof *places->items);
    places->items[places->n] = (struct place){mem_str(key), line, 0, array};
    return places->n++;
}

void document_places_close(struct document_places *places, size_t number)
{
    places->items[number].n = places->n - number;
}

/* The child that has the key or, in an array, the index; 0 (which is the whole) when there is none. */
static size_t find(const struct document_places *places, size_t parent, const char *key, int64_t index)
{
    const struct place *place = &places->items[parent];
    size_t end = place->n ? parent + place->n : places->n;

    for (size_t i = parent + 1; i < end; i += places->items[i].n)
        if (place->array ? index-- == 0 : strcmp(places->items[i].key, key) == 0)
            return i;
    return 0;
}

const struct place *document_places_member(const struct document_places *places, size_t object,
                                           const char *key)
{
    size_t found = find(places, object, key, 0);

    return found ? &places->items[found] : NULL;
}

/* The next key of a pointer that stands at a slash, unescaped; false at its end. */
static bool next_key(const char **pointer, struct buf *key)
{
    const char *p = *pointer;

    if (*p != '/')
        return false;
    buf_reset(key);
    for (p++; *p && *p != '/'; p++) {
        bool escaped = p[0] == '~' && (p[1] == '0' || p[1] == '1');

        buf_add_char(key, !escaped ? *p : p[1] == '0' ? '~' : '/');
        p += escaped;
    }
    *pointer = p;
    return true;
}

static bool is_index(const struct buf *key, int64_t *ret_index)
{
    return str_to_i64(buf_str(key), 0, INT32_MAX, ret_index) == 0;
}

/* Steps into a place; 0 when it has no such child. */
static size_t step(const struct document_places *places, size_t from, const struct buf *key)
{
    int64_t index = -1;

    if (places->items[from].array && !is_index(key, &index))
        return 0;
    return find(places, from, buf_text(key), index);
}

size_t document_places_line(const struct document_places *places, const char *pointer)
{
    _cleanup_buf_ struct buf key = BUF_INIT;
    size_t at = 0, next;

    if (!places->n)
        return 1;
    while (next_key(&pointer, &key) && (next = step(places, at, &key)))
        at = next;
    return places->items[at].line;
}

static void add_key(struct buf *out, const struct buf *key)
{
    bool bare = key->n != 0;

    for (size_t i = 0; i < key->n; i++)
        bare = bare && (unsigned char)key->p[i] > ' ' && !strchr(".[]\"", key->p[i]);
    if (!bare) {
        buf_add_char(out, '[');
        buf_json_str(out, buf_str(key));
        buf_add_char(out, ']');
        return;
    }
    if (out->n)
        buf_add_char(out, '.');
    buf_add_utf8(out, buf_str(key));
}

void document_places_path(const struct document_places *places, const char *pointer, struct buf *out)
{
    _cleanup_buf_ struct buf key = BUF_INIT, path = BUF_INIT;
    bool known = places->n != 0;
    int64_t index;
    size_t at = 0;

    while (next_key(&pointer, &key)) {
        /* Where the file ends, a number is more often an index than a key. */
        if ((!known || places->items[at].array) && is_index(&key, &index))
            buf_printf(&path, "[%lld]", (long long)index);
        else
            add_key(&path, &key);
        at = known ? step(places, at, &key) : 0;
        known = at != 0;
    }
    buf_add_str(out, buf_str(&path));
}
