/* A submission as JSON, with priority, first event and clocks. Called by submit.c; pure. What intake checked
 * at the edge is checked here again, because what comes from the bus comes from outside.
 *
 * The clocks are folded from that event, as they will be from it and all later ones.
 */
#include "router/submit_record.h"
#include "base/clock.h"
#include "base/encode.h"
#include "domain/escalation.h"
#include "domain/priority.h"
#include "domain/ticket_state.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include "meridian/ticket.h"
#include "plan/sla_history.h"
#include "router/submit_route.h"

/* No instant that the calendar of PostgreSQL or the sums of clocks cannot hold: 2001 to 2286. */
#define EARLIEST_US 1000000000000000LL
#define LATEST_US   9999999999999999LL

static bool is_uuid(const char *text)
{
    struct uuid uuid;

    return !uuid_parse(str_from(text), &uuid);
}

/* "EU-1048576" */
static bool is_number(const char *text)
{
    size_t letters = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t digits;

    if (letters < 2 || letters > 4 || text[letters] != '-')
        return false;
    digits = strspn(text + letters + 1, "0123456789");
    return digits >= 1 && digits <= 18 && !text[letters + 1 + digits];
}

static bool fits(const char *text, size_t least_bytes, size_t most_bytes, size_t most_chars)
{
    struct str s = str_from(text);

    return s.n >= least_bytes && s.n <= most_bytes && utf8_valid(s) &&
           (!most_chars || utf8_length(s) <= most_chars);
}

const char *submit_record_fault(const Meridian__Submission *s)
{
    int priority;

    if (s->id.len != 16)
        return "the id is not a UUID";
    if (s->submission_key.len != 16)
        return "the submission key has not 16 bytes";
    if (s->body_hash.len != 32)
        return "the body hash has not 32 bytes";
    if (!is_number(s->number))
        return "the number is not one";
    if (!is_uuid(s->requester_id) || !is_uuid(s->submitter_id))
        return "the requester or submitter is not a UUID";
    if (s->accepted_us < EARLIEST_US || s->accepted_us > LATEST_US)
        return "the time of acceptance cannot be";
    if (!fits(s->client_key, 1, LIMIT_KEY_CHARS, 0))
        return "the key is empty, too long or not UTF-8";
    if (!fits(s->region, 1, 16, 0) || !fits(s->channel, 1, 64, 0))
        return "the region or channel is empty or too long";
    if (!fits(s->subject, 1, LIMIT_SUBJECT_CHARS * 4, LIMIT_SUBJECT_CHARS))
        return "the subject is empty, too long or not UTF-8";
    if (!fits(s->description, 0, LIMIT_TEXT_BYTES, 0))
        return "the description is too long or not UTF-8";
    if (s->service && !fits(s->service, 0, LIMIT_SERVICE_CHARS * 4, LIMIT_SERVICE_CHARS))
        return "the service is too long or not UTF-8";
    if (s->language && strcmp(s->language, "en") != 0 && strcmp(s->language, "zh") != 0)
        return "the language is neither en nor zh";
    if (s->attributes && s->attributes[0] && s->attributes[0] != '{')
        return "the attributes are not a JSON object";
    if (priority_of(s->has_impact ? s->impact : 0, s->has_urgency ? s->urgency : 0, &priority) < 0)
        return "impact and urgency are 1 to 3";
    return NULL;
}

static void add_text(struct buf *json, const char *name, const char *text)
{
    buf_printf(json, ",\"%s\":", name);
    buf_json_text(json, text);
}

static void add_uuid(struct buf *json, const char *name, const ProtobufCBinaryData *bytes)
{
    char text[UUID_TEXT_SIZE];
    struct uuid uuid;

    memcpy(uuid.bytes, bytes->data, sizeof uuid.bytes);
    add_text(json, name, uuid_format(&uuid, text));
}

struct uuid submit_record_key(const Meridian__Submission *submission)
{
    struct uuid key;

    memcpy(key.bytes, submission->submission_key.data, sizeof key.bytes);
    return key;
}

void submit_record_ask(const Meridian__Submission *s, int ordinal, struct buf *json)
{
    buf_printf(json, "{\"ordinal\":%d", ordinal);
    add_text(json, "service", s->service && s->service[0] ? s->service : NULL);
    add_text(json, "requester_id", s->requester_id);
    add_text(json, "submitter_id", s->submitter_id);
    buf_add_char(json, '}');
}

/* ---- the first event ---- */

static int priority_at(const struct submit_place *place)
{
    int priority;

    if (priority_of((unsigned)place->route.impact, (unsigned)place->route.urgency, &priority) < 0)
        return PRIORITY_P4; /* cannot be: the fault check came before */
    return priority;
}

static void add_tags(const struct org_rule *rule, struct buf *json)
{
    for (size_t i = 0; rule && i < rule->ntags; i++) {
        buf_add_char(json, i ? ',' : '[');
        buf_json_text(json, rule->tags[i]);
    }
    buf_add_text(json, rule && rule->ntags ? "]" : "[]");
}

/* What the ticket needs: for the event as {"vpn":2}, for the row as ["vpn:2"]. */
static void add_needs(const struct org_skills *skills, bool as_list, struct buf *json)
{
    buf_add_char(json, as_list ? '[' : '{');
    for (size_t i = 0; skills && i < skills->n; i++)
        buf_printf(json, as_list ? "%s\"%s:%d\"" : "%s\"%s\":%d", i ? "," : "", skills->items[i].name,
                   skills->items[i].level);
    buf_add_char(json, as_list ? ']' : '}');
}

static void add_level(const char *name, bool given, unsigned level, struct buf *json)
{
    if (given && level)
        buf_printf(json, ",\"%s\":%u", name, level);
}

/* Which version of the organisation sent it where it is, by which service and rule; the levels that the
 * submitter gave, so that it can be done again; and what came of it. */
static void add_routing(const Meridian__Submission *s, const struct submit_place *place, struct buf *json)
{
    const struct org_route *route = &place->route;

    buf_printf(json, ",\"routing\":{\"organisation\":%lld", (long long)place->organisation);
    add_text(json, "service", route->service ? route->service->name : NULL);
    add_text(json, "rule", route->rule ? route->rule->name : NULL);
    add_level("impact", s->has_impact, s->impact, json);
    add_level("urgency", s->has_urgency, s->urgency, json);
    buf_add_text(json, "},\"tags\":");
    add_tags(route->rule, json);
    buf_add_text(json, ",\"skills\":");
    add_needs(route->skills, false, json);
}

/* What plans of service levels and rules may ask of a customer. It has to be in the event: only events can be
 * folded again. */
static void add_customer(struct buf *json, const char *attributes)
{
    _cleanup_(json_decrefp) json_t *object = attributes ? json_loads(attributes, 0, NULL) : NULL;

    for (size_t i = 0; i < SUBMIT_CUSTOMER_FIELDS; i++) {
        const char *value = submit_customer_value(object, submit_customer[i]);

        if (value)
            add_text(json, sla_field_name(submit_customer[i]), value);
    }
}

static void first_event(const Meridian__Submission *s, const struct submit_place *place, struct buf *json)
{
    char accepted[CLOCK_TEXT_SIZE];

    buf_add_text(json, "{\"number\":");
    buf_json_text(json, s->number);
    add_text(json, "region", s->region);
    add_text(json, "channel", s->channel);
    add_text(json, "state", ticket_state_name(TICKET_NEW));
    buf_printf(json, ",\"epoch\":0,\"owner\":null,\"priority\":%d,\"impact\":%d,\"urgency\":%d",
               priority_at(place), place->route.impact, place->route.urgency);
    add_text(json, "team", place->team_slug);
    buf_printf(json, ",\"tier\":%d,\"plan\":%lld", place->tier, (long long)place->plan->version);
    add_text(json, "service", s->service && s->service[0] ? s->service : NULL);
    add_text(json, "language", s->language ? s->language : "en");
    add_text(json, "requester", place->requester);
    add_text(json, "accepted_at", clock_format(s->accepted_us, accepted));
    if (place->by_desk)
        add_customer(json, s->attributes);
    add_routing(s, place, json);
    buf_add_char(json, '}');
}

/* ---- clocks ---- */

static const struct sla_plan *only_plan(void *ctx, int64_t version)
{
    (void)version;
    return ctx;
}

static void add_instant(struct buf *json, const char *name, struct instant at)
{
    if (at.us)
        buf_printf(json, ",\"%s\":%lld", name, (long long)at.us);
}

static void add_run(struct buf *json, int ordinal, const struct sla_run *run)
{
    const struct sla_clock *clock = &run->clock;

    buf_printf(json, "%s{\"ordinal\":%d,\"cycle\":%d,\"seconds\":%lld,\"percent\":%d", json->n ? "," : "[",
               ordinal, run->cycle, (long long)clock->target_s, clock->warn_percent);
    add_text(json, "target", run->name);
    add_text(json, "state", sla_clock_state_name(clock->state));
    if (clock->state != SLA_CLOCK_RUNNING)
        buf_printf(json, ",\"remaining\":%lld", (long long)clock->remaining_s);
    add_instant(json, "started", clock->started);
    add_instant(json, "due", clock->due);
    add_instant(json, "warn", clock->warn);
    add_instant(json, "stopped", clock->stopped);
    add_instant(json, "fire", clock->fire);
    buf_add_char(json, '}');
}

/* Returns the earliest due time by *ret_ready_us; now when nothing is due. And when the first step of its
 * escalations comes; 0: none does. */
static int add_clocks(const struct submit_place *place, int ordinal, const char *event, struct buf *clocks,
                      int64_t *ret_ready_us, struct instant *ret_escalation)
{
    _cleanup_sla_history_ struct sla_history history;
    _cleanup_sla_fold_ struct sla_fold fold = {0};
    _cleanup_(json_decrefp) json_t *data = json_loads(event, 0, NULL);
    const char *actor = place->submitter ? place->submitter : "";
    int64_t due_us = 0;
    int r;

    sla_history_init(&history, only_plan, (void *)place->plan);
    r = data ? sla_history_add(&history, "ticket.created", (struct instant){place->now_us}, actor, data)
             : -E_INTERNAL;
    if (r < 0)
        return -E_INTERNAL;
    sla_fold(history.steps, history.n, &fold);
    for (size_t i = 0; i < fold.n; i++) {
        int64_t at_us = fold.runs[i].clock.due.us;

        add_run(clocks, ordinal, &fold.runs[i]);
        if (at_us && (!due_us || at_us < due_us))
            due_us = at_us;
    }
    *ret_ready_us = due_us ? due_us : place->now_us;
    *ret_escalation = escalation_next(history.steps, history.n, &fold).at;
    return 0;
}

int submit_record_json(const Meridian__Submission *s, int ordinal, const struct submit_place *place,
                       struct buf *json, struct buf *clocks)
{
    _cleanup_buf_ struct buf event = BUF_INIT;
    struct instant escalation = {0};
    int64_t ready_us = 0;
    int r;

    first_event(s, place, &event);
    r = add_clocks(place, ordinal, buf_text(&event), clocks, &ready_us, &escalation);
    if (r < 0)
        return r;
    buf_printf(json,
               "%s{\"ordinal\":%d,\"accepted_us\":%lld,\"impact\":%d,\"urgency\":%d,\"priority\":%d,"
               "\"ready_us\":%lld,\"team_id\":%d,\"restricted\":%s",
               json->n ? "," : "[", ordinal, (long long)s->accepted_us, place->route.impact,
               place->route.urgency, priority_at(place), (long long)ready_us, place->team,
               place->restricted ? "true" : "false");
    add_instant(json, "escalation", escalation);
    add_uuid(json, "id", &s->id);
    add_uuid(json, "submission_key", &s->submission_key);
    buf_add_text(json, ",\"body_hash\":\"");
    buf_add_hex(json, s->body_hash.data, s->body_hash.len);
    buf_add_char(json, '"');
    add_text(json, "number", s->number);
    add_text(json, "client_key", s->client_key);
    add_text(json, "region", s->region);
    add_text(json, "channel", s->channel);
    add_text(json, "requester_id", s->requester_id);
    add_text(json, "submitter_id", s->submitter_id);
    add_text(json, "login", place->submitter);
    add_text(json, "subject", s->subject);
    add_text(json, "description", s->description);
    add_text(json, "service", s->service && s->service[0] ? s->service : NULL);
    add_text(json, "language", s->language ? s->language : "en");
    add_text(json, "trace_id", s->trace_id);
    add_text(json, "event", buf_text(&event));
    buf_add_text(json, ",\"tags\":");
    add_tags(place->route.rule, json);
    buf_add_text(json, ",\"skills\":");
    add_needs(place->route.skills, true, json);
    if (s->attributes && s->attributes[0])
        add_text(json, "attributes", s->attributes);
    buf_add_char(json, '}');
    return 0;
}
