/* One member of a JSON object, without building the whole: documents come ready-made from SQL and are passed
 * on as they are. */
#pragma once
#include "base/str.h"

/** The raw text of the object's own member `name` (a string keeps its quotes), p NULL when there is none or
 * the text is no object. */
struct str peek_member(struct str json, const char *name);
/** A member that is a whole number; `otherwise` when it is not there or is none. */
int64_t peek_int(struct str json, const char *name, int64_t otherwise);
/** The text of a member that is a string without escapes; p NULL otherwise. */
struct str peek_text(struct str json, const char *name);
