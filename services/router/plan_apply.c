/* A new plan of service levels. Called by the router for administrators.
 *
 * What must stay true: a plan is only added on top of the one it was made from, so that nobody's change is
 * overwritten unseen; what cannot be read or contradicts itself is refused with its place. Tickets that are
 * there keep their plan: see ACTION_RECALCULATE. What feeds of holidays brought stays (feed_keep) and is
 * judged with the rest, on top of one plan: when another one has come meanwhile, all of it is done again. The
 * feeds are looked at anew (feeds_sync). */
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

/* A plan as it would be applied: with what feeds brought into the plan of this version. */
struct wanted {
    int64_t version;
    json_t *document;
    struct sla_document *read;
};

static void wanted_fini(struct wanted *wanted)
{
    json_decref(wanted->document);
    sla_document_free(wanted->read);
}

static int refuse_size(struct job *job, size_t n)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;

    buf_printf(&reason, "has %zu bytes with what feeds of holidays brought; at most %d fit", n,
               SLA_DOCUMENT_MAX);
    return outcome_refuse_field(&job->out, "/document", buf_text(&reason));
}

/* Takes seconds for a huge one: not in a transaction. */
static int judge(struct job *job, struct wanted *wanted)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_buf_ struct buf pointer = BUF_INIT;
    size_t n = json_dumpb(wanted->document, NULL, 0, JSON_COMPACT);

    if (n > SLA_DOCUMENT_MAX)
        return refuse_size(job, n);
    if (sla_plan_json_read(wanted->document, 0, NULL, &wanted->read, &fault) == 0)
        return 0;
    buf_printf(&pointer, "/document%s", buf_text(&fault.at));
    return outcome_refuse_field(&job->out, buf_text(&pointer), buf_text(&fault.reason));
}

static int prepare(struct db_conn *conn, struct job *job, const json_t *document, struct wanted *wanted)
{
    _cleanup_plan_in_force_ struct plan_in_force present = {0};
    int r = plan_in_force_read(conn, &present);

    if (r < 0)
        return r;
    wanted->version = present.version;
    wanted->document = json_deep_copy(document);
    feed_keep(wanted->document, present.document);
    return judge(job, wanted);
}

static int apply(struct db_conn *conn, struct job *job, const struct wanted *wanted)
{
    _cleanup_plan_in_force_ struct plan_in_force present = {0};
    const struct sla_plan *plan = &wanted->read->plan;
    int64_t base = job->request->plan_apply->base_version;
    int r = plan_in_force_read(conn, &present);

    if (!r)
        r = job_check_epoch(job, present.cluster_epoch);
    if (!r && present.version != wanted->version)
        r = -E_CONFLICT; /* what feeds brought may be more by now */
    if (r < 0)
        return r;
    if ((base == present.version || base == present.version - 1) &&
        json_equal(present.document, wanted->document))
        return answer(conn, job, present.version, plan); /* delivered again, or nothing changes */
    if (base != present.version)
        return outcome_refuse(&job->out, -E_PRECONDITION,
                              "Plan %lld is in force; yours was made from plan %lld",
                              (long long)present.version, (long long)base);
    r = feeds_sync(conn, wanted->document);
    if (!r)
        r = plan_add(conn, &present, wanted->document, wanted->read, job->request->principal->login);
    if (!r)
        r = duty_renew(conn, job->plans, plan);
    return r < 0 ? r : answer(conn, job, base + 1, plan);
}

static int try_apply(struct db_conn *conn, struct job *job, const json_t *document)
{
    _cleanup_(wanted_fini) struct wanted wanted = {0};
    int r = prepare(conn, job, document, &wanted);

    if (!r)
        r = db_begin(conn);
    if (!r)
        r = apply(conn, job, &wanted);
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
    r = try_apply(conn, job, document);
    if (r == -E_CONFLICT) { /* another one came first, or this very one, delivered twice */
        job_reset(job);
        r = try_apply(conn, job, document);
    }
    return r;
}

const struct job_kind plan_apply_kind = {.name = "plan_apply", .repeatable = true, .work = plan_apply_work};
