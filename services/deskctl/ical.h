/* iCalendar text (RFC 5545): a calendar of events with a beginning and an end. CRLF, lines folded at 75
 * octets between characters, texts escaped. Pure. */
#pragma once
#include "base/buf.h"

struct ical_event {
    struct str uid; /* the same for the same event for ever: what calendars know it by */
    int64_t stamp_us, from_s, to_s;
    struct str summary; /* UTF-8 */
};

/** Opens a calendar; `name` may be empty. Texts are UTF-8. */
void ical_begin(struct buf *out, struct str name);
void ical_event(struct buf *out, const struct ical_event *event);
void ical_end(struct buf *out);
