/* Holidays from iCalendar: what becomes a day, and every way in which a text is refused. */
#include "base/civil.h"
#include "base/memory.h"
#include "ics/holiday_ics.h"
#include "ics/ics_lines.h"
#include "ics/ics_value.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>

static struct zone_book zones;

static void tear_down(void)
{
    zone_book_fini(&zones);
}
TestSuite(holiday_ics, .fini = tear_down);

static struct holiday_filter years(int32_t from, int32_t to)
{
    return (struct holiday_filter){civil_to_days((struct civil){from, 1, 1}),
                                   civil_to_days((struct civil){to, 12, 31}), NULL, 0};
}

static int read(struct str text, struct holidays *holidays, struct plan_fault *fault)
{
    const struct holiday_filter filter = years(2026, 2027);
    int rc = holiday_ics_read(text, zone_book_get(&zones, "Asia/Shanghai"), &zones, &filter, holidays, fault);

    holidays_seal(holidays);
    return rc;
}

static void add_day(struct buf *text, int64_t day, const char *what, const char *name)
{
    struct civil date = civil_from_days(day);

    buf_printf(text, "%s%04d-%02d-%02d %s %s", text->n ? ", " : "", date.year, date.month, date.day, what,
               name ? name : "-");
}

/* A text of one calendar around these lines, in which each \n stands for the end of a line. */
static char *calendar_of(const char *lines)
{
    struct buf text = BUF_INIT;

    buf_add_text(&text, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n");
    for (; *lines; lines++)
        buf_add_text(&text, *lines == '\n' ? "\r\n" : (char[]){*lines, 0});
    buf_add_text(&text, "END:VCALENDAR\r\n");
    return buf_take(&text);
}

static void expect_days(const char *lines, const char *expected)
{
    _cleanup_(freep) char *text = calendar_of(lines);
    _cleanup_holidays_ struct holidays holidays = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf days = BUF_INIT;

    cr_expect_eq(read(str_from(text), &holidays, &fault), 0, "%s\n%s: %s", lines, buf_text(&fault.at),
                 buf_text(&fault.reason));
    for (size_t i = 0; i < holidays.n; i++)
        add_day(&days, holidays.items[i].day, holidays.items[i].working ? "works" : "off",
                holidays.items[i].name);
    for (size_t i = 0; i < holidays.nleft; i++)
        add_day(&days, holidays.left[i].day,
                (const char *const[]){"daylight", "part", "except", "cancelled"}[holidays.left[i].reason],
                holidays.left[i].name);
    cr_expect_str_eq(buf_text(&days), expected, "%s", lines);
}

static void expect_fault(struct str text, const char *at, const char *reason)
{
    _cleanup_holidays_ struct holidays holidays = {0};
    _cleanup_plan_fault_ struct plan_fault fault = {0};

    cr_expect_eq(read(text, &holidays, &fault), -E_VALIDATION, "%.*s", (int)(text.n < 300 ? text.n : 300),
                 text.p);
    cr_expect_str_eq(buf_text(&fault.at), at, "%s: %s", reason, buf_text(&fault.at));
    cr_expect(strstr(buf_text(&fault.reason), reason), "%s: %s", reason, buf_text(&fault.reason));
}

#define EVENT(lines) "BEGIN:VEVENT\n" lines "END:VEVENT\n"

Test(holiday_ics, events_of_whole_days)
{
    expect_days(EVENT("SUMMARY:New Year\nDTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260103\n"),
                "2026-01-01 off New Year, 2026-01-02 off New Year");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260101\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\nDURATION:P2D\n"), "2026-01-01 off -, 2026-01-02 off -");
    expect_days(EVENT("DTSTART:20260101\nSUMMARY;LANGUAGE=en:a\\, b\\; c\\nd\n"), "2026-01-01 off a, b; c d");
    expect_days(EVENT("DTSTART;VALUE=DATE:20251231\nDTEND;VALUE=DATE:20260102\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\nSUMMARY:a\n")
                    EVENT("SUMMARY:b\nDTSTART;VALUE=DATE:20260101\n")
                        EVENT("SUMMARY:a\nDTSTART;VALUE=DATE:20260101\n"),
                "2026-01-01 off a; b");
    expect_days("BEGIN:VTODO\nDTSTART;VALUE=DATE:20260101\nEND:VTODO\n", "");
}

/* Some programs write whole days as times, on their own clock or in UTC; the calendar is in Shanghai. */
Test(holiday_ics, times_at_midnight_are_whole_days)
{
    expect_days(EVENT("DTSTART:20260101T000000\nDTEND:20260102T000000\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART:20251231T160000Z\nDTEND:20260101T160000Z\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART;TZID=Europe/Berlin:20260101T000000\nDURATION:P1D\n"), "2026-01-01 off -");
    expect_days(EVENT("DTSTART;TZID=/x.org/1/Europe/Berlin:20260101T000000\nDURATION:P1D\n"),
                "2026-01-01 off -");
    expect_days(EVENT("DTSTART;TZID=Ours:20260101T000000\nDURATION:P1D\n") "BEGIN:VTIMEZONE\nTZID:Ours\nEND:"
                                                                           "VTIMEZONE\n",
                "2026-01-01 off -");
    expect_days(EVENT("SUMMARY:lunch\nDTSTART:20260101T120000\nDTEND:20260101T130000\n"),
                "2026-01-01 part lunch");
    expect_days(EVENT("SUMMARY:moment\nDTSTART:20260101T000000Z\n"), "2026-01-01 part moment");
}

Test(holiday_ics, names_decide)
{
    expect_days(EVENT("SUMMARY:上班(补元旦假期)\nDTSTART;VALUE=DATE:20260104\n"),
                "2026-01-04 works 上班(补元旦假期)");
    expect_days(EVENT("SUMMARY:Special Working Day\nDTSTART;VALUE=DATE:20260104\n"),
                "2026-01-04 works Special Working Day");
    expect_days(EVENT("SUMMARY:Special Non-Working Day\nDTSTART;VALUE=DATE:20260104\n"),
                "2026-01-04 off Special Non-Working Day");
    expect_days(EVENT("SUMMARY:Daylight Saving Time begins\nDTSTART;VALUE=DATE:20260308\n")
                    EVENT("SUMMARY:Ende der SOMMERZEIT\nDTSTART;VALUE=DATE:20261025\n"),
                "2026-03-08 daylight Daylight Saving Time begins, 2026-10-25 daylight Ende der SOMMERZEIT");
    expect_days(EVENT("SUMMARY:Christmas Eve (from 2pm)\nDTSTART;VALUE=DATE:20261224\n"),
                "2026-12-24 part Christmas Eve (from 2pm)");
    expect_days(EVENT("SUMMARY:A\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20261224\n"),
                "2026-12-24 cancelled A");
}

Test(holiday_ics, recurrence)
{
    expect_days(EVENT("DTSTART;VALUE=DATE:20001225\nDTEND;VALUE=DATE:20001227\nRRULE:FREQ=YEARLY\n"),
                "2026-12-25 off -, 2026-12-26 off -, 2027-12-25 off -, 2027-12-26 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20001231\nDTEND;VALUE=DATE:20010102\nRRULE:FREQ=YEARLY\n"),
                "2026-01-01 off -, 2026-12-31 off -, 2027-01-01 off -, 2027-12-31 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20001123\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\n"),
                "2026-11-26 off -, 2027-11-25 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20001225\nRRULE:FREQ=YEARLY;UNTIL=20261225T000000Z\n"),
                "2026-12-25 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20251225\nRRULE:FREQ=YEARLY;COUNT=2\n"), "2026-12-25 off -");
    expect_days(
        EVENT("DTSTART;VALUE=DATE:20001225\nRRULE:FREQ=YEARLY\nEXDATE;VALUE=DATE:20261225,20281225\n"),
        "2027-12-25 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\nRDATE;VALUE=DATE:20260201,20260301\n"),
                "2026-01-01 off -, 2026-02-01 off -, 2026-03-01 off -");
    expect_days(EVENT("UID:1\nDTSTART;VALUE=DATE:20270103\nRECURRENCE-ID;VALUE=DATE:20270101\n")
                    EVENT("UID:1\nDTSTART;VALUE=DATE:20000101\nRRULE:FREQ=YEARLY\n")
                        EVENT("UID:2\nDTSTART;VALUE=DATE:20000501\nRRULE:FREQ=YEARLY\n"),
                "2026-01-01 off -, 2026-05-01 off -, 2027-01-03 off -, 2027-05-01 off -");
}

Test(holiday_ics, lines)
{
    expect_days(
        "X-NAME:\n" EVENT("DTSTART\n ;VALUE=DA\n\tTE:20260101\nSUMMARY:\xe6\x98\n \xa5\xe8\x8a\x82\n"),
        "2026-01-01 off 春节");
    expect_days(EVENT("dtstart;value=date:20260101\nX-A;B=\"c:d\":e\n\n") "\n", "2026-01-01 off -");
    expect_days(EVENT("DTSTART;VALUE=DATE:20260101\nBEGIN:VALARM\nDURATION:P9D\nSUMMARY:no\nEND:VALARM\n"),
                "2026-01-01 off -");
}

Test(holiday_ics, refused)
{
    static const struct {
        const char *lines, *at, *reason;
    } cases[] = {
        {EVENT("SUMMARY:x\n"), "line 3", "has no DTSTART"},
        {EVENT("DTSTART;VALUE=DATE:20260230\n"), "line 4", "must be a date or a time that exists"},
        {EVENT("DTSTART;VALUE=DATE:tomorrow\n"), "line 4", ""},
        {EVENT("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260104\n"), "line 3",
         "ends before it starts"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nDTEND:20260106T000000\n"), "line 3", "ends with a time"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20280105\n"), "line 3", "longer than 400 days"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nDURATION:-P1D\n"), "line 5", "duration"},
        {EVENT("DTSTART;TZID=Mars/Olympus:20260105T000000\n"), "line 4", "\"Mars/Olympus\" is no time zone"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=DAILY\n"), "line 5", "must be FREQ=YEARLY"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=SECONDLY\n"), "line 5", "must be FREQ=YEARLY"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:sometimes\n"), "line 5", "no recurrence rule"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=YEARLY;BYHOUR=1,2,3\n"), "line 5", "times of day"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=YEARLY;BYWEEKNO=20\n"), "line 5", "numbers of weeks"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:RSCALE=CHINESE;FREQ=YEARLY\n"), "line 5",
         "another calendar"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=YEARLY\nRRULE:FREQ=YEARLY\n"), "line 6",
         "second RRULE"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nEXRULE:FREQ=YEARLY\n"), "line 5", "EXDATE is"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nSUMMARY:\xe9t\xe9\n"), "line 5", "is not UTF-8"},
        {EVENT("DTSTART;VALUE=DATE:20260105\nno colon\n"), "line 5", "NAME:value"},
        {"BEGIN:VEVENT\nEND:VTODO\n", "line 4", "ends VTODO, which is not open here"},
        {"END:VTIMEZONEVTIMEZONEVTIM节\n", "line 3", "ends VTIMEZONEVTIMEZONEVTIM\xef\xbf\xbd"},
        {"BEGIN:VEVENT\n", "line 4", "ends VCALENDAR, which is not open here"},
        {"END:VCALENDAR\nX:1\n", "line 4", "must be BEGIN:VCALENDAR"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *text = calendar_of(cases[i].lines);

        expect_fault(str_from(text), cases[i].at, cases[i].reason);
    }
    expect_fault(STR(""), "line 1", "no calendar in this file");
    expect_fault(STR("<html>"), "line 1", "NAME:value");
    expect_fault(STR("BEGIN:VCARD\r\nEND:VCARD\r\n"), "line 1", "must be BEGIN:VCALENDAR");
    expect_fault(STR("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"), "line 3", "ends within the VEVENT of line 2");
    expect_fault(STR("\xff\xfe"
                     "B\0E\0"),
                 "line 1", "is not UTF-8");
    expect_fault(STR("BEGIN:VCALENDAR\r\nX:\0\r\n"), "line 2", "is not UTF-8");
}

/* ---- bombs ---- */

static void expect_bomb(const char *before, const char *repeated, int times, const char *after,
                        const char *at, const char *reason)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_text(&text, "BEGIN:VCALENDAR\n");
    buf_add_text(&text, before);
    for (int i = 0; i < times; i++)
        buf_add_text(&text, repeated);
    buf_add_text(&text, after);
    buf_add_text(&text, "END:VCALENDAR\n");
    if (reason) {
        expect_fault(buf_str(&text), at, reason);
    } else {
        _cleanup_holidays_ struct holidays holidays = {0};
        _cleanup_plan_fault_ struct plan_fault fault = {0};

        cr_expect_eq(read(buf_str(&text), &holidays, &fault), 0, "%s", buf_text(&fault.reason));
    }
}

#define START "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260105\n"

Test(holiday_ics, bombs)
{
    expect_bomb("", "BEGIN:X\n", 20, "", "line 9", "nested more than 8 deep");
    expect_bomb("", START "END:VEVENT\n", ICS_EVENTS_MAX + 1, "", "line 60002", "at most 20000 are read");
    expect_bomb("", START "DURATION:P400D\nEND:VEVENT\n", 200, "", "line 502",
                "at most 50000 are read in all");
    expect_bomb("", START "RRULE:FREQ=YEARLY\nEND:VEVENT\n", ICS_RULES_MAX + 1, "", "line 4004",
                "at most 1000 are read");
    expect_bomb("",
                "BEGIN:VEVENT\nDTSTART;VALUE=DATE:00010101\nRRULE:FREQ=YEARLY;COUNT=2000000000\nEND:VEVENT\n",
                60, "", "line 200", "at most 100000 are looked at in all");
    expect_bomb(
        "",
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20000101\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\nEND:VEVENT\n",
        900, "", "", NULL);
    expect_bomb("", "BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n", ICS_ZONES_MAX + 1, "", "line 303",
                "at most 100 are read");
    expect_bomb(START "SUMMARY:", "x", ICS_VALUE_MAX, "\nEND:VEVENT\n", "line 4",
                "is longer than 16384 bytes");
    expect_bomb(START "EXDATE;VALUE=DATE:20260105", ",20260105", 600, "\nEND:VEVENT\n", "line 4",
                "more than 400 times");
    expect_bomb(START, "EXDATE;VALUE=DATE:20260105,20260106\n", 201, "END:VEVENT\n", "line 204",
                "an event may have 400");
    expect_bomb("X:", "\n 1", 1000000, "\n", "", NULL);
}
