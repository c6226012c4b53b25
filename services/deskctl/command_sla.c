/* deskctl sla: service levels computed without a server. */
#include "base/cleanup.h"
#include "deskctl/commands.h"
#include "deskctl/sla_eval.h"
#include <stdio.h>

/* One answer a question, each written before the next question is read, so that another program can hold a
 * conversation. */
int command_sla_eval(struct cli *cli)
{
    _cleanup_sla_eval_ struct sla_eval eval = {0};
    _cleanup_(freep) char *line = NULL;
    _cleanup_buf_ struct buf answer = BUF_INIT;
    size_t capacity = 0;
    ssize_t n;
    long lines = 0, failed = 0;

    (void)cli;
    while (!ferror(stdout) && (n = getline(&line, &capacity, stdin)) >= 0) {
        buf_reset(&answer);
        lines++;
        failed += !sla_eval_line(&eval, (struct str){line, (size_t)n}, &answer);
        puts(buf_text(&answer));
        fflush(stdout);
    }
    if (ferror(stdin) || ferror(stdout))
        return cli_fail(EXIT_ERROR, "%s", T("cannot read or write any more", "无法继续读写"));
    if (failed)
        return cli_fail(EXIT_ERROR, T("%ld of %ld lines are in error", "%ld 行有误，共 %ld 行"), failed,
                        lines);
    return EXIT_OK_;
}
