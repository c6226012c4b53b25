/* Sends dead letters again: the notifier finds them queued. Called by the router for deskctl; the database
 * allows the router this and nothing else on deliveries.
 */
#include "auth/authz.h"
#include "meridian/errors.h"
#include "router/job.h"
#include "router_sql.h"

static int dead_letter_replay_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Principal *who = job->request->principal;
    const char *id = job->request->dead_letter_replay->delivery_id;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct authz_subject subject;
    struct uuid uuid;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    subject = (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    if (authz(&subject, AUTHZ_DEAD_LETTERS, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "You may not replay dead letters");
    if (id && id[0] && uuid_parse(str_from(id), &uuid) < 0)
        return -E_NOT_FOUND;
    db_param_text(&params, id && id[0] ? id : NULL);
    r = db_exec_lsn(conn, &sql_router_delivery_replay, &params, &result, &job->lsn);
    if (r < 0)
        return r;
    if (id && id[0] && !db_affected(&result))
        return -E_NOT_FOUND;
    buf_printf(&job->out.json, "{\"replayed\":%lld}", (long long)db_affected(&result));
    job->hints.outbox = db_affected(&result) > 0;
    return 0;
}

const struct job_kind dead_letter_replay_kind = {.name = "dead_letter_replay",
                                                 .work = dead_letter_replay_work};
