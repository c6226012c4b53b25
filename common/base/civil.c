/* Dates to day numbers and back. Eras of 400 years of 146097 days; a year begins in March, so that the leap
 * day is its last. */
#include "base/civil.h"

int64_t civil_to_days(struct civil date)
{
    int64_t year = (int64_t)date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct civil civil_from_days(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    struct civil date;

    date.day = (int8_t)(day_of_year - (153 * month + 2) / 5 + 1);
    date.month = (int8_t)(month < 10 ? month + 3 : month - 9);
    date.year = (int32_t)(year_of_era + era * 400 + (date.month <= 2));
    return date;
}

int civil_weekday(int64_t days)
{
    int64_t weekday = (days + 3) % WEEK_DAYS; /* 1970-01-01 was a Thursday */

    return (int)(weekday < 0 ? weekday + WEEK_DAYS : weekday);
}

int civil_month_days(int32_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

bool civil_valid(struct civil date)
{
    return date.month >= 1 && date.month <= 12 && date.day >= 1 &&
           date.day <= civil_month_days(date.year, date.month);
}

bool civil_take(struct str *text, struct civil *ret_date)
{
    int year, month, day;
    struct civil date;

    if (!str_take_number(text, 4, 0, 9999, &year) || !str_take_any(text, "-") ||
        !str_take_number(text, 2, 1, 12, &month) || !str_take_any(text, "-") ||
        !str_take_number(text, 2, 1, 31, &day))
        return false;
    date = (struct civil){year, (int8_t)month, (int8_t)day};
    if (!civil_valid(date))
        return false;
    *ret_date = date;
    return true;
}

int64_t civil_day_of(int64_t wall_s)
{
    return wall_s >= 0 ? wall_s / DAY_S : -((-wall_s + DAY_S - 1) / DAY_S);
}

int32_t civil_second_of(int64_t wall_s)
{
    return (int32_t)(wall_s - civil_day_of(wall_s) * DAY_S);
}
