/* UUIDs (RFC 9562). Keys are version 7: time-ordered, so that they index well and sort by creation. */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct uuid {
    uint8_t bytes[16];
};
enum { UUID_TEXT_SIZE = 37 };

/** A fresh version 7 UUID: 48 bits of wall-clock milliseconds, then a counter and getrandom(2) bits, so that
 * those of one process never repeat and never run backwards. */
struct uuid uuid_v7(void);
char *uuid_format(const struct uuid *uuid, char ret_text[UUID_TEXT_SIZE]);
/** Accepts the 36-character form, either case. 0 or -E_BAD_REQUEST. */
int uuid_parse(struct str text, struct uuid *ret_uuid) __attribute__((warn_unused_result));
static inline bool uuid_eq(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
/** Fills with cryptographically strong bytes (getrandom(2)); ends the process if the kernel has none. */
void random_bytes(void *ret_bytes, size_t n);
uint64_t random_u64(void);
