/* What people read of imports and of calendars, on standard output. */
#pragma once
#include <jansson.h>

/** {"calendar": path, "from": year, "to": year, "written": bool, "sources": [what calendar_merge gave, with
 * "source", "file" and "outside"]} */
void calendar_preview(const json_t *result);
/** One of its sources. */
void calendar_preview_source(const json_t *source);
/** What calendar_show gave. */
void calendar_print(const json_t *days);
