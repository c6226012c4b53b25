// links: plan
/* On-call schedules. Any bytes are read or refused with a fault that has a reason; what is read answers the
 * same for an instant as for the window around it, its periods join without a gap, and its rotations hand
 * over forwards. */
#include "base/civil.h"
#include "domain/oncall_window.h"
#include "fuzz.h"
#include "plan/oncall_json.h"

static void check_instant(const struct oncall *schedule, const struct oncall_shifts *shifts, int64_t at_s)
{
    bool on[ONCALL_PEOPLE_MAX];
    size_t count = oncall_at(schedule, at_s, on);

    for (size_t i = 0; i < shifts->n; i++)
        if (shifts->items[i].from_s <= at_s && at_s < shifts->items[i].to_s) {
            MUST(on[shifts->items[i].person]);
            count--;
        }
    MUST(count == 0);
}

static void check_window(const struct oncall *schedule, int64_t from_s)
{
    int64_t to_s = from_s + 3 * DAY_S, covered_s = from_s;
    _cleanup_oncall_shifts_ struct oncall_shifts shifts = {0};
    _cleanup_oncall_walk_ struct oncall_walk walk;

    MUST(oncall_shifts(schedule, from_s, to_s, SIZE_MAX / 2, &shifts) == 0);
    oncall_walk_init(&walk, schedule, from_s, to_s);
    while (oncall_walk_next(&walk)) {
        MUST(walk.from_s == covered_s && walk.to_s > walk.from_s);
        covered_s = walk.to_s;
    }
    MUST(covered_s == to_s);
    check_instant(schedule, &shifts, from_s);
    check_instant(schedule, &shifts, from_s + DAY_S + 7);
    if (shifts.n)
        check_instant(schedule, &shifts, shifts.items[shifts.n - 1].from_s);
}

static void check_rotation(const struct rotation *rotation, int64_t at_s)
{
    for (int i = 0; i < 10; i++) {
        struct rotation_shift shift = rotation_at(rotation, at_s);

        MUST(shift.start_s <= at_s && at_s < shift.handoff_s && shift.end_s >= shift.handoff_s);
        MUST(rotation_at(rotation, shift.start_s).n == shift.n);
        at_s = shift.handoff_s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone_book zones; /* kept: opening one takes longer than all the rest */
    json_auto_t *json = json_loadb((const char *)data, size, 0, NULL);
    const struct plan_node node = plan_root(json);
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_oncall_plan_ struct oncall_plan plan = {0};
    int64_t at_s = 1603500000; /* 24 October 2020, the day before Europe's clocks go back */

    if (!json)
        return 0;
    if (oncall_json_read(&node, &zones, &plan, &fault) < 0) {
        MUST(fault.reason.n > 0);
        return 0;
    }
    if (plan.schedule.noverrides)
        at_s = plan.schedule.overrides[0].from_s - DAY_S;
    check_window(&plan.schedule, at_s);
    for (size_t i = 0; i < plan.schedule.nrotations; i++)
        check_rotation(&plan.schedule.rotations[i].rotation, at_s);
    return 0;
}
