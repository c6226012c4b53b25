/* Walks documents for names of zones without knowing what they are: calendars, rotations and schedules all
 * call it "zone". Called by the router, which keeps the rules, and by deskctl, which compares by them. */
#include "plan/zone_json.h"
#include "base/memory.h"
#include "domain/calendar.h"
#include <string.h>

static json_t *rules_of(const struct zone *zone)
{
    json_t *rules = json_array();
    int64_t at_s = CALENDAR_BEGIN_S;

    json_array_append_new(rules, json_integer(zone_offset_s(zone, at_s)));
    while (zone_next_change(zone, at_s, &at_s) && at_s < CALENDAR_END_S) {
        json_array_append_new(rules, json_integer(at_s));
        json_array_append_new(rules, json_integer(zone_offset_s(zone, at_s)));
    }
    return rules;
}

static void add_zone(json_t *zones, const char *name)
{
    _cleanup_zone_ struct zone *zone = json_object_get(zones, name) ? NULL : zone_open(name);

    if (zone)
        json_object_set_new(zones, name, rules_of(zone));
}

/* Documents are read with a limit of depth by jansson itself. */
static void add_named(json_t *zones, const json_t *document)
{
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach((json_t *)document, key, value)
    {
        if (strcmp(key, "zone") == 0 && json_is_string(value))
            add_zone(zones, json_string_value(value));
        else
            add_named(zones, value);
    }
    json_array_foreach(document, i, value) add_named(zones, value);
}

json_t *zone_json_of(const json_t *const *documents, size_t n)
{
    json_t *zones = json_object();

    for (size_t i = 0; i < n; i++)
        add_named(zones, documents[i]);
    return zones;
}

void zone_json_read(const json_t *zones, struct zone_book *book)
{
    const char *name;
    json_t *rules, *rule;
    size_t i;

    json_object_foreach((json_t *)zones, name, rules)
    {
        size_t n = json_array_size(rules);
        _cleanup_(freep) int64_t *numbers = NEW_ARRAY(int64_t, n + 1);
        struct zone *zone;

        json_array_foreach(rules, i, rule) numbers[i] = json_integer_value(rule);
        zone = zone_new(name, numbers, n);
        if (zone)
            zone_book_add(book, zone);
    }
}

bool zone_json_same(const json_t *a, const json_t *b)
{
    const char *name;
    json_t *rules;

    json_object_foreach((json_t *)a, name, rules)
    {
        const json_t *other = json_object_get(b, name);

        if (other && !json_equal(rules, other))
            return false;
    }
    return true;
}
