/* A reply to a parent that goes to its open children, too: one reply each, so that each requester reads it in
 * their own ticket and answers there. Called by command.c within its transaction.
 *
 * All in one transaction under the parent's key: everybody is told, or nobody, and a repeated delivery finds
 * the answer. The parent and its children are locked together, in the order of their ids; who the children
 * are is looked at before and again under the locks, since links of a ticket are made with its lock. What
 * must stay true: nobody replies to a ticket that they could not reply to by itself, and nobody learns of the
 * parent from a child's events who may not see it. */
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/command.h"
#include "router/ticket_tell.h"
#include "router_sql.h"

static int list(struct db_conn *conn, const struct uuid *root, struct db_result *ret_children)
{
    _cleanup_params_ struct db_params params = {0};

    db_param_uuid(&params, root);
    db_param_int(&params, LIMIT_BROADCAST + 1);
    return db_exec(conn, &sql_router_broadcast_list, &params, ret_children);
}

static int lock(struct db_conn *conn, struct command *command, const struct ticket_place *place,
                struct ticket_rows *ret_rows)
{
    _cleanup_result_ struct db_result children = {0};
    _cleanup_(freep) struct uuid *ids = NULL;
    int r = list(conn, &place->root, &children), n = 0;

    if (r < 0)
        return r;
    ids = NEW_ARRAY(struct uuid, (size_t)db_rows(&children) + 1);
    ids[n++] = place->root;
    for (int i = 0; i < db_rows(&children) && !r; i++)
        r = db_uuid(&children, i, 0, &ids[n++]);
    if (!r)
        r = ticket_rows_lock(conn, ids, n, ret_rows);
    if (!r)
        r = ticket_place_check(conn, place);
    if (!r && !ticket_rows_find(ret_rows, &place->root))
        r = -E_INTERNAL;
    return r ? r : command_recall(conn, command, ticket_rows_find(ret_rows, &place->root));
}

static int judge(struct command *command, const struct ticket_row *parent)
{
    const Meridian__Principal *actor = command->job->request->principal;
    struct outcome *out = &command->job->out;

    if (actor->role == ROLE_REQUESTER || strcmp(actor->user_id, parent->requester_id) == 0)
        return outcome_refuse_field(out, "/broadcast", "is for those who answer, not for those who ask");
    return 0;
}

/* 1: told; 0: passed over. */
static int tell(struct db_conn *conn, struct command *command, struct ticket_row *child,
                const struct ticket_row *parent)
{
    _cleanup_buf_ struct buf details = BUF_INIT;
    struct ticket_plan plan;
    int r;

    buf_add_text(&details, ",\"broadcast\":true");
    if (ticket_tell_publicly(child, parent)) {
        buf_add_text(&details, ",\"from\":");
        buf_json_text(&details, parent->number);
    }
    ticket_rules_plan_broadcast(command->job->request, child, buf_text(&details), &plan);
    if (!plan.n)
        return 0;
    r = command_write(conn, command, child, &plan.steps[0], false);
    return r < 0 ? r : 1;
}

struct count {
    int sent, passed_over; /* of those that the caller sees */
};

static int tell_all(struct db_conn *conn, struct command *command, const struct ticket_rows *rows,
                    const struct ticket_row *parent, struct count *count)
{
    _cleanup_result_ struct db_result children = {0};
    int r = list(conn, &parent->id, &children);

    if (!r && db_rows(&children) > LIMIT_BROADCAST)
        r = outcome_refuse_field(&command->job->out, "/broadcast", "would reach too many open children");
    for (int i = 0; i < db_rows(&children) && !r; i++) {
        struct ticket_row *child;
        struct uuid id;

        r = db_uuid(&children, i, 0, &id);
        child = r ? NULL : ticket_rows_find(rows, &id);
        if (!r && !child)
            r = -E_DB_RETRY; /* it became one meanwhile */
        if (r < 0)
            return r;
        r = tell(conn, command, child, parent);
        count->sent += r > 0;
        count->passed_over += !r && !ticket_rules_hide(command->job->request, child);
        r = r > 0 ? 0 : r;
    }
    return r;
}

int broadcast_reply(struct db_conn *conn, struct command *command)
{
    _cleanup_ticket_rows_ struct ticket_rows rows = {0};
    _cleanup_buf_ struct buf more = BUF_INIT;
    const Meridian__Request *request = command->job->request;
    struct ticket_plan plan = {0};
    struct ticket_place place;
    struct ticket_row *parent;
    struct count count = {0};
    int r;

    if (request->principal->role == ROLE_REQUESTER) /* whatever the ticket: nothing is locked or told */
        return outcome_refuse_field(&command->job->out, "/broadcast", "is for agents");
    r = ticket_place_find(conn, request->command->number, &place);
    if (!r)
        r = lock(conn, command, &place, &rows);
    if (r)
        return r;
    parent = ticket_rows_find(&rows, &place.root);
    r = ticket_rules_plan(request, parent, NULL, NULL, &plan, &command->job->out);
    if (!r)
        r = judge(command, parent);
    if (!r)
        r = tell_all(conn, command, &rows, parent, &count);
    if (r < 0)
        return r;
    buf_printf(&more, ",\"broadcast\":{\"sent\":%d,\"passed_over\":%d}", count.sent, count.passed_over);
    command->writer.answer_more = buf_text(&more);
    plan.steps[0].details = ",\"broadcast\":true";
    r = command_write(conn, command, parent, &plan.steps[0], true);
    command->writer.answer_more = NULL;
    if (r < 0)
        return r;
    job_hint_ticket(command->job);
    job_hint_timers(command->job, &(struct uuid){0}, command->writer.clocks_changed);
    return 0;
}
