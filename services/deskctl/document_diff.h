/* What differs between two documents, member by member. */
#pragma once
#include <jansson.h>

/** Appends objects {"change": "+", "-" or "~", "at": JSON Pointer, "before", "after"} to `out`, in the order
 * of the newer document. Lists of objects that have a "name" are compared by it, and "moved" (change "~",
 * with the places as before and after) tells where their order differs; other lists are compared whole.
 * Returns how many. Pure. */
size_t document_diff(const json_t *before, const json_t *after, json_t *out);
