/* Taking submissions: the spool first, the answer when the commit is known or the patience is over. Loop
 * thread. */
#pragma once
#include "intake/intake.h"

struct call;

struct waits *waits_new(struct intake *intake);
struct waits *waits_free(struct waits *waits); /* NULL is fine */
/** A drain_settled_fn. */
bool submit_settled(void *waiter, const struct drain_outcome *outcome);
/** Was this number given to the caller, or for the caller, before its commit was known? Remembered for the
 * latest ones of this process only; a ticket that can be read is not to be asked about. */
bool submit_is_uncommitted(struct call *call, const char *number);
