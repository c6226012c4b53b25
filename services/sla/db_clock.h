/* The database's time, as this process can know it without asking: an offset to its own monotonic clock,
 * learned from answers. Never the process's wall clock, which nobody has set right. */
#pragma once
#include "base/clock.h"
#include <stdbool.h>

struct db_clock {
    int64_t offset_us, learned_us;
    bool known;
};

enum { DB_CLOCK_ROUND_TRIP_MS = 250 };

/** What was asked at `asked_us` and answered at `answered_us` (monotonic) says that it was `db_us`. It was
 * then or later, so the greatest offset of the last seconds is the best; a smaller one counts when the clock
 * was set back. An answer that was long on its way looks just like that, and is ignored, unless nothing was
 * learned for a minute. */
static inline void db_clock_learn(struct db_clock *clock, int64_t db_us, int64_t asked_us,
                                  int64_t answered_us)
{
    int64_t offset_us = db_us - answered_us;

    if (clock->known && answered_us - asked_us > DB_CLOCK_ROUND_TRIP_MS * US_PER_MS &&
        answered_us < clock->learned_us + 60 * US_PER_S)
        return;
    if (clock->known && offset_us < clock->offset_us && offset_us > clock->offset_us - US_PER_S &&
        answered_us < clock->learned_us + 5 * US_PER_S)
        return;
    *clock = (struct db_clock){offset_us, answered_us, true};
}

/** Never ahead of the database's clock, unless that was set back a moment ago. 0: unknown. */
static inline int64_t db_clock_now_us(const struct db_clock *clock)
{
    return clock->known ? clock_monotonic_us() + clock->offset_us : 0;
}
