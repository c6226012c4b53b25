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

void json_lines_open(const struct plan_node *document, struct buf *out)
{
    json_t *id = json_object_get(document->json, JSON_LINE_KEYS);
    _cleanup_(freep) char *text = id ? json_dumps(id, JSON_ENCODE_ANY) : NULL;

    buf_add_char(out, '{');
    if (text)
        buf_printf(out, "\"id\": %s, ", text);
}

/* Writes a fault in place of the answer. */
static void answer_fault(const struct plan_node *document, const struct plan_fault *fault, long number,
                         struct buf *out)
{
    buf_reset(out);
    json_lines_open(document, out);
    buf_add_text(out, "\"error\": ");
    buf_json_str(out, buf_str(&fault->reason));
    buf_add_text(out, ", \"at\": ");
    buf_json_str(out, buf_str(&fault->at));
    if (number)
        buf_printf(out, ", \"line\": %ld", number);
    buf_add_char(out, '}');
}

/* Answers one line; `number` is written into its fault, unless it is 0. False for a fault. */
static bool answer_line(enum line read, struct str line, json_lines_answer *answer, void *ctx, long number,
                        struct buf *out)
{
    json_error_t error;
    json_auto_t *json = read == LINE_OK ? json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &error) : NULL;
    const struct plan_node document = plan_root(json);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    int rc;

    if (read == LINE_TOO_LONG)
        rc = plan_fail(&document, &fault, "the line is longer than %d bytes", JSON_LINE_MAX);
    else if (!json)
        rc = plan_fail(&document, &fault, "is not JSON: %s (column %d)", error.text, error.column);
    else
        rc = answer(ctx, &document, out, &fault);
    if (rc < 0)
        answer_fault(&document, &fault, number, out);
    return rc == 0;
}

int json_lines_run(FILE *in, FILE *out, FILE *faults, json_lines_answer *answer, void *ctx)
{
    _cleanup_buf_ struct buf line = BUF_INIT, text = BUF_INIT;
    bool apart = faults != out;
    enum line read;
    long lines = 0, wrong = 0;

    while (!ferror(out) && (read = read_line(in, &line)) != LINE_END) {
        bool right;

        lines++;
        buf_reset(&text);
        right = answer_line(read, buf_str(&line), answer, ctx, apart ? lines : 0, &text);
        wrong += !right;
        if (!text.n || text.p[text.n - 1] != '\n')
            buf_add_char(&text, '\n');
        fwrite(text.p, 1, text.n, right ? out : faults);
        fflush(right ? out : faults); /* whoever asks line by line waits for it */
    }
    if (ferror(in) || ferror(out))
        return cli_fail(EXIT_ERROR, "%s", T("cannot read or write any more", "无法继续读写"));
    if (wrong && !apart)
        return cli_fail(EXIT_ERROR, T("%ld of %ld lines are in error", "%ld 行有误，共 %ld 行"), wrong,
                        lines);
    return wrong ? EXIT_ERROR : EXIT_OK_;
}
