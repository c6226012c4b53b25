/* deskctl: the table of commands. Parsing is in cli.c, what they do in command_*.c. */
#include "deskctl/commands.h"
#include <stdio.h>

static const struct flag flags_login[] = {
    {"password", 'p', "TEXT", {"password; asked for when absent", "密码；缺省时询问"}},
    {"password-stdin", 0, NULL, {"read the password from standard input", "从标准输入读取密码"}},
    {0},
};
static const struct flag flags_submit[] = {
    {"description", 'd', "TEXT", {"what happened; - reads standard input", "详细描述；- 表示读取标准输入"}},
    {"service", 's', "NAME", {"service or team concerned", "相关服务或团队"}},
    {"impact", 'i', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"urgency", 'U', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"language", 'l', "LANG", {"en or zh", "en 或 zh"}},
    {"for", 'f', "USER", {"submit on behalf of this requester (agents)", "代该请求人提交（坐席）"}},
    {"key", 'k', "KEY", {"Idempotency-Key: the same key makes one ticket", "幂等键：同一键只产生一个工单"}},
    {0},
};
static const struct flag flags_list[] = {
    {"state",
     0,
     "STATE",
     {"new, open, pending, resolved, closed or cancelled",
      "new、open、pending、resolved、closed 或 cancelled"}},
    {"team", 't', "TEAM", {"only this team's", "仅该团队"}},
    {"mine", 'm', NULL, {"only those I own", "仅我负责的"}},
    {"limit", 'n', "N", {"at most N rows (default 50, all pages up to N)", "最多 N 行（默认 50）"}},
    {0},
};
static const struct flag flags_queue[] = {
    {"team", 't', "TEAM", {"only this team's queue", "仅该团队的队列"}},
    {"limit", 'n', "N", {"at most N rows (default 50)", "最多 N 行（默认 50）"}},
    {0},
};
static const struct flag flags_next[] = {
    {"team", 't', "TEAM", {"only from this team's queue", "仅从该团队的队列领取"}},
    {0},
};
static const struct flag flags_epoch[] = {
    {"epoch",
     'e',
     "N",
     {"ownership epoch (default: the present one, if you own it)",
      "所有权 epoch（默认：您当前拥有的 epoch）"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
static const struct flag flags_reopen[] = {
    {"reason", 'r', "TEXT", {"what is not solved (required)", "尚未解决之处（必填）"}},
    {0},
};
static const struct flag flags_transfer[] = {
    {"team", 't', "TEAM", {"team that takes over (required)", "接手团队（必填）"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
static const struct flag flags_pend[] = {
    {"reason", 'r', "TEXT", {"what it waits for (required)", "等待原因（必填）"}},
    {"until", 0, "TIME", {"until when, as 2026-12-24T08:00:00Z", "等待至，如 2026-12-24T08:00:00Z"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {0},
};
static const struct flag flags_resolve[] = {
    {"cause", 'c', "TEXT", {"what caused it (required)", "原因（必填）"}},
    {"solution", 's', "TEXT", {"what solved it (required)", "解决方案（必填）"}},
    {"prevention", 0, "TEXT", {"what keeps it from coming back (required)", "预防措施（必填）"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {0},
};
static const struct flag flags_events[] = {
    {"watch", 'w', NULL, {"follow the live feed (reconnects)", "持续跟踪实时事件（自动重连）"}},
    {"since", 0, "ID", {"replay from after this event id", "从该事件 id 之后重放"}},
    {"ticket", 0, "NUMBER", {"only this ticket's", "仅该工单"}},
    {"limit", 'n', "N", {"stop after N events", "N 个事件后停止"}},
    {0},
};
static const struct flag flags_replay[] = {
    {"cases", 'c', "N", {"at most N cases (default: all)", "最多 N 个案例（默认全部）"}},
    {"rate", 0, "R", {"cases started per second, or max (default)", "每秒开始的案例数，或 max（默认）"}},
    {"agents",
     0,
     "N",
     {"agents in each region (1 to 16, default 16)", "每个区域的坐席数（1 到 16，默认 16）"}},
    {"workers", 'w', "N", {"cases in hand at once (default 16)", "同时处理的案例数（默认 16）"}},
    {"racers", 0, "N", {"agents that race for each claim (default 3)", "每次领取的竞争者数（默认 3）"}},
    {"regions",
     0,
     "URLS",
     {"eu=URL,ap=URL,us=URL (default: ports 8401 to 8403, or from MERIDIAN_PORT_BASE)",
      "eu=URL,ap=URL,us=URL（默认端口 8401 至 8403，或由 MERIDIAN_PORT_BASE 决定）"}},
    {"password",
     'p',
     "TEXT",
     {"password of the demo accounts (default meridian-demo)", "演示账号密码（默认 meridian-demo）"}},
    {"log", 0, "FILE", {"write the client's log (JSON lines) here", "客户端日志（JSON 行）写到此处"}},
    {"seed",
     0,
     "N",
     {"makes keys reproducible: the same seed replays onto the same tickets",
      "使键可重现：同一种子重放到相同工单"}},
    {"patience",
     0,
     "S",
     {"seconds to keep retrying one call while the service is away (default 120)",
      "服务不可用时单次调用的重试秒数（默认 120）"}},
    {0},
};

static int command_man(struct cli *cli);
static int command_completion(struct cli *cli);

static const struct command commands[] = {
    {"login",
     "USER",
     1,
     1,
     {"sign in and remember the session", "登录并保存会话"},
     flags_login,
     command_login,
     false},
    {"logout", "", 0, 0, {"end the current session", "结束当前会话"}, NULL, command_logout, true},
    {"me", "", 0, 0, {"who am I", "显示当前用户"}, NULL, command_me, true},
    {"submit", "SUBJECT", 1, 1, {"submit a ticket", "提交工单"}, flags_submit, command_submit, true},
    {"list", "", 0, 0, {"list tickets, newest first", "列出工单，最新在前"}, flags_list, command_list, true},
    {"show",
     "NUMBER",
     1,
     1,
     {"show a ticket: thread, clocks, who, next step", "显示工单：往来、时钟、负责人、下一步"},
     NULL,
     command_show,
     true},
    {"history",
     "NUMBER",
     1,
     1,
     {"show everything that happened to a ticket", "显示工单的全部事件"},
     NULL,
     command_history,
     true},
    {"queue",
     "",
     0,
     0,
     {"show what may be claimed, in order", "按顺序显示可领取的工单"},
     flags_queue,
     command_queue,
     true},
    {"next", "", 0, 0, {"claim the next right ticket", "领取下一个工单"}, flags_next, command_next, true},
    {"claim", "NUMBER", 1, 1, {"claim this ticket", "领取该工单"}, flags_epoch, command_action, true},
    {"release",
     "NUMBER",
     1,
     1,
     {"give a ticket back to its queue", "将工单退回队列"},
     flags_epoch,
     command_action,
     true},
    {"transfer",
     "NUMBER",
     1,
     1,
     {"hand a ticket to another team", "转交其他团队"},
     flags_transfer,
     command_action,
     true},
    {"reply",
     "NUMBER TEXT",
     2,
     2,
     {"answer publicly; TEXT - reads standard input", "公开回复；文本为 - 时读取标准输入"},
     flags_epoch,
     command_action,
     true},
    {"note",
     "NUMBER TEXT",
     2,
     2,
     {"write an internal note; never sent", "写内部备注；绝不外发"},
     flags_epoch,
     command_action,
     true},
    {"pend",
     "NUMBER",
     1,
     1,
     {"wait for somebody, with a reason", "挂起等待，需说明原因"},
     flags_pend,
     command_action,
     true},
    {"resolve",
     "NUMBER",
     1,
     1,
     {"resolve with cause, solution, prevention", "解决：原因、方案、预防"},
     flags_resolve,
     command_action,
     true},
    {"confirm",
     "NUMBER",
     1,
     1,
     {"confirm that it is solved (requester)", "确认已解决（请求人）"},
     NULL,
     command_action,
     true},
    {"reopen",
     "NUMBER",
     1,
     1,
     {"reopen: it is not solved", "重新打开：尚未解决"},
     flags_reopen,
     command_action,
     true},
    {"cancel", "NUMBER", 1, 1, {"cancel a ticket", "取消工单"}, flags_epoch, command_action, true},
    {"events",
     "",
     0,
     0,
     {"follow what happens in the desk", "跟踪服务台事件"},
     flags_events,
     command_events,
     true},
    {"status",
     "",
     0,
     0,
     {"every instance of every region, lag, spool and outbox", "各区域实例、复制延迟、暂存与发件箱"},
     NULL,
     command_status,
     true},
    {"audit verify",
     "",
     0,
     0,
     {"recompute the hash chain of every ticket", "重新计算每个工单的哈希链"},
     NULL,
     command_audit_verify,
     true},
    {"dead-letters",
     "",
     0,
     0,
     {"list notices that could not be delivered", "列出无法送达的通知"},
     flags_queue,
     command_dead_letters,
     true},
    {"dead-letters replay",
     "[ID]",
     0,
     1,
     {"queue one or all of them again", "重新投递一个或全部"},
     NULL,
     command_dead_letters_replay,
     true},
    {"replay volvo",
     "FILE",
     1,
     1,
     {"drive an incident log (BPI 2013) through the API", "通过 API 重放事件日志（BPI 2013）"},
     flags_replay,
     command_replay,
     false},
    {"replay servicenow",
     "FILE",
     1,
     1,
     {"drive an incident log (ServiceNow audit) through the API", "通过 API 重放事件日志（ServiceNow 审计）"},
     flags_replay,
     command_replay,
     false},
    {"man", "", 0, 0, {"print the man page (mdoc)", "输出手册页（mdoc）"}, NULL, command_man, false},
    {"completion",
     "SHELL",
     1,
     1,
     {"print completion for bash, zsh or fish", "输出 bash、zsh、fish 补全脚本"},
     NULL,
     command_completion,
     false},
};

static int command_man(struct cli *cli)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    (void)cli;
    cli_man(commands, ARRAY_SIZE(commands), &out);
    fputs(buf_text(&out), stdout);
    return EXIT_OK_;
}

static int command_completion(struct cli *cli)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int code = cli_completion(commands, ARRAY_SIZE(commands), cli->args[0], &out);

    fputs(buf_text(&out), stdout);
    return code;
}

int main(int argc, char **argv)
{
    int code = cli_main(commands, ARRAY_SIZE(commands), argc, argv);

    if (fflush(stdout) != 0 && code == EXIT_OK_)
        code = EXIT_ERROR;
    return code;
}
