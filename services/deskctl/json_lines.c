/* Reads lines into one buffer that is used again for each; a line beyond the limit is read to its end and
 * dropped. */
#include "deskctl/json_lines.h"
#include "deskctl/cli.h"

enum line { LINE_END, LINE_OK, LINE_TOO_LONG };

static enum line read_line(FILE *in, struct buf *line)
{
    size_t n = 0;
    int c;

    buf_reset(line);
    while ((c = getc(in)) != EOF && c != '\n')
        if (n++ < JSON_LINE_MAX)
            buf_add_char(line, (char)c);
    if (c == EOF && n == 0)
        return LINE_END;
    return n > JSON_LINE_MAX ? LINE_TOO_LONG : LINE_OK;
}

/* Answers one line; 0, or < 0 with the fault. */
static int answer_line(struct str line, json_lines_answer *answer, void *ctx, struct buf *out,
                       struct plan_fault *fault)
{
    json_error_t error;
    json_auto_t *json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &error);
    const struct plan_node document = plan_root(json);

    if (!json)
        return plan_fail(&document, fault, "is not JSON: %s (column %d)", error.text, error.column);
    return answer(ctx, &document, out, fault);
}

static void write_fault(FILE *faults, long number, const struct plan_fault *fault)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_text(&text, "{\"error\": ");
    buf_json_str(&text, buf_str(&fault->reason));
    buf_add_text(&text, ", \"at\": ");
    buf_json_str(&text, buf_str(&fault->at));
    if (number)
        buf_printf(&text, ", \"line\": %ld", number);
    buf_add_text(&text, "}\n");
    fwrite(text.p, 1, text.n, faults);
}

int json_lines_run(FILE *in, FILE *out, FILE *faults, json_lines_answer *answer, void *ctx)
{
    _cleanup_buf_ struct buf line = BUF_INIT, text = BUF_INIT;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    const struct plan_node whole = plan_root(NULL);
    enum line read;
    int code = EXIT_OK_;

    for (long number = 1; !ferror(out) && (read = read_line(in, &line)) != LINE_END; number++) {
        int rc;

        buf_reset(&text);
        if (read == LINE_TOO_LONG)
            rc = plan_fail(&whole, &fault, "the line is longer than %d bytes", JSON_LINE_MAX);
        else
            rc = answer_line(buf_str(&line), answer, ctx, &text, &fault);
        if (rc < 0) {
            write_fault(faults, out == faults ? 0 : number, &fault);
            code = EXIT_ERROR;
        } else {
            if (!text.n || text.p[text.n - 1] != '\n')
                buf_add_char(&text, '\n');
            fwrite(text.p, 1, text.n, out);
        }
        fflush(out); /* whoever asks line by line waits for it */
    }
    if (ferror(in) || ferror(out))
        return cli_fail(EXIT_ERROR, "%s", T("cannot read or write any more", "无法继续读写"));
    return code;
}
