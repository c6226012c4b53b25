/* A folder for one test, removed at its end; and submissions to put into it. */
#pragma once
#include "intake/spool.h"

struct temp {
    char path[64];
};
void temp_new(struct temp *temp);
void temp_remove(struct temp *temp);
#define _cleanup_temp_ _cleanup_(temp_remove)

/** A record whose key, number and body follow from `n`; the payload is a real packed submission with
 * `subject`. */
struct spool_record *temp_record(int64_t n, const char *subject);
