/* Recurrence by years (RFC 5545, RRULE with FREQ=YEARLY) as days. Pure.
 *
 * A day of a year in question is one of the rule when it passes every part that is given; without any it is
 * the month and day of the start. BYSETPOS then picks from the days of the year. BYWEEKNO is not known here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { YEARLY_LIST_MAX = 64 };

struct yearly_rule {
    int32_t interval;                                 /* years, from 1 */
    int32_t count;                                    /* occurrences, the start included; 0: without end */
    int64_t until;                                    /* the last day, since 1970-01-01 */
    uint16_t months;                                  /* bits 1 to 12; 0: any */
    size_t nmonth_days, nyear_days, nweekdays, npick; /* 0: any, all */
    int8_t month_days[YEARLY_LIST_MAX];               /* 1 to 31, or -1 to -31 from the end */
    int16_t year_days[YEARLY_LIST_MAX];               /* 1 to 366, or from the end */
    struct yearly_weekday {
        int8_t weekday; /* 0 Monday .. 6 Sunday */
        int8_t nth;     /* of the month where months are given, otherwise of the year; 0: each of them */
    } weekdays[YEARLY_LIST_MAX];
    int16_t pick[YEARLY_LIST_MAX]; /* 1 to 366, or from the end */
};

/** Appends the days of a rule within [first, last] and after its start to *days, an array of *n that the
 * caller frees. Each year looked at costs one of *budget. False when that is used up. */
bool yearly_rule_days(const struct yearly_rule *rule, int64_t start, int64_t first, int64_t last,
                      size_t *budget, int64_t **days, size_t *n) __attribute__((warn_unused_result));
