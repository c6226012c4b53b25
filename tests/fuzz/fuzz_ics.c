// links: holiday ics
/* Holidays from any bytes, as deskctl calendar import reads them: iCalendar, or JSON when they begin like it.
 * What is refused says why and, in iCalendar, in which line; what is taken keeps to the limits, goes into a
 * calendar, and is the same when it is imported again. */
#include "fuzz.h"
#include "holiday/calendar_merge.h"
#include "holiday/holiday_json.h"
#include "ics/holiday_ics.h"
#include "plan/calendar_json.h"

static void check_fault(const struct plan_fault *fault, long lines)
{
    struct str at = buf_str(&fault->at);
    int64_t line;

    MUST(fault->reason.n > 0 && utf8_valid(buf_str(&fault->reason)));
    if (!str_starts(at, STR("line ")))
        return;
    MUST(str_to_i64((struct str){at.p + 5, at.n - 5}, 1, lines, &line) == 0);
}

static void check_days(const struct holidays *holidays, const struct holiday_filter *years)
{
    MUST(holidays->n + holidays->nleft <= HOLIDAY_DAYS_MAX);
    for (size_t i = 0; i < holidays->n; i++) {
        const struct holiday *day = &holidays->items[i];

        MUST(day->day >= years->first && day->day <= years->last);
        MUST(i == 0 || day->day > holidays->items[i - 1].day);
        MUST(!day->name ||
             (*day->name && utf8_printable(str_from(day->name)) && !strpbrk(day->name, "\t\r\n") &&
              utf8_length(str_from(day->name)) <= HOLIDAY_NAME_MAX));
    }
}

static void check_merge(const struct holidays *holidays, const struct holiday_filter *years,
                        struct zone_book *zones)
{
    json_auto_t *calendar =
        json_pack("{s:s, s:{s:[[s, s]]}}", "zone", "UTC", "weekly", "mon", "09:00", "17:00");
    json_t *hours = json_object_get(json_object_get(calendar, "weekly"), "mon");
    json_auto_t *first = calendar_merge(calendar, "x", holidays, years, hours);
    json_auto_t *again = calendar_merge(calendar, "x", holidays, years, hours);
    const struct plan_node root = plan_root(calendar);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_calendar_ struct calendar *read = NULL;

    MUST(json_array_size(json_object_get(first, "added")) == holidays->n);
    MUST(json_array_size(json_object_get(again, "kept")) == holidays->n && !calendar_merge_changes(again));
    MUST(calendar_json_read(&root, zones, &read, &fault) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_book zones; /* kept: opening one is slow */
    const struct holiday_filter years = {civil_to_days((struct civil){2024, 1, 1}),
                                         civil_to_days((struct civil){2028, 12, 31}),
                                         (const char *const[]){"break"}, 1};
    struct str text = {(const char *)data, size};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_holidays_ struct holidays holidays = {0};
    long lines = 1;
    int rc;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    if (size && data[0] == '{')
        rc = holiday_json_read(text, &years, &holidays, &fault);
    else
        rc =
            holiday_ics_read(text, zone_book_get(&zones, "Asia/Shanghai"), &zones, &years, &holidays, &fault);
    holidays_seal(&holidays);
    check_days(&holidays, &years);
    if (rc < 0)
        check_fault(&fault, lines + 1);
    else
        check_merge(&holidays, &years, &zones);
    return 0;
}
