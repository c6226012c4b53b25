/* Time. Every reader of the wall or monotonic clock goes through here, so that a test can hold the clock
 * still. Instants are microseconds since 1970-01-01T00:00:00Z. */
#pragma once
#include "base/buf.h"
#include <stdint.h>

#define US_PER_S  1000000LL
#define US_PER_MS 1000LL

int64_t clock_now_us(void);       /* wall clock, or the fake one */
int64_t clock_monotonic_us(void); /* never jumps; not affected by the fake */

/** Fixes the wall clock at `now_us` for this process (tests); 0 returns to the real one. */
void clock_fake(int64_t now_us);

enum { CLOCK_TEXT_SIZE = 40 };
/** RFC 3339 in UTC with milliseconds, "2026-11-23T02:51:00.123Z". Returns `ret_text`. */
char *clock_format(int64_t at_us, char ret_text[CLOCK_TEXT_SIZE]);
/** RFC 3339 with any offset and up to nine decimals. 0 or -E_BAD_REQUEST. */
int clock_parse(struct str text, int64_t *ret_us) __attribute__((warn_unused_result));
