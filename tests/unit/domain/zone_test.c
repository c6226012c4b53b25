/* Zones against the C library in every zone of the table, wall times and their instants, and names. */
#include "base/civil.h"
#include "domain/zone.h"
#include "domain/zone_book.h"
#include "walker.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* To the end of 2037: after it GLib misreads rules with a negative daylight saving time, Europe/Dublin's. */
static void compare_zone(const char *name)
{
    _cleanup_zone_ struct zone *zone = zone_open(name);
    int64_t from_s = walker_s("1970-01-01T00:00:00Z"), to_s = walker_s("2038-01-01T00:00:00Z");
    int64_t change_s = from_s, changes = 0;

    cr_assert_not_null(zone, "%s", name);
    cr_assert_str_eq(zone_name(zone), name);
    walker_zone(name);
    for (int64_t at_s = from_s; at_s < to_s; at_s += 35 * 3600 + 7 * 60)
        if (zone_wall_s(zone, at_s) != walker_wall_s(at_s))
            cr_assert_fail("%s at %ld", name, (long)at_s);
    while (zone_next_change(zone, change_s, &change_s) && change_s < to_s) {
        changes++;
        if (zone_wall_s(zone, change_s) != walker_wall_s(change_s) ||
            zone_wall_s(zone, change_s - 1) != walker_wall_s(change_s - 1) ||
            zone_offset_s(zone, change_s) == zone_offset_s(zone, change_s - 1))
            cr_assert_fail("%s changes at %ld", name, (long)change_s);
    }
    cr_assert_lt(changes, 300);
}

Test(zone, equals_the_c_library_in_every_zone)
{
    FILE *file = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
    char line[512], name[ZONE_NAME_MAX];

    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", name) == 1)
            compare_zone(name);
    fclose(file);
    compare_zone("UTC");
}

/* 2026: Berlin skips 02:00 to 03:00 on the 29th of March and shows it twice on the 25th of October. */
Test(zone, the_instants_of_a_wall_time)
{
    _cleanup_zone_ struct zone *berlin = zone_open("Europe/Berlin"), *apia = zone_open("Pacific/Apia");
    int64_t march_s = walker_s("2026-03-29T01:00:00Z"), october_s = walker_s("2026-10-25T01:00:00Z");

    cr_expect_eq(zone_first_s(berlin, walker_s("2026-03-29T02:30:00Z")), march_s, "the first after the gap");
    cr_expect_eq(zone_last_s(berlin, walker_s("2026-03-29T02:30:00Z")), march_s);
    cr_expect_eq(zone_first_s(berlin, walker_s("2026-03-29T01:59:59Z")), march_s - 1);
    cr_expect_eq(zone_last_s(berlin, walker_s("2026-03-29T03:00:00Z")), march_s);
    cr_expect_eq(zone_first_s(berlin, walker_s("2026-10-25T02:30:00Z")), october_s - 1800);
    cr_expect_eq(zone_last_s(berlin, walker_s("2026-10-25T02:30:00Z")), october_s + 1800);
    cr_expect_eq(zone_last_s(berlin, walker_s("2026-10-25T03:00:00Z")), october_s + 3600);
    cr_expect_eq(zone_first_s(apia, walker_s("2011-12-30T12:00:00Z")), walker_s("2011-12-30T10:00:00Z"),
                 "a day that never was");
    cr_expect_eq(zone_wall_s(apia, walker_s("2011-12-30T09:59:59Z")), walker_s("2011-12-29T23:59:59Z"));
    cr_expect_eq(zone_wall_s(apia, walker_s("2011-12-30T10:00:00Z")), walker_s("2011-12-31T00:00:00Z"));
}

Test(zone, names_that_are_none)
{
    static const char *const names[] = {
        "",      "Europe/Atlantis", "/etc/passwd",    "EST5EDT,M3.2.0,M11.1.0",
        "UTC/",  "../zoneinfo/UTC", "Europe//Berlin", "Europe/Berlin ",
        "europe"};

    cr_expect_null(zone_open(NULL));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        cr_expect_null(zone_open(names[i]), "%s", names[i]);
    cr_expect_null(zone_close(NULL));
    cr_expect_gt(strlen(zone_tzdata_version()), 0);
}

Test(zone, a_book_opens_each_once)
{
    _cleanup_zone_book_ struct zone_book book = {0};
    const struct zone *berlin = zone_book_get(&book, "Europe/Berlin");

    cr_assert_not_null(berlin);
    cr_expect_not_null(zone_book_get(&book, "UTC"));
    cr_expect_eq(zone_book_get(&book, "Europe/Berlin"), berlin);
    cr_expect_null(zone_book_get(&book, "Europe/Atlantis"));
    cr_expect_eq(book.n, 2);
}

/* ---- rules that were written down ---- */

Test(zone, is_made_of_rules)
{
    static const int64_t rules[] = {3600, 1000000, 7200, 2000000, 3600};
    _cleanup_zone_ struct zone *zone = zone_new("Some/Where", rules, 5);
    int64_t at_s;

    cr_assert_not_null(zone);
    cr_expect_str_eq(zone_name(zone), "Some/Where");
    cr_expect_eq(zone_offset_s(zone, 999999), 3600);
    cr_expect_eq(zone_offset_s(zone, 1000000), 7200);
    cr_expect_eq(zone_offset_s(zone, 2000000), 3600);
    cr_assert(zone_next_change(zone, 1000000, &at_s));
    cr_expect_eq(at_s, 2000000);
    cr_expect_not(zone_next_change(zone, 2000000, &at_s));
}

Test(zone, is_not_made_of_what_are_no_rules)
{
    static const int64_t back[] = {0, 2000, 60, 1000, 120}, wide[] = {90000}, even[] = {0, 1000};
    static const int64_t twice[] = {0, 1000, 60, 1000, 120};

    cr_expect_null(zone_new("a", back, 5));
    cr_expect_null(zone_new("a", twice, 5));
    cr_expect_null(zone_new("a", wide, 1));
    cr_expect_null(zone_new("a", even, 2));
    cr_expect_null(zone_new("a", even, 0));
}

Test(zone, of_a_book_is_the_one_that_was_put_in)
{
    static const int64_t rules[] = {1800};
    _cleanup_zone_book_ struct zone_book book = {0};

    zone_book_add(&book, zone_new("Europe/Berlin", rules, 1));
    cr_expect_eq(zone_offset_s(zone_book_get(&book, "Europe/Berlin"), 0), 1800);
    cr_expect_eq(zone_offset_s(zone_book_get(&book, "Asia/Tokyo"), 0), 32400);
}
