/* Writes content lines. Times are in UTC, so that no VTIMEZONE is needed and a later change of tzdata cannot
 * move what was published. */
#include "deskctl/ical.h"
#include "base/civil.h"
#include "base/clock.h"
#include "meridian/version.h"

enum { LINE_OCTETS = 75 };

/* One content line, folded: a continuation begins with a space, which counts. */
static void add_line(struct buf *out, struct str line)
{
    size_t room = LINE_OCTETS;

    for (size_t i = 0; i < line.n;) {
        size_t next = i;

        if (utf8_next(line, &next) < 0)
            next = i + 1;
        if (next - i > room) {
            buf_add_text(out, "\r\n ");
            room = LINE_OCTETS - 1;
        }
        buf_add(out, line.p + i, next - i);
        room -= next - i;
        i = next;
    }
    buf_add_text(out, "\r\n");
}

/* A property of type TEXT (RFC 5545 section 3.3.11). */
static void add_text(struct buf *out, const char *name, struct str value)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    buf_printf(&line, "%s:", name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\n') {
            buf_add_text(&line, "\\n");
            continue;
        }
        if (strchr("\\;,", value.p[i]) && value.p[i])
            buf_add_char(&line, '\\');
        buf_add_char(&line, value.p[i]);
    }
    add_line(out, buf_str(&line));
}

static void add_time(struct buf *out, const char *name, int64_t at_s)
{
    struct civil date = civil_from_days(civil_day_of(at_s));
    int32_t second = civil_second_of(at_s);

    buf_printf(out, "%s:%04d%02d%02dT%02d%02d%02dZ\r\n", name, date.year, date.month, date.day, second / 3600,
               second / 60 % 60, second % 60);
}

void ical_begin(struct buf *out, struct str name)
{
    buf_add_text(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Meridian//deskctl " MERIDIAN_VERSION
                      "//EN\r\nCALSCALE:GREGORIAN\r\n");
    if (name.n)
        add_text(out, "X-WR-CALNAME", name);
}

void ical_event(struct buf *out, const struct ical_event *event)
{
    buf_add_text(out, "BEGIN:VEVENT\r\n");
    add_text(out, "UID", event->uid);
    add_time(out, "DTSTAMP", event->stamp_us / US_PER_S);
    add_time(out, "DTSTART", event->from_s);
    add_time(out, "DTEND", event->to_s);
    add_text(out, "SUMMARY", event->summary);
    buf_add_text(out, "TRANSP:TRANSPARENT\r\nEND:VEVENT\r\n"); /* on call is not busy */
}

void ical_end(struct buf *out)
{
    buf_add_text(out, "END:VCALENDAR\r\n");
}
