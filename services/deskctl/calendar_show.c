/* Asks the engine for what is open, and the document only for why. */
#include "deskctl/calendar_show.h"
#include "holiday/calendar_document.h"
#include <stdio.h>

/* The time of day of an instant; the end of the day is 24:00. */
static json_t *clock_text(const struct zone *zone, int64_t at_s, int64_t end_s)
{
    int32_t second = at_s == end_s ? DAY_S : civil_second_of(zone_wall_s(zone, at_s));
    char text[32];

    snprintf(text, sizeof text, second % 60 ? "%02d:%02d:%02d" : "%02d:%02d", second / 3600, second / 60 % 60,
             second % 60);
    return json_string(text);
}

/* The hours within [from_s, to_s). */
static json_t *open_hours(const struct calendar *calendar, const struct zone *zone, int64_t from_s,
                          int64_t to_s)
{
    json_t *hours = json_array();
    int64_t opens_s = from_s, closes_s;

    if (!calendar_is_open(calendar, from_s) && calendar_next_open(calendar, from_s, &opens_s) != 0)
        return hours;
    while (opens_s < to_s) {
        if (calendar_next_close(calendar, opens_s, &closes_s) != 0 || closes_s > to_s)
            closes_s = to_s;
        json_array_append_new(
            hours, json_pack("[o, o]", clock_text(zone, opens_s, to_s), clock_text(zone, closes_s, to_s)));
        if (calendar_next_open(calendar, opens_s, &opens_s) != 0)
            break;
    }
    return hours;
}

static json_t *show_day(const json_t *document, const struct calendar *calendar, const struct zone *zone,
                        int64_t day)
{
    int64_t from_s = zone_first_s(zone, day * DAY_S), to_s = zone_first_s(zone, (day + 1) * DAY_S);
    char date[DATE_TEXT_SIZE];
    const char *hand, *source, *name;
    const json_t *hours;
    json_t *one = json_pack("{s:s, s:o, s:I}", "date", date_text(civil_from_days(day), date), "open",
                            open_hours(calendar, zone, from_s, to_s), "open_s",
                            (json_int_t)calendar_elapsed(calendar, from_s, to_s));

    hand = calendar_by_hand(document, date, &hours);
    calendar_imported(document, date, &source, &name);
    if (hand)
        json_object_set_new(one, "by_hand", json_string(hand));
    if (source)
        json_object_set_new(one, "source", json_string(source));
    if (name)
        json_object_set_new(one, "name", json_string(name));
    return one;
}

json_t *calendar_show(const json_t *document, const struct calendar *calendar, const struct zone *zone,
                      int64_t first, int64_t last)
{
    char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
    json_t *days = json_array();
    int64_t total_s =
        calendar_elapsed(calendar, zone_first_s(zone, first * DAY_S), zone_first_s(zone, (last + 1) * DAY_S));

    for (int64_t day = first; day <= last; day++)
        json_array_append_new(days, show_day(document, calendar, zone, day));
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "zone", zone_name(zone), "from",
                     date_text(civil_from_days(first), from), "to", date_text(civil_from_days(last), to),
                     "total_s", (json_int_t)total_s, "days", days);
}
