/* Finds the shift of an instant: divides the wall clock by the length for a first guess, then moves by whole
 * handoffs until the instant lies between two of them. The guess is off by a few only: by what clocks went
 * back, and by months that lack a day. */
#include "domain/rotation.h"
#include "base/civil.h"
#include "meridian/errors.h"

enum { HOUR_S = 3600, YEAR_MONTHS = 12 };

static const struct {
    enum rotation_type type;
    const char *text;
} names[] = {
#define X(name, text) {name, text},
    ROTATION_TYPES(X)
#undef X
};

const char *rotation_type_name(enum rotation_type type)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i].type == type)
            return names[i].text;
    return "unknown";
}

int rotation_type_parse(struct str name, enum rotation_type *ret_type)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(str_from(names[i].text), name)) {
            *ret_type = names[i].type;
            return 0;
        }
    return -E_BAD_REQUEST;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Seconds of the clock in a shift; not for monthly. */
static int64_t clock_length_s(const struct rotation *rotation)
{
    int64_t unit_s = rotation->type == ROTATION_HOURLY  ? HOUR_S
                     : rotation->type == ROTATION_DAILY ? DAY_S
                                                        : (int64_t)WEEK_DAYS * DAY_S;

    return rotation->length * unit_s;
}

/* Months since the year 0 of the date in which a wall time lies. */
static int64_t month_of(int64_t wall_s)
{
    struct civil date = civil_from_days(civil_day_of(wall_s));

    return (int64_t)date.year * YEAR_MONTHS + date.month - 1;
}

static int64_t handoff_wall_s(const struct rotation *rotation, int64_t n)
{
    struct civil date;
    int64_t month;

    if (rotation->type != ROTATION_MONTHLY)
        return rotation->start_wall_s + n * clock_length_s(rotation);
    date = civil_from_days(civil_day_of(rotation->start_wall_s));
    month = month_of(rotation->start_wall_s) + n * rotation->length;
    date.year = (int32_t)floor_div(month, YEAR_MONTHS);
    date.month = (int8_t)(month - (int64_t)date.year * YEAR_MONTHS + 1);
    return civil_to_days(date) * DAY_S + civil_second_of(rotation->start_wall_s);
}

static int64_t handoff_s(const struct rotation *rotation, int64_t n)
{
    return zone_first_s(rotation->zone, handoff_wall_s(rotation, n));
}

struct rotation_shift rotation_at(const struct rotation *rotation, int64_t at_s)
{
    int64_t wall_s = zone_wall_s(rotation->zone, at_s);
    int64_t n = rotation->type == ROTATION_MONTHLY
                    ? floor_div(month_of(wall_s) - month_of(rotation->start_wall_s), rotation->length)
                    : floor_div(wall_s - rotation->start_wall_s, clock_length_s(rotation));
    int64_t start_s = handoff_s(rotation, n), next_s;

    while (start_s > at_s)
        start_s = handoff_s(rotation, --n);
    while ((next_s = handoff_s(rotation, n + 1)) <= at_s) {
        start_s = next_s;
        n++;
    }
    return (struct rotation_shift){n, start_s, next_s,
                                   zone_last_s(rotation->zone, handoff_wall_s(rotation, n + 1))};
}

int32_t rotation_participant(const struct rotation *rotation, int64_t n)
{
    if (rotation->participants <= 0)
        return -1;
    return (int32_t)(n - floor_div(n, rotation->participants) * rotation->participants);
}
