/* A submission as JSON, with priority and clocks computed. Called by submit.c; pure. What intake checked at
 * the edge is checked here again, because what comes from the bus comes from outside.
 */
#include "router/submit_record.h"
#include "base/encode.h"
#include "domain/priority.h"
#include "meridian/limits.h"
#include "meridian/ticket.h"

static const struct calendar *const always = NULL;

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

static void add_clock(struct buf *json, const char *name, const struct sla_clock *clock)
{
    buf_printf(json, ",\"%s_s\":%lld,\"%s_percent\":%d,\"%s_due\":%lld,\"%s_warn\":%lld", name,
               (long long)clock->target_s, name, clock->warn_percent, name, (long long)clock->due.us, name,
               (long long)clock->warn.us);
}

struct uuid submit_record_key(const Meridian__Submission *submission)
{
    struct uuid key;

    memcpy(key.bytes, submission->submission_key.data, sizeof key.bytes);
    return key;
}

void submit_record_json(const Meridian__Submission *s, int ordinal, const struct sla_targets *targets,
                        int64_t now_us, struct buf *json)
{
    struct instant start = {s->accepted_us < now_us ? s->accepted_us : now_us};
    unsigned impact = s->has_impact && s->impact ? s->impact : LEVEL_MEDIUM;
    unsigned urgency = s->has_urgency && s->urgency ? s->urgency : LEVEL_MEDIUM;
    struct sla_clock response, resolve;
    int priority = PRIORITY_P4;

    if (priority_of(impact, urgency, &priority) < 0)
        priority = PRIORITY_P4; /* cannot be: the fault check came before */
    response = sla_clock_start(always, start, targets->response[priority].seconds,
                               targets->response[priority].warn_percent);
    resolve = sla_clock_start(always, start, targets->resolve[priority].seconds,
                              targets->resolve[priority].warn_percent);

    buf_printf(json,
               "{\"ordinal\":%d,\"accepted_us\":%lld,\"started_us\":%lld,\"impact\":%u,\"urgency\":%u,"
               "\"priority\":%d",
               ordinal, (long long)s->accepted_us, (long long)start.us, impact, urgency, priority);
    buf_printf(json, ",\"ready_us\":%lld",
               (long long)(response.due.us < resolve.due.us ? response.due.us : resolve.due.us));
    add_clock(json, "response", &response);
    add_clock(json, "resolve", &resolve);
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
    add_text(json, "subject", s->subject);
    add_text(json, "description", s->description);
    add_text(json, "service", s->service && s->service[0] ? s->service : NULL);
    add_text(json, "language", s->language ? s->language : "en");
    add_text(json, "trace_id", s->trace_id);
    if (s->attributes && s->attributes[0])
        add_text(json, "attributes", s->attributes);
    buf_add_char(json, '}');
}
