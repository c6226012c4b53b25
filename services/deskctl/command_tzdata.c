/* deskctl sla tzdata: what new rules of zones moved, and clocks brought up to them.
 *
 * The server tells which rules its routers had, one after the other. The last ones that differ from those of
 * this machine are "before". Clocks are compared as they are stored; shifts of desks and of people on call
 * are computed by both rules, as they are not stored or were laid out anew already. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/commands.h"
#include "deskctl/organisation.h"
#include "deskctl/output.h"
#include "deskctl/sla_apply.h"
#include "deskctl/sla_history.h"
#include "deskctl/zone_moves.h"
#include "plan/sla_item_json.h"
#include "plan/zone_json.h"
#include <stdio.h>

enum { DAYS = 35, DAYS_MAX = 400 };

const struct flag sla_tzdata_flags[] = {
    {"apply",
     0,
     NULL,
     {"recalculate the tickets whose clocks move, each by its own plan",
      "按各自方案重新计算时钟会变动的工单"}},
    {"days", 0, "N", {"how far to look for shifts (35)", "向前查看多少天的班次（默认 35）"}},
    {0},
};

/* ---- which rules ---- */

struct rules {
    json_t *before;     /* an item of the list; NULL: no others are known */
    struct buf routers; /* versions that the routers beside the primary have: "2026a", "2025b, 2026a" */
    bool theirs;        /* all of them have that of this machine */
};

static void rules_fini(struct rules *rules)
{
    json_decref(rules->before);
    buf_fini(&rules->routers);
}

/* A zone that the present documents do not name does not matter. */
static void look_at(struct rules *rules, json_t *item)
{
    const json_t *zones = json_object_get(item, "zones");
    _cleanup_(json_decrefp) json_t *ours = json_object();
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)zones, name, value)
    {
        _cleanup_(json_decrefp) json_t *named = json_pack("{s:s}", "zone", name);
        _cleanup_(json_decrefp) json_t *found = zone_json_of((const json_t *[]){named}, 1);

        json_object_update(ours, found);
    }
    if (!rules->before && !zone_json_same(zones, ours))
        rules->before = json_incref(item);
}

/* Those that compute due times. One of a release that does not say which tzdata it has counts as another. */
static int read_routers(struct client *client, struct rules *rules)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *versions = json_object();
    const char *version;
    json_t *one;
    size_t i;

    client_call_patient(client, "GET", "/api/v1/status", NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    json_array_foreach(json_object_get(response.json, "instances"), i, one)
    {
        const json_t *stats = json_object_get(one, "stats");

        if (strcmp(output_at(one, "service"), "router") != 0 ||
            !json_is_true(json_object_get(one, "alive")) ||
            !json_is_true(json_object_get(stats, "authority")))
            continue;
        version = output_at(stats, "tzdata");
        json_object_set_new(versions, *version ? version : "?", json_true());
    }
    json_object_foreach(versions, version, one)
        buf_printf(&rules->routers, "%s%s", rules->routers.n ? ", " : "", version);
    rules->theirs = json_object_size(versions) == 1 &&
                    strcmp(zone_tzdata_version(), "unknown") != 0 && /* two of these may differ */
                    json_object_get(versions, zone_tzdata_version());
    return EXIT_OK_;
}

static int read_rules(struct client *client, struct rules *rules)
{
    _cleanup_(freep) char *cursor = NULL;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;
        json_t *item;
        size_t i;

        buf_add_text(&path, "/api/v1/sla/tzdata?limit=1");
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        if (response.status != 200)
            return client_explain(&response, client->url);
        json_array_foreach(json_object_get(response.json, "items"), i, item)
        {
            look_at(rules, item);
        }
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
    } while (cursor && !rules->before);
    return EXIT_OK_;
}

/* ---- clocks ---- */

struct clocks {
    long running;
    json_t *moves;
    json_t *numbers; /* of tickets with a move: an object, for its names */
};

static void add_due(json_t *move, const char *name, int64_t due_us)
{
    char text[CLOCK_TEXT_SIZE];

    json_object_set_new(move, name, due_us ? json_string(clock_format(due_us, text)) : json_null());
}

static int compare_ticket(void *ctx, const struct sla_ticket *ticket)
{
    struct clocks *clocks = ctx;
    json_t *stored;
    size_t i;

    json_array_foreach(json_object_get(ticket->item, "clocks"), i, stored)
    {
        const char *target = json_string_value(json_object_get(stored, "target"));
        int cycle = (int)json_integer_value(json_object_get(stored, "cycle"));
        const struct sla_run *run = target ? sla_fold_find(&ticket->fold, target, cycle) : NULL;
        int64_t due_us = json_integer_value(json_object_get(stored, "due_us"));
        int64_t remaining_s = json_integer_value(json_object_get(stored, "remaining_s"));
        json_t *move;

        if (!run || sla_clock_ended(&run->clock))
            continue;
        clocks->running++;
        if (due_us == run->clock.due.us && (due_us || remaining_s == run->clock.remaining_s))
            continue;
        move = json_pack("{s:s, s:s, s:i}", "number", ticket->number, "target", target, "cycle", cycle);
        add_due(move, "due_at", due_us);
        add_due(move, "new_due_at", run->clock.due.us);
        json_array_append_new(clocks->moves, move);
        json_object_set_new(clocks->numbers, ticket->number, json_true());
    }
    return EXIT_OK_;
}

/* ---- shifts ---- */

static int read_shifts(struct cli *cli, const struct rules *rules, long days, struct zone_moves *moves)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_org_source_ struct org_source organisation = {0};
    _cleanup_(json_decrefp) json_t *plan = NULL;
    int64_t version;
    int code = sla_plans_latest(&plans, &plan, &version);

    if (!code)
        code = organisation_of_server(plans.client, 0, &organisation);
    if (code || !rules->before)
        return code;
    zone_json_read(json_object_get(rules->before, "zones"), moves->before);
    moves->from_s = clock_now_us() / US_PER_S;
    moves->to_s = moves->from_s + days * (int64_t)DAY_S;
    if (zone_moves_of_desks(moves, organisation.json) < 0 || zone_moves_of_schedules(moves, plan) < 0)
        return cli_fail(EXIT_ERROR, "%s",
                        T("the organisation or the plan cannot be read by this machine's zones",
                          "无法用本机的时区数据读取组织或方案"));
    return EXIT_OK_;
}

/* ---- the whole ---- */

static const char *show_kind(const char *kind)
{
    return strcmp(kind, "desk") == 0 ? T("desk", "服务台") : T("on call", "值班");
}

static void show_tables(const struct clocks *clocks, const struct zone_moves *moves)
{
    const struct column clock_columns[] = {{T("NUMBER", "编号"), "number", 16, NULL},
                                           {T("TARGET", "目标"), "target", 24, NULL},
                                           {T("CYCLE", "轮次"), "cycle", 6, NULL},
                                           {T("DUE", "到期"), "due_at", 28, NULL},
                                           {T("BECOMES", "变为"), "new_due_at", 28, NULL}};
    const struct column shift_columns[] = {
        {T("KIND", "类别"), "kind", 8, show_kind},   {T("NAME", "名称"), "name", 24, NULL},
        {T("USER", "人员"), "user", 20, NULL},       {T("FROM", "开始"), "from", 28, NULL},
        {T("TO", "结束"), "to", 28, NULL},           {T("FROM THEN", "新开始"), "new_from", 28, NULL},
        {T("TO THEN", "新结束"), "new_to", 28, NULL}};

    if (json_array_size(clocks->moves))
        output_table(clocks->moves, clock_columns, ARRAY_SIZE(clock_columns), "");
    if (json_array_size(moves->items))
        output_table(moves->items, shift_columns, ARRAY_SIZE(shift_columns), "");
}

static void report(const struct cli *cli, const struct rules *rules, const struct clocks *clocks,
                   const struct zone_moves *moves, long done)
{
    const char *before = rules->before ? output_at(rules->before, "version") : NULL;
    _cleanup_(json_decrefp) json_t *json =
        json_pack("{s:s?, s:s, s:s, s:I, s:O, s:I, s:O, s:I}", "from_tzdata", before, "tzdata",
                  zone_tzdata_version(), "routers_tzdata", buf_text(&rules->routers), "running_clocks",
                  (json_int_t)clocks->running, "clocks", clocks->moves, "looked_at_shifts",
                  (json_int_t)moves->shifts, "shifts", moves->items, "recalculated", (json_int_t)done);

    if (cli->json) {
        output_json(json);
        return;
    }
    show_tables(clocks, moves);
    printf(T("tzdata %s, before %s: %zu of %ld running clocks and %zu of %ld shifts move\n",
             "tzdata %1$s，此前为 %2$s：%4$ld 个运行中的时钟有 %3$zu 个变动，%6$ld 个班次有 %5$zu 个变动\n"),
           zone_tzdata_version(), before ? before : T("the same", "相同"), json_array_size(clocks->moves),
           clocks->running, json_array_size(moves->items), moves->shifts);
    if (done)
        printf(T("%ld tickets recalculated\n", "已重新计算 %ld 个工单\n"), done);
}

int command_sla_tzdata(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_zone_book_ struct zone_book before = {0}, after = {0};
    _cleanup_(json_decrefp) json_t *clock_moves = json_array(), *numbers = json_object(),
                                   *shift_moves = json_array();
    struct clocks clocks = {.moves = clock_moves, .numbers = numbers};
    struct zone_moves moves = {.before = &before, .after = &after, .items = shift_moves};
    _cleanup_(rules_fini) struct rules rules = {0};
    long days = cli_flag_number(cli, "days", DAYS, 1, DAYS_MAX), done = 0;
    int code = days < 0 ? EXIT_USAGE : read_rules(plans.client, &rules);

    if (!code)
        code = read_routers(plans.client, &rules);
    if (!code)
        code = read_shifts(cli, &rules, days, &moves);
    if (!code)
        code = sla_history_walk(&plans, true, compare_ticket, &clocks);
    if (!code && cli_flag(cli, "apply") && !rules.theirs)
        code = cli_fail(EXIT_ERROR,
                        T("this machine has tzdata %s, the routers have %s: update both and restart the "
                          "routers first",
                          "本机的 tzdata 为 %s，路由服务为 %s：请先更新并重启路由服务"),
                        zone_tzdata_version(), rules.routers.n ? buf_text(&rules.routers) : "?");
    else if (!code && cli_flag(cli, "apply"))
        code = sla_recalculate(cli, numbers, true, &done);
    if (code)
        return code;
    report(cli, &rules, &clocks, &moves, done);
    return EXIT_OK_;
}
