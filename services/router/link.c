/* Links: made and ended between two tickets, with an event on each. Called by command.c within its
 * transaction.
 *
 * Both tickets are locked in the order of their ids, as everybody does who locks more than one, so that
 * nobody waits in a circle. The number of a merged ticket stands for its root. What must stay true: links of
 * a kind that has a direction never lead in a circle (merged tickets counted as one), nobody learns the
 * number of a ticket that they may not see, also not from events. */
#include "domain/ticket_link.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/command.h"
#include "router/ticket_tell.h"
#include "router_sql.h"

struct pair {
    enum ticket_link kind;
    bool backwards; /* as it was asked: the ticket of the command is the `to` end */
    struct ticket_row *one, *other;
};

int command_lock(struct db_conn *conn, struct command *command, const struct ticket_place *places, int n,
                 bool plain, struct ticket_rows *ret_rows)
{
    struct uuid ids[8] = {0};
    const struct uuid *first = plain ? &places[0].id : &places[0].root;
    int m = 0, r;

    for (int i = 0; i < n; i++) {
        ids[m++] = places[i].root;
        if (plain)
            ids[m++] = places[i].id;
    }
    r = ticket_rows_lock(conn, ids, m, ret_rows);
    for (int i = 0; i < n && !r; i++)
        r = ticket_place_check(conn, &places[i]);
    if (!r && !ticket_rows_find(ret_rows, first))
        r = -E_INTERNAL;
    return r ? r : command_recall(conn, command, ticket_rows_find(ret_rows, first));
}

static void add_params(struct db_params *params, const struct pair *pair)
{
    db_param_uuid(params, pair->backwards ? &pair->other->id : &pair->one->id);
    db_param_text(params, ticket_link_word(pair->kind, false));
    db_param_uuid(params, pair->backwards ? &pair->one->id : &pair->other->id);
}

static int find(struct db_conn *conn, const struct pair *pair, struct db_result *ret_result)
{
    _cleanup_params_ struct db_params params = {0};

    add_params(&params, pair);
    return db_exec(conn, &sql_router_link_find, &params, ret_result);
}

static int insert(struct db_conn *conn, const struct command *command, const struct pair *pair)
{
    return link_insert(conn, command, pair->backwards ? pair->other : pair->one, pair->kind,
                       pair->backwards ? pair->one : pair->other, 0);
}

int link_insert(struct db_conn *conn, const struct command *command, const struct ticket_row *from,
                enum ticket_link kind, const struct ticket_row *to, int reply_seq)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, &from->id);
    db_param_text(&params, ticket_link_word(kind, false));
    db_param_uuid(&params, &to->id);
    db_param_int(&params, to->now_us);
    db_param_text(&params, command->writer.user_id);
    if (reply_seq)
        db_param_int(&params, reply_seq);
    else
        db_param_null(&params);
    return db_exec(conn, &sql_router_link_add, &params, NULL);
}

int link_check_circle(struct db_conn *conn, struct outcome *out, const struct ticket_row *row)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_link_cycle, &params, &result);
    if (!r && db_bool(&result, 0, 0))
        r = outcome_refuse(out, -E_LINK, "That would close a circle of links through %s", row->number);
    return r;
}

static int add(struct db_conn *conn, struct command *command, const struct pair *pair)
{
    _cleanup_result_ struct db_result found = {0};
    struct outcome *out = &command->job->out;
    int r = db_exec(conn, &sql_router_link_lock, NULL, NULL);

    if (!r)
        r = find(conn, pair, &found);
    if (r < 0)
        return r;
    if (db_bool(&found, 0, 0))
        return outcome_refuse(out, -E_LINK, "%s and %s are linked so already", pair->one->number,
                              pair->other->number);
    if (db_int(&found, 0, 1) >= LIMIT_TICKET_LINKS)
        return outcome_refuse(out, -E_LINK, "A ticket has at most %d links", LIMIT_TICKET_LINKS);
    if (pair->kind == LINK_PARENT_OF && db_bool(&found, 0, 2))
        return outcome_refuse(out, -E_LINK, "%s has a parent already",
                              (pair->backwards ? pair->one : pair->other)->number);
    r = insert(conn, command, pair);
    return r ? r : link_check_circle(conn, out, pair->one);
}

static int end(struct db_conn *conn, struct command *command, const struct pair *pair)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result ended = {0};
    int r;

    add_params(&params, pair);
    r = db_exec(conn, &sql_router_link_end, &params, &ended);
    if (!r && !db_rows(&ended))
        r = outcome_refuse(&command->job->out, -E_LINK, "%s and %s are not linked so", pair->one->number,
                           pair->other->number);
    return r;
}

void link_describe(struct ticket_change *change, enum ticket_link kind, bool backwards,
                   const struct ticket_row *of, const struct ticket_row *about, struct buf *ret_details)
{
    buf_printf(ret_details, ",\"link\":\"%s\"", ticket_link_word(kind, backwards));
    if (ticket_tell_number(of, about)) {
        buf_add_text(ret_details, ",\"other\":");
        buf_json_text(ret_details, about->number);
    }
    change->public = ticket_tell_publicly(of, about);
    change->details = buf_text(ret_details);
}

static int write_events(struct db_conn *conn, struct command *command, const struct pair *pair,
                        struct ticket_change *change)
{
    _cleanup_buf_ struct buf near = BUF_INIT, far = BUF_INIT;
    struct ticket_change other = ticket_change_none(pair->other);
    int r;

    other.event = change->event;
    link_describe(&other, pair->kind, !pair->backwards, pair->other, pair->one, &far);
    link_describe(change, pair->kind, pair->backwards, pair->one, pair->other, &near);
    r = command_write(conn, command, pair->other, &other, false);
    return r ? r : command_write(conn, command, pair->one, change, true);
}

/* The other end: what one may not see is not there. */
static int judge_other(struct command *command, const struct pair *pair)
{
    const Meridian__Request *request = command->job->request;

    if (!pair->other || ticket_rules_hide(request, pair->other))
        return outcome_refuse(&command->job->out, -E_NOT_FOUND,
                              "There is no ticket %s, or you may not see it", request->command->other);
    if (pair->other == pair->one)
        return outcome_refuse_field(&command->job->out, "/to", "is the ticket itself");
    return 0;
}

int link_change(struct db_conn *conn, struct command *command)
{
    _cleanup_ticket_rows_ struct ticket_rows rows = {0};
    const Meridian__Request *request = command->job->request;
    const Meridian__Command *asked = request->command;
    struct ticket_place places[2];
    struct ticket_plan plan = {0};
    struct pair pair = {0};
    int r = ticket_place_find(conn, asked->number, &places[0]), found;

    if (r < 0)
        return r;
    found = asked->other ? ticket_place_find(conn, asked->other, &places[1]) : -E_NOT_FOUND;
    if (found < 0 && found != -E_NOT_FOUND)
        return found;
    r = command_lock(conn, command, places, found ? 1 : 2, false, &rows);
    if (r)
        return r;
    pair.one = ticket_rows_find(&rows, &places[0].root);
    pair.other = found ? NULL : ticket_rows_find(&rows, &places[1].root);
    r = ticket_rules_plan(request, pair.one, NULL, NULL, &plan, &command->job->out);
    if (!r)
        r = judge_other(command, &pair);
    if (!r)
        r = ticket_link_parse(str_from(asked->link), &pair.kind, &pair.backwards);
    if (!r)
        r = asked->action == ACTION_LINK ? add(conn, command, &pair) : end(conn, command, &pair);
    if (!r)
        r = write_events(conn, command, &pair, &plan.steps[0]);
    if (r < 0)
        return r;
    job_hint_ticket(command->job);
    job_hint_timers(command->job, &(struct uuid){0}, command->writer.clocks_changed);
    return 0;
}
