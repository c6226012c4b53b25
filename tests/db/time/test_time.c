/* Zones and calendars against PostgreSQL, which reads the same tzdata with a program of its own. What the
 * database shows a person (AT TIME ZONE) and what a clock counts must be the same time. */
#include "base/clock.h"
#include "base/memory.h"
#include "domain/calendar_spec.h"
#include "harness.h"
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

static struct test_db *db;

static void set_up(void)
{
    db = test_db_new();
}

static void tear_down(void)
{
    db = test_db_free(db);
}
TestSuite(time, .init = set_up, .fini = tear_down);

static int64_t second_of(const char *text)
{
    int64_t us;

    cr_assert_eq(clock_parse(str_from(text), &us), 0);
    return us / US_PER_S;
}

/* Calls `check` with every zone of the table. */
static void for_every_zone(void (*check)(const struct zone *zone))
{
    FILE *file = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
    char line[512], name[ZONE_NAME_MAX];
    int n = 0;

    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", name) == 1) {
            _cleanup_zone_ struct zone *zone = zone_open(name);

            cr_assert_not_null(zone, "%s", name);
            check(zone);
            n++;
        }
    fclose(file);
    cr_assert_gt(n, 300, "%d zones", n);
}

static const char *query(const char *format, ...) _printf_(1, 2);
static const char *query(const char *format, ...)
{
    _cleanup_(freep) char *sql = NULL;
    const char *text;
    va_list args;

    va_start(args, format);
    cr_assert_geq(vasprintf(&sql, format, args), 0);
    va_end(args);
    text = test_db_text(db, sql);
    cr_assert_not_null(text, "%s", sql);
    return text;
}

/* ---- what the wall shows ---- */

static void check_walls(const struct zone *zone)
{
    int64_t at_s = second_of("1970-01-01T00:00:00Z"), step_s = 31 * DAY_S + 5 * 3600;
    char *text = (char *)query(
        "SELECT string_agg(extract(epoch FROM at AT TIME ZONE '%s')::bigint::text, ' ' ORDER BY at) "
        "FROM generate_series(to_timestamp(%ld), '2037-12-31Z', '%ld s') AS at",
        zone_name(zone), (long)at_s, (long)step_s);

    for (; *text; at_s += step_s) {
        int64_t wall_s = strtoll(text, &text, 10);

        if (zone_wall_s(zone, at_s) != wall_s)
            cr_assert_fail("%s at %ld: PostgreSQL shows %ld", zone_name(zone), (long)at_s, (long)wall_s);
    }
    cr_assert_gt(at_s, second_of("2037-11-01T00:00:00Z"));
}

Test(time, the_wall_in_every_zone)
{
    for_every_zone(check_walls);
}

/* ---- what counts ---- */

enum { SLOT_S = 900, DAYS = 8 }; /* every window and every offset in use is a multiple of a slot */

/* From Monday to Friday 09:00 to 12:00 and 13:00 to 17:30, in the night to Sunday 22:00 to 06:00, and a
 * closed date: whether each slot counts, as the database sees it, '0' or '1' each. */
static const char slots[] =
    "SELECT string_agg((extract(isodow FROM wall) <= 5 AND wall::date <> '%s' AND "
    "  (wall::time >= '09:00' AND wall::time < '12:00' OR wall::time >= '13:00' AND wall::time < '17:30')"
    " OR extract(isodow FROM eve) = 6 AND eve::date <> '%s' AND (wall::time >= '22:00' OR wall::time < "
    "'06:00')"
    ")::int::text, '' ORDER BY at) FROM (SELECT at, at AT TIME ZONE '%s' AS wall, (at AT TIME ZONE '%s') - "
    "interval '6 hours' AS eve FROM generate_series(to_timestamp(%ld), to_timestamp(%ld), '%d s') AS at) AS "
    "s";

static struct calendar *make_calendar(const struct zone *zone, struct civil closed)
{
    struct calendar_spec spec = {.zone = zone, .closed = &closed, .nclosed = 1};
    struct calendar *calendar = NULL;
    struct calendar_place place;

    for (int i = 0; i < 5; i++)
        spec.weekly[i] = (struct calendar_hours){2, {{9 * 3600, 12 * 3600}, {13 * 3600, 17 * 3600 + 1800}}};
    spec.weekly[5] = (struct calendar_hours){1, {{22 * 3600, 6 * 3600}}};
    cr_assert_eq(calendar_new(&spec, &calendar, &place), 0);
    return calendar;
}

/* Some days around the first change of the clock after 2025, or in March where there is none. */
static void check_slots(const struct zone *zone)
{
    int64_t around_s = second_of("2025-01-01T00:00:00Z"), end_s = second_of("2027-01-01T00:00:00Z"), at_s;
    struct civil closed;
    _cleanup_calendar_ struct calendar *calendar = NULL;
    const char *slot;
    char date[32];
    int64_t worked_s = 0, due_s = 0;

    if (!zone_next_change(zone, around_s, &around_s) || around_s > end_s)
        around_s = second_of("2026-03-08T00:00:00Z");
    at_s = around_s - DAYS / 2 * DAY_S;
    closed = civil_from_days(civil_day_of(around_s) + around_s / 7 % 3);
    snprintf(date, sizeof date, "%04d-%02d-%02d", closed.year, closed.month, closed.day);
    calendar = make_calendar(zone, closed);
    slot = query(slots, date, date, zone_name(zone), zone_name(zone), (long)at_s,
                 (long)(at_s + DAYS * DAY_S - SLOT_S), SLOT_S);
    cr_assert_eq(strlen(slot), DAYS * DAY_S / SLOT_S);
    for (int64_t from_s = at_s; *slot; slot++, at_s += SLOT_S) {
        if (calendar_is_open(calendar, at_s) != (*slot == '1') ||
            calendar_is_open(calendar, at_s + SLOT_S - 1) != (*slot == '1') ||
            calendar_elapsed(calendar, from_s, at_s) != worked_s)
            cr_assert_fail("%s at %ld: PostgreSQL says %c", zone_name(zone), (long)at_s, *slot);
        if (*slot == '0')
            continue;
        worked_s += SLOT_S;
        cr_assert(calendar_deadline(calendar, from_s, worked_s, &due_s) == 0 && due_s == at_s + SLOT_S);
    }
    cr_assert_gt(worked_s, 0);
}

Test(time, what_counts_in_every_zone)
{
    for_every_zone(check_slots);
}
