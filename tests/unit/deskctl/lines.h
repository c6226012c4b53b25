/* Runs answers over an input that is a text. */
#pragma once
#include "deskctl/json_lines.h"

/** What is written is appended to *out, faults to *faults (NULL: to *out, too). The exit code. */
int lines_run(json_lines_answer *answer, void *ctx, const char *input, struct buf *out, struct buf *faults);
