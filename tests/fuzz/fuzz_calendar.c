// links: plan
/* Calendars as JSON. What is refused says why and where, and the place is in the document; what is taken
 * obeys the laws of calendar.h. */
#include "fuzz.h"
#include "meridian/errors.h"
#include "plan/calendar_json.h"

static void judge(const struct calendar *calendar, int64_t start_s, int64_t amount_s)
{
    int64_t at_s, other_s;

    if (calendar_deadline(calendar, start_s, amount_s, &at_s) == 0) {
        MUST(at_s >= start_s + amount_s && calendar_elapsed(calendar, start_s, at_s) == amount_s);
        MUST(amount_s == 0 || calendar_is_open(calendar, at_s - 1));
        MUST(calendar_latest_start(calendar, at_s, amount_s, &other_s) == 0 && other_s >= start_s);
    }
    if (calendar_next_open(calendar, start_s, &at_s) == 0) {
        MUST(at_s > start_s && calendar_is_open(calendar, at_s) && !calendar_is_open(calendar, at_s - 1));
        MUST(calendar_previous_open(calendar, at_s, &other_s) == 0 && other_s == at_s);
    }
    if (calendar_next_close(calendar, start_s, &at_s) == 0) {
        MUST(at_s > start_s && !calendar_is_open(calendar, at_s) && calendar_is_open(calendar, at_s - 1));
        MUST(calendar_previous_close(calendar, at_s, &other_s) == 0 && other_s == at_s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_book zones; /* kept: opening one is slow */
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_calendar_ struct calendar *calendar = NULL;
    json_auto_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const struct plan_node node = plan_root(json);

    if (!json)
        return 0;
    if (calendar_json_read(&node, &zones, &calendar, &fault) < 0) {
        MUST(!calendar && fault.reason.n && (fault.at.n == 0 || fault.at.p[0] == '/'));
    } else {
        MUST(fault.reason.n == 0 && fault.at.n == 0);
        MUST(!calendar || calendar_elapsed(calendar, CALENDAR_BEGIN_S, CALENDAR_END_S) > 0);
        for (int64_t i = 0; i < 20; i++)
            judge(calendar, 1767225600 + i * 100003, i * i * 3600);
    }
    return 0;
}
