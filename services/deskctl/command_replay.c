/* deskctl replay: options, report. */
#include "base/memory.h"
#include "base/uuid.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include "deskctl/replay.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct flag replay_flags[] = {
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
     {"seconds to keep retrying one call while the service is away, and to wait for what was accepted before "
      "the check (default 120)",
      "服务不可用时单次调用的重试秒数，以及检查前等待已受理提交入库的秒数（默认 120）"}},
    {0},
};

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Nearest-rank percentile of sorted values, in milliseconds. */
static double percentile_ms(const int64_t *sorted, int n, int percent)
{
    int rank = (n * percent + 99) / 100;

    return n ? (double)sorted[rank > 0 ? rank - 1 : 0] / 1000.0 : 0;
}

static json_t *report_json(struct replay_result *r, const struct replay_verdict *v)
{
    json_t *operations = json_object(), *report;

    for (int op = 0; op < REPLAY_OPS; op++) {
        int n = r->nlatency[op];
        if (!n)
            continue;
        qsort(r->latency_us[op], (size_t)n, sizeof(int64_t), by_value);
        json_object_set_new(operations, replay_op_names[op],
                            json_pack("{s:i, s:f, s:f, s:f, s:f}", "count", n, "per_s",
                                      n / (r->seconds > 0 ? r->seconds : 1), "p50_ms",
                                      percentile_ms(r->latency_us[op], n, 50), "p95_ms",
                                      percentile_ms(r->latency_us[op], n, 95), "p99_ms",
                                      percentile_ms(r->latency_us[op], n, 99)));
    }
    report = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "cases", (json_int_t)r->cases, "submitted",
                       (json_int_t)r->submitted, "acknowledged", (json_int_t)r->acknowledged,
                       "acknowledged_before_commit", (json_int_t)r->late_acks, "lost", (json_int_t)v->lost,
                       "duplicated", (json_int_t)v->duplicated, "double_claims",
                       (json_int_t)(v->double_claims + r->double_wins));
    json_object_set_new(report, "unique_tickets", json_integer(v->unique_tickets));
    json_object_set_new(report, "mismatched_wins", json_integer(v->mismatched_wins));
    json_object_set_new(report, "sequence_gaps", json_integer(v->chain_gaps));
    json_object_set_new(report, "events_checked", json_integer(v->events));
    json_object_set_new(report, "claims_won", json_integer(r->claims_won));
    json_object_set_new(report, "claims_lost", json_integer(r->claims_lost));
    json_object_set_new(report, "unwon_races", json_integer(r->unwon_races));
    json_object_set_new(report, "handovers_between_regions", json_integer(r->handovers));
    json_object_set_new(report, "hops", json_integer(r->hops));
    json_object_set_new(report, "hops_per_case",
                        json_real(r->cases ? (double)r->hops / (double)r->cases : 0));
    json_object_set_new(report, "bounces", json_integer(r->bounces));
    json_object_set_new(report, "refused", json_integer(r->refused));
    json_object_set_new(report, "unavailable", json_integer(r->unavailable));
    json_object_set_new(report, "steps_skipped", json_integer(r->skipped));
    json_object_set_new(report, "seconds", json_real(r->seconds));
    json_object_set_new(report, "operations", operations);
    return report;
}

static void print_report(const json_t *report)
{
    static const char *const fields[][3] = {
        {"cases", "cases", "案例"},
        {"submitted", "submitted", "已提交"},
        {"acknowledged", "acknowledged", "已确认"},
        {"acknowledged_before_commit", "  of these before commit (202)", "  其中提交前确认 (202)"},
        {"unique_tickets", "unique tickets", "唯一工单"},
        {"lost", "lost", "丢失"},
        {"duplicated", "duplicated", "重复"},
        {"claims_won", "claims won", "领取成功"},
        {"claims_lost", "claims lost", "领取失败"},
        {"double_claims", "double claims", "重复领取"},
        {"mismatched_wins", "wins the desk does not know", "服务台无记录的领取"},
        {"sequence_gaps", "gaps in event sequences", "事件序号缺口"},
        {"unwon_races", "races nobody won", "无人胜出的竞争"},
        {"handovers_between_regions", "handovers between regions", "跨区域交接"},
        {"hops", "hops to another team", "转交次数"},
        {"hops_per_case", "  hops per case", "  平均每案例转交次数"},
        {"bounces", "  of these bounces, back to a team", "  其中退回曾负责的团队"},
        {"refused", "calls refused", "被拒绝的调用"},
        {"unavailable", "calls given up", "放弃的调用"},
        {"steps_skipped", "steps skipped", "跳过的步骤"},
        {"events_checked", "events checked", "已检查事件"},
        {"seconds", "seconds", "秒"},
    };
    const char *name;
    const json_t *op;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        printf("%10s  %s\n", output_at(report, fields[i][0]), T(fields[i][1], fields[i][2]));
    printf("\n%-10s %8s %8s %9s %9s %9s\n", T("operation", "操作"), T("count", "次数"), "/s", "p50 ms",
           "p95 ms", "p99 ms");
    json_object_foreach((json_t *)json_object_get(report, "operations"), name, op)
        printf("%-10s %8s %8s %9s %9s %9s\n", name, output_at(op, "count"), output_at(op, "per_s"),
               output_at(op, "p50_ms"), output_at(op, "p95_ms"), output_at(op, "p99_ms"));
}

/* "eu=URL,ap=URL,us=URL"; regions that are left out keep their default. Texts are owned by `urls`, freed by
 * the caller. */
static int parse_regions(const char *text, char *urls[REGIONS])
{
    struct str rest = str_from(text), entry, name, url;
    bool more = true;

    while (more && rest.n) {
        int found = -1;
        more = str_cut(rest, ',', &entry, &rest);
        str_cut(entry, '=', &name, &url);
        for (int r = 0; r < REGIONS; r++) {
            if (str_eq(name, str_from(replay_regions[r])))
                found = r;
        }
        if (found < 0 || !url.n)
            return cli_fail(EXIT_USAGE,
                            T("--regions wants eu=URL,ap=URL,us=URL, not \"%s\"",
                              "--regions 需要 eu=URL,ap=URL,us=URL，而不是 \"%s\""),
                            text);
        free(urls[found]);
        urls[found] = mem_strn(url.p, url.n);
    }
    return EXIT_OK_;
}

static int parse_options(struct cli *cli, struct replay_options *options, char *urls[REGIONS])
{
    const char *base = getenv("MERIDIAN_PORT_BASE"), *rate = cli_flag(cli, "rate");
    int64_t port = 8400;
    char *end;

    if (base && str_to_i64(str_from(base), 1, 65000, &port) < 0)
        return cli_fail(EXIT_USAGE,
                        T("MERIDIAN_PORT_BASE must be a port number, not \"%s\"",
                          "MERIDIAN_PORT_BASE 必须是端口号，而不是 \"%s\""),
                        base);
    for (int r = 0; r < REGIONS; r++)
        urls[r] = mem_printf("http://127.0.0.1:%d", (int)port + 1 + r);
    if (cli_flag(cli, "regions")) {
        int code = parse_regions(cli_flag(cli, "regions"), urls);
        if (code)
            return code;
    }
    for (int r = 0; r < REGIONS; r++)
        options->urls[r] = urls[r];
    options->agents = (int)cli_flag_number(cli, "agents", 16, 1, 16);
    options->workers = (int)cli_flag_number(cli, "workers", 16, 1, 256);
    options->racers = (int)cli_flag_number(cli, "racers", 3, 1, 8);
    options->patience_s = (int)cli_flag_number(cli, "patience", 120, 1, 3600);
    if (options->agents < 0 || options->workers < 0 || options->racers < 0 || options->patience_s < 0)
        return EXIT_USAGE;
    if (options->racers > REGIONS * options->agents)
        options->racers = REGIONS * options->agents;
    if (rate && strcmp(rate, "max") != 0) {
        options->rate = strtod(rate, &end);
        if (*end || !(options->rate > 0))
            return cli_fail(EXIT_USAGE,
                            T("--rate wants cases per second or \"max\", not \"%s\"",
                              "--rate 需要每秒案例数或 \"max\"，而不是 \"%s\""),
                            rate);
    }
    options->password = cli_flag(cli, "password") ? cli_flag(cli, "password") : "meridian-demo";
    options->progress = isatty(STDERR_FILENO);
    return EXIT_OK_;
}

int command_replay(struct cli *cli)
{
    struct replay_options options = {0};
    struct replay_log log = {0};
    struct replay_result result = {0};
    struct replay_verdict verdict = {0};
    char *urls[REGIONS] = {0}, run[32];
    _cleanup_(freep) char *log_file = mem_str(cli_flag(cli, "log"));
    long cases = cli_flag_number(cli, "cases", 0, 1, 10000000);
    bool bad = false;
    int code;

    code = cases < 0 ? EXIT_USAGE : parse_options(cli, &options, urls);
    snprintf(run, sizeof run, "%s", cli_flag(cli, "seed") ? cli_flag(cli, "seed") : "");
    if (!run[0])
        snprintf(run, sizeof run, "r%016llx", (unsigned long long)random_u64());
    options.run = run;
    if (!log_file)
        log_file =
            mem_printf("%s/deskctl-replay-%s.ndjson", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", run);
    if (code == EXIT_OK_)
        code = (strcmp(cli->command->name, "replay volvo") == 0 ? replay_read_volvo : replay_read_servicenow)(
            cli->args[0], (int)cases, &log);
    if (code == EXIT_OK_ && !(options.log = fopen(log_file, "w")))
        code = cli_fail(EXIT_ERROR, T("cannot write %s: %s", "无法写入 %s：%s"), log_file, strerror(errno));
    if (code == EXIT_OK_)
        code = replay_run(&log, &options, &result);
    if (options.log && fclose(options.log) != 0 && code == EXIT_OK_)
        code = cli_fail(EXIT_ERROR, T("cannot write %s: %s", "无法写入 %s：%s"), log_file, strerror(errno));
    if (code == EXIT_OK_)
        code = replay_check(log_file, &options, &verdict);
    if (code == EXIT_OK_) {
        json_t *report = report_json(&result, &verdict);
        bad = !replay_verdict_clean(&verdict) || result.double_wins;
        json_object_set_new(report, "client_log", json_string(log_file));
        if (cli->json)
            output_json(report);
        else
            print_report(report);
        json_decref(report);
        fprintf(stderr, "%s (%s)\n",
                bad ? T("NOT CLEAN: see the report", "有异常：请看报告")
                    : T("clean: nothing lost, nothing double", "通过：无丢失，无重复"),
                log_file);
    }
    for (int r = 0; r < REGIONS; r++)
        free(urls[r]);
    replay_log_fini(&log);
    replay_result_fini(&result);
    return code ? code : bad ? EXIT_ERROR : EXIT_OK_;
}
