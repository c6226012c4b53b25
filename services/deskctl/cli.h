/* The command line: one table of commands from which parsing, help, shell completion and the man page are
 * made.
 *
 * Data goes to standard output, everything else to standard error. Exit codes: 0 ok, 1 error, 2 usage, 3 not
 * found, 4 sign-in or rights, 5 conflict, 6 unavailable. */
#pragma once
#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>

enum exit_code {
    EXIT_OK_ = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_AUTH = 4,
    EXIT_CONFLICT = 5,
    EXIT_UNAVAILABLE = 6
};

/** A text in English and Chinese; `T` picks by --lang, MERIDIAN_LANG or LANG. */
struct text {
    const char *en, *zh;
};
extern bool cli_chinese;
#define T(en_, zh_) (cli_chinese ? (zh_) : (en_))
static inline const char *text_pick(struct text text)
{
    return T(text.en, text.zh);
}

struct flag {
    const char *name;  /* long name; NULL ends the list */
    char letter;       /* 0: none */
    const char *value; /* name of its value in help; NULL: a switch */
    struct text doc;
};

enum { CLI_MAX_ARGS = 64, CLI_MAX_FLAGS = 64 };

struct client;
struct cli {
    const struct command *command;
    int nargs;
    const char *args[CLI_MAX_ARGS];
    int nflags;
    struct {
        const char *name, *value;
    } flags[CLI_MAX_FLAGS];
    bool json;             /* -o json */
    struct client *client; /* made on first use by cli_client */
};

struct command {
    const char *name;      /* "dead-letters replay": words */
    const char *arguments; /* "NUMBER [TEXT]" */
    int min_args, max_args;
    struct text summary;
    const struct flag *flags; /* own flags; may be NULL */
    int (*run)(struct cli *cli);
    bool signed_in; /* it needs a session: refused before it runs when there is none */
};

/** Runs one command line. Returns an exit code. */
int cli_main(const struct command *commands, size_t n, int argc, char **argv);

/** Value of a flag, "" for a switch that was given, NULL when absent. */
const char *cli_flag(const struct cli *cli, const char *name);
/** A whole-number flag within a range, or the default. Prints and returns -1 on a fault; flags are never
 * negative. */
long cli_flag_number(const struct cli *cli, const char *name, long fallback, long min, long max);
/** The API client with the session in force (--as, --url, MERIDIAN_URL, MERIDIAN_TOKEN, session file). Never
 * NULL. */
struct client *cli_client(struct cli *cli);
/** "deskctl: ..." on standard error; returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Text of standard input (at most 1 MiB), for bodies given as "-". Freed by the caller; NULL after printing
 * a failure. */
char *cli_stdin(void);

void cli_man(const struct command *commands, size_t n, struct buf *out);
int cli_completion(const struct command *commands, size_t n, const char *shell, struct buf *out);
