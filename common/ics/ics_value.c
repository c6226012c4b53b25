/* One property is one small document for libical, so that what it makes of a file is bounded by a line, and
 * its faults have one. It knows no zones here: what we want is what the wall shows. It reads rules, but
 * yearly_rule.c computes them. */
#include "ics/ics_value.h"
#include "base/memory.h"
#include "ics/ics_lines.h"
#include "meridian/errors.h"
#include <libical/ical.h>

static void component_freep(icalcomponent **component)
{
    if (*component)
        icalcomponent_free(*component);
    icalmemory_free_ring();
}
#define _cleanup_component_ _cleanup_(component_freep)

/* The property in a component of its own; lists become several properties. NULL with *fault. */
static icalcomponent *parse(struct str property, long line, struct plan_fault *fault)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    icalcomponent *component;
    icalproperty *wrong;

    if (property.n > ICS_VALUE_MAX) {
        (void)!ics_fail(line, fault, "is longer than %d bytes", ICS_VALUE_MAX);
        return NULL;
    }
    icalerror_set_errors_are_fatal(0);
    buf_add_text(&text, "BEGIN:VEVENT\r\n");
    buf_add_str(&text, property);
    buf_add_text(&text, "\r\nEND:VEVENT\r\n");
    component = icalparser_parse_string(buf_text(&text));
    wrong = component ? icalcomponent_get_first_property(component, ICAL_XLICERROR_PROPERTY) : NULL;
    if (component && !wrong && icalcomponent_get_first_property(component, ICAL_ANY_PROPERTY))
        return component;
    (void)!ics_fail(line, fault, "is not understood: %.200s",
                    wrong && icalproperty_get_xlicerror(wrong) ? icalproperty_get_xlicerror(wrong)
                                                               : "no such property");
    if (component)
        icalcomponent_free(component);
    return NULL;
}

static struct civil date_of(struct icaltimetype time)
{
    return (struct civil){time.year, (int8_t)time.month, (int8_t)time.day};
}

static bool exists(struct icaltimetype time)
{
    return time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= 31 &&
           civil_valid(date_of(time)) && time.year >= 1 && time.year <= 9999 && time.hour >= 0 &&
           time.hour <= 23 && time.minute >= 0 && time.minute <= 59 && time.second >= 0 && time.second <= 60;
}

static int read_time(icalproperty *property, long line, struct ics_time *ret_time, struct plan_fault *fault)
{
    icalvalue *value = icalproperty_get_value(property);
    icalparameter *zone = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    const char *name = zone ? icalparameter_get_tzid(zone) : NULL;
    struct icaltimetype time = icaltime_null_time();

    switch (value ? icalvalue_isa(value) : ICAL_NO_VALUE) {
    case ICAL_DATE_VALUE:
        time = icalvalue_get_date(value);
        break;
    case ICAL_DATETIME_VALUE:
        time = icalvalue_get_datetime(value);
        break;
    case ICAL_DATETIMEPERIOD_VALUE:
        time = icalvalue_get_datetimeperiod(value).time;
        break;
    default:
        break;
    }
    if (!exists(time))
        return ics_fail(line, fault, "must be a date or a time that exists");
    if (name && strlen(name) >= ICS_ZONE_MAX)
        return ics_fail(line, fault, "has a TZID of more than %d bytes", ICS_ZONE_MAX - 1);
    *ret_time = (struct ics_time){
        .wall_s = civil_to_days(date_of(time)) * DAY_S +
                  (time.is_date ? 0 : time.hour * 3600 + time.minute * 60 + time.second),
        .is_date = time.is_date,
        .is_utc = !time.is_date && icaltime_is_utc(time),
    };
    if (name)
        memcpy(ret_time->zone, name, strlen(name) + 1);
    return 0;
}

int ics_value_times(struct str property, long line, struct ics_time *times, size_t max, size_t *ret_n,
                    struct plan_fault *fault)
{
    _cleanup_component_ icalcomponent *component = parse(property, line, fault);
    size_t n = 0;

    if (!component)
        return -E_VALIDATION;
    for (icalproperty *one = icalcomponent_get_first_property(component, ICAL_ANY_PROPERTY); one;
         one = icalcomponent_get_next_property(component, ICAL_ANY_PROPERTY)) {
        int rc = n < max ? read_time(one, line, &times[n], fault)
                         : ics_fail(line, fault, "has more than %zu times", max);

        if (rc < 0)
            return rc;
        n++;
    }
    *ret_n = n;
    return 0;
}

int ics_value_duration(struct str property, long line, int64_t *ret_s, struct plan_fault *fault)
{
    _cleanup_component_ icalcomponent *component = parse(property, line, fault);
    icalproperty *one;
    struct icaldurationtype duration;

    if (!component)
        return -E_VALIDATION;
    one = icalcomponent_get_first_property(component, ICAL_DURATION_PROPERTY);
    duration = one ? icalproperty_get_duration(one) : icaldurationtype_bad_duration();
    if (icaldurationtype_is_bad_duration(duration) || duration.is_neg || duration.weeks > 1000 ||
        duration.days > 10000)
        return ics_fail(line, fault, "must be a duration, as P1D");
    *ret_s = ((int64_t)duration.weeks * 7 + duration.days) * DAY_S + (int64_t)duration.hours * 3600 +
             (int64_t)duration.minutes * 60 + duration.seconds;
    return 0;
}

int ics_value_text(struct str property, long line, struct buf *out, struct plan_fault *fault)
{
    _cleanup_component_ icalcomponent *component = parse(property, line, fault);
    icalvalue *value;

    if (!component)
        return -E_VALIDATION;
    value = icalproperty_get_value(icalcomponent_get_first_property(component, ICAL_ANY_PROPERTY));
    buf_add_text(out, value && icalvalue_isa(value) == ICAL_TEXT_VALUE ? icalvalue_get_text(value) : "");
    return 0;
}

/* ---- rules ---- */

/* Lists of libical end with a mark. */
static size_t length(const short *list, size_t max)
{
    size_t n = 0;

    while (n < max && list[n] != ICAL_RECURRENCE_ARRAY_MAX)
        n++;
    return n;
}
#define LENGTH(list) length(list, ARRAY_SIZE(list))

/* What a rule has that is not known here; NULL for nothing. */
static const char *foreign_part(const struct icalrecurrencetype *parsed)
{
    if (LENGTH(parsed->by_hour) || LENGTH(parsed->by_minute) || LENGTH(parsed->by_second))
        return "times of day";
    if (LENGTH(parsed->by_week_no))
        return "numbers of weeks";
    if (LENGTH(parsed->by_month_day) > YEARLY_LIST_MAX || LENGTH(parsed->by_year_day) > YEARLY_LIST_MAX ||
        LENGTH(parsed->by_day) > YEARLY_LIST_MAX || LENGTH(parsed->by_set_pos) > YEARLY_LIST_MAX)
        return "so many days";
    for (size_t i = 0; i < LENGTH(parsed->by_month); i++)
        if (parsed->by_month[i] < 1 || parsed->by_month[i] > 12)
            return "such months";
    return NULL;
}

static void copy_lists(const struct icalrecurrencetype *parsed, struct yearly_rule *rule)
{
    for (size_t i = 0; i < LENGTH(parsed->by_month); i++)
        rule->months = (uint16_t)(rule->months | 1u << parsed->by_month[i]);
    rule->nmonth_days = LENGTH(parsed->by_month_day);
    for (size_t i = 0; i < rule->nmonth_days; i++)
        rule->month_days[i] = (int8_t)parsed->by_month_day[i];
    rule->nyear_days = LENGTH(parsed->by_year_day);
    for (size_t i = 0; i < rule->nyear_days; i++)
        rule->year_days[i] = parsed->by_year_day[i];
    rule->nweekdays = LENGTH(parsed->by_day);
    for (size_t i = 0; i < rule->nweekdays; i++)
        rule->weekdays[i] =
            (struct yearly_weekday){(int8_t)((icalrecurrencetype_day_day_of_week(parsed->by_day[i]) + 5) %
                                             WEEK_DAYS), /* 1 is Sunday */
                                    (int8_t)icalrecurrencetype_day_position(parsed->by_day[i])};
    rule->npick = LENGTH(parsed->by_set_pos);
    for (size_t i = 0; i < rule->npick; i++)
        rule->pick[i] = parsed->by_set_pos[i];
}

int ics_value_rule(struct str rule, long line, struct yearly_rule *ret_rule, struct plan_fault *fault)
{
    _cleanup_(freep) char *text = mem_strn(rule.p, rule.n);
    struct icalrecurrencetype parsed;
    const char *foreign;

    if (rule.n > ICS_VALUE_MAX)
        return ics_fail(line, fault, "is longer than %d bytes", ICS_VALUE_MAX);
    if (strcasestr(text, "RSCALE"))
        return ics_fail(line, fault, "is a rule of another calendar (RSCALE), which is not read");
    icalerror_set_errors_are_fatal(0);
    parsed = icalrecurrencetype_from_string(text);
    if (parsed.freq == ICAL_NO_RECURRENCE)
        return ics_fail(line, fault, "is no recurrence rule");
    if (parsed.freq != ICAL_YEARLY_RECURRENCE)
        return ics_fail(line, fault, "must be FREQ=YEARLY: holidays recur by years");
    foreign = foreign_part(&parsed);
    if (foreign)
        return ics_fail(line, fault, "is a rule with %s, which is not read", foreign);
    if (!icaltime_is_null_time(parsed.until) && !exists(parsed.until))
        return ics_fail(line, fault, "has an UNTIL that does not exist");
    *ret_rule = (struct yearly_rule){
        .interval = parsed.interval > 0 ? parsed.interval : 1,
        .count = parsed.count > 0 ? parsed.count : 0,
        .until =
            icaltime_is_null_time(parsed.until) ? INT64_MAX / DAY_S : civil_to_days(date_of(parsed.until)),
    };
    copy_lists(&parsed, ret_rule);
    return 0;
}
