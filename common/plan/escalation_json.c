/* Reads escalations. Called by the reader of plans; texts are borrowed from its document. */
#include "plan/escalation_json.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/ticket.h"
#include "plan/sla_condition_json.h"
#include "plan/sla_value_json.h"

static const unsigned moments = 1u << SLA_EVENT | 1u << SLA_BY;

struct reader {
    struct sla_plan *plan;
    struct plan_fault *fault;
};

static const char *text_of(const struct plan_node *node)
{
    const char *text = json_string_value(node->json);

    return text ? text : "";
}

/* ---- whom ---- */

static int read_true(const struct reader *r, const struct plan_node *node)
{
    return json_is_true(node->json) ? 0 : plan_fail(node, r->fault, "can only be true");
}

static int read_schedule(const struct reader *r, const struct plan_node *node,
                         const struct escalation_schedule **ret_schedule)
{
    const char *name;
    int rc = plan_text(node, SLA_NAME_MAX, &name, r->fault);

    if (rc < 0)
        return rc;
    *ret_schedule = sla_plan_schedule(r->plan, name);
    return *ret_schedule ? 0 : plan_fail(node, r->fault, "names no schedule of \"schedules\"");
}

static int read_recipient(const struct reader *r, const struct plan_node *node,
                          struct escalation_recipient *recipient)
{
    static const char *const keys[] = {"user", "schedule", "owner", "leads", NULL};
    const struct plan_node user = plan_member(node, "user"), schedule = plan_member(node, "schedule"),
                           owner = plan_member(node, "owner"), leads = plan_member(node, "leads");
    int rc = plan_object(node, keys, r->fault);

    if (rc < 0)
        return rc;
    if (json_object_size(node->json) != 1)
        return plan_fail(node, r->fault, "must be one of \"user\", \"schedule\", \"owner\" and \"leads\"");
    if (user.json) {
        recipient->whom = ESCALATION_USER;
        return plan_text(&user, ESCALATION_LOGIN_MAX, &recipient->login, r->fault);
    }
    if (schedule.json) {
        recipient->whom = ESCALATION_SCHEDULE;
        return read_schedule(r, &schedule, &recipient->schedule);
    }
    recipient->whom = owner.json ? ESCALATION_OWNER : ESCALATION_LEADS;
    return read_true(r, owner.json ? &owner : &leads);
}

static int read_recipients(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    size_t n;
    int rc = plan_array(node, ESCALATION_RECIPIENTS_MAX, &n, r->fault);

    if (rc < 0)
        return rc;
    if (!n)
        return plan_fail(node, r->fault, "must name somebody");
    step->recipients = NEW_ARRAY(struct escalation_recipient, n);
    for (; step->nrecipients < n && rc == 0; step->nrecipients++) {
        const struct plan_node recipient = plan_item(node, step->nrecipients);

        rc = read_recipient(r, &recipient, &step->recipients[step->nrecipients]);
    }
    return rc;
}

/* ---- when ---- */

static bool read_percent(struct str text, int64_t *ret_percent)
{
    if (!text.n || text.p[text.n - 1] != '%')
        return false;
    text.n--;
    return str_to_i64(text, 0, 99, ret_percent) == 0;
}

static bool read_before(struct str text, int64_t *ret_s)
{
    static const struct str tail = STR(" before");

    if (text.n <= tail.n || memcmp(text.p + text.n - tail.n, tail.p, tail.n) != 0)
        return false;
    text.n -= tail.n;
    return sla_amount_parse(text, ret_s);
}

static int read_at(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    struct str text = str_from(text_of(node));

    if (str_eq(text, STR("breach")))
        step->moment = ESCALATION_BREACH;
    else if (read_percent(text, &step->amount))
        step->moment = ESCALATION_PERCENT;
    else if (read_before(text, &step->amount))
        step->moment = ESCALATION_BEFORE;
    else
        return plan_fail(node, r->fault, "must be as \"50%%\", \"10m before\" or \"breach\"");
    return 0;
}

static int read_after(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    step->moment = ESCALATION_AFTER;
    if (sla_amount_parse(str_from(text_of(node)), &step->amount))
        return 0;
    return plan_fail(node, r->fault, "must be a time as \"90s\", \"30m\" or \"4h\"");
}

static int read_moment(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    const struct plan_node at = plan_member(node, "at"), after = plan_member(node, "after"),
                           calendar = plan_member(node, "calendar");
    int rc;

    if (!at.json == !after.json)
        return plan_fail(node, r->fault, "must have either \"at\" or \"after\"");
    if (after.json && node->index == 0)
        return plan_fail(&after, r->fault, "makes no sense in the first step; use \"at\"");
    if (at.json && calendar.json)
        return plan_fail(&calendar, r->fault, "belongs to \"after\": \"at\" counts by the clock's calendar");
    rc = at.json ? read_at(r, &at, step) : read_after(r, &after, step);
    return rc == 0 && calendar.json ? sla_calendar_json_read(&calendar, r->plan, &step->calendar, r->fault)
                                    : rc;
}

/* True when `b` cannot come after `a`, whatever the target allows. */
static bool out_of_order(const struct escalation_step *a, const struct escalation_step *b)
{
    if (a->moment == ESCALATION_BREACH)
        return true;
    if (a->moment != b->moment)
        return false; /* depends on what the target allows */
    return a->moment == ESCALATION_PERCENT ? b->amount <= a->amount : b->amount >= a->amount;
}

static int check_order(const struct reader *r, const struct plan_node *node,
                       const struct escalation *escalation, size_t i)
{
    const struct escalation_step *step = &escalation->steps[i];

    for (size_t k = 0; k < i && step->moment != ESCALATION_AFTER; k++)
        if (escalation->steps[k].moment != ESCALATION_AFTER && out_of_order(&escalation->steps[k], step))
            return plan_fail(node, r->fault, "does not come after step %zu", k);
    return 0;
}

/* ---- what else ---- */

static int read_level(const struct reader *r, const struct plan_node *node, int *ret_level)
{
    static const char *const names[] = {"high", "medium"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(text_of(node), names[i]) == 0) {
            *ret_level = LEVEL_HIGH + (int)i;
            return 0;
        }
    return plan_fail(node, r->fault, "must be \"high\" or \"medium\"");
}

static int read_raise(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    static const char *const keys[] = {"impact", "urgency", "team", "even_if_owned", NULL};
    const struct plan_node impact = plan_member(node, "impact"), urgency = plan_member(node, "urgency"),
                           team = plan_member(node, "team"), owned = plan_member(node, "even_if_owned");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0 && !impact.json && !urgency.json && !team.json)
        rc = plan_fail(node, r->fault, "must say to which \"impact\", \"urgency\" or \"team\"");
    if (rc == 0 && team.json)
        rc = plan_text(&team, SLA_NAME_MAX, &step->team, r->fault);
    if (rc == 0 && impact.json)
        rc = read_level(r, &impact, &step->impact);
    if (rc == 0 && urgency.json)
        rc = read_level(r, &urgency, &step->urgency);
    if (rc == 0 && owned.json)
        rc = plan_bool(&owned, &step->even_if_owned, r->fault);
    if (rc == 0 && step->even_if_owned && !team.json)
        rc = plan_fail(&owned, r->fault, "goes with a \"team\"");
    return rc;
}

static int read_only(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    step->always = strcmp(text_of(node), "always") == 0;
    if (step->always || strcmp(text_of(node), "unacknowledged") == 0)
        return 0;
    return plan_fail(node, r->fault, "must be \"unacknowledged\" or \"always\"");
}

static int read_step(const struct reader *r, const struct plan_node *node, struct escalation_step *step)
{
    static const char *const keys[] = {"at",    "after", "calendar", "notify",
                                       "raise", "only",  "in_hours", NULL};
    const struct plan_node notify = plan_member(node, "notify"), raise = plan_member(node, "raise"),
                           only = plan_member(node, "only"), hours = plan_member(node, "in_hours");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = read_moment(r, node, step);
    if (rc == 0)
        rc = read_recipients(r, &notify, step);
    if (rc == 0 && raise.json)
        rc = read_raise(r, &raise, step);
    if (rc == 0 && only.json)
        rc = read_only(r, &only, step);
    if (rc == 0 && step->even_if_owned && !step->always)
        rc = plan_fail(node, r->fault,
                       "must have \"only\": \"always\", or it is passed over once somebody owns the ticket");
    if (rc == 0 && hours.json)
        rc = sla_calendar_json_read(&hours, r->plan, &step->hours, r->fault);
    return rc;
}

/* ---- an escalation ---- */

static int read_steps(const struct reader *r, const struct plan_node *node, struct escalation *escalation)
{
    size_t n;
    int rc = plan_array(node, ESCALATION_STEPS_MAX, &n, r->fault);

    if (rc < 0)
        return rc;
    if (!n)
        return plan_fail(node, r->fault, "must have at least one step");
    escalation->steps = NEW_ARRAY(struct escalation_step, n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node step = plan_item(node, i);

        escalation->nsteps++;
        rc = read_step(r, &step, &escalation->steps[i]);
        if (rc == 0)
            rc = check_order(r, &step, escalation, i);
    }
    return rc;
}

static int read_target(const struct reader *r, const struct plan_node *node, struct escalation *escalation)
{
    int rc = plan_text(node, SLA_NAME_MAX, &escalation->target, r->fault);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < r->plan->npolicies; i++)
        if (sla_policy_target(&r->plan->policies[i], escalation->target))
            return 0;
    return plan_fail(node, r->fault, "names no target of any policy");
}

/* Only "after" steps take time; without one all repeats would come at once. */
static int read_repeat(const struct reader *r, const struct plan_node *node, struct escalation *escalation)
{
    bool takes_time = false;
    int64_t repeat;
    int rc = plan_whole(node, 0, ESCALATION_REPEATS_MAX, &repeat, r->fault);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < escalation->nsteps; i++)
        takes_time = takes_time || escalation->steps[i].moment == ESCALATION_AFTER;
    if (repeat && !takes_time)
        return plan_fail(node, r->fault, "would take no time: there is no step with \"after\" to repeat");
    escalation->repeat = (int)repeat;
    return 0;
}

static int read_escalation(const struct reader *r, const struct plan_node *node,
                           struct escalation *escalation)
{
    static const char *const keys[] = {"name", "when", "target", "steps", "repeat", NULL};
    const struct plan_node name = plan_member(node, "name"), when = plan_member(node, "when"),
                           target = plan_member(node, "target"), steps = plan_member(node, "steps"),
                           repeat = plan_member(node, "repeat");
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = plan_text(&name, SLA_NAME_MAX, &escalation->name, r->fault);
    if (rc == 0)
        rc = sla_name_json_check(&name, escalation->name, r->fault);
    if (rc == 0 && when.json)
        rc = sla_condition_json_read(&when, moments, &escalation->when, r->fault);
    if (rc == 0)
        rc = read_target(r, &target, escalation);
    if (rc == 0)
        rc = read_steps(r, &steps, escalation);
    if (rc == 0 && repeat.json)
        rc = read_repeat(r, &repeat, escalation);
    return rc;
}

int escalations_json_read(const struct plan_node *node, struct sla_plan *plan, struct plan_fault *fault)
{
    const struct reader r = {plan, fault};
    size_t n;
    int rc = plan_array(node, ESCALATIONS_MAX, &n, fault);

    if (rc < 0)
        return rc;
    plan->escalations = NEW_ARRAY(struct escalation, n + 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node escalation = plan_item(node, i);

        plan->nescalations++;
        rc = read_escalation(&r, &escalation, &plan->escalations[i]);
        for (size_t k = 0; k < i && rc == 0; k++)
            if (strcmp(plan->escalations[k].name, plan->escalations[i].name) == 0)
                rc = plan_fail(&escalation, fault, "has the name of another escalation, \"%s\"",
                               plan->escalations[i].name);
    }
    return rc;
}
