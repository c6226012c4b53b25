/* JSON as YAML for people: objects and lists a member or item a line, in the order given; lists without
 * objects on one line where they fit. Pure. */
#pragma once
#include "base/buf.h"
#include <jansson.h>

/** Appends a document that yaml_read (and any other reader of YAML 1.1 or 1.2) reads as the equal JSON, as
 * long as it has no fractions, which come back as texts, no NUL, and keeps to the limits of yaml_read. A text
 * stands without quotes when it cannot be taken for anything else; Chinese is written as it is. */
void yaml_write(const json_t *json, struct buf *out);
