/* Which timers are not to be tried yet, because they failed: each rests for a time that doubles with every
 * failure. Loop thread; no time source of its own.
 *
 * Of bounded size: when it is full of other timers, the one that may be tried soonest is forgotten, and who
 * is forgotten is merely tried too early. A timer that was armed anew (another generation) is another timer.
 */
#pragma once
#include "sla/wheel.h"

struct backoff;

enum { BACKOFF_MAX = 1024 };

struct backoff *backoff_new(void);
struct backoff *backoff_free(struct backoff *backoff); /* NULL is fine; returns NULL */

/** It failed at `now_us` (of any clock that never jumps, the same in every call): rests for half a second,
 * doubled with each failure in a row, `most_us` at most. */
void backoff_failed(struct backoff *backoff, const struct wheel_timer *timer, int64_t now_us,
                    int64_t most_us);
/** It went well: nothing is known of it any more. */
void backoff_done(struct backoff *backoff, const struct wheel_timer *timer);
/** Whether it rests at `now_us`. */
bool backoff_rests(const struct backoff *backoff, const struct wheel_timer *timer, int64_t now_us);
