/* See files.h. */
#include "files.h"
#include <criterion/criterion.h>
#include <stdio.h>

static FILE *open_golden(const char *name, const char *mode)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/tests/golden/notifier/%s", MERIDIAN_SOURCE_DIR, name);
    file = fopen(path, mode);
    cr_assert_not_null(file, "%s: cannot be opened", path);
    return file;
}

void golden_read(const char *name, struct buf *ret_content)
{
    FILE *file = open_golden(name, "r");
    char chunk[4096];
    size_t n;

    while ((n = fread(chunk, 1, sizeof chunk, file)))
        buf_add(ret_content, chunk, n);
    fclose(file);
}

void golden_expect(const char *name, struct str text)
{
    _cleanup_buf_ struct buf content = BUF_INIT;

    if (getenv("MERIDIAN_GOLDEN_UPDATE")) {
        FILE *file = open_golden(name, "w");

        fwrite(text.p, 1, text.n, file);
        fclose(file);
        return;
    }
    golden_read(name, &content);
    cr_expect(str_eq(text, buf_str(&content)), "%s differs; got:\n%.*s", name, (int)text.n, text.p);
}
