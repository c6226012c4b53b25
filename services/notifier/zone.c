/* Local time by GLib's GTimeZone on the system's tzdata. Names of months are ours: the process's locale must
 * not decide how a recipient reads a date. An unknown zone gives UTC, and says so in the text, since a mail
 * without a time would be worse.
 */
#include "notifier/zone.h"
#include "base/clock.h"
#include <glib.h>

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

bool zone_known(const char *zone)
{
    GTimeZone *found = zone && zone[0] ? g_time_zone_new_identifier(zone) : NULL;

    if (found)
        g_time_zone_unref(found);
    return found != NULL;
}

static GDateTime *local_time(int64_t at_us, const char *name)
{
    GTimeZone *zone = name && name[0] ? g_time_zone_new_identifier(name) : NULL;
    GDateTime *utc, *local;
    int64_t seconds = at_us / US_PER_S - (at_us % US_PER_S < 0);

    if (!zone)
        zone = g_time_zone_new_utc();
    utc = g_date_time_new_from_unix_utc(seconds);
    if (!utc) /* beyond year 9999: nothing of ours */
        utc = g_date_time_new_from_unix_utc(0);
    local = g_date_time_to_timezone(utc, zone);
    g_date_time_unref(utc);
    g_time_zone_unref(zone);
    return local;
}

/* "+08:00" or "+0800" */
static void add_offset(struct buf *out, GDateTime *local, const char *between)
{
    int minutes = (int)(g_date_time_get_utc_offset(local) / G_TIME_SPAN_MINUTE);
    char sign = minutes < 0 ? '-' : '+';

    minutes = minutes < 0 ? -minutes : minutes;
    buf_printf(out, "%c%02d%s%02d", sign, minutes / 60, between, minutes % 60);
}

void zone_add_time(struct buf *out, int64_t at_us, const char *zone, const char *language)
{
    GDateTime *local = local_time(at_us, zone);
    int year, month, day;

    g_date_time_get_ymd(local, &year, &month, &day);
    if (language && strcmp(language, "zh") == 0) {
        buf_printf(out, "%d年%d月%d日 %02d:%02d（UTC", year, month, day, g_date_time_get_hour(local),
                   g_date_time_get_minute(local));
        add_offset(out, local, ":");
        buf_add_text(out, "）");
    } else {
        buf_printf(out, "%d %s %d, %02d:%02d (UTC", day, months[month - 1], year, g_date_time_get_hour(local),
                   g_date_time_get_minute(local));
        add_offset(out, local, ":");
        buf_add_char(out, ')');
    }
    g_date_time_unref(local);
}

void zone_add_mail_date(struct buf *out, int64_t at_us, const char *zone)
{
    GDateTime *local = local_time(at_us, zone);
    int year, month, day;

    g_date_time_get_ymd(local, &year, &month, &day);
    buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d ", days[g_date_time_get_day_of_week(local) - 1], day,
               months[month - 1], year, g_date_time_get_hour(local), g_date_time_get_minute(local),
               g_date_time_get_second(local));
    add_offset(out, local, "");
    g_date_time_unref(local);
}
