/* The stream of JSON lines under every eval command. */
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/oncall_answer.h"
#include "lines.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>

static int echo(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    const struct plan_node say = plan_member(document, "say");
    const char *text;
    int rc = plan_text(&say, 10, &text, fault);

    ++*(int *)ctx;
    if (rc == 0)
        buf_add_text(out, text);
    return rc;
}

Test(json_lines, faults_apart_have_a_line_number)
{
    _cleanup_buf_ struct buf out = BUF_INIT, faults = BUF_INIT;
    int calls = 0;

    cr_expect_eq(lines_run(echo, &calls, "{\"say\": \"a\"}\n{\"say\": 1}\r\n{\"say\": \"b\"}", &out, &faults),
                 EXIT_ERROR);
    cr_expect_str_eq(buf_text(&out), "a\nb\n");
    cr_expect_str_eq(buf_text(&faults),
                     "{\"error\": \"must be a text, not a number\", \"at\": \"/say\", \"line\": 2}\n");
    cr_expect_eq(calls, 3);
}

Test(json_lines, a_line_too_long_is_dropped_whole)
{
    _cleanup_buf_ struct buf input = BUF_INIT, out = BUF_INIT;
    int calls = 0;

    buf_add_text(&input, "{\"say\": \"a\"");
    for (int i = 0; i < JSON_LINE_MAX / 8; i++)
        buf_add_text(&input, "        ");
    buf_add_text(&input, "}\n{\"say\": \"b\"}\n");
    cr_expect_eq(lines_run(echo, &calls, buf_text(&input), &out, NULL), EXIT_ERROR);
    cr_expect_str_eq(buf_text(&out),
                     "{\"error\": \"the line is longer than 4194304 bytes\", \"at\": \"\"}\nb\n");
    cr_expect_eq(calls, 1);
}

/* Any value, back as it came, in front; also of a document that is wrong, but not of a line that is none. */
Test(json_lines, an_id_comes_back)
{
    static const char *const ids[] = {
        "7", "-1.5", "\"a \\\" \u7f51\"", "null", "true", "[1, {\"b\": []}]", "{\"z\": 1, \"a\": {}}", "\"\"",
    };
#define ROTATION                                                                                             \
    "\"zone\": \"UTC\", \"type\": \"daily\", \"length\": 1, \"start_local\": \"2020-01-01T00:00\", "         \
    "\"from_local\": \"2020-01-01T00:00\", \"to_local\": \"2020-01-01T01:00\""

    struct oncall_asked asked = {0};

    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        _cleanup_(freep) char *input = mem_printf(
            "{" ROTATION ", \"id\": %s}\n{\"id\": %s, \"zone\": 7}\n{\"id\": %s\n", ids[i], ids[i], ids[i]);
        _cleanup_buf_ struct buf out = BUF_INIT;
        struct str answer, fault, none, rest;
        json_t *id = json_loads(ids[i], JSON_DECODE_ANY, NULL);

        cr_expect_eq(lines_run(rotation_answer, &asked, input, &out, NULL), EXIT_ERROR);
        cr_assert(str_cut(buf_str(&out), '\n', &answer, &rest) && str_cut(rest, '\n', &fault, &rest) &&
                  str_cut(rest, '\n', &none, &rest) && !rest.n);
        for (const struct str *line = &answer;; line = &fault) {
            json_t *json = json_loadb(line->p, line->n, 0, NULL);

            cr_expect(str_starts(*line, STR("{\"id\": ")), "%.*s", (int)line->n, line->p);
            cr_expect(json_equal(json_object_get(json, "id"), id), "%.*s", (int)line->n, line->p);
            cr_expect_eq(json_object_size(json), line == &answer ? 2 : 3);
            json_decref(json);
            if (line == &fault)
                break;
        }
        cr_expect(str_starts(none, STR("{\"error\": ")));
        json_decref(id);
    }
    zone_book_fini(&asked.zones);
}

Test(json_lines, ends_when_nobody_can_read_the_answers)
{
    static const char input[] = "{\"say\": \"a\"}\n{\"say\": \"b\"}\n";
    FILE *in = fmemopen((void *)input, strlen(input), "r"), *full = fopen("/dev/full", "we");
    int calls = 0;

    cr_redirect_stderr();
    cr_expect_eq(json_lines_run(in, full, full, echo, &calls), EXIT_ERROR);
    cr_expect_eq(calls, 1);
    fclose(in);
    fclose(full);
}

Test(json_lines, nothing_in_nothing_out)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int calls = 0;

    cr_expect_eq(lines_run(echo, &calls, "", &out, NULL), EXIT_OK_);
    cr_expect_str_eq(buf_text(&out), "");
}
