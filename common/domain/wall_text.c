/* Reads and writes fixed forms, digit by digit: nothing is skipped, nothing may follow. */
#include "domain/wall_text.h"
#include "base/civil.h"
#include "meridian/errors.h"
#include <stdio.h>
#include <stdlib.h>

enum { MINUTE_S = 60, HOUR_S = 3600, YEAR_MIN = 1900, YEAR_MAX = 2100 };

int wall_parse_clock(struct str text, int32_t last_s, int32_t *ret_s)
{
    int hour, minute, second = 0;

    if (!str_take_number(&text, 2, 0, 24, &hour) || !str_take_any(&text, ":") ||
        !str_take_number(&text, 2, 0, 59, &minute))
        return -E_BAD_REQUEST;
    if (str_take_any(&text, ":") && !str_take_number(&text, 2, 0, 59, &second))
        return -E_BAD_REQUEST;
    second += hour * HOUR_S + minute * MINUTE_S;
    if (text.n || second > last_s)
        return -E_BAD_REQUEST;
    *ret_s = second;
    return 0;
}

int wall_parse(struct str text, int64_t *ret_wall_s)
{
    struct civil date;
    int32_t second;

    if (!civil_take(&text, &date) || date.year < YEAR_MIN || date.year > YEAR_MAX ||
        !str_take_any(&text, "T") || wall_parse_clock(text, DAY_S - 1, &second) < 0)
        return -E_BAD_REQUEST;
    *ret_wall_s = civil_to_days(date) * DAY_S + second;
    return 0;
}

void wall_add_rfc3339(struct buf *out, const struct zone *zone, int64_t at_s)
{
    int32_t offset_minutes = zone_offset_s(zone, at_s) / MINUTE_S;
    int64_t wall_s = at_s + offset_minutes * MINUTE_S;
    struct civil date = civil_from_days(civil_day_of(wall_s));
    int32_t second = civil_second_of(wall_s), ahead = abs(offset_minutes);

    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", date.year, date.month, date.day,
               second / HOUR_S, second % HOUR_S / MINUTE_S, second % MINUTE_S, offset_minutes < 0 ? '-' : '+',
               ahead / 60, ahead % 60);
}
