/* deskctl sla eval: questions and answers, line by line, and the command around them. */
#include "base/memory.h"
#include "deskctl/commands.h"
#include "deskctl/sla_eval.h"
#include "lines.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <unistd.h>

#define OFFICE                                                                                               \
    "\"calendar\": {\"zone\": \"Europe/Berlin\", \"weekly\": {"                                              \
    "\"mon\": [[\"09:00\", \"17:00\"]], \"tue\": [[\"09:00\", \"17:00\"]], \"fri\": [[\"09:00\", "           \
    "\"17:00\"]]}}"
#define ALWAYS "\"calendar\": {\"always\": true}"

static void redirect(void)
{
    cr_redirect_stdout();
    cr_redirect_stderr();
}

static void expect_answer(struct sla_eval *eval, const char *question, const char *answer)
{
    _cleanup_buf_ struct buf got = BUF_INIT;
    _cleanup_(freep) char *line = mem_printf("%s\n", answer);

    cr_expect_eq(lines_run(sla_eval_answer, eval, question, &got, NULL), EXIT_OK_);
    cr_expect_str_eq(buf_text(&got), line, "%s\n%s", question, buf_text(&got));
}

/* Friday 2026-03-27, 16:00 in Berlin is 15:00 UTC; on Sunday the clocks go forward. */
Test(sla_eval, answers)
{
    static const struct {
        const char *question, *answer;
    } cases[] = {
        {"{" OFFICE ", \"start\": \"2026-03-27T16:00:00+01:00\", \"amount_s\": 3600}",
         "{\"due\": \"2026-03-27T16:00:00Z\"}"},
        {"{" OFFICE ", \"start\": \"2026-03-27T16:00:00+01:00\", \"amount_s\": 3601}",
         "{\"due\": \"2026-03-30T07:00:01Z\"}"},
        {"{" OFFICE ", \"start\": \"2026-03-28T12:00:00Z\", \"amount_s\": 0}",
         "{\"due\": \"2026-03-28T12:00:00Z\"}"},
        {"{" OFFICE ", \"start\": \"2026-03-27T15:00:00.250Z\", \"amount_s\": 60}",
         "{\"due\": \"2026-03-27T15:01:00.25Z\"}"},
        {"{" OFFICE ", \"start\": \"2026-03-28T15:00:00.123456789Z\", \"amount_s\": 60}",
         "{\"due\": \"2026-03-30T07:01:00Z\"}"},
        {"{" OFFICE ", \"start\": \"2026-03-28T15:00:00.123456789Z\", \"amount_s\": 0}",
         "{\"due\": \"2026-03-28T15:00:00.123456Z\"}"},
        {"{" OFFICE
         ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 7200, \"until\": \"2026-03-30T07:30:00Z\"}",
         "{\"due\": \"2026-03-30T08:00:00Z\", \"elapsed_s\": 5400}"},
        {"{" OFFICE
         ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 7200, \"until\": null, \"paused\": null}",
         "{\"due\": \"2026-03-30T08:00:00Z\"}"},
        {"{" OFFICE
         ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 7200, \"until\": \"2026-03-30T07:30:00Z\", "
         "\"paused\": [[\"2026-03-30T07:10:00Z\", \"2026-03-30T07:20:00Z\"], [\"2026-03-27T15:30:00Z\", "
         "\"2026-03-27T19:00:00Z\"], [\"2026-03-27T15:40:00Z\", \"2026-03-27T15:50:00Z\"]]}",
         "{\"due\": \"2026-03-30T08:40:00Z\", \"elapsed_s\": 3000}"},
        {"{" ALWAYS
         ", \"start\": \"1975-01-01T00:00:00Z\", \"amount_s\": 86400, \"until\": \"1974-12-31T00:00:00Z\"}",
         "{\"due\": \"1975-01-02T00:00:00Z\", \"elapsed_s\": -86400}"},
        {"{" ALWAYS ", \"start\": \"2026-01-01T00:00:00.9Z\", \"amount_s\": 0, \"paused\": "
         "[[\"2026-01-01T00:00:00Z\", \"2026-01-02T00:00:00Z\"]]}",
         "{\"due\": \"2026-01-01T00:00:00.9Z\"}"},
    };
    _cleanup_sla_eval_ struct sla_eval eval = {0};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        expect_answer(&eval, cases[i].question, cases[i].answer);
}

Test(sla_eval, faults_name_their_place, .init = redirect)
{
    static const struct {
        const char *question, *at, *reason;
    } cases[] = {
        {"\n", "", "is not JSON"},
        {"{\"start\": 1, \"start\": 2}", "", "is not JSON: duplicate object key"},
        {"[]", "", "must be an object"},
        {"{" ALWAYS ", \"pauses\": []}", "/pauses", "\\\"paused\\\""},
        {"{}", "/calendar", "is missing; must be an object"},
        {"{\"calendar\": {\"zone\": \"Mars/Olympus\"}}", "/calendar/zone", "is no time zone"},
        {"{\"calendar\": {\"zone\": \"UTC\"}}", "/calendar", "never opens"},
        {"{\"calendar\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"09:00\"]]}}}",
         "/calendar/weekly/mon/0", "empty"},
        {"{" ALWAYS ", \"start\": \"yesterday\"}", "/start", "must be a time with an offset"},
        {"{" ALWAYS ", \"start\": 12}", "/start", "must be a time with an offset"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00\"}", "/start", "must be a time with an offset"},
        {"{" ALWAYS "}", "/start", "must be a time with an offset"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\"}", "/amount_s", "whole number"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": -1}", "/amount_s",
         "must be from 0 to"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1.5}", "/amount_s", "whole number"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 4000000000}", "/amount_s",
         "must be from 0 to 3155760000"},
        {"{" ALWAYS ", \"start\": \"9999-03-27T15:00:00Z\", \"amount_s\": 86400000}", "/amount_s",
         "year 9999"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"until\": \"?\"}", "/until",
         "must be a time with an offset"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"paused\": {}}", "/paused",
         "must be an array"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"paused\": [[]]}", "/paused/0",
         "[from, to]"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"paused\": "
         "[[\"2026-03-27T15:00:00Z\", 1]]}",
         "/paused/0/1", "must be a time with an offset"},
        {"{" ALWAYS ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"paused\": "
         "[[\"2026-03-27T15:00:01Z\", \"2026-03-27T15:00:00Z\"]]}",
         "/paused/0", "ends before it starts"},
        {"{" OFFICE ", \"start\": \"1989-12-31T23:59:59Z\"}", "/start", "outside the years 1990 to 2059"},
        {"{" OFFICE ", \"start\": \"2059-12-31T00:00:00Z\", \"amount_s\": 3600000}", "/amount_s",
         "before the end of 2059"},
        {"{" OFFICE
         ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1, \"until\": \"2061-01-01T00:00:00Z\"}",
         "/until", "outside the years"},
    };
    _cleanup_sla_eval_ struct sla_eval eval = {0};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf answer = BUF_INIT;
        _cleanup_(freep) char *at = mem_printf("\"at\": \"%s\"}", cases[i].at);

        cr_expect_eq(lines_run(sla_eval_answer, &eval, cases[i].question, &answer, NULL), EXIT_ERROR);
        cr_expect(strstr(buf_text(&answer), at) && strstr(buf_text(&answer), cases[i].reason), "%s\n%s",
                  cases[i].question, buf_text(&answer));
    }
}

Test(sla_eval, the_last_calendar_is_kept_and_only_for_itself)
{
    static const char other[] =
        "{\"calendar\": {\"zone\": \"Europe/Berlin\", \"weekly\": {\"sat\": [[\"09:00\", "
        "\"10:00\"]]}}, \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1}";
    static const char office[] = "{" OFFICE ", \"start\": \"2026-03-27T15:00:00Z\", \"amount_s\": 1}";
    _cleanup_sla_eval_ struct sla_eval eval = {0};
    const struct calendar *kept;

    expect_answer(&eval, office, "{\"due\": \"2026-03-27T15:00:01Z\"}");
    kept = eval.calendar;
    expect_answer(&eval, office, "{\"due\": \"2026-03-27T15:00:01Z\"}");
    cr_expect_eq(eval.calendar, kept);
    expect_answer(&eval, other, "{\"due\": \"2026-03-28T08:00:01Z\"}");
    expect_answer(&eval, office, "{\"due\": \"2026-03-27T15:00:01Z\"}");
    expect_answer(&eval, "{" ALWAYS ", \"start\": \"2026-03-28T15:00:00Z\", \"amount_s\": 1}",
                  "{\"due\": \"2026-03-28T15:00:01Z\"}");
    cr_expect_eq(eval.zones.n, 1);
}

static int run_command(const char *input)
{
    char name[] = "/tmp/meridian-sla-XXXXXX";
    int fd = mkstemp(name), code;
    struct cli cli = {0};

    cr_assert(fd >= 0 && write(fd, input, strlen(input)) == (ssize_t)strlen(input));
    close(fd);
    cr_assert_not_null(freopen(name, "r", stdin));
    code = command_sla_eval(&cli);
    unlink(name);
    return code;
}

Test(sla_eval, a_bad_line_does_not_end_the_run, .init = redirect)
{
    cr_expect_eq(
        run_command("{" ALWAYS ", \"start\": \"2026-03-28T15:00:00Z\", \"amount_s\": 1}\n7\n\n{" ALWAYS
                    ", \"start\": \"2026-03-28T15:00:00Z\", \"amount_s\": 2, \"id\": [4]}\n{\"id\": \"e\"}"),
        EXIT_ERROR);
    cr_expect_stdout_eq_str(
        "{\"due\": \"2026-03-28T15:00:01Z\"}\n"
        "{\"error\": \"is not JSON: '[' or '{' expected near '7' (column 1)\", \"at\": \"\"}\n"
        "{\"error\": \"is not JSON: '[' or '{' expected near end of file (column 0)\", \"at\": \"\"}\n"
        "{\"id\": [4], \"due\": \"2026-03-28T15:00:02Z\"}\n"
        "{\"id\": \"e\", \"error\": \"is missing; must be an object\", \"at\": \"/calendar\"}\n");
    cr_expect_stderr_eq_str("deskctl: 3 of 5 lines are in error\n");
}

Test(sla_eval, all_lines_right_is_success, .init = redirect)
{
    cr_expect_eq(run_command("{" ALWAYS ", \"start\": \"2026-03-28T15:00:00Z\", \"amount_s\": 1}\n"),
                 EXIT_OK_);
    cr_expect_eq(run_command(""), EXIT_OK_);
}
