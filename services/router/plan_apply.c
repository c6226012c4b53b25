/* A new plan of service levels. Called by the router for administrators.
 *
 * What must stay true: a plan is only added on top of the one it was made from, so that nobody's change is
 * overwritten unseen; what cannot be read or contradicts itself is refused with its place. Tickets that are
 * there keep their plan: see ACTION_RECALCULATE. What feeds of holidays brought stays (feed_keep), and they
 * are looked at anew (feeds_sync). */
#include "auth/authz.h"
#include "holiday/feed_merge.h"
#include "meridian/errors.h"
#include "router/duty.h"
#include "router/feeds.h"
#include "router/job.h"
#include "router/plan_add.h"

static int answer(struct db_conn *conn, struct job *job, int64_t version, const struct sla_plan *plan)
{
    int r;

    buf_reset(&job->out.json);
    buf_printf(&job->out.json, "{\"version\":%lld", (long long)version);
    r = duty_warn(conn, plan, &job->out.json);
    buf_add_char(&job->out.json, '}');
    return r;
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

static int apply(struct db_conn *conn, struct job *job, json_t *document, const struct sla_document *read)
{
    _cleanup_plan_in_force_ struct plan_in_force present = {0};
    int64_t base = job->request->plan_apply->base_version;
    int r = plan_in_force_read(conn, &present);

    if (!r)
        r = job_check_epoch(job, present.cluster_epoch);
    if (r < 0)
        return r;
    feed_keep(document, present.document);
    if ((base == present.version || base == present.version - 1) && json_equal(present.document, document))
        return answer(conn, job, present.version, &read->plan); /* delivered again, or nothing changes */
    if (base != present.version)
        return outcome_refuse(&job->out, -E_PRECONDITION,
                              "Plan %lld is in force; yours was made from plan %lld",
                              (long long)present.version, (long long)base);
    r = feeds_sync(conn, document);
    if (!r)
        r = plan_add(conn, &present, document, read, job->request->principal->login);
    if (!r)
        r = duty_renew(conn, job->plans, &read->plan);
    return r < 0 ? r : answer(conn, job, base + 1, &read->plan);
}

static int try_apply(struct db_conn *conn, struct job *job, json_t *document, const struct sla_document *read)
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
