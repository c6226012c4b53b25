/* deskctl hand-over: a ticket, and what whoever goes on with it has to know. */
#include "base/memory.h"
#include "deskctl/command_ticket.h"
#include "deskctl/commands.h"

const struct flag handover_flags[] = {
    {"to", 0, "USER", {"whom to ask (default: the best who is there)", "接手人（默认为当班的最佳人选）"}},
    {"state",
     0,
     "TEXT",
     {"how it is (required); - reads standard input", "当前情况（必填）；- 表示读取标准输入"}},
    {"tried", 0, "TEXT", {"what was tried, and what came of it (required)", "已尝试的措施及结果（必填）"}},
    {"last-contact", 0, "TEXT", {"with the requester", "与请求人的最近一次联系"}},
    {"next", 0, "TEXT", {"the next step (required)", "下一步（必填）"}},
    {"next-at", 0, "TIME", {"by when, as 2026-12-24T08:00:00Z", "下一步的时限，如 2026-12-24T08:00:00Z"}},
    {"at-shift-end", 0, NULL, {"keep it until my desk closes", "保留至本服务台下班时再交接"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {0},
};

static int fill_note(struct cli *cli, json_t *note)
{
    static const char *const parts[][2] = {{"state", "state"},
                                           {"tried", "tried"},
                                           {"last-contact", "last_contact"},
                                           {"next", "next_step"},
                                           {"next-at", "next_step_at"}};
    int code = EXIT_OK_;

    for (size_t i = 0; !code && i < ARRAY_SIZE(parts); i++) {
        const char *given = cli_flag(cli, parts[i][0]);
        _cleanup_(freep) char *text = given ? ticket_argument(given) : NULL;

        code = given && !text ? EXIT_USAGE : ticket_set(note, parts[i][1], text);
    }
    return code;
}

int command_hand_over(struct cli *cli)
{
    _cleanup_(json_decrefp) json_t *body = json_object();
    _cleanup_buf_ struct buf path = BUF_INIT;
    json_t *note = json_object();
    int code;

    json_object_set_new(body, "note", note);
    ticket_path(&path, cli->args[0]);
    code = fill_note(cli, note);
    if (!code)
        code = ticket_set(body, "to", cli_flag(cli, "to"));
    if (!code && cli_flag(cli, "at-shift-end"))
        code = ticket_set(body, "when", "shift_end");
    if (!code)
        code = ticket_epoch(cli, buf_text(&path), body);
    return code ? code : ticket_act(cli, buf_text(&path), body);
}
