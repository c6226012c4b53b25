/* deskctl: a table of commands (commands.c) and what runs it (cli.c). */
#include "deskctl/commands.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    int code = cli_main(deskctl_commands, deskctl_ncommands, argc, argv);

    if (fflush(stdout) != 0 && code == EXIT_OK_)
        code = EXIT_ERROR;
    return code;
}
