/* Reads and writes fixed forms, digit by digit: nothing is skipped, nothing may follow. */
#include "domain/wall_text.h"
#include "domain/civil.h"
#include "meridian/errors.h"
#include <stdio.h>
#include <stdlib.h>

enum { MINUTE_S = 60, HOUR_S = 3600, YEAR_MIN = 1900, YEAR_MAX = 2100 };

/* Takes a number of exactly `digits` digits within a range from the front of the text. */
static bool take_number(struct str *text, int digits, int min, int max, int *ret_value)
{
    int value = 0;

    if (text->n < (size_t)digits)
        return false;
    for (int i = 0; i < digits; i++) {
        if (text->p[i] < '0' || text->p[i] > '9')
            return false;
        value = value * 10 + (text->p[i] - '0');
    }
    text->p += digits;
    text->n -= (size_t)digits;
    *ret_value = value;
    return value >= min && value <= max;
}

static bool take_char(struct str *text, char c)
{
    if (!text->n || *text->p != c)
        return false;
    text->p++;
    text->n--;
    return true;
}

int wall_parse_clock(struct str text, int32_t *ret_s)
{
    int hour, minute, second = 0;

    if (!take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
        !take_number(&text, 2, 0, 59, &minute))
        return -E_BAD_REQUEST;
    if (take_char(&text, ':') && !take_number(&text, 2, 0, 59, &second))
        return -E_BAD_REQUEST;
    if (text.n)
        return -E_BAD_REQUEST;
    *ret_s = hour * HOUR_S + minute * MINUTE_S + second;
    return 0;
}

int wall_parse(struct str text, int64_t *ret_wall_s)
{
    int year, month, day;
    int32_t second;
    struct civil date;

    if (!take_number(&text, 4, YEAR_MIN, YEAR_MAX, &year) || !take_char(&text, '-') ||
        !take_number(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
        !take_number(&text, 2, 1, 31, &day) || !take_char(&text, 'T') || wall_parse_clock(text, &second) < 0)
        return -E_BAD_REQUEST;
    date = (struct civil){year, (int8_t)month, (int8_t)day};
    if (!civil_valid(date))
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
