/* The dispatcher: path, method, session, right, body, handler, in this order, so that a refusal never tells
 * more than the one before it.
 *
 * Rights are in the table and nowhere else: a route without a known action is denied to everybody. Rights
 * over one ticket are judged where the ticket is (row-level security for reading, the authority for
 * changing), because only there the ticket is known.
 */
#include "intake/api.h"
#include "base/encode.h"
#include "base/memory.h"
#include "intake/problem.h"
#include "intake/sessions.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <ctype.h>

#define V1         "/api/v1"
#define QUERY(...) ((const char *const[]){__VA_ARGS__, NULL})
#define COMMAND(verb, action)                                                                                \
    {                                                                                                        \
        HTTP_POST_, V1 "/tickets/{number}:" verb, action, true, BODY_MAY_BE_EMPTY, command_post, NULL        \
    }

const struct route api_routes[] = {
    {HTTP_GET_, "/", ROUTE_OPEN, false, BODY_NONE, home_get, NULL},
    {HTTP_GET_, "/openapi.yaml", ROUTE_OPEN, false, BODY_NONE, openapi_get, NULL},
    {HTTP_POST_, V1 "/sessions", ROUTE_OPEN, false, BODY_JSON, session_post, NULL},
    {HTTP_DELETE_, V1 "/sessions/current", ROUTE_SIGNED_IN, false, BODY_NONE, session_delete, NULL},
    {HTTP_GET_, V1 "/me", ROUTE_SIGNED_IN, false, BODY_NONE, me_get, NULL},
    {HTTP_GET_, V1 "/me/presence", AUTHZ_PRESENCE_SET, false, BODY_NONE, presence_get, NULL},
    {HTTP_PUT_, V1 "/me/presence", AUTHZ_PRESENCE_SET, false, BODY_JSON, presence_put, NULL},
    {HTTP_PUT_, V1 "/agents/{name}/presence", AUTHZ_PRESENCE_SET_FOR_OTHERS, false, BODY_JSON,
     presence_of_agent_put, NULL},
    {HTTP_GET_, V1 "/offers", AUTHZ_OFFERS_READ, false, BODY_NONE, offers_get, QUERY("cursor", "limit")},
    {HTTP_GET_, V1 "/teams", ROUTE_SIGNED_IN, false, BODY_NONE, teams_get, NULL},
    {HTTP_GET_, V1 "/teams/{name}/agents", AUTHZ_AGENTS_READ, false, BODY_NONE, team_agents_get,
     QUERY("cursor", "limit")},
    {HTTP_POST_, V1 "/tickets", AUTHZ_TICKET_SUBMIT, false, BODY_JSON, ticket_post, NULL},
    {HTTP_GET_, V1 "/tickets", AUTHZ_TICKET_READ, true, BODY_NONE, tickets_get,
     QUERY("cursor", "limit", "state", "team", "priority", "region", "owner", "requester")},
    {HTTP_GET_, V1 "/tickets/{number}", AUTHZ_TICKET_READ, true, BODY_NONE, ticket_get, NULL},
    {HTTP_GET_, V1 "/tickets/{number}/events", AUTHZ_TICKET_READ, true, BODY_NONE, ticket_events_get,
     QUERY("cursor", "limit")},
    COMMAND("claim", ACTION_CLAIM),
    COMMAND("release", ACTION_RELEASE),
    COMMAND("transfer", ACTION_TRANSFER),
    COMMAND("reply", ACTION_REPLY),
    COMMAND("note", ACTION_NOTE),
    COMMAND("pend", ACTION_PEND),
    COMMAND("resolve", ACTION_RESOLVE),
    COMMAND("confirm", ACTION_CONFIRM),
    COMMAND("reopen", ACTION_REOPEN),
    COMMAND("cancel", ACTION_CANCEL),
    COMMAND("prioritize", ACTION_PRIORITIZE),
    COMMAND("recalculate", ACTION_RECALCULATE),
    COMMAND("acknowledge", ACTION_ACKNOWLEDGE),
    COMMAND("take-over", ACTION_TAKE_OVER),
    COMMAND("assign", ACTION_ASSIGN),
    COMMAND("nudge", ACTION_NUDGE),
    COMMAND("hand-back", ACTION_HAND_BACK),
    COMMAND("link", ACTION_LINK),
    COMMAND("unlink", ACTION_UNLINK),
    COMMAND("merge", ACTION_MERGE),
    COMMAND("unmerge", ACTION_UNMERGE),
    COMMAND("accept", ACTION_ACCEPT),
    COMMAND("decline", ACTION_DECLINE),
    COMMAND("hand-over", ACTION_HAND_OVER),
    {HTTP_POST_, V1 "/tickets/{number}/replies/{seq}:split", ACTION_SPLIT, true, BODY_MAY_BE_EMPTY,
     command_post, NULL},
    COMMAND("follow-up", ACTION_FOLLOW_UP),
    {HTTP_GET_, V1 "/confirmations", ROUTE_OPEN, false, BODY_NONE, confirmation_get, QUERY("token")},
    {HTTP_POST_, V1 "/confirmations", ROUTE_OPEN, false, BODY_MAY_BE_EMPTY, confirmation_post,
     QUERY("token")},
    {HTTP_GET_, V1 "/tickets/{number}/links", AUTHZ_TICKET_READ, true, BODY_NONE, ticket_links_get, NULL},
    {HTTP_GET_, V1 "/tickets/{number}/eligibility", AUTHZ_ORG_READ, false, BODY_NONE, ticket_eligibility_get,
     QUERY("cursor", "limit")},
    {HTTP_GET_, V1 "/tickets/{number}/dispatch", AUTHZ_OFFERS_READ, false, BODY_NONE, ticket_dispatch_get,
     QUERY("cursor", "limit")},
    {HTTP_GET_, V1 "/tickets/{number}/sla", AUTHZ_SLA_READ, false, BODY_NONE, ticket_sla_get, NULL},
    {HTTP_GET_, V1 "/sla/plan", AUTHZ_SLA_READ, false, BODY_NONE, sla_plan_get, QUERY("version")},
    {HTTP_GET_, V1 "/sla/feeds", AUTHZ_SLA_READ, false, BODY_NONE, sla_feeds_get, QUERY("cursor", "limit")},
    {HTTP_POST_, V1 "/sla/plan", AUTHZ_SLA_APPLY, false, BODY_JSON, sla_plan_post, NULL},
    {HTTP_GET_, V1 "/organisation", AUTHZ_ORG_READ, false, BODY_NONE, organisation_get, QUERY("version")},
    {HTTP_POST_, V1 "/organisation", AUTHZ_ORG_APPLY, false, BODY_JSON, organisation_post, NULL},
    {HTTP_GET_, V1 "/sla/history", AUTHZ_AUDIT_READ, false, BODY_NONE, sla_history_get,
     QUERY("cursor", "limit", "open")},
    {HTTP_GET_, V1 "/sla/tzdata", AUTHZ_AUDIT_READ, false, BODY_NONE, sla_tzdata_get,
     QUERY("cursor", "limit")},
    {HTTP_GET_, V1 "/oncall/swaps", AUTHZ_ONCALL_SWAP, false, BODY_NONE, oncall_swaps_get,
     QUERY("schedule", "state", "after", "cursor", "limit")},
    {HTTP_POST_, V1 "/oncall/swaps", AUTHZ_ONCALL_SWAP, false, BODY_JSON, oncall_swap_post, NULL},
    {HTTP_POST_, V1 "/oncall/swaps:take", AUTHZ_ONCALL_SWAP, false, BODY_JSON, oncall_swap_take_post, NULL},
    {HTTP_POST_, V1 "/oncall/swaps:decline", AUTHZ_ONCALL_SWAP, false, BODY_JSON, oncall_swap_decline_post,
     NULL},
    {HTTP_POST_, V1 "/oncall/swaps:withdraw", AUTHZ_ONCALL_SWAP, false, BODY_JSON, oncall_swap_withdraw_post,
     NULL},
    {HTTP_GET_, V1 "/queue", AUTHZ_QUEUE_READ, false, BODY_NONE, queue_get, QUERY("team", "cursor", "limit")},
    {HTTP_POST_, V1 "/queue:claim-next", AUTHZ_QUEUE_CLAIM, false, BODY_MAY_BE_EMPTY, claim_next_post, NULL},
    {HTTP_GET_, V1 "/events", AUTHZ_EVENTS_READ, false, BODY_NONE, events_get, QUERY("ticket")},
    {HTTP_GET_, V1 "/status", AUTHZ_STATUS_READ, false, BODY_NONE, status_get, NULL},
    {HTTP_GET_, V1 "/audit", AUTHZ_AUDIT_READ, false, BODY_NONE, audit_get, QUERY("cursor", "limit")},
    {HTTP_GET_, V1 "/dead-letters", AUTHZ_DEAD_LETTERS, false, BODY_NONE, dead_letters_get,
     QUERY("cursor", "limit")},
    {HTTP_POST_, V1 "/dead-letters:replay", AUTHZ_DEAD_LETTERS, false, BODY_MAY_BE_EMPTY,
     dead_letters_replay_post, NULL},
};
const size_t api_routes_n = ARRAY_SIZE(api_routes);

/* ---- rights ---- */

enum authz_verdict route_verdict(const struct route *route, const struct authz_subject *subject)
{
    if (route->action == ROUTE_OPEN)
        return AUTHZ_ALLOW;
    if (!subject || subject->role < ROLE_REQUESTER || subject->role > ROLE_ADMIN)
        return AUTHZ_DENY;
    if (route->action == ROUTE_SIGNED_IN || route->object)
        return AUTHZ_ALLOW;
    return authz(subject, route->action, NULL);
}

/* ---- paths ---- */

bool api_take_number(struct str text, char ret_number[SPOOL_NUMBER_SIZE])
{
    struct str region, digits;
    int64_t value;

    if (text.n >= SPOOL_NUMBER_SIZE || !str_cut(text, '-', &region, &digits) || region.n < 2 ||
        region.n > 4 || str_to_i64(digits, 1, INT64_MAX, &value) < 0 || digits.p[0] == '0' ||
        digits.p[0] == '+')
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (i < region.n && !isalpha((unsigned char)text.p[i]))
            return false;
        ret_number[i] = (char)toupper((unsigned char)text.p[i]);
    }
    ret_number[text.n] = 0;
    return true;
}

/* What stands in the holes of a pattern; p NULL where it has none. */
struct holes {
    struct str number, seq, name;
};

static struct str *hole_of(const char *hole, struct holes *holes)
{
    if (str_starts(str_from(hole), STR("{number}")))
        return &holes->number;
    return str_starts(str_from(hole), STR("{seq}")) ? &holes->seq : &holes->name;
}

/* A hole ends where the path has a slash or a colon. */
static bool path_matches(const char *pattern, struct str path, struct holes *ret_holes)
{
    const char *hole;

    *ret_holes = (struct holes){0};
    while ((hole = strchr(pattern, '{'))) {
        struct str head = {pattern, (size_t)(hole - pattern)};
        size_t n = 0;

        if (!str_starts(path, head))
            return false;
        path = (struct str){path.p + head.n, path.n - head.n};
        while (n < path.n && path.p[n] != '/' && path.p[n] != ':')
            n++;
        if (!n)
            return false;
        *hole_of(hole, ret_holes) = (struct str){path.p, n};
        path = (struct str){path.p + n, path.n - n};
        pattern = strchr(hole, '}') + 1;
    }
    return str_eq(path, str_from(pattern));
}

/* A team's name or a login: what is neither is not there. */
static bool take_name(struct str text, char *ret_name, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._@-";

    if (text.n >= size)
        return false;
    memcpy(ret_name, text.p, text.n);
    ret_name[text.n] = 0;
    return strspn(ret_name, letters) == text.n;
}

/* What the holes say; false after answering that there can be no such thing. */
static bool take_holes(struct call *call, const struct holes *holes)
{
    struct str number = holes->number, digits = holes->seq, name = holes->name;
    int64_t seq = 0;

    if (number.p && !api_take_number(number, call->number)) {
        call_problem(call, E_NOT_FOUND, "\"%.*s\" is not the number of a ticket",
                     number.n > 40 ? 40 : (int)number.n, number.p);
        return false;
    }
    if (digits.p && (digits.p[0] == '+' || str_to_i64(digits, 1, INT32_MAX, &seq) < 0)) {
        call_problem(call, E_NOT_FOUND, "\"%.*s\" is not the number of a reply",
                     digits.n > 40 ? 40 : (int)digits.n, digits.p);
        return false;
    }
    if (name.p && !take_name(name, call->name, sizeof call->name)) {
        call_problem(call, E_NOT_FOUND, "\"%.*s\" is no name", name.n > 40 ? 40 : (int)name.n, name.p);
        return false;
    }
    call->seq = (uint32_t)seq;
    return true;
}

static const char *const method_names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};

/* Finds the route; else answers 404, or 405 with what is allowed. */
static bool find_route(struct call *call, struct str path)
{
    enum http_method method = http_method(call->x) == HTTP_HEAD_ ? HTTP_GET_ : http_method(call->x);
    _cleanup_buf_ struct buf allowed = BUF_INIT;
    struct holes holes;

    for (size_t i = 0; i < api_routes_n; i++) {
        const struct route *route = &api_routes[i];
        if (!path_matches(route->pattern, path, &holes))
            continue;
        if (route->method != method) {
            buf_printf(&allowed, "%s%s", allowed.n ? ", " : "", method_names[route->method]);
            if (route->method == HTTP_GET_)
                buf_add_text(&allowed, ", HEAD");
            continue;
        }
        call->route = route;
        return take_holes(call, &holes);
    }
    if (allowed.n) {
        http_add_header(call->x, "Allow", buf_text(&allowed));
        call_problem(call, E_METHOD, "%s is not allowed here; allowed: %s", http_method_name(call->x),
                     buf_text(&allowed));
    } else {
        call_problem(call, E_NOT_FOUND, "no such path");
    }
    return false;
}

/* ---- what else a request may be refused for ---- */

static bool check_query(struct call *call)
{
    for (struct str rest = http_query(call->x), pair; rest.n;) {
        struct str name, value;
        const char *const *known = call->route->query;

        str_cut(rest, '&', &pair, &rest);
        if (!pair.n)
            continue;
        str_cut(pair, '=', &name, &value);
        while (known && *known && !str_eq(name, str_from(*known)))
            known++;
        if (!known || !*known) {
            call_problem(call, E_BAD_REQUEST, "unknown query parameter \"%.*s\"",
                         name.n > 64 ? 64 : (int)name.n, name.p);
            return false;
        }
    }
    return true;
}

static bool check_headers(struct call *call)
{
    struct str lsn = http_header(call->x, "Meridian-Lsn");

    if (call->client_key.p && http_method(call->x) == HTTP_POST_ &&
        !submission_client_key_valid(call->client_key)) {
        call_problem(call, E_BAD_REQUEST, "Idempotency-Key must be 1 to %d visible ASCII characters",
                     LIMIT_KEY_CHARS);
        return false;
    }
    if (lsn.p && lsn_parse(lsn, &call->seen_lsn) < 0) {
        call_problem(call, E_BAD_REQUEST, "Meridian-Lsn is not a position as in \"0/16B3748\"");
        return false;
    }
    return true;
}

static bool is_json(struct str type)
{
    struct str base, parameters;

    str_cut(type, ';', &base, &parameters);
    return str_eq_nocase(str_trim(base), STR("application/json"));
}

static bool take_body(struct call *call)
{
    struct str bytes = http_body(call->x);
    _cleanup_buf_ struct buf detail = BUF_INIT;

    if (call->route->body == BODY_NONE)
        return true;
    if (bytes.n == 0 && call->route->body == BODY_MAY_BE_EMPTY) {
        call->body = json_object();
        return true;
    }
    if (!is_json(http_header(call->x, "Content-Type"))) {
        call_problem(call, E_MEDIA_TYPE, "the body must be application/json");
        return false;
    }
    if (body_parse(bytes, &call->body, &detail) < 0) {
        call_problem(call, E_MALFORMED_JSON, "%s", buf_text(&detail));
        return false;
    }
    return true;
}

static void run_handler(struct call *call)
{
    if (check_headers(call) && check_query(call) && take_body(call))
        call->route->handler(call);
}

static void on_signed_in(struct call *call)
{
    struct authz_subject subject = {(enum user_role)call->session.role, call->session.user_id,
                                    call->session.teams, call->session.nteams};

    if (!http_header(call->x, "Accept-Language").p && strcmp(call->session.language, "zh") == 0)
        call->language = "zh";
    if (route_verdict(call->route, &subject) != AUTHZ_ALLOW) {
        call_problem(call, E_FORBIDDEN, NULL);
        return;
    }
    run_handler(call);
}

void api_handle(void *ctx, struct http_exchange *x)
{
    struct call *call = call_new(ctx, x);
    _cleanup_buf_ struct buf decoded = BUF_INIT;
    struct str path = http_path(x);

    if (memchr(path.p, '%', path.n)) {
        if (buf_add_unpercent(&decoded, path) < 0) {
            call_problem(call, E_BAD_REQUEST, "the path has a wrong escape");
            return;
        }
        path = buf_str(&decoded);
    }
    if (!find_route(call, path))
        return;
    if (call->route->action == ROUTE_OPEN)
        run_handler(call);
    else
        sessions_authenticate(call, on_signed_in);
}

void api_render_error(void *ctx, int code, struct buf *ret_body, const char **ret_content_type)
{
    (void)ctx;
    problem_add(ret_body, &(struct problem){.code = code});
    *ret_content_type = PROBLEM_TYPE;
}
