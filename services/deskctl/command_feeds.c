/* deskctl calendar feeds, refresh: holidays that come from feeds of the plan. How they are is the server's to
 * say. A refresh by hand does here what a scheduler and a router do on the feed's schedule, by the same code,
 * and applies the outcome as any plan: somebody saw what changes. */
#include "base/clock.h"
#include "base/memory.h"
#include "deskctl/calendar_preview.h"
#include "deskctl/commands.h"
#include "deskctl/feed_fetch.h"
#include "deskctl/output.h"
#include "deskctl/sla_apply.h"
#include "deskctl/sla_plans.h"
#include "holiday/calendar_merge.h"
#include "holiday/feed_merge.h"
#include "ics/feed_days.h"
#include "plan/feed_json.h"
#include <stdio.h>

const struct flag calendar_refresh_flags[] = {
    {"preview", 0, NULL, {"only show what would change", "仅显示将发生的变化"}},
    {"force",
     0,
     NULL,
     {"apply also what is held for review: many days would go",
      "即使变更需人工复核（大量日期将删除）也应用"}},
    {"recalculate",
     0,
     NULL,
     {"have open tickets count by the new plan, too", "使未解决的工单也按新方案计算"}},
    {0},
};

/* ---- why something is held ---- */

static const char *hold_text(const char *reason)
{
#define X(constant, name, en, zh)                                                                            \
    if (strcmp(reason, name) == 0)                                                                           \
        return T(en, zh);
    FEED_HOLDS(X)
#undef X
    return reason;
}

/* "berlin: more than half of the dates to come would go (9, then 4)" */
static char *held_text(const json_t *held)
{
    return mem_printf(T("%s: %s (%lld, then %lld)", "%s：%s（由 %lld 变为 %lld）"),
                      json_string_value(json_object_get(held, "calendar")),
                      hold_text(json_string_value(json_object_get(held, "reason"))),
                      (long long)json_integer_value(json_object_get(held, "before")),
                      (long long)json_integer_value(json_object_get(held, "after")));
}

/* ---- feeds ---- */

static const char *show_state(const char *state)
{
    return strcmp(state, "ok") == 0        ? T("ok", "正常")
           : strcmp(state, "new") == 0     ? T("new", "待首次获取")
           : strcmp(state, "held") == 0    ? T("held for review", "待人工复核")
           : strcmp(state, "failing") == 0 ? T("failing", "失败")
                                           : state;
}

static char *joined(const json_t *names)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < json_array_size(names); i++)
        buf_printf(&text, "%s%s", i ? " " : "", json_string_value(json_array_get(names, i)));
    return buf_take(&text);
}

/* What a person reads of an item: its calendars in one cell, and what is wrong with it. */
static json_t *row_of(const json_t *item)
{
    const json_t *held = json_object_get(item, "held");
    const char *error = json_string_value(json_object_get(item, "error"));
    _cleanup_(freep) char *calendars = joined(json_object_get(item, "calendars"));
    _cleanup_(freep) char *why = json_is_object(held) ? held_text(held) : NULL;
    json_t *row = json_copy((json_t *)item);

    json_object_set_new(row, "into", json_string(calendars ? calendars : ""));
    json_object_set_new(row, "why", json_string(error ? error : why ? why : ""));
    return row;
}

int command_calendar_feeds(struct cli *cli)
{
    const struct column columns[] = {
        {T("FEED", "订阅源"), "name", 24, NULL},    {T("STATE", "状态"), "state", 0, show_state},
        {T("CALENDARS", "日历"), "into", 30, NULL}, {T("LAST SUCCESS", "上次成功"), "succeeded_at", 0, NULL},
        {T("NEXT", "下次"), "next_at", 0, NULL},    {T("PLAN", "方案"), "plan_version", 0, NULL},
        {T("WHY", "原因"), "why", 100, NULL},
    };
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *rows = json_array();
    const json_t *items;

    client_call_patient(client, "GET", "/api/v1/sla/feeds?limit=200", NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    items = json_object_get(response.json, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append_new(rows, row_of(json_array_get(items, i)));
    if (cli->json)
        output_json(items);
    else
        output_table(rows, columns, ARRAY_SIZE(columns),
                     T("the plan has no feeds of holidays", "方案中没有节假日订阅源"));
    return EXIT_OK_;
}

/* ---- refresh ---- */

struct refresh {
    struct cli *cli;
    int64_t now_s, base;
    json_t *plan;    /* as it would be, with the feeds so far */
    json_t *feeds;   /* [{"name", "held", "changes": by calendar}] */
    json_t *sources; /* the same for people: see calendar_preview_source */
    char *held;      /* the first thing that speaks against it, as text */
    struct zone_book zones;
    bool changed;
};

static void refresh_fini(struct refresh *refresh)
{
    json_decref(refresh->plan);
    json_decref(refresh->feeds);
    json_decref(refresh->sources);
    free(refresh->held);
    zone_book_fini(&refresh->zones);
}

static int wrong(const char *name, const struct plan_fault *fault)
{
    return cli_fail(EXIT_ERROR, "%s%s%s: %s", name, fault->at.n ? ", " : "", buf_text(&fault->at),
                    buf_text(&fault->reason));
}

static void take_changes(struct refresh *refresh, const char *name, struct feed_merge *merge)
{
    const char *calendar;
    json_t *changes;

    json_object_foreach(merge->changes, calendar, changes)
    {
        json_t *source = json_copy(changes);
        _cleanup_(freep) char *title = mem_printf("%s, %s", calendar, name);

        json_object_set_new(source, "source", json_string(title));
        json_array_append_new(refresh->sources, source);
    }
    json_array_append_new(refresh->feeds, json_pack("{s:s, s:O?, s:O}", "name", name, "held", merge->held,
                                                    "changes", merge->changes));
    refresh->changed = refresh->changed || merge->changed;
    if (merge->held && !refresh->held)
        refresh->held = held_text(merge->held);
    json_decref(refresh->plan);
    refresh->plan = json_incref(merge->plan);
}

static int refresh_feed(struct refresh *refresh, const char *name)
{
    const json_t *feed = json_object_get(json_object_get(refresh->plan, "feeds"), name);
    _cleanup_buf_ struct buf body = BUF_INIT, why = BUF_INIT;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_feed_merge_ struct feed_merge merge = {0};
    _cleanup_(json_decrefp) json_t *days = NULL;

    if (feed_fetch(json_string_value(json_object_get(feed, "url")), &body, &why) < 0)
        return cli_fail(EXIT_UNAVAILABLE, "%s: %s", name, buf_text(&why));
    if (feed_days(buf_str(&body), feed_zone(refresh->plan, feed), json_object_get(feed, "except"),
                  refresh->now_s, &days, &fault) < 0 ||
        feed_merge(refresh->plan, name, days, refresh->now_s, &refresh->zones, &merge, &fault) < 0)
        return wrong(name, &fault);
    take_changes(refresh, name, &merge);
    return EXIT_OK_;
}

static int refresh_feeds(struct refresh *refresh)
{
    const char *wanted = refresh->cli->nargs ? refresh->cli->args[0] : NULL, *name;
    _cleanup_(json_decrefp) json_t *feeds = json_incref(json_object_get(refresh->plan, "feeds"));
    json_t *feed;
    int code = EXIT_OK_;

    if (wanted && !json_object_get(feeds, wanted))
        return cli_fail(EXIT_NOT_FOUND, T("plan %lld has no feed \"%s\"", "方案 %lld 中没有订阅源 \"%s\""),
                        (long long)refresh->base, wanted);
    if (json_object_size(feeds) == 0)
        return cli_fail(EXIT_NOT_FOUND,
                        T("plan %lld has no feeds of holidays", "方案 %lld 中没有节假日订阅源"),
                        (long long)refresh->base);
    json_object_foreach(feeds, name, feed) if (code == EXIT_OK_ && (!wanted || strcmp(wanted, name) == 0))
        code = refresh_feed(refresh, name);
    return code;
}

static int nothing_changes(const struct refresh *refresh, json_t *about)
{
    if (refresh->cli->json) {
        json_object_set_new(about, "version", json_integer(refresh->base));
        output_json(about);
    } else {
        printf(T("nothing changes; plan %lld is in force\n", "没有变化；方案 %lld 继续生效\n"),
               (long long)refresh->base);
    }
    return EXIT_OK_;
}

static int conclude(struct refresh *refresh)
{
    _cleanup_(json_decrefp) json_t *about = json_pack("{s:O}", "feeds", refresh->feeds);
    bool preview = cli_flag(refresh->cli, "preview");

    for (size_t i = 0; !refresh->cli->json && i < json_array_size(refresh->sources); i++)
        calendar_preview_source(json_array_get(refresh->sources, i));
    if (!refresh->changed)
        return nothing_changes(refresh, about);
    if (refresh->held && !cli_flag(refresh->cli, "force") && !preview)
        return cli_fail(EXIT_CONFLICT,
                        T("held for review: %s; --force applies it", "待人工复核：%s；使用 --force 应用"),
                        refresh->held);
    if (refresh->held && !refresh->cli->json)
        printf(T("held for review: %s\n", "待人工复核：%s\n"), refresh->held);
    return sla_apply(refresh->cli, refresh->plan, refresh->base, about);
}

int command_calendar_refresh(struct cli *cli)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_(refresh_fini) struct refresh refresh = {
        .cli = cli, .now_s = clock_now_us() / US_PER_S, .feeds = json_array(), .sources = json_array()};
    int code = sla_plans_latest(&plans, &refresh.plan, &refresh.base);

    if (code == EXIT_OK_)
        code = refresh_feeds(&refresh);
    return code == EXIT_OK_ ? conclude(&refresh) : code;
}
