/* The one way from a body to days, for the scheduler and for deskctl. */
#include "ics/feed_days.h"
#include "holiday/holiday_json.h"
#include "ics/holiday_text.h"
#include "plan/feed_json.h"

int feed_days(struct str body, const char *zone, const json_t *except, int64_t now_s, json_t **ret_days,
              struct plan_fault *fault)
{
    json_auto_t *zone_json = json_string(zone);
    const struct plan_node node = plan_root(zone_json);
    _cleanup_zone_book_ struct zone_book zones = {0};
    _cleanup_holidays_ struct holidays holidays = {0};
    const char *words[FEED_EXCEPT_MAX];
    const struct zone *clock;
    struct holiday_filter filter;
    int32_t from, to;
    int rc = plan_zone(&node, &zones, &clock, fault);

    if (rc < 0)
        return rc;
    holiday_years(civil_day_of(zone_wall_s(clock, now_s)), &from, &to);
    filter = holiday_filter_of(from, to);
    filter.except = words;
    for (size_t i = 0; i < json_array_size(except) && i < FEED_EXCEPT_MAX; i++)
        words[filter.nexcept++] = json_string_value(json_array_get(except, i));
    rc = holiday_text_read(body, clock, &zones, &filter, &holidays, fault);
    if (rc < 0)
        return rc;
    holidays_seal(&holidays);
    *ret_days = holiday_json_write(&holidays, from, to);
    return 0;
}
