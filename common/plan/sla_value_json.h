/* What the parts of a plan of service levels have in common: names, times, calendars by name. Read strictly,
 * as in plan/node.h. Pure. */
#pragma once
#include "domain/sla_plan.h"
#include "plan/node.h"

enum {
    SLA_CALENDARS_MAX = 500,
    SLA_NAME_MAX = 63, /* ASCII letters, digits, _ and - */
    SLA_AMOUNT_MAX_S = 10 * 366 * DAY_S,
};

/** Checks a name that the node has. */
int sla_name_json_check(const struct plan_node *node, const char *name,
                        struct plan_fault *fault) _must_check_;
/** "90s", "30m", "4h"; false for anything else. */
bool sla_amount_parse(struct str text, int64_t *ret_s);
/** The name of a calendar of the plan. */
int sla_calendar_json_read(const struct plan_node *node, const struct sla_plan *plan,
                           const struct sla_calendar **ret_calendar, struct plan_fault *fault) _must_check_;
