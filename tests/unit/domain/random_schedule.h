/* Schedules made at random, reproducibly, with everything happening near one instant. All boundaries are
 * whole minutes of the clock. */
#pragma once
#include "domain/oncall.h"

enum { RANDOM_PEOPLE = 5, RANDOM_RULES = 4, RANDOM_ROTATIONS = 2, RANDOM_OVERRIDES = 4, RANDOM_SHIFTS = 3 };

struct random_schedule {
    struct oncall oncall; /* points into the rest: do not copy */
    struct oncall_rule rules[RANDOM_RULES];
    struct oncall_rotation rotations[RANDOM_ROTATIONS];
    int32_t participants[RANDOM_ROTATIONS][3];
    struct oncall_override overrides[RANDOM_OVERRIDES];
    struct oncall_temporary temporary;
    struct oncall_shift shifts[RANDOM_SHIFTS];
};

void random_schedule_make(struct random_schedule *schedule, const struct zone *zone, int64_t near_s,
                          uint64_t *random);
