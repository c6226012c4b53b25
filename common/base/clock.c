/* Wall and monotonic time, and RFC 3339. The fake clock is process-wide and meant for tests. */
#include "base/clock.h"
#include "base/civil.h"
#include "meridian/errors.h"
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t fake_us;

int64_t clock_now_us(void)
{
    struct timespec now;
    int64_t fake = atomic_load(&fake_us);

    if (fake)
        return fake;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

void clock_fake(int64_t now_us)
{
    atomic_store(&fake_us, now_us);
}

char *clock_format(int64_t at_us, char ret_text[CLOCK_TEXT_SIZE])
{
    int64_t at_s = at_us / US_PER_S, rest_us = at_us % US_PER_S;
    struct civil date;
    int32_t second;

    if (rest_us < 0) {
        rest_us += US_PER_S;
        at_s--;
    }
    date = civil_from_days(civil_day_of(at_s));
    second = civil_second_of(at_s);
    snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", date.year, date.month,
             date.day, (uint8_t)(second / 3600), (uint8_t)(second / 60 % 60), (uint8_t)(second % 60),
             (int)(rest_us / 1000));
    return ret_text;
}

/* Hours, minutes, seconds; the 60th is a leap second. */
static bool take_time(struct str *text, int *ret_s, bool *ret_leap)
{
    int hour, minute, second;

    if (!str_take_number(text, 2, 0, 23, &hour) || !str_take_any(text, ":") ||
        !str_take_number(text, 2, 0, 59, &minute) || !str_take_any(text, ":") ||
        !str_take_number(text, 2, 0, 60, &second))
        return false;
    *ret_s = hour * 3600 + minute * 60 + second;
    *ret_leap = second == 60;
    return true;
}

/* Up to nine digits behind a point, of which six count; none are fine without the point. */
static bool take_fraction(struct str *text, int *ret_us)
{
    int digit, n = 0, scale = 100000;

    *ret_us = 0;
    if (!str_take_any(text, "."))
        return true;
    for (; n < 9 && text->n && str_take_number(text, 1, 0, 9, &digit); n++, scale /= 10)
        *ret_us += digit * scale;
    return n > 0;
}

static bool take_offset(struct str *text, int *ret_s)
{
    int sign = text->n && *text->p == '-' ? -1 : 1, hour, minute;

    *ret_s = 0;
    if (str_take_any(text, "Zz"))
        return true;
    if (!str_take_any(text, "+-") || !str_take_number(text, 2, 0, 23, &hour) || !str_take_any(text, ":") ||
        !str_take_number(text, 2, 0, 59, &minute))
        return false;
    *ret_s = sign * (hour * 3600 + minute * 60);
    return true;
}

int clock_parse(struct str text, int64_t *ret_us)
{
    struct civil date;
    int second, fraction_us, offset_s;
    int64_t at_s;
    bool leap;

    if (!civil_take(&text, &date) || !str_take_any(&text, "Tt ") || !take_time(&text, &second, &leap) ||
        !take_fraction(&text, &fraction_us) || !take_offset(&text, &offset_s) || text.n)
        return -E_BAD_REQUEST;
    at_s = civil_to_days(date) * DAY_S + second - offset_s;
    if (leap && at_s % DAY_S != 0)
        return -E_BAD_REQUEST; /* leap seconds come at the end of a UTC day only */
    *ret_us = at_s * US_PER_S + fraction_us;
    return 0;
}
