/* Who is on duty for teams, laid out for some days in desk.duty, so that SQL can ask, on standbys too: by the
 * one evaluator of on-call schedules, swaps included. On a worker. */
#pragma once
#include "router/job.h"

/** Refuses an organisation that names a schedule which the plan in force has not. 0, -E_VALIDATION with its
 * place, or a database failure. In the transaction that applies it. */
int duty_judge(struct db_conn *conn, struct job *job, const struct organisation *organisation) _must_check_;
/** Lays it out anew, in the transaction of what changed: an organisation, a plan, a swap. `plan` is the one
 * that is about to be in force; NULL: the one that is. Database failures; -E_INTERNAL: it cannot be read. */
int duty_renew(struct db_conn *conn, struct plan_book *plans, const struct sla_plan *plan) _must_check_;
/** The same in a transaction of its own. */
int duty_renew_alone(struct db_conn *conn, struct plan_book *plans) _must_check_;
/** Appends to a JSON object what teams lose by this plan: nothing, or a member "warnings". Database failures.
 */
int duty_warn(struct db_conn *conn, const struct sla_plan *plan, struct buf *json) _must_check_;
