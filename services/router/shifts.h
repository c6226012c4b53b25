/* When desks are open, laid out for some weeks in desk.shift, so that SQL can ask, on standbys too. */
#pragma once
#include "base/buf.h"
#include "db/db.h"
#include "domain/organisation.h"

/** The shifts of all desks from two weeks ago on, so that the last one of a desk is there after holidays, as
 * desk.shifts_lay takes them; `now_us` since 1970. */
void shifts_json(const struct organisation *organisation, int64_t now_us, struct buf *json);
/** Lays out the shifts of the organisation in force anew. Database failures; -E_INTERNAL: it cannot be
 * understood. */
int shifts_renew(struct db_conn *conn) _must_check_;
