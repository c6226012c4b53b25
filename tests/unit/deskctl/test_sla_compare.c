/* An incident log beside a plan: agreement, and each explanation of a disagreement once. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/sla_compare.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <unistd.h>

#define HEADER                                                                                               \
    "number,incident_state,made_sla,opened_at,sys_updated_at,priority,assignment_group,resolved_at,closed_"  \
    "at\n"
#define ROW(number, state, made, updated, priority, resolved, closed)                                        \
    number "," state "," made ",4/1/2016 09:00," updated "," priority ",G1," resolved "," closed "\n"

/* P1 an hour, else four, in office hours of Monday to Friday. 2016-01-04 is a Monday. */
static const char office_plan[] =
    "{\"calendars\": {\"office\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", \"17:00\"]], "
    "\"tue\": "
    "[[\"09:00\", \"17:00\"]]}}}, \"default_calendar\": \"office\", \"policies\": ["
    "{\"name\": \"P1\", \"when\": {\"priority\": 1}, \"targets\": {\"resolve\": {\"amount\": \"1h\"}}},"
    "{\"name\": \"rest\", \"targets\": {\"resolve\": {\"amount\": \"4h\"}}}]}";
static const char around_plan[] =
    "{\"policies\": [{\"name\": \"P1\", \"when\": {\"priority\": 1}, \"targets\": {\"resolve\": {\"amount\": "
    "\"1h\"}}}, {\"name\": \"rest\", \"targets\": {\"resolve\": {\"amount\": \"4h\"}}}]}";

static struct sla_document *read_plan(const char *text)
{
    _cleanup_(json_decrefp) json_t *json = json_loads(text, 0, NULL);
    struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    cr_assert_eq(sla_plan_json_read(json, 0, NULL, &document, &fault), 0, "%s", buf_text(&fault.reason));
    return document;
}

static int compare(const char *rows, int limit, struct sla_comparison *ret)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_(freep) char *path = NULL;
    struct zone *zone = zone_open("UTC");
    struct sla_document *plan = read_plan(office_plan), *around = read_plan(around_plan);
    FILE *file;
    int code;

    path = mem_printf("/tmp/meridian-compare-%d.csv", (int)getpid());
    file = fopen(path, "w");
    fputs(HEADER, file);
    fputs(rows, file);
    fclose(file);
    code = sla_compare(path, limit, zone, &plan->plan, &around->plan, ret);
    unlink(path);
    sla_document_free(plan);
    sla_document_free(around);
    zone_close(zone);
    return code;
}

Test(sla_compare, agrees_where_the_log_does)
{
    struct sla_comparison c;

    cr_assert_eq(
        compare(ROW("I1", "New", "true", "4/1/2016 09:05", "3 - Moderate", "4/1/2016 12:00", "9/1/2016 12:00")
                    ROW("I1", "Resolved", "true", "4/1/2016 12:01", "3 - Moderate", "4/1/2016 12:00",
                        "9/1/2016 12:00") ROW("I1", "Closed", "true", "9/1/2016 12:00", "3 - Moderate",
                                              "4/1/2016 12:00", "9/1/2016 12:00")
                        ROW("I2", "New", "false", "4/1/2016 09:05", "1 - Critical", "4/1/2016 12:00",
                            "9/1/2016 12:00") ROW("I2", "Closed", "false", "9/1/2016 12:00", "1 - Critical",
                                                  "4/1/2016 12:00", "9/1/2016 12:00")
                            ROW("I3", "New", "false", "4/1/2016 09:05", "3 - Moderate", "?", "?"),
                0, &c),
        EXIT_OK_);
    cr_expect_eq(c.incidents, 3);
    cr_expect_eq(c.unclocked, 1, "the third has not been resolved");
    cr_expect_eq(c.agree_kept, 1);
    cr_expect_eq(c.agree_breached, 1);
}

/* One incident of which the log says `made`, with one line between opening and closure. */
static enum sla_explanation explain(const char *made, const char *state, const char *at, const char *priority,
                                    const char *last_priority, const char *resolved, const char *closed)
{
    _cleanup_(freep) char *rows = mem_printf(
        "I,New,%1$s,4/1/2016 09:00,4/1/2016 09:00,%4$s,G,%6$s,%7$s\nI,%2$s,%1$s,4/1/2016 09:00,%3$s,%5$s,G,"
        "%6$s,%7$s\nI,Resolved,%1$s,4/1/2016 09:00,%6$s,%5$s,G,%6$s,%7$s\nI,Closed,%1$s,4/1/2016 "
        "09:00,%7$s,%5$s,G,%6$s,%7$s\n",
        made, state, at, priority, last_priority, resolved, closed);
    struct sla_comparison c;
    const long *counts;

    cr_assert_eq(compare(rows, 0, &c), EXIT_OK_);
    counts = strcmp(made, "true") == 0 ? c.only_plan_breached : c.only_log_breached;
    for (int i = 1; i < SLA_EXPLANATION_COUNT; i++)
        if (counts[i])
            return (enum sla_explanation)i;
    return SLA_AS_IT_IS;
}

Test(sla_compare, disagreements_are_explained)
{
    cr_expect_eq(explain("false", "Awaiting User Info", "4/1/2016 10:00", "3", "3", "4/1/2016 16:00",
                         "4/1/2016 16:00"),
                 SLA_WITHOUT_PAUSES);
    cr_expect_eq(explain("false", "Active", "4/1/2016 10:00", "1", "3", "4/1/2016 12:00", "4/1/2016 12:00"),
                 SLA_FIRST_PRIORITY);
    cr_expect_eq(explain("false", "Active", "4/1/2016 10:00", "3", "3", "4/1/2016 12:00", "5/1/2016 16:00"),
                 SLA_TO_CLOSURE);
    cr_expect_eq(explain("true", "Active", "4/1/2016 10:00", "3", "3", "5/1/2016 16:00", "5/1/2016 16:00"),
                 SLA_UNEXPLAINED);
    cr_expect_eq(explain("false", "Active", "4/1/2016 10:00", "3", "3", "6/1/2016 03:00", "6/1/2016 03:00"),
                 SLA_AS_IT_IS, "both say breached");
}

Test(sla_compare, a_time_that_is_none_is_named, .init = cr_redirect_stderr)
{
    struct sla_comparison c;

    cr_expect_eq(compare("I1,New,true,31/2/2016 09:00,4/1/2016 09:00,3,G,?,?\n", 0, &c), EXIT_ERROR);
    fflush(stderr);
    cr_expect_stderr_eq_str("deskctl: I1: opened_at is no time: 31/2/2016 09:00\n");
}

Test(sla_compare, at_most_so_many)
{
    struct sla_comparison c;

    cr_assert_eq(
        compare("I1,New,true,4/1/2016 09:00,4/1/2016 09:00,3,G,?,?\nI2,New,true,4/1/2016 09:00,4/1/2016 "
                "09:00,3,G,?,?\n",
                1, &c),
        EXIT_OK_);
    cr_expect_eq(c.incidents, 1);
}
