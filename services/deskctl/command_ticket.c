/* Submitting, reading and working tickets. */
#include "deskctl/command_ticket.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "deskctl/eligibility.h"
#include "deskctl/listing.h"
#include "deskctl/output.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

void ticket_path(struct buf *path, const char *number)
{
    buf_add_text(path, "/api/v1/tickets/");
    buf_add_percent(path, str_from(number));
}

char *ticket_argument(const char *text)
{
    return strcmp(text, "-") == 0 ? cli_stdin() : mem_str(text);
}

int ticket_set(json_t *body, const char *name, const char *text)
{
    json_t *value;

    if (!text)
        return EXIT_OK_;
    value = json_string(text);
    if (!value)
        return cli_fail(EXIT_USAGE, T("%s is not valid UTF-8", "%s 不是有效的 UTF-8"), name);
    json_object_set_new(body, name, value);
    return EXIT_OK_;
}

int command_submit(struct cli *cli)
{
    static const char *const fields[][2] = {{"service", "service"},
                                            {"impact", "impact"},
                                            {"urgency", "urgency"},
                                            {"language", "language"},
                                            {"for", "on_behalf_of"}};
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(freep) char *description =
        ticket_argument(cli_flag(cli, "description") ? cli_flag(cli, "description") : cli->args[0]);
    const char *key = cli_flag(cli, "key");
    char fresh[UUID_TEXT_SIZE];
    json_t *body = json_object();
    int code;

    if (!description) {
        json_decref(body);
        return EXIT_USAGE;
    }
    if (!key) {
        struct uuid uuid = uuid_v7();
        key = uuid_format(&uuid, fresh);
    }
    code = ticket_set(body, "subject", cli->args[0]);
    if (!code)
        code = ticket_set(body, "description", description);
    for (size_t i = 0; !code && i < ARRAY_SIZE(fields); i++)
        code = ticket_set(body, fields[i][1], cli_flag(cli, fields[i][0]));
    if (code) {
        json_decref(body);
        return code;
    }
    client_call_patient(client, "POST", "/api/v1/tickets", body, key, 10, &response);
    json_decref(body);
    if (response.status != 201 && response.status != 202)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        printf(response.status == 201
                   ? T("%s created\n", "%s 已创建\n")
                   : T("%s accepted; it will be in the queue shortly\n", "%s 已受理；稍后进入队列\n"),
               output_at(response.json, "number"));
    return EXIT_OK_;
}

int command_list(struct cli *cli)
{
    const struct column columns[] = {
        {T("NUMBER", "编号"), "number", 0, NULL},
        {"P", "priority", 0, NULL},
        {T("STATE", "状态"), "state", 0, output_state},
        {T("TEAM", "团队"), "team.slug", 20, NULL},
        {T("OWNER", "负责人"), "owner.login", 20, NULL},
        {T("REQUESTER", "请求人"), "requester.login", 20, NULL},
        {T("SUBJECT", "主题"), "subject", 60, NULL},
    };
    _cleanup_buf_ struct buf path = BUF_INIT;
    char separator = '?';

    buf_add_text(&path, "/api/v1/tickets");
    for (const char *const *name = (const char *const[]){"state", "team", NULL}; *name; name++) {
        if (cli_flag(cli, *name)) {
            buf_printf(&path, "%c%s=", separator, *name);
            buf_add_percent(&path, str_from(cli_flag(cli, *name)));
            separator = '&';
        }
    }
    if (cli_flag(cli, "mine"))
        buf_printf(&path, "%cowner=me", separator);
    return listing_print(cli, buf_text(&path), LISTING_ROWS, columns, ARRAY_SIZE(columns),
                         T("no tickets", "没有工单"));
}

int command_queue(struct cli *cli)
{
    const struct column columns[] = {
        {T("NUMBER", "编号"), "number", 0, NULL},
        {"P", "priority", 0, NULL},
        {T("TEAM", "团队"), "team", 20, NULL},
        {T("DUE", "截止"), "due_at", 0, NULL},
        {T("REGION", "区域"), "region", 0, NULL},
        {T("FOR YOU", "可领取"), "refusal", 0, eligibility_word},
        {T("FROM", "交接自"), "handover.from", 20, NULL},
        {T("SUBJECT", "主题"), "subject", 60, NULL},
    };
    _cleanup_buf_ struct buf path = BUF_INIT;

    buf_add_text(&path, "/api/v1/queue");
    if (cli_flag(cli, "team")) {
        buf_add_text(&path, "?team=");
        buf_add_percent(&path, str_from(cli_flag(cli, "team")));
    }
    return listing_print(cli, buf_text(&path), LISTING_ROWS, columns, ARRAY_SIZE(columns),
                         T("the queue is empty", "队列为空"));
}

int command_history(struct cli *cli)
{
    const struct column columns[] = {
        {T("SEQ", "序号"), "seq", 0, NULL},         {T("TIME", "时间"), "at", 0, NULL},
        {T("WHO", "谁"), "actor", 24, NULL},        {T("WHAT", "事件"), "type", 0, NULL},
        {T("TEAM", "团队"), "data.team", 20, NULL}, {T("OWNER", "负责人"), "data.owner", 20, NULL},
    };
    _cleanup_buf_ struct buf path = BUF_INIT;

    ticket_path(&path, cli->args[0]);
    buf_add_text(&path, "/events");
    return listing_print(cli, buf_text(&path), LISTING_MOST_ROWS, columns, ARRAY_SIZE(columns),
                         T("no events", "没有事件"));
}

int command_links(struct cli *cli)
{
    const struct column columns[] = {
        {T("KIND", "关联"), "kind", 0, NULL},           {T("NUMBER", "编号"), "number", 0, NULL},
        {T("STATE", "状态"), "state", 0, output_state}, {T("BY", "创建人"), "by", 20, NULL},
        {T("SUBJECT", "主题"), "subject", 60, NULL},
    };
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;

    ticket_path(&path, cli->args[0]);
    buf_add_text(&path, "/links");
    client_call(client, "GET", buf_text(&path), NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(json_object_get(response.json, "items"));
    else
        output_table(json_object_get(response.json, "items"), columns, ARRAY_SIZE(columns),
                     T("no links", "没有关联"));
    return EXIT_OK_;
}

int command_show(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;

    ticket_path(&path, cli->args[0]);
    client_call(client, "GET", buf_text(&path), NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        output_ticket(response.json);
    return EXIT_OK_;
}

int command_next(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    struct uuid uuid = uuid_v7();
    char key[UUID_TEXT_SIZE];
    json_t *body = json_object();

    if (ticket_set(body, "team", cli_flag(cli, "team"))) {
        json_decref(body);
        return EXIT_USAGE;
    }
    client_call_patient(client, "POST", "/api/v1/queue:claim-next", body, uuid_format(&uuid, key), 10,
                        &response);
    json_decref(body);
    if (response.status == 204) {
        if (cli->json)
            puts("null");
        else
            fprintf(stderr, "%s\n", T("the queue is empty", "队列为空"));
        return EXIT_OK_;
    }
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        output_ticket(response.json);
    return EXIT_OK_;
}

/* The present one. */
static int find_epoch(struct cli *cli, const char *path, json_t *body)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};

    client_call(client, "GET", path, NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    json_object_set(body, "epoch", json_object_get(response.json, "epoch"));
    return EXIT_OK_;
}

int ticket_epoch(struct cli *cli, const char *path, json_t *body)
{
    long epoch;

    if (!cli_flag(cli, "epoch"))
        return find_epoch(cli, path, body);
    epoch = cli_flag_number(cli, "epoch", 0, 0, LONG_MAX);
    if (epoch < 0)
        return EXIT_USAGE;
    json_object_set_new(body, "epoch", json_integer(epoch));
    return EXIT_OK_;
}

/* The members for what follows the number; NULL: a message. */
static const char *const *argument_names(const char *action)
{
    static const char *const link[] = {"kind", "to"}, *const merge[] = {"into"};

    if (strcmp(action, "link") == 0 || strcmp(action, "unlink") == 0)
        return link;
    return strcmp(action, "merge") == 0 ? merge : NULL;
}

static int action_body(struct cli *cli, const char *action, const char *path, json_t *body)
{
    static const char *const copied[] = {"reason",     "team",   "until",   "cause", "solution",
                                         "prevention", "impact", "urgency", "plan",  "to"};
    static const char *const owners[] = {"release",   "transfer", "pend",     "resolve",
                                         "take-over", "assign",   "hand-back"};
    bool owner_verb = false;
    int code = EXIT_OK_;

    for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
        owner_verb = owner_verb || strcmp(action, owners[i]) == 0;

    for (size_t i = 0; !code && i < ARRAY_SIZE(copied); i++)
        code = ticket_set(body, copied[i], cli_flag(cli, copied[i]));
    for (int i = 1; !code && i < cli->nargs && argument_names(action); i++)
        code = ticket_set(body, argument_names(action)[i - 1], cli->args[i]);
    for (const char *const *name = (const char *const[]){"force", "broadcast", NULL}; *name; name++)
        if (cli_flag(cli, *name))
            json_object_set_new(body, *name, json_true());
    if (!code && cli->nargs > 1 && !argument_names(action)) {
        _cleanup_(freep) char *text = ticket_argument(cli->args[1]);
        code = text ? ticket_set(body, "body", text) : EXIT_USAGE;
    }
    if (code)
        return code;
    return owner_verb || cli_flag(cli, "epoch") ? ticket_epoch(cli, path, body) : EXIT_OK_;
}

int ticket_act(struct cli *cli, const char *path, json_t *body)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf target = BUF_INIT;
    struct uuid uuid = uuid_v7();
    char key[UUID_TEXT_SIZE];

    buf_printf(&target, "%s:%s", path, cli->command->name);
    client_call_patient(client, "POST", buf_text(&target), body, uuid_format(&uuid, key), 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        printf("%s  %s  %s  epoch %s\n", output_at(response.json, "number"),
               output_state(output_at(response.json, "state")),
               *output_at(response.json, "owner.login") ? output_at(response.json, "owner.login")
                                                        : T("nobody", "无人"),
               output_at(response.json, "epoch"));
    if (!cli->json && json_object_get(response.json, "broadcast"))
        printf(T("sent to %s open children, %s passed over\n", "已发送至 %s 个未结子工单，略过 %s 个\n"),
               output_at(response.json, "broadcast.sent"), output_at(response.json, "broadcast.passed_over"));
    return EXIT_OK_;
}

int command_action(struct cli *cli)
{
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;
    int code;

    ticket_path(&path, cli->args[0]);
    code = action_body(cli, cli->command->name, buf_text(&path), body);
    return code ? code : ticket_act(cli, buf_text(&path), body);
}
