/* An authority that does what a test says, on a bus inside the process; and a service that dials it. */
#pragma once
#include "service/service.h"
#include "temp.h"

enum behaviour {
    COMMITS,      /* a commit position per batch, replicated at once */
    COMMITS_LATE, /* replicated only when the test says so */
    ALONE,        /* there is no second region */
    DUPLICATES,   /* every key had made the ticket AP-1 */
    CONFLICTS,
    REJECTS_ODD,     /* records with an odd number can never be stored */
    REFUSES_BATCHES, /* a batch of several is refused as a whole, and the record EU-13 always */
    IS_AWAY,         /* 503 */
    IS_SILENT,
};

struct authority {
    uv_loop_t loop;
    struct bus *bus;
    struct service service;
    enum behaviour behaviour;
    uint64_t lsn, replicated;
    uint64_t epoch, asked_epoch; /* its own, 0: none; that of the last request */
    int batches, records, replicated_asks, leases, out_of_order;
    size_t largest, first; /* records of a batch */
    int64_t last_number;   /* of the records it stored, in the order they came */
    int stored[4096];      /* how often, by number */
    int64_t next_block;
    struct bus_request *held[64]; /* not answered while silent */
    int nheld;
};
void authority_open(struct authority *authority, enum behaviour behaviour);
void authority_close(struct authority *authority); /* the bus; the loop is left to the test */
/** Turns the loop until cond(arg), at most 20 s. */
void authority_turn(struct authority *authority, bool (*cond)(void *arg), void *arg);
