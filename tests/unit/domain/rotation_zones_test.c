/* What holds for every rotation in every zone around every clock change from 2015 to 2035. */
#include "base/civil.h"
#include "domain/rotation.h"
#include "every_zone.h"
#include <criterion/criterion.h>

struct walk {
    uint64_t random;
    size_t changes, shifts;
};

/* A rotation with a handoff at a chosen second of the clock, near a change. */
static struct rotation rotation_near(const struct zone *zone, int64_t change_s, uint64_t *random)
{
    struct rotation rotation = {zone, (enum rotation_type)(random_next(random) % 4), 1, 0, 3};
    int64_t minute = (int64_t)(random_next(random) % 16) * 15; /* 00:00 to 03:45, where clocks change */
    int64_t day = civil_day_of(zone_wall_s(zone, change_s)) - (int64_t)(random_next(random) % 3000);

    rotation.start_wall_s = day * DAY_S + minute * 60;
    rotation.length = 1 + (int32_t)(random_next(random) % (rotation.type == ROTATION_HOURLY ? 30 : 3));
    return rotation;
}

static void check_shift(const struct rotation *rotation, const struct rotation_shift *shift)
{
    const int64_t inside_s[] = {shift->start_s + 1, shift->start_s + (shift->handoff_s - shift->start_s) / 2,
                                shift->handoff_s - 1};

    cr_assert_lt(shift->start_s, shift->handoff_s);
    cr_assert_geq(shift->end_s, shift->handoff_s, "a gap");
    for (size_t i = 0; i < ARRAY_SIZE(inside_s); i++) {
        struct rotation_shift at = rotation_at(rotation, inside_s[i]);

        cr_assert(at.n == shift->n && at.start_s == shift->start_s && at.handoff_s == shift->handoff_s,
                  "%s: shift %lld from %lld, at %lld it is %lld", zone_name(rotation->zone),
                  (long long)shift->n, (long long)shift->start_s, (long long)inside_s[i], (long long)at.n);
    }
}

/* The wall at a handoff shows the time of the grid, or the gap has just skipped it. */
static void check_wall(const struct rotation *rotation, int64_t handoff_s)
{
    int64_t wall_s = zone_wall_s(rotation->zone, handoff_s);
    int64_t jump_s = zone_offset_s(rotation->zone, handoff_s) - zone_offset_s(rotation->zone, handoff_s - 1);
    int64_t unit_s = rotation->type == ROTATION_HOURLY ? 3600 : DAY_S;
    int64_t late_s = (wall_s - rotation->start_wall_s) % unit_s;

    cr_assert(late_s == 0 || (jump_s > 0 && (late_s + unit_s) % unit_s <= jump_s), "%s: %lld",
              zone_name(rotation->zone), (long long)handoff_s);
}

static void check_zone(const struct zone *zone, void *ctx)
{
    struct walk *walk = ctx;
    int64_t changes[128];
    size_t n = zone_changes(zone, changes, ARRAY_SIZE(changes));

    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 4; k++) {
            struct rotation rotation = rotation_near(zone, changes[i], &walk->random);
            struct rotation_shift shift = rotation_at(&rotation, changes[i] - 4 * DAY_S), next;

            do {
                check_shift(&rotation, &shift);
                next = rotation_at(&rotation, shift.handoff_s);
                cr_assert_eq(next.start_s, shift.handoff_s);
                cr_assert_gt(next.n, shift.n);
                check_wall(&rotation, next.start_s);
                shift = next;
                walk->shifts++;
            } while (shift.start_s < changes[i] + 3 * DAY_S);
        }
    walk->changes += n;
}

Test(rotation_zones, every_instant_has_one_shift_and_handoffs_go_forward)
{
    struct walk walk = {.random = 20201025};

    cr_assert_gt(every_zone(check_zone, &walk), 300);
    cr_assert_gt(walk.changes, 2000);
    cr_assert_gt(walk.shifts, walk.changes);
}
