/* Rotations and on-call schedules from the command line: no server, no sign-in, JSON lines in; JSON lines or
 * iCalendar out. With iCalendar, faults go to standard error, so that what is written stays a calendar. */
#include "deskctl/commands.h"
#include "deskctl/oncall_answer.h"

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
