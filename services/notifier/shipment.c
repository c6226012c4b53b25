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

static void add_ending(struct buf *json, const struct shipment *shipment)
{
    buf_printf(
        json,
        "%s{\"id\":\"%s\",\"attempts\":%d,\"state\":\"%s\",\"wait_us\":%lld,\"outcome\":\"%s\",\"detail\":",
        json->n ? "," : "[", shipment->id, shipment->attempts, state_name(shipment->verdict),
        (long long)shipment->wait_us, outcome_name(shipment->attempt.outcome));
    buf_json_text(json, shipment->attempt.detail);
    buf_add_text(json, ",\"region\":");
    buf_json_text(json, shipment->tried_in);
    buf_add_char(json, '}');
}

static void note_moved(struct shipment *const *shipments, size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(shipments[i]->id, id) == 0)
            shipments[i]->moved = true;
}

int shipments_record(struct db_conn *conn, struct shipment *const *shipments, size_t n, const char *instance)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf json = BUF_INIT;
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++) {
        shipments[i]->moved = false;
        if (shipments[i]->attempt.outcome == OUTCOME_GONE && shipments[i]->endpoint_id)
            r = disable_endpoint(conn, shipments[i]);
        add_ending(&json, shipments[i]);
    }
    if (r < 0)
        return r;
    buf_add_char(&json, ']');
    db_param_text(&params, buf_text(&json));
    db_param_text(&params, instance);
    r = db_exec(conn, &sql_notifier_delivery_record, &params, &result);
    for (int row = 0; r == 0 && row < db_rows(&result); row++)
        note_moved(shipments, n, db_text(&result, row, 0));
    return r;
}
