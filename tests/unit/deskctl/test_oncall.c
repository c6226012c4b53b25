/* The commands that need no server: rotation eval, oncall eval, oncall ical; and their JSON lines. */
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/commands.h"
#include "deskctl/ical.h"
#include "deskctl/oncall_answer.h"
#include "lines.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>

static int run(json_lines_answer *answer, const char *user, const char *input, struct buf *out,
               struct buf *faults)
{
    struct oncall_asked asked = {.user = user};
    int code = lines_run(answer, &asked, input, out, faults);

    zone_book_fini(&asked.zones);
    return code;
}

/* ---- rotation eval ---- */

Test(rotation_eval, begins_with_the_handoff_in_force)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int code =
        run(rotation_answer, NULL,
            "{\"zone\": \"Europe/Berlin\", \"type\": \"daily\", \"length\": 1, \"start_local\": "
            "\"2020-10-30T01:30:00\", \"from_local\": \"2020-10-24T12:00:00\", \"to_local\": "
            "\"2020-10-27T01:30:00\"}\n"
            "{\"zone\": \"America/New_York\", \"type\": \"hourly\", \"length\": 1, \"start_local\": "
            "\"2021-03-01T02:00\", \"from_local\": \"2021-03-14T01:00\", \"to_local\": \"2021-03-14T04:00\"}",
            &out, NULL);

    cr_expect_eq(code, EXIT_OK_);
    cr_expect_str_eq(buf_text(&out),
                     "{\"handoffs\": [\"2020-10-24T01:30:00+02:00\", \"2020-10-25T01:30:00+02:00\", "
                     "\"2020-10-26T01:30:00+01:00\"]}\n"
                     "{\"handoffs\": [\"2021-03-14T01:00:00-05:00\", \"2021-03-14T03:00:00-04:00\"]}\n");
}

Test(rotation_eval, a_wrong_line_fails_alone)
{
    static const char *const expected[] = {
        "{\"error\": \"must be after from_local\", \"at\": \"/to_local\"}",
        "{\"error\": \"is missing; must be the name of a time zone, as \\\"Europe/Berlin\\\"\", \"at\": "
        "\"/zone\"}",
        "{\"error\": \"is not JSON: '[' or '{' expected near end of file (column 0)\", \"at\": \"\"}",
        "{\"error\": \"is not JSON: duplicate object key near '\\\"zone\\\"' (column 18)\", \"at\": \"\"}",
        "{\"error\": \"is no key here; did you mean \\\"to_local\\\"?\", \"at\": \"/to\"}",
        "{\"error\": \"there are more than 100000 handoffs before it; ask for a shorter window\", \"at\": "
        "\"/to_local\"}",
        "{\"handoffs\": [\"2020-01-01T00:00:00+00:00\"]}",
    };
    _cleanup_buf_ struct buf out = BUF_INIT, whole = BUF_INIT;
#define HOURLY                                                                                               \
    "{\"zone\": \"UTC\", \"type\": \"hourly\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", "
    int code = run(rotation_answer, NULL,
                   HOURLY "\"from_local\": \"2020-01-01T00:00\", \"to_local\": \"2020-01-01T00:00\"}\n"
                          "{}\n\n{\"zone\": 1, \"zone\": 2}\n" HOURLY "\"to\": 1}\n" HOURLY
                          "\"from_local\": \"2020-01-01T00:00\", \"to_local\": \"2040-01-01T00:00\"}\n" HOURLY
                          "\"from_local\": \"2020-01-01T00:00\", \"to_local\": \"2020-01-01T01:00\"}\n",
                   &out, NULL);

    cr_expect_eq(code, EXIT_ERROR);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        buf_printf(&whole, "%s\n", expected[i]);
    cr_expect_str_eq(buf_text(&out), buf_text(&whole));
}

/* ---- oncall eval ---- */

#define SCHEDULE                                                                                               \
    "\"schedule\": {\"name\": \"网络; on call\", \"zone\": \"Europe/Berlin\", \"rotations\": {\"primary\": " \
    "{"                                                                                                        \
    "\"type\": \"weekly\", \"length\": 1, \"start_local\": \"2020-10-19T09:00\", \"participants\": "           \
    "[\"anna\", "                                                                                              \
    "\"bo\"]}}, \"rules\": [{\"rotation\": \"primary\", \"start\": \"09:00\", \"end\": \"00:00\"}, "           \
    "{\"user\": \"chen\", "                                                                                    \
    "\"days\": [\"sun\"], \"start\": \"02:30\", \"end\": \"10:00\"}]}"

Test(oncall_eval, an_instant)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int code =
        run(oncall_answer, NULL,
            "{" SCHEDULE ", \"at\": \"2020-10-25T09:30\"}\n{" SCHEDULE ", \"at\": \"2020-10-25T02:00:00Z\"}\n"
            "{\"schedule\": {\"zone\": \"UTC\", \"rules\": [{\"user\": \"anna\"}]}, \"at\": "
            "\"2020-01-01T00:00\"}\n",
            &out, NULL);

    cr_expect_eq(code, EXIT_OK_);
    cr_expect_str_eq(buf_text(&out),
                     "{\"on_call\": [\"anna\", \"chen\"], \"next_change\": \"2020-10-25T10:00:00+01:00\"}\n"
                     "{\"on_call\": [\"chen\"], \"next_change\": \"2020-10-25T09:00:00+01:00\"}\n"
                     "{\"on_call\": [\"anna\"], \"next_change\": null}\n");
}

Test(oncall_eval, a_window_and_its_report)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int code = run(oncall_answer, NULL,
                   "{" SCHEDULE
                   ", \"from\": \"2020-10-25T00:00\", \"to\": \"2020-10-26T12:00\", \"report\": true}\n",
                   &out, NULL);

    cr_expect_eq(code, EXIT_OK_);
    cr_expect_str_eq(
        buf_text(&out),
        "{\"shifts\": [{\"user\": \"chen\", \"from\": \"2020-10-25T02:30:00+02:00\", \"to\": "
        "\"2020-10-25T10:00:00+01:00\"}, {\"user\": \"anna\", \"from\": \"2020-10-25T09:00:00+01:00\", "
        "\"to\": "
        "\"2020-10-26T00:00:00+01:00\"}, {\"user\": \"bo\", \"from\": \"2020-10-26T09:00:00+01:00\", \"to\": "
        "\"2020-10-26T12:00:00+01:00\"}], \"report\": {\"gaps\": [{\"from\": \"2020-10-25T00:00:00+02:00\", "
        "\"to\": "
        "\"2020-10-25T02:30:00+02:00\"}, {\"from\": \"2020-10-26T00:00:00+01:00\", \"to\": "
        "\"2020-10-26T09:00:00+01:00\"}], \"gap_hours\": 11.50, \"overlaps\": [{\"from\": "
        "\"2020-10-25T09:00:00+01:00\", \"to\": \"2020-10-25T10:00:00+01:00\", \"users\": [\"anna\", "
        "\"chen\"]}], "
        "\"overlap_hours\": 1.00, \"hours\": {\"anna\": 15.00, \"bo\": 3.00, \"chen\": 8.50}, "
        "\"balance_percent\": 37}}\n");
}

Test(oncall_eval, faults)
{
    static const char *const cases[][2] = {
        {"{" SCHEDULE "}", "{\"error\": \"must have at, or from and to\", \"at\": \"\"}\n"},
        {"{" SCHEDULE ", \"from\": \"2020-01-01T00:00\"}", "{\"error\": \"is missing; must be a time from"},
        {"{" SCHEDULE ", \"from\": \"2020-01-01T00:00\", \"to\": \"2023-01-07T00:00\"}",
         "{\"error\": \"must be at most 1100 days after from\", \"at\": \"/to\"}\n"},
        {"{" SCHEDULE ", \"from\": \"2020-01-01T00:00\", \"at\": \"2023-01-07T00:00\"}",
         "{\"error\": \"must not stand beside from and to\", \"at\": \"/at\"}\n"},
        {"{" SCHEDULE ", \"at\": \"2023-01-07T00:00\", \"report\": true}",
         "{\"error\": \"needs from and to\", \"at\": \"/report\"}\n"},
        {"{" SCHEDULE ", \"at\": \"2023-01-07T00:00\", \"report\": 1}",
         "{\"error\": \"must be true or false, not a number\", \"at\": \"/report\"}\n"},
        {"{\"schedule\": {\"zone\": \"UTC\", \"rules\": [{\"rotation\": \"x\"}]}, \"at\": "
         "\"2023-01-07T00:00\"}",
         "{\"error\": \"names no rotation of this schedule\", \"at\": \"/schedule/rules/0/rotation\"}\n"},
        {"{\"at\": \"2023-01-07T00:00\"}",
         "{\"error\": \"is missing; must be an object\", \"at\": \"/schedule\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;

        cr_expect_eq(run(oncall_answer, NULL, cases[i][0], &out, NULL), EXIT_ERROR);
        cr_expect(str_starts(buf_str(&out), str_from(cases[i][1])), "%s", buf_text(&out));
    }
}

/* ---- iCalendar ---- */

/* Unfolds (RFC 5545 section 3.1), checking that each line ends with CRLF, is at most 75 octets and whole
 * UTF-8. */
static void unfold(const struct buf *text, struct buf *out)
{
    struct str rest = buf_str(text), line;

    cr_assert(str_ends(rest, STR("\r\n")));
    while (rest.n && str_cut(rest, '\n', &line, &rest)) {
        cr_assert(line.n && line.p[line.n - 1] == '\r');
        line.n--;
        cr_assert_leq(line.n, 75);
        cr_assert(utf8_valid(line), "a character was cut: %.*s", (int)line.n, line.p);
        cr_assert_null(memchr(line.p, '\r', line.n));
        if (line.n && *line.p == ' ') {
            cr_assert(out->n, "the first line continues nothing");
            out->p[--out->n] = 0; /* the newline */
            line.p++;
            line.n--;
        }
        buf_add_str(out, line);
        buf_add_char(out, '\n');
    }
}

Test(ical, folds_between_characters_and_escapes)
{
    static const char *const units[] = {"a", "é", "值", "\U0001F4DE", ",", ";", "\\", "\n"};
    static const char *const escaped[] = {"a", "é", "值", "\U0001F4DE", "\\,", "\\;", "\\\\", "\\n"};
    unsigned seed = 20301;

    for (int i = 0; i < 400; i++) {
        _cleanup_buf_ struct buf summary = BUF_INIT, expected = BUF_INIT, text = BUF_INIT, plain = BUF_INIT;
        struct ical_event event = {STR("uid"), 0, 1603585800, 1603589400, {0}};

        buf_add_text(&expected, "\nSUMMARY:");
        for (int k = 0; k < i; k++) {
            unsigned pick = (seed = seed * 1103515245 + 12345) >> 16 & 7;

            buf_add_text(&summary, units[pick]);
            buf_add_text(&expected, escaped[pick]);
        }
        buf_add_char(&expected, '\n');
        event.summary = buf_str(&summary);
        ical_begin(&text, event.summary);
        ical_event(&text, &event);
        ical_end(&text);
        unfold(&text, &plain);
        cr_assert(strstr(buf_text(&plain), buf_text(&expected)), "%s", buf_text(&plain));
    }
}

static size_t count(const struct buf *text, const char *what)
{
    size_t n = 0;

    for (const char *p = buf_text(text); (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void clock_stands(void)
{
    clock_fake(1700000000 * US_PER_S);
}
TestSuite(oncall_ical, .init = clock_stands);

Test(oncall_ical, one_person)
{
    _cleanup_buf_ struct buf out = BUF_INIT, plain = BUF_INIT;

    cr_expect_eq(run(oncall_ical_answer, "chen",
                     "{" SCHEDULE ", \"from\": \"2020-10-25T00:00\", \"to\": \"2020-10-26T00:00\"}", &out,
                     NULL),
                 EXIT_OK_);
    unfold(&out, &plain);
    cr_expect_str_eq(
        buf_text(&plain),
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Meridian//deskctl 0.1.0//EN\nCALSCALE:GREGORIAN\n"
        "X-WR-CALNAME:网络\\; on call\nBEGIN:VEVENT\nUID:336db58e067ffd069128d10256efe612@oncall.meridian\n"
        "DTSTAMP:20231114T221320Z\nDTSTART:20201025T003000Z\nDTEND:20201025T090000Z\n"
        "SUMMARY:chen: 网络\\; on call\nTRANSP:TRANSPARENT\nEND:VEVENT\nEND:VCALENDAR\n");
}

/* An event is the same from whichever window it is seen, also when the window begins in the middle of it. */
Test(oncall_ical, events_do_not_depend_on_the_window)
{
    _cleanup_buf_ struct buf week = BUF_INIT, hour = BUF_INIT;
    const char *uid, *end;

    cr_expect_eq(run(oncall_ical_answer, "anna",
                     "{" SCHEDULE ", \"from\": \"2020-10-24T12:00\", \"to\": \"2020-10-24T13:00\"}", &hour,
                     NULL),
                 EXIT_OK_);
    cr_expect_eq(run(oncall_ical_answer, "anna",
                     "{" SCHEDULE ", \"from\": \"2020-10-19T00:00\", \"to\": \"2020-10-26T00:00\"}", &week,
                     NULL),
                 EXIT_OK_);
    cr_expect_eq(count(&hour, "BEGIN:VEVENT"), 1);
    cr_expect_eq(count(&week, "BEGIN:VEVENT"), 7);
    uid = strstr(buf_text(&hour), "BEGIN:VEVENT");
    end = strstr(buf_text(&hour), "END:VCALENDAR");
    hour.p[end - hour.p] = 0;
    cr_expect(strstr(buf_text(&week), uid), "%s", uid);
}

Test(oncall_ical, somebody_who_is_not_there)
{
    _cleanup_buf_ struct buf out = BUF_INIT, faults = BUF_INIT;

    cr_expect_eq(run(oncall_ical_answer, "zoe",
                     "{" SCHEDULE ", \"from\": \"2020-10-24T12:00\", \"to\": \"2020-10-24T13:00\"}\n"
                     "{" SCHEDULE ", \"at\": \"2020-10-24T12:00\"}\n",
                     &out, &faults),
                 EXIT_ERROR);
    cr_expect_str_eq(buf_text(&out), "");
    cr_expect_str_eq(
        buf_text(&faults),
        "{\"error\": \"does not name \\\"zoe\\\"\", \"at\": \"/schedule\", \"line\": 1}\n"
        "{\"error\": \"is no window; a calendar needs from and to\", \"at\": \"/at\", \"line\": 2}\n");
}

/* The commands themselves: standard input to standard output. */
Test(oncall_ical, commands_are_connected)
{
    struct cli cli = {0};
    FILE *in;

    cr_redirect_stdin();
    cr_redirect_stdout();
    in = cr_get_redirected_stdin();
    fputs("{\"schedule\": {\"zone\": \"UTC\"}, \"at\": \"2020-01-01T00:00\"}\n", in);
    fclose(in);
    cr_expect_eq(command_oncall_eval(&cli), EXIT_OK_);
    cr_expect_stdout_eq_str("{\"on_call\": [], \"next_change\": null}\n");
}
