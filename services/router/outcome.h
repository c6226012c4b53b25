/* What a caller is told: a JSON body, and for a failure why. Owned by the job of the request. */
#pragma once
#include "base/buf.h"

struct outcome {
    struct buf json; /* success: the body; failure: an object with further members of the problem, or empty */
    struct buf detail; /* failure: one English sentence, or empty */
};

void outcome_reset(struct outcome *outcome);
void outcome_fini(struct outcome *outcome);
/** Sets the detail and returns `failure`: `return outcome_refuse(out, -E_VALIDATION, "...")`. */
int outcome_refuse(struct outcome *outcome, int failure, const char *format, ...) _printf_(3, 4);
/** -E_VALIDATION about one field, also in the problem's "errors": `pointer` is a JSON pointer into the
 * request's body. */
int outcome_refuse_field(struct outcome *outcome, const char *pointer, const char *detail);
