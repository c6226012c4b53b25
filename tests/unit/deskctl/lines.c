#include "lines.h"
#include <stdlib.h>

int lines_run(json_lines_answer *answer, void *ctx, const char *input, struct buf *out, struct buf *faults)
{
    char *text = NULL, *wrong = NULL;
    size_t n, m;
    FILE *in = fmemopen((void *)input, strlen(input), "r");
    FILE *to = open_memstream(&text, &n), *err = open_memstream(&wrong, &m);
    int code = json_lines_run(in, to, faults ? err : to, answer, ctx);

    fclose(in);
    fclose(to);
    fclose(err);
    buf_add_text(out, text);
    if (faults)
        buf_add_text(faults, wrong);
    free(text);
    free(wrong);
    return code;
}
