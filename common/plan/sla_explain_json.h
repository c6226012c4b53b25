/* How the clocks of a ticket came about, as JSON: policy and plan, and for each clock its calendar and why
 * that one, the times in which it ran and rested, the working time counted in each, the sum, and what
 * follows: the due time, or what remains; and its escalation, if one has begun. Pure. */
#pragma once
#include "base/buf.h"
#include "domain/escalation.h"

enum { SLA_EXPLAIN_INTERVALS_MAX = 200 }; /* of working time shown for one clock */

/** Appends one object, as of `now`. `fold` is that of the steps. */
void sla_explain_json(const struct sla_step *steps, size_t n, const struct sla_fold *fold, struct instant now,
                      struct buf *out);
/** Appends an instant as a JSON string: RFC 3339 in UTC, a fraction only where there is one. */
void sla_json_instant(struct buf *out, struct instant at);
