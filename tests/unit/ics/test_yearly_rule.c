/* Recurrence by years. The expected days of each rule are those of RFC 5545; a few hundred random rules gave
 * the same days as python-dateutil when this was written. */
#include "base/buf.h"
#include "base/civil.h"
#include "ics/yearly_rule.h"
#include <criterion/criterion.h>
#include <stdio.h>

static int64_t day_of(const char *text)
{
    struct str rest = str_from(text);
    struct civil date = {0};

    cr_assert(civil_take(&rest, &date) && !rest.n, "%s", text);
    return civil_to_days(date);
}

/* The days of 2024 to 2028, separated by spaces. */
static char *days_of(struct yearly_rule rule, const char *start)
{
    _cleanup_(freep) int64_t *days = NULL;
    struct buf text = BUF_INIT;
    size_t budget = 100, n = 0;

    rule.interval = rule.interval ? rule.interval : 1;
    rule.until = rule.until ? rule.until : day_of("9999-12-31");
    cr_assert(yearly_rule_days(&rule, day_of(start), day_of("2024-01-01"), day_of("2028-12-31"), &budget,
                               &days, &n));
    for (size_t i = 0; i < n; i++) {
        struct civil date = civil_from_days(days[i]);

        buf_printf(&text, "%s%04d-%02d-%02d", i ? " " : "", date.year, date.month, date.day);
    }
    return buf_take(&text);
}

Test(yearly_rule, days)
{
    static const struct {
        const char *what;
        struct yearly_rule rule;
        const char *start, *days;
    } cases[] = {
        {"every year", {0}, "2000-12-25", "2024-12-25 2025-12-25 2026-12-25 2027-12-25 2028-12-25"},
        {"not the start itself", {0}, "2027-12-25", "2028-12-25"},
        {"leap days only", {0}, "2000-02-29", "2024-02-29 2028-02-29"},
        {"every third", {.interval = 3}, "2000-05-01", "2024-05-01 2027-05-01"},
        {"every thousandth", {.interval = 1000}, "2000-05-01", ""},
        {"three in all", {.count = 3}, "2025-05-01", "2026-05-01 2027-05-01"},
        {"all long ago", {.count = 3}, "2000-05-01", ""},
        {"until before", {.until = 9983 /* 1997-05-02 */}, "1990-05-01", ""},
        {"until that day",
         {.until = 20574 /* 2026-05-01 */},
         "2000-05-01",
         "2024-05-01 2025-05-01 2026-05-01"},
        {"in two months",
         {.months = 1 << 3 | 1 << 9},
         "2026-03-20",
         "2026-09-20 2027-03-20 2027-09-20 2028-03-20 2028-09-20"},
        {"the fourth Thursday of November",
         {.months = 1 << 11, .nweekdays = 1, .weekdays = {{3, 4}}},
         "1990-11-22",
         "2024-11-28 2025-11-27 2026-11-26 2027-11-25 2028-11-23"},
        {"the last Monday of May",
         {.months = 1 << 5, .nweekdays = 1, .weekdays = {{0, -1}}},
         "1990-05-28",
         "2024-05-27 2025-05-26 2026-05-25 2027-05-31 2028-05-29"},
        {"the fifth Sunday of February",
         {.months = 1 << 2, .nweekdays = 1, .weekdays = {{6, 5}}},
         "1990-02-01",
         ""},
        {"the first and the last Monday of the year",
         {.nweekdays = 2, .weekdays = {{0, 1}, {0, -1}}},
         "2026-01-05",
         "2026-12-28 2027-01-04 2027-12-27 2028-01-03 2028-12-25"},
        {"Friday the 13th",
         {.nmonth_days = 1, .month_days = {13}, .nweekdays = 1, .weekdays = {{4, 0}}},
         "2026-01-01",
         "2026-02-13 2026-03-13 2026-11-13 2027-08-13 2028-10-13"},
        {"the last day of February",
         {.months = 1 << 2, .nmonth_days = 1, .month_days = {-1}},
         "2025-02-28",
         "2026-02-28 2027-02-28 2028-02-29"},
        {"the 30th of February", {.months = 1 << 2, .nmonth_days = 1, .month_days = {30}}, "2000-02-01", ""},
        {"the 366th day and the last",
         {.nyear_days = 2, .year_days = {366, -366}},
         "2000-01-02",
         "2024-01-01 2024-12-31 2028-01-01 2028-12-31"},
        {"the last working day of the year",
         {.nweekdays = 5, .weekdays = {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}}, .npick = 1, .pick = {-1}},
         "2000-12-29",
         "2024-12-31 2025-12-31 2026-12-31 2027-12-31 2028-12-29"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *days = days_of(cases[i].rule, cases[i].start);

        cr_expect_str_eq(days ? days : "", cases[i].days, "%s: %s", cases[i].what, days);
    }
}

Test(yearly_rule, years_are_counted)
{
    const struct yearly_rule never = {
        .interval = 1, .until = day_of("9999-12-31"), .count = 9, .nyear_days = 1, .year_days = {400}};
    _cleanup_(freep) int64_t *days = NULL;
    size_t budget = 59, n = 0;

    cr_expect_not(yearly_rule_days(&never, day_of("2000-01-01"), day_of("2024-01-01"), day_of("2059-12-31"),
                                   &budget, &days, &n));
    cr_expect_eq(budget, 0);
    budget = 61;
    cr_expect(yearly_rule_days(&never, day_of("2000-01-01"), day_of("2024-01-01"), day_of("2059-12-31"),
                               &budget, &days, &n));
    cr_expect_eq(budget, 1);
    cr_expect_eq(n, 0);
}
