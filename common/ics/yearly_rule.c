/* Looks at every day of a year. That is some hundred comparisons a year and always ends; libical's own
 * iterator looks for the next day as far as the year it gives up at, for 160 ms a rule when there is none,
 * and after icalrecur_iterator_set_start it gave the wrong days (3.0.16). */
#include "ics/yearly_rule.h"
#include "base/civil.h"
#include "base/memory.h"

enum { YEAR_DAYS_MAX = 366 };

/* Counts from 1, and back from -1, among `of`. */
static bool is_nth(int nth, int place, int of)
{
    return nth > 0 ? nth == place : nth == place - of - 1;
}

/* A day with its places in its month and year. */
struct day {
    int64_t number;
    struct civil date;
    int month_days, year_day, year_days;
};

static bool fits_month_day(const struct yearly_rule *rule, const struct day *day)
{
    for (size_t i = 0; i < rule->nmonth_days; i++)
        if (is_nth(rule->month_days[i], day->date.day, day->month_days))
            return true;
    return rule->nmonth_days == 0;
}

static bool fits_year_day(const struct yearly_rule *rule, const struct day *day)
{
    for (size_t i = 0; i < rule->nyear_days; i++)
        if (is_nth(rule->year_days[i], day->year_day, day->year_days))
            return true;
    return rule->nyear_days == 0;
}

static bool fits_weekday(const struct yearly_rule *rule, const struct day *day)
{
    int place = rule->months ? day->date.day : day->year_day,
        of = rule->months ? day->month_days : day->year_days;

    for (size_t i = 0; i < rule->nweekdays; i++) {
        int nth = rule->weekdays[i].nth;

        if (rule->weekdays[i].weekday == civil_weekday(day->number) &&
            (nth == 0 || (nth > 0 ? nth == (place + 6) / 7 : -nth == (of - place) / 7 + 1)))
            return true;
    }
    return rule->nweekdays == 0;
}

static bool fits(const struct yearly_rule *rule, struct civil start, const struct day *day)
{
    bool days_given = rule->nmonth_days || rule->nyear_days || rule->nweekdays;

    if (rule->months ? !(rule->months >> day->date.month & 1) : !days_given && day->date.month != start.month)
        return false;
    if (!days_given)
        return day->date.day == start.day;
    return fits_month_day(rule, day) && fits_year_day(rule, day) && fits_weekday(rule, day);
}

static size_t days_of_year(const struct yearly_rule *rule, struct civil start, int32_t year,
                           int64_t days[YEAR_DAYS_MAX])
{
    struct day day = {
        .number = civil_to_days((struct civil){year, 1, 1}), .date = {year, 1, 1}, .year_day = 1};
    size_t n = 0;

    day.year_days = 337 + civil_month_days(year, 2);
    for (; day.date.month <= 12; day.date.month++) {
        day.month_days = civil_month_days(year, day.date.month);
        for (day.date.day = 1; day.date.day <= day.month_days; day.date.day++, day.number++, day.year_day++)
            if (fits(rule, start, &day))
                days[n++] = day.number;
    }
    return n;
}

static bool is_picked(const struct yearly_rule *rule, size_t i, size_t n)
{
    for (size_t k = 0; k < rule->npick; k++)
        if (is_nth(rule->pick[k], (int)i + 1, (int)n))
            return true;
    return rule->npick == 0;
}

bool yearly_rule_days(const struct yearly_rule *rule, int64_t start, int64_t first, int64_t last,
                      size_t *budget, int64_t **days, size_t *n)
{
    struct civil from = civil_from_days(start);
    int64_t until = rule->until < last ? rule->until : last, of_year[YEAR_DAYS_MAX];
    int32_t year = from.year, wanted = civil_from_days(first).year, end = civil_from_days(until).year;
    int32_t seen = 1; /* the start */

    if (!rule->count && wanted > year)
        year += (wanted - year) / rule->interval * rule->interval;
    for (; year <= end; year += rule->interval) {
        size_t in_year;

        if ((*budget)-- == 0) {
            *budget = 0;
            return false;
        }
        in_year = days_of_year(rule, from, year, of_year);
        for (size_t i = 0; i < in_year; i++) {
            if (of_year[i] <= start || !is_picked(rule, i, in_year))
                continue;
            if (of_year[i] > until || (rule->count && ++seen > rule->count))
                return true;
            if (of_year[i] < first)
                continue;
            *days = mem_more(*days, *n, sizeof **days);
            (*days)[(*n)++] = of_year[i];
        }
    }
    return true;
}
