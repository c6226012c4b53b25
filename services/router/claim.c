/* Claim the next ticket of one's teams. One statement does it all (claim_next.sql), alone or as one of a
 * group (claim_group.c), so that no lock lives longer than a few round trips to a database on the same
 * machine. Called by the router on a worker; answers an empty body when nothing is ready.
 */
#include "auth/authz.h"
#include "meridian/errors.h"
#include "router/job.h"
#include "router/ticket_rules.h"
#include "router_sql.h"

enum column { EPOCH, RESPONSE, HASH, ANSWER, NUMBER, BUSY };

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

/* `ordinal`: its place in a transaction, which will tell the position; 0: alone. */
static int claim(struct db_conn *conn, struct job *job, const char *teams, const char *key,
                 const uint8_t hash[32], int ordinal)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, teams);
    db_param_text(&params, who->user_id);
    db_param_text(&params, who->login);
    db_param_text(&params, ticket_actor_region(job->request));
    db_param_text(&params, key);
    db_param_bytes(&params, hash, 32);
    db_param_text(&params, job->request->trace_id);
    db_param_int(&params, job->cluster_epoch);
    db_param_int(&params, ordinal);
    r = ordinal ? db_exec(conn, &sql_router_claim_next, &params, &result)
                : db_exec_lsn(conn, &sql_router_claim_next, &params, &result, &job->lsn);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_INTERNAL;
    r = job_check_epoch(job, db_int(&result, 0, EPOCH));
    if (r < 0)
        return r;
    if (!db_is_null(&result, 0, RESPONSE)) {
        r = job_recall(job, db_str(&result, 0, RESPONSE), db_str(&result, 0, HASH), hash);
        return r < 0 ? r : 0;
    }
    if (db_bool(&result, 0, BUSY))
        return -E_DB_RETRY; /* all that is ready is held by others at this moment */
    if (db_is_null(&result, 0, ANSWER))
        return 0; /* nothing is ready */
    buf_add_str(&job->out.json, db_str(&result, 0, ANSWER));
    job_hint_ticket(job);
    return 0;
}

static int claim_next(struct db_conn *conn, struct job *job, int ordinal)
{
    _cleanup_buf_ struct buf teams = BUF_INIT, key = BUF_INIT;
    Meridian__ClaimNext asked = *job->request->claim_next;
    uint8_t hash[32];
    int r;

    if (!job->request->principal)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    r = pick_teams(conn, job, &teams);
    if (r < 0)
        return r;
    job_command_key(job, asked.client_key, &key);
    asked.client_key = NULL;
    job_command_hash(&asked.base, hash);
    r = claim(conn, job, buf_text(&teams), buf_text(&key), hash, ordinal);
    if (r == -E_CONFLICT && !ordinal) { /* the same key at the same time: its answer is there now */
        job_reset(job);
        job->conflict = true;
        r = claim(conn, job, buf_text(&teams), buf_text(&key), hash, ordinal);
    }
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
