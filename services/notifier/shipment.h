/* One claimed delivery on its way: from the claim to the record of how it ended. Private to the ledger. */
#pragma once
#include "base/list.h"
#include "base/uuid.h"
#include "db/db.h"
#include "notifier/channel.h"
#include "notifier/lane.h"

/** What becomes of the delivery. */
enum verdict { VERDICT_DELIVERED, VERDICT_QUEUED, VERDICT_DEAD, VERDICT_UNCERTAIN };

struct shipment {
    struct list node; /* in the ledger's list of those to be recorded; else in none */
    void *owner;      /* the ledger */
    const struct channel *channel;
    char id[UUID_TEXT_SIZE];
    char *destination, *region, *payload, *lane_key; /* owned */
    int attempts;                                    /* with this one */
    bool lost;                                       /* an earlier sender did not report back */
    bool disabled;                                   /* the endpoint is: not to be sent */
    int64_t endpoint_id;                             /* 0: none */
    struct lane *lane;                               /* set while it counts there */
    int64_t started_us;                              /* monotonic */

    /* Set when the attempt has ended. */
    struct attempt attempt;
    const char *tried_in; /* region; borrowed, lives as long as the process */
    enum verdict verdict;
    int64_t wait_us; /* VERDICT_QUEUED: until the next attempt */
    bool moved;      /* the record changed it; false when another process had taken it over */
    bool unrecorded; /* its record has failed, and will be tried again */
};

/** From a row of delivery_claim.sql. */
struct shipment *shipment_read(const struct db_result *result, int row, const struct channel *channel);
struct shipment *shipment_free(struct shipment *shipment);
/** Decides what becomes of it by outcome, policy and the lane's budget of retries. Sets verdict and wait_us.
 */
void shipment_judge(struct shipment *shipment, int64_t now_us, int64_t retry_scale);
/** Work of a database job: writes the verdicts in one statement and sets `moved`. `instance` as in the claim.
 */
int shipments_record(struct db_conn *conn, struct shipment *const *shipments, size_t n, const char *instance);
