/* A schedule of a plan together with the swaps that people agreed on: what the evaluator is to be asked
 * about. On a worker. */
#pragma once
#include "db/db.h"
#include "domain/escalation_policy.h"

struct swapped {
    struct oncall schedule; /* borrows from the plan */
    struct oncall_override *swaps;
};

/** The schedule with all swaps taken that touch [from_s, to_s). A swap of somebody whom this plan's schedule
 * does not name is left out: then the one who asked stays. Database failures. */
int swapped_read(struct db_conn *conn, const struct escalation_schedule *schedule, int64_t from_s,
                 int64_t to_s, struct swapped *ret_swapped) _must_check_;
void swapped_fini(struct swapped *swapped);
#define _cleanup_swapped_ _cleanup_(swapped_fini)
/** The number of a person, or ONCALL_NONE. */
int32_t swapped_person(const struct escalation_schedule *schedule, const char *login);
