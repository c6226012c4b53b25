/* How the clocks of a ticket came about, for people: intervals, sums, and a line that shows them. */
#pragma once
#include "base/buf.h"
#include "domain/escalation.h"

enum { SLA_PICTURE_COLUMNS = 60 };

/** Appends one clock, as of `now`, in the language in force. */
void sla_picture_add(const struct sla_run *run, struct instant now, struct buf *out);
/** Appends the escalation of a clock, if one has begun: the steps that were told, and the next one. */
void sla_picture_add_escalation(const struct sla_step *steps, size_t n, const struct sla_run *run,
                                struct buf *out);
