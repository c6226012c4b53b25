/* deskctl rules test, explain route: routing done again from the first event of tickets, by the code that the
 * router runs. */
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/commands.h"
#include "deskctl/dispatch_steps.h"
#include "deskctl/eligibility.h"
#include "deskctl/organisation.h"
#include "deskctl/output.h"
#include "plan/node.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- a ticket again ---- */

struct given {
    struct sla_facts facts;
    int impact, urgency;
};

static int level_of(const json_t *from, const char *name)
{
    int64_t level = json_integer_value(json_object_get(from, name));

    return level >= 1 && level <= 3 ? (int)level : 0;
}

/* What was known when it was routed. Events of releases without routing do not tell which levels were the
 * submitter's: all are taken for theirs. */
static struct given given_of(const json_t *data)
{
    static const enum sla_field fields[] = {SLA_SERVICE,   SLA_REGION,   SLA_CHANNEL, SLA_LANGUAGE,
                                            SLA_REQUESTER, SLA_CONTRACT, SLA_SITE,    SLA_CUSTOMER_TIER,
                                            SLA_CUSTOMER,  SLA_ZONE};
    const json_t *routing = json_object_get(data, "routing");
    const json_t *levels = routing ? routing : data;
    struct given given = {.impact = level_of(levels, "impact"), .urgency = level_of(levels, "urgency")};

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        given.facts.values[fields[i]] = json_string_value(json_object_get(data, sla_field_name(fields[i])));
    return given;
}

static const char *team_name(const struct organisation *o, const struct org_route *route)
{
    return route->team == ORG_NONE ? "" : o->teams[route->team].name;
}

/* It has its team from the ticket that it was made from, whatever the rules say. */
static bool team_kept(const json_t *data)
{
    return json_is_true(json_object_get(json_object_get(data, "routing"), "team_kept"));
}

/* ---- rules test ---- */

enum { MOVES_MAX = 1000, PAGE = 50 };

struct test {
    const struct organisation *o;
    long tickets, moved, unruled;
    long *hits; /* beside the rules */
    json_t *moves;
};

static void test_ticket(struct test *test, const json_t *item)
{
    const json_t *data = json_object_get(json_array_get(json_object_get(item, "events"), 0), "data");
    const struct given given = given_of(data);
    const struct org_route route = organisation_route(test->o, &given.facts, given.impact, given.urgency);
    const char *was = json_string_value(json_object_get(data, "team")), *is = team_name(test->o, &route);

    test->tickets++;
    if (route.rule)
        test->hits[route.rule - test->o->rules]++;
    else
        test->unruled++;
    if (team_kept(data) || (was && strcmp(was, is) == 0))
        return;
    test->moved++;
    if (json_array_size(test->moves) < MOVES_MAX)
        json_array_append_new(test->moves,
                              json_pack("{s:s, s:s?, s:s, s:s?}", "number", output_at(item, "number"), "team",
                                        was, "new_team", is, "rule", route.rule ? route.rule->name : NULL));
}

static int walk(struct client *client, struct test *test)
{
    _cleanup_(freep) char *cursor = NULL;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;
        const json_t *item;
        size_t i;

        buf_printf(&path, "/api/v1/sla/history?limit=%d", PAGE);
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        if (response.status != 200)
            return client_explain(&response, client->url);
        json_array_foreach(json_object_get(response.json, "items"), i, item) test_ticket(test, item);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
        if (isatty(STDERR_FILENO))
            fprintf(stderr, T("\r%ld tickets", "\r%ld 个工单"), test->tickets);
    } while (cursor);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return EXIT_OK_;
}

static json_t *rules_json(const struct test *test)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < test->o->nrules; i++)
        json_array_append_new(rules, json_pack("{s:s, s:I}", "rule", test->o->rules[i].name, "tickets",
                                               (json_int_t)test->hits[i]));
    return rules;
}

static void report(const struct cli *cli, const struct test *test)
{
    static const struct column rule_columns[] = {{"rule", "rule", 40, NULL}, {"tickets", "tickets", 0, NULL}};
    static const struct column move_columns[] = {{"number", "number", 16, NULL},
                                                 {"team", "team", 24, NULL},
                                                 {"would go to", "new_team", 24, NULL},
                                                 {"rule", "rule", 40, NULL}};
    _cleanup_(json_decrefp) json_t *rules = rules_json(test), *result = NULL;

    if (cli->json) {
        result = json_pack("{s:I, s:I, s:I, s:O, s:O}", "tickets", (json_int_t)test->tickets, "moved",
                           (json_int_t)test->moved, "by_no_rule", (json_int_t)test->unruled, "rules", rules,
                           "moves", test->moves);
        output_json(result);
        return;
    }
    output_table(rules, rule_columns, ARRAY_SIZE(rule_columns), T("no rules", "没有规则"));
    if (test->moved)
        output_table(test->moves, move_columns, ARRAY_SIZE(move_columns), "");
    printf(T("%ld tickets: %ld by no rule, %ld would go elsewhere; nothing was changed\n",
             "%ld 个工单：%ld 个未命中规则，%ld 个会去往别处；未作任何更改\n"),
           test->tickets, test->unruled, test->moved);
}

int command_rules_test(struct cli *cli)
{
    _cleanup_org_source_ struct org_source source = {0};
    _cleanup_(json_decrefp) json_t *moves = json_array();
    _cleanup_(freep) long *hits = NULL;
    struct test test = {.moves = moves};
    int code = organisation_of(cli, &source);

    if (code)
        return code;
    test.o = &source.document->organisation;
    test.hits = hits = NEW_ARRAY(long, test.o->nrules + 1);
    code = walk(cli_client(cli), &test);
    if (!code)
        report(cli, &test);
    return code;
}

/* ---- explain route ---- */

static int first_event(struct client *client, const char *number, struct response *ret_response,
                       const json_t **ret_data)
{
    _cleanup_buf_ struct buf path = BUF_INIT;

    buf_add_text(&path, "/api/v1/tickets/");
    buf_add_percent(&path, str_from(number));
    buf_add_text(&path, "/events?limit=1");
    client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, ret_response);
    if (ret_response->status != 200)
        return client_explain(ret_response, client->url);
    *ret_data = json_object_get(json_array_get(json_object_get(ret_response->json, "items"), 0), "data");
    if (json_object_get(*ret_data, "routing"))
        return EXIT_OK_;
    return cli_fail(
        EXIT_ERROR,
        T("%s was routed by a release that did not record why", "%s 由未记录路由原因的旧版本路由"), number);
}

/* Of each rule up to the one that decided, whether it held. */
static json_t *rules_tried(const struct organisation *o, const struct given *given,
                           const struct org_route *route)
{
    const char priority[] = {(char)('0' + route->seen_priority), 0};
    struct sla_facts facts = given->facts;
    json_t *tried = json_array();

    facts.values[SLA_PRIORITY] = priority;
    for (size_t i = 0; i < o->nrules; i++) {
        json_array_append_new(tried, json_pack("{s:s, s:b}", "rule", o->rules[i].name, "holds",
                                               sla_condition_holds(&o->rules[i].when, &facts)));
        if (&o->rules[i] == route->rule)
            break;
    }
    return tried;
}

/* The same as what the first event tells, which says nothing where nothing is needed. */
static bool needs_same(const struct org_skills *skills, const json_t *data)
{
    const json_t *needs = json_object_get(data, "skills");
    bool same = json_object_size(needs) == (skills ? skills->n : 0);

    for (size_t i = 0; skills && i < skills->n && same; i++)
        same = json_integer_value(json_object_get(needs, skills->items[i].name)) == skills->items[i].level;
    return same;
}

static void print_route(const json_t *result)
{
    const json_t *rule;
    size_t i;

    printf(T("%s: team %s, by organisation %s\n", "%s：团队 %s，依据组织 %s\n"), output_at(result, "number"),
           output_at(result, "team"), output_at(result, "organisation"));
    printf(T("  service  %s\n", "  服务  %s\n"),
           *output_at(result, "service")
               ? output_at(result, "service")
               : T("none was named that is in the organisation", "未指定，或不在组织中"));
    json_array_foreach(json_object_get(result, "rules"), i, rule) printf(
        "  %s  %s\n",
        json_is_true(json_object_get(rule, "holds")) ? T("holds   ", "成立  ") : T("does not", "不成立"),
        output_at(rule, "rule"));
    printf(T("  impact %s, urgency %s\n", "  影响 %s，紧急程度 %s\n"), output_at(result, "impact"),
           output_at(result, "urgency"));
    if (json_is_true(json_object_get(result, "team_kept")))
        puts(T("  the team is that of the ticket it was made from", "  团队沿用来源工单的团队"));
    else if (json_is_false(json_object_get(result, "same")))
        puts(T("  done again, it goes elsewhere: this deskctl and the router are of different releases",
               "  重新计算结果不同：deskctl 与路由服务版本不一致"));
    eligibility_print(json_object_get(result, "eligibility"));
}

int command_explain_route(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0}, eligibility = {0};
    _cleanup_org_source_ struct org_source source = {0};
    _cleanup_(json_decrefp) json_t *result = NULL, *dispatch = NULL;
    const struct organisation *o;
    const json_t *data = NULL;
    struct given given;
    struct org_route route;
    int code = first_event(client, cli->args[0], &response, &data);

    if (!code)
        code = organisation_of_server(
            client, json_integer_value(json_object_get(json_object_get(data, "routing"), "organisation")),
            &source);
    if (!code)
        code = eligibility_read(client, cli->args[0], &eligibility);
    if (code)
        return code;
    o = &source.document->organisation;
    given = given_of(data);
    route = organisation_route(o, &given.facts, given.impact, given.urgency);
    result = json_pack("{s:s, s:I, s:s, s:s?, s:s?, s:i, s:i, s:o, s:b, s:b, s:O}", "number",
                       output_at(data, "number"), "organisation", (json_int_t)source.version, "team",
                       output_at(data, "team"), "service", route.service ? route.service->name : NULL, "rule",
                       route.rule ? route.rule->name : NULL, "impact", route.impact, "urgency", route.urgency,
                       "rules", rules_tried(o, &given, &route), "same",
                       !o->nteams || (strcmp(output_at(data, "team"), team_name(o, &route)) == 0 &&
                                      needs_same(route.skills, data)),
                       "team_kept", team_kept(data), "eligibility", eligibility.json);
    dispatch = dispatch_steps_read(client, cli->args[0]);
    if (dispatch)
        json_object_set(result, "dispatch", dispatch);
    if (cli->json) {
        output_json(result);
    } else {
        print_route(result);
        dispatch_steps_print(dispatch);
    }
    return EXIT_OK_;
}
