/* Swaps of on-call shifts: ask, answer, list. What is right is the server's to judge. */
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/commands.h"
#include "deskctl/oncall_swaps.h"
#include "deskctl/output.h"

/* ---- what may be given ---- */

const struct flag oncall_swap_ask_flags[] = {
    {"from",
     0,
     "TIME",
     {"from when, as 2026-01-05T12:00Z (required)", "开始时刻，如 2026-01-05T12:00Z（必填）"}},
    {"to", 0, "TIME", {"until when (required)", "结束时刻（必填）"}},
    {"with",
     0,
     "LOGIN",
     {"ask this person, and not anybody in the schedule", "仅询问此人；默认询问值班表中的所有人"}},
    {0},
};
const struct flag oncall_swap_list_flags[] = {
    {"schedule", 0, "SCHEDULE", {"only of this schedule", "仅此值班表"}},
    {"state",
     0,
     "STATE",
     {"asked, taken, declined, withdrawn or expired", "asked、taken、declined、withdrawn 或 expired"}},
    {"limit", 'n', "N", {"at most N (1 to 200)", "最多 N 条（1 至 200）"}},
    {0},
};
/* ---- what is shown ---- */

static const char *show_state(const char *state)
{
    static const struct {
        const char *state;
        struct text text;
    } texts[] = {
        {"asked", {"asked", "待接班"}},       {"taken", {"taken", "已接班"}},
        {"declined", {"declined", "已拒绝"}}, {"withdrawn", {"withdrawn", "已撤回"}},
        {"expired", {"expired", "已过期"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i].state, state) == 0)
            return text_pick(texts[i].text);
    return state;
}

static int tell(const struct cli *cli, const struct client *client, const struct response *response)
{
    const json_t *json = response->json;

    if (response->status != 200)
        return client_explain(response, client->url);
    if (cli->json) {
        output_json(json);
        return EXIT_OK_;
    }
    printf(T("%s: %s from %s to %s: %s\n", "%s：%s，%s 至 %s：%s\n"), output_at(json, "id"),
           output_at(json, "schedule"), output_at(json, "from"), output_at(json, "to"),
           show_state(output_at(json, "state")));
    return EXIT_OK_;
}

int command_oncall_swap_ask(struct cli *cli)
{
    const char *from = cli_flag(cli, "from"), *to = cli_flag(cli, "to"), *partner = cli_flag(cli, "with");
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_(freep) char *from_time = NULL, *to_time = NULL;

    if (!from || !to)
        return cli_fail(EXIT_USAGE, T("--from and --to are required", "必须指定 --from 与 --to"));
    json_object_set_new(body, "schedule", json_string(cli->args[0]));
    from_time = oncall_time(from);
    to_time = oncall_time(to);
    json_object_set_new(body, "from", json_string(from_time));
    json_object_set_new(body, "to", json_string(to_time));
    if (partner)
        json_object_set_new(body, "partner", json_string(partner));
    client_call(client, "POST", "/api/v1/oncall/swaps", body, NULL, &response);
    return tell(cli, client, &response);
}

int command_oncall_swap_answer(struct cli *cli)
{
    const char *verb = strrchr(cli->command->name, ' ') + 1;
    _cleanup_(freep) char *path = mem_printf("/api/v1/oncall/swaps:%s", verb);
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *body = json_object();

    json_object_set_new(body, "id", json_string(cli->args[0]));
    client_call(client, "POST", path, body, NULL, &response);
    return tell(cli, client, &response);
}

int command_oncall_swap_list(struct cli *cli)
{
    const struct column columns[] = {
        {"ID", "id", 0, NULL},
        {T("STATE", "状态"), "state", 0, show_state},
        {T("SCHEDULE", "值班表"), "schedule", 24, NULL},
        {T("FROM", "开始"), "from", 0, NULL},
        {T("TO", "结束"), "to", 0, NULL},
        {T("ASKED BY", "请求人"), "asked_by", 20, NULL},
        {T("WHO IS ASKED", "对象"), "partner", 20, NULL},
        {T("DECIDED BY", "决定人"), "decided_by", 20, NULL},
    };
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;
    const char *schedule = cli_flag(cli, "schedule"), *state = cli_flag(cli, "state");
    long limit = cli_flag_number(cli, "limit", 50, 1, 200);

    if (limit < 0)
        return EXIT_USAGE;
    buf_printf(&path, "/api/v1/oncall/swaps?limit=%ld", limit);
    if (schedule) {
        buf_add_text(&path, "&schedule=");
        buf_add_percent(&path, str_from(schedule));
    }
    if (state) {
        buf_add_text(&path, "&state=");
        buf_add_percent(&path, str_from(state));
    }
    client_call(client, "GET", buf_text(&path), NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(json_object_get(response.json, "items"));
    else
        output_table(json_object_get(response.json, "items"), columns, ARRAY_SIZE(columns),
                     T("no swaps", "没有换班"));
    return EXIT_OK_;
}
