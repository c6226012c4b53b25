/* Rotations and on-call schedules from the command line. All but `who`: no server, no sign-in, JSON lines in;
 * JSON lines or iCalendar out. With iCalendar, faults go to standard error, so that what is written stays a
 * calendar. `who` asks a server for the plan in force and answers from it, by the same rules. */
#include "base/clock.h"
#include "deskctl/commands.h"
#include "deskctl/oncall_answer.h"
#include "deskctl/oncall_swaps.h"
#include "deskctl/output.h"
#include "deskctl/sla_plans.h"

static int run(FILE *faults, json_lines_answer *answer, const char *user)
{
    struct oncall_asked asked = {.user = user};
    int code = json_lines_run(stdin, stdout, faults, answer, &asked);

    zone_book_fini(&asked.zones);
    return code;
}

int command_rotation_eval(struct cli *cli)
{
    (void)cli;
    return run(stdout, rotation_answer, NULL);
}

int command_oncall_eval(struct cli *cli)
{
    (void)cli;
    return run(stdout, oncall_answer, NULL);
}

int command_oncall_ical(struct cli *cli)
{
    return run(stderr, oncall_ical_answer, cli_flag(cli, "user"));
}

/* Now, in whole seconds. */
static void add_now(char ret_text[CLOCK_TEXT_SIZE])
{
    clock_format(clock_now_us() / US_PER_S * US_PER_S, ret_text);
    memcpy(ret_text + sizeof "2026-01-05T12:00:00" - 1, "Z", sizeof "Z");
}

/* The time of --known in microseconds. False after printing why not. */
static bool read_known(const struct cli *cli, int64_t *ret_us)
{
    const char *text = cli_flag(cli, "known");
    _cleanup_(freep) char *full = oncall_time(text ? text : "");

    *ret_us = INT64_MAX;
    if (!text || clock_parse(str_from(full), ret_us) == 0)
        return true;
    cli_fail(EXIT_USAGE,
             T("--known must be a time as 2026-01-05T12:00Z", "--known 应为时间，如 2026-01-05T12:00Z"));
    return false;
}

static int tell(const struct cli *cli, const struct buf *answer)
{
    _cleanup_(json_decrefp) json_t *json = json_loadb(answer->p, answer->n, 0, NULL);
    json_t *person;
    size_t i;

    if (cli->json) {
        output_json(json);
        return EXIT_OK_;
    }
    json_array_foreach(json_object_get(json, "on_call"), i, person) printf("%s\n", json_string_value(person));
    if (i == 0)
        fputs(T("nobody\n", "无人值班\n"), stderr);
    fprintf(stderr, T("until %s\n", "至 %s\n"), output_at(json, "next_change"));
    return EXIT_OK_;
}

int command_oncall_who(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_(json_decrefp) json_t *document = NULL, *asked = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct oncall_asked context = {0};
    struct plan_node root;
    const char *given = cli_flag(cli, "at"), *at;
    _cleanup_(freep) char *full = oncall_time(given ? given : "");
    char now[CLOCK_TEXT_SIZE];
    json_t *schedule;
    int64_t version, known_us;
    int code, rc;

    if (!given)
        add_now(now);
    at = given ? full : now;
    if (!read_known(cli, &known_us))
        return EXIT_USAGE;
    code = sla_plans_latest(&plans, &document, &version);
    if (code)
        return code;
    schedule = json_object_get(json_object_get(document, "schedules"), cli->args[0]);
    if (!schedule) {
        fprintf(stderr,
                T("deskctl: plan %lld has no schedule \"%s\"\n", "deskctl：方案 %lld 中没有值班表“%s”\n"),
                (long long)version, cli->args[0]);
        return EXIT_NOT_FOUND;
    }
    code = oncall_swaps_add(plans.client, cli->args[0], at, known_us, schedule);
    if (code)
        return code;
    asked = json_pack("{s:O, s:s}", "schedule", schedule, "at", at);
    root = plan_root(asked);
    rc = oncall_answer(&context, &root, &answer, &fault);
    zone_book_fini(&context.zones);
    if (rc == 0)
        return tell(cli, &answer);
    fprintf(stderr, "deskctl: %s: %s\n", buf_text(&fault.at), buf_text(&fault.reason));
    return EXIT_USAGE;
}
