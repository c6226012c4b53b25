/* deskctl sla: service levels. `eval` and `test` compute without a server; `apply` and `calendar apply` put a
 * document into the plan of a server. */
#include "deskctl/calendar_file.h"
#include "deskctl/commands.h"
#include "deskctl/document_file.h"
#include "deskctl/output.h"
#include "deskctl/sla_apply.h"
#include "deskctl/sla_compare.h"
#include "deskctl/sla_eval.h"
#include "deskctl/sla_plans.h"
#include "deskctl/sla_test.h"
#include "holiday/calendar_document.h"
#include "holiday/feed_merge.h"
#include <limits.h>
#include <stdio.h>

int command_sla_eval(struct cli *cli)
{
    _cleanup_sla_eval_ struct sla_eval eval = {0};

    (void)cli;
    return json_lines_run(stdin, stdout, stdout, sla_eval_answer, &eval);
}

/* ---- plans in files ---- */

/* NULL after printing why. */
static struct sla_document *read_plan(const struct document_file *file)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    if (sla_plan_json_read(file->document.json, 0, NULL, &document, &fault) < 0)
        document_file_fault(file, &fault);
    return document;
}

int command_sla_test(struct cli *cli)
{
    const char *path = cli_flag(cli, "file");
    _cleanup_sla_document_ struct sla_document *document = NULL;
    _cleanup_document_file_ struct document_file file = {0};

    if (!path)
        return cli_fail(EXIT_USAGE, "%s",
                        T("--file is missing: the plan to test", "缺少 --file：要测试的方案"));
    document = document_file_open(&file, path) == EXIT_OK_ ? read_plan(&file) : NULL;
    return document ? json_lines_run(stdin, stdout, stdout, sla_test_answer, document) : EXIT_ERROR;
}

int command_sla_apply(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_sla_document_ struct sla_document *candidate = NULL;
    _cleanup_document_file_ struct document_file file = {0};
    _cleanup_(json_decrefp) json_t *present = NULL;
    int64_t base = 0;
    int code;

    if (!cli_flag(cli, "file"))
        return cli_fail(EXIT_USAGE, "%s",
                        T("--file is missing: the plan to apply", "缺少 --file：要应用的方案"));
    candidate = document_file_open(&file, cli_flag(cli, "file")) == EXIT_OK_ ? read_plan(&file) : NULL;
    if (!candidate)
        return EXIT_ERROR;
    code = sla_plans_latest(&plans, &present, &base);
    if (code)
        return code;
    feed_keep(file.document.json, present);
    return sla_apply(cli, file.document.json, base, NULL);
}

int command_calendar_export(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_(json_decrefp) json_t *document = NULL;
    _cleanup_buf_ struct buf text = BUF_INIT;
    const json_t *calendar;
    int64_t version;
    int code = sla_plans_latest(&plans, &document, &version);

    if (code)
        return code;
    calendar = json_object_get(json_object_get(document, "calendars"), cli->args[0]);
    if (!calendar)
        return cli_fail(EXIT_NOT_FOUND, T("plan %lld has no calendar \"%s\"", "方案 %lld 中没有日历 \"%s\""),
                        (long long)version, cli->args[0]);
    calendar_document_text(calendar, &text);
    fputs(buf_text(&text), stdout);
    return EXIT_OK_;
}

int command_calendar_apply(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_calendar_file_ struct calendar_file file = {0};
    _cleanup_(json_decrefp) json_t *present = NULL, *document = NULL;
    json_t *calendars;
    int64_t base = 0;
    int code = calendar_file_open(&file, cli->args[1]);

    if (!code)
        code = sla_plans_latest(&plans, &present, &base);
    if (code)
        return code;
    document = json_deep_copy(present);
    calendars = json_object_get(document, "calendars");
    if (!calendars) {
        calendars = json_object();
        json_object_set_new(document, "calendars", calendars);
    }
    json_object_set(calendars, cli->args[0], file.document);
    feed_keep(document, present);
    return sla_apply(cli, document, base, NULL);
}

/* ---- an incident log beside a plan ---- */

/* What a desk without a plan of its own promises; the same as the product's first plan. */
static const char usual_plan[] =
    "{\"policies\":[{\"name\":\"P1\",\"when\":{\"priority\":1},\"targets\":{\"resolve\":{\"amount\":\"4h\"}}}"
    ","
    "{\"name\":\"P2\",\"when\":{\"priority\":2},\"targets\":{\"resolve\":{\"amount\":\"8h\"}}},"
    "{\"name\":\"P3\",\"when\":{\"priority\":3},\"targets\":{\"resolve\":{\"amount\":\"72h\"}}},"
    "{\"name\":\"P4\",\"targets\":{\"resolve\":{\"amount\":\"168h\"}}}]}";

/* The same promises, in calendars that are always open. */
static struct sla_document *around_the_clock(const json_t *document)
{
    _cleanup_(json_decrefp) json_t *copy = json_deep_copy(document);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *read = NULL;
    const char *name;
    json_t *calendar;

    json_object_foreach(json_object_get(copy, "calendars"), name, calendar)
    {
        json_object_clear(calendar);
        json_object_set_new(calendar, "always", json_true());
    }
    if (sla_plan_json_read(copy, 0, NULL, &read, &fault) < 0)
        cli_fail(EXIT_ERROR, "%s", buf_text(&fault.reason));
    return read;
}

static void add_explained(json_t *result, const char *name, const long *counts)
{
    json_t *explained = json_object();

    for (int i = 1; i < SLA_EXPLANATION_COUNT; i++)
        if (counts[i])
            json_object_set_new(explained, sla_explanation_name((enum sla_explanation)i),
                                json_integer(counts[i]));
    json_object_set_new(result, name, explained);
}

static void print_explained(const char *what, const long *counts)
{
    for (int i = 1; i < SLA_EXPLANATION_COUNT; i++)
        if (counts[i])
            printf("%10ld  %s, %s: %s\n", counts[i], what, T("they agree if", "若作此假设则一致"),
                   sla_explanation_name((enum sla_explanation)i));
}

static void show_comparison(const struct cli *cli, const struct sla_comparison *c)
{
    _cleanup_(json_decrefp) json_t *result = NULL;

    if (!cli->json) {
        printf(T("%10ld  incidents, %ld of them without an ended clock\n",
                 "%10ld  个事件，其中 %ld 个没有已结束的时钟\n"),
               c->incidents, c->unclocked);
        printf(T("%10ld  kept by the plan\n%10ld  breached\n", "%10ld  按方案达标\n%10ld  违约\n"), c->kept,
               c->breached);
        printf(T("%10ld  kept and %ld breached, as the log's made_sla says\n",
                 "%10ld  个达标与 %ld 个违约与日志的 made_sla 一致\n"),
               c->agree_kept, c->agree_breached);
        print_explained(T("breached in the log only", "仅日志违约"), c->only_log_breached);
        print_explained(T("breached by the plan only", "仅方案违约"), c->only_plan_breached);
        return;
    }
    result =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "incidents", (json_int_t)c->incidents, "unclocked",
                  (json_int_t)c->unclocked, "kept", (json_int_t)c->kept, "breached", (json_int_t)c->breached,
                  "agree_kept", (json_int_t)c->agree_kept, "agree_breached", (json_int_t)c->agree_breached);
    add_explained(result, "only_log_breached", c->only_log_breached);
    add_explained(result, "only_plan_breached", c->only_plan_breached);
    output_json(result);
}

int command_sla_compare(struct cli *cli)
{
    const char *path = cli_flag(cli, "file"), *name = cli_flag(cli, "zone");
    _cleanup_document_file_ struct document_file file = {0};
    _cleanup_zone_ struct zone *zone = zone_open(name ? name : "UTC");
    _cleanup_sla_document_ struct sla_document *plan = NULL, *around = NULL;
    struct sla_comparison comparison = {0};
    long limit = cli_flag_number(cli, "cases", 0, 1, INT_MAX);
    int code;

    if (!zone)
        return cli_fail(EXIT_USAGE, T("--zone: no such time zone: %s", "--zone：没有该时区：%s"), name);
    if (limit < 0)
        return EXIT_USAGE;
    code = path ? document_file_open(&file, path) : EXIT_OK_;
    if (!path)
        file.document.json = json_loads(usual_plan, 0, NULL);
    plan = code == EXIT_OK_ ? read_plan(&file) : NULL;
    around = plan ? around_the_clock(file.document.json) : NULL;
    if (!around)
        return EXIT_ERROR;
    code = sla_compare(cli->args[0], (int)limit, zone, &plan->plan, &around->plan, &comparison);
    if (!code)
        show_comparison(cli, &comparison);
    return code;
}
