/* Claim the next ticket of one's teams. One statement does it all (claim_next.sql), alone or as one of a
 * group (claim_group.c), so that no lock lives longer than a few round trips to a database on the same
 * machine. Called by the router on a worker; answers an empty body when nothing is ready.
 *
 * Clocks do not move when a ticket is claimed, unless its plan of service levels minds claims. Once there has
 * been such a plan, the statement leaves the ticket alone but locked; it is then claimed like a named one, by
 * the rules and with its clocks folded, in the same transaction. Which plan a ticket counts by is not looked
 * up before: that would cost those more who have no such plan.
 */
#include "auth/authz.h"
#include "meridian/errors.h"
#include "router/job.h"
#include "router/ticket_write.h"
#include "router_sql.h"

enum column { EPOCH, RESPONSE, HASH, ANSWER, BUSY, MINDING };
enum { CLAIM_MINDS = 1 }; /* the ticket's clocks may mind claims */

/* What one call of the statement is about. */
struct asked {
    const char *teams, *key;
    const uint8_t *hash; /* 32 bytes */
    int ordinal;         /* its place in a transaction, which will tell the position; 0: alone */
};

static struct authz_subject subject_of(const Meridian__Principal *who)
{
    return (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
}

/* One team by name, if the caller may claim there; else all of theirs. */
static int pick_teams(struct db_conn *conn, struct job *job, struct buf *ret_teams)
{
    const Meridian__Principal *who = job->request->principal;
    struct authz_subject subject = subject_of(who);
    const char *slug = job->request->claim_next->team;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct authz_ticket queue = {0};
    int r;

    if (authz(&subject, AUTHZ_QUEUE_CLAIM, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "Only agents claim");
    buf_add_char(ret_teams, '{');
    if (!slug || !slug[0]) {
        for (size_t i = 0; i < who->n_teams; i++)
            buf_printf(ret_teams, "%s%u", i ? "," : "", who->teams[i]);
    } else {
        db_param_text(&params, slug);
        r = db_exec(conn, &sql_router_team_find, &params, &result);
        if (r < 0)
            return r;
        if (!db_rows(&result))
            return outcome_refuse_field(&job->out, "/team", "there is no such team");
        queue.team = (uint32_t)db_int(&result, 0, 0);
        if (authz(&subject, AUTHZ_QUEUE_CLAIM, &queue) != AUTHZ_ALLOW)
            return outcome_refuse(&job->out, -E_FORBIDDEN, "You are not a member of that team");
        buf_printf(ret_teams, "%u", queue.team);
    }
    buf_add_char(ret_teams, '}');
    return 0;
}

/* 0, or CLAIM_MINDS and the number of a ticket that is left to be claimed. */
static int claim(struct db_conn *conn, struct job *job, const struct asked *asked, struct buf *ret_number)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, asked->teams);
    db_param_text(&params, who->user_id);
    db_param_text(&params, who->login);
    db_param_text(&params, ticket_actor_region(job->request));
    db_param_text(&params, asked->key);
    db_param_bytes(&params, asked->hash, 32);
    db_param_text(&params, job->request->trace_id);
    db_param_int(&params, job->cluster_epoch);
    db_param_int(&params, asked->ordinal);
    r = asked->ordinal ? db_exec(conn, &sql_router_claim_next, &params, &result)
                       : db_exec_lsn(conn, &sql_router_claim_next, &params, &result, &job->lsn);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_INTERNAL;
    r = job_check_epoch(job, db_int(&result, 0, EPOCH));
    if (r < 0)
        return r;
    if (!db_is_null(&result, 0, RESPONSE)) {
        r = job_recall(job, db_str(&result, 0, RESPONSE), db_str(&result, 0, HASH), asked->hash);
        return r < 0 ? r : 0;
    }
    if (!db_is_null(&result, 0, MINDING)) {
        buf_reset(ret_number);
        buf_add_str(ret_number, db_str(&result, 0, MINDING));
        return CLAIM_MINDS;
    }
    if (db_bool(&result, 0, BUSY))
        return -E_DB_RETRY; /* all that is ready is held by others at this moment */
    if (db_is_null(&result, 0, ANSWER))
        return 0; /* nothing is ready */
    buf_add_str(&job->out.json, db_str(&result, 0, ANSWER));
    job_hint_ticket(job);
    return 0;
}

/* ---- when clocks move ---- */

/* As if it had been named, but that the answer belongs to the request for the next one. */
static int claim_named(struct db_conn *conn, struct job *job, const struct asked *asked, const char *number)
{
    _cleanup_ticket_row_ struct ticket_row row = {0};
    Meridian__Command command = MERIDIAN__COMMAND__INIT;
    Meridian__Request request = *job->request;
    struct ticket_writer writer = {
        .plans = job->plans,
        .user_id = request.principal->user_id,
        .login = request.principal->login,
        .trace_id = request.trace_id,
        .command_key = asked->key,
        .command_hash = asked->hash,
        .answer = &job->out.json,
    };
    struct ticket_plan plan = {0};
    int r;

    command.action = ACTION_CLAIM;
    command.number = (char *)number;
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    r = ticket_row_lock(conn, number, &row);
    if (!r)
        r = ticket_rules_plan(&request, &row, NULL, &plan, &job->out);
    for (int i = 0; i < plan.n && !r; i++)
        r = ticket_write(conn, &row, &plan.steps[i], &writer, i == plan.n - 1);
    if (r < 0)
        return r;
    job_hint_ticket(job);
    job->hints.clocks = writer.clocks_changed;
    return 0;
}

/* The statement once more, in a transaction: what it locks stays locked, so that nobody waits here either. */
static int claim_folding(struct db_conn *conn, struct job *job, const struct asked *asked)
{
    struct asked within = *asked;
    _cleanup_buf_ struct buf number = BUF_INIT;
    int r = db_begin(conn);

    within.ordinal = 1;
    if (!r)
        r = claim(conn, job, &within, &number);
    if (r == CLAIM_MINDS)
        r = claim_named(conn, job, asked, buf_text(&number));
    if (!r)
        r = db_commit(conn, &job->lsn);
    if (r < 0)
        db_rollback(conn);
    return r == -E_CONFLICT ? -E_DB_RETRY : r; /* the same key at the same time: its answer will be there */
}

static int claim_next(struct db_conn *conn, struct job *job, int ordinal)
{
    _cleanup_buf_ struct buf teams = BUF_INIT, key = BUF_INIT, number = BUF_INIT;
    Meridian__ClaimNext next = *job->request->claim_next;
    struct asked asked;
    uint8_t hash[32];
    int r;

    if (!job->request->principal)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    r = pick_teams(conn, job, &teams);
    if (r < 0)
        return r;
    job_command_key(job, next.client_key, &key);
    next.client_key = NULL;
    job_command_hash(&next.base, hash);
    asked = (struct asked){buf_text(&teams), buf_text(&key), hash, ordinal};
    r = claim(conn, job, &asked, &number);
    if (r == -E_CONFLICT && !ordinal) { /* the same key at the same time: its answer is there now */
        job_reset(job);
        job->conflict = true;
        r = claim(conn, job, &asked, &number);
    }
    if (r == CLAIM_MINDS)
        return ordinal ? -E_DB_RETRY : claim_folding(conn, job, &asked); /* a group tries such a one alone */
    return r;
}

int claim_next_in(struct db_conn *conn, struct job *job, int ordinal)
{
    return claim_next(conn, job, ordinal);
}

static int claim_next_work(struct db_conn *conn, struct job *job)
{
    return claim_next(conn, job, 0);
}

const struct job_kind claim_next_kind = {.name = "claim_next", .repeatable = true, .work = claim_next_work};
