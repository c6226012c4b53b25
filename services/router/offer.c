/* Offers and their rows. Called by ticket_write.c with every change, by command.c when somebody answers too
 * late, and by whoever makes offers.
 *
 * What must stay true: an offer is open exactly while its ticket says to whom (desk.ticket.offered_to), and
 * is written in the transaction that changes the ticket. Its end by the clock is a timer, "offer_end". */
#include "router/offer.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/ticket_refusal.h"
#include "router_sql.h"

void ticket_offer_plan(const struct ticket_row *row, const struct offer *offer, struct ticket_plan *ret_plan)
{
    struct ticket_change *change = &ret_plan->steps[0];

    *ret_plan = (struct ticket_plan){.n = 1};
    *change = ticket_change_none(row);
    change->event = "ticket.offered";
    change->epoch_rises = row->owner_id;
    change->owner_id = change->owner_login = change->owner_region = NULL;
    change->offered_to = offer->user_id;
    change->offered_login = offer->login;
    change->offered_until_us = offer->until_us;
    change->offer_kind = offer->kind;
}

/* ---- the rows ---- */

static const char *outcome_name(enum offer_outcome outcome)
{
    static const char *const names[] = {[OFFER_ACCEPTED] = "accepted",
                                        [OFFER_DECLINED] = "declined",
                                        [OFFER_EXPIRED] = "expired",
                                        [OFFER_WITHDRAWN] = "withdrawn"};

    return names[outcome];
}

static int end(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, &row->id);
    db_param_text(&params, outcome_name(change->offer_outcome));
    db_param_text(&params, change->offer_outcome == OFFER_DECLINED ? change->text : NULL);
    db_param_int(&params, row->now_us);
    return db_exec(conn, &sql_router_offer_end, &params, NULL);
}

static int begin(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change)
{
    _cleanup_params_ struct db_params params = {0};
    struct uuid id = uuid_v7();

    db_param_uuid(&params, &id);
    db_param_uuid(&params, &row->id);
    db_param_text(&params, change->offer_kind);
    db_param_text(&params, change->offered_to);
    db_param_int(&params, row->now_us);
    db_param_int(&params, change->offered_until_us);
    return db_exec(conn, &sql_router_offer_add, &params, NULL);
}

int offer_follow(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change)
{
    int r = change->offer_outcome ? end(conn, row, change) : 0;

    return r || !change->offer_kind ? r : begin(conn, row, change);
}

/* ---- too late ---- */

static void tell_now(const struct ticket_row *row, struct buf *text)
{
    if (row->owner_id)
        buf_printf(text, "; %s owns the ticket now", row->owner_login);
    else if (row->offered_to)
        buf_printf(text, "; it is offered to %s now", row->offered_login);
    else if (row->state == TICKET_NEW || row->state == TICKET_OPEN)
        buf_add_text(text, "; the ticket is in the queue: claim it");
}

static void add_offer(const struct db_result *last, struct buf *json, struct buf *text)
{
    char at[CLOCK_TEXT_SIZE];
    const char *outcome;

    buf_add_text(json, "{\"offer\":");
    if (!db_rows(last)) {
        buf_add_text(json, "null");
        buf_add_text(text, "The ticket was not offered to you");
        return;
    }
    outcome = db_text(last, 0, 0);
    clock_format(db_int(last, 0, 1), at);
    buf_printf(json, "{\"outcome\":\"%s\",\"at\":\"%s\"}", outcome, at);
    if (strcmp(outcome, "accepted") == 0 || strcmp(outcome, "declined") == 0)
        buf_printf(text, "You %s the offer at %s", outcome, at);
    else
        buf_printf(text, "The offer to you %s at %s",
                   strcmp(outcome, "expired") == 0 ? "expired" : "was withdrawn", at);
}

int offer_explain_over(struct db_conn *conn, const struct ticket_row *row, const char *user_id,
                       struct outcome *out)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result last = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct buf *json = &out->json;
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, user_id);
    r = db_exec(conn, &sql_router_offer_last, &params, &last);
    if (r < 0)
        return r;
    add_offer(&last, json, &text);
    buf_add_text(json, ",\"owner\":");
    ticket_refusal_add_owner(row, json);
    buf_add_text(json, ",\"offered_to\":");
    buf_json_text(json, row->offered_login);
    buf_printf(json, ",\"epoch\":%lld}", (long long)row->epoch);
    tell_now(row, &text);
    return outcome_refuse(out, -E_OFFER_OVER, "%s", buf_text(&text));
}
