/* A document in YAML or JSON, read as JSON with the line of each of its values.
 *
 * What is JSON is read as JSON. In YAML, an unquoted null, true or false (and Null, NULL, ~ and nothing at
 * all, True, TRUE, False, FALSE) is that, an unquoted whole number as JSON writes it (0, 7, -12) is a number,
 * and everything else is text: 08:00, 2026-04-03, 1.5, 1.5h, 007, 0x1f, yes, no, on and off.
 *
 * Refused: two members of one name; anchors, aliases, tags and directives; more than one document; tabs and
 * control characters; what is not UTF-8; names of members that are no text; numbers beyond 64 bits; NUL in a
 * text; and whatever exceeds the limits below. In JSON the same holds as far as it has such things; tabs are
 * blanks there. Pure; any thread. */
#pragma once
#include "deskctl/document_places.h"
#include <jansson.h>

enum {
    YAML_FILE_MAX = 1 << 20,  /* bytes */
    YAML_DEPTH_MAX = 32,      /* objects and arrays in each other */
    YAML_VALUES_MAX = 200000, /* in all */
};

struct yaml_document {
    json_t *json;
    struct document_places places;
    bool is_json;        /* the text was JSON */
    size_t comment_line; /* of YAML: where the first comment may stand (or a text with " #"); 0: nowhere */
};

/** Why a text cannot be read. All zero is no fault. */
struct yaml_fault {
    size_t line, column; /* from 1; a column is a character */
    struct buf reason;   /* and what to do; English or Chinese, UTF-8; may quote the file */
};

static inline void yaml_fault_fini(struct yaml_fault *fault)
{
    buf_fini(&fault->reason);
}
#define _cleanup_yaml_fault_ _cleanup_(yaml_fault_fini)

/** Reads a text. 0, or -E_VALIDATION with *fault, and nothing to free but that. */
int yaml_read(struct str text, struct yaml_document *ret_document, struct yaml_fault *fault) _must_check_;
void yaml_document_fini(struct yaml_document *document);
#define _cleanup_yaml_document_ _cleanup_(yaml_document_fini)
