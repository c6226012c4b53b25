/* Who is on duty for a team, by schedules of the plan of service levels in force, whose names are not judged
 * here:
 *
 *   "on_duty": {"main": "experts", "backup": "experts-second", "backup_after": 900}     seconds; with a
 * backup
 *
 * Pure. */
#pragma once
#include "domain/organisation.h"
#include "plan/node.h"

enum { ORG_BACKUP_AFTER_S = 900, ORG_BACKUP_AFTER_MAX_S = 86400 };

/** Reads the member "on_duty", which may be absent, into its team. 0 or -E_VALIDATION with *fault. */
int organisation_duty_json_read(const struct plan_node *node, struct org_team *team,
                                struct plan_fault *fault) _must_check_;
