/* Reading JSON request bodies by a table of fields. All faults of a body are told at once, each with a JSON
 * Pointer. Pure. */
#pragma once
#include "base/buf.h"
#include <jansson.h>

enum body_kind {
    BODY_LINE,   /* const char *: one line of text; max in code points */
    BODY_TEXT,   /* const char *: text of several lines; max in bytes */
    BODY_NUMBER, /* struct body_number: a whole number >= 0 */
    BODY_LEVEL,  /* int: "high", "medium" or "low" as 1, 2, 3; 0 when absent */
    BODY_CHOICE, /* const char *: one of a fixed list */
    BODY_TIME,   /* int64_t: RFC 3339, microseconds since 1970; 0 when absent */
    BODY_FLAG,   /* bool */
    BODY_OBJECT, /* json_t *: an object, for body_read_within; borrowed */
    BODY_FLAT, /* json_t *: an object of texts, numbers and booleans within the limits of attributes; borrowed
                */
};
struct body_number {
    bool given;
    int64_t value;
};
struct body_field {
    const char *name;
    enum body_kind kind;
    size_t offset; /* in the target */
    size_t max;
    bool required;
    const char *const *choices; /* BODY_CHOICE: NULL-terminated */
};

struct body_errors {
    struct buf json; /* elements of the array, with commas between them */
    int n;
};
void body_errors_fini(struct body_errors *errors);
#define _cleanup_errors_ _cleanup_(body_errors_fini)
/** Adds one. `pointer` is a JSON Pointer ("/attributes/a~1b"), `detail` a sentence. At most 50 are kept. */
void body_error(struct body_errors *errors, const char *pointer, const char *format, ...) _printf_(3, 4);
/** The JSON array. */
void body_errors_add(struct buf *out, const struct body_errors *errors);

/** Parses the bytes: duplicate members, bad UTF-8 and trailing text are refused. -E_MALFORMED_JSON with the
 * reason and place in *ret_detail. The value is freed with json_decref. */
int body_parse(struct str bytes, json_t **ret_json, struct buf *ret_detail) _must_check_;
/** Fills `target` from an object. Texts and objects are borrowed from `object`. 0, or -E_VALIDATION with the
 * reasons added. */
int body_read(json_t *object, const struct body_field *fields, size_t nfields, void *target,
              struct body_errors *errors) _must_check_;
/** The same for an object inside of a body, which is at `pointer` in it. */
int body_read_within(json_t *object, const char *pointer, const struct body_field *fields, size_t nfields,
                     void *target, struct body_errors *errors) _must_check_;
