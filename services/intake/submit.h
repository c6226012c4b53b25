/* Taking submissions: the spool first, the answer when the commit is known or the patience is over. Loop
 * thread. */
#pragma once
#include "intake/intake.h"

struct waits *waits_new(struct intake *intake);
struct waits *waits_free(struct waits *waits); /* NULL is fine */
/** A drain_settled_fn. */
void submit_settled(void *waiter, int status, const char *number, uint64_t lsn, const char *detail);
