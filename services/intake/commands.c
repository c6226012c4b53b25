/* Changing tickets: each verb's body is checked here and carried to the authority, which alone decides. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/peek.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <stdio.h>

static const int64_t attempt_us = 4 * US_PER_S, total_us = 8 * US_PER_S;

/* The union of all verbs' fields. */
struct command_body {
    struct body_number epoch;
    const char *team, *text, *cause, *solution, *prevention;
    int64_t until_us;
};

enum { SLUG_CHARS = 63, FIELDS_MAX = 4 };
#define AT(member) offsetof(struct command_body, member)
#define EPOCH                                                                                                \
    {                                                                                                        \
        "epoch", BODY_NUMBER, AT(epoch), 0, false, NULL                                                      \
    }
#define REASON(needed)                                                                                       \
    {                                                                                                        \
        "reason", BODY_LINE, AT(text), LIMIT_REASON_CHARS, needed, NULL                                      \
    }
#define TEXT(name, at)                                                                                       \
    {                                                                                                        \
        name, BODY_TEXT, AT(at), LIMIT_TEXT_BYTES, true, NULL                                                \
    }

static const struct verb {
    enum ticket_action action;
    struct body_field fields[FIELDS_MAX];
} verbs[] = {
    {ACTION_CLAIM, {EPOCH}},
    {ACTION_RELEASE, {EPOCH, REASON(false)}},
    {ACTION_TRANSFER, {EPOCH, REASON(false), {"team", BODY_LINE, AT(team), SLUG_CHARS, true, NULL}}},
    {ACTION_REPLY, {EPOCH, TEXT("body", text)}},
    {ACTION_NOTE, {EPOCH, TEXT("body", text)}},
    {ACTION_PEND, {EPOCH, REASON(true), {"until", BODY_TIME, AT(until_us), 0, false, NULL}}},
    {ACTION_RESOLVE,
     {EPOCH, TEXT("cause", cause), TEXT("solution", solution), TEXT("prevention", prevention)}},
    {ACTION_CONFIRM, {{0}}},
    {ACTION_REOPEN, {REASON(true)}},
    {ACTION_CANCEL, {EPOCH, REASON(false)}},
};

static const struct verb *verb_of(int action)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if ((int)verbs[i].action == action)
            return &verbs[i];
    return NULL;
}

static bool read_body(struct call *call, const struct verb *verb, struct command_body *ret_body)
{
    _cleanup_errors_ struct body_errors errors = {0};
    size_t n = 0;
    int r;

    while (n < FIELDS_MAX && verb->fields[n].name)
        n++;
    r = body_read(call->body, verb->fields, n, ret_body, &errors);
    if (r == 0 && ret_body->until_us && ret_body->until_us <= clock_now_us()) {
        body_error(&errors, "/until", "must lie in the future");
        r = -E_VALIDATION;
    }
    if (r < 0)
        call_problem_with(call, r, NULL, (struct str){0}, &errors);
    return r == 0;
}

/* If-Match: "7" or *. Several or weak tags never match one strong version. */
static bool read_if_match(struct call *call, Meridian__Command *command)
{
    struct str header = http_header(call->x, "If-Match");
    int64_t version;

    if (!header.p || str_eq(str_trim(header), STR("*")))
        return true;
    header = str_trim(header);
    if (header.n < 3 || header.p[0] != '"' || header.p[header.n - 1] != '"' ||
        str_to_i64((struct str){header.p + 1, header.n - 2}, 0, INT64_MAX, &version) < 0) {
        call_problem(call, E_PRECONDITION, "If-Match must be one ETag of this ticket, as in \"7\"");
        return false;
    }
    command->has_if_version = true;
    command->if_version = (uint64_t)version;
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

static char *client_key(struct call *call, char *storage, size_t size)
{
    if (!call->client_key.p)
        return NULL;
    snprintf(storage, size, "%.*s", (int)call->client_key.n, call->client_key.p);
    return storage;
}

static void ask(struct call *call, Meridian__Request *request, bus_reply_fn done)
{
    request->has_timeout_ms = true;
    request->timeout_ms = (uint32_t)(attempt_us / US_PER_MS);
    bus_call(call->intake->service->routers, request, attempt_us,
             bus_connected(call->intake->service->routers) ? total_us : 0, done, call);
}

void command_post(struct call *call)
{
    const struct verb *verb = verb_of(call->route->action);
    struct command_body body = {0};
    Meridian__Command command = MERIDIAN__COMMAND__INIT;
    Meridian__Principal principal;
    Meridian__Request request;
    char key[LIMIT_KEY_CHARS + 1];

    if (!verb) {
        call_problem(call, E_FORBIDDEN, NULL);
        return;
    }
    if (!read_body(call, verb, &body) || !read_if_match(call, &command))
        return;
    call_request(call, &request, &principal);
    command.action = verb->action;
    command.number = call->number;
    command.has_epoch = body.epoch.given;
    command.epoch = (uint64_t)body.epoch.value;
    command.team = (char *)body.team;
    command.text = (char *)body.text;
    command.has_until_us = body.until_us != 0;
    command.until_us = body.until_us;
    command.cause = (char *)body.cause;
    command.solution = (char *)body.solution;
    command.prevention = (char *)body.prevention;
    command.client_key = client_key(call, key, sizeof key);
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    ask(call, &request, on_command);
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
    claim.client_key = client_key(call, key, sizeof key);
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    ask(call, &request, on_claimed);
}
