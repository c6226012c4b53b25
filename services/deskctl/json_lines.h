/* Commands that answer a stream: one JSON document on each line of the input, one answer for each, in order,
 * written out before the next line is read. A line that is wrong is answered by its fault and the run goes
 * on. */
#pragma once
#include "plan/node.h"
#include <stdio.h>

enum { JSON_LINE_MAX = 4 * 1024 * 1024 /* bytes of a line */ };

/** A document may have an "id" of any value: whoever asks many things matches answers by it. It stands first
 * in the answer and in a fault of the document. It goes last into the list of what plan_object allows. */
#define JSON_LINE_KEYS "id"

/** Opens the answer to a document: a brace, and the id if it has one, with its comma. */
void json_lines_open(const struct plan_node *document, struct buf *out);

/** Appends the answer to one document, without a newline unless it is text of several lines; or -E_VALIDATION
 * with *fault. */
typedef int json_lines_answer(void *ctx, const struct plan_node *document, struct buf *out,
                              struct plan_fault *fault);

/** Runs until the end of `in`, or until `out` takes no more. Faults go to `faults` as {"error": ..., "at":
 * JSON Pointer}, with the "id" in front if there is one; when that is another stream than `out`, with the
 * number of the "line" (from 1), as their place no longer tells. When it is not, standard error is told at
 * the end how many lines are wrong. Returns an exit code: 0, or 1 when any line failed or a stream did. */
int json_lines_run(FILE *in, FILE *out, FILE *faults, json_lines_answer *answer, void *ctx);
