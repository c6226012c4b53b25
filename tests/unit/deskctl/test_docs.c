/* The examples of docs/how-to are true: what stands behind "$ cat FILE" is written, and what is run by "$
 * deskctl ..." or "$ echo '...' | deskctl ..." prints what stands behind it. */
#include "base/memory.h"
#include "domain/zone.h"
#include "scratch.h"
#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(docs, .init = scratch_enter, .fini = scratch_leave);

/* The lines up to the next example, or the end of the block. */
static struct str take_body(struct str *rest)
{
    struct str body = {rest->p, 0}, line, after = *rest;

    while (after.n && !str_starts(after, STR("$ ")) && !str_starts(after, STR("```"))) {
        (void)str_cut(after, '\n', &line, &after);
        body.n = (size_t)(after.p - body.p);
    }
    *rest = after;
    return body;
}

/* Answers tell the version of this machine's time zones; the documentation tells that of one. */
static void as_documented(struct buf *out)
{
    static const char documented[] = "\"tzdata\":\"2025b\"";
    _cleanup_(freep) char *here = mem_printf("\"tzdata\":\"%s\"", zone_tzdata_version());
    _cleanup_(freep) char *text = mem_strn(out->p, out->n);
    const char *rest = text, *found;

    buf_reset(out);
    while ((found = strstr(rest, here))) {
        buf_add(out, rest, (size_t)(found - rest));
        buf_add_text(out, documented);
        rest = found + strlen(here);
    }
    buf_add_text(out, rest);
}

static void expect(const char *line, struct str body)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    _cleanup_(freep) char *expected = mem_strn(body.p, body.n);

    (void)scratch_shell(line, &out);
    as_documented(&out);
    cr_expect_str_eq(buf_text(&out), expected, "%s\n%s", line, buf_text(&out));
}

/* Whether a line is an example, and was one that was run. */
static bool run_example(struct str line, struct str *rest)
{
    static const char echo[] = "$ echo '", piped[] = "' | deskctl ", cat[] = "$ cat ", run[] = "$ deskctl ";
    _cleanup_(freep) char *text = mem_strn(line.p, line.n);
    char *end;

    if (strncmp(text, cat, sizeof cat - 1) == 0) {
        scratch_write(text + sizeof cat - 1, take_body(rest));
    } else if (strncmp(text, run, sizeof run - 1) == 0) {
        expect(text + sizeof run - 1, take_body(rest));
        return true;
    } else if (strncmp(text, echo, sizeof echo - 1) == 0 && (end = strstr(text, piped))) {
        _cleanup_(freep) char *command = mem_printf("%s < echoed", end + sizeof piped - 1);

        scratch_write("echoed", (struct str){text + sizeof echo - 1, (size_t)(end - text) - sizeof echo + 1});
        expect(command, take_body(rest));
        return true;
    }
    return false;
}

static int run_examples(const char *path)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct str rest, line;
    int examples = 0;

    scratch_read(path, &text);
    rest = buf_str(&text);
    while (rest.n) {
        (void)str_cut(rest, '\n', &line, &rest);
        examples += run_example(line, &rest);
    }
    return examples;
}

Test(docs, documents)
{
    cr_expect_eq(run_examples(MERIDIAN_SOURCE_DIR "/docs/how-to/documents.md"), 2);
}

Test(docs, oncall)
{
    cr_expect_geq(run_examples(MERIDIAN_SOURCE_DIR "/docs/how-to/oncall.md"), 8);
}

Test(docs, sla)
{
    cr_expect_geq(run_examples(MERIDIAN_SOURCE_DIR "/docs/how-to/sla.md"), 3);
}

Test(docs, time)
{
    cr_expect_geq(run_examples(MERIDIAN_SOURCE_DIR "/docs/how-to/time.md"), 5);
}
