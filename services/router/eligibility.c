/* Called by command.c for a claim by number and for the acceptance of an offer. What is decided, desk.refusal
 * decides, as for claims of the next ticket; here it is put into words. */
#include "router/eligibility.h"
#include "auth/authz.h"
#include "meridian/errors.h"
#include "router/ticket_rules.h"
#include "router_sql.h"

static int refuse_skills(struct job *job, const struct ticket_row *row, const json_t *facts)
{
    _cleanup_buf_ struct buf missing = BUF_INIT;
    const json_t *skill;
    size_t i;

    json_array_foreach(json_object_get(facts, "missing"), i, skill)
        buf_printf(&missing, "%s%s at level %lld (yours is %lld)", i ? ", " : "",
                   json_string_value(json_object_get(skill, "skill")),
                   (long long)json_integer_value(json_object_get(skill, "level")),
                   (long long)json_integer_value(json_object_get(skill, "has")));
    return outcome_refuse(&job->out, -E_NOT_ELIGIBLE, "%s needs %s", row->number, buf_text(&missing));
}

static int refuse_off_shift(struct job *job, const struct ticket_row *row, const json_t *facts)
{
    const char *opens_at = json_string_value(json_object_get(facts, "opens_at"));

    if (!opens_at)
        return outcome_refuse(
            &job->out, -E_NOT_ELIGIBLE,
            "Only agents on shift take tickets of %s, and no desk of yours opens in the next weeks",
            row->team_slug);
    return outcome_refuse(&job->out, -E_NOT_ELIGIBLE,
                          "Only agents on shift take tickets of %s; your desk opens at %s", row->team_slug,
                          opens_at);
}

static int refuse(struct job *job, const struct ticket_row *row, const char *text)
{
    _cleanup_(json_decrefp) json_t *facts = json_loads(text, 0, NULL);
    const char *refusal = json_string_value(json_object_get(facts, "refusal"));

    if (!refusal)
        return -E_INTERNAL;
    if (strcmp(refusal, "team") == 0)
        return outcome_refuse(&job->out, -E_FORBIDDEN, "You are not a member of %s any more", row->team_slug);
    buf_add_text(&job->out.json, text);
    if (strcmp(refusal, "skills") == 0)
        return refuse_skills(job, row, facts);
    if (strcmp(refusal, "off_shift") == 0)
        return refuse_off_shift(job, row, facts);
    return outcome_refuse(&job->out, -E_NOT_ELIGIBLE, "You carry %lld of %lld points: finish something first",
                          (long long)json_integer_value(json_object_get(facts, "load")),
                          (long long)json_integer_value(json_object_get(facts, "capacity")));
}

int eligibility_check(struct db_conn *conn, struct job *job, const struct ticket_row *row)
{
    const Meridian__Principal *who = job->request->principal;
    const struct authz_subject subject = {(enum user_role)who->role, who->user_id, who->teams, who->n_teams};
    const struct authz_ticket ticket = {row->requester_id, row->submitter_id, row->owner_id,
                                        (uint32_t)row->team, row->restricted};
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    if (authz(&subject, AUTHZ_CLAIM_UNFIT, &ticket) == AUTHZ_ALLOW)
        return 0;
    db_param_text(&params, who->user_id);
    db_param_uuid(&params, &row->id);
    r = db_exec(conn, &sql_router_pick_check, &params, &result);
    if (r < 0)
        return r;
    return db_is_null(&result, 0, 0) ? 0 : refuse(job, row, db_text(&result, 0, 0));
}
