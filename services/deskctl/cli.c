/* Parsing, help, and what every command shares. */
#include "deskctl/cli.h"
#include "base/memory.h"
#include "deskctl/client.h"
#include "deskctl/session.h"
#include "meridian/version.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

bool cli_chinese;

static const struct flag global_flags[] = {
    {"url",
     'u',
     "URL",
     {"API of a region (default: MERIDIAN_URL, the session's, http://127.0.0.1:8401)",
      "区域 API 地址（默认：MERIDIAN_URL、会话中的地址、http://127.0.0.1:8401）"}},
    {"as",
     'a',
     "USER",
     {"use this user's saved session instead of the current one", "使用该用户已保存的会话，而非当前会话"}},
    {"output", 'o', "FORMAT", {"text (default) or json", "text（默认）或 json"}},
    {"ca", 0, "FILE", {"CA certificate for https", "https 使用的 CA 证书"}},
    {"lang", 0, "LANG", {"en or zh (default: from LANG)", "en 或 zh（默认取自 LANG）"}},
    {"help", 'h', NULL, {"show help", "显示帮助"}},
    {0},
};

int cli_fail(int code, const char *format, ...)
{
    va_list args;

    fputs("deskctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

const char *cli_flag(const struct cli *cli, const char *name)
{
    for (int i = cli->nflags - 1; i >= 0; i--) {
        if (strcmp(cli->flags[i].name, name) == 0)
            return cli->flags[i].value;
    }
    return NULL;
}

long cli_flag_number(const struct cli *cli, const char *name, long fallback, long min, long max)
{
    const char *text = cli_flag(cli, name);
    int64_t value;

    if (!text)
        return fallback;
    if (str_to_i64(str_from(text), min, max, &value) < 0) {
        cli_fail(EXIT_USAGE,
                 T("--%s must be a whole number from %ld to %ld, not \"%s\"",
                   "--%s 必须是 %ld 到 %ld 的整数，而不是 \"%s\""),
                 name, min, max, text);
        return -1;
    }
    return (long)value;
}

char *cli_stdin(void)
{
    struct buf text = BUF_INIT;
    char chunk[4096];
    size_t n;

    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        buf_add(&text, chunk, n);
        if (text.n > 1u << 20) {
            buf_fini(&text);
            cli_fail(EXIT_USAGE, "%s", T("standard input is longer than 1 MiB", "标准输入超过 1 MiB"));
            return NULL;
        }
    }
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.p[--text.n] = 0; /* the newline that ends the last line is not part of the text */
    return buf_take(&text);
}

/* The API of the home region on this machine, where deploy/local/up put it. */
static char *default_url(void)
{
    const char *base = getenv("MERIDIAN_PORT_BASE");
    int64_t port = 8400;

    if (base && str_to_i64(str_from(base), 1, 65000, &port) < 0)
        port = 8400;
    return mem_printf("http://127.0.0.1:%d", (int)port + 1);
}

struct client *cli_client(struct cli *cli)
{
    json_t *sessions, *session = NULL;
    const char *url = cli_flag(cli, "url"), *as = cli_flag(cli, "as"), *token = NULL, *lsn = NULL,
               *ca = cli_flag(cli, "ca");
    _cleanup_(freep) char *fallback = default_url();

    if (cli->client)
        return cli->client;
    sessions = session_load();
    if (!as)
        as = json_string_value(json_object_get(sessions, "current"));
    if (as)
        session = json_object_get(json_object_get(sessions, "sessions"), as);
    token = json_string_value(json_object_get(session, "token"));
    lsn = json_string_value(json_object_get(session, "lsn"));
    if (!cli_flag(cli, "as") && getenv("MERIDIAN_TOKEN") && *getenv("MERIDIAN_TOKEN"))
        token = getenv("MERIDIAN_TOKEN");
    if (!url)
        url = getenv("MERIDIAN_URL") && *getenv("MERIDIAN_URL")
                  ? getenv("MERIDIAN_URL")
                  : json_string_value(json_object_get(session, "url"));
    cli->client = client_new(url ? url : fallback, token);
    cli->client->lsn = mem_str(lsn);
    cli->client->ca_file = mem_str(ca ? ca : json_string_value(json_object_get(session, "ca")));
    json_decref(sessions);
    return cli->client;
}

/* Remembers how far this user's writes got, so that the next command reads them in any region. */
static void remember_lsn(struct cli *cli)
{
    json_t *sessions, *session;
    const char *as = cli_flag(cli, "as"), *before;

    if (!cli->client || !cli->client->lsn || !cli->client->token || (getenv("MERIDIAN_TOKEN") && !as))
        return;
    sessions = session_load();
    if (!as)
        as = json_string_value(json_object_get(sessions, "current"));
    session = as ? json_object_get(json_object_get(sessions, "sessions"), as) : NULL;
    before = json_string_value(json_object_get(session, "lsn"));
    if (session && (!before || strcmp(before, cli->client->lsn) != 0)) {
        json_object_set_new(session, "lsn", json_string(cli->client->lsn));
        (void)session_save(sessions);
    }
    json_decref(sessions);
}

/* ---- help ---- */

static void print_flags(FILE *out, const struct flag *flags)
{
    for (; flags && flags->name; flags++) {
        char left[64], letter[8] = "    ";
        if (flags->letter)
            snprintf(letter, sizeof letter, "-%c, ", flags->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, flags->name, flags->value ? " " : "",
                 flags->value ? flags->value : "");
        fprintf(out, "  %-26s %s\n", left, text_pick(flags->doc));
    }
}

static void print_overview(FILE *out, const struct command *commands, size_t n)
{
    fprintf(out, "%s\n\n%s\n",
            T("deskctl: the command line of the Meridian service desk", "deskctl：Meridian 服务台命令行工具"),
            T("Usage: deskctl COMMAND [ARGUMENTS] [FLAGS]", "用法：deskctl 命令 [参数] [选项]"));
    fprintf(out, "\n%s\n", T("Commands:", "命令："));
    for (size_t i = 0; i < n; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].arguments);
        fprintf(out, "  %-34s %s\n", left, text_pick(commands[i].summary));
    }
    fprintf(out, "\n%s\n",
            T("deskctl help COMMAND shows its flags; deskctl --version the version.",
              "deskctl help 命令 显示其选项；deskctl --version 显示版本。"));
    fprintf(out, "\n%s\n", T("Flags of every command:", "通用选项："));
    print_flags(out, global_flags);
    fprintf(
        out, "\n%s\n",
        T("Exit codes: 0 ok, 1 error, 2 usage, 3 not found, 4 sign-in or rights, 5 conflict, 6 unavailable",
          "退出码：0 成功，1 错误，2 用法，3 未找到，4 登录或权限，5 冲突，6 不可用"));
}

static void print_help(FILE *out, const struct command *command)
{
    fprintf(out, "%s\n\n%s deskctl %s%s%s %s\n", text_pick(command->summary), T("Usage:", "用法："),
            command->name, *command->arguments ? " " : "", command->arguments, T("[FLAGS]", "[选项]"));
    if (command->flags) {
        fprintf(out, "\n%s\n", T("Flags:", "选项："));
        print_flags(out, command->flags);
    }
    fprintf(out, "\n%s\n", T("Flags of every command:", "通用选项："));
    print_flags(out, global_flags);
}

/* ---- parsing ---- */

/* The command whose words begin argv; longest match wins ("dead-letters replay" before "dead-letters"). */
static const struct command *find_command(const struct command *commands, size_t n, int argc, char **argv,
                                          int *ret_words)
{
    const struct command *best = NULL;

    *ret_words = 0;
    for (size_t i = 0; i < n; i++) {
        struct str rest = str_from(commands[i].name), word;
        int words = 0;
        bool more = true;
        while (more && words < argc) {
            more = str_cut(rest, ' ', &word, &rest);
            if (!str_eq(word, str_from(argv[words])))
                break;
            words++;
            if (!more && words > *ret_words) {
                best = &commands[i];
                *ret_words = words;
            }
        }
    }
    return best;
}

static int unknown_command(const struct command *commands, size_t n, const char *name)
{
    const char *nearest = NULL;
    size_t length = strlen(name);
    int least =
        length < 6 ? (int)length / 2 + 1 : 4; /* what shares half of its letters by chance is no help */
    _cleanup_buf_ struct buf group = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        int distance = str_distance(name, commands[i].name);
        if (distance < least) {
            least = distance;
            nearest = commands[i].name;
        }
    }
    for (size_t i = 0; i < n; i++) { /* "audit" alone: its second words */
        struct str first, rest;
        if (str_cut(str_from(commands[i].name), ' ', &first, &rest) && str_eq(first, str_from(name))) {
            buf_add_text(&group, group.n ? ", " : "");
            buf_add_str(&group, rest);
        }
    }
    if (group.n)
        return cli_fail(EXIT_USAGE, T("%s needs one of: %s", "%s 需要以下之一：%s"), name, buf_text(&group));
    if (nearest)
        return cli_fail(EXIT_USAGE,
                        T("no command \"%s\"; did you mean \"%s\"?", "没有命令 \"%s\"；是否想用 \"%s\"？"),
                        name, nearest);
    return cli_fail(EXIT_USAGE,
                    T("no command \"%s\"; see deskctl help", "没有命令 \"%s\"；请看 deskctl help"), name);
}

static const struct flag *find_flag(const struct flag *flags, struct str name, char letter)
{
    for (; flags && flags->name; flags++) {
        if (letter ? flags->letter == letter : str_eq(str_from(flags->name), name))
            return flags;
    }
    return NULL;
}

static int parse(struct cli *cli, int argc, char **argv)
{
    bool only_args = false;

    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i], *value = NULL;
        const struct flag *flag;
        struct str name = {0}, given;
        char letter = 0;

        if (only_args || arg[0] != '-' || !arg[1]) {
            if (!cli->command->max_args)
                return cli_fail(EXIT_USAGE,
                                T("%s takes only flags, not \"%s\"; see deskctl help %s",
                                  "%s 只接受选项，不接受 \"%s\"；参见 deskctl help %s"),
                                cli->command->name, arg, cli->command->name);
            if (cli->nargs == CLI_MAX_ARGS || cli->nargs >= cli->command->max_args)
                return cli_fail(EXIT_USAGE,
                                T("too many arguments: \"%s\" (quote texts with spaces)",
                                  "参数过多：\"%s\"（含空格的文本请加引号）"),
                                arg);
            cli->args[cli->nargs++] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_args = true;
            continue;
        }
        if (arg[1] == '-') {
            if (str_cut(str_from(arg + 2), '=', &name, &given))
                value = given.p;
        } else {
            letter = arg[1];
            if (arg[2])
                value = arg + 2;
        }
        flag = find_flag(cli->command->flags, name, letter);
        if (!flag)
            flag = find_flag(global_flags, name, letter);
        if (!flag)
            return cli_fail(
                EXIT_USAGE,
                T("%s: no flag \"%s\"; see deskctl help %s", "%s：没有选项 \"%s\"；请看 deskctl help %s"),
                cli->command->name, arg, cli->command->name);
        if (flag->value && !value) {
            if (++i == argc)
                return cli_fail(EXIT_USAGE, T("--%s needs a value", "--%s 需要一个值"), flag->name);
            value = argv[i];
        }
        if (!flag->value && value)
            return cli_fail(EXIT_USAGE, T("--%s takes no value", "--%s 不接受值"), flag->name);
        if (cli->nflags == CLI_MAX_FLAGS)
            return cli_fail(EXIT_USAGE, "%s", T("too many flags", "选项过多"));
        cli->flags[cli->nflags].name = flag->name;
        cli->flags[cli->nflags++].value = value ? value : "";
    }
    return 0;
}

static void choose_language(int argc, char **argv)
{
    const char *lang = getenv("MERIDIAN_LANG");

    for (const char *const *name = (const char *const[]){"LC_ALL", "LC_MESSAGES", "LANG", NULL};
         !lang && *name; name++) {
        const char *value = getenv(*name);
        if (value && *value)
            lang = value;
    }
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0)
            lang = argv[i] + 7;
        else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
            lang = argv[i + 1];
    }
    cli_chinese = lang && strncasecmp(lang, "zh", 2) == 0;
}

/* Without a session nearly every command would only be told so by a server, perhaps by the wrong one. */
static int check_session(struct cli *cli)
{
    const char *as = cli_flag(cli, "as");

    if (!cli->command->signed_in || cli_client(cli)->token)
        return EXIT_OK_;
    if (as)
        return cli_fail(EXIT_AUTH,
                        T("no saved session of %s; sign in with: deskctl login %s",
                          "没有 %s 的已保存会话；请登录：deskctl login %s"),
                        as, as);
    return cli_fail(
        EXIT_AUTH, "%s",
        T("not signed in; sign in with: deskctl login USER", "尚未登录；请登录：deskctl login 用户名"));
}

/* How many words of argv before the command are flags of every command. */
static int count_leading_flags(int argc, char **argv)
{
    int i = 0;

    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        bool is_long = argv[i][1] == '-';
        struct str name = {0}, given;
        bool inline_value = is_long ? str_cut(str_from(argv[i] + 2), '=', &name, &given) : argv[i][2] != 0;
        const struct flag *flag = find_flag(global_flags, name, is_long ? 0 : argv[i][1]);
        if (!flag)
            break;
        i += flag->value && !inline_value ? 2 : 1;
    }
    return i < argc ? i : argc;
}

int cli_main(const struct command *commands, size_t n, int argc, char **argv)
{
    struct cli cli = {0};
    const char *output;
    int words, code, leading = count_leading_flags(argc - 1, argv + 1);
    char **before = argv + 1;
    bool asked = false;

    choose_language(argc, argv);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_overview(argc < 2 ? stderr : stdout, commands, n);
        return argc < 2 ? EXIT_USAGE : EXIT_OK_;
    }
    argc -= leading;
    argv += leading;
    for (int i = 0; argc < 2 && i < leading; i++)
        asked = asked || strcmp(before[i], "-h") == 0 || strcmp(before[i], "--help") == 0;
    if (argc >= 2 && strcmp(argv[1], "help") == 0)
        asked = argc == 2 || argv[2][0] == '-';
    if (argc < 2 || asked) {
        print_overview(asked ? stdout : stderr, commands, n);
        return asked ? EXIT_OK_ : EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("deskctl " MERIDIAN_VERSION);
        return EXIT_OK_;
    }
    if (strcmp(argv[1], "help") == 0) {
        cli.command = find_command(commands, n, argc - 2, argv + 2, &words);
        if (!cli.command)
            return unknown_command(commands, n, argv[2]);
        print_help(stdout, cli.command);
        return EXIT_OK_;
    }
    cli.command = find_command(commands, n, argc - 1, argv + 1, &words);
    if (!cli.command)
        return unknown_command(commands, n, argv[1]);
    code = parse(&cli, leading, before);
    if (!code)
        code = parse(&cli, argc - 1 - words, argv + 1 + words);
    if (code)
        return code;
    if (cli_flag(&cli, "help")) {
        print_help(stdout, cli.command);
        return EXIT_OK_;
    }
    if (cli.nargs < cli.command->min_args)
        return cli_fail(EXIT_USAGE, T("%s needs: %s", "%s 需要参数：%s"), cli.command->name,
                        cli.command->arguments);
    output = cli_flag(&cli, "output");
    if (output && strcmp(output, "json") != 0 && strcmp(output, "text") != 0)
        return cli_fail(EXIT_USAGE,
                        T("-o takes text or json, not \"%s\"", "-o 只接受 text 或 json，而不是 \"%s\""),
                        output);
    cli.json = output && strcmp(output, "json") == 0;
    code = check_session(&cli);
    if (!code)
        code = cli.command->run(&cli);
    remember_lsn(&cli);
    client_free(cli.client);
    return code;
}

/* ---- man page and completion, from the same table ---- */

/* Text for mdoc(7): a leading dot or apostrophe and backslashes are escaped. */
static void man_text(struct buf *out, const char *text)
{
    size_t column = 0;

    if (*text == '.' || *text == '\'')
        buf_add_text(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == ' ' && column > 60 && text[1] != '.' && text[1] != '\'')
            buf_add_char(out, '\n');
        else
            buf_add_char(out, *text);
        column = *text == ' ' && column > 60 ? 0 : column + 1;
    }
    buf_add_char(out, '\n');
}

static void man_flags(struct buf *out, const struct flag *flags)
{
    buf_add_text(out, ".Bl -tag -width Ds\n");
    for (; flags->name; flags++) {
        buf_add_text(out, ".It ");
        if (flags->letter)
            buf_printf(out, "Fl %c , ", flags->letter);
        buf_printf(out, "Fl -%s", flags->name);
        if (flags->value)
            buf_printf(out, " Ar %s", flags->value);
        buf_add_char(out, '\n');
        man_text(out, flags->doc.en);
    }
    buf_add_text(out, ".El\n");
}

void cli_man(const struct command *commands, size_t n, struct buf *out)
{
    buf_add_text(
        out,
        ".Dd November 23, 2026\n.Dt DESKCTL 1\n.Os\n.Sh NAME\n.Nm deskctl\n.Nd command line of the "
        "Meridian service desk\n"
        ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar argument ...\n.Op Ar flag ...\n.Sh DESCRIPTION\n"
        ".Nm\nsubmits, lists, claims and resolves tickets through the API of any\nregion, shows the state of "
        "the cluster, and replays incident logs.\n"
        "Data goes to standard output, everything else to standard error.\n.Pp\nFlags of every command:\n");
    man_flags(out, global_flags);
    buf_add_text(out, ".Sh COMMANDS\n.Bl -tag -width Ds\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, ".It Nm deskctl Cm %s%s%s\n", commands[i].name,
                   commands[i].arguments[0] ? " Ar " : "", commands[i].arguments);
        man_text(out, commands[i].summary.en);
        if (commands[i].flags)
            man_flags(out, commands[i].flags);
    }
    buf_add_text(out, ".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev MERIDIAN_URL\nAPI used when "
                      "no URL is given.\n.It Ev MERIDIAN_TOKEN\n"
                      "API token or session token used instead of the session file.\n.It Ev "
                      "MERIDIAN_CONFIG\nSession file.\n.It Ev MERIDIAN_LANG\nen or zh.\n.El\n"
                      ".Sh FILES\n.Bl -tag -width Ds\n.It Pa ~/.config/meridian/deskctl.json\nSaved "
                      "sessions, mode 0600.\n.El\n"
                      ".Sh EXIT STATUS\n0 ok, 1 error, 2 usage, 3 not found, 4 sign-in or rights,\n5 "
                      "conflict, 6 unavailable.\n"
                      ".Sh EXAMPLES\n.Bd -literal -offset indent\ndeskctl login requester-eu-1\ndeskctl "
                      "submit \"VPN is down\" --impact high --urgency high\n"
                      "deskctl login agent-us-2 --url http://127.0.0.1:8403\ndeskctl next\n.Ed\n");
}

int cli_completion(const struct command *commands, size_t n, const char *shell, struct buf *out)
{
    _cleanup_buf_ struct buf words = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        struct str first, rest;
        if (str_cut(str_from(commands[i].name), ' ', &first, &rest) && i &&
            strncmp(commands[i - 1].name, commands[i].name, first.n) == 0)
            continue;
        if (words.n)
            buf_add_char(&words, ' ');
        buf_add_str(&words, first);
    }
    if (strcmp(shell, "bash") == 0) {
        buf_printf(out,
                   "_deskctl() {\n    [ \"$COMP_CWORD\" = 1 ] && COMPREPLY=($(compgen -W '%s' -- "
                   "\"${COMP_WORDS[1]}\"))\n}\ncomplete -F _deskctl deskctl\n",
                   buf_text(&words));
    } else if (strcmp(shell, "zsh") == 0) {
        buf_printf(out, "#compdef deskctl\n_arguments '1:command:(%s)' '*::argument:_default'\n",
                   buf_text(&words));
    } else if (strcmp(shell, "fish") == 0) {
        for (size_t i = 0; i < n; i++) {
            struct str first, rest;
            str_cut(str_from(commands[i].name), ' ', &first, &rest);
            buf_printf(out, "complete -c deskctl -n __fish_use_subcommand -a '%.*s' -d \"%s\"\n",
                       (int)first.n, first.p, commands[i].summary.en);
        }
    } else {
        return cli_fail(
            EXIT_USAGE,
            T("completion for bash, zsh or fish, not \"%s\"", "仅支持 bash、zsh、fish 的补全，而不是 \"%s\""),
            shell);
    }
    return EXIT_OK_;
}
