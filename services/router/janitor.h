/* Periodic housekeeping of the authority: old sessions, old answers, next months' partitions. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct router;

struct janitor {
    struct router *router;
    uv_timer_t timer;
    bool working;
    int64_t partitions_us; /* when the partitions were last seen to; 0: not yet */
};

void janitor_open(struct janitor *janitor, struct router *router, uint64_t every_ms);
void janitor_close(struct janitor *janitor);
