/* deskctl sla: service levels. `eval` and `test` compute without a server. */
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include "deskctl/sla_eval.h"
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

/* Prints why when there is none. */
static struct sla_document *read_plan_file(const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_(json_decrefp) json_t *json = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    struct sla_document *document = NULL;
    json_error_t error;

    if (whole_file_read(path, PLAN_FILE_MAX, &text) < 0) {
        cli_fail(EXIT_ERROR, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json = json_loadb(buf_text(&text), text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        cli_fail(EXIT_ERROR, T("%s:%d:%d: no JSON: %s", "%s:%d:%d: 不是 JSON：%s"), path, error.line,
                 error.column, error.text);
        return NULL;
    }
    if (sla_plan_json_read(json, 0, NULL, &document, &fault) < 0)
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
