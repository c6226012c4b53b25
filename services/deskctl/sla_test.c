/* Tells the fold a story: one event that creates a ticket with the fields that are given, or events in the
 * form of the API. Events are taken as they come; what the product would never write (a time that goes back)
 * is refused. */
#include "deskctl/sla_test.h"
#include "base/clock.h"
#include "meridian/errors.h"
#include "plan/sla_condition_json.h"
#include "plan/sla_explain_json.h"
#include "plan/sla_history.h"

enum { EVENTS_MAX = 10000, ACTOR_MAX = 200 };

static const struct sla_plan *the_plan(void *ctx, int64_t version)
{
    (void)version;
    return &((struct sla_document *)ctx)->plan;
}

static int read_at(const struct plan_node *node, struct instant *ret_at, struct plan_fault *fault)
{
    struct str text = {json_string_value(node->json), json_string_length(node->json)};

    if (clock_parse(text, &ret_at->us) < 0 || ret_at->us < CALENDAR_BEGIN_S * US_PER_S ||
        ret_at->us >= CALENDAR_END_S * US_PER_S)
        return plan_fail(node, fault,
                         "must be a time with an offset from %d to %d, as \"2026-03-27T16:00:00+01:00\"",
                         CALENDAR_FIRST_YEAR, CALENDAR_LAST_YEAR);
    return 0;
}

/* A field of a ticket has one value, of those that a condition may name. */
static int check_values(const struct plan_node *node, struct plan_fault *fault)
{
    struct sla_condition condition = {0};
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach(node->json, key, value)
    {
        const struct plan_node member = plan_member(node, key);

        if (rc == 0 && json_is_array(value))
            rc = plan_fail(&member, fault, "must be one value");
    }
    if (rc == 0)
        rc = sla_condition_json_read(node, 0, &condition, fault);
    sla_condition_fini(&condition);
    return rc;
}

/* Events have levels as numbers; here they may be texts too, as in conditions. */
static void make_number(json_t *data, const char *name)
{
    const char *text = json_string_value(json_object_get(data, name));

    if (text)
        json_object_set_new(data, name, json_integer(text[0] - '0'));
}

/* {"priority": 1, "team": "network", ...}: fields of conditions, of a ticket that has just come in. */
static int read_ticket(const struct plan_node *node, const struct plan_node *at_node,
                       struct sla_history *history, struct plan_fault *fault)
{
    static const char *const keys[] = {"state",    "priority", "service",  "team",      "tier",
                                       "region",   "channel",  "language", "customer",  "customer_tier",
                                       "contract", "site",     "zone",     "requester", NULL};
    _cleanup_(json_decrefp) json_t *data = NULL;
    struct instant at;
    int rc = plan_object(node, keys, fault);

    if (rc == 0)
        rc = check_values(node, fault);
    if (rc == 0)
        rc = read_at(at_node, &at, fault);
    if (rc < 0)
        return rc;
    data = json_copy(node->json);
    make_number(data, "priority");
    make_number(data, "tier");
    if (!json_object_get(data, "state"))
        json_object_set_new(data, "state", json_string("new"));
    json_object_set_new(data, "owner", json_null());
    return sla_history_add(history, "ticket.created", at, "", data);
}

static int read_event(const struct plan_node *node, struct sla_history *history, struct plan_fault *fault)
{
    const struct plan_node type = plan_member(node, "type"), at_node = plan_member(node, "at"),
                           actor = plan_member(node, "actor"), data = plan_member(node, "data");
    const char *type_text, *actor_text;
    struct instant at;
    int rc = plan_text(&type, ACTOR_MAX, &type_text, fault);

    if (rc == 0)
        rc = read_at(&at_node, &at, fault);
    if (rc == 0)
        rc = plan_text(&actor, ACTOR_MAX, &actor_text, fault);
    if (rc == 0 && !json_is_object(data.json))
        rc = plan_fail(&data, fault, "must be an object");
    if (rc == 0 && history->n && at.us < history->steps[history->n - 1].at.us)
        rc = plan_fail(&at_node, fault, "lies before the event before it");
    if (rc < 0)
        return rc;
    if (sla_history_add(history, type_text, at, actor_text, data.json) < 0)
        return plan_fail(&type, fault, "must be \"ticket.created\" in the first event");
    return 0;
}

/* All that the ticket went through; `ticket` and `at` would be a second story. */
static int read_events(const struct plan_node *node, struct sla_history *history, struct plan_fault *fault)
{
    size_t n;
    int rc = plan_array(node, EVENTS_MAX, &n, fault);

    if (rc == 0 && n == 0)
        rc = plan_fail(node, fault, "must have at least one event");
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct plan_node event = plan_item(node, i);

        rc = read_event(&event, history, fault);
    }
    return rc;
}

int sla_test_answer(void *ctx, const struct plan_node *document, struct buf *out, struct plan_fault *fault)
{
    static const char *const keys[] = {"ticket", "at", "events", "now", JSON_LINE_KEYS, NULL};
    const struct plan_node ticket = plan_member(document, "ticket"), at = plan_member(document, "at"),
                           events = plan_member(document, "events"), now_node = plan_member(document, "now");
    _cleanup_sla_history_ struct sla_history history;
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    _cleanup_buf_ struct buf answer = BUF_INIT;
    struct instant now;
    int rc = plan_object(document, keys, fault);

    sla_history_init(&history, the_plan, ctx);
    if (rc == 0 && events.json && (ticket.json || at.json))
        rc = plan_fail(document, fault, "must have \"events\", or \"ticket\" and \"at\", not both");
    if (rc == 0)
        rc = events.json ? read_events(&events, &history, fault) : read_ticket(&ticket, &at, &history, fault);
    if (rc < 0)
        return rc;
    now = history.steps[history.n - 1].at;
    if (now_node.json)
        rc = read_at(&now_node, &now, fault);
    if (rc == 0 && now.us < history.steps[history.n - 1].at.us)
        rc = plan_fail(&now_node, fault, "lies before the last event");
    if (rc < 0)
        return rc;
    sla_fold(history.steps, history.n, &fold);
    sla_explain_json(history.steps, history.n, &fold, now, &answer);
    json_lines_open(document, out);
    buf_add_str(out, (struct str){answer.p + 1, answer.n - 1}); /* its brace is open already */
    return 0;
}
