/* What automatic acts leave alone: a team, a priority or an owner that a person has decided about a short
 * while ago (robots.hands_off_for of the organisation). The act waits until then: it is written down as an
 * event, and its timer rings again. Worker thread. */
#pragma once
#include "router/ticket_rules.h"

#define ROBOTS_OVERFLOW        "overflow"
#define ROBOTS_ESCALATION_LATE "escalation_late" /* what a step of an escalation left for later */

/** A decision to be respected; until_us 0: there is none. */
struct robots_decision {
    const char *by; /* login, belongs to `result` */
    int64_t until_us;
    struct db_result result;
};
void robots_decision_fini(struct robots_decision *decision);
#define _cleanup_decision_ _cleanup_(robots_decision_fini)

/** The last decision about `fields`, an array of "team", "priority", "owner" as "{team,owner}". Database
 * failures. */
int robots_decided(struct db_conn *conn, const struct ticket_row *row, const char *fields,
                   struct robots_decision *ret_decision) _must_check_;
/** Appends to `details` what the event says of an act that waits for a decision: the act, the fields, whose
 * decision, until when. */
void robots_describe(const char *act, const char *fields, const struct robots_decision *decision,
                     struct buf *details);
/** Adds the event to the plan, with `details`, and that the timer rings again then. */
void robots_plan_held_off(const struct ticket_row *row, const char *timer, int64_t until_us,
                          const char *details, struct ticket_plan *plan);
