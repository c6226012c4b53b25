/* Wall and monotonic time, and RFC 3339. The fake clock is process-wide and meant for tests. */
#include "base/clock.h"
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
    int64_t seconds = at_us / US_PER_S, rest = at_us % US_PER_S;
    time_t t;
    struct tm tm;
    size_t n;

    if (rest < 0) {
        rest += US_PER_S;
        seconds--;
    }
    t = (time_t)seconds;
    gmtime_r(&t, &tm);
    /* The year by hand: strftime's %Y does not pad it to four digits. */
    n = (size_t)snprintf(ret_text, CLOCK_TEXT_SIZE, "%04d", tm.tm_year + 1900);
    n += strftime(ret_text + n, CLOCK_TEXT_SIZE - n, "-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text + n, CLOCK_TEXT_SIZE - n, ".%03dZ", (int)(rest / 1000));
    return ret_text;
}

/* Reads exactly `digits` decimal digits at *p, moving it on; -1 when they are not there. */
static int take_digits(const char **p, const char *end, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++, (*p)++) {
        if (*p >= end || **p < '0' || **p > '9')
            return -1;
        value = value * 10 + (**p - '0');
    }
    return value;
}

static bool take_char(const char **p, const char *end, const char *any)
{
    if (*p >= end || !**p || !strchr(any, **p))
        return false;
    (*p)++;
    return true;
}

/* Days since 1970-01-01 of a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int64_t days_from_civil(int y, int m, int d)
{
    int64_t year = y - (m <= 2), era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int clock_parse(struct str text, int64_t *ret_us)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *p = text.n ? text.p : "", *end = p + text.n;
    int year, month, day, hour, minute, second, offset = 0;
    int64_t fraction = 0, scale = 100000, at_s;
    bool leap;

    if ((year = take_digits(&p, end, 4)) < 0 || !take_char(&p, end, "-") ||
        (month = take_digits(&p, end, 2)) < 1 || month > 12 || !take_char(&p, end, "-") ||
        (day = take_digits(&p, end, 2)) < 1 || !take_char(&p, end, "Tt ") ||
        (hour = take_digits(&p, end, 2)) < 0 || hour > 23 || !take_char(&p, end, ":") ||
        (minute = take_digits(&p, end, 2)) < 0 || minute > 59 || !take_char(&p, end, ":") ||
        (second = take_digits(&p, end, 2)) < 0 || second > 60)
        return -E_BAD_REQUEST;
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > month_days[month - 1] + (month == 2 && leap))
        return -E_BAD_REQUEST;
    if (take_char(&p, end, ".")) {
        int digits = 0;
        for (; p < end && *p >= '0' && *p <= '9' && digits < 9; p++, digits++, scale /= 10)
            fraction += (*p - '0') * scale;
        if (!digits)
            return -E_BAD_REQUEST;
    }
    if (!take_char(&p, end, "Zz")) {
        bool minus = p < end && *p == '-';
        int h, m;
        if (!take_char(&p, end, "+-") || (h = take_digits(&p, end, 2)) < 0 || h > 23 ||
            !take_char(&p, end, ":") || (m = take_digits(&p, end, 2)) < 0 || m > 59)
            return -E_BAD_REQUEST;
        offset = (h * 60 + m) * (minus ? -60 : 60);
    }
    if (p != end)
        return -E_BAD_REQUEST;
    at_s = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (second == 60 && at_s % 86400 != 0)
        return -E_BAD_REQUEST; /* leap seconds come at the end of a UTC day only */
    *ret_us = at_s * US_PER_S + fraction;
    return 0;
}
