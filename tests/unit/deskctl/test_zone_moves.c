/* Which shifts move when the rules of a zone change: those after the change, by exactly what it changes. */
#include "deskctl/zone_moves.h"
#include <criterion/criterion.h>

/* 2026-12-01, a Tuesday, and a clock that goes one hour forward on the night of the third day. */
enum { BEGIN = 1796083200, CHANGE = BEGIN + 2 * 86400 };

static struct zone_book before, after;
static struct zone_moves moves;

static void set_up(void)
{
    static const int64_t old[] = {3600}, new[] = {3600, CHANGE, 7200};

    zone_book_add(&before, zone_new("Europe/Berlin", old, 1));
    zone_book_add(&after, zone_new("Europe/Berlin", new, 3));
    moves = (struct zone_moves){&before, &after, BEGIN, BEGIN + 4 * (int64_t)86400, json_array(), 0};
}

static void tear_down(void)
{
    json_decref(moves.items);
    zone_book_fini(&before);
    zone_book_fini(&after);
}
TestSuite(zone_moves, .init = set_up, .fini = tear_down);

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    cr_assert_not_null(json, "%s", text);
    return json;
}

static const char *at(size_t i, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(moves.items, i), name));

    return text ? text : "";
}

#define DAILY                                                                                                \
    "{\"mon\":[[\"09:00\",\"17:00\"]],\"tue\":[[\"09:00\",\"17:00\"]],\"wed\":[[\"09:00\",\"17:00\"]],"      \
    "\"thu\":[[\"09:00\",\"17:00\"]],\"fri\":[[\"09:00\",\"17:00\"]],\"sat\":[[\"09:00\",\"17:00\"]],"       \
    "\"sun\":[[\"09:00\",\"17:00\"]]}"

Test(zone_moves, desks_open_by_the_new_clock)
{
    json_t *organisation =
        parse("{\"desks\": {\"berlin\": {\"region\": \"eu\", \"hours\": {\"zone\": \"Europe/Berlin\", "
              "\"weekly\": " DAILY "}}, \"tokyo\": {\"region\": \"ap\", \"hours\": {\"zone\": "
              "\"Asia/Tokyo\", \"weekly\": " DAILY "}}, \"always\": {\"region\": \"us\"}}}");

    cr_assert_eq(zone_moves_of_desks(&moves, organisation), 0);
    cr_expect_geq(moves.shifts, 8);
    cr_assert_eq(json_array_size(moves.items), 2, "the two after the change");
    cr_expect_str_eq(at(0, "kind"), "desk");
    cr_expect_str_eq(at(0, "name"), "berlin");
    cr_expect_str_eq(at(0, "from"), "2026-12-03T08:00:00.000Z");
    cr_expect_str_eq(at(0, "new_from"), "2026-12-03T07:00:00.000Z");
    cr_expect_str_eq(at(1, "to"), "2026-12-04T16:00:00.000Z");
    cr_expect_str_eq(at(1, "new_to"), "2026-12-04T15:00:00.000Z");
    json_decref(organisation);
}

Test(zone_moves, people_are_on_call_by_the_new_clock)
{
    json_t *plan = parse("{\"schedules\": {\"network\": {\"zone\": \"Europe/Berlin\", \"rules\": [{\"user\": "
                         "\"ann\", \"start\": \"09:00\", \"end\": \"17:00\"}]}}}");

    cr_assert_eq(zone_moves_of_schedules(&moves, plan), 0);
    cr_assert_eq(json_array_size(moves.items), 2);
    cr_expect_str_eq(at(0, "kind"), "on_call");
    cr_expect_str_eq(at(0, "user"), "ann");
    cr_expect_str_eq(at(0, "from"), "2026-12-03T08:00:00.000Z");
    cr_expect_str_eq(at(0, "new_from"), "2026-12-03T07:00:00.000Z");
    json_decref(plan);
}

Test(zone_moves, what_cannot_be_read_is_said)
{
    json_t *plan = parse("{\"schedules\": {\"network\": {\"zone\": \"No/Where\"}}}");
    json_t *organisation =
        parse("{\"desks\": {\"a\": {\"hours\": {\"zone\": \"No/Where\", \"weekly\": {}}}}}");

    cr_expect_lt(zone_moves_of_schedules(&moves, plan), 0);
    cr_expect_lt(zone_moves_of_desks(&moves, organisation), 0);
    cr_expect_eq(json_array_size(moves.items), 0);
    json_decref(organisation);
    json_decref(plan);
}
