/* Looks at the first character that is no space. */
#include "ics/holiday_text.h"
#include "holiday/holiday_json.h"
#include "ics/holiday_ics.h"
#include <string.h>

int holiday_text_read(struct str text, const struct zone *zone, struct zone_book *zones,
                      const struct holiday_filter *filter, struct holidays *holidays,
                      struct plan_fault *fault)
{
    size_t i = 0;

    while (i < text.n && strchr(" \t\r\n", text.p[i]))
        i++;
    if (i < text.n && (text.p[i] == '{' || text.p[i] == '['))
        return holiday_json_read(text, filter, holidays, fault);
    return holiday_ics_read(text, zone, zones, filter, holidays, fault);
}
