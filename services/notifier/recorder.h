/* Records how deliveries ended, many at a time: while one transaction is under way the next ones gather, so
 * that a busy notifier pays for a commit per group and not per message. Loop thread. */
#pragma once
#include "notifier/shipment.h"

enum { RECORD_MOST = 100 };

struct recorder_options {
    struct db_pool *pool;
    const char *instance; /* as in the claim */
    /** Each shipment with how its record went; it is the callee's again. True: not now, hand it in again with
     * recorder_again (only after a failure). */
    bool (*recorded)(void *ctx, struct shipment *shipment, int status);
    void *ctx;
};

struct recorder {
    struct recorder_options options;
    struct list ended;                   /* to be recorded, in order */
    struct list again;                   /* failed, to be recorded when told */
    struct shipment *group[RECORD_MOST]; /* the worker's while `n` is not 0 */
    size_t n;
};

void recorder_init(struct recorder *recorder, const struct recorder_options *options);
/** Frees what was not recorded; nothing may be under way. */
void recorder_fini(struct recorder *recorder);
/** Takes a judged shipment. */
void recorder_add(struct recorder *recorder, struct shipment *take_shipment);
/** Tries again what failed. */
void recorder_again(struct recorder *recorder);
