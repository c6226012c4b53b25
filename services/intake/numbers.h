/* Final ticket numbers from blocks leased in advance, so that a cut-off region still hands out numbers that
 * nobody else has. Loop thread. */
#pragma once
#include "intake/spool.h"
#include "service/service.h"

struct numbers;
/** Starts with the blocks the spool kept, and leases more. */
struct numbers *numbers_new(struct service *service, struct spool *spool);
/** To be called before the bus and the spool are closed, whose callbacks must still come. */
void numbers_stop(struct numbers *numbers);
struct numbers *numbers_free(struct numbers *numbers); /* after those callbacks; NULL is fine */

/** The next number into the record: number, block and value. -E_UNAVAILABLE when none is left (a lease is on
 * its way). */
int numbers_take(struct numbers *numbers, struct spool_record *ret_record) _must_check_;
int64_t numbers_left(const struct numbers *numbers);
