/* Claims due deliveries of one channel for this process: no more than can start at once. Loop thread. Private
 * to the ledger.
 */
#pragma once
#include "notifier/shipment.h"

enum { CLAIM_MOST = 50 };

struct claim;

struct claim_options {
    struct db_pool *pool;
    struct lanes *lanes;
    const struct channel *channel;
    const char *instance;
    int64_t lease_us;
    int64_t rate; /* ordinary ones per second; urgent ones count and do not wait */
    /** `n` shipments, the callee's, or a negative `status` and none. False: no more claims on its own. */
    bool (*claimed)(void *ctx, int status, struct shipment **take_shipments, int n);
    /** There may be something to claim in that time: call claim_look then. */
    void (*look_in)(void *ctx, int64_t wait_us);
    void *ctx;
};

/* `rows`, `limit` and `ordinary` are the worker's while `running`. */
struct claim {
    struct claim_options options;
    int slots;     /* how many may be in flight; its owner may change it */
    int in_flight; /* claimed, and not ended by claim_end */
    bool running;
    bool more; /* something may wait for a place that is taken */

    bool asked;             /* while it was running: look again */
    bool urgent;            /* urgent ones may be due */
    double tokens;          /* how many ordinary ones may start now */
    int64_t tokens_at_us;   /* when they were last counted */
    int64_t begun_at_us;    /* monotonic: the last claim */
    int64_t due_at_us;      /* monotonic: when there is a reason for the next one; 0: there is none */
    struct buf rooms;       /* of lanes, as the statement takes them */
    int limit, ordinary, n; /* how many may be claimed, how many ordinary ones of them; how many were */
    struct shipment *rows[CLAIM_MOST];
};

void claim_open(struct claim *claim, const struct claim_options *options, int slots);
/** After the pool is closed. */
void claim_close(struct claim *claim);
/** There is a reason to claim in that time. */
void claim_want(struct claim *claim, int64_t wait_us);
/** Claims if there is a reason by now, or was none for a second: at once, or when the claim under way has
 * ended. */
void claim_look(struct claim *claim);
/** Urgent ones became due: the next claim does not wait for the rate. */
void claim_expect_urgent(struct claim *claim);
/** One that was claimed is done with. True: others may wait for its place. */
bool claim_end(struct claim *claim);
