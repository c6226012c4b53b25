/* A delivery's life in this process, without the loop: read from the claim, judged, recorded. See ledger.c
 * for who calls when. */
#include "notifier/shipment.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "notifier_sql.h"
#include <stdio.h>

struct shipment *shipment_read(const struct db_result *result, int row, const struct channel *channel)
{
    struct shipment *shipment = NEW(struct shipment);

    shipment->channel = channel;
    snprintf(shipment->id, sizeof shipment->id, "%s", db_text(result, row, 0));
    shipment->destination = mem_str(db_text(result, row, 1));
    shipment->region = mem_str(db_text(result, row, 2));
    shipment->payload = mem_str(db_text(result, row, 3));
    shipment->attempts = (int)db_int(result, row, 4);
    shipment->lost = db_bool(result, row, 5);
    shipment->lane_key = mem_str(db_text(result, row, 6));
    shipment->endpoint_id = db_int(result, row, 7);
    shipment->disabled = db_bool(result, row, 8);
    return shipment;
}

struct shipment *shipment_free(struct shipment *shipment)
{
    if (shipment) {
        free(shipment->destination);
        free(shipment->region);
        free(shipment->payload);
        free(shipment->lane_key);
        free(shipment);
    }
    return NULL;
}

void shipment_judge(struct shipment *shipment, int64_t now_us, int64_t retry_scale)
{
    const struct attempt *attempt = &shipment->attempt;
    int64_t wait_us;

    switch (attempt->outcome) {
    case OUTCOME_DELIVERED:
        shipment->verdict = VERDICT_DELIVERED;
        return;
    case OUTCOME_PERMANENT:
    case OUTCOME_GONE:
        shipment->verdict = VERDICT_DEAD;
        return;
    case OUTCOME_TEMPORARY:
    case OUTCOME_UNCERTAIN:
        break;
    }
    wait_us = retry_wait_us(shipment->channel->retry, shipment->attempts, attempt->retry_after_s,
                            random_u64(), retry_scale);
    if (wait_us < 0) {
        shipment->verdict = attempt->outcome == OUTCOME_UNCERTAIN ? VERDICT_UNCERTAIN : VERDICT_DEAD;
        return;
    }
    if (shipment->lane)
        wait_us += lane_retry_wait_us(shipment->lane, now_us);
    shipment->verdict = VERDICT_QUEUED;
    shipment->wait_us = wait_us;
}

static const char *state_name(enum verdict verdict)
{
    static const char *const names[] = {"delivered", "queued", "dead", "uncertain"};

    return names[verdict];
}

static int disable_endpoint(struct db_conn *conn, const struct shipment *shipment)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_int(&params, shipment->endpoint_id);
    db_param_text(&params, "the endpoint answered 410 Gone");
    return db_exec(conn, &sql_notifier_endpoint_disable, &params, NULL);
}

int shipment_record(struct db_conn *conn, struct shipment *shipment, const char *instance)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r = 0;

    if (shipment->attempt.outcome == OUTCOME_GONE && shipment->endpoint_id)
        r = disable_endpoint(conn, shipment);
    if (r < 0)
        return r;
    db_param_text(&params, shipment->id);
    db_param_text(&params, instance);
    db_param_int(&params, shipment->attempts);
    db_param_text(&params, state_name(shipment->verdict));
    db_param_int(&params, shipment->wait_us);
    db_param_text(&params, outcome_name(shipment->attempt.outcome));
    db_param_text(&params, shipment->attempt.detail);
    db_param_text(&params, shipment->tried_in);
    r = db_exec(conn, &sql_notifier_delivery_record, &params, &result);
    if (r == 0)
        shipment->moved = db_int(&result, 0, 0);
    return r;
}
