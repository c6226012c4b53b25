/* The table of commands. Parsing is in cli.c, what they do in command_*.c. */
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
    {"limit", 'n', "N", {"at most N rows (default 50, all pages up to N)", "最多 N 行（默认 50，自动翻页）"}},
    {0},
};
static const struct flag flags_queue[] = {
    {"team", 't', "TEAM", {"only this team's queue", "仅该团队的队列"}},
    {"limit", 'n', "N", {"at most N rows (default 50)", "最多 N 行（默认 50）"}},
    {0},
};
static const struct flag flags_history[] = {
    {"limit", 'n', "N", {"at most N events (default: all)", "最多 N 个事件（默认全部）"}},
    {0},
};
static const struct flag flags_page[] = {
    {"limit", 'n', "N", {"at most N rows (default 50)", "最多 N 行（默认 50）"}},
    {0},
};
static const struct flag flags_dead_letters[] = {
    {"limit", 'n', "N", {"at most N rows (1 to 200, default 50)", "最多 N 行（1 到 200，默认 50）"}},
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
static const struct flag flags_reply[] = {
    {"broadcast", 'b', NULL, {"also to the open children of the ticket", "同时发送至该工单的未结子工单"}},
    {"epoch", 'e', "N", {"ownership epoch (default: not checked)", "所有权 epoch（默认不检查）"}},
    {0},
};
static const struct flag flags_reopen[] = {
    {"reason", 'r', "TEXT", {"what is not solved (required)", "尚未解决之处（必填）"}},
    {0},
};
static const struct flag flags_transfer[] = {
    {"team", 't', "TEAM", {"team that takes over (required)", "接手团队（必填）"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {"reason", 'r', "TEXT", {"why; required between tiers", "原因；跨层级时必填"}},
    {0},
};
static const struct flag flags_pend[] = {
    {"reason", 'r', "TEXT", {"what it waits for (required)", "等待原因（必填）"}},
    {"until", 0, "TIME", {"until when, as 2026-12-24T08:00:00Z", "等待至，如 2026-12-24T08:00:00Z"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {0},
};
static const struct flag flags_resolve[] = {
    {"cause", 'c', "TEXT", {"what caused it", "原因"}},
    {"solution", 's', "TEXT", {"what solved it", "解决方案"}},
    {"prevention", 0, "TEXT", {"what keeps it from coming back", "预防措施"}},
    {"force", 0, NULL, {"although dependencies are open; say why", "忽略未解决的依赖，须说明原因"}},
    {"reason", 'r', "TEXT", {"why it is forced", "强制解决的原因"}},
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
static const struct flag flags_oncall_who[] = {
    {"at",
     0,
     "TIME",
     {"then, as 2026-01-05T12:00Z, and not now", "指定时刻，如 2026-01-05T12:00Z；默认当前"}},
    {"known",
     0,
     "TIME",
     {"by the swaps that were taken by then, and not by all", "仅计入该时刻前已接受的换班"}},
    {0},
};
static const struct flag flags_sla_test[] = {
    {"file", 'f', "FILE", {"the plan of service levels (required)", "服务级别方案文件（必填）"}},
    {0},
};
#define FLAGS_APPLY                                                                                          \
    {"dry-run", 0, NULL, {"only show which running clocks would move", "仅显示哪些运行中的时钟会变动"}},     \
    {                                                                                                        \
        "recalculate", 0, NULL,                                                                              \
        {                                                                                                    \
            "have open tickets count by the new plan, too", "使未解决的工单也按新方案计算"     \
        }                                                                                                    \
    }
static const struct flag flags_sla_apply[] = {
    {"file", 'f', "FILE", {"the plan of service levels (required)", "服务级别方案文件（必填）"}},
    FLAGS_APPLY,
    {0},
};
static const struct flag flags_calendar_apply[] = {FLAGS_APPLY, {0}};
static const struct flag flags_sla_compare[] = {
    {"file",
     'f',
     "FILE",
     {"the plan (default: 4 h, 8 h, 3 d, 7 d for P1 to P4)",
      "方案文件（默认 P1 至 P4：4 小时、8 小时、3 天、7 天）"}},
    {"zone", 'z', "ZONE", {"time zone of the log (default UTC)", "日志的时区（默认 UTC）"}},
    {"cases", 'c', "N", {"at most N incidents (default: all)", "最多 N 个事件（默认全部）"}},
    {0},
};
static const struct flag flags_sla_plan[] = {
    {"version", 0, "N", {"that plan (default: the one in force)", "指定版本（默认：当前生效的方案）"}},
    {0},
};
static const struct flag flags_sla_replay[] = {
    {"all", 'a', NULL, {"all tickets", "所有工单"}},
    {"repair",
     0,
     NULL,
     {"recalculate open tickets that differ, each by its own plan (leads)",
      "按各自方案重新计算有差异的未解决工单（组长）"}},
    {0},
};
static const struct flag flags_prioritize[] = {
    {"impact", 'i', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"urgency", 'U', "LEVEL", {"high, medium or low", "high、medium 或 low"}},
    {"epoch", 'e', "N", {"ownership epoch (default: none is checked)", "所有权 epoch（默认不检查）"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
static const struct flag flags_recalculate[] = {
    {"plan",
     0,
     "PLAN",
     {"in-force (default), or own: the one the ticket has",
      "in-force（默认，当前方案）或 own（工单原有方案）"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
static const struct flag flags_reason[] = {
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
#define FLAG_ORGANISATION(needed_en, needed_zh)                                                              \
    {                                                                                                        \
        "file", 'f', "FILE",                                                                                 \
        {                                                                                                    \
            "the organisation, YAML or JSON" needed_en, "组织文件（YAML 或 JSON）" needed_zh                 \
        }                                                                                                    \
    }
static const struct flag flags_organisation[] = {FLAG_ORGANISATION(" (required)", "（必填）"), {0}};
static const struct flag flags_export[] = {
    {"version", 0, "N", {"that one (default: the one in force)", "指定版本（默认：当前生效的组织）"}},
    {0},
};
static const struct flag flags_coverage[] = {
    FLAG_ORGANISATION(" (default: the one in force)", "（默认：当前生效的组织）"),
    {"team", 't', "TEAM", {"only this team", "仅此团队"}},
    {"weeks", 'w', "N", {"how far to look (default 52)", "查看的周数（默认 52）"}},
    {0},
};
static const struct flag flags_rules_test[] = {
    FLAG_ORGANISATION(" (default: the one in force)", "（默认：当前生效的组织）"),
    {0},
};
static const struct flag flags_why[] = {
    {"reason", 'r', "TEXT", {"why (required)", "原因（必填）"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {0},
};
static const struct flag flags_assign[] = {
    {"to", 0, "USER", {"agent of the ticket's team (required)", "工单所属团队的坐席（必填）"}},
    {"epoch", 'e', "N", {"ownership epoch (default: the present one)", "所有权 epoch（默认：当前值）"}},
    {"reason", 'r', "TEXT", {"why", "原因"}},
    {0},
};
static const struct flag flags_ical[] = {
    {"user", 0, "NAME", {"only this person's shifts", "仅该人员的班次"}},
    {0},
};

static const struct flag flags_calendar_show[] = {
    {"from", 0, "DATE", {"first day (default: today)", "起始日期（默认：今天）"}},
    {"to",
     0,
     "DATE",
     {"last day, included (default: 30 days after the first)", "结束日期，含当日（默认：起始后 30 天）"}},
    {0},
};

static int command_man(struct cli *cli);
static int command_completion(struct cli *cli);

/* Exactly n arguments, and signed in. */
#define WITH(n, name, arguments, en, zh, flags, run)                                                         \
    {                                                                                                        \
        name, arguments, n, n, {en, zh}, flags, run, true                                                    \
    }
/* An action on one ticket. */
/* A command about one ticket or two. */
#define ACT(name, arguments, n, en, zh, flags)                                                               \
    {                                                                                                        \
        name, arguments, n, n, {en, zh}, flags, command_action, true                                         \
    }
#define VERB(name, en, zh, flags) ACT(name, "NUMBER", 1, en, zh, flags)

const struct command deskctl_commands[] = {
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
     flags_history,
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
    VERB("claim", "claim this ticket", "领取该工单", flags_epoch),
    VERB("release", "give a ticket back to its queue", "将工单退回队列", flags_epoch),
    VERB("transfer", "hand a ticket to another team", "转交其他团队", flags_transfer),
    {"reply",
     "NUMBER TEXT",
     2,
     2,
     {"answer publicly; TEXT - reads standard input", "公开回复；文本为 - 时读取标准输入"},
     flags_reply,
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
    VERB("pend", "wait for somebody, with a reason", "挂起等待，需说明原因", flags_pend),
    VERB("resolve", "resolve with cause, solution, prevention", "解决：原因、方案、预防", flags_resolve),
    VERB("confirm", "confirm that it is solved (requester)", "确认已解决（请求人）", NULL),
    VERB("reopen", "reopen: it is not solved", "重新打开：尚未解决", flags_reopen),
    VERB("cancel", "cancel a ticket", "取消工单", flags_epoch),
    VERB("prioritize", "set impact or urgency, and thereby the priority",
         "设置影响或紧急程度，从而改变优先级", flags_prioritize),
    VERB("recalculate", "count its clocks by the plan in force (leads)", "按当前方案重新计算其时钟（组长）",
         flags_recalculate),
    VERB("acknowledge", "see to it: stops its escalations", "表示已知悉：停止升级通知", flags_reason),
    VERB("take-over", "take a ticket that a colleague owns, with a reason", "接管同事负责的工单，需说明原因",
         flags_why),
    VERB("assign", "give a ticket to an agent of its team", "将工单指派给所属团队的坐席", flags_assign),
    VERB("hand-back", "return a ticket to the team it came from", "将工单交回上一个团队", flags_why),
    VERB("nudge", "ask whether anybody is there (requester)", "催办：询问是否有人在处理（请求人）", NULL),
    ACT("link", "NUMBER KIND NUMBER", 3, "link two tickets: EU-2 depends_on EU-7", "关联两个工单", NULL),
    ACT("unlink", "NUMBER KIND NUMBER", 3, "end that link", "解除关联", NULL),
    {"links", "NUMBER", 1, 1, {"what a ticket is linked to", "显示工单的关联"}, NULL, command_links, true},
    ACT("merge", "NUMBER INTO", 2, "make a ticket part of another", "将工单并入另一工单", flags_reason),
    VERB("accept", "take a ticket that is offered to you", "接单：接受派给您的工单", NULL),
    VERB("decline", "say no to a ticket that is offered to you, with a reason", "拒单，需说明原因",
         flags_reason),
    WITH(1, "hand-over", "NUMBER", "hand a ticket to a colleague, with a note", "将工单连同交接说明交给同事",
         handover_flags, command_hand_over),
    WITH(0, "offers", "", "what is offered to you now", "显示当前派给您的工单", flags_page, command_offers),
    WITH(1, "agents", "TEAM", "who is in a team, and whether they are there", "显示团队坐席及其状态",
         flags_page, command_agents),
    {"presence",
     "[STATE]",
     0,
     1,
     {"whether you take offers: available, busy, away, offline",
      "显示或设置接单状态：available、busy、away、offline"},
     presence_flags,
     command_presence,
     true},
    VERB("unmerge", "undo a merge, within 24 hours", "撤销合并（24 小时内）", flags_reason),
    WITH(2, "split", "NUMBER SEQ", "make a reply a ticket of its own", "将一条回复拆分为新工单", derive_flags,
         command_split),
    WITH(2, "follow-up", "NUMBER TEXT", "follow a closed ticket up with a new one",
         "为已关闭的工单创建后续工单", derive_flags, command_follow_up),
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
    WITH(0, "dead-letters", "", "list notices that could not be delivered", "列出无法送达的通知",
         flags_dead_letters, command_dead_letters),
    {"dead-letters replay",
     "[ID]",
     0,
     1,
     {"queue one or all of them again", "重新投递一个或全部"},
     NULL,
     command_dead_letters_replay,
     true},
    {"sla eval",
     "",
     0,
     0,
     {"compute due times: questions and answers are JSON lines",
      "计算到期时间：标准输入与标准输出均为 JSON 行"},
     NULL,
     command_sla_eval,
     false},
    {"sla test",
     "",
     0,
     0,
     {"which policy and due times a plan gives (JSON lines on standard input)",
      "计算服务级别方案给出的策略与到期时间（标准输入为 JSON 行）"},
     flags_sla_test,
     command_sla_test,
     false},
    {"sla compare",
     "FILE",
     1,
     1,
     {"a plan beside the made_sla of a ServiceNow log", "将方案与 ServiceNow 日志的 made_sla 对比"},
     flags_sla_compare,
     command_sla_compare,
     false},
    WITH(0, "sla plan", "", "the plan of service levels in force", "显示当前生效的服务级别方案",
         flags_sla_plan, command_sla_plan),
    WITH(0, "sla apply", "", "put a plan of service levels in force; shows what moves",
         "应用服务级别方案，并显示会变动的时钟", flags_sla_apply, command_sla_apply),
    WITH(1, "sla explain", "NUMBER", "how a ticket's clocks came about", "解释工单各时钟的计算过程", NULL,
         command_sla_explain),
    {"sla replay",
     "[NUMBER]",
     0,
     1,
     {"compute clocks anew from the events and compare", "根据事件重新计算时钟并比对"},
     flags_sla_replay,
     command_sla_replay,
     true},
    WITH(0, "sla tzdata", "", "which clocks and shifts new rules of time zones moved",
         "显示时区规则更新后变动的时钟与班次", sla_tzdata_flags, command_sla_tzdata),
    {"teams",
     "",
     0,
     0,
     {"the teams, who is awake for them and who is on duty", "显示团队、当班情况及值班人员"},
     NULL,
     command_teams,
     true},
    {"diff",
     "",
     0,
     0,
     {"what applying an organisation would change", "显示应用组织文件会带来的变更"},
     flags_organisation,
     command_diff,
     true},
    {"apply",
     "",
     0,
     0,
     {"put an organisation in force: desks, teams, agents, requesters, services, rules",
      "应用组织文件：服务台、团队、坐席、请求人、服务与路由规则"},
     flags_organisation,
     command_apply,
     true},
    {"export",
     "",
     0,
     0,
     {"print the organisation in force, as YAML", "以 YAML 输出当前生效的组织"},
     flags_export,
     command_export,
     true},
    {"coverage",
     "",
     0,
     0,
     {"when nobody, or too few, would be on shift", "显示何时无人或人手不足"},
     flags_coverage,
     command_coverage,
     false},
    {"rules test",
     "",
     0,
     0,
     {"route the tickets there are again, and compare", "对现有工单重新路由并比对"},
     flags_rules_test,
     command_rules_test,
     true},
    {"explain route",
     "NUMBER",
     1,
     1,
     {"why a ticket went where it went", "解释工单的路由过程"},
     NULL,
     command_explain_route,
     true},
    {"replay volvo",
     "FILE",
     1,
     1,
     {"drive an incident log (BPI 2013) through the API", "通过 API 重放事件日志（BPI 2013）"},
     replay_flags,
     command_replay,
     false},
    {"replay servicenow",
     "FILE",
     1,
     1,
     {"drive an incident log (ServiceNow audit) through the API", "通过 API 重放事件日志（ServiceNow 审计）"},
     replay_flags,
     command_replay,
     false},
    {"rotation eval",
     "",
     0,
     0,
     {"the handoffs of rotations (JSON lines on standard input)", "计算轮值的交接时刻（标准输入为 JSON 行）"},
     NULL,
     command_rotation_eval,
     false},
    {"oncall eval",
     "",
     0,
     0,
     {"who is on call, shifts and gaps (JSON lines on standard input)",
      "计算值班人员、班次与空档（标准输入为 JSON 行）"},
     NULL,
     command_oncall_eval,
     false},
    {"oncall ical",
     "",
     0,
     0,
     {"the shifts of a schedule as iCalendar", "将值班班次输出为 iCalendar"},
     flags_ical,
     command_oncall_ical,
     false},
    WITH(1, "oncall who", "SCHEDULE", "who is on call by the plan in force", "按当前方案查询谁在值班",
         flags_oncall_who, command_oncall_who),
    WITH(1, "oncall swap ask", "SCHEDULE", "ask that somebody takes an on-call shift of yours",
         "请他人接替自己的值班班次", oncall_swap_ask_flags, command_oncall_swap_ask),
    WITH(1, "oncall swap take", "ID", "take the shift: you are on call then", "接下该班次，由你值班", NULL,
         command_oncall_swap_answer),
    WITH(1, "oncall swap decline", "ID", "say no when you were asked by name", "谢绝点名向你提出的换班", NULL,
         command_oncall_swap_answer),
    WITH(1, "oncall swap withdraw", "ID", "take back what you asked", "撤回自己提出的换班", NULL,
         command_oncall_swap_answer),
    WITH(0, "oncall swap list", "", "the swaps that were asked, the newest first", "列出换班请求，最新在前",
         oncall_swap_list_flags, command_oncall_swap_list),
    {"calendar import",
     "FILE...",
     1,
     CLI_MAX_ARGS,
     {"bring holidays (.ics or .json) into a calendar", "将节假日（.ics 或 .json）导入日历"},
     calendar_import_flags,
     command_calendar_import,
     false},
    {"calendar show",
     "FILE",
     1,
     1,
     {"the days of a calendar: hours, holidays, working time", "显示日历：工作时间、节假日与工时合计"},
     flags_calendar_show,
     command_calendar_show,
     false},
    WITH(1, "calendar export", "NAME", "print a calendar of the plan of service levels",
         "输出服务级别方案中的日历", NULL, command_calendar_export),
    WITH(2, "calendar apply", "NAME FILE", "put a calendar into the plan of service levels",
         "将日历放入服务级别方案", flags_calendar_apply, command_calendar_apply),
    WITH(0, "calendar feeds", "", "feeds of holidays and how they are", "列出节假日订阅源及其状态", NULL,
         command_calendar_feeds),
    {"calendar refresh",
     "[FEED]",
     0,
     1,
     {"fetch holidays now and apply what changes", "立即获取节假日并应用变化"},
     calendar_refresh_flags,
     command_calendar_refresh,
     true},
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
const size_t deskctl_ncommands = ARRAY_SIZE(deskctl_commands);

static int command_man(struct cli *cli)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    (void)cli;
    cli_man(deskctl_commands, deskctl_ncommands, &out);
    fputs(buf_text(&out), stdout);
    return EXIT_OK_;
}

static int command_completion(struct cli *cli)
{
    _cleanup_buf_ struct buf out = BUF_INIT;
    int code = cli_completion(deskctl_commands, deskctl_ncommands, cli->args[0], &out);

    fputs(buf_text(&out), stdout);
    return code;
}
