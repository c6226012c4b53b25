/* Tickets made from others: a reply that is split off, the follow-up of a closed ticket. */
#include "base/memory.h"
#include "base/uuid.h"
#include "deskctl/client.h"
#include "deskctl/command_ticket.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include <stdio.h>
#include <string.h>

const struct flag derive_flags[] = {
    {"subject",
     0,
     "TEXT",
     {"of the new ticket (default: from the old one)", "新工单的主题（默认取自原工单）"}},
    {"service", 's', "NAME", {"service concerned (default: as before)", "相关服务（默认同原工单）"}},
    {"impact", 'i', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"urgency", 'U', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"key", 'k', "KEY", {"Idempotency-Key: the same key makes one ticket", "幂等键：同一键只产生一个工单"}},
    {0},
};

static int fill(struct cli *cli, json_t *body)
{
    static const char *const names[] = {"subject", "service", "impact", "urgency"};
    int code = EXIT_OK_;

    for (size_t i = 0; !code && i < ARRAY_SIZE(names); i++)
        code = ticket_set(body, names[i], cli_flag(cli, names[i]));
    return code;
}

static int make(struct cli *cli, const char *path, json_t *body, const char *made)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    struct uuid uuid = uuid_v7();
    char fresh[UUID_TEXT_SIZE];
    const char *key = cli_flag(cli, "key");

    client_call_patient(client, "POST", path, body, key ? key : uuid_format(&uuid, fresh), 10, &response);
    if (response.status != 201)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        printf(T("%s created from %s\n", "%s 已由 %s 创建\n"), output_at(response.json, made),
               output_at(response.json, "number"));
    return EXIT_OK_;
}

int command_split(struct cli *cli)
{
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;
    int code = fill(cli, body);

    ticket_path(&path, cli->args[0]);
    buf_printf(&path, "/replies/%s:split", cli->args[1]);
    return code ? code : make(cli, buf_text(&path), body, "split_into");
}

int command_follow_up(struct cli *cli)
{
    _cleanup_(freep) char *text = ticket_argument(cli->args[1]);
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;
    int code = text ? ticket_set(body, "description", text) : EXIT_USAGE;

    if (!code)
        code = fill(cli, body);
    ticket_path(&path, cli->args[0]);
    buf_add_text(&path, ":follow-up");
    return code ? code : make(cli, buf_text(&path), body, "follow_up");
}
