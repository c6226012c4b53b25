/* Walks the zones of this machine's zone1970.tab, for properties that must hold everywhere. */
#pragma once
#include "domain/zone.h"
#include <stddef.h>

/** Calls `visit` with each zone, open during the call only. Returns how many there were. */
size_t every_zone(void (*visit)(const struct zone *zone, void *ctx), void *ctx);
/** The changes of a zone's offset from 2015 to 2035, at most `max`; returns how many. */
size_t zone_changes(const struct zone *zone, int64_t *ret_at_s, size_t max);

/** xorshift64: reproducible numbers. Never start from 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}
