/* How a team's tickets find their agents, out of its member of an organisation:
 *
 *   "mode": "offer",                 "pull" when left out, or "assign"
 *   "offer": {"accept_within": 60},  seconds; that when left out
 *   "overflow": {"after": 900, "team": "experts"}    or, instead of the team, "everybody": true; none when
 * left out
 *   "handover": {"accept_within": 900},  seconds; that when left out
 */
#pragma once
#include "domain/organisation.h"
#include "plan/node.h"

/** What the node of a team says, but for the team that its overflow names. 0 or -E_VALIDATION. */
int dispatch_json_read(const struct plan_node *node, struct org_team *ret_team,
                       struct plan_fault *fault) _must_check_;
/** Finds the teams that overflows name, when all teams are there; refuses those that lead back. `teams` is
 * the node of them. 0 or -E_VALIDATION. */
int dispatch_json_link(const struct plan_node *teams, struct organisation *organisation,
                       struct plan_fault *fault) _must_check_;
/** What the organisation says of robots, {"hands_off_for": 900} in seconds, that when left out. 0 or
 * -E_VALIDATION. */
int robots_json_read(const struct plan_node *node, int64_t *ret_hands_off_s,
                     struct plan_fault *fault) _must_check_;
