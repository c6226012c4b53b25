/* Whether agents take offers: said by themselves, by leads of their teams, and by whoever sees that one was
 * missed (offer_end.sql). Called by the router on a worker. Claims never ask for it. */
#include "auth/authz.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "router/job.h"
#include "router/ticket_fields.h"
#include "router_sql.h"

static int judge_fields(struct job *job)
{
    const Meridian__Presence *asked = job->request->presence;
    struct str reason = str_from(asked->reason);

    if (strcmp(asked->state, "available") != 0 && strcmp(asked->state, "busy") != 0 &&
        strcmp(asked->state, "away") != 0 && strcmp(asked->state, "offline") != 0)
        return outcome_refuse_field(&job->out, "/state", "must be available, busy, away or offline");
    if (asked->has_until_us && strcmp(asked->state, "offline") == 0)
        return outcome_refuse_field(&job->out, "/until",
                                    "says when one is back, or leaves; offline has no end");
    if (asked->has_until_us && asked->until_us <= clock_now_us())
        return outcome_refuse_field(&job->out, "/until", "must lie in the future");
    if (reason.p && (!utf8_printable(reason) || utf8_length(reason) > LIMIT_REASON_CHARS))
        return outcome_refuse_field(&job->out, "/reason", "is too long, or has control characters");
    return 0;
}

/* One who shares a team with the lead who asks; admins: anybody. */
static bool may_set(const struct authz_subject *subject, const struct db_result *found)
{
    bool may = false;

    for (int i = 0; i < db_rows(found) && !may; i++) {
        struct authz_ticket team = {.team = (uint32_t)db_int(found, i, 1)};

        may = authz(subject, AUTHZ_PRESENCE_SET_FOR_OTHERS, &team) == AUTHZ_ALLOW;
    }
    return may;
}

/* The id of whom it is about; borrowed from the principal or `found`. */
static int find_subject(struct db_conn *conn, struct job *job, const struct authz_subject *subject,
                        struct db_result *found, const char **ret_id)
{
    const Meridian__Principal *who = job->request->principal;
    const char *login = job->request->presence->login;
    _cleanup_params_ struct db_params params = {0};
    int r;

    if (!login || strcmp(login, who->login) == 0) {
        *ret_id = who->user_id;
        return authz(subject, AUTHZ_PRESENCE_SET, NULL) == AUTHZ_ALLOW
                   ? 0
                   : outcome_refuse(&job->out, -E_FORBIDDEN, "Only agents are present");
    }
    if (authz(subject, AUTHZ_PRESENCE_SET_FOR_OTHERS, NULL) != AUTHZ_ALLOW)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "Only a lead sets the presence of others");
    db_param_text(&params, login);
    r = db_exec(conn, &sql_router_presence_subject, &params, found);
    if (r < 0)
        return r;
    if (!db_rows(found))
        return outcome_refuse(&job->out, -E_NOT_FOUND, "There is no agent of this login");
    if (!may_set(subject, found))
        return outcome_refuse(&job->out, -E_FORBIDDEN, "You lead no team that %s is in", login);
    *ret_id = db_text(found, 0, 0);
    return 0;
}

static int set(struct db_conn *conn, struct job *job, const char *user_id)
{
    const Meridian__Presence *asked = job->request->presence;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, user_id);
    db_param_text(&params, asked->state);
    if (asked->has_until_us)
        db_param_int(&params, asked->until_us);
    else
        db_param_null(&params);
    db_param_text(&params, ticket_fields_blank(asked->reason) ? NULL : asked->reason);
    db_param_text(&params, job->request->principal->login);
    r = db_exec(conn, &sql_router_presence_set, &params, &result);
    if (r < 0)
        return r;
    buf_add_str(&job->out.json, db_str(&result, 0, 0));
    return job_check_epoch(job, db_int(&result, 0, 1));
}

static int presence_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Principal *who = job->request->principal;
    _cleanup_result_ struct db_result found = {0};
    struct authz_subject subject;
    const char *user_id = NULL;
    int r;

    if (!who)
        return outcome_refuse(&job->out, -E_UNAUTHENTICATED, "The request names nobody");
    subject = (struct authz_subject){(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    r = db_begin(conn);
    if (!r)
        r = find_subject(conn, job, &subject, &found, &user_id);
    if (!r)
        r = judge_fields(job);
    if (!r)
        r = set(conn, job, user_id);
    if (!r)
        r = db_commit(conn, &job->lsn);
    if (r < 0)
        db_rollback(conn);
    return r;
}

const struct job_kind presence_kind = {.name = "presence", .repeatable = true, .work = presence_work};
