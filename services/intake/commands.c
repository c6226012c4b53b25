/* Changing tickets: each verb's body is checked here and carried to the authority, which alone decides. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/limits.h"
#include "intake/peek.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <ctype.h>
#include <stdio.h>

static const int64_t attempt_us = 4 * US_PER_S, total_us = 8 * US_PER_S;

/* The union of all verbs' fields. */
struct command_body {
    struct body_number epoch;
    const char *team, *text, *cause, *solution, *prevention;
    int64_t until_us;
    int impact, urgency;
    const char *plan, *assignee;
    const char *link, *other;
    bool force, broadcast;
    const char *subject, *service;
    json_t *note;
    const char *state, *tried, *last_contact, *next_step, *when;
    int64_t next_step_at_us;
};

enum { SLUG_CHARS = 63, LOGIN_CHARS = 64, FIELDS_MAX = 6, IF_MATCH_MAX = 16 };
#define AT(member) offsetof(struct command_body, member)
#define EPOCH                                                                                                \
    {                                                                                                        \
        "epoch", BODY_NUMBER, AT(epoch), 0, false, NULL                                                      \
    }
#define REASON(needed)                                                                                       \
    {                                                                                                        \
        "reason", BODY_LINE, AT(text), LIMIT_REASON_CHARS, needed, NULL                                      \
    }
#define TEXT(name, at, needed)                                                                               \
    {                                                                                                        \
        name, BODY_TEXT, AT(at), LIMIT_TEXT_BYTES, needed, NULL                                              \
    }
#define FLAG(name)                                                                                           \
    {                                                                                                        \
#name, BODY_FLAG, AT(name), 0, false, NULL                                                           \
    }
/* Of a ticket that is made from another one. */
#define SUBJECT                                                                                              \
    {                                                                                                        \
        "subject", BODY_LINE, AT(subject), LIMIT_SUBJECT_CHARS, false, NULL                                  \
    }
#define SERVICE                                                                                              \
    {                                                                                                        \
        "service", BODY_LINE, AT(service), LIMIT_SERVICE_CHARS, false, NULL                                  \
    }
#define LEVEL(name)                                                                                          \
    {                                                                                                        \
#name, BODY_LEVEL, AT(name), 0, false, NULL                                                          \
    }

#define OTHER(name)                                                                                          \
    {                                                                                                        \
        name, BODY_LINE, AT(other), SPOOL_NUMBER_SIZE - 1, true, NULL                                        \
    }

/* Both ends of every kind that people may make. */
static const char *const links[] = {"parent_of", "child_of", "duplicate_of", "duplicated_by", "related",
                                    "caused_by", "causes",   "depends_on",   "blocks",        NULL};

/* When a ticket is handed over; left out, at once. */
static const char *const moments[] = {"shift_end", NULL};

#define PART(name, needed)                                                                                   \
    {                                                                                                        \
#name, BODY_TEXT, AT(name), LIMIT_HANDOVER_BYTES, needed, NULL                                       \
    }
static const struct body_field note_fields[] = {
    PART(state, true),
    PART(tried, true),
    PART(last_contact, false),
    PART(next_step, true),
    {"next_step_at", BODY_TIME, AT(next_step_at_us), 0, false, NULL},
};

/* By which plan a ticket is recalculated. */
static const char *const plans[] = {"in-force", "own", NULL};

static const struct verb {
    enum ticket_action action;
    struct body_field fields[FIELDS_MAX];
} verbs[] = {
    {ACTION_CLAIM, {EPOCH}},
    {ACTION_RELEASE, {EPOCH, REASON(false)}},
    {ACTION_TRANSFER, {EPOCH, REASON(false), {"team", BODY_LINE, AT(team), SLUG_CHARS, true, NULL}}},
    {ACTION_REPLY, {EPOCH, TEXT("body", text, true), FLAG(broadcast)}},
    {ACTION_NOTE, {EPOCH, TEXT("body", text, true)}},
    {ACTION_PEND, {EPOCH, REASON(true), {"until", BODY_TIME, AT(until_us), 0, false, NULL}}},
    {ACTION_RESOLVE,
     {EPOCH, TEXT("cause", cause, false), TEXT("solution", solution, false),
      TEXT("prevention", prevention, false), FLAG(force), REASON(false)}},
    {ACTION_CONFIRM, {{0}}},
    {ACTION_REOPEN, {REASON(true)}},
    {ACTION_CANCEL, {EPOCH, REASON(false)}},
    {ACTION_PRIORITIZE, {EPOCH, REASON(false), LEVEL(impact), LEVEL(urgency)}},
    {ACTION_RECALCULATE, {REASON(false), {"plan", BODY_CHOICE, AT(plan), 0, false, plans}}},
    {ACTION_ACKNOWLEDGE, {REASON(false)}},
    {ACTION_TAKE_OVER, {EPOCH, REASON(true)}},
    {ACTION_ASSIGN, {EPOCH, REASON(false), {"to", BODY_LINE, AT(assignee), LOGIN_CHARS, true, NULL}}},
    {ACTION_NUDGE, {{0}}},
    {ACTION_HAND_BACK, {EPOCH, REASON(true)}},
    {ACTION_LINK, {{"kind", BODY_CHOICE, AT(link), 0, true, links}, OTHER("to")}},
    {ACTION_UNLINK, {{"kind", BODY_CHOICE, AT(link), 0, true, links}, OTHER("to")}},
    {ACTION_MERGE, {EPOCH, OTHER("into"), REASON(false)}},
    {ACTION_UNMERGE, {REASON(false)}},
    {ACTION_ACCEPT, {{0}}},
    {ACTION_DECLINE, {REASON(true)}},
    {ACTION_HAND_OVER,
     {EPOCH,
      {"to", BODY_LINE, AT(assignee), LOGIN_CHARS, false, NULL},
      {"note", BODY_OBJECT, AT(note), 0, true, NULL},
      {"when", BODY_CHOICE, AT(when), 0, false, moments}}},
    {ACTION_SPLIT, {SUBJECT, SERVICE, LEVEL(impact), LEVEL(urgency)}},
    {ACTION_FOLLOW_UP, {TEXT("description", text, true), SUBJECT, SERVICE, LEVEL(impact), LEVEL(urgency)}},
};

static const struct verb *verb_of(int action)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if ((int)verbs[i].action == action)
            return &verbs[i];
    return NULL;
}

static bool makes_ticket(const struct verb *verb)
{
    return verb->action == ACTION_SPLIT || verb->action == ACTION_FOLLOW_UP;
}

static bool read_body(struct call *call, const struct verb *verb, struct command_body *ret_body)
{
    _cleanup_errors_ struct body_errors errors = {0};
    size_t n = 0;
    int r;

    while (n < FIELDS_MAX && verb->fields[n].name)
        n++;
    r = body_read(call->body, verb->fields, n, ret_body, &errors);
    if (ret_body->note && body_read_within(ret_body->note, "/note", note_fields, ARRAY_SIZE(note_fields),
                                           ret_body, &errors) < 0)
        r = -E_VALIDATION;
    if (r == 0 && ret_body->until_us && ret_body->until_us <= clock_now_us()) {
        body_error(&errors, "/until", "must lie in the future");
        r = -E_VALIDATION;
    }
    if (r < 0)
        call_problem_with(call, r, NULL, (struct str){0}, &errors);
    return r == 0;
}

/* The version of one of our strong ETags, "7" or in Chinese "7-zh": a command changes the ticket, whatever
 * language it was read in. */
static bool version_of(struct str tag, uint64_t *ret_version)
{
    int64_t version;

    if (tag.n < 3 || tag.p[0] != '"' || tag.p[tag.n - 1] != '"')
        return false;
    tag = (struct str){tag.p + 1, tag.n - 2};
    if (str_ends(tag, STR("-zh")))
        tag.n -= 3;
    if (!tag.n || tag.p[0] < '0' || tag.p[0] > '9' || str_to_i64(tag, 0, INT64_MAX, &version) < 0)
        return false;
    *ret_version = (uint64_t)version;
    return true;
}

/* If-Match (RFC 9110): *, or tags of which one has to be that of the present version. Weak tags and those of
 * other resources never match; when none is left that could, it is refused here. */
static bool read_if_match(struct call *call, Meridian__Command *command, uint64_t versions[IF_MATCH_MAX])
{
    struct str header = http_header(call->x, "If-Match");

    if (!header.p || str_eq(str_trim(header), STR("*")))
        return true;
    for (struct str rest = header, one; rest.n && command->n_if_versions < IF_MATCH_MAX;) {
        str_cut(rest, ',', &one, &rest);
        command->n_if_versions += version_of(str_trim(one), &versions[command->n_if_versions]);
    }
    if (!command->n_if_versions) {
        call_problem(call, E_PRECONDITION, "If-Match must name an ETag of this ticket, as in \"7\"");
        return false;
    }
    command->has_if_version = true; /* the first one has a field of its own */
    command->if_version = versions[0];
    command->n_if_versions--;
    command->if_versions = versions + 1;
    return true;
}

static void answer_ticket(struct call *call, const Meridian__Reply *reply)
{
    struct str json = {(const char *)reply->json.data, reply->json.len};
    int64_t version = peek_int(json, "version", -1);
    char etag[32];

    call_wrote(call, reply->has_lsn ? reply->lsn : 0);
    if (version >= 0) {
        snprintf(etag, sizeof etag, "\"%lld\"", (long long)version);
        http_add_header(call->x, "ETag", etag);
    }
    call_json(call, 200, json);
}

static void on_command(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;

    if (!call_failed(call, status, reply))
        answer_ticket(call, reply);
}

/* The number of the ticket that was made, whose place is told. */
static void on_derived(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;
    struct str json, number;
    char location[80];

    if (call_failed(call, status, reply))
        return;
    json = (struct str){(const char *)reply->json.data, reply->json.len};
    number = peek_text(json, call->route->action == ACTION_SPLIT ? "split_into" : "follow_up");
    call_wrote(call, reply->has_lsn ? reply->lsn : 0);
    snprintf(location, sizeof location, "/api/v1/tickets/%.*s", (int)number.n, number.p ? number.p : "");
    http_add_header(call->x, "Location", location);
    call_json(call, 201, json);
}

/* A number as it is written; one that is none will not be found. */
static char *in_capitals(const char *number, char storage[SPOOL_NUMBER_SIZE])
{
    size_t n = 0;

    if (!number)
        return NULL;
    for (; number[n] && n < SPOOL_NUMBER_SIZE - 1; n++)
        storage[n] = (char)toupper((unsigned char)number[n]);
    storage[n] = 0;
    return storage;
}

static void ask(struct call *call, Meridian__Request *request, bus_reply_fn done)
{
    request->has_timeout_ms = true;
    request->timeout_ms = (uint32_t)(attempt_us / US_PER_MS);
    bus_call(call->intake->service->routers, request, attempt_us,
             bus_connected(call->intake->service->routers) ? total_us : 0, done, call);
}

static void fill_note(const struct command_body *body, Meridian__Command *command,
                      Meridian__HandoverNote *note)
{
    if (!body->note)
        return;
    note->state = (char *)body->state;
    note->tried = (char *)body->tried;
    note->last_contact = (char *)body->last_contact;
    note->next_step = (char *)body->next_step;
    note->has_next_step_at_us = body->next_step_at_us != 0;
    note->next_step_at_us = body->next_step_at_us;
    command->handover = note;
    command->has_at_shift_end = command->at_shift_end = body->when != NULL;
}

void command_post(struct call *call)
{
    const struct verb *verb = verb_of(call->route->action);
    struct command_body body = {0};
    Meridian__Command command = MERIDIAN__COMMAND__INIT;
    Meridian__HandoverNote note = MERIDIAN__HANDOVER_NOTE__INIT;
    Meridian__Principal principal;
    Meridian__Request request;
    char key[LIMIT_KEY_CHARS + 1], other[SPOOL_NUMBER_SIZE];
    uint64_t versions[IF_MATCH_MAX];

    if (!verb) {
        call_problem(call, E_FORBIDDEN, NULL);
        return;
    }
    if (!read_body(call, verb, &body) || !read_if_match(call, &command, versions))
        return;
    if (makes_ticket(verb) && !limit_submission(call))
        return;
    call_request(call, &request, &principal);
    command.action = verb->action;
    command.number = call->number;
    command.has_epoch = body.epoch.given;
    command.epoch = (uint64_t)body.epoch.value;
    command.team = (char *)body.team;
    command.assignee = (char *)body.assignee;
    command.text = (char *)body.text;
    command.has_until_us = body.until_us != 0;
    command.until_us = body.until_us;
    command.has_own_plan = command.own_plan = body.plan && strcmp(body.plan, "own") == 0;
    command.has_impact = body.impact != 0;
    command.impact = (uint32_t)body.impact;
    command.has_urgency = body.urgency != 0;
    command.urgency = (uint32_t)body.urgency;
    command.cause = (char *)body.cause;
    command.solution = (char *)body.solution;
    command.prevention = (char *)body.prevention;
    command.link = (char *)body.link;
    command.other = in_capitals(body.other, other);
    command.has_force = command.force = body.force;
    command.has_broadcast = command.broadcast = body.broadcast;
    command.subject = (char *)body.subject;
    command.service = (char *)body.service;
    fill_note(&body, &command, &note);
    command.has_reply_seq = call->seq != 0;
    command.reply_seq = call->seq;
    command.client_key = call_client_key(call, key);
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    ask(call, &request, makes_ticket(verb) ? on_derived : on_command);
}

/* ---- claim the next one ---- */

static void on_claimed(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;

    if (call_failed(call, status, reply))
        return;
    if (!reply->has_json || reply->json.len == 0)
        call_json(call, 204, (struct str){0});
    else
        answer_ticket(call, reply);
}

void claim_next_post(struct call *call)
{
    static const struct body_field fields[] = {{"team", BODY_LINE, AT(team), SLUG_CHARS, false, NULL}};
    _cleanup_errors_ struct body_errors errors = {0};
    struct command_body body = {0};
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;
    Meridian__Principal principal;
    Meridian__Request request;
    char key[LIMIT_KEY_CHARS + 1];

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &body, &errors) < 0) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    call_request(call, &request, &principal);
    claim.team = (char *)body.team;
    claim.client_key = call_client_key(call, key);
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    ask(call, &request, on_claimed);
}
