/* Keeps facts up to date, event by event. Called by the router before it writes and by whoever explains or
 * checks clocks. What must stay true: the result depends on the events alone. */
#include "plan/sla_history.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"

void sla_history_init(struct sla_history *history, sla_plan_finder *find, void *ctx)
{
    *history = (struct sla_history){.kept = json_array(), .find = find, .ctx = ctx};
}

void sla_history_fini(struct sla_history *history)
{
    free(history->steps);
    json_decref(history->kept);
    *history = (struct sla_history){0};
}

/* Takes a field over when the data has it; null is "none". */
static void update(struct sla_facts *facts, enum sla_field field, const json_t *data, const char *name)
{
    const json_t *value = json_object_get(data, name);

    if (json_is_string(value) || json_is_null(value))
        facts->values[field] = json_string_value(value);
}

/* The same for a field of numbers from 1. */
static void update_level(struct sla_facts *facts, enum sla_field field, const json_t *data, const char *name)
{
    const json_t *value = json_object_get(data, name);

    if (json_is_integer(value) && json_integer_value(value) > 0)
        facts->values[field] = sla_field_value(field, (size_t)json_integer_value(value) - 1);
}

/* What only the first event tells. */
static void create(struct sla_facts *facts, const json_t *data)
{
    update(facts, SLA_SERVICE, data, "service");
    update(facts, SLA_REGION, data, "region");
    update(facts, SLA_CHANNEL, data, "channel");
    update(facts, SLA_LANGUAGE, data, "language");
    update(facts, SLA_REQUESTER, data, "requester");
    update(facts, SLA_CUSTOMER_TIER, data, "customer_tier");
    update(facts, SLA_CONTRACT, data, "contract");
    update(facts, SLA_SITE, data, "site");
    update(facts, SLA_ZONE, data, "zone");
    update(facts, SLA_CUSTOMER, data, "customer");
    facts->values[SLA_RESPONDED] = "no";
    facts->values[SLA_AWAITING] = "agent";
}

/* Replies say it. */
static const char *who(const struct sla_facts *facts, const char *actor, const json_t *data)
{
    const char *by = json_string_value(json_object_get(data, "by"));
    const char *requester = facts->values[SLA_REQUESTER];

    if (str_starts(str_from(actor), STR("system:")))
        return "system";
    if (by)
        return strcmp(by, "requester") == 0 ? "requester" : "agent";
    return requester && strcmp(actor, requester) == 0 ? "requester" : "agent";
}

static void learn(struct sla_facts *facts, const char *type, const char *actor, const json_t *data)
{
    if (strcmp(type, "ticket.created") == 0)
        create(facts, data);
    update(facts, SLA_STATE, data, "state");
    update(facts, SLA_TEAM, data, "team");
    update_level(facts, SLA_PRIORITY, data, "priority");
    update_level(facts, SLA_TIER, data, "tier");
    if (json_object_get(data, "owner"))
        facts->values[SLA_OWNED] = json_is_string(json_object_get(data, "owner")) ? "yes" : "no";
    facts->values[SLA_EVENT] = type;
    facts->values[SLA_BY] = who(facts, actor, data);
    if (strcmp(type, "ticket.reopened") == 0)
        facts->values[SLA_AWAITING] = "agent";
    if (strcmp(type, "ticket.replied") != 0)
        return;
    if (strcmp(facts->values[SLA_BY], "agent") == 0) { /* what the system says answers nobody */
        facts->values[SLA_RESPONDED] = "yes";
        facts->values[SLA_AWAITING] = "requester";
    } else if (strcmp(facts->values[SLA_BY], "requester") == 0) {
        facts->values[SLA_AWAITING] = "agent";
    }
}

/* A ticket that was merged by mistake was waiting all along: the clocks count as if it had not been. */
static void undo_merge(struct sla_history *history)
{
    size_t from = history->n;

    while (from && !(history->steps[from - 1].facts.values[SLA_EVENT] &&
                     strcmp(history->steps[from - 1].facts.values[SLA_EVENT], "ticket.merged") == 0))
        from--;
    if (from < 2)
        return; /* cannot be */
    for (size_t i = from - 1; i < history->n; i++)
        history->steps[i].facts.values[SLA_STATE] = history->steps[from - 2].facts.values[SLA_STATE];
}

/* Clocks start when the submission was accepted, which is never later than when it was stored. */
static struct instant since(struct instant at, const json_t *data)
{
    struct str text = str_from(json_string_value(json_object_get(data, "accepted_at")));
    int64_t accepted_us;

    if (text.p && clock_parse(text, &accepted_us) == 0 && accepted_us < at.us)
        return (struct instant){accepted_us};
    return at;
}

static void read_firing(struct sla_step *step, const char *type, const json_t *data)
{
    const json_t *cycle = json_object_get(data, "cycle");

    step->target = json_string_value(json_object_get(data, "target"));
    step->cycle = json_is_integer(cycle) ? (int)json_integer_value(cycle) : 1;
    if (step->target && strcmp(type, "sla.warned") == 0)
        step->fired = SLA_FIRED_WARNING;
    if (step->target && strcmp(type, "sla.breached") == 0)
        step->fired = SLA_FIRED_BREACH;
    if (step->target && strcmp(type, "escalation.notified") == 0) {
        step->escalation = json_string_value(json_object_get(data, "name"));
        step->escalation_step = (size_t)json_integer_value(json_object_get(data, "step"));
        step->escalation_loop = (int)json_integer_value(json_object_get(data, "loop"));
    }
}

int sla_history_add(struct sla_history *history, const char *type, struct instant at, const char *actor,
                    json_t *data)
{
    bool created = strcmp(type, "ticket.created") == 0, decided = strcmp(type, "sla.recalculated") == 0;
    const struct sla_step *last = history->n ? &history->steps[history->n - 1] : NULL;
    const json_t *version = json_object_get(data, "plan");
    struct sla_step step = {.at = created ? since(at, data) : at};
    json_t *kept_type = json_string(type);

    if (strcmp(type, "ticket.unmerged") == 0)
        undo_merge(history);
    json_array_append_new(history->kept, kept_type);
    json_array_append(history->kept, data);
    if (last) {
        step.facts = last->facts;
        step.plan = last->plan;
    }
    if (created || (decided && version))
        step.plan = history->find(history->ctx, json_is_integer(version) ? json_integer_value(version) : 1);
    if (!step.plan || (!last && !created))
        return -E_NOT_FOUND;
    learn(&step.facts, json_string_value(kept_type), actor, data);
    read_firing(&step, type, data);
    history->steps = mem_more(history->steps, history->n, sizeof *history->steps);
    history->steps[history->n++] = step;
    return 0;
}
