/* One value of a key: from text, to text, and into the service's struct. Private to this module. */
#pragma once
#include "conf/conf.h"

union conf_value {
    const char *text; /* TEXT, SECRET: kept by conf_keep */
    int64_t number;   /* INTEGER, DURATION, SIZE */
    bool flag;
};

/** Copies a text for the life of the process. */
const char *conf_keep(struct str text);
/** Parses and checks the range. On failure appends what is wrong, e.g. `is out of range: 1 to 64`, and
 * returns -E_CONFIG. The given text is never part of the message, since it may be a secret. */
int conf_value_parse(const struct conf_key *key, struct str text, union conf_value *ret_value,
                     struct buf *ret_why) _must_check_;
/** Appends the value as conf_value_parse takes it; a secret as ***. */
void conf_value_print(const struct conf_key *key, const union conf_value *value, struct buf *out);
/** Appends "1 to 64", "at least 1s" and the like; nothing when unbounded. */
void conf_range_print(const struct conf_key *key, struct buf *out);
/** "text", "whole number", ... with what it looks like. */
const char *conf_type_text(enum conf_type type);
void conf_value_store(const struct conf_key *key, void *target, const union conf_value *value);
union conf_value conf_value_fetch(const struct conf_key *key, const void *target);
bool conf_value_eq(const struct conf_key *key, const union conf_value *a, const union conf_value *b);
