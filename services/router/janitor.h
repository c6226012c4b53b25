/* Periodic housekeeping of the authority: old sessions, old answers, next months' partitions; who has which
 * tzdata. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct metric;
struct router;

struct janitor {
    struct router *router;
    uv_timer_t timer;
    bool working;
    int64_t partitions_us; /* when the partitions were last seen to; 0: not yet */
    bool tzdata_differs;   /* among instances: it was said */
    struct metric *tzdata;
};

void janitor_open(struct janitor *janitor, struct router *router, uint64_t every_ms);
void janitor_close(struct janitor *janitor);
