/* Reads plans of service levels: calendars, whom they are for, policies and their targets. The shape is
 * judged here, the sense of conditions in domain/sla_plan.c.
 *
 * Works on a deep copy of the document, in which standard targets have got the conditions that they leave
 * out; the plan borrows its texts from the copy. */
#include "plan/sla_plan_json.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "plan/calendar_json.h"
#include "plan/escalation_json.h"
#include "plan/feed_json.h"
#include "plan/sla_condition_json.h"

static const unsigned moments = 1u << SLA_EVENT | 1u << SLA_BY;

/* The targets of every desk, in the words of a document. docs/how-to/sla.md says the same. */
static const char standard_targets[] =
    "{\"first_response\":{\"start\":{},\"stop\":{\"any\":[{\"responded\":\"yes\"},{\"state\":[\"resolved\","
    "\"closed\"]}]},"
    "\"pause\":{\"state\":\"pending\"},\"cancel\":{\"state\":\"cancelled\"},\"again\":\"never\"},"
    "\"resolve\":{\"start\":{},\"stop\":{\"state\":[\"resolved\",\"closed\"]},"
    "\"pause\":{\"state\":\"pending\"},\"cancel\":{\"state\":\"cancelled\"},\"again\":\"continue\"},"
    "\"next_reply\":{\"start\":{\"responded\":\"yes\",\"awaiting\":\"agent\",\"state\":[\"new\",\"open\","
    "\"pending\"]},"
    "\"stop\":{\"any\":[{\"awaiting\":\"requester\"},{\"state\":[\"resolved\",\"closed\"]}]},"
    "\"cancel\":{\"state\":\"cancelled\"},\"again\":\"anew\"},"
    "\"update\":{\"start\":{\"state\":[\"new\",\"open\",\"pending\"]},\"stop\":{\"state\":[\"resolved\","
    "\"closed\"]},"
    "\"pause\":{\"state\":\"pending\"},\"reset\":{\"event\":\"ticket.replied\",\"by\":\"agent\"},"
    "\"cancel\":{\"state\":\"cancelled\"},\"again\":\"anew\"}}";

struct reader {
    struct sla_document *document;
    struct sla_plan *plan;
    const json_t *versions;
    struct plan_fault *fault;
};

struct sla_document *sla_document_free(struct sla_document *document)
{
    if (!document)
        return NULL;
    sla_plan_fini(&document->plan);
    for (size_t i = 0; i < document->nschedules; i++)
        oncall_plan_fini(&document->schedules[i]);
    free(document->schedules);
    zone_book_fini(&document->zones);
    json_decref(document->json);
    free(document);
    return NULL;
}

/* ---- calendars ---- */

static const char always[] = "always";

static int read_calendar(const struct reader *r, const struct plan_node *node, struct sla_calendar *calendar)
{
    const char *zone = json_string_value(json_object_get(node->json, "zone"));
    int rc = sla_name_json_check(node, node->key, r->fault);

    if (rc == 0 && strcmp(node->key, always) == 0)
        rc = plan_fail(node, r->fault, "is a name that is taken: around the clock");
    if (rc == 0)
        rc = calendar_json_read(node, &r->document->zones, &calendar->calendar, r->fault);
    if (rc < 0)
        return rc;
    calendar->name = node->key;
    calendar->version = json_integer_value(json_object_get(r->versions, node->key));
    calendar->zone = zone ? zone_book_get(&r->document->zones, zone) : NULL;
    return 0;
}

static int read_calendars(const struct reader *r, const struct plan_node *node)
{
    struct sla_plan *plan = r->plan;
    const char *key;
    json_t *value;
    int rc = plan_map(node, SLA_CALENDARS_MAX, r->fault);

    if (rc < 0)
        return rc;
    plan->calendars = NEW_ARRAY(struct sla_calendar, json_object_size(node->json) + 1);
    plan->calendars[plan->ncalendars++] = (struct sla_calendar){.name = always};
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node calendar = plan_member(node, key);

        rc = read_calendar(r, &calendar, &plan->calendars[plan->ncalendars]);
        if (rc < 0)
            return rc;
        plan->ncalendars++;
    }
    return 0;
}

/* ---- whose calendar ---- */

static int read_attachments(const struct reader *r, const struct plan_node *node, enum sla_source source)
{
    struct sla_plan *plan = r->plan;
    const char *key;
    json_t *value;
    int rc = plan_map(node, SLA_ATTACHMENTS_MAX, r->fault);

    json_object_foreach(node->json, key, value)
    {
        const struct plan_node member = plan_member(node, key);
        struct sla_attachment attachment = {.source = source, .value = key};

        if (rc == 0 && plan->nattachments == SLA_ATTACHMENTS_MAX)
            rc = plan_fail(&member, r->fault, "is one too many; at most %d are allowed", SLA_ATTACHMENTS_MAX);
        if (rc == 0)
            rc = sla_calendar_json_read(&member, r->plan, &attachment.calendar, r->fault);
        if (rc < 0)
            return rc;
        plan->attachments = mem_more(plan->attachments, plan->nattachments, sizeof *plan->attachments);
        plan->attachments[plan->nattachments++] = attachment;
    }
    return rc;
}

static int read_attach(const struct reader *r, const struct plan_node *node)
{
    static const char *const keys[] = {"contract", "site", "requester", "zone", "team", NULL};
    int rc = node->json ? plan_object(node, keys, r->fault) : 0;

    for (int s = SLA_BY_CONTRACT; s < SLA_BY_DEFAULT && rc == 0; s++) {
        const struct plan_node source = plan_member(node, sla_source_name((enum sla_source)s));

        rc = read_attachments(r, &source, (enum sla_source)s);
    }
    return rc;
}

/* ---- targets ---- */

static int read_amount_text(const struct reader *r, const struct plan_node *node, int64_t *ret_s)
{
    struct str text = {json_string_value(node->json), json_string_length(node->json)};

    if (sla_amount_parse(text, ret_s))
        return 0;
    if (text.n > 1 && text.p[text.n - 1] == 'd')
        return plan_fail(
            node, r->fault,
            "is not clear: write 24h for a day of 24 hours, {\"working_days\": 1} for a working day");
    return plan_fail(node, r->fault,
                     "must be seconds, or a time as \"90s\", \"30m\" or \"4h\", or {\"working_days\": 2}");
}

static int read_amount(const struct reader *r, const struct plan_node *node, struct sla_target *target)
{
    static const char *const keys[] = {"working_days", NULL};
    const struct plan_node days = plan_member(node, "working_days");
    int64_t n;
    int rc;

    if (json_is_string(node->json))
        return read_amount_text(r, node, &target->amount_s);
    if (!json_is_object(node->json))
        return plan_whole(node, 1, SLA_AMOUNT_MAX_S, &target->amount_s, r->fault);
    rc = plan_object(node, keys, r->fault);
    if (rc == 0)
        rc = plan_whole(&days, 1, SLA_WORKING_DAYS_MAX, &n, r->fault);
    if (rc == 0)
        target->working_days = (int)n;
    return rc;
}

static int read_again(const struct reader *r, const struct plan_node *node, enum sla_again *ret_again)
{
    const char *text = json_string_value(node->json);

    for (int again = SLA_AGAIN_NEVER; again <= SLA_AGAIN_ANEW; again++)
        if (text && strcmp(text, sla_again_name((enum sla_again)again)) == 0) {
            *ret_again = (enum sla_again)again;
            return 0;
        }
    return plan_fail(node, r->fault, "must be \"never\", \"continue\" or \"anew\"");
}

static int read_conditions(const struct reader *r, const struct plan_node *node, struct sla_target *target)
{
    const struct plan_node start = plan_member(node, "start"), stop = plan_member(node, "stop"),
                           pause = plan_member(node, "pause"), reset = plan_member(node, "reset"),
                           cancel = plan_member(node, "cancel");
    int rc = start.json ? sla_condition_json_read(&start, moments, &target->start, r->fault) : 0;

    if (rc == 0 && !stop.json)
        rc = plan_fail(&stop, r->fault, "is missing: a target needs to know when it is met");
    if (rc == 0)
        rc = sla_condition_json_read(&stop, moments, &target->stop, r->fault);
    if (rc == 0 && pause.json) {
        target->pauses = true;
        rc = sla_condition_json_read(&pause, moments, &target->pause, r->fault);
    }
    if (rc == 0 && reset.json) {
        target->resets = true;
        rc = sla_condition_json_read(&reset, 0, &target->reset, r->fault);
    }
    if (rc < 0 || !cancel.json)
        return rc;
    if (json_is_string(cancel.json) && strcmp(json_string_value(cancel.json), "never") == 0) {
        target->cancels = SLA_CANCELS_NEVER;
        return 0;
    }
    target->cancels = SLA_CANCELS_WHEN;
    return sla_condition_json_read(&cancel, moments, &target->cancel, r->fault);
}

static int read_target(const struct reader *r, const struct plan_node *node, struct sla_target *target)
{
    static const char *const keys[] = {"amount", "warn_percent", "calendar", "start", "stop",
                                       "pause",  "reset",        "cancel",   "again", NULL};
    const struct plan_node amount = plan_member(node, "amount"), warn = plan_member(node, "warn_percent"),
                           calendar = plan_member(node, "calendar"), again = plan_member(node, "again");
    const struct sla_calendar *named = NULL;
    int64_t percent = 75;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = sla_name_json_check(node, node->key, r->fault);
    if (rc == 0)
        rc = read_amount(r, &amount, target);
    if (rc == 0 && warn.json)
        rc = plan_whole(&warn, 1, 99, &percent, r->fault);
    if (rc == 0 && calendar.json)
        rc = sla_calendar_json_read(&calendar, r->plan, &named, r->fault);
    if (rc == 0 && again.json)
        rc = read_again(r, &again, &target->again);
    target->name = node->key;
    target->warn_percent = (int)percent;
    target->calendar = named ? named->name : NULL;
    return rc < 0 ? rc : read_conditions(r, node, target);
}

/* ---- after the work is done ---- */

/* Real time: a number of seconds, or a text. */
static int read_wait(const struct reader *r, const struct plan_node *node, int64_t *ret_s)
{
    struct sla_target amount = {0};
    int rc = node->json ? read_amount(r, node, &amount) : 0;

    if (rc == 0 && amount.working_days)
        rc = plan_fail(node, r->fault, "must be seconds or a time as \"24h\": it counts around the clock");
    *ret_s = amount.amount_s;
    return rc;
}

/* Two weeks, unless the plan says otherwise. */
#define USUAL_REOPEN_S (INT64_C(14) * 24 * 3600)

static int read_reopen(const struct reader *r, const struct plan_node *node, int64_t *ret_s)
{
    const char *text = json_string_value(node->json);

    *ret_s = text && strcmp(text, "never") == 0 ? 0 : USUAL_REOPEN_S;
    return node->json && *ret_s ? read_wait(r, node, ret_s) : 0;
}

static int read_parts(const struct reader *r, const struct plan_node *node, unsigned *ret_parts)
{
    static const char *const names[] = {"cause", "solution", "prevention"};
    size_t n, k;
    int rc = plan_array(node, ARRAY_SIZE(names), &n, r->fault);

    *ret_parts = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct plan_node item = plan_item(node, i);
        const char *text = json_string_value(item.json);

        for (k = 0; text && k < ARRAY_SIZE(names) && strcmp(names[k], text) != 0; k++)
            ;
        if (!text || k == ARRAY_SIZE(names))
            rc = plan_fail(&item, r->fault, "must be \"cause\", \"solution\" or \"prevention\"");
        else
            *ret_parts |= 1u << k;
    }
    return rc;
}

/* What a resolution needs. */
static int read_needs(const struct reader *r, const struct plan_node *node)
{
    static const char *const keys[] = {"when", "needs", NULL};
    struct sla_closing *closing = &r->plan->closing;
    size_t n;
    int rc = plan_array(node, SLA_POLICIES_MAX, &n, r->fault);

    if (rc < 0)
        return rc;
    closing->needs = NEW_ARRAY(struct sla_needs, n + 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node item = plan_item(node, i), when = plan_member(&item, "when"),
                               parts = plan_member(&item, "needs");

        rc = plan_object(&item, keys, r->fault);
        closing->nneeds++;
        if (rc == 0 && when.json)
            rc = sla_condition_json_read(&when, moments, &closing->needs[i].when, r->fault);
        if (rc == 0)
            rc = read_parts(r, &parts, &closing->needs[i].parts);
    }
    return rc;
}

static int read_closing(const struct reader *r, const struct plan_node *node)
{
    static const char *const keys[] = {"auto_close",    "calendar", "survey", "pending_reminder",
                                       "reopen_within", "resolve",  NULL};
    const struct plan_node reopen = plan_member(node, "reopen_within"),
                           resolve = plan_member(node, "resolve");
    const struct plan_node auto_close = plan_member(node, "auto_close"),
                           calendar = plan_member(node, "calendar"), survey = plan_member(node, "survey"),
                           remind = plan_member(node, "pending_reminder");
    struct sla_closing *closing = &r->plan->closing;
    int rc = node->json ? plan_object(node, keys, r->fault) : 0;

    closing->calendar = r->plan->usual;
    if (rc == 0 && auto_close.json)
        rc = read_amount(r, &auto_close, &closing->auto_close);
    if (rc == 0 && calendar.json)
        rc = sla_calendar_json_read(&calendar, r->plan, &closing->calendar, r->fault);
    if (rc == 0)
        rc = read_wait(r, &survey, &closing->survey_s);
    if (rc == 0)
        rc = read_wait(r, &remind, &closing->remind_s);
    if (rc == 0)
        rc = read_reopen(r, &reopen, &closing->reopen_s);
    return rc == 0 && resolve.json ? read_needs(r, &resolve) : rc;
}

/* ---- policies ---- */

static void complete_standard_targets(json_t *targets, const json_t *standard)
{
    const char *key;
    json_t *target;

    json_object_foreach(targets, key, target)
    {
        json_t *defaults = json_object_get(standard, key);

        if (defaults && json_is_object(target))
            json_object_update_missing(target, defaults);
    }
}

static int read_policy(const struct reader *r, const struct plan_node *node, const json_t *standard,
                       struct sla_policy *policy)
{
    static const char *const keys[] = {"name", "when", "targets", NULL};
    const struct plan_node name = plan_member(node, "name"), when = plan_member(node, "when"),
                           targets = plan_member(node, "targets");
    const char *key;
    json_t *value;
    int rc = plan_object(node, keys, r->fault);

    if (rc == 0)
        rc = plan_text(&name, SLA_NAME_MAX, &policy->name, r->fault);
    if (rc == 0)
        rc = sla_name_json_check(&name, policy->name, r->fault);
    if (rc == 0 && when.json)
        rc = sla_condition_json_read(&when, moments, &policy->when, r->fault);
    if (rc == 0 && !targets.json)
        rc = plan_fail(&targets, r->fault, "is missing");
    if (rc == 0)
        rc = plan_map(&targets, SLA_TARGETS_MAX, r->fault);
    if (rc < 0)
        return rc;
    complete_standard_targets(targets.json, standard);
    policy->targets = NEW_ARRAY(struct sla_target, json_object_size(targets.json) + 1);
    json_object_foreach(targets.json, key, value)
    {
        const struct plan_node target = plan_member(&targets, key);
        const char *wrong = NULL;

        rc = read_target(r, &target, &policy->targets[policy->ntargets++]);
        if (rc == 0 && !r->versions)
            wrong = sla_target_fault(policy, &policy->targets[policy->ntargets - 1]);
        if (wrong)
            rc = plan_fail(&target, r->fault, "%s", wrong);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool name_is_taken(const struct sla_plan *plan, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(plan->policies[k].name, plan->policies[i].name) == 0)
            return true;
    return false;
}

static int read_policies(const struct reader *r, const struct plan_node *node)
{
    _cleanup_(json_decrefp) json_t *standard = json_loads(standard_targets, 0, NULL);
    struct sla_plan *plan = r->plan;
    size_t n;
    int rc = plan_array(node, SLA_POLICIES_MAX, &n, r->fault);

    if (rc < 0)
        return rc;
    plan->policies = NEW_ARRAY(struct sla_policy, n + 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node policy = plan_item(node, i);

        plan->npolicies++;
        rc = read_policy(r, &policy, standard, &plan->policies[i]);
        if (rc == 0 && name_is_taken(plan, i))
            rc = plan_fail(&policy, r->fault, "has the name of another policy, \"%s\"",
                           plan->policies[i].name);
        if (rc == 0 && !r->versions && sla_policy_is_shadowed(plan, i))
            rc = plan_fail(&policy, r->fault,
                           "is never reached: the policies before it take all that fulfils its \"when\"");
    }
    return rc;
}

/* ---- escalations ---- */

static int read_schedules(const struct reader *r, const struct plan_node *node)
{
    struct sla_document *document = r->document;
    const char *key;
    json_t *value;
    int rc = plan_map(node, SLA_SCHEDULES_MAX, r->fault);

    document->schedules = NEW_ARRAY(struct oncall_plan, json_object_size(node->json) + 1);
    r->plan->schedules = NEW_ARRAY(struct escalation_schedule, json_object_size(node->json) + 1);
    json_object_foreach(node->json, key, value)
    {
        const struct plan_node member = plan_member(node, key);
        struct oncall_plan *schedule = &document->schedules[document->nschedules];

        if (rc == 0)
            rc = sla_name_json_check(&member, key, r->fault);
        if (rc == 0)
            rc = oncall_json_read(&member, &document->zones, schedule, r->fault);
        if (rc < 0)
            return rc;
        document->nschedules++;
        r->plan->schedules[r->plan->nschedules++] =
            (struct escalation_schedule){key, &schedule->schedule, schedule->people};
    }
    return rc;
}

static int read_escalations(const struct reader *r, const struct plan_node *node)
{
    int rc = node->json ? escalations_json_read(node, r->plan, r->fault) : 0;

    for (size_t i = 0; i < r->plan->nescalations && rc == 0 && !r->versions; i++) {
        const struct plan_node escalation = plan_item(node, i);

        if (sla_escalation_is_shadowed(r->plan, i))
            rc = plan_fail(&escalation, r->fault,
                           "is never reached: those of its target before it take all that fulfils its "
                           "\"when\"");
    }
    return rc;
}

/* ---- the whole ---- */

static int read_plan(const struct reader *r, const struct plan_node *root)
{
    static const char *const keys[] = {"calendars", "default_calendar", "attach", "policies", "closing",
                                       "schedules", "escalations",      "feeds",  NULL};
    const struct plan_node schedules = plan_member(root, "schedules"),
                           escalations = plan_member(root, "escalations");
    const struct plan_node calendars = plan_member(root, "calendars"),
                           usual = plan_member(root, "default_calendar"),
                           attach = plan_member(root, "attach"), policies = plan_member(root, "policies"),
                           closing = plan_member(root, "closing"), feeds = plan_member(root, "feeds");
    int rc = plan_object(root, keys, r->fault);

    if (rc == 0)
        rc = read_calendars(r, &calendars);
    if (rc < 0)
        return rc;
    r->plan->usual = &r->plan->calendars[0];
    if (usual.json)
        rc = sla_calendar_json_read(&usual, r->plan, &r->plan->usual, r->fault);
    if (rc == 0)
        rc = read_attach(r, &attach);
    if (rc == 0)
        rc = read_closing(r, &closing);
    if (rc == 0)
        rc = read_policies(r, &policies);
    if (rc == 0)
        rc = read_schedules(r, &schedules);
    if (rc == 0)
        rc = feeds_json_check(&feeds, &calendars, r->fault);
    return rc < 0 ? rc : read_escalations(r, &escalations);
}

int sla_plan_json_read(const json_t *json, int64_t version, const json_t *versions,
                       struct sla_document **ret_document, struct plan_fault *fault)
{
    _cleanup_sla_document_ struct sla_document *document = NEW(struct sla_document);
    const struct reader r = {document, &document->plan, versions, fault};
    struct plan_node root;
    int rc;

    document->json = json_deep_copy(json);
    document->plan.version = version;
    root = plan_root(document->json);
    rc = read_plan(&r, &root);
    if (rc < 0)
        return rc;
    *ret_document = TAKE(document);
    return 0;
}
