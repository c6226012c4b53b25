/* Commands on one ticket: every action of meridian/ticket.h, by a person.
 *
 * One transaction each: lock the ticket, look whether the key was answered before, plan by the rules, write.
 * The number of a merged ticket leads to its root. What concerns two tickets is in link.c and merge.c. Called
 * by the router on a worker. The lock comes before the look-up, so that of two deliveries of one request the
 * second finds the first one's answer. A key used at the same time for another ticket shows as a unique
 * violation; then the look-up is repeated, and decides.
 */
#include "router/command.h"
#include "auth/auth.h"
#include "domain/zone.h"
#include "meridian/errors.h"
#include "router/dependencies.h"
#include "router/eligibility.h"
#include "router/handover.h"
#include "router/offer.h"
#include "router/resolution.h"
#include "router/tzdata.h"
#include "router_sql.h"

/* 1: answered before, the answer is in the job's outcome. */
static int recall(struct db_conn *conn, struct job *job, const char *key, const uint8_t hash[32])
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, job->request->principal->user_id);
    db_param_text(&params, key);
    r = db_exec(conn, &sql_router_command_find, &params, &result);
    if (r < 0 || !db_rows(&result))
        return r;
    return job_recall(job, db_str(&result, 0, 0), db_str(&result, 0, 1), hash);
}

/* Refusals that another moment could have granted. Told once, they must stay so: of two deliveries of one
 * claim the slow one may come when the ticket is free again, and would give it to somebody who was told that
 * they lost. */
static bool is_momentary(int failure)
{
    return failure == -E_ALREADY_CLAIMED || failure == -E_BAD_TRANSITION || failure == -E_NUDGED_LATELY ||
           failure == -E_OFFERED || failure == -E_OFFER_OVER || failure == -E_NOT_ELIGIBLE;
}

/* 0 when the refusal is stored and will be repeated. */
static int remember_refusal(struct db_conn *conn, struct job *job, const char *key, const uint8_t hash[32],
                            int failure)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    int r;

    job_refusal_text(job, failure, &text);
    db_param_text(&params, job->request->principal->user_id);
    db_param_text(&params, key);
    db_param_bytes(&params, hash, 32);
    db_param_text(&params, buf_text(&text));
    r = db_exec(conn, &sql_router_command_refused, &params, NULL);
    return r < 0 ? r : db_commit(conn, NULL);
}

int command_recall(struct db_conn *conn, struct command *command, const struct ticket_row *row)
{
    const Meridian__Request *request = command->job->request;
    int r = job_check_epoch(command->job, row->cluster_epoch);

    if (!r) {
        r = recall(conn, command->job, command->key, command->hash);
        command->recalled = r != 0;
    }
    if (r == -E_KEY_REUSED && ticket_rules_hide(request, row))
        return -E_NOT_FOUND; /* or reusing a key would tell which tickets there are */
    return r;
}

int command_write(struct db_conn *conn, struct command *command, struct ticket_row *row,
                  const struct ticket_change *change, bool last)
{
    return ticket_write(conn, row, change, &command->writer, last);
}

/* By which plan, and by which rules of zones: those of now, and those that the ticket's clocks came from. */
static int recalculate(struct db_conn *conn, const Meridian__Command *asked, const struct ticket_row *row,
                       struct buf *details, struct ticket_change *change)
{
    _cleanup_buf_ struct buf before = BUF_INIT;
    int r = asked->own_plan ? 0 : plan_newest(conn, &change->plan);

    if (!r)
        r = tzdata_before(conn, row->updated_at_us, &before);
    if (r < 0)
        return r;
    buf_add_text(details, ",\"tzdata\":");
    buf_json_text(details, zone_tzdata_version());
    if (before.n && strcmp(buf_text(&before), zone_tzdata_version()) != 0) {
        buf_add_text(details, ",\"from_tzdata\":");
        buf_json_text(details, buf_text(&before));
    }
    change->details = buf_text(details);
    return 0;
}

/* Whether a ticket that is reopened may stay with whoever had it. */
static int owner_on_shift(struct db_conn *conn, struct ticket_row *row)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    if (!row->owner_id)
        return 0;
    db_param_text(&params, row->owner_id);
    db_param_int(&params, row->team);
    r = db_exec(conn, &sql_router_owner_on_shift, &params, &result);
    row->owner_on_shift = !r && db_bool(&result, 0, 0);
    return r;
}

enum { FOLLOW = 2 }; /* the ticket is part of one that is hidden from who asks */

static int change_ticket(struct db_conn *conn, struct command *command)
{
    _cleanup_ticket_row_ struct ticket_row row = {0};
    _cleanup_ticket_assignee_ struct ticket_assignee assignee = {0};
    struct job *job = command->job;
    const Meridian__Request *request = job->request;
    struct ticket_team team = {0};
    struct ticket_plan plan = {0};
    _cleanup_buf_ struct buf details = BUF_INIT;
    _cleanup_handover_ struct handover handover = {0};
    int r;

    r = ticket_row_lock(conn, request->command->number, true, &row);
    if (!r && memcmp(&row.id, &row.named, sizeof row.id) != 0 && ticket_rules_hide(request, &row))
        return FOLLOW;
    if (!r)
        r = command_recall(conn, command, &row);
    if (r)
        return r;
    if (request->command->action == ACTION_TRANSFER)
        r = ticket_team_find(conn, request->command->team, &team);
    if (request->command->action == ACTION_REOPEN)
        r = owner_on_shift(conn, &row);
    if (request->command->action == ACTION_HAND_BACK)
        r = ticket_team_find(conn, row.came_from, &team);
    if (!r && (request->command->action == ACTION_ASSIGN || request->command->action == ACTION_HAND_OVER))
        r = ticket_assignee_find(conn, request->command->assignee, row.team, &assignee);
    if (!r)
        r = ticket_rules_plan(request, &row, &team, &assignee, &plan, &job->out);
    if (r == -E_OFFER_OVER)
        r = offer_explain_over(conn, &row, request->principal->user_id, &job->out);
    if (!r && (request->command->action == ACTION_CLAIM || request->command->action == ACTION_ACCEPT))
        r = eligibility_check(conn, job, &row);
    if (!r && request->command->action == ACTION_RECALCULATE)
        r = recalculate(conn, request->command, &row, &details, &plan.steps[0]);
    if (!r && request->command->action == ACTION_RESOLVE)
        r = resolution_check(conn, command, &row, &plan.steps[0]);
    if (!r && request->command->action == ACTION_RESOLVE)
        r = dependencies_check(conn, job, &row, &plan.steps[0]);
    if (!r && request->command->action == ACTION_HAND_OVER)
        r = handover_command(conn, request, &row, &assignee, &handover, &plan.steps[0], &job->out);
    for (int i = 0; i < plan.n && !r; i++)
        r = command_write(conn, command, &row, &plan.steps[i], i == plan.n - 1);
    if (!r)
        r = handover_write_down(conn, &row, &handover);
    if (r < 0)
        return r;
    job_hint_ticket(job);
    job_hint_timers(job, &row.id, command->writer.clocks_changed);
    return 0;
}

static int change(struct db_conn *conn, struct command *command)
{
    int r;

    switch (command->job->request->command->action) {
    case ACTION_LINK:
    case ACTION_UNLINK:
        return link_change(conn, command);
    case ACTION_MERGE:
    case ACTION_UNMERGE:
        return merge_change(conn, command);
    case ACTION_SPLIT:
    case ACTION_FOLLOW_UP:
        return derive_change(conn, command);
    case ACTION_REPLY:
        if (command->job->request->command->broadcast)
            return broadcast_reply(conn, command);
        r = change_ticket(conn, command);
        break;
    default:
        r = change_ticket(conn, command);
    }
    if (r != FOLLOW)
        return r;
    db_rollback(conn); /* to lock both in the order of their ids */
    r = db_begin(conn);
    return r ? r : merge_follow(conn, command);
}

int command_work(struct db_conn *conn, struct job *job)
{
    _cleanup_buf_ struct buf key = BUF_INIT;
    Meridian__Command asked = *job->request->command;
    uint8_t hash[32];
    struct command command;
    int r;

    if (!job->request->principal && asked.action == ACTION_CONFIRM && asked.text)
        return mail_link_confirm(conn, job);
    if (!job->request->principal)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    job_command_key(job, asked.client_key, &key);
    asked.client_key = NULL;
    asked.has_body_hash = false;
    job_command_hash(&asked.base, hash);
    for (int attempt = 0; attempt < 2; attempt++) {
        command = (struct command){.job = job, .key = buf_text(&key), .hash = hash};
        command.writer = (struct ticket_writer){
            .plans = job->plans,
            .user_id = job->request->principal->user_id,
            .login = job->request->principal->login,
            .trace_id = job->request->trace_id,
            .command_key = buf_text(&key),
            .command_hash = hash,
            .answer = &job->out.json,
        };
        r = db_begin(conn);
        if (!r)
            r = change(conn, &command);
        if (r >= 0) {
            r = db_commit(conn, &job->lsn);
            return r;
        }
        if (is_momentary(r) && !command.recalled) {
            int stored = remember_refusal(conn, job, buf_text(&key), hash, r);
            if (stored < 0)
                r = stored;
        }
        db_rollback(conn);
        if (r != -E_CONFLICT)
            break;
        job_reset(job); /* the key was taken while this ran: its answer counts */
    }
    job->conflict = r == -E_ALREADY_CLAIMED || r == -E_OWNERSHIP_LOST || r == -E_PRECONDITION ||
                    r == -E_OFFERED || r == -E_OFFER_OVER;
    return r;
}

const struct job_kind command_kind = {.name = "command", .repeatable = true, .work = command_work};
