/* One change of one locked ticket, whoever makes it and why. Called by command.c with what the rules planned,
 * inside the transaction that holds the row lock.
 *
 * What must stay true after it, and is checked by tests over the whole database:
 * - the row, the event and the notice say the same, and the event is the next link of the chain;
 * - a row in the queue exists exactly while the ticket can be claimed;
 * - clocks run while the desk has to act, rest while it waits, stop when the ticket does. A clock that is
 * late when it is stopped has breached, also if the scheduler did not come in time: what is due fires first,
 * by the scheduler's own function;
 * - the ticket's timers are armed as its new state demands (timers.c).
 * Any failure ends the transaction; nothing is half done.
 */
#include "router/ticket_write.h"
#include "base/clock.h"
#include "domain/sla_clock.h"
#include "meridian/errors.h"
#include "router/timers.h"
#include "router_sql.h"

enum { MAX_CLOCKS = 2 };

struct clock_row {
    const char *target; /* belongs to the result */
    struct sla_clock before, after;
};

struct clocks {
    struct db_result result;
    struct clock_row rows[MAX_CLOCKS];
    int n;
};

static void clocks_fini(struct clocks *clocks)
{
    db_result_fini(&clocks->result);
}
#define _cleanup_clocks_ _cleanup_(clocks_fini)

static const struct calendar *const always = NULL; /* the only calendar there is */

/* What a state means for the clocks. */
enum pace { RUNS, RESTS, MET, CANCELLED };

static enum pace pace_of(enum ticket_state state)
{
    switch (state) {
    case TICKET_NEW:
    case TICKET_OPEN:
        return RUNS;
    case TICKET_PENDING:
        return RESTS;
    case TICKET_RESOLVED:
    case TICKET_CLOSED:
        return MET;
    case TICKET_CANCELLED:
        return CANCELLED;
    }
    return RUNS;
}

static bool claimable(enum ticket_state state, const char *owner_id)
{
    return !owner_id && (state == TICKET_NEW || state == TICKET_OPEN);
}

/* ---- clocks ---- */

/* Fires what is overdue; each event moves the ticket on by one version. */
static int fire_due(struct db_conn *conn, struct ticket_row *row, struct ticket_writer *writer)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, "system:router");
    db_param_int(&params, writer->ordinal);
    r = db_exec(conn, &sql_router_clock_fire, &params, &result);
    if (r < 0)
        return r;
    writer->ordinal += db_rows(&result);
    for (int i = 0; i < db_rows(&result); i++) {
        if (!str_starts(db_str(&result, i, 0), STR("sla.")))
            continue; /* a clock that moved meanwhile has nothing to fire */
        row->version++;
        writer->clocks_changed = true;
        row->now_us = db_int(&result, i, 1);
    }
    return 0;
}

static struct instant instant_at(const struct db_result *result, int i, int column)
{
    return (struct instant){db_int(result, i, column)};
}

static int read_clocks(struct db_conn *conn, const struct ticket_row *row, struct clocks *clocks)
{
    _cleanup_params_ struct db_params params = {0};
    struct db_result *result = &clocks->result;
    int r;

    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_clock_list, &params, result);
    if (r < 0)
        return r;
    clocks->n = db_rows(result) < MAX_CLOCKS ? db_rows(result) : MAX_CLOCKS;
    for (int i = 0; i < clocks->n; i++) {
        struct clock_row *clock = &clocks->rows[i];
        struct sla_clock *c = &clock->before;

        clock->target = db_text(result, i, 0);
        if (sla_clock_state_parse(db_str(result, i, 1), &c->state) < 0)
            return -E_INTERNAL;
        c->started = instant_at(result, i, 2);
        c->target_s = db_int(result, i, 3);
        c->warn_percent = (int)db_int(result, i, 4);
        c->due = instant_at(result, i, 5);
        c->warn = instant_at(result, i, 6);
        c->remaining_s = db_int(result, i, 7);
        c->warned = instant_at(result, i, 8);
        c->breached = instant_at(result, i, 9);
        c->stopped = instant_at(result, i, 10);
        c->fire = instant_at(result, i, 11);
        c->generation = (int)db_int(result, i, 12);
        clock->after = *c;
    }
    return 0;
}

static bool due(const struct clocks *clocks, int64_t now_us)
{
    for (int i = 0; i < clocks->n; i++)
        if (clocks->rows[i].before.fire.us && clocks->rows[i].before.fire.us <= now_us)
            return true;
    return false;
}

static struct sla_clock follow(struct clock_row *row, enum pace pace, bool first_response, struct instant now)
{
    bool response = strcmp(row->target, "first_response") == 0;
    struct sla_clock clock = row->before;

    if (response && first_response)
        return sla_clock_meet(always, clock, now);
    switch (pace) {
    case RUNS:
        clock = sla_clock_resume(always, clock, now);
        return response ? clock
                        : sla_clock_restart(always, clock, now); /* an answer once given stays given */
    case RESTS:
        return sla_clock_pause(always, clock, now);
    case MET:
        return sla_clock_meet(always, clock, now);
    case CANCELLED:
        return sla_clock_cancel(always, clock, now);
    }
    return clock;
}

static int write_clock(struct db_conn *conn, const struct ticket_row *row, const struct clock_row *clock)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    const struct sla_clock *c = &clock->after;
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, clock->target);
    db_param_int(&params, clock->before.generation);
    db_param_text(&params, sla_clock_state_name(c->state));
    if (c->due.us)
        db_param_int(&params, c->due.us);
    else
        db_param_null(&params);
    if (c->warn.us)
        db_param_int(&params, c->warn.us);
    else
        db_param_null(&params);
    if (c->state == SLA_CLOCK_RUNNING)
        db_param_null(&params);
    else
        db_param_int(&params, c->remaining_s);
    if (c->stopped.us)
        db_param_int(&params, c->stopped.us);
    else
        db_param_null(&params);
    if (c->fire.us)
        db_param_int(&params, c->fire.us);
    else
        db_param_null(&params);
    db_param_int(&params, c->generation);
    r = db_exec(conn, &sql_router_clock_write, &params, &result);
    if (r < 0)
        return r;
    return db_affected(&result) == 1 ? 0 : -E_DB_RETRY;
}

/* ---- the row and its event ---- */

static void add_member(struct buf *json, const char *name, const char *text)
{
    buf_printf(json, ",\"%s\":", name);
    buf_json_text(json, text);
}

/* Enough to rebuild the row by folding the events; never a message text. */
static void event_data(const struct ticket_row *row, const struct ticket_change *change, int64_t epoch,
                       struct buf *json)
{
    buf_printf(json, "{\"epoch\":%lld,\"priority\":%d", (long long)epoch, row->priority);
    add_member(json, "state", ticket_state_name(change->state));
    add_member(json, "owner", change->owner_login);
    add_member(json, "region", change->owner_region);
    add_member(json, "team", change->team_slug);
    if (change->team != row->team)
        add_member(json, "from_team", row->team_slug);
    if (change->state != row->state)
        add_member(json, "from_state", ticket_state_name(row->state));
    if (change->pending_until_us) {
        char text[CLOCK_TEXT_SIZE];

        add_member(json, "until", clock_format(change->pending_until_us, text));
    }
    buf_add_char(json, '}');
}

static int write_row(struct db_conn *conn, struct ticket_row *row, const struct ticket_change *change,
                     struct ticket_writer *writer, bool last, const char *queue, int64_t due_us)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf data = BUF_INIT;
    int rise = change->epoch_rises ? 1 : 0, r;

    event_data(row, change, row->epoch + rise, &data);
    db_param_uuid(&params, &row->id);
    db_param_int(&params, row->version);
    db_param_int(&params, row->epoch);
    db_param_text(&params, ticket_state_name(change->state));
    db_param_int(&params, change->team);
    db_param_text(&params, change->owner_id);
    db_param_text(&params, change->owner_region);
    db_param_int(&params, rise);
    db_param_text(&params, change->pending_reason);
    if (change->pending_until_us)
        db_param_int(&params, change->pending_until_us);
    else
        db_param_null(&params);
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
    db_param_text(&params, buf_text(&data));
    db_param_int(&params, ++writer->ordinal);
    db_param_text(&params, writer->trace_id);
    db_param_text(&params, queue);
    if (due_us)
        db_param_int(&params, due_us);
    else
        db_param_null(&params);
    db_param_text(&params, last ? writer->command_key : NULL);
    if (last)
        db_param_bytes(&params, writer->command_hash, 32);
    else
        db_param_null(&params);
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

int ticket_write(struct db_conn *conn, struct ticket_row *row, const struct ticket_change *change,
                 struct ticket_writer *writer, bool last)
{
    _cleanup_clocks_ struct clocks clocks = {0};
    enum pace pace = pace_of(change->state);
    bool moves = pace != pace_of(row->state) || change->first_response;
    bool was = claimable(row->state, row->owner_id), is = claimable(change->state, change->owner_id);
    bool put = is && (!was || change->team != row->team || moves);
    int64_t due_us = 0;
    int r = 0;

    if (moves || put)
        r = read_clocks(conn, row, &clocks);
    if (!r && moves && due(&clocks, row->now_us)) {
        r = fire_due(conn, row, writer);
        if (!r)
            r = read_clocks(conn, row, &clocks);
    }
    if (r < 0)
        return r;
    for (int i = 0; i < clocks.n; i++) {
        struct clock_row *clock = &clocks.rows[i];

        if (moves)
            clock->after = follow(clock, pace, change->first_response, (struct instant){row->now_us});
        if (clock->after.due.us && (!due_us || clock->after.due.us < due_us))
            due_us = clock->after.due.us;
    }
    r = write_row(conn, row, change, writer, last,
                  put          ? "put"
                  : was && !is ? "take"
                               : NULL,
                  due_us ? due_us : row->now_us);
    if (!r)
        r = write_text(conn, row, change, writer);
    for (int i = 0; i < clocks.n && !r; i++) {
        if (clocks.rows[i].after.generation == clocks.rows[i].before.generation)
            continue;
        writer->clocks_changed = true;
        r = write_clock(conn, row, &clocks.rows[i]);
    }
    if (!r)
        r = timers_follow(conn, row, change, &writer->clocks_changed);
    if (r < 0)
        return r;
    row->state = change->state;
    row->owner_id = change->owner_id;
    row->owner_login = change->owner_login;
    row->owner_region = change->owner_region;
    row->team = change->team;
    row->team_slug = change->team_slug;
    row->pending_reason = change->pending_reason;
    row->pending_until_us = change->pending_until_us;
    row->responded = row->responded || change->first_response;
    return 0;
}
