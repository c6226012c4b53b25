/* One change of one locked ticket, whoever makes it and why. Called by command.c with what the rules planned,
 * inside the transaction that holds the row lock.
 *
 * What must stay true after it, and is checked by tests over the whole database:
 * - the row, the event and the notice say the same, and the event is the next link of the chain;
 * - an open ticket has exactly one of: an owner, an open offer, a row in the queue;
 * - clocks run while the desk has to act, rest while it waits, stop when the ticket does. A clock that is
 * late when it is stopped has breached, also if the scheduler did not come in time: what is due fires first,
 * by the scheduler's own function;
 * - the ticket's timers are armed as its new state demands (timers.c).
 * Any failure ends the transaction; nothing is half done.
 */
#include "router/ticket_write.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/handover.h"
#include "router/offer.h"
#include "router/shift_end.h"
#include "router/ticket_clocks.h"
#include "router/ticket_duty.h"
#include "router/timers.h"
#include "router_sql.h"

/* ---- the row and its event ---- */

static void add_member(struct buf *json, const char *name, const char *text)
{
    buf_printf(json, ",\"%s\":", name);
    buf_json_text(json, text);
}

/* While it is offered, and with the event that ends that. */
static void add_offer(const struct ticket_row *row, const struct ticket_change *change, struct buf *json)
{
    char text[CLOCK_TEXT_SIZE];

    add_member(json, "offered_to", change->offered_login);
    if (change->offered_to)
        add_member(json, "offered_until", clock_format(change->offered_until_us, text));
    if (row->offered_to && change->offer_outcome)
        add_member(json, "from_offered_to", row->offered_login);
}

/* Enough to rebuild the row by folding the events; never a message text. */
static void event_data(const struct ticket_row *row, const struct ticket_change *change, int64_t epoch,
                       struct buf *json)
{
    buf_printf(json, "{\"epoch\":%lld,\"priority\":%d", (long long)epoch, change->priority);
    add_member(json, "state", ticket_state_name(change->state));
    add_member(json, "owner", change->owner_login);
    add_member(json, "region", change->owner_region);
    add_member(json, "team", change->team_slug);
    buf_printf(json, ",\"tier\":%d", change->tier);
    if (change->team != row->team)
        add_member(json, "from_team", row->team_slug);
    if (change->tier != row->tier)
        buf_printf(json, ",\"from_tier\":%d", row->tier);
    if (row->owner_id && change->owner_id && strcmp(row->owner_id, change->owner_id) != 0)
        add_member(json, "from_owner", row->owner_login);
    if (row->offered_to || change->offered_to)
        add_offer(row, change, json);
    if (change->state != row->state)
        add_member(json, "from_state", ticket_state_name(row->state));
    if (change->priority != row->priority)
        buf_printf(json, ",\"from_priority\":%d", row->priority);
    if (change->impact != row->impact || change->urgency != row->urgency)
        buf_printf(json, ",\"impact\":%d,\"urgency\":%d", change->impact, change->urgency);
    if (change->plan)
        buf_printf(json, ",\"plan\":%lld", (long long)change->plan);
    if (change->text_kind == TEXT_REPLY)
        add_member(json, "by", change->from_requester ? "requester" : "agent");
    if (change->pending_until_us) {
        char text[CLOCK_TEXT_SIZE];

        add_member(json, "until", clock_format(change->pending_until_us, text));
    }
    if (change->details)
        buf_add_text(json, change->details);
    buf_add_char(json, '}');
}

/* What a change means beside the ticket's own columns. */
struct consequences {
    const char *data;                /* of the event */
    const char *queue;               /* "put", "take" or NULL */
    int64_t due_us, reopen_until_us; /* 0: none */
};

static void add_time(struct db_params *params, int64_t us)
{
    if (us)
        db_param_int(params, us);
    else
        db_param_null(params);
}

static int write_row(struct db_conn *conn, struct ticket_row *row, const struct ticket_change *change,
                     struct ticket_writer *writer, bool last, const struct consequences *means)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int rise = change->epoch_rises ? 1 : 0, r;

    db_param_uuid(&params, &row->id);
    db_param_int(&params, row->version);
    db_param_int(&params, row->epoch);
    db_param_text(&params, ticket_state_name(change->state));
    db_param_int(&params, change->team);
    db_param_text(&params, change->owner_id);
    db_param_text(&params, change->owner_region);
    db_param_int(&params, rise);
    db_param_text(&params, change->pending_reason);
    add_time(&params, change->pending_until_us);
    db_param_text(&params, change->cause);
    db_param_text(&params, change->solution);
    db_param_text(&params, change->prevention);
    db_param_int(&params, change->reopened ? 1 : 0);
    db_param_bool(&params, change->first_response);
    db_param_int(&params, row->now_us);
    db_param_text(&params, writer->user_id);
    db_param_text(&params, writer->login);
    db_param_text(&params, change->event);
    db_param_bool(&params, change->public);
    db_param_text(&params, means->data);
    db_param_int(&params, ++writer->ordinal);
    db_param_text(&params, writer->trace_id);
    db_param_text(&params, means->queue);
    add_time(&params, means->due_us);
    db_param_text(&params, last ? writer->command_key : NULL);
    if (last)
        db_param_bytes(&params, writer->command_hash, 32);
    else
        db_param_null(&params);
    db_param_int(&params, change->priority);
    db_param_int(&params, change->impact);
    db_param_int(&params, change->urgency);
    add_time(&params, means->reopen_until_us);
    db_param_text(&params, last ? writer->answer_more : NULL);
    db_param_text(&params, change->offered_to);
    add_time(&params, change->offered_to ? change->offered_until_us : 0);
    r = db_exec(conn, &sql_router_ticket_write, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_DB_RETRY; /* the lock should make this impossible: begin again with a fresh look */
    buf_reset(writer->answer);
    buf_add_str(writer->answer, db_str(&result, 0, 0));
    row->version = (int)db_int(&result, 0, 1);
    row->epoch += rise;
    return 0;
}

static int write_text(struct db_conn *conn, const struct ticket_row *row, const struct ticket_change *change,
                      const struct ticket_writer *writer)
{
    _cleanup_params_ struct db_params params = {0};
    struct uuid id = uuid_v7();
    bool reply = change->text_kind == TEXT_REPLY;

    if (change->text_kind == TEXT_NONE)
        return 0;
    db_param_uuid(&params, &id);
    db_param_uuid(&params, &row->id);
    db_param_int(&params, row->version);
    db_param_text(&params, writer->user_id);
    if (reply)
        db_param_bool(&params, change->from_requester);
    db_param_text(&params, change->text);
    db_param_int(&params, row->now_us);
    return db_exec(conn, reply ? &sql_router_reply_add : &sql_router_note_add, &params, NULL);
}

static void learn(struct ticket_row *row, const struct ticket_change *change)
{
    row->state = change->state;
    row->owner_id = change->owner_id;
    row->owner_login = change->owner_login;
    row->owner_region = change->owner_region;
    row->offered_to = change->offered_to;
    row->offered_login = change->offered_login;
    row->offered_until_us = change->offered_until_us;
    row->team = change->team;
    row->tier = change->tier;
    row->priority = change->priority;
    row->impact = change->impact;
    row->urgency = change->urgency;
    row->team_slug = change->team_slug;
    row->pending_reason = change->pending_reason;
    row->pending_until_us = change->pending_until_us;
    row->responded = row->responded || change->first_response;
}

int ticket_write(struct db_conn *conn, struct ticket_row *row, const struct ticket_change *planned,
                 struct ticket_writer *writer, bool last)
{
    _cleanup_ticket_clocks_ struct ticket_clocks clocks = {0};
    _cleanup_buf_ struct buf data = BUF_INIT;
    struct ticket_change settled = *planned, unchanged = ticket_change_none(row);
    const struct ticket_change *change = &settled;
    bool was = ticket_change_queues(&unchanged), is;
    struct consequences means = {0};
    int before = row->version, r;
    bool put;

    ticket_change_settle_offer(row, &settled);
    is = ticket_change_queues(change);
    event_data(row, change, row->epoch + (change->epoch_rises ? 1 : 0), &data);
    r = ticket_clocks_read(conn, row, &writer->ordinal, &clocks);
    if (!r)
        r = ticket_clocks_fold(conn, writer->plans, row,
                               &(struct clock_event){change->event, writer->login, buf_text(&data)}, &clocks);
    if (r < 0)
        return r;
    if (row->version != before)
        writer->clocks_changed = true;
    means.data = buf_text(&data);
    means.due_us = ticket_clocks_due_us(&clocks);
    put = is && (!was || change->opens_to_all || change->team != row->team ||
                 change->priority != row->priority || means.due_us != ticket_clocks_stored_due_us(&clocks));
    if (!means.due_us)
        means.due_us = row->now_us;
    means.queue = put ? "put" : was && !is ? "take" : NULL;
    if (change->state == TICKET_CLOSED && row->state != TICKET_CLOSED)
        means.reopen_until_us =
            sla_closing_reopen_until(&ticket_clocks_plan(&clocks)->closing, (struct instant){row->now_us}).us;
    r = handover_follow(conn, row, change); /* drafts tell how it was */
    if (!r)
        r = write_row(conn, row, change, writer, last, &means);
    if (!r)
        r = write_text(conn, row, change, writer);
    if (!r)
        r = ticket_clocks_write(conn, row, &clocks, &writer->clocks_changed);
    if (!r)
        r = offer_follow(conn, row, change);
    if (!r)
        r = timers_follow(conn, row, change, &clocks, &writer->clocks_changed);
    if (!r)
        r = ticket_duty_arm(conn, row, change, &writer->clocks_changed);
    if (!r)
        r = shift_end_follow(conn, row, change);
    if (r < 0)
        return r;
    learn(row, change);
    return 0;
}
