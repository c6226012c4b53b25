/* Who is there, what is offered to them, and how a ticket found its agents: read from the region's database;
 * what agents say of their presence is the authority's to judge. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/query.h"
#include "intake/reads.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

static const int64_t attempt_us = 10 * US_PER_S;

void presence_get(struct call *call)
{
    read_document(call, "presence", NULL, 0, READ_ASK_TWICE, read_answered);
}

static void put(struct call *call, char *login)
{
    struct body {
        const char *state, *reason;
        int64_t until_us;
    } body = {0};
    static const char *const states[] = {"available", "busy", "away", "offline", NULL};
    static const struct body_field fields[] = {
        {"state", BODY_CHOICE, offsetof(struct body, state), 0, true, states},
        {"until", BODY_TIME, offsetof(struct body, until_us), 0, false, NULL},
        {"reason", BODY_LINE, offsetof(struct body, reason), LIMIT_REASON_CHARS, false, NULL},
    };
    _cleanup_errors_ struct body_errors errors = {0};
    Meridian__Presence presence = MERIDIAN__PRESENCE__INIT;
    Meridian__Principal principal;
    Meridian__Request request;

    if (body_read(call->body, fields, ARRAY_SIZE(fields), &body, &errors) < 0) {
        call_problem_with(call, E_VALIDATION, NULL, (struct str){0}, &errors);
        return;
    }
    call_request(call, &request, &principal);
    presence.state = (char *)body.state;
    presence.has_until_us = body.until_us != 0;
    presence.until_us = body.until_us;
    presence.reason = (char *)body.reason;
    presence.login = login;
    request.body_case = MERIDIAN__REQUEST__BODY_PRESENCE;
    request.presence = &presence;
    bus_call(call->intake->service->routers, &request, attempt_us, attempt_us, call_answered, call);
}

void presence_put(struct call *call)
{
    put(call, NULL);
}

void presence_of_agent_put(struct call *call)
{
    put(call, call->name);
}

static void on_agents(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        call_problem(call, status, "there is no such team, or you are not in it");
    else
        query_answered(call, status, json);
}

void team_agents_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "agents", LIMIT_PAGE, &query))
        return;
    const char *args[] = {call->name, buf_text(&query.key), query.limit};
    read_document(call, "agents", args, ARRAY_SIZE(args), 0, on_agents);
}

/* An offer is open for a minute, so the age of a standby would matter. */
void offers_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "offers", LIMIT_PAGE, &query))
        return;
    const char *args[] = {buf_text(&query.key), query.limit};
    read_document(call, "offers", args, ARRAY_SIZE(args), READ_AUTHORITY, query_answered);
}

static void on_dispatch(struct call *call, int status, struct str json)
{
    if (status == -E_NOT_FOUND)
        call_problem(call, status, "there is no ticket %s, or you may not see it", call->number);
    else
        query_answered(call, status, json);
}

void ticket_dispatch_get(struct call *call)
{
    _cleanup_query_ struct query query = {0};

    if (!query_page(call, "dispatch", LIMIT_PAGE, &query))
        return;
    const char *args[] = {call->number, buf_text(&query.key), query.limit};
    read_document(call, "dispatch", args, ARRAY_SIZE(args), READ_ASK_TWICE, on_dispatch);
}
