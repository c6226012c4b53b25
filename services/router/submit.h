/* Submissions become tickets: many records, one transaction. */
#pragma once
#include "base/buf.h"
#include "wire/wire.h"

/* What became of each record, in order. Owned by the job. */
struct submit_outcome {
    bool settled;
    Meridian__Submitted__Outcome outcome;
    char number[40]; /* of the ticket that the key leads to */
    char region[8];  /* of a duplicate: where that ticket was accepted, and when */
    int64_t accepted_us;
    char *detail; /* owned; NULL unless rejected or in conflict */
};
struct submit_result {
    struct submit_outcome *outcomes; /* owned */
    size_t n;
    Meridian__Submitted *messages; /* owned: what the reply points to */
    Meridian__Submitted **pointers;
};
void submit_result_fini(struct submit_result *result);
