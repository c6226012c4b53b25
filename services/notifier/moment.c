/* Called for every mail, so zones come opened (common/domain/zone_book.h). Names of months are ours: the
 * process's locale must not decide how a recipient reads a date. Without a zone it is UTC, and the text says
 * so, since a mail without a time would be worse.
 */
#include "notifier/moment.h"
#include "base/civil.h"
#include "base/clock.h"

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/* What calendar and clock on the wall show. */
struct wall {
    struct civil date;
    int weekday, hour, minute, second;
    int offset_minutes; /* east of UTC */
};

static struct wall wall_at(int64_t at_us, const struct zone *zone)
{
    int64_t at_s = at_us / US_PER_S - (at_us % US_PER_S < 0);
    int64_t wall_s = zone ? zone_wall_s(zone, at_s) : at_s;
    int second = civil_second_of(wall_s);

    return (struct wall){
        .date = civil_from_days(civil_day_of(wall_s)),
        .weekday = civil_weekday(civil_day_of(wall_s)),
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
        .offset_minutes = (int)(wall_s - at_s) / 60,
    };
}

/* "+08:00" or "+0800" */
static void add_offset(struct buf *out, int minutes, const char *between)
{
    char sign = minutes < 0 ? '-' : '+';

    minutes = minutes < 0 ? -minutes : minutes;
    buf_printf(out, "%c%02d%s%02d", sign, minutes / 60, between, minutes % 60);
}

void moment_add_text(struct buf *out, int64_t at_us, const struct zone *zone, const char *language)
{
    const struct wall wall = wall_at(at_us, zone);
    const struct civil date = wall.date;

    if (language && strcmp(language, "zh") == 0) {
        buf_printf(out, "%d年%d月%d日 %02d:%02d（UTC", date.year, date.month, date.day, wall.hour,
                   wall.minute);
        add_offset(out, wall.offset_minutes, ":");
        buf_add_text(out, "）");
    } else {
        buf_printf(out, "%d %s %d, %02d:%02d (UTC", date.day, months[date.month - 1], date.year, wall.hour,
                   wall.minute);
        add_offset(out, wall.offset_minutes, ":");
        buf_add_char(out, ')');
    }
}

void moment_add_mail_date(struct buf *out, int64_t at_us, const struct zone *zone)
{
    const struct wall wall = wall_at(at_us, zone);

    buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d ", days[wall.weekday], wall.date.day,
               months[wall.date.month - 1], wall.date.year, wall.hour, wall.minute, wall.second);
    add_offset(out, wall.offset_minutes, "");
}
