/* deskctl apply, diff, export: the organisation as a file. What would change is shown before anything does.
 */
#include "base/memory.h"
#include "base/uuid.h"
#include "deskctl/commands.h"
#include "deskctl/document_diff.h"
#include "deskctl/org_coverage.h"
#include "deskctl/organisation.h"
#include "deskctl/output.h"
#include "deskctl/yaml_write.h"
#include <limits.h>
#include <stdio.h>

/* ---- export ---- */

int command_export(struct cli *cli)
{
    _cleanup_org_source_ struct org_source source = {0};
    _cleanup_buf_ struct buf text = BUF_INIT;
    long version = cli_flag_number(cli, "version", 0, 1, LONG_MAX);
    int code;

    if (version < 0)
        return EXIT_USAGE;
    code = organisation_of_server(cli_client(cli), version, &source);
    if (code)
        return code;
    if (cli->json) {
        output_json(source.json);
        return EXIT_OK_;
    }
    buf_printf(&text, T("# organisation %lld\n", "# 组织 %lld\n"), (long long)source.version);
    yaml_write(source.json, &text);
    fputs(buf_text(&text), stdout);
    return EXIT_OK_;
}

/* ---- diff ---- */

/* Of a value that came, went or is another one: short, on one line. */
static void print_value(const json_t *value)
{
    enum { CHARS = 60 };
    _cleanup_(freep) char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    _cleanup_buf_ struct buf line = BUF_INIT;

    output_line(&line, text ? text : "");
    printf(" %s", utf8_length(buf_str(&line)) <= CHARS ? buf_text(&line) : "...");
}

static void print_changes(const json_t *changes)
{
    const json_t *item;
    size_t i;

    json_array_foreach(changes, i, item)
    {
        const json_t *before = json_object_get(item, "before"), *after = json_object_get(item, "after");
        _cleanup_buf_ struct buf at = BUF_INIT;

        output_line(&at, output_at(item, "at"));
        printf("%s %s", output_at(item, "change"), buf_text(&at));
        if (before)
            print_value(before);
        if (before && after)
            fputs(" ->", stdout);
        if (after)
            print_value(after);
        putchar('\n');
    }
}

/* Tickets that could only wait, until somebody learns it. */
static void warn_of_skills(const char *path, const struct organisation *o)
{
    size_t team = ORG_NONE;

    for (size_t i = 0; (i = organisation_service_lacking(o, i, &team)) < o->nservices; i++)
        fprintf(stderr,
                T("%s: service %s: no agent of team %s has the skills that its tickets need\n",
                  "%s：服务 %s：团队 %s 没有坐席具备其工单所需的技能\n"),
                path, o->services[i].name, o->teams[team].name);
    for (size_t i = 0; (i = organisation_rule_lacking(o, i, &team)) < o->nrules; i++)
        fprintf(stderr,
                T("%s: rule %s: no agent of team %s has the skills that its tickets need\n",
                  "%s：规则 %s：团队 %s 没有坐席具备其工单所需的技能\n"),
                path, o->rules[i].name, o->teams[team].name);
}

/* Fair, and probably not what was meant. */
static void print_warnings(const struct org_source *file)
{
    const struct organisation *o = &file->document->organisation;

    for (size_t i = 0; i < o->nteams; i++)
        if (!organisation_is_served(o, i))
            fprintf(stderr,
                    T("%s: team %s is served by nobody: none of its agents sits at one of its desks\n",
                      "%s：团队 %s 无人服务：其坐席都不在为它服务的服务台\n"),
                    file->file.path, o->teams[i].name);
    warn_of_skills(file->file.path, o);
}

/* What applying the file would change. */
struct change {
    json_t *changes;
    struct org_source file, present;
};

static void change_fini(struct change *change)
{
    org_source_fini(&change->file);
    org_source_fini(&change->present);
    json_decref(change->changes);
}

static int look(struct cli *cli, struct change *change)
{
    const char *path = cli_flag(cli, "file");
    int code;

    change->changes = json_array();
    if (!path)
        return cli_fail(EXIT_USAGE, "%s", T("--file is missing: the organisation", "缺少 --file：组织文件"));
    code = organisation_of_file(path, &change->file);
    if (!code)
        code = organisation_of_server(cli_client(cli), 0, &change->present);
    if (code)
        return code;
    document_diff(change->present.json, change->file.json, change->changes);
    if (!cli->json)
        print_changes(change->changes);
    print_warnings(&change->file);
    return EXIT_OK_;
}

static json_t *result_of(const struct change *change)
{
    return json_pack("{s:I, s:O}", "base_version", (json_int_t)change->present.version, "changes",
                     change->changes);
}

int command_diff(struct cli *cli)
{
    _cleanup_(change_fini) struct change change = {0};
    int code = look(cli, &change);

    if (code)
        return code;
    if (cli->json) {
        _cleanup_(json_decrefp) json_t *result = result_of(&change);

        output_json(result);
    } else {
        printf(T("%zu changes to organisation %lld\n", "与组织 %2$lld 相比有 %1$zu 处变更\n"),
               json_array_size(change.changes), (long long)change.present.version);
    }
    return EXIT_OK_;
}

/* ---- apply ---- */

static int post(struct cli *cli, const struct change *change, int64_t *ret_version)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *body = json_pack("{s:O, s:I}", "document", change->file.json,
                                                     "base_version", (json_int_t)change->present.version);
    struct uuid uuid = uuid_v7();
    char key[UUID_TEXT_SIZE];

    client_call_patient(client, "POST", "/api/v1/organisation", body, uuid_format(&uuid, key), 10, &response);
    if (response.status != 200)
        return organisation_explain(&change->file, &response, client->url);
    *ret_version = json_integer_value(json_object_get(response.json, "version"));
    return EXIT_OK_;
}

int command_apply(struct cli *cli)
{
    _cleanup_(change_fini) struct change change = {0};
    int64_t version = 0;
    int code = look(cli, &change);

    if (!code)
        code = post(cli, &change, &version);
    if (code)
        return code;
    if (cli->json) {
        _cleanup_(json_decrefp) json_t *result = result_of(&change);

        json_object_set_new(result, "version", json_integer(version));
        output_json(result);
    } else if (version == change.present.version) {
        printf(T("nothing changes: organisation %lld is in force\n", "没有变更：组织 %lld 已生效\n"),
               (long long)version);
    } else {
        printf(T("organisation %lld is in force (%zu changes)\n", "组织 %lld 已生效（%zu 处变更）\n"),
               (long long)version, json_array_size(change.changes));
    }
    return EXIT_OK_;
}

/* ---- teams ---- */

/* "stockholm until 2026-11-23T16:00:00.000Z, new-york" */
static void add_desks(json_t *team)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    const json_t *desk;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(team, "sun"), "on_shift"), i, desk)
    {
        const char *until = output_at(desk, "until");

        buf_printf(&text, "%s%s", i ? ", " : "", output_at(desk, "desk"));
        if (*until)
            buf_printf(&text, T(" until %s", " 至 %s"), until);
    }
    json_object_set_new(team, "desks", json_string(buf_text(&text)));
}

int command_teams(struct cli *cli)
{
    const struct column columns[] = {
        {T("TEAM", "团队"), "slug", 24, NULL},           {T("TIER", "级别"), "tier", 0, NULL},
        {T("AWAKE", "当班"), "sun.agents", 0, NULL},     {T("OPENS NEXT", "接班"), "sun.next.desk", 24, NULL},
        {T("AT", "时间"), "sun.next.opens_at", 0, NULL}, {T("DESKS", "开放的服务台"), "desks", 0, NULL}};
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    json_t *items, *team;
    size_t i;

    client_call_patient(client, "GET", "/api/v1/teams", NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    items = json_object_get(response.json, "items");
    if (cli->json) {
        output_json(items);
        return EXIT_OK_;
    }
    json_array_foreach(items, i, team) add_desks(team);
    output_table(items, columns, ARRAY_SIZE(columns), T("no teams", "没有团队"));
    return EXIT_OK_;
}

/* ---- coverage ---- */

int command_coverage(struct cli *cli)
{
    _cleanup_org_source_ struct org_source source = {0};
    struct org_coverage_ask ask = {.team = ORG_NONE};
    const char *team = cli_flag(cli, "team");
    int code;

    ask.weeks = (int)cli_flag_number(cli, "weeks", 52, 1, ORG_WEEKS_MAX);
    if (ask.weeks < 0)
        return EXIT_USAGE;
    code = organisation_of(cli, &source);
    if (code)
        return code;
    if (team) {
        ask.team = organisation_team(&source.document->organisation, team);
        if (ask.team == ORG_NONE)
            return cli_fail(EXIT_NOT_FOUND, T("there is no team \"%s\"", "没有团队“%s”"), team);
    }
    return org_coverage(cli, &source.document->organisation, &ask);
}
