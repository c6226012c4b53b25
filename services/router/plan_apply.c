/* A new plan of service levels. Called by the router for administrators.
 *
 * What must stay true: a plan is only added on top of the one it was made from, so that nobody's change is
 * overwritten unseen; what cannot be read or contradicts itself is refused with its place. Tickets that are
 * there keep their plan: see ACTION_RECALCULATE. */
#include "auth/authz.h"
#include "meridian/errors.h"
#include "plan/sla_plan_json.h"
#include "router/job.h"
#include "router/tzdata.h"
#include "router_sql.h"

static int answer(struct job *job, int64_t version)
{
    buf_reset(&job->out.json);
    buf_printf(&job->out.json, "{\"version\":%lld}", (long long)version);
    return 0;
}

/* A calendar that is as it was keeps the version that brought it. */
static json_t *versions_of(const json_t *document, int64_t version, const json_t *before,
                           const json_t *versions)
{
    json_t *result = json_object(), *calendar;
    const char *name;

    json_object_foreach(json_object_get(document, "calendars"), name, calendar)
    {
        json_t *old = json_object_get(json_object_get(before, "calendars"), name);
        json_t *kept = old && json_equal(old, calendar) ? json_object_get(versions, name) : NULL;

        json_object_set_new(result, name, kept ? json_incref(kept) : json_integer(version));
    }
    return result;
}

static int add(struct db_conn *conn, struct job *job, const json_t *document, const json_t *versions,
               const struct sla_document *read, int64_t version)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT);
    _cleanup_(freep) char *versions_text = json_dumps(versions, JSON_COMPACT);
    int r;

    db_param_int(&params, version);
    db_param_text(&params, text);
    db_param_text(&params, versions_text);
    db_param_text(&params, zone_tzdata_version());
    db_param_bool(&params, sla_plan_minds_claims(&read->plan));
    db_param_text(&params, job->request->principal->login);
    r = db_exec(conn, &sql_router_sla_plan_add, &params, NULL);
    return r ? r : tzdata_record(conn);
}

/* Takes seconds for a huge one: not in a transaction. */
static int judge(struct job *job, const json_t *document, struct sla_document **ret_read)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf pointer = BUF_INIT;

    if (sla_plan_json_read(document, 0, NULL, ret_read, &fault) == 0)
        return 0;
    buf_printf(&pointer, "/document%s", buf_text(&fault.at));
    return outcome_refuse_field(&job->out, buf_text(&pointer), buf_text(&fault.reason));
}

static int apply(struct db_conn *conn, struct job *job, const json_t *document,
                 const struct sla_document *read)
{
    _cleanup_plan_in_force_ struct plan_in_force present = {0};
    _cleanup_(json_decrefp) json_t *versions = NULL;
    int64_t base = job->request->plan_apply->base_version;
    int r = plan_in_force_read(conn, &present);

    if (!r)
        r = job_check_epoch(job, present.cluster_epoch);
    if (r < 0)
        return r;
    if ((base == present.version || base == present.version - 1) && json_equal(present.document, document))
        return answer(job, present.version); /* delivered again, or nothing changes */
    if (base != present.version)
        return outcome_refuse(&job->out, -E_PRECONDITION,
                              "Plan %lld is in force; yours was made from plan %lld",
                              (long long)present.version, (long long)base);
    versions = versions_of(document, base + 1, present.document, present.calendar_versions);
    r = add(conn, job, document, versions, read, base + 1);
    return r < 0 ? r : answer(job, base + 1);
}

static int try_apply(struct db_conn *conn, struct job *job, const json_t *document,
                     const struct sla_document *read)
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

static int plan_apply_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_(json_decrefp) json_t *document = NULL;
    _cleanup_sla_document_ struct sla_document *read = NULL;
    struct authz_subject subject;
    json_error_t error;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    subject = (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    if (authz(&subject, AUTHZ_SLA_APPLY, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "Only administrators apply plans of service levels");
    document = json_loads(job->request->plan_apply->document, JSON_REJECT_DUPLICATES, &error);
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

const struct job_kind plan_apply_kind = {.name = "plan_apply", .repeatable = true, .work = plan_apply_work};
