/* Parsing, help and exit codes; what needs no server. */
#include "deskctl/cli.h"
#include "deskctl/client.h"
#include "deskctl/output.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>

static struct cli seen;

static int take(struct cli *cli)
{
    seen = *cli;
    return 0;
}

static const struct flag flags[] = {
    {"limit", 'n', "N", {"rows", "行"}}, {"mine", 'm', NULL, {"mine", "我的"}}, {0}};
static const struct command commands[] = {
    {"show", "NUMBER", 1, 1, {"show", "显示"}, flags, take, false},
    {"dead-letters", "", 0, 0, {"list", "列出"}, flags, take, false},
    {"dead-letters replay", "[ID]", 0, 1, {"again", "重发"}, NULL, take, false},
    {"audit verify", "", 0, 0, {"verify", "校验"}, NULL, take, false},
    {"me", "", 0, 0, {"me", "我"}, NULL, take, true},
};

static int run(char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    seen = (struct cli){0};
    return cli_main(commands, sizeof commands / sizeof commands[0], argc, argv);
}
#define RUN(...) run((char *[]){"deskctl", __VA_ARGS__, NULL})

static void english(void)
{
    setenv("LC_ALL", "C", 1);
    unsetenv("MERIDIAN_LANG");
    cr_redirect_stderr();
    cr_redirect_stdout();
}

TestSuite(cli, .init = english);

Test(cli, flags_in_any_place_and_form)
{
    cr_assert_eq(RUN("show", "-n", "5", "EU-1", "--mine"), 0);
    cr_assert_str_eq(seen.args[0], "EU-1");
    cr_assert_str_eq(cli_flag(&seen, "limit"), "5");
    cr_assert_str_eq(cli_flag(&seen, "mine"), "");
    cr_assert_null(cli_flag(&seen, "output"));
    cr_assert_eq(RUN("show", "--limit=7", "-ojson", "--", "-dash"), 0);
    cr_assert_str_eq(seen.args[0], "-dash");
    cr_assert(seen.json);
    cr_assert_eq(cli_flag_number(&seen, "limit", 1, 1, 10), 7);
}

Test(cli, the_longest_command_wins)
{
    cr_assert_eq(RUN("dead-letters"), 0);
    cr_assert_str_eq(seen.command->name, "dead-letters");
    cr_assert_eq(RUN("dead-letters", "replay", "x"), 0);
    cr_assert_str_eq(seen.command->name, "dead-letters replay");
    cr_assert_str_eq(seen.args[0], "x");
}

Test(cli, flags_of_every_command_may_come_first)
{
    cr_assert_eq(RUN("-o", "json", "--lang=en", "show", "EU-1"), 0);
    cr_assert(seen.json);
    cr_assert_str_eq(seen.args[0], "EU-1");
    cr_assert_eq(RUN("--lang", "zh", "--help"), 0);
    cr_assert_eq(RUN("--lang", "zh"), EXIT_USAGE);
    cr_assert_eq(RUN("--lang"), EXIT_USAGE);
    cr_assert_eq(RUN("help", "--lang", "zh"), 0);
}

Test(cli, without_a_session_nothing_is_asked)
{
    setenv("MERIDIAN_CONFIG", "/nonexistent/deskctl.json", 1);
    unsetenv("MERIDIAN_TOKEN");
    cr_assert_eq(RUN("me"), EXIT_AUTH);
    cr_assert_eq(RUN("me", "--as", "somebody"), EXIT_AUTH);
    cr_assert_null(seen.command);
    setenv("MERIDIAN_TOKEN", "mrd_x", 1);
    cr_assert_eq(RUN("me"), 0);
    fflush(stderr);
    cr_assert_stderr_eq_str("deskctl: not signed in; sign in with: deskctl login USER\n"
                            "deskctl: no saved session of somebody; sign in with: deskctl login somebody\n");
}

Test(cli, names_that_are_near_or_begin_a_group)
{
    cr_assert_eq(RUN("audit"), EXIT_USAGE);
    cr_assert_eq(RUN("audit", "everything"), EXIT_USAGE);
    cr_assert_eq(RUN("xyzzy"), EXIT_USAGE);
    cr_assert_eq(RUN("ab"), EXIT_USAGE);
    fflush(stderr);
    cr_assert_stderr_eq_str("deskctl: audit needs one of: verify\n"
                            "deskctl: audit needs one of: verify\n"
                            "deskctl: no command \"xyzzy\"; see deskctl help\n"
                            "deskctl: no command \"ab\"; see deskctl help\n");
}

Test(cli, wrong_usage_says_so)
{
    cr_assert_eq(RUN("shwo"), EXIT_USAGE);
    cr_assert_eq(RUN("show"), EXIT_USAGE);
    cr_assert_eq(RUN("show", "a", "b"), EXIT_USAGE);
    cr_assert_eq(RUN("me", "desk.yaml"), EXIT_USAGE);
    cr_assert_eq(RUN("show", "a", "--nope"), EXIT_USAGE);
    cr_assert_eq(RUN("show", "a", "--limit"), EXIT_USAGE);
    cr_assert_eq(RUN("show", "a", "--mine=1"), EXIT_USAGE);
    cr_assert_eq(RUN("show", "a", "-o", "xml"), EXIT_USAGE);
    cr_assert_eq(RUN("help", "nothing-like-it"), EXIT_USAGE);
    fflush(stderr);
    cr_assert_stderr_eq_str("deskctl: no command \"shwo\"; did you mean \"show\"?\n"
                            "deskctl: show needs: NUMBER\n"
                            "deskctl: too many arguments: \"b\" (quote texts with spaces)\n"
                            "deskctl: me takes only flags, not \"desk.yaml\"; see deskctl help me\n"
                            "deskctl: show: no flag \"--nope\"; see deskctl help show\n"
                            "deskctl: --limit needs a value\n"
                            "deskctl: --mine takes no value\n"
                            "deskctl: -o takes text or json, not \"xml\"\n"
                            "deskctl: no command \"nothing-like-it\"; see deskctl help\n");
}

Test(cli, numbers_are_checked)
{
    cr_assert_eq(RUN("show", "a", "-n", "eleven"), 0);
    cr_assert_eq(cli_flag_number(&seen, "limit", 1, 1, 10), -1);
    cr_assert_eq(RUN("show", "a", "-n", "11"), 0);
    cr_assert_eq(cli_flag_number(&seen, "limit", 1, 1, 10), -1);
    cr_assert_eq(cli_flag_number(&seen, "absent", 3, 1, 10), 3);
}

Test(cli, language_by_flag_and_environment)
{
    RUN("help");
    cr_assert_not(cli_chinese);
    RUN("help", "--lang", "zh");
    setenv("LC_ALL", "zh_CN.UTF-8", 1);
    RUN("help");
    cr_assert(cli_chinese);
    setenv("MERIDIAN_LANG", "en", 1);
    RUN("help");
    cr_assert_not(cli_chinese);
}

Test(cli, exit_codes_follow_the_status)
{
    static const struct {
        long status;
        int code;
    } cases[] = {{400, EXIT_ERROR},       {401, EXIT_AUTH},     {403, EXIT_AUTH},  {404, EXIT_NOT_FOUND},
                 {409, EXIT_CONFLICT},    {412, EXIT_CONFLICT}, {422, EXIT_ERROR}, {429, EXIT_UNAVAILABLE},
                 {503, EXIT_UNAVAILABLE}, {0, EXIT_UNAVAILABLE}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct response response = {.status = cases[i].status, .json = json_pack("{s:s}", "title", "T")};
        cr_assert_eq(client_explain(&response, "http://x"), cases[i].code, "%ld", cases[i].status);
        response_fini(&response);
    }
}

Test(cli, tables_count_chinese_as_two_columns)
{
    json_t *items =
        json_loads("[{\"a\":\"打印机\",\"b\":{\"c\":1}},{\"a\":\"x\\u001b[2J\",\"b\":{\"c\":22}}]", 0, NULL);
    const struct column columns[] = {{"A", "a", 0, NULL}, {"C", "b.c", 0, NULL}};

    output_table(items, columns, 2, "none");
    fflush(stdout);
    cr_assert_stdout_eq_str("A       C\n打印机  1\nx [2J   22\n");
    json_decref(items);
}

Test(cli, cells_are_cut_with_an_ellipsis)
{
    json_t *items = json_loads("[{\"a\":\"打印机坏了\"},{\"a\":\"abcdef\"},{\"a\":\"abcde\"}]", 0, NULL);
    const struct column columns[] = {{"A", "a", 5, NULL}};

    output_table(items, columns, 1, "none");
    fflush(stdout);
    cr_assert_stdout_eq_str("A\n打印…\nabcd…\nabcde\n");
    json_decref(items);
}
