/* Rules of zones as JSON: which zones a document names, and that nothing is lost on the way out and in. */
#include "domain/calendar.h"
#include "plan/zone_json.h"
#include <criterion/criterion.h>

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return json;
}

Test(zone_json, has_the_zones_that_documents_name_anywhere)
{
    json_t *a = parse("{\"calendars\": {\"x\": {\"union\": [{\"zone\": \"Europe/Berlin\"}, {\"zone\": "
                      "\"Asia/Tokyo\"}]}}, \"zone\": 7}");
    json_t *b =
        parse("{\"desks\": {\"d\": {\"hours\": {\"zone\": \"Asia/Tokyo\"}}, \"e\": {\"hours\": {\"zone\": "
              "\"No/Where\"}}}}");
    json_t *zones = zone_json_of((const json_t *[]){a, b, NULL}, 3);

    cr_expect_eq(json_object_size(zones), 2);
    cr_expect_gt(json_array_size(json_object_get(zones, "Europe/Berlin")), 100);
    cr_expect_not_null(json_object_get(zones, "Asia/Tokyo"));
    json_decref(zones);
    json_decref(b);
    json_decref(a);
}

Test(zone_json, comes_back_as_it_went)
{
    json_t *named = parse("[{\"zone\": \"Europe/Berlin\"}, {\"zone\": \"Australia/Lord_Howe\"}]");
    json_t *zones = zone_json_of((const json_t *[]){named}, 1);
    _cleanup_zone_book_ struct zone_book book = {0};
    const char *name;
    json_t *rules;

    zone_json_read(zones, &book);
    cr_assert_eq(book.n, 2);
    json_object_foreach(zones, name, rules)
    {
        _cleanup_zone_ struct zone *here = zone_open(name);
        const struct zone *read = zone_book_get(&book, name);

        for (int64_t at_s = CALENDAR_BEGIN_S; at_s < CALENDAR_END_S; at_s += 1234567)
            cr_assert_eq(zone_offset_s(here, at_s), zone_offset_s(read, at_s), "%s at %ld", name, (long)at_s);
    }
    json_decref(zones);
    json_decref(named);
}

Test(zone_json, of_no_sense_is_left_out)
{
    json_t *zones = parse("{\"A/B\": [3600], \"C/D\": [], \"E/F\": \"x\", \"G/H\": [0, 5]}");
    _cleanup_zone_book_ struct zone_book book = {0};

    zone_json_read(zones, &book);
    cr_expect_eq(book.n, 1);
    json_decref(zones);
}

Test(zone_json, is_the_same_where_both_have_the_zone)
{
    json_t *a = parse("{\"A/B\": [3600], \"C/D\": [0]}"), *b = parse("{\"A/B\": [3600], \"E/F\": [60]}");
    json_t *c = parse("{\"A/B\": [7200]}");

    cr_expect(zone_json_same(a, b));
    cr_expect_not(zone_json_same(a, c));
    json_decref(c);
    json_decref(b);
    json_decref(a);
}
