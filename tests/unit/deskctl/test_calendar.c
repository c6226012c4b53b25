/* deskctl calendar: what an import writes, keeps and refuses to touch, and what show says. */
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/whole_file.h"
#include "scratch.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFICE                                                                                               \
    "{\"zone\": \"Asia/Shanghai\", \"weekly\": {\"mon\": [[\"09:00\", \"12:00\"], [\"13:00\", \"18:00\"]], " \
    "\"fri\": [[\"22:00\", \"06:00\"]]}"

static void enter(void)
{
    scratch_enter();
    clock_fake(1768435200 * US_PER_S); /* 2026-01-15 */
    scratch_write("office.json", STR(OFFICE "}"));
}
TestSuite(calendar, .init = enter, .fini = scratch_leave);

static void write_days(const char *name, const char *days)
{
    _cleanup_(freep) char *text = mem_printf("{\"days\": [%s]}", days);

    scratch_write(name, str_from(text));
}

#define OFF(date, name)   "{\"name\": \"" name "\", \"date\": \"" date "\", \"isOffDay\": true}"
#define WORKS(date, name) "{\"name\": \"" name "\", \"date\": \"" date "\", \"isOffDay\": false}"

static void expect_run(const char *line, int code, const char *expected)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    cr_expect_eq(scratch_shell(line, &out), code, "%s", line);
    cr_expect_str_eq(buf_text(&out), expected, "%s\n%s", line, buf_text(&out));
}

static void expect_said(const char *line, int code, const char *said)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    cr_expect_eq(scratch_shell(line, &out), code, "%s", line);
    cr_expect(strstr(buf_text(&out), said), "%s\n%s", line, buf_text(&out));
}

static void expect_file(const char *name, const char *expected)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    scratch_read(name, &text);
    cr_expect_str_eq(buf_text(&text), expected, "%s", buf_text(&text));
}

/* ---- import ---- */

Test(calendar, an_import_stands_beside_what_the_user_wrote)
{
    write_days("2026.json", OFF("2026-02-16", "春节") ", " WORKS("2026-02-14", "春节"));
    expect_said("calendar import 2026.json --country CN --into office.json", EXIT_OK_,
                "office.json: written\n");
    expect_file(
        "office.json",
        "{\n"
        "  \"zone\": \"Asia/Shanghai\",\n"
        "  \"weekly\": {\"mon\": [[\"09:00\", \"12:00\"], [\"13:00\", \"18:00\"]], \"fri\": [[\"22:00\", "
        "\"06:00\"]]},\n"
        "  \"imported\": {\n"
        "    \"CN/2026\": {\n"
        "      \"closed\": [\"2026-02-16\"],\n"
        "      \"open\": {\"2026-02-14\": [[\"09:00\", \"12:00\"], [\"13:00\", \"18:00\"]]},\n"
        "      \"names\": {\"2026-02-14\": \"春节\", \"2026-02-16\": \"春节\"}\n"
        "    }\n"
        "  }\n"
        "}\n");
}

/* What a source no longer says goes, what the user wrote stays, and other sources and years do, too. */
Test(calendar, a_second_import_is_a_difference)
{
    scratch_write("office.json",
                  STR(OFFICE ", \"closed\": [\"2026-05-01\"], \"yearly\": [\"10-01\"], \"open\": "
                             "{\"2026-05-04\": [[\"10:00\", \"11:00\"]]}}"));
    write_days("a.json",
               OFF("2025-05-01", "old") ", " OFF("2026-05-01", "one") ", " OFF("2026-05-04", "two") ", " OFF(
                   "2026-05-05", "three") ", " WORKS("2026-05-09", "four") ", " WORKS("2026-10-01", "x"));
    write_days("b.json", OFF("2026-08-04", "b"));
    expect_run("calendar import a.json b.json --into office.json", EXIT_OK_,
               "a: 6 added, 0 removed, 0 changed, 0 kept, 2 overridden by hand\n"
               "   DATE        HOURS                    NAME   NOTE\n"
               "+  2025-05-01  closed                   old\n"
               "+  2026-05-01  closed                   one\n"
               "+  2026-05-04  closed                   two\n"
               "+  2026-05-05  closed                   three\n"
               "+  2026-05-09  09:00-12:00 13:00-18:00  four\n"
               "+  2026-10-01  09:00-12:00 13:00-18:00  x\n"
               "!  2026-05-04  closed                   two    by hand: open\n"
               "!  2026-10-01  09:00-12:00 13:00-18:00  x      by hand: closed every year\n"
               "b: 1 added, 0 removed, 0 changed, 0 kept, 0 overridden by hand\n"
               "   DATE        HOURS   NAME  NOTE\n"
               "+  2026-08-04  closed  b\n"
               "office.json: written\n");
    write_days("a.json",
               OFF("2026-05-01", "first") ", " OFF("2026-05-04", "two") ", " WORKS("2026-05-05", "three"));
    expect_run("calendar import a.json --into office.json --from 2026 --to 2026 --hours 08:00-12:00",
               EXIT_OK_,
               "a: 0 added, 2 removed, 2 changed, 1 kept, 1 overridden by hand\n"
               "   DATE        HOURS                    NAME   NOTE\n"
               "-  2026-05-09  09:00-12:00 13:00-18:00  four\n"
               "-  2026-10-01  09:00-12:00 13:00-18:00  x\n"
               "~  2026-05-01  closed                   first  was named one\n"
               "~  2026-05-05  08:00-12:00              three  was closed\n"
               "!  2026-05-04  closed                   two    by hand: open\n"
               "office.json: written\n");
    expect_run("calendar import a.json --into office.json --from 2026 --to 2026 --hours 08:00-12:00",
               EXIT_OK_,
               "a: 0 added, 0 removed, 0 changed, 3 kept, 1 overridden by hand\n"
               "   DATE        HOURS   NAME  NOTE\n"
               "!  2026-05-04  closed  two   by hand: open\n"
               "office.json: not written\n");
    expect_said("calendar show office.json --from 2025-05-01 --to 2025-05-01", EXIT_OK_, "old");
    expect_said("calendar show office.json --from 2026-08-04 --to 2026-08-04", EXIT_OK_,
                "closed         b     b\n");
}

Test(calendar, a_dry_run_writes_nothing)
{
    write_days("a.json", OFF("2026-05-01", "one"));
    expect_said("calendar import a.json --into office.json --dry-run", EXIT_OK_,
                "office.json: not written\n");
    expect_file("office.json", OFFICE "}");
}

Test(calendar, json_says_everything)
{
    write_days("a.json",
               OFF("2026-05-01", "one") ", " OFF("2026-05-02", "Eve (from 2pm)") ", " OFF("2031-01-01", "x"));
    expect_run(
        "calendar import a.json --into office.json -o json", EXIT_OK_,
        "{\n  \"calendar\": \"office.json\",\n  \"from\": 2025,\n  \"to\": 2029,\n  \"sources\": [\n    {\n"
        "      \"added\": [\n        {\n          \"date\": \"2026-05-01\",\n          \"closed\": true,\n"
        "          \"name\": \"one\"\n        }\n      ],\n      \"removed\": [],\n      \"changed\": [],\n"
        "      \"kept\": [],\n      \"overridden\": [],\n      \"left_out\": [\n        {\n"
        "          \"date\": \"2026-05-02\",\n          \"reason\": \"part_of_a_day\",\n"
        "          \"name\": \"Eve (from 2pm)\"\n        }\n      ],\n      \"source\": \"a\",\n"
        "      \"file\": \"a.json\",\n      \"outside\": 1\n    }\n  ],\n  \"written\": true\n}\n");
}

Test(calendar, a_feed_of_everything_can_be_told_what_not)
{
    scratch_write("DE_BY.json",
                  STR("{\"2026-07-31\": \"Summer Break\", \"2026-10-03\": \"German Unity Day\", "
                      "\"2026-12-24\": \"Christmas Eve (from 2pm); Christmas Break\"}"));
    expect_run("calendar import DE_BY.json --into office.json --except break --except Valentine", EXIT_OK_,
               "DE_BY: 1 added, 0 removed, 0 changed, 0 kept, 0 overridden by hand\n"
               "  left out: 1, part of a day\n  left out: 1, left out by --except\n"
               "   DATE        HOURS   NAME                                       NOTE\n"
               "+  2026-10-03  closed  German Unity Day\n"
               "?  2026-12-24          Christmas Eve (from 2pm); Christmas Break  part of a day: give its "
               "hours by hand\n"
               "office.json: written\n");
}

Test(calendar, what_fails_leaves_everything_as_it_was)
{
    write_days("good.json", OFF("2026-05-01", "one"));
    write_days("bad.json", OFF("2026-05-32", "one"));
    write_days("works.json", WORKS("2026-05-01", "one"));
    scratch_write("bad.ics",
                  STR("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260101\nRRULE:FREQ=HOURLY\n"));
    scratch_write("union.json", STR("{\"union\": [" OFFICE "}]}"));
    scratch_write("wrong.json",
                  STR("{\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"12:00\"], [\"11:00\", "
                      "\"13:00\"]]}}"));
    scratch_write("nomonday.json",
                  STR("{\"zone\": \"UTC\", \"weekly\": {\"tue\": [[\"09:00\", \"12:00\"]]}}"));
#define IMPORT "calendar import good.json "
    expect_run(IMPORT, EXIT_USAGE, "deskctl: --into CALENDAR.json: which calendar takes them?\n");
    expect_run(IMPORT "bad.json --into office.json", EXIT_ERROR,
               "deskctl: bad.json, /days/0/date: must be a date that exists, as \"2026-04-03\"\n");
    expect_run(IMPORT "bad.ics --into office.json", EXIT_ERROR,
               "deskctl: bad.ics, line 4: must be FREQ=YEARLY: holidays recur by years\n");
    expect_run(IMPORT "gone.json --into office.json", EXIT_ERROR,
               "deskctl: cannot read gone.json: No such file or directory\n");
    expect_said(IMPORT "./good.json --into office.json", EXIT_USAGE, "another file is named \"good\", too");
    expect_run(IMPORT "--into gone.json", EXIT_ERROR,
               "deskctl: cannot read gone.json: No such file or directory\n");
    expect_said(IMPORT "--into union.json", EXIT_ERROR, "not into joined ones");
    expect_run(IMPORT "--into wrong.json", EXIT_ERROR,
               "deskctl: wrong.json:1: weekly.mon[1]: overlaps with a window before it\n");
    expect_said(IMPORT "--into bad.ics", EXIT_ERROR, "deskctl: bad.ics:1: must be an object, not a text");
    expect_said(IMPORT "--into office.json --from 1800", EXIT_USAGE, "from 1990 to 2059");
    expect_run(IMPORT "--into office.json --from 2027 --to 2026", EXIT_USAGE,
               "deskctl: --to lies before --from\n");
    expect_run(IMPORT "--into office.json --hours 9-17", EXIT_USAGE,
               "deskctl: --hours \"9-17\", /0/0: must be a time of day from \"00:00\" to \"24:00\"\n");
    expect_said("calendar import works.json --into nomonday.json", EXIT_USAGE, "give --hours");
    scratch_write("evil.ics", STR("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=a\x1b]0\x07"
                                  ":20260101T000000\nEND:VEVENT\n"
                                  "END:VCALENDAR\n"));
    expect_said(IMPORT "evil.ics --into office.json", EXIT_ERROR,
                "deskctl: evil.ics, line 3: its TZID \"a ]0");
    expect_file("office.json", OFFICE "}");
    cr_expect_eq(scratch_count(), 9, "nothing else was left behind");
}

/* The engine has the last word: 4096 closed days are too many for it, however they came together. */
Test(calendar, a_document_that_the_engine_refuses_is_not_written)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_text(&text, "BEGIN:VCALENDAR\n");
    for (int year = 2026; year <= 2038; year++)
        buf_printf(&text, "BEGIN:VEVENT\nDTSTART;VALUE=DATE:%d0101\nDURATION:P366D\nEND:VEVENT\n", year);
    buf_add_text(&text, "END:VCALENDAR\n");
    scratch_write("all.ics", buf_str(&text));
    expect_run("calendar import all.ics --into office.json --from 2026 --to 2059", EXIT_ERROR,
               "deskctl: office.json:1: imported.all.closed: has 4749 items; at most 4096 are allowed\n");
    expect_file("office.json", OFFICE "}");
}

/* ---- in YAML ---- */

#define OFFICE_YAML                                                                                          \
    "zone: Asia/Shanghai\nweekly:\n  mon: [[09:00, 12:00], [13:00, 18:00]]\n  fri: [[22:00, 06:00]]\n"

Test(calendar, an_import_into_yaml_stays_yaml)
{
    scratch_write("office.yaml", STR(OFFICE_YAML));
    write_days("2026.json", OFF("2026-02-16", "春节") ", " WORKS("2026-02-14", "春节"));
    expect_said("calendar import 2026.json --country CN --into office.yaml", EXIT_OK_,
                "office.yaml: written\n");
    expect_file("office.yaml", "zone: Asia/Shanghai\n"
                               "weekly:\n"
                               "  mon: [[\"09:00\", \"12:00\"], [\"13:00\", \"18:00\"]]\n"
                               "  fri: [[\"22:00\", \"06:00\"]]\n"
                               "imported:\n"
                               "  CN/2026:\n"
                               "    closed: [\"2026-02-16\"]\n"
                               "    open:\n"
                               "      \"2026-02-14\": [[\"09:00\", \"12:00\"], [\"13:00\", \"18:00\"]]\n"
                               "    names:\n"
                               "      \"2026-02-14\": 春节\n"
                               "      \"2026-02-16\": 春节\n");
    expect_said("calendar show office.yaml --from 2026-02-16 --to 2026-02-16", EXIT_OK_, "CN/2026");
}

Test(calendar, comments_are_not_lost)
{
    scratch_write("office.yaml", STR(OFFICE_YAML "# ours\n"));
    write_days("2026.json", OFF("2026-02-16", "春节"));
    expect_said("calendar import 2026.json --into office.yaml --dry-run", EXIT_OK_, "+  2026-02-16");
    expect_run("calendar import 2026.json --into office.yaml", EXIT_ERROR,
               "deskctl: office.yaml:5: the file would be written without its comments; remove them first\n");
    expect_file("office.yaml", OFFICE_YAML "# ours\n");
}

Test(calendar, faults_of_yaml_have_their_line)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    scratch_write("late.yaml",
                  STR("zone: UTC\nweekly:\n  mon:\n    - [09:00, 12:00]\n    - [11:00, 13:00]\n"));
    scratch_write("tab.yaml", STR("zone: UTC\nweekly:\n\tmon: []\n"));
    scratch_write("evil.yaml", STR("zone: \"a\\e]0\\a\"\n"));
    for (int i = 0; i <= 1 << 20; i += 16)
        buf_add_text(&text, "closed: []     \n");
    scratch_write("large.yaml", buf_str(&text));
    expect_run("calendar show late.yaml", EXIT_ERROR,
               "deskctl: late.yaml:5: weekly.mon[1]: overlaps with a window before it\n");
    expect_run("calendar show tab.yaml", EXIT_ERROR,
               "deskctl: tab.yaml:3:1: is a tab; use spaces (in a text: \"\\t\")\n");
    expect_said("calendar show evil.yaml", EXIT_ERROR, "deskctl: evil.yaml:1: zone: ");
    expect_run("calendar show large.yaml", EXIT_ERROR, "deskctl: large.yaml: is longer than 1048576 bytes\n");
}

/* ---- show ---- */

Test(calendar, show)
{
    scratch_write("office.json",
                  STR(OFFICE ", \"closed\": [\"2026-02-16\"], \"imported\": {\"CN\": {\"closed\": "
                             "[\"2026-02-16\", \"2026-02-13\"], \"names\": {\"2026-02-16\": \"春节\"}}}}"));
    expect_run("calendar show office.json --from 2026-02-12 --to 2026-02-23", EXIT_OK_,
               "DATE             HOURS                    TOTAL  NAME  WHY\n"
               "2026-02-12  Thu  closed\n"
               "2026-02-13  Fri  closed                                CN\n"
               "2026-02-14  Sat  closed\n"
               "2026-02-15  Sun  closed\n"
               "2026-02-16  Mon  closed                          春节  by hand: closed\n"
               "2026-02-17  Tue  closed\n"
               "2026-02-18  Wed  closed\n"
               "2026-02-19  Thu  closed\n"
               "2026-02-20  Fri  22:00-24:00              2:00\n"
               "2026-02-21  Sat  00:00-06:00              6:00\n"
               "2026-02-22  Sun  closed\n"
               "2026-02-23  Mon  09:00-12:00 13:00-18:00  8:00\n"
               "16:00 of working time from 2026-02-12 to 2026-02-23, on the clock of Asia/Shanghai\n");
    expect_run("calendar show office.json --from 2026-02-16 --to 2026-02-16 --lang zh", EXIT_OK_,
               "日期              时间  合计  名称  来源\n"
               "2026-02-16  周一  休          春节  手工：休\n"
               "工时合计 0:00，自 2026-02-16 至 2026-02-16，时区 Asia/Shanghai\n");
    expect_run(
        "calendar show office.json --from 2026-02-20 --to 2026-02-20 -o json", EXIT_OK_,
        "{\n  \"zone\": \"Asia/Shanghai\",\n  \"from\": \"2026-02-20\",\n  \"to\": \"2026-02-20\",\n"
        "  \"total_s\": 7200,\n  \"days\": [\n    {\n      \"date\": \"2026-02-20\",\n      \"open\": [\n"
        "        [\n          \"22:00\",\n          \"24:00\"\n        ]\n      ],\n      \"open_s\": 7200\n"
        "    }\n  ]\n}\n");
}

Test(calendar, show_without_a_zone_and_around_the_clock)
{
    scratch_write("always.json", STR("{\"always\": true}"));
    scratch_write("union.json",
                  STR("{\"union\": [" OFFICE "}, {\"zone\": \"Europe/Berlin\", \"weekly\": {\"mon\": "
                      "[[\"09:00\", \"17:00\"]]}}]}"));
    expect_run("calendar show always.json --from 2026-02-16 --to 2026-02-17", EXIT_OK_,
               "DATE             HOURS        TOTAL  NAME  WHY\n"
               "2026-02-16  Mon  00:00-24:00  24:00\n"
               "2026-02-17  Tue  00:00-24:00  24:00\n"
               "48:00 of working time from 2026-02-16 to 2026-02-17, on the clock of UTC\n");
    expect_run("calendar show union.json --from 2026-02-16 --to 2026-02-16", EXIT_OK_,
               "DATE             HOURS                    TOTAL  NAME  WHY\n"
               "2026-02-16  Mon  01:00-04:00 05:00-16:00  14:00\n"
               "14:00 of working time from 2026-02-16 to 2026-02-16, on the clock of UTC\n");
}

/* The night in which the clocks go forward, and its hours as they were worked. */
Test(calendar, show_a_clock_change)
{
    scratch_write("night.json",
                  STR("{\"zone\": \"Europe/Berlin\", \"weekly\": {\"sat\": [[\"22:00\", \"06:00\"]]}}"));
    expect_run("calendar show night.json --from 2026-03-28 --to 2026-03-29", EXIT_OK_,
               "DATE             HOURS        TOTAL  NAME  WHY\n"
               "2026-03-28  Sat  22:00-24:00  2:00\n"
               "2026-03-29  Sun  00:00-06:00  5:00\n"
               "7:00 of working time from 2026-03-28 to 2026-03-29, on the clock of Europe/Berlin\n");
}

Test(calendar, show_is_refused)
{
    expect_said("calendar show office.json --from yesterday", EXIT_USAGE,
                "--from must be a date from 1990 to 2059");
    expect_said("calendar show office.json --to 2026-02-30", EXIT_USAGE, "--to must be a date");
    expect_said("calendar show office.json --from 2026-02-01 --to 2026-01-31", EXIT_USAGE,
                "--to must be a day");
    expect_said("calendar show office.json --from 2026-02-01 --to 2036-01-31", EXIT_USAGE, "1099 days later");
    expect_said("calendar show gone.json", EXIT_ERROR, "cannot read gone.json");
    expect_said("calendar show office.json", EXIT_OK_, "from 2026-01-15 to 2026-02-14");
}

/* ---- files ---- */

Test(calendar, a_file_keeps_its_mode_and_its_link)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct stat before, after;

    cr_assert(chmod("office.json", 0640) == 0 && symlink("office.json", "link") == 0);
    cr_assert_eq(stat("office.json", &before), 0);
    cr_expect_eq(whole_file_replace("link", STR("new"), 0600), 0);
    cr_assert_eq(lstat("link", &after), 0);
    cr_expect(S_ISLNK(after.st_mode));
    cr_assert_eq(stat("office.json", &after), 0);
    cr_expect_eq(after.st_mode & 0777, 0640);
    cr_expect_neq(after.st_ino, before.st_ino, "written beside and renamed");
    cr_expect_eq(whole_file_read("link", 3, &text), 0);
    cr_expect_str_eq(buf_text(&text), "new");
    cr_expect(whole_file_read("link", 2, &text) < 0 && errno == EFBIG);
    cr_expect(whole_file_replace("no/such/folder", STR("x"), 0600) < 0 && errno == ENOENT);
    cr_expect(whole_file_read(".", 100, &text) < 0 && errno == EISDIR);
}
