/* The table of routes, held against the table of rights. Deny by default. */
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

/* tests/rights.csv: a route, an object, and what each of these people is told. The end-to-end tests try every
 * cell; here it is held against the table of routes. */
static const int role_of_column[] = {0,          ROLE_REQUESTER, ROLE_REQUESTER, ROLE_AGENT, ROLE_AGENT,
                                     ROLE_AGENT, ROLE_AGENT,     ROLE_LEAD,      ROLE_LEAD,  ROLE_ADMIN};
enum { COLUMNS = ARRAY_SIZE(role_of_column), LINES_MAX = 1000 };

struct line {
    char text[400];
    struct str route, object, cells[COLUMNS];
};

static struct line table[LINES_MAX];
static size_t table_n;

static void read_table(void)
{
    FILE *file = fopen(MERIDIAN_SOURCE_DIR "/tests/rights.csv", "r");
    char head[400];

    cr_assert_not_null(file);
    cr_assert_not_null(fgets(head, sizeof head, file));
    for (struct line *line = table; table_n < LINES_MAX && fgets(line->text, sizeof line->text, file);
         line++) {
        line->text[strcspn(line->text, "\n")] = 0;
        struct str rest = str_from(line->text);
        for (int i = -2; i < COLUMNS; i++) {
            struct str *cell = i == -2 ? &line->route : i == -1 ? &line->object : &line->cells[i];
            cr_assert(str_cut(rest, ',', cell, &rest) == (i + 1 < COLUMNS), "columns of %s", line->text);
            *cell = str_trim(*cell);
        }
        table_n++;
    }
    fclose(file);
}

static void name_of(const struct route *route, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "%s %s",
             route->method == HTTP_GET_    ? "GET"
             : route->method == HTTP_POST_ ? "POST"
             : route->method == HTTP_PUT_  ? "PUT"
                                           : "DELETE",
             route->pattern);
}

/* Whoever does not come as far as the handler is refused on every line; whoever does is let through on some
 * line, unless the object's own rights are in the way. */
static void check_route(const struct route *route, const char *name)
{
    bool allowed[COLUMNS] = {false};
    size_t lines = 0;

    for (const struct line *line = table; line < table + table_n; line++) {
        if (!str_eq(line->route, str_from(name)))
            continue;
        lines++;
        for (int i = 0; i < COLUMNS; i++) {
            struct str cell = line->cells[i];
            bool ok = str_eq(cell, STR("ok"));
            cr_assert(ok || str_eq(cell, STR("401")) || str_eq(cell, STR("403")) ||
                          str_eq(cell, STR("404")) || str_eq(cell, STR("-")),
                      "%s", line->text);
            cr_assert(verdict(route, role_of_column[i]) == AUTHZ_ALLOW || !ok, "%s", line->text);
            cr_assert_eq(str_eq(cell, STR("401")), i == 0 && route->action != ROUTE_OPEN, "%s", line->text);
            allowed[i] |= ok || str_eq(cell, STR("-"));
        }
    }
    cr_assert(lines, "%s has no line in tests/rights.csv", name);
    for (int i = 0; i < COLUMNS; i++)
        cr_assert(allowed[i] || route->object || verdict(route, role_of_column[i]) != AUTHZ_ALLOW, "%s",
                  name);
}

/* ---- routes of which the object decides ---- */

#define ME    "00000000-0000-7000-8000-000000000001"
#define OTHER "00000000-0000-7000-8000-000000000002"
/* What the people of the columns have to do with the ticket. */
static const struct {
    bool asked, owns, in_team;
} people[COLUMNS] = {
    {0}, {.asked = true},   {0}, {0}, {.asked = true}, {.in_team = true}, {.owns = true, .in_team = true},
    {0}, {.in_team = true}, {0}};

static bool says(const struct line *line, const char *word)
{
    return memmem(line->object.p, line->object.n, word, strlen(word));
}

/* What the authority says of the cell, as the table of rights writes it. */
static const char *judged(const struct route *route, const struct line *line, int column)
{
    const uint32_t teams[] = {people[column].in_team ? 1 : 2};
    struct authz_subject subject = {(enum user_role)role_of_column[column], ME, teams, 1};
    bool owned = says(line, "claimed") || says(line, "resolved");
    const char *requester = people[column].asked ? ME : OTHER;
    struct authz_ticket ticket = {.requester_id = requester,
                                  .submitter_id = requester,
                                  .owner_id = !owned                ? NULL
                                              : people[column].owns ? ME
                                                                    : OTHER,
                                  .team = 1,
                                  .restricted = str_starts(line->object, STR("restricted"))};
    enum authz_verdict said = authz(&subject, route->action, &ticket);

    return said == AUTHZ_ALLOW ? "ok" : said == AUTHZ_DENY ? "403" : "404";
}

/* Whoever is signed in reaches the handler, as nothing can be said without the object; then each cell is what
 * the authority says. */
static void check_object_route(const struct route *route, const char *name)
{
    cr_expect_neq(verdict(route, 0), AUTHZ_ALLOW, "%s: nobody", name);
    for (int role = ROLE_REQUESTER; role <= ROLE_ADMIN; role++)
        cr_expect_eq(verdict(route, role), AUTHZ_ALLOW, "%s: role %d", name, role);
    for (const struct line *line = table; line < table + table_n; line++)
        for (int i = 1; i < COLUMNS && str_eq(line->route, str_from(name)); i++)
            if (!str_eq(line->cells[i], STR("-")))
                cr_expect(str_eq(line->cells[i], str_from(judged(route, line, i))),
                          "%s, %.*s, column %d: %.*s, and the authority says %s", name, (int)line->object.n,
                          line->object.p, i + 1, (int)line->cells[i].n, line->cells[i].p,
                          judged(route, line, i));
}

Test(routes, what_an_object_decides_is_as_the_authority_decides)
{
    size_t n = 0;

    read_table();
    for (size_t i = 0; i < api_routes_n; i++) {
        const struct route *route = &api_routes[i];
        char name[128];

        if (!route->object)
            continue;
        n++;
        name_of(route, name, sizeof name);
        cr_expect(strstr(route->pattern, "/tickets"), "%s: of what object?", name);
        check_object_route(route, name);
    }
    cr_assert_gt(n, 20);
}

Test(routes, every_route_has_its_lines_in_the_table_of_rights)
{
    size_t known = 0;

    read_table();
    for (size_t i = 0; i < api_routes_n; i++) {
        char name[128];
        name_of(&api_routes[i], name, sizeof name);
        check_route(&api_routes[i], name);
        for (size_t row = 0; row < table_n; row++)
            known += str_eq(table[row].route, str_from(name));
    }
    cr_assert_eq(known, table_n, "tests/rights.csv has lines of routes that there are not");
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
