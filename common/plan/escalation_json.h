/* The JSON form of escalations, read strictly (docs/how-to/sla.md explains each member):
 *
 *   [{"name": "p1", "when": {"priority": 1}, "target": "first_response",
 *     "steps": [{"at": "50%", "notify": [{"schedule": "network"}]},
 *               {"at": "10m before", "notify": [{"owner": true}, {"user": "agent-eu-1"}]},
 *               {"at": "breach", "notify": [{"leads": true}], "raise": {"urgency": "high"}},
 *               {"after": "15m", "calendar": "berlin", "notify": [{"leads": true}], "only": "always",
 *                "in_hours": "berlin"}],
 *     "repeat": 2}]
 *
 * Users are data and not judged; targets, schedules and calendars must be those of the plan. Moments of the
 * clock that can be compared must be in order. Limits: 100 escalations, 20 steps, 20 notified each, 9
 * repeats. Pure. */
#pragma once
#include "domain/sla_plan.h"
#include "plan/node.h"

enum {
    ESCALATIONS_MAX = 100,
    ESCALATION_STEPS_MAX = 20,
    ESCALATION_RECIPIENTS_MAX = 20,
    ESCALATION_REPEATS_MAX = 9,
    ESCALATION_LOGIN_MAX = 64,
};

/** Reads them into the plan, whose calendars, policies and schedules are there already; what was read when
 * something is wrong ends with the plan. 0 or -E_VALIDATION with *fault. */
int escalations_json_read(const struct plan_node *node, struct sla_plan *plan,
                          struct plan_fault *fault) _must_check_;
