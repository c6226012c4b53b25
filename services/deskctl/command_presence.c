/* deskctl presence, agents, offers: who takes offers, and what is offered. Answers to an offer are actions on
 * its ticket (command_ticket.c). */
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "deskctl/listing.h"
#include <stdio.h>

const struct flag presence_flags[] = {
    {"until",
     0,
     "TIME",
     {"until when; then who was available is offline, all others are available",
      "截止时间；届时 available 变为 offline，其余变为 available"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {"of", 0, "USER", {"of one of your people (leads)", "设置组内坐席的状态（组长）"}},
    {0},
};

static const char *show_state(const char *state)
{
    static const struct {
        const char *state;
        struct text text;
    } texts[] = {
        {"available", {"available", "可接单"}},
        {"busy", {"busy", "忙碌"}},
        {"away", {"away", "离开"}},
        {"offline", {"offline", "离线"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i].state, state) == 0)
            return text_pick(texts[i].text);
    return state;
}

static const char *show_kind(const char *kind)
{
    return strcmp(kind, "handover") == 0 ? T("handover", "交接") : T("offer", "派单");
}

static void print_presence(const json_t *json)
{
    const char *reason = output_at(json, "reason");

    fputs(show_state(output_at(json, "state")), stdout);
    if (*output_at(json, "since"))
        printf(T(" since %s", "，自 %s 起"), output_at(json, "since"));
    if (*output_at(json, "until"))
        printf(T(" until %s", "，至 %s"), output_at(json, "until"));
    if (*reason)
        printf(T(" (%s)", "（%s）"),
               strcmp(reason, "missed_offer") == 0 ? T("an offer was not answered", "派单未答复") : reason);
    putchar('\n');
}

int command_presence(struct cli *cli)
{
    static const char *const members[] = {"until", "reason", NULL};
    const char *of = cli_flag(cli, "of");
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;

    if (!cli->nargs && (of || cli_flag(cli, "until") || cli_flag(cli, "reason")))
        return cli_fail(EXIT_USAGE, T("which state?", "请指定状态"));
    buf_add_text(&path, of ? "/api/v1/agents/" : "/api/v1/me");
    if (of)
        buf_add_percent(&path, str_from(of));
    buf_add_text(&path, "/presence");
    if (cli->nargs)
        json_object_set_new(body, "state", json_string(cli->args[0]));
    for (const char *const *name = members; *name; name++)
        if (cli_flag(cli, *name))
            json_object_set_new(body, *name, json_string(cli_flag(cli, *name)));
    client_call_patient(client, cli->nargs ? "PUT" : "GET", buf_text(&path), cli->nargs ? body : NULL, NULL,
                        10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        print_presence(response.json);
    return EXIT_OK_;
}

int command_agents(struct cli *cli)
{
    const struct column columns[] = {
        {T("LOGIN", "登录名"), "login", 24, NULL},
        {T("NAME", "姓名"), "name", 24, NULL},
        {T("DESK", "服务台"), "desk", 20, NULL},
        {T("ON SHIFT", "当班"), "on_shift", 0, NULL},
        {T("PRESENCE", "状态"), "presence.state", 0, show_state},
        {T("SINCE", "自"), "presence.since", 0, NULL},
        {T("LOAD", "负载"), "load", 0, NULL},
        {T("CAPACITY", "容量"), "capacity", 0, NULL},
        {T("REASON", "原因"), "presence.reason", 40, NULL},
    };
    _cleanup_buf_ struct buf path = BUF_INIT;

    buf_add_text(&path, "/api/v1/teams/");
    buf_add_percent(&path, str_from(cli->args[0]));
    buf_add_text(&path, "/agents");
    return listing_print(cli, buf_text(&path), LISTING_ROWS, columns, ARRAY_SIZE(columns),
                         T("nobody is in this team", "此团队没有坐席"));
}

int command_offers(struct cli *cli)
{
    const struct column columns[] = {
        {T("NUMBER", "编号"), "number", 0, NULL},
        {T("KIND", "类型"), "kind", 0, show_kind},
        {"P", "priority", 0, NULL},
        {T("TEAM", "团队"), "team", 20, NULL},
        {T("UNTIL", "截止"), "expires_at", 0, NULL},
        {T("SUBJECT", "主题"), "subject", 60, NULL},
    };

    return listing_print(cli, "/api/v1/offers", LISTING_ROWS, columns, ARRAY_SIZE(columns),
                         T("nothing is offered to you", "没有派给您的工单"));
}
