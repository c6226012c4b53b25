/* When a desk closes, what its agents own goes back into the queue, for teams that want it so. Routers beside
 * the primary see to it once a second; several do no harm. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct router;

struct shift_end {
    struct router *router;
    uv_timer_t timer;
    bool working;
};

void shift_end_open(struct shift_end *self, struct router *router, uint64_t every_ms);
void shift_end_close(struct shift_end *self);
