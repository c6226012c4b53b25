/* Merges: one ticket goes up in another, gets out again within a day, and its requester, who may not see that
 * other one, goes on by the old number. Called by command.c within its transaction.
 *
 * What must stay true: every ticket and its root are locked in the order of their ids by whoever changes
 * that; roots are not merged themselves, so one look leads there; events, texts and links stay where they are
 * and are shown at the root, so that nothing is moved twice and the end of a merge gives everything back. A
 * merged ticket is cancelled: its clocks end by their plan as for any other, it leaves the queue, and whoever
 * owned it has lost it. */
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/command.h"
#include "router/ticket_tell.h"
#include "router_sql.h"

static const int64_t undo_us = INT64_C(24) * 3600 * US_PER_S;

static void add_other(struct buf *details, const char *name, const struct ticket_row *row)
{
    buf_printf(details, ",\"%s\":", name);
    buf_json_text(details, row->number);
}

static void hint(struct command *command)
{
    job_hint_ticket(command->job);
    job_hint_timers(command->job, &(struct uuid){0}, command->writer.clocks_changed);
}

/* ---- into another one ---- */

static int refuse_merged(struct command *command, const struct ticket_row *row, const struct ticket_row *root)
{
    struct outcome *out = &command->job->out;

    if (ticket_rules_hide(command->job->request, root))
        return outcome_refuse(out, -E_MERGED, "%s is part of another ticket", row->number);
    buf_add_text(&out->json, "{\"merged_into\":");
    buf_json_text(&out->json, root->number);
    buf_add_char(&out->json, '}');
    return outcome_refuse(out, -E_MERGED, "%s is part of %s", row->number, root->number);
}

/* The ticket that is to stay: what one may not see is not there. */
static int judge_target(struct command *command, const struct ticket_place *places,
                        const struct ticket_row *row, const struct ticket_row *root)
{
    const Meridian__Request *request = command->job->request;
    struct outcome *out = &command->job->out;

    if (!root || ticket_rules_hide(request, root))
        return outcome_refuse(out, -E_NOT_FOUND, "There is no ticket %s, or you may not see it",
                              request->command->other);
    if (!ticket_rules_may(request, ACTION_LINK, root))
        return outcome_refuse(out, -E_FORBIDDEN, "You may not merge into %s", root->number);
    if (root == row)
        return outcome_refuse_field(out, "/into",
                                    memcmp(&places[0].id, &places[1].id, sizeof places[0].id) == 0
                                        ? "is the ticket itself"
                                        : "is part of the ticket");
    if (!ticket_state_is_final(root->state))
        return 0;
    buf_printf(&out->json, "{\"state\":\"%s\",\"allowed\":[]}", ticket_state_name(root->state));
    return outcome_refuse(out, -E_BAD_TRANSITION, "%s is %s", root->number, ticket_state_name(root->state));
}

/* Is the one a parent of the other? 1: yes. */
static int is_parent(struct db_conn *conn, const struct ticket_row *row, const struct ticket_row *root)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_uuid(&params, &row->id);
    db_param_text(&params, "parent_of");
    db_param_uuid(&params, &root->id);
    r = db_exec(conn, &sql_router_link_find, &params, &result);
    return r < 0 ? r : db_bool(&result, 0, 0);
}

static int add(struct db_conn *conn, struct command *command, const struct ticket_row *row,
               const struct ticket_row *root, int64_t *ret_replies)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct outcome *out = &command->job->out;
    int r = db_exec(conn, &sql_router_link_lock, NULL, NULL);

    if (!r)
        r = is_parent(conn, row, root);
    if (r > 0)
        r = outcome_refuse(out, -E_LINK, "%s is a child of %s", root->number, row->number);
    if (r < 0)
        return r;
    db_param_uuid(&params, &row->id);
    db_param_uuid(&params, &root->id);
    db_param_bool(&params, row->state == TICKET_NEW);
    db_param_int(&params, row->now_us);
    db_param_text(&params, command->writer.user_id);
    r = db_exec(conn, &sql_router_merge_add, &params, &result);
    if (r < 0)
        return r;
    *ret_replies = db_int(&result, 0, 0);
    if (db_int(&result, 0, 1) > LIMIT_TICKET_LINKS)
        return outcome_refuse(out, -E_LINK, "At most %d tickets are part of one", LIMIT_TICKET_LINKS);
    return link_check_circle(conn, out, root);
}

static int merge(struct db_conn *conn, struct command *command, const struct ticket_place *places,
                 struct ticket_row *row, struct ticket_row *root, struct ticket_change *change)
{
    _cleanup_buf_ struct buf here = BUF_INIT, there = BUF_INIT;
    struct ticket_change received;
    int64_t replies;
    int r = judge_target(command, places, row, root);

    if (!r)
        r = add(conn, command, row, root, &replies);
    if (r < 0)
        return r;
    received = ticket_change_none(root);
    received.event = "ticket.received_merge";
    received.public = ticket_tell_publicly(root, row);
    if (ticket_tell_number(root, row))
        add_other(&there, "from", row);
    buf_printf(&there, ",\"replies\":%lld", (long long)replies);
    received.details = buf_text(&there);
    if (ticket_tell_publicly(row, root)) { /* agents who see the other one are led there by the number */
        add_other(&here, "into", root);
        change->details = buf_text(&here);
    }
    r = command_write(conn, command, row, change, false);
    return r ? r : command_write(conn, command, root, &received, true);
}

/* ---- and out of it ---- */

static int end(struct db_conn *conn, struct command *command, const struct ticket_row *row)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_router_link_lock, NULL, NULL);

    if (r < 0)
        return r;
    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_merge_end, &params, &result);
    if (r < 0)
        return r;
    return db_rows(&result) == 1 ? link_check_circle(conn, &command->job->out, row) : -E_DB_RETRY;
}

static int unmerge(struct db_conn *conn, struct command *command, const struct ticket_place *place,
                   struct ticket_row *row, struct ticket_row *root, struct ticket_change *change)
{
    _cleanup_buf_ struct buf here = BUF_INIT, there = BUF_INIT;
    struct ticket_change returned;
    int r;

    if (ticket_rules_hide(command->job->request, root))
        return outcome_refuse(&command->job->out, -E_FORBIDDEN, "You may not see what %s is part of",
                              row->number);
    r = end(conn, command, row);
    if (r < 0)
        return r;
    if (place->was_new)
        change->state = TICKET_NEW;
    if (ticket_tell_publicly(row, root)) {
        add_other(&here, "from", root);
        change->details = buf_text(&here);
    }
    returned = ticket_change_none(root);
    returned.event = "ticket.returned_merge";
    returned.public = ticket_tell_publicly(root, row);
    if (ticket_tell_number(root, row)) {
        add_other(&there, "to", row);
        returned.details = buf_text(&there);
    }
    r = command_write(conn, command, root, &returned, false);
    return r ? r : command_write(conn, command, row, change, true);
}

int merge_change(struct db_conn *conn, struct command *command)
{
    _cleanup_ticket_rows_ struct ticket_rows rows = {0};
    const Meridian__Request *request = command->job->request;
    bool into = request->command->action == ACTION_MERGE;
    struct ticket_plan plan = {0};
    struct ticket_place places[2];
    struct ticket_row *row, *root;
    int r = ticket_place_find(conn, request->command->number, &places[0]), found = -E_NOT_FOUND;

    if (!r && into && request->command->other)
        found = ticket_place_find(conn, request->command->other, &places[1]);
    if (r < 0 || (found < 0 && found != -E_NOT_FOUND))
        return r < 0 ? r : found;
    r = command_lock(conn, command, places, found ? 1 : 2, true, &rows);
    if (r)
        return r;
    row = ticket_rows_find(&rows, &places[0].id);
    root = ticket_rows_find(&rows, &places[0].root);
    row->merged = places[0].merged_at_us && row->now_us - places[0].merged_at_us <= undo_us;
    if (into && root != row && ticket_rules_may(request, ACTION_MERGE, row))
        return refuse_merged(command, row, root);
    r = ticket_rules_plan(request, row, NULL, NULL, &plan, &command->job->out);
    if (r == -E_BAD_TRANSITION && !into && root != row)
        r = outcome_refuse(&command->job->out, r, "A merge can be undone for 24 hours");
    if (!r && into)
        r = merge(conn, command, places, row, found ? NULL : ticket_rows_find(&rows, &places[1].root),
                  &plan.steps[0]);
    else if (!r)
        r = unmerge(conn, command, &places[0], row, root, &plan.steps[0]);
    if (!r)
        hint(command);
    return r;
}

/* ---- by the old number ---- */

static int reply(struct db_conn *conn, struct command *command, struct ticket_row *row,
                 struct ticket_row *root, const struct ticket_change *said)
{
    _cleanup_buf_ struct buf details = BUF_INIT;
    struct ticket_change here = ticket_change_none(row), there = ticket_change_none(root);
    char text[UUID_TEXT_SIZE];
    int r;

    here.event = there.event = said->event;
    here.text_kind = said->text_kind;
    here.text = said->text;
    here.from_requester = said->from_requester;
    there.public = false; /* whoever asked there does not know who asked here */
    buf_printf(&details, ",\"by\":\"%s\",\"reply_of\":\"%s\",\"reply_seq\":%d",
               said->from_requester ? "requester" : "agent", uuid_format(&row->id, text), row->version + 1);
    there.details = buf_text(&details);
    r = command_write(conn, command, root, &there, false);
    if (!r && root->state == TICKET_PENDING && said->from_requester) {
        there = ticket_change_none(root);
        ticket_change_resume(&there, TICKET_OPEN);
        r = command_write(conn, command, root, &there, false);
    }
    return r ? r : command_write(conn, command, row, &here, true);
}

int merge_follow(struct db_conn *conn, struct command *command)
{
    _cleanup_ticket_rows_ struct ticket_rows rows = {0};
    const Meridian__Request *request = command->job->request;
    bool replies = request->command->action == ACTION_REPLY;
    struct ticket_plan plan = {0};
    struct ticket_place place;
    struct ticket_row *row, *root, as_if;
    int r = ticket_place_find(conn, request->command->number, &place);

    if (!r)
        r = command_lock(conn, command, &place, 1, true, &rows);
    if (r)
        return r;
    row = ticket_rows_find(&rows, &place.id);
    root = ticket_rows_find(&rows, &place.root);
    if (root == row)
        return -E_DB_RETRY; /* it got out of it meanwhile */
    as_if = *row;
    if (replies) /* it can be said as long as there is somebody who works on it */
        as_if.state = root->state;
    as_if.reopen_until_us = root->reopen_until_us;
    r = ticket_rules_plan(request, &as_if, NULL, NULL, &plan, &command->job->out);
    if (!r)
        r = replies ? reply(conn, command, row, root, &plan.steps[0]) : -E_DB_RETRY;
    if (!r)
        hint(command);
    return r;
}
