/* What people read: tables, times, and one ticket on a screen. */
#pragma once
#include "base/buf.h"
#include <jansson.h>

struct column {
    const char *title;
    const char *path;                  /* "owner.login": members separated by dots */
    int max;                           /* widest cell in columns; 0: no bound */
    const char *(*show)(const char *); /* what is shown of the value; NULL: the value itself */
};

/** A ticket's or clock's state in the language in force. */
const char *output_state(const char *state);
/** A number of bytes as MiB, in a static buffer. */
const char *output_mib(const char *bytes);

/** Appends a text of somebody else, valid UTF-8, as one line without anything that moves a cursor. */
void output_line(struct buf *out, const char *text);
/** A table of `items` (array of objects) on standard output, Chinese characters two columns wide. `empty` is
 * printed to standard error when there is none. */
void output_table(const json_t *items, const struct column *columns, int ncolumns, const char *empty);
/** Pretty-printed JSON on standard output. */
void output_json(const json_t *json);
/** The value at a dotted path as text in a static rotating buffer (8 live at once): "" for null or absent. */
const char *output_at(const json_t *json, const char *path);
/** A full ticket document as a screen. */
void output_ticket(const json_t *ticket);
