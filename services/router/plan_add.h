/* The next version of the plan of service levels, whoever made it: an administrator (plan_apply.c) or a feed
 * of holidays (feeds.c). */
#pragma once
#include "router/plan_book.h"

/** Adds `document`, read as `read`, on top of the plan in force, within the caller's transaction. `who` is
 * for people. 0; -E_CONFLICT: another one came first; other failures of db_exec. */
int plan_add(struct db_conn *conn, const struct plan_in_force *present, const json_t *document,
             const struct sla_document *read, const char *who) _must_check_;
