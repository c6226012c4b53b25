/* The proleptic Gregorian calendar on days since 1970-01-01 (Howard Hinnant's algorithms,
 * "chrono-Compatible Low-Level Date Algorithms"). Pure. */
#pragma once
#include "base/str.h"

enum { DAY_S = 86400, WEEK_DAYS = 7 };

/** A date; month 1..12, day 1..31. */
struct civil {
    int32_t year;
    int8_t month, day;
};

/** Days since 1970-01-01 of a date. The day may lie outside its month: the 31st of April is the 1st of May.
 */
int64_t civil_to_days(struct civil date);
struct civil civil_from_days(int64_t days);
/** 0 Monday .. 6 Sunday. */
int civil_weekday(int64_t days);
int civil_month_days(int32_t year, int month);
/** True for a date that exists. */
bool civil_valid(struct civil date);

/** Takes a date that exists, "2026-04-03", off the front of a text. False when there is none (the text may be
 * cut then). */
bool civil_take(struct str *text, struct civil *ret_date);

/** The day in which a wall time lies, also before 1970, and the second of that day (0..86399). */
int64_t civil_day_of(int64_t wall_s);
int32_t civil_second_of(int64_t wall_s);
