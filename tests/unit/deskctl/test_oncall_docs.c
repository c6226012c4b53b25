/* The examples of docs/how-to/oncall.md answer what is printed there. */
#include "deskctl/oncall_answer.h"
#include "lines.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line "$ echo 'INPUT' | deskctl COMMAND": the input in *input, and who answers it; NULL for any other
 * line. */
static json_lines_answer *example(char *line, char **input)
{
    static const char before[] = "$ echo '";
    char *end = strstr(line, "' | deskctl ");

    if (strncmp(line, before, sizeof before - 1) != 0 || !end)
        return NULL;
    *input = line + sizeof before - 1;
    *end = 0;
    return strstr(end + 1, "rotation eval") ? rotation_answer : oncall_answer;
}

static void expect(json_lines_answer *answer, char *input, const char *expected)
{
    struct oncall_asked asked = {0};
    _cleanup_buf_ struct buf out = BUF_INIT;

    (void)lines_run(answer, &asked, input, &out, NULL);
    cr_expect_str_eq(buf_text(&out), expected, "%s", input);
    zone_book_fini(&asked.zones);
}

Test(oncall_docs, examples_are_true)
{
    FILE *file = fopen(MERIDIAN_SOURCE_DIR "/docs/how-to/oncall.md", "re");
    char line[4096], next[4096], *input;
    int examples = 0;

    cr_assert(file);
    while (fgets(line, sizeof line, file)) {
        json_lines_answer *answer = example(line, &input);

        if (!answer)
            continue;
        cr_assert(fgets(next, sizeof next, file));
        expect(answer, input, next);
        examples++;
    }
    fclose(file);
    cr_expect_geq(examples, 8);
}
