/* deskctl sla: service levels. `eval` and `test` compute without a server; `apply` and `calendar apply` put a
 * document into the plan of a server. */
#include "deskctl/calendar_file.h"
#include "deskctl/commands.h"
#include "deskctl/sla_apply.h"
#include "deskctl/sla_eval.h"
#include "deskctl/sla_plans.h"
#include "deskctl/sla_test.h"
#include "deskctl/whole_file.h"
#include <errno.h>

int command_sla_eval(struct cli *cli)
{
    _cleanup_sla_eval_ struct sla_eval eval = {0};

    (void)cli;
    return json_lines_run(stdin, stdout, stdout, sla_eval_answer, &eval);
}

/* ---- plans in files ---- */

enum { PLAN_FILE_MAX = 4 << 20 };

/* NULL after printing why. */
static json_t *read_json_file(const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    json_error_t error;
    json_t *json;

    if (whole_file_read(path, PLAN_FILE_MAX, &text) < 0) {
        cli_fail(EXIT_ERROR, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json = json_loadb(buf_text(&text), text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        cli_fail(EXIT_ERROR, T("%s:%d:%d: no JSON: %s", "%s:%d:%d: 不是 JSON：%s"), path, error.line,
                 error.column, error.text);
    return json;
}

/* Prints why when there is none. */
static struct sla_document *read_plan_file(const char *path)
{
    _cleanup_(json_decrefp) json_t *json = read_json_file(path);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;

    if (json && sla_plan_json_read(json, 0, NULL, &document, &fault) < 0)
        cli_fail(EXIT_ERROR, T("%s: at %s: %s", "%s: 位于 %s：%s"), path,
                 fault.at.n ? buf_text(&fault.at) : "/", buf_text(&fault.reason));
    return document;
}

int command_sla_test(struct cli *cli)
{
    const char *path = cli_flag(cli, "file");
    _cleanup_sla_document_ struct sla_document *document = NULL;

    if (!path)
        return cli_fail(EXIT_USAGE, "%s",
                        T("--file is missing: the plan to test", "缺少 --file：要测试的方案"));
    document = read_plan_file(path);
    return document ? json_lines_run(stdin, stdout, stdout, sla_test_answer, document) : EXIT_ERROR;
}

int command_sla_apply(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_(json_decrefp) json_t *document = NULL, *present = NULL;
    int64_t base = 0;
    int code;

    if (!cli_flag(cli, "file"))
        return cli_fail(EXIT_USAGE, "%s",
                        T("--file is missing: the plan to apply", "缺少 --file：要应用的方案"));
    document = read_json_file(cli_flag(cli, "file"));
    if (!document)
        return EXIT_ERROR;
    code = sla_plans_latest(&plans, &present, &base);
    return code ? code : sla_apply(cli, document, base);
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
    return sla_apply(cli, document, base);
}
