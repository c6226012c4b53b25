/* Reading incident logs: CSV, the two formats, and what is wrong with files. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/replay.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

static char *write_file(const char *text, bool gzip)
{
    char *name = mem_printf("/tmp/meridian-replay-%d-%d.csv", (int)getpid(), gzip);
    gzFile file = gzopen(name, gzip ? "wb" : "wbT");

    gzputs(file, text);
    gzclose(file);
    return name;
}

Test(csv, splits_quotes_and_empty_fields)
{
    char line[] = "a,,\"b,\"\"c\"\"\",d\r\n", *fields[CSV_MAX_FIELDS];

    cr_assert_eq(csv_split(line, fields), 4);
    cr_assert_str_eq(fields[0], "a");
    cr_assert_str_eq(fields[1], "");
    cr_assert_str_eq(fields[2], "b,\"c\"");
    cr_assert_str_eq(fields[3], "d");
}

Test(csv, last_field_may_be_empty)
{
    char line[] = "a,b,", *fields[CSV_MAX_FIELDS];

    cr_assert_eq(csv_split(line, fields), 3);
    cr_assert_str_eq(fields[2], "");
}

#define VOLVO_HEADER                                                                                         \
    "case_id,timestamp,status,sub_status,impact,product,support_team,function_division,org_line,case_"       \
    "country,owner_country,owner\n"
static const char volvo[] = VOLVO_HEADER
    "1-1,2012-01-01T00:00:00+01:00,Accepted,In Progress,Major,PROD1,G1,A,B,cn,CHINA,Ann\n"
    "1-1,2012-01-01T01:00:00+01:00,Queued,Awaiting Assignment,Major,PROD1,G2 2nd,A,B,cn,Sweden,Bo\n"
    "1-1,2012-01-01T02:00:00+01:00,Accepted,Wait - Vendor,Major,PROD1,G3 3rd,A,B,cn,Brazil,Cid\n"
    "1-1,2012-01-01T03:00:00+01:00,Completed,Closed,Major,PROD1,G3 3rd,A,B,cn,0,Siebel\n"
    "1-2,2012-01-01T03:00:00+01:00,Completed,Cancelled,Low,PROD2,G1,A,B,0,0,Siebel\n";

Test(volvo, becomes_cases_of_steps)
{
    for (int gzip = 0; gzip < 2; gzip++) {
        _cleanup_(freep) char *file = write_file(volvo, gzip);
        struct replay_log log = {0};
        cr_assert_eq(replay_read_volvo(file, 0, &log), EXIT_OK_);
        cr_assert_eq(log.n, 2);
        cr_assert_eq(log.cases[0].region, REGION_AP);
        cr_assert_str_eq(log.cases[0].impact, "high");
        cr_assert_str_eq(log.cases[0].urgency, "high");
        cr_assert_eq(log.cases[0].nsteps, 4);
        cr_assert_eq(log.cases[0].steps[0].kind, STEP_WORK);
        cr_assert_eq(log.cases[0].steps[0].region, REGION_AP);
        cr_assert_eq(log.cases[0].steps[0].at_s, 1325372400, "by its zone");
        cr_assert_eq(log.cases[0].steps[0].team, 0);
        cr_assert_eq(log.cases[0].steps[1].kind, STEP_QUEUE);
        cr_assert_eq(log.cases[0].steps[1].region, REGION_EU);
        cr_assert(log.cases[0].steps[1].team >= 1 && log.cases[0].steps[1].team <= 3);
        cr_assert_eq(log.cases[0].steps[2].kind, STEP_WAIT);
        cr_assert_str_eq(log.cases[0].steps[2].reason, "vendor");
        cr_assert_eq(log.cases[0].steps[2].team, 4);
        cr_assert_eq(log.cases[0].steps[2].region, REGION_US);
        cr_assert_eq(log.cases[0].steps[3].kind, STEP_CLOSE);
        cr_assert_eq(log.cases[0].steps[3].region, REGION_AP, "an unknown owner works where the case is");
        cr_assert_eq(log.cases[1].steps[0].kind, STEP_CANCEL);
        replay_log_fini(&log);
        unlink(file);
    }
}

Test(volvo, stops_after_the_wanted_number_of_cases)
{
    _cleanup_(freep) char *file = write_file(volvo, false);
    struct replay_log log = {0};

    cr_assert_eq(replay_read_volvo(file, 1, &log), EXIT_OK_);
    cr_assert_eq(log.n, 1);
    cr_assert_eq(log.cases[0].nsteps, 4);
    replay_log_fini(&log);
    unlink(file);
}

Test(servicenow, becomes_cases_of_steps)
{
    _cleanup_(freep) char *file = write_file(
        "number,incident_state,impact,urgency,location,caller_id,category,assignment_group,assigned_to\n"
        "INC1,New,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,Group 56,?\n"
        "INC1,Active,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,Group 56,Resolver 3\n"
        "INC1,Awaiting Vendor,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,Group 56,Resolver 3\n"
        "INC1,-100,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,Group 56,Resolver 3\n"
        "INC1,Resolved,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,?,Resolver 3\n"
        "INC1,Closed,2 - Medium,2 - Medium,Location 1,Caller 1,Category 5,Group 56,Resolver 3\n",
        false);
    static const enum step_kind kinds[] = {STEP_QUEUE, STEP_WORK,    STEP_WAIT,
                                           STEP_QUEUE, STEP_RESOLVE, STEP_CLOSE};
    struct replay_log log = {0};

    cr_assert_eq(replay_read_servicenow(file, 0, &log), EXIT_OK_);
    cr_assert_eq(log.n, 1);
    cr_assert_eq(log.cases[0].nsteps, 6);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(log.cases[0].steps[i].kind, kinds[i], "step %d", i);
    cr_assert_str_eq(log.cases[0].impact, "medium");
    replay_log_fini(&log);
    unlink(file);
}

Test(log, the_wrong_log_is_named, .init = cr_redirect_stderr)
{
    _cleanup_(freep) char *file = write_file(volvo, false);
    struct replay_log log = {0};

    cr_assert_eq(replay_read_servicenow(file, 0, &log), EXIT_ERROR);
    fflush(stderr);
    cr_assert_stderr_eq_str(({
        static char expected[256];
        snprintf(expected, sizeof expected, "deskctl: %s has no column \"number\": is it the right log?\n",
                 file);
        expected;
    }));
    unlink(file);
}

Test(log, missing_and_short_lines_are_reported, .init = cr_redirect_stderr)
{
    _cleanup_(freep) char *file = write_file(
        VOLVO_HEADER "1-1,2012\n1-2,2012-01-01T03:00:00+01:00,Completed,Closed,Low,P,G1,A,B,se,0,S\n", false);
    struct replay_log log = {0};

    cr_assert_eq(replay_read_volvo("/nonexistent/log.csv", 0, &log), EXIT_ERROR);
    cr_assert_eq(replay_read_volvo(file, 0, &log), EXIT_OK_);
    cr_assert_eq(log.n, 1, "a short line is skipped, the rest is read");
    replay_log_fini(&log);
    unlink(file);
}
