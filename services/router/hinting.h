/* What the router's commits mean for others, told together: a hint costs each of a dozen subscribers as much
 * as a small request, so those of a few milliseconds are one message. Hints may be lost; whoever needs them
 * to arrive sweeps the database. Loop thread only. */
#pragma once
#include "auth/auth.h"
#include "base/uuid.h"
#include <stdbool.h>
#include <uv.h>

struct router;
struct job;

enum { HINTING_MARKS = 64, HINTING_SESSIONS = 16, HINTING_TIMERS = 64 };

struct hinting {
    struct router *router;
    uv_timer_t timer;
    uint64_t sequence; /* of the last hint */
    uint64_t lsn;      /* of the last commit; the rest is what it and those before it mean */
    bool changed, outbox, clocks;
    size_t nmarks, nsessions, ntimers;
    struct {
        char user_id[UUID_TEXT_SIZE];
        uint64_t lsn;
    } marks[HINTING_MARKS];
    uint8_t sessions[HINTING_SESSIONS][AUTH_HASH_SIZE];
    struct uuid timers_of[HINTING_TIMERS];
};

void hinting_open(struct hinting *self, struct router *router);
/** Sends what is still to be told. */
void hinting_close(struct hinting *self);
/** Takes over what a committed job means for others. */
void hinting_add(struct hinting *self, const struct job *job);
