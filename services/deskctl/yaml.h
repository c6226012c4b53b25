/* Documents in YAML, as people write them, to and from the JSON that the API takes.
 *
 * The values are those of JSON: plain null, true, false and whole numbers, and text. Any other plain scalar
 * is text as it stands, so that 09:00, 2026-04-03, no and 1.5 need no quotes. What JSON cannot say (anchors,
 * aliases, tags, keys that are no text, a second document) is refused, as is a key that is there twice. JSON
 * is YAML, too. */
#pragma once
#include "base/buf.h"
#include <jansson.h>

enum { YAML_FILE_MAX = 4 << 20, YAML_DEPTH_MAX = 32, YAML_NODES_MAX = 500000 };

/** A place and what is wrong there. All zero is none. */
struct yaml_fault {
    int line, column; /* from 1 */
    struct buf reason;
};
void yaml_fault_fini(struct yaml_fault *fault);
#define _cleanup_yaml_fault_ _cleanup_(yaml_fault_fini)

/** Reads a text. *ret_lines, an object, has the line of each value by its JSON Pointer: see yaml_line. Both
 * are the caller's. 0, or -E_VALIDATION with *fault. */
int yaml_read(struct str text, json_t **ret_json, json_t **ret_lines, struct yaml_fault *fault) _must_check_;
/** The line of a value, or where there is none that of the nearest value above it. */
int yaml_line(const json_t *lines, const char *pointer);
/** Appends a document that yaml_read makes the same JSON of, in its order. */
void yaml_write(const json_t *json, struct buf *out);
