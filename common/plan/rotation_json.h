/* The JSON form of a rotation:
 *
 *     {"zone": "Europe/Berlin", "type": "weekly", "length": 1, "start_local": "2026-01-05T09:00:00",
 *      "participants": ["anna", "bo"]}
 *
 * type is hourly, daily, weekly or monthly; length 1 to 9000 of these; start_local the wall time of a
 * handoff, from which all others are counted. domain/rotation.h has the rules. */
#pragma once
#include "domain/rotation.h"
#include "plan/node.h"

/** Its members, for the list of plan_object: an object may have more of its own. */
#define ROTATION_JSON_KEYS "zone", "type", "length", "start_local", "participants"

enum { ROTATION_PARTICIPANTS_MAX = 200 };

/** Reads all but who the participants are: the rotation has their number, 0 when they are absent. Without a
 * zone it is in `fallback`; without that either it is a fault. The rotation borrows its zone from the set or
 * is in the fallback. 0, or -E_VALIDATION with *fault. */
int rotation_json_read(const struct plan_node *node, struct zone_book *zones, const struct zone *fallback,
                       struct rotation *ret_rotation, struct plan_fault *fault) _must_check_;
