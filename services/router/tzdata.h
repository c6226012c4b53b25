/* The rules of zones that this router has, beside those that the others have and those of before. On a
 * worker. */
#pragma once
#include "db/db.h"

/** Writes down the rules of the zones that the plan and the organisation in force name, unless they are
 * those that were written down last or were today, so that it can be said later what new ones moved. Writes
 * nothing and warns (in the log) when tzdata was replaced under this process. Database failures. */
int tzdata_record(struct db_conn *conn) _must_check_;
/** How many versions of tzdata the live instances have, and which: "2025b (3), 2026a (1)" is appended.
 * Negative for database failures. */
int tzdata_versions(struct db_conn *conn, struct buf *ret_text) _must_check_;
/** The version by which what was stored at an instant was computed, appended; nothing when it is not known.
 * Database failures. */
int tzdata_before(struct db_conn *conn, int64_t at_us, struct buf *ret_version) _must_check_;
