/* deskctl sla plan, explain, replay: service levels as a server has them. The server tells the plans, the
 * events and the clocks; the computing is done here, by the same code and a second time. */
#include "base/clock.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include "deskctl/sla_apply.h"
#include "deskctl/sla_history.h"
#include "deskctl/sla_picture.h"
#include "plan/sla_explain_json.h"
#include "plan/sla_item_json.h"
#include <limits.h>
#include <stdio.h>

/* ---- plan ---- */

int command_sla_plan(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;
    long version = cli_flag_number(cli, "version", 0, 1, LONG_MAX);

    if (version < 0)
        return EXIT_USAGE;
    buf_add_text(&path, "/api/v1/sla/plan");
    if (version)
        buf_printf(&path, "?version=%ld", version);
    client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (!cli->json)
        fprintf(stderr, T("plan %s, applied %s by %s, tzdata %s\n", "方案 %s，%s 由 %s 应用，tzdata %s\n"),
                output_at(response.json, "version"), output_at(response.json, "applied_at"),
                output_at(response.json, "applied_by"), output_at(response.json, "tzdata"));
    output_json(cli->json ? response.json : json_object_get(response.json, "document"));
    return EXIT_OK_;
}

/* ---- explain ---- */

static int explain(void *ctx, const struct sla_ticket *ticket)
{
    const struct cli *cli = ctx;
    const struct sla_step *steps = ticket->history.steps;
    size_t n = ticket->history.n;
    struct instant now = {clock_now_us()};
    _cleanup_buf_ struct buf out = BUF_INIT;

    if (now.us < steps[n - 1].at.us)
        now = steps[n - 1].at; /* this machine's clock is slow */
    if (cli->json) {
        sla_explain_json(steps, n, &ticket->fold, now, &out);
        puts(buf_text(&out));
        return EXIT_OK_;
    }
    buf_printf(&out, "%s  %s %s  tzdata %s\n", ticket->number, T("policy", "策略"),
               ticket->fold.policy ? ticket->fold.policy->name : T("none", "无"), zone_tzdata_version());
    for (size_t i = 0; i < ticket->fold.n; i++) {
        sla_picture_add(&ticket->fold.runs[i], now, &out);
        sla_picture_add_escalation(steps, n, &ticket->fold.runs[i], &out);
    }
    fputs(buf_text(&out), stdout);
    return EXIT_OK_;
}

int command_sla_explain(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};

    return sla_history_one(&plans, cli->args[0], explain, cli);
}

/* ---- replay ---- */

enum { FINDINGS_MAX = 1000 };

struct replay {
    long tickets, clocks, differences, repaired;
    json_t *findings;
    json_t *numbers; /* of tickets with a difference: an object, for its names */
};

static int replay(void *ctx, const struct sla_ticket *ticket)
{
    struct replay *replay = ctx;
    _cleanup_buf_ struct buf found = BUF_INIT, array = BUF_INIT;
    size_t n = sla_item_compare(ticket->item, &ticket->fold, &found), i;
    _cleanup_(json_decrefp) json_t *differences = NULL;
    json_t *difference;

    replay->tickets++;
    replay->clocks += (long)ticket->fold.n;
    replay->differences += (long)n;
    if (!n)
        return EXIT_OK_;
    json_object_set_new(replay->numbers, ticket->number, json_true());
    buf_printf(&array, "[%s]", buf_text(&found));
    differences = json_loads(buf_text(&array), 0, NULL);
    json_array_foreach(differences, i, difference)
    {
        if (json_array_size(replay->findings) == FINDINGS_MAX)
            break;
        json_object_set_new(difference, "number", json_string(ticket->number));
        json_array_append(replay->findings, difference);
    }
    return EXIT_OK_;
}

static const struct column difference_columns[] = {
    {"number", "number", 16, NULL}, {"target", "target", 24, NULL}, {"cycle", "cycle", 5, NULL},
    {"member", "member", 14, NULL}, {"stored", "stored", 20, NULL}, {"folded", "folded", 20, NULL}};

static void report(const struct cli *cli, const struct replay *replay)
{
    _cleanup_(json_decrefp) json_t *json =
        json_pack("{s:I, s:I, s:I, s:I, s:s, s:O}", "tickets", (json_int_t)replay->tickets, "clocks",
                  (json_int_t)replay->clocks, "differences", (json_int_t)replay->differences, "recalculated",
                  (json_int_t)replay->repaired, "tzdata", zone_tzdata_version(), "items", replay->findings);

    if (cli->json) {
        output_json(json);
        return;
    }
    if (replay->differences)
        output_table(replay->findings, difference_columns, ARRAY_SIZE(difference_columns), "");
    printf(T("%ld tickets, %ld clocks, %ld differences (tzdata %s)\n",
             "%ld 个工单，%ld 个时钟，%ld 处差异（tzdata %s）\n"),
           replay->tickets, replay->clocks, replay->differences, zone_tzdata_version());
    if (replay->repaired)
        printf(T("%ld tickets recalculated\n", "已重新计算 %ld 个工单\n"), replay->repaired);
}

int command_sla_replay(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_(json_decrefp) json_t *findings = json_array(), *numbers = json_object();
    struct replay result = {.findings = findings, .numbers = numbers};
    int code;

    if (!cli_flag(cli, "all") == !cli->nargs)
        return cli_fail(EXIT_USAGE, "%s", T("name a ticket, or --all", "请指定一个工单或 --all"));
    code = cli->nargs ? sla_history_one(&plans, cli->args[0], replay, &result)
                      : sla_history_walk(&plans, false, replay, &result);
    if (!code && cli_flag(cli, "repair"))
        code = sla_recalculate(cli, numbers, true, &result.repaired);
    if (code)
        return code;
    report(cli, &result);
    return result.differences ? EXIT_ERROR : EXIT_OK_;
}
