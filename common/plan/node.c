/* Reads nodes. Every reader begins with `check`, which knows absent values and wrong kinds. */
#include "plan/node.h"
#include "base/clock.h"
#include "domain/wall_text.h"
#include "meridian/errors.h"
#include <stdarg.h>
#include <stdio.h>

enum { NEAR = 3 }; /* a misspelt name differs by fewer letters than this */
const char *const plan_weekdays[WEEK_DAYS + 1] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
static const int64_t begin_s = -2208988800; /* 1900-01-01, where zones begin to be known */
static const int64_t end_s = 4133980800;    /* 2101-01-01 */

struct plan_node plan_root(json_t *json)
{
    return (struct plan_node){.json = json};
}

struct plan_node plan_member(const struct plan_node *object, const char *key)
{
    return (struct plan_node){object, key, 0, json_object_get(object->json, key)};
}

struct plan_node plan_item(const struct plan_node *array, size_t index)
{
    return (struct plan_node){array, NULL, index, json_array_get(array->json, index)};
}

/* RFC 6901. */
static void add_pointer(struct buf *out, const struct plan_node *node)
{
    if (!node->up)
        return;
    add_pointer(out, node->up);
    buf_add_char(out, '/');
    if (!node->key) {
        buf_add_i64(out, (int64_t)node->index);
        return;
    }
    for (const char *p = node->key; *p; p++) {
        if (*p == '~')
            buf_add_text(out, "~0");
        else if (*p == '/')
            buf_add_text(out, "~1");
        else
            buf_add_char(out, *p);
    }
}

int plan_fail(const struct plan_node *node, struct plan_fault *fault, const char *format, ...)
{
    char reason[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    buf_reset(&fault->at);
    add_pointer(&fault->at, node);
    buf_reset(&fault->reason);
    buf_add_utf8(&fault->reason, str_from(reason)); /* it may quote what is no UTF-8, or be cut */
    return -E_VALIDATION;
}

static const char *kind_name(json_type type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return names[type];
}

/* Fails unless the value is there and of a kind. */
static int check(const struct plan_node *node, json_type type, const char *what, struct plan_fault *fault)
{
    if (!node->json)
        return plan_fail(node, fault, "is missing; must be %s", what);
    if (json_typeof(node->json) != type)
        return plan_fail(node, fault, "must be %s, not %s", what, kind_name(json_typeof(node->json)));
    return 0;
}

const char *plan_nearest(const char *name, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    int least = NEAR;

    for (size_t i = 0; i < n; i++) {
        bool longer = *name && str_starts(str_from(names[i]), str_from(name)); /* "start" for "start_local" */
        int distance = longer ? NEAR - 1 : str_distance(name, names[i]);

        if (distance < least) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

static int unknown_key(const struct plan_node *object, const char *key, const char *const *keys, size_t n,
                       struct plan_fault *fault)
{
    const struct plan_node member = plan_member(object, key);
    const char *nearest = plan_nearest(key, keys, n);
    _cleanup_buf_ struct buf list = BUF_INIT;

    if (nearest)
        return plan_fail(&member, fault, "is no key here; did you mean \"%s\"?", nearest);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", keys[i]);
    return plan_fail(&member, fault, "is no key here; there are %s", buf_text(&list));
}

int plan_object(const struct plan_node *node, const char *const *keys, struct plan_fault *fault)
{
    int rc = check(node, JSON_OBJECT, "an object", fault);
    size_t n = 0;
    const char *key;
    json_t *value;

    if (rc < 0)
        return rc;
    while (keys[n])
        n++;
    json_object_foreach(node->json, key, value)
    {
        size_t i = 0;

        while (i < n && strcmp(keys[i], key) != 0)
            i++;
        if (i == n)
            return unknown_key(node, key, keys, n, fault);
    }
    return 0;
}

int plan_map(const struct plan_node *node, size_t max, struct plan_fault *fault)
{
    if (!node->json)
        return 0;
    if (!json_is_object(node->json))
        return plan_fail(node, fault, "must be an object");
    if (json_object_size(node->json) > max)
        return plan_fail(node, fault, "has %zu members; at most %zu are allowed",
                         json_object_size(node->json), max);
    return 0;
}

int plan_array(const struct plan_node *node, size_t max, size_t *ret_n, struct plan_fault *fault)
{
    int rc = check(node, JSON_ARRAY, "an array", fault);

    if (rc < 0)
        return rc;
    if (json_array_size(node->json) > max)
        return plan_fail(node, fault, "has %zu items; at most %zu are allowed", json_array_size(node->json),
                         max);
    *ret_n = json_array_size(node->json);
    return 0;
}

static struct str text_of(const struct plan_node *node)
{
    return (struct str){json_string_value(node->json), json_string_length(node->json)};
}

int plan_text(const struct plan_node *node, size_t max, const char **ret_text, struct plan_fault *fault)
{
    int rc = check(node, JSON_STRING, "a text", fault);
    struct str text;

    if (rc < 0)
        return rc;
    text = text_of(node);
    if (!text.n)
        return plan_fail(node, fault, "must not be empty");
    if (memchr(text.p, 0, text.n) || memchr(text.p, '\n', text.n) || memchr(text.p, '\r', text.n) ||
        memchr(text.p, '\t', text.n) || !utf8_printable(text))
        return plan_fail(node, fault, "must be one line without control characters");
    if (utf8_length(text) > max)
        return plan_fail(node, fault, "must have at most %zu characters", max);
    *ret_text = text.p;
    return 0;
}

int plan_whole(const struct plan_node *node, int64_t min, int64_t max, int64_t *ret_value,
               struct plan_fault *fault)
{
    int rc = check(node, JSON_INTEGER, "a whole number", fault);

    if (rc < 0)
        return rc;
    if (json_integer_value(node->json) < min || json_integer_value(node->json) > max)
        return plan_fail(node, fault, "must be from %lld to %lld, not %lld", (long long)min, (long long)max,
                         (long long)json_integer_value(node->json));
    *ret_value = json_integer_value(node->json);
    return 0;
}

int plan_bool(const struct plan_node *node, bool *ret_value, struct plan_fault *fault)
{
    if (!json_is_boolean(node->json))
        return check(node, JSON_TRUE, "true or false", fault);
    *ret_value = json_is_true(node->json);
    return 0;
}

/* ---- time ---- */

int plan_zone(const struct plan_node *node, struct zone_book *zones, const struct zone **ret_zone,
              struct plan_fault *fault)
{
    static const char what[] = "the name of a time zone, as \"Europe/Berlin\"";
    int rc = check(node, JSON_STRING, what, fault);
    const struct zone *zone;
    struct str text;

    if (rc < 0)
        return rc;
    text = text_of(node);
    zone = strlen(text.p) == text.n ? zone_book_get(zones, text.p) : NULL;
    if (!zone)
        return plan_fail(node, fault, "is no time zone of this machine's tzdata %s; must be %s",
                         zone_tzdata_version(), what);
    *ret_zone = zone;
    return 0;
}

int plan_clock(const struct plan_node *node, int32_t *ret_s, struct plan_fault *fault)
{
    static const char what[] = "a time of day from \"00:00\" to \"23:59:59\"";
    int rc = check(node, JSON_STRING, what, fault);

    if (rc == 0 && wall_parse_clock(text_of(node), DAY_S - 1, ret_s) < 0)
        rc = plan_fail(node, fault, "must be %s", what);
    return rc;
}

int plan_clock_or_midnight(const struct plan_node *node, int32_t *ret_s, struct plan_fault *fault)
{
    static const char what[] = "a time of day from \"00:00\" to \"24:00\"";
    int rc = check(node, JSON_STRING, what, fault);

    if (rc == 0 && wall_parse_clock(text_of(node), DAY_S, ret_s) < 0)
        rc = plan_fail(node, fault, "must be %s", what);
    return rc;
}

int plan_date(const struct plan_node *node, struct civil *ret_date, struct plan_fault *fault)
{
    static const char what[] = "a date that exists, as \"2026-04-03\"";
    int rc = check(node, JSON_STRING, what, fault);
    struct str text;

    if (rc < 0)
        return rc;
    text = text_of(node);
    if (!civil_take(&text, ret_date) || text.n)
        rc = plan_fail(node, fault, "must be %s", what);
    return rc;
}

int plan_wall(const struct plan_node *node, int64_t *ret_wall_s, struct plan_fault *fault)
{
    static const char what[] = "a wall time from 1900 to 2100 without an offset, as \"2020-10-30T01:30:00\"";
    int rc = check(node, JSON_STRING, what, fault);

    if (rc == 0 && wall_parse(text_of(node), ret_wall_s) < 0)
        rc = plan_fail(node, fault, "must be %s", what);
    return rc;
}

int plan_instant(const struct plan_node *node, const struct zone *zone, bool last, int64_t *ret_at_s,
                 struct plan_fault *fault)
{
    static const char what[] = "a time from 1900 to 2100 in whole seconds, with an offset "
                               "(\"2020-10-30T01:30:00+01:00\") or without, on the clock of the zone";
    int rc = check(node, JSON_STRING, what, fault);
    int64_t wall_s, at_us;
    struct str text;

    if (rc < 0)
        return rc;
    text = text_of(node);
    if (wall_parse(text, &wall_s) == 0)
        *ret_at_s = last ? zone_last_s(zone, wall_s) : zone_first_s(zone, wall_s);
    else if (clock_parse(text, &at_us) == 0 && at_us % US_PER_S == 0 && at_us / US_PER_S >= begin_s &&
             at_us / US_PER_S < end_s)
        *ret_at_s = at_us / US_PER_S;
    else
        rc = plan_fail(node, fault, "must be %s", what);
    return rc;
}
