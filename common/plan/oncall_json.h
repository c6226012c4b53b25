/* The JSON form of an on-call schedule (docs/how-to/oncall.md explains each member):
 *
 *     {"name": "Network", "zone": "Europe/Berlin",
 *      "rotations": {"primary": {"type": "weekly", "length": 1, "start_local": "2026-01-05T09:00:00",
 *                                "participants": ["anna", "bo"]}},
 *      "rules": [{"days": ["mon", "tue"], "start": "09:00", "end": "17:00", "rotation": "primary"},
 *                {"user": "chen"}],
 *      "overrides": [{"from": "2026-02-02T09:00", "to": "2026-02-03T09:00", "remove": "anna", "add": "dee"}],
 *      "temporary": [{"from": "2026-12-24T00:00", "to": "2026-12-27T00:00",
 *                     "shifts": [{"user": "bo", "from": "2026-12-24T00:00", "to": "2026-12-25T12:00"}]}],
 *      "swaps": [{"from": "2026-03-02T09:00", "to": "2026-03-03T09:00", "remove": "bo", "add": "anna"}]}
 *
 * Only the zone is required. A wall time without an offset is on the schedule's clock; a beginning is its
 * first instant, an end its last. */
#pragma once
#include "domain/oncall.h"
#include "plan/node.h"

enum {
    ONCALL_NAME_MAX = 64, /* characters of a name */
    ONCALL_PEOPLE_MAX = 1000,
    ONCALL_ROTATIONS_MAX = 100,
    ONCALL_RULES_MAX = 200,
    ONCALL_OVERRIDES_MAX = 500,
    ONCALL_TEMPORARIES_MAX = 50,
    ONCALL_FIXED_SHIFTS_MAX = 200, /* of one temporary schedule */
    ONCALL_SWAPS_MAX = 1000,
};

/** A schedule that was read, with everything that it points to. Zones are in the set it was read with. */
struct oncall_plan {
    struct oncall schedule;
    char *name;    /* NULL when it has none */
    char **people; /* [schedule.people], in the order in which the document first names them: rotations,
                      rules, overrides, temporary schedules, swaps */

    char **rotation_names; /* private from here on */
    struct oncall_rotation *rotations;
    struct oncall_rule *rules;
    struct oncall_override *overrides;
    struct oncall_temporary *temporaries;
    struct oncall_override *swaps;
};

/** 0, or -E_VALIDATION with *fault (nothing to free then). Freed with oncall_plan_fini. */
int oncall_json_read(const struct plan_node *node, struct zone_book *zones, struct oncall_plan *ret_plan,
                     struct plan_fault *fault) _must_check_;
void oncall_plan_fini(struct oncall_plan *plan);
#define _cleanup_oncall_plan_ _cleanup_(oncall_plan_fini)
/** The number of a person, or ONCALL_NONE. */
int32_t oncall_plan_person(const struct oncall_plan *plan, const char *name);
