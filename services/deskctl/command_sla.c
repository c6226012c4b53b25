/* deskctl sla: service levels computed without a server. */
#include "deskctl/commands.h"
#include "deskctl/sla_eval.h"

int command_sla_eval(struct cli *cli)
{
    _cleanup_sla_eval_ struct sla_eval eval = {0};

    (void)cli;
    return json_lines_run(stdin, stdout, stdout, sla_eval_answer, &eval);
}
