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
/** What a ticket that is made from another one takes from it. */
struct submit_origin {
    bool by_desk;          /* what the attributes say of the customer is believed */
    int team, tier;        /* where it goes; team 0: where the organisation in force has it */
    const char *team_slug; /* borrowed */
    bool restricted;
    const char *details; /* members of the first event, each with its comma before it; borrowed */
};
struct db_conn;
struct job;
/** Stores one submission in the connection's transaction, as others are stored. 0; -E_DB_RETRY when its
 * number or id is there already; or a failure. */
int submit_derived(struct db_conn *conn, struct job *job, Meridian__Submission *submission,
                   const struct submit_origin *origin) _must_check_;
void submit_result_fini(struct submit_result *result);
