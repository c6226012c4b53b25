/* The real table of commands: that it is complete, and what commands say to a desk that has little. */
#include "base/memory.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "fake_desk.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_chinese(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return true;
    return false;
}

static void expect_both(struct text text, const char *command, const char *what)
{
    cr_expect(text.en && text.en[0] && !has_chinese(text.en), "%s %s: English", command, what);
    cr_expect(text.zh && text.zh[0], "%s %s: Chinese", command, what);
    /* "new, open or pending" is a list of values in any language, but not the same text. */
    cr_expect(has_chinese(text.zh) || strcmp(text.zh, text.en) != 0, "%s %s: not translated", command, what);
}

Test(commands, help_is_complete_in_both_languages)
{
    cr_assert_gt(deskctl_ncommands, 20);
    for (size_t i = 0; i < deskctl_ncommands; i++) {
        const struct command *command = &deskctl_commands[i];

        expect_both(command->summary, command->name, "summary");
        cr_expect(command->run && command->arguments && command->min_args <= command->max_args, "%s",
                  command->name);
        cr_expect_eq(command->max_args > 0, command->arguments[0] != 0, "%s names its arguments",
                     command->name);
        for (const struct flag *flag = command->flags; flag && flag->name; flag++)
            expect_both(flag->doc, command->name, flag->name);
    }
}

/* ---- a desk without anything in it ---- */

static void answer_nothing(void *ctx, const char *request, struct buf *ret_response)
{
    int status = *(int *)ctx;

    (void)request;
    if (status == 200)
        fake_json(ret_response, 200, "{\"items\":[],\"next\":null}");
    else
        fake_json(ret_response, status, "{\"title\":\"A problem\"}");
}

/* What a command prints, and its exit code, at a desk that answers everything with this status. */
static int run(const char *const *words, int status, struct buf *ret_out)
{
    struct fake_desk *desk = fake_desk_open(answer_nothing, &status);
    char *argv[16] = {"deskctl", "--lang", "en", "-o", "json", "--url", (char *)fake_desk_url(desk)},
         text[512];
    int argc = 7, code;
    FILE *out;
    size_t n;

    while (*words)
        argv[argc++] = (char *)*words++;
    cr_redirect_stdout();
    cr_redirect_stderr();
    setenv("MERIDIAN_CONFIG", "/nonexistent/deskctl.json", 1);
    setenv("MERIDIAN_TOKEN", "mrd_x", 1);
    code = cli_main(deskctl_commands, deskctl_ncommands, argc, argv);
    fflush(stdout);
    fake_desk_close(desk);
    out = cr_get_redirected_stdout();
    while ((n = fread(text, 1, sizeof text, out)) > 0)
        buf_add(ret_out, text, n);
    return code;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_empty_list(const char *const *words)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    cr_expect_eq(run(words, 200, &out), EXIT_OK_);
    cr_expect_str_eq(buf_text(&out), "[]\n");
}

Test(commands, an_empty_list_of_tickets_is_an_empty_array)
{
    expect_empty_list(WORDS("list"));
}

Test(commands, an_empty_queue_is_an_empty_array)
{
    expect_empty_list(WORDS("queue", "--team", "network"));
}

Test(commands, an_empty_history_is_an_empty_array)
{
    expect_empty_list(WORDS("history", "EU-1", "-n", "5"));
}

Test(commands, no_dead_letters_are_an_empty_array)
{
    expect_empty_list(WORDS("dead-letters", "-n", "5"));
}

static void expect_code(const char *const *words, int status, int code)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    cr_expect_eq(run(words, status, &out), code);
    cr_expect_str_eq(buf_text(&out), "", "data goes to standard output, and there was none");
}

Test(commands, not_found_is_3)
{
    expect_code(WORDS("show", "EU-1"), 404, EXIT_NOT_FOUND);
}

Test(commands, no_rights_is_4)
{
    expect_code(WORDS("audit", "verify"), 403, EXIT_AUTH);
}

Test(commands, a_conflict_is_5)
{
    expect_code(WORDS("claim", "EU-1"), 409, EXIT_CONFLICT);
}

Test(commands, a_desk_that_is_away_is_6)
{
    expect_code(WORDS("status"), 503, EXIT_UNAVAILABLE);
}

Test(commands, refused_data_is_1)
{
    expect_code(WORDS("submit", "x"), 422, EXIT_ERROR);
}

Test(commands, a_replay_whose_sign_in_is_refused_for_now_is_6)
{
    _cleanup_(freep) char *csv = mem_printf("/tmp/meridian-commands-%d.csv", (int)getpid()),
                          *log = mem_printf("/tmp/meridian-commands-%d.ndjson", (int)getpid());
    FILE *file = fopen(csv, "w");

    cr_assert_not_null(file);
    fputs("number,incident_state,impact,urgency,location,caller_id,category,assignment_group,assigned_to\n",
          file);
    fclose(file);
    expect_code(WORDS("replay", "servicenow", csv, "--log", log, "--patience", "1", "--regions",
                      "eu=http://127.0.0.1:1"),
                503, EXIT_UNAVAILABLE);
    unlink(csv);
    unlink(log);
}
