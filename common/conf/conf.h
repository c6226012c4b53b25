/* Configuration: one table per service. A value comes from the environment (MERIDIAN_<NAME>), else from the
 * file named by
 * --config (lines `name = value`, # comments), else the default. MERIDIAN_<NAME>_FILE reads the value of a
 * secret from a file. An unknown MERIDIAN_* variable or file key is fatal and names the nearest known one. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_TEXT,     /* const char *; "" when unset and default is "" */
    CONF_SECRET,   /* const char *; printed as ***; may come from <NAME>_FILE */
    CONF_INTEGER,  /* int64_t, within min..max */
    CONF_BOOL,     /* bool: true/false/1/0/yes/no/on/off */
    CONF_DURATION, /* int64_t microseconds; "250ms", "5s", "10m", "2h" ; min..max in microseconds */
    CONF_SIZE,     /* int64_t bytes; "64k", "10m", "1g" */
};

struct conf_key {
    const char *name; /* lower case: "spool_dir" is MERIDIAN_SPOOL_DIR */
    enum conf_type type;
    size_t offset;    /* of the field in the service's conf struct */
    const char *def;  /* NULL: required */
    int64_t min, max; /* both 0: unbounded */
    bool reloadable;  /* taken again on SIGHUP */
    const char *doc;  /* one sentence */
};

/** Fills the targets from `environment` and the optional file. The texts live as long as the process. On
 * failure returns -E_CONFIG, leaves the targets as they were and appends one line per problem, each saying
 * what to do. Keys are given as `ntables` tables (common ones and the service's own), each ended by a NULL
 * name. Variables of the whole deployment (MERIDIAN_VAR, _PORT_BASE, _URL, _TOKEN, _CONFIG) are passed over.
 * Call it from one thread. */
int conf_load(const struct conf_key *const *tables, size_t ntables, void *const *targets, char **environment,
              const char *file, struct buf *ret_problems) __attribute__((warn_unused_result));
/** Reads everything again and stores the reloadable keys. A key that changed and is not reloadable is named
 * in *ret_notes (a line each) and keeps its value. On failure as conf_load: nothing changes. */
int conf_reload(const struct conf_key *const *tables, size_t ntables, void *const *targets,
                char **environment, const char *file, struct buf *ret_problems, struct buf *ret_notes)
    __attribute__((warn_unused_result));
/** Appends every key with value (secrets as ***), default, range and documentation. What it prints is a valid
 * configuration file. */
void conf_print(const struct conf_key *const *tables, size_t ntables, void *const *targets, struct buf *out);

/** "250ms", "5s", "10m", "2h", "0" to microseconds, and back in the largest unit that divides. 0 or
 * -E_BAD_REQUEST. */
int conf_duration_parse(struct str text, int64_t *ret_us) __attribute__((warn_unused_result));
void conf_duration_format(int64_t us, struct buf *out);
/** "512", "64k", "10m", "1g" (powers of 1024) to bytes, and back. 0 or -E_BAD_REQUEST. */
int conf_size_parse(struct str text, int64_t *ret_bytes) __attribute__((warn_unused_result));
void conf_size_format(int64_t bytes, struct buf *out);
