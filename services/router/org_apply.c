/* A new organisation. Called by the router for administrators.
 *
 * What must stay true: it is only added on top of the one it was made from, so that nobody's change is
 * overwritten unseen; what cannot be read, contradicts itself or would lose somebody's work is refused with
 * its place, and nothing of it is applied. Tickets that are there stay where they are. */
#include "auth/authz.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/duty.h"
#include "router/job.h"
#include "router/shifts.h"
#include "router/tzdata.h"
#include "router_sql.h"

static int answer(struct job *job, int64_t version)
{
    buf_reset(&job->out.json);
    buf_printf(&job->out.json, "{\"version\":%lld}", (long long)version);
    return 0;
}

/* Of its form and its sense. Takes seconds for a huge one: not in a transaction. */
static int judge(struct job *job, const json_t *document, struct org_document **ret_read)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf pointer = BUF_INIT;

    if (organisation_json_read(document, 0, ret_read, &fault) == 0)
        return 0;
    buf_printf(&pointer, "/document%s", buf_text(&fault.at));
    return outcome_refuse_field(&job->out, buf_text(&pointer), buf_text(&fault.reason));
}

/* Against what is in the database. The first fault is told; there may be more. */
static int check_facts(struct db_conn *conn, struct job *job, const char *document)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result faults = {0};
    _cleanup_buf_ struct buf pointer = BUF_INIT;
    int r;

    db_param_text(&params, document);
    r = db_exec(conn, &sql_router_organisation_faults, &params, &faults);
    if (r < 0 || !db_rows(&faults))
        return r;
    buf_printf(&pointer, "/document%s", db_text(&faults, 0, 0));
    return outcome_refuse_field(&job->out, buf_text(&pointer), db_text(&faults, 0, 1));
}

static int add(struct db_conn *conn, struct job *job, const char *document,
               const struct organisation *organisation, int64_t version)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    _cleanup_buf_ struct buf shifts = BUF_INIT;
    int r;

    shifts_json(organisation, clock_now_us(), &shifts);
    db_param_int(&params, version);
    db_param_text(&params, document);
    db_param_text(&params, buf_text(&shifts));
    db_param_text(&params, job->request->principal->login);
    r = db_exec(conn, &sql_router_organisation_apply, &params, &result);
    return r ? r : tzdata_record(conn);
}

static int add_rest(struct db_conn *conn, const char *document)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};

    db_param_text(&params, document);
    return db_exec(conn, &sql_router_organisation_apply_rest, &params, &result);
}

static int apply(struct db_conn *conn, struct job *job, const json_t *document,
                 const struct org_document *read)
{
    const Meridian__PlanApply *asked = job->request->organisation_apply;
    _cleanup_result_ struct db_result newest = {0};
    _cleanup_(json_decrefp) json_t *present = NULL;
    int r = db_exec(conn, &sql_router_organisation_newest, NULL, &newest);
    int64_t version;

    if (r < 0)
        return r;
    if (!db_rows(&newest))
        return -E_INTERNAL;
    r = job_check_epoch(job, db_int(&newest, 0, 2));
    if (r < 0)
        return r;
    version = db_int(&newest, 0, 0);
    present = json_loads(db_text(&newest, 0, 1), 0, NULL);
    if ((asked->base_version == version || asked->base_version == version - 1) &&
        json_equal(present, document))
        return answer(job, version); /* delivered again, or nothing changes */
    if (asked->base_version != version)
        return outcome_refuse(&job->out, -E_PRECONDITION,
                              "Organisation %lld is in force; yours was made from %lld", (long long)version,
                              (long long)asked->base_version);
    r = check_facts(conn, job, asked->document);
    if (!r)
        r = duty_judge(conn, job, &read->organisation);
    if (!r)
        r = add(conn, job, asked->document, &read->organisation, version + 1);
    if (!r)
        r = add_rest(conn, asked->document);
    if (!r)
        r = duty_renew(conn, job->plans, NULL);
    return r < 0 ? r : answer(job, version + 1);
}

static int try_apply(struct db_conn *conn, struct job *job, const json_t *document,
                     const struct org_document *read)
{
    int r = db_begin(conn);

    if (!r)
        r = apply(conn, job, document, read);
    if (!r)
        r = db_commit(conn, &job->lsn);
    if (r < 0)
        db_rollback(conn);
    return r;
}

static int org_apply_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_(json_decrefp) json_t *document = NULL;
    _cleanup_org_document_ struct org_document *read = NULL;
    struct authz_subject subject;
    json_error_t error;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    subject = (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    if (authz(&subject, AUTHZ_ORG_APPLY, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "Only administrators apply organisations");
    document = json_loads(job->request->organisation_apply->document, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return outcome_refuse_field(&job->out, "/document", error.text);
    r = judge(job, document, &read);
    if (!r)
        r = try_apply(conn, job, document, read);
    if (r == -E_CONFLICT) { /* another one came first, or this very one, delivered twice */
        job_reset(job);
        r = try_apply(conn, job, document, read);
    }
    return r;
}

const struct job_kind org_apply_kind = {.name = "org_apply", .repeatable = true, .work = org_apply_work};
