/* The table of routes: who comes as far as each handler. Deny by default. */
#include "base/memory.h"
#include "intake/api.h"
#include <criterion/criterion.h>
#include <stdio.h>

static enum authz_verdict verdict(const struct route *route, int role)
{
    static const uint32_t teams[] = {1};
    struct authz_subject subject = {(enum user_role)role, "00000000-0000-7000-8000-000000000001", teams, 1};

    return route_verdict(route, role ? &subject : NULL);
}

/* Letters: - nobody, r requester, a agent, l lead, A admin; a dot where the handler is not reached. */
static const struct {
    const char *route, *reached;
} matrix[] = {
    {"GET /", "-ralA"},
    {"GET /openapi.yaml", "-ralA"},
    {"POST /api/v1/sessions", "-ralA"},
    {"DELETE /api/v1/sessions/current", ".ralA"},
    {"GET /api/v1/me", ".ralA"},
    {"GET /api/v1/me/presence", "..alA"},
    {"PUT /api/v1/me/presence", "..alA"},
    {"PUT /api/v1/agents/{name}/presence", "...lA"},
    {"GET /api/v1/offers", "..alA"},
    {"GET /api/v1/teams", ".ralA"},
    {"GET /api/v1/teams/{name}/agents", "..alA"},
    {"POST /api/v1/tickets", ".ralA"},
    {"GET /api/v1/tickets", ".ralA"},
    {"GET /api/v1/tickets/{number}", ".ralA"},
    {"GET /api/v1/tickets/{number}/events", ".ralA"},
    {"POST /api/v1/tickets/{number}:claim", ".ralA"},
    {"POST /api/v1/tickets/{number}:release", ".ralA"},
    {"POST /api/v1/tickets/{number}:transfer", ".ralA"},
    {"POST /api/v1/tickets/{number}:reply", ".ralA"},
    {"POST /api/v1/tickets/{number}:note", ".ralA"},
    {"POST /api/v1/tickets/{number}:pend", ".ralA"},
    {"POST /api/v1/tickets/{number}:resolve", ".ralA"},
    {"POST /api/v1/tickets/{number}:confirm", ".ralA"},
    {"POST /api/v1/tickets/{number}:reopen", ".ralA"},
    {"POST /api/v1/tickets/{number}:cancel", ".ralA"},
    {"POST /api/v1/tickets/{number}:prioritize", ".ralA"},
    {"POST /api/v1/tickets/{number}:recalculate", ".ralA"},
    {"POST /api/v1/tickets/{number}:acknowledge", ".ralA"},
    {"POST /api/v1/tickets/{number}:take-over", ".ralA"},
    {"POST /api/v1/tickets/{number}:assign", ".ralA"},
    {"POST /api/v1/tickets/{number}:nudge", ".ralA"},
    {"POST /api/v1/tickets/{number}:hand-back", ".ralA"},
    {"POST /api/v1/tickets/{number}:link", ".ralA"},
    {"POST /api/v1/tickets/{number}:unlink", ".ralA"},
    {"POST /api/v1/tickets/{number}:merge", ".ralA"},
    {"POST /api/v1/tickets/{number}:unmerge", ".ralA"},
    {"POST /api/v1/tickets/{number}:accept", ".ralA"},
    {"POST /api/v1/tickets/{number}:decline", ".ralA"},
    {"GET /api/v1/tickets/{number}/links", ".ralA"},
    {"GET /api/v1/tickets/{number}/sla", "..alA"},
    {"GET /api/v1/sla/plan", "..alA"},
    {"POST /api/v1/sla/plan", "....A"},
    {"GET /api/v1/organisation", "..alA"},
    {"POST /api/v1/organisation", "....A"},
    {"GET /api/v1/sla/history", "...lA"},
    {"GET /api/v1/oncall/swaps", "..alA"},
    {"POST /api/v1/oncall/swaps", "..alA"},
    {"POST /api/v1/oncall/swaps:take", "..alA"},
    {"POST /api/v1/oncall/swaps:decline", "..alA"},
    {"POST /api/v1/oncall/swaps:withdraw", "..alA"},
    {"GET /api/v1/queue", "..alA"},
    {"POST /api/v1/queue:claim-next", "..alA"},
    {"GET /api/v1/events", ".ralA"},
    {"GET /api/v1/status", "..alA"},
    {"GET /api/v1/audit", "...lA"},
    {"GET /api/v1/dead-letters", "...lA"},
    {"POST /api/v1/dead-letters:replay", "...lA"},
};

static void name_of(const struct route *route, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "%s %s",
             route->method == HTTP_GET_    ? "GET"
             : route->method == HTTP_POST_ ? "POST"
             : route->method == HTTP_PUT_  ? "PUT"
                                           : "DELETE",
             route->pattern);
}

Test(routes, rights_are_as_in_the_matrix_and_every_route_is_in_it)
{
    cr_assert_eq(api_routes_n, ARRAY_SIZE(matrix));
    for (size_t i = 0; i < api_routes_n; i++) {
        char name[128];
        size_t row = 0;
        name_of(&api_routes[i], name, sizeof name);
        while (row < ARRAY_SIZE(matrix) && strcmp(matrix[row].route, name) != 0)
            row++;
        cr_assert_lt(row, ARRAY_SIZE(matrix), "%s is not in the matrix", name);
        for (int role = 0; role <= ROLE_ADMIN; role++)
            cr_assert_eq(verdict(&api_routes[i], role) == AUTHZ_ALLOW, matrix[row].reached[role] != '.',
                         "%s as role %d", name, role);
    }
}

Test(routes, an_unknown_action_or_role_is_denied)
{
    struct route forgotten = {HTTP_GET_, "/x", 0, false, BODY_NONE, NULL, NULL};
    struct route unknown = {HTTP_GET_, "/x", 9999, false, BODY_NONE, NULL, NULL};
    struct route per_ticket = {HTTP_GET_, "/x", ACTION_CLAIM, false, BODY_NONE, NULL, NULL};

    for (int role = 0; role <= 9; role++) {
        cr_assert_neq(verdict(&forgotten, role), AUTHZ_ALLOW);
        cr_assert_neq(verdict(&unknown, role), AUTHZ_ALLOW);
        cr_assert_neq(verdict(&per_ticket, role), AUTHZ_ALLOW, "without a judge of the object");
    }
    for (size_t i = 0; i < api_routes_n; i++)
        cr_assert(api_routes[i].action == ROUTE_OPEN || verdict(&api_routes[i], 7) != AUTHZ_ALLOW);
}

Test(routes, are_complete)
{
    for (size_t i = 0; i < api_routes_n; i++) {
        const struct route *route = &api_routes[i];
        cr_assert_not_null(route->handler);
        cr_assert_eq(route->pattern[0], '/');
        cr_assert_eq(route->body != BODY_NONE, route->method == HTTP_POST_ || route->method == HTTP_PUT_,
                     "%s", route->pattern);
        for (size_t j = 0; j < i; j++)
            cr_assert(route->method != api_routes[j].method ||
                      strcmp(route->pattern, api_routes[j].pattern) != 0);
    }
}
