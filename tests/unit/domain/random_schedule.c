/* Rolls dice. Overrides in conflict are rolled away, as a schedule may not have them. */
#include "random_schedule.h"
#include "base/civil.h"
#include "every_zone.h"

static int64_t roll(uint64_t *random, int64_t n)
{
    return (int64_t)(random_next(random) % (uint64_t)n);
}

static struct oncall_rule make_rule(uint64_t *random)
{
    struct oncall_rule rule = {
        .days = (uint8_t)(roll(random, 3) ? roll(random, 128) : ONCALL_EVERY_DAY),
        .start_s = (int32_t)roll(random, 96) * 900,
        .person = (int32_t)roll(random, RANDOM_PEOPLE),
        .rotation = ONCALL_NONE,
    };

    rule.end_s = roll(random, 4) ? (int32_t)roll(random, 96) * 900 : rule.start_s;
    if (roll(random, 2)) {
        rule.person = ONCALL_NONE;
        rule.rotation = (int32_t)roll(random, RANDOM_ROTATIONS);
    }
    return rule;
}

static struct rotation make_rotation(const struct zone *zone, int64_t near_s, uint64_t *random)
{
    struct rotation rotation = {zone, (enum rotation_type)roll(random, 4), 1, 0, 3};
    int64_t day = civil_day_of(zone_wall_s(zone, near_s)) - roll(random, 1000) + 500;

    if (rotation.type == ROTATION_HOURLY)
        rotation.length = 1 + (int32_t)roll(random, 12);
    rotation.start_wall_s = day * DAY_S + roll(random, 96) * 900;
    return rotation;
}

static void make_span(int64_t near_s, uint64_t *random, int64_t *ret_from_s, int64_t *ret_to_s)
{
    *ret_from_s = near_s - near_s % 60 + (roll(random, 4 * 1440) - 2 * 1440) * 60;
    *ret_to_s = *ret_from_s + (1 + roll(random, 1440)) * 60;
}

static struct oncall_override make_override(int64_t near_s, uint64_t *random)
{
    struct oncall_override override;
    int32_t first = (int32_t)roll(random, RANDOM_PEOPLE), roles = (int32_t)roll(random, 3);

    make_span(near_s, random, &override.from_s, &override.to_s);
    override.remove = roles == 0 ? ONCALL_NONE : first;
    override.add = roles == 1 ? ONCALL_NONE : (first + 1) % RANDOM_PEOPLE;
    return override;
}

void random_schedule_make(struct random_schedule *schedule, const struct zone *zone, int64_t near_s,
                          uint64_t *random)
{
    struct oncall *oncall = &schedule->oncall;

    *oncall = (struct oncall){
        .zone = zone,
        .people = RANDOM_PEOPLE,
        .rules = schedule->rules,
        .nrules = RANDOM_RULES,
        .rotations = schedule->rotations,
        .nrotations = RANDOM_ROTATIONS,
        .overrides = schedule->overrides,
        .temporaries = &schedule->temporary,
        .ntemporaries = (size_t)roll(random, 2),
    };
    for (int i = 0; i < RANDOM_RULES; i++)
        schedule->rules[i] = make_rule(random);
    for (int i = 0; i < RANDOM_ROTATIONS; i++) {
        schedule->rotations[i].rotation = make_rotation(zone, near_s, random);
        schedule->rotations[i].people = schedule->participants[i];
        for (int k = 0; k < 3; k++)
            schedule->participants[i][k] = (int32_t)roll(random, RANDOM_PEOPLE);
    }
    for (int i = 0; i < RANDOM_OVERRIDES; i++) {
        struct oncall_override override = make_override(near_s, random);
        bool fits = true;

        for (size_t k = 0; k < oncall->noverrides; k++)
            fits = fits && !oncall_conflict(&override, &schedule->overrides[k]);
        if (fits)
            schedule->overrides[oncall->noverrides++] = override;
    }
    schedule->temporary = (struct oncall_temporary){.shifts = schedule->shifts, .nshifts = RANDOM_SHIFTS};
    make_span(near_s, random, &schedule->temporary.from_s, &schedule->temporary.to_s);
    for (int i = 0; i < RANDOM_SHIFTS; i++) {
        struct oncall_shift *shift = &schedule->shifts[i];
        int64_t minutes = (schedule->temporary.to_s - schedule->temporary.from_s) / 60;

        shift->person = (int32_t)roll(random, RANDOM_PEOPLE);
        shift->from_s = schedule->temporary.from_s + roll(random, minutes) * 60;
        shift->to_s =
            shift->from_s + (1 + roll(random, (schedule->temporary.to_s - shift->from_s) / 60)) * 60;
    }
}
