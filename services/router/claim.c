/* Claims of the next ticket of one's teams. One statement does it all (claim_next.sql), for one claim or for
 * many that came together (claim_group.c), so that no lock lives longer than a round trip to a database on
 * the same machine. Called by the router on a worker; answers an empty body when nothing is ready.
 */
#include "auth/authz.h"
#include "base/encode.h"
#include "meridian/errors.h"
#include "router/job.h"
#include "router/ticket_clocks.h"
#include "router/ticket_rules.h"
#include "router_sql.h"

enum column { CLAIM, EPOCH, RESPONSE, HASH, ANSWER, BUSY };

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
    if (!slug || !slug[0]) {
        for (size_t i = 0; i < who->n_teams; i++)
            buf_printf(ret_teams, "%s%u", i ? "," : "", who->teams[i]);
        return 0;
    }
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
    return 0;
}

static void add_text(struct buf *json, const char *name, const char *text)
{
    buf_printf(json, ",\"%s\":", name);
    buf_json_text(json, text);
}

/* Adds what the `n`th asks for, unless it is refused here. */
static int add_claim(struct db_conn *conn, struct job *job, size_t n, uint8_t ret_hash[32], struct buf *json)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_buf_ struct buf teams = BUF_INIT, key = BUF_INIT;
    Meridian__ClaimNext asked = *job->request->claim_next;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    r = pick_teams(conn, job, &teams);
    if (r < 0)
        return r;
    job_command_key(job, asked.client_key, &key);
    asked.client_key = NULL;
    job_command_hash(&asked.base, ret_hash);
    buf_printf(json, "%s{\"n\":%zu,\"epoch\":%lld,\"teams\":[%s]", json->n ? "," : "[", n,
               (long long)job->cluster_epoch, buf_text(&teams));
    add_text(json, "agent", who->user_id);
    add_text(json, "login", who->login);
    add_text(json, "region", ticket_actor_region(job->request));
    add_text(json, "key", buf_text(&key));
    buf_add_text(json, ",\"hash\":\"");
    buf_add_hex(json, ret_hash, 32);
    buf_add_char(json, '"');
    add_text(json, "trace", job->request->trace_id);
    buf_add_char(json, '}');
    return 0;
}

static int read_answer(struct job *job, const struct db_result *result, int row, const uint8_t hash[32])
{
    int r = job_check_epoch(job, db_int(result, row, EPOCH));

    if (r < 0)
        return r;
    if (!db_is_null(result, row, RESPONSE)) {
        r = job_recall(job, db_str(result, row, RESPONSE), db_str(result, row, HASH), hash);
        return r < 0 ? r : 0;
    }
    if (db_bool(result, row, BUSY))
        return -E_DB_RETRY; /* all that is ready is held by others at this moment */
    if (db_is_null(result, row, ANSWER))
        return 0; /* nothing is ready */
    buf_add_str(&job->out.json, db_str(result, row, ANSWER));
    job_hint_ticket(job);
    return 0;
}

/* The clocks of what was claimed. */
static int follow_clocks(struct db_conn *conn, struct plan_book *plans, const struct db_result *result)
{
    int ordinal = CLAIMS_TOGETHER_MAX, r = 0; /* behind those of the claims */

    for (int row = 0; row < db_rows(result) && !r; row++) {
        _cleanup_(json_decrefp) json_t *ticket = NULL;
        const char *number;

        if (db_is_null(result, row, ANSWER))
            continue;
        ticket = json_loads(db_text(result, row, ANSWER), 0, NULL);
        number = json_string_value(json_object_get(ticket, "number"));
        r = number ? ticket_clocks_follow(conn, plans, number, &ordinal) : -E_INTERNAL;
    }
    return r;
}

static int claim_with_clocks(struct db_conn *conn, struct plan_book *plans, struct db_params *params,
                             struct db_result *result, uint64_t *ret_lsn)
{
    int r = db_begin(conn);

    if (!r)
        r = db_exec(conn, &sql_router_claim_next, params, result);
    if (!r)
        r = follow_clocks(conn, plans, result);
    if (!r)
        r = db_commit(conn, ret_lsn);
    if (r < 0)
        db_rollback(conn);
    return r;
}

/* One statement, which is its own transaction, unless a plan of service levels minds claims; the database
 * knows, and is believed from then on. */
static int claim(struct db_conn *conn, struct plan_book *plans, const char *claims, struct db_result *result,
                 uint64_t *ret_lsn)
{
    bool folds = plan_book_minds_claims(plans);
    int r;

    for (;;) {
        _cleanup_params_ struct db_params params = {0};

        db_param_text(&params, claims);
        db_param_bool(&params, folds);
        r = folds ? claim_with_clocks(conn, plans, &params, result, ret_lsn)
                  : db_exec_lsn(conn, &sql_router_claim_next, &params, result, ret_lsn);
        if (r < 0 || db_rows(result) || folds)
            return r;
        db_result_fini(result);
        plan_book_learn_claims(plans);
        folds = true;
    }
}

int claim_next_together(struct db_conn *conn, struct job *const *jobs, size_t n, int *ret_status)
{
    uint8_t hashes[CLAIMS_TOGETHER_MAX][32];
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf json = BUF_INIT;
    uint64_t lsn = 0;
    int r;

    for (size_t i = 0; i < n; i++) {
        job_reset(jobs[i]);
        ret_status[i] = add_claim(conn, jobs[i], i, hashes[i], &json);
    }
    if (!json.n)
        return 0;
    buf_add_char(&json, ']');
    r = claim(conn, jobs[0]->plans, buf_text(&json), &result, &lsn);
    for (int row = 0; row < db_rows(&result) && !r; row++) {
        size_t i = (size_t)db_int(&result, row, CLAIM);

        if (i >= n)
            return -E_INTERNAL;
        ret_status[i] = read_answer(jobs[i], &result, row, hashes[i]);
        if (!ret_status[i])
            jobs[i]->lsn = lsn;
    }
    return r;
}

static int claim_next_work(struct db_conn *conn, struct job *job)
{
    int status = 0, r = claim_next_together(conn, &job, 1, &status);

    if (r == -E_CONFLICT) { /* the same key at the same time: its answer is there now */
        r = claim_next_together(conn, &job, 1, &status);
        job->conflict = true;
    }
    return r < 0 ? r : status;
}

const struct job_kind claim_next_kind = {.name = "claim_next", .repeatable = true, .work = claim_next_work};
