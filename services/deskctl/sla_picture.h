/* How the clocks of a ticket came about, for people: intervals, sums, and a line that shows them. */
#pragma once
#include "base/buf.h"
#include "domain/sla_fold.h"

enum { SLA_PICTURE_COLUMNS = 60 };

/** Appends one clock, as of `now`, in the language in force. */
void sla_picture_add(const struct sla_run *run, struct instant now, struct buf *out);
