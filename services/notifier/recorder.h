/* Records how deliveries ended, many at a time: they gather for a moment, so that a busy notifier pays for a
 * statement and a commit per group and not per message. Loop thread. */
#pragma once
#include "notifier/shipment.h"

enum { RECORD_MOST = 100 };

struct recorder_options {
    uv_loop_t *loop;
    struct db_pool *pool;
    const char *instance; /* as in the claim */
    /** Each shipment with how its record went; it is the callee's again. True: not now, hand it in again with
     * recorder_again (only after a failure). */
    bool (*recorded)(void *ctx, struct shipment *shipment, int status);
    void *ctx;
};

struct recorder {
    struct recorder_options options;
    uv_timer_t timer;
    bool hurry; /* the next group goes as it is */
    bool stopped;
    size_t waiting;                      /* in `ended` */
    struct list ended;                   /* to be recorded, in order */
    struct list again;                   /* failed, to be recorded when told */
    struct shipment *group[RECORD_MOST]; /* the worker's while `n` is not 0, like the next */
    int refused[RECORD_MOST];            /* how the record of each ended, when the group's was refused */
    size_t n;
    void (*closed)(void *ctx);
};

void recorder_open(struct recorder *recorder, const struct recorder_options *options);
/** Begins no further group: the pool is about to close. */
void recorder_stop(struct recorder *recorder);
/** Frees what was not recorded; nothing may be under way. `done` when the memory may go. */
void recorder_close(struct recorder *recorder, void (*done)(void *ctx));
/** Takes a judged shipment. It is recorded with those of the next moment. */
void recorder_add(struct recorder *recorder, struct shipment *take_shipment);
/** Nothing else is under way that could end soon: no need to wait for it. */
void recorder_hurry(struct recorder *recorder);
/** How many wait or are being recorded; not those that failed. */
size_t recorder_size(const struct recorder *recorder);
/** Tries again what failed. */
void recorder_again(struct recorder *recorder);
