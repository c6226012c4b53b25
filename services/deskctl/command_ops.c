/* The live feed, the state of the cluster, the audit and the dead letters. */
#include "auth/auth.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/client.h"
#include "deskctl/commands.h"
#include "deskctl/output.h"
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* ---- events ---- */

struct watch {
    struct cli *cli;
    long left; /* events still wanted; LONG_MAX without limit */
};

static bool on_event(void *ctx, const char *type, const char *data)
{
    struct watch *watch = ctx;

    if (watch->cli->json) {
        puts(data);
    } else if (strcmp(type, "reset") == 0) {
        fprintf(stderr, "%s\n",
                T("the feed was reset: older events are no longer kept; reload what you show",
                  "事件流已重置：较早的事件不再保留；请重新加载"));
    } else {
        json_t *event = json_loads(data, 0, NULL);
        printf("%s  %-12s %-20s %s\n", output_at(event, "time"), output_at(event, "subject"), type,
               output_at(event, "data.actor"));
        json_decref(event);
    }
    fflush(stdout);
    return --watch->left > 0;
}

int command_events(struct cli *cli)
{
    struct client *client = cli_client(cli);
    struct watch watch = {.cli = cli, .left = cli_flag_number(cli, "limit", LONG_MAX, 1, LONG_MAX)};
    _cleanup_buf_ struct buf path = BUF_INIT;
    char last_id[CLIENT_EVENT_ID_SIZE] = "";

    if (watch.left < 0)
        return EXIT_USAGE;
    if (cli_flag(cli, "since"))
        snprintf(last_id, sizeof last_id, "%s", cli_flag(cli, "since"));
    if (cli_flag(cli, "ticket")) { /* the feed would be silent for ever about a number that is none */
        _cleanup_response_ struct response response = {0};
        buf_add_text(&path, "/api/v1/tickets/");
        buf_add_percent(&path, str_from(cli_flag(cli, "ticket")));
        client_call(client, "GET", buf_text(&path), NULL, NULL, &response);
        if (response.status == 404)
            return client_explain(&response, client->url);
        buf_reset(&path);
    }
    buf_add_text(&path, "/api/v1/events");
    if (cli_flag(cli, "ticket")) {
        buf_add_text(&path, "?ticket=");
        buf_add_percent(&path, str_from(cli_flag(cli, "ticket")));
    }
    for (;;) {
        _cleanup_response_ struct response response = {0};
        bool answered = client_events(client, buf_text(&path), last_id, on_event, &watch, &response);
        if (watch.left <= 0)
            return EXIT_OK_;
        if (answered && response.status != 200 && response.status != 503)
            return client_explain(&response, client->url);
        if (!cli_flag(cli, "watch"))
            return answered && response.status == 200 ? EXIT_OK_ : client_explain(&response, client->url);
        fprintf(stderr, "%s\n", T("connection lost; reconnecting", "连接中断；正在重连"));
        sleep(1);
    }
}

/* ---- status ---- */

int command_status(struct cli *cli)
{
    const struct column columns[] = {
        {T("INSTANCE", "实例"), "instance", 0, NULL},
        {T("SERVICE", "服务"), "service", 0, NULL},
        {T("REGION", "区域"), "region", 0, NULL},
        {T("ALIVE", "存活"), "alive", 0, NULL},
        {T("SEEN s AGO", "心跳(秒前)"), "age_s", 0, NULL},
        {T("SPOOL", "暂存"), "stats.spool_depth", 0, NULL},
        {T("RSS MiB", "内存 MiB"), "stats.rss_bytes", 0, output_mib},
        {T("VERSION", "版本"), "version", 0, NULL},
        {"TZDATA", "stats.tzdata", 0, NULL},
    };
    const struct column lag_columns[] = {{T("STANDBY", "备库"), "name", 0, NULL},
                                         {T("STATE", "状态"), "state", 0, NULL},
                                         {T("LAG BYTES", "延迟字节"), "lag_bytes", 0, NULL},
                                         {T("LAG MS", "延迟毫秒"), "lag_ms", 0, NULL}};
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};

    client_call(client, "GET", "/api/v1/status", NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json) {
        output_json(response.json);
        return EXIT_OK_;
    }
    output_table(json_object_get(response.json, "instances"), columns, ARRAY_SIZE(columns),
                 T("no instance has reported yet", "尚无实例上报"));
    putchar('\n');
    output_table(json_object_get(response.json, "replication"), lag_columns, ARRAY_SIZE(lag_columns),
                 T("no standby is connected", "没有备库连接"));
    printf(T("\nspool %s, outbox %s, queue %s, cluster epoch %s, as of %s\n",
             "\n暂存 %s，发件箱 %s，队列 %s，集群 epoch %s，截至 %s\n"),
           output_at(response.json, "spool_depth"), output_at(response.json, "outbox_depth"),
           output_at(response.json, "ready_depth"), output_at(response.json, "cluster_epoch"),
           output_at(response.json, "as_of"));
    return EXIT_OK_;
}

/* ---- audit ---- */

/* The chain of one ticket while its events pass by in order. */
struct chain {
    char ticket[40];
    char number[40];
    uint8_t hash[AUTH_HASH_SIZE];
    size_t hash_length; /* 0 before the first event */
    json_int_t seq;
};

struct audit {
    struct chain chain;
    json_int_t head_seq;
    char head_hash[2 * AUTH_HASH_SIZE + 1];
    long tickets, events, faults;
    json_t *findings;
};

static void finding(struct audit *audit, const char *what)
{
    audit->faults++;
    if (json_array_size(audit->findings) < 100)
        json_array_append_new(audit->findings, json_pack("{s:s, s:I, s:s}", "ticket", audit->chain.number,
                                                         "seq", audit->chain.seq, "fault", what));
}

/* The ticket row must agree with the last event: a chain that was cut at the end is found here. */
static void close_chain(struct audit *audit)
{
    _cleanup_buf_ struct buf hex = BUF_INIT;

    if (!audit->chain.ticket[0])
        return;
    buf_add_hex(&hex, audit->chain.hash, audit->chain.hash_length);
    if (audit->chain.seq != audit->head_seq)
        finding(audit, "the last events are missing");
    else if (strcmp(buf_text(&hex), audit->head_hash) != 0)
        finding(audit, "the ticket's head differs from the chain");
    audit->tickets++;
}

static void check_event(struct audit *audit, const json_t *event)
{
    _cleanup_buf_ struct buf input = BUF_INIT, hex = BUF_INIT;
    const char *ticket = json_string_value(json_object_get(event, "ticket")),
               *hash = json_string_value(json_object_get(event, "hash"));
    const char *data = json_string_value(json_object_get(event, "data")),
               *head = json_string_value(json_object_get(event, "head_hash"));
    const char *type = json_string_value(json_object_get(event, "type")),
               *actor = json_string_value(json_object_get(event, "actor"));
    json_int_t seq = json_integer_value(json_object_get(event, "seq")),
               at_us = json_integer_value(json_object_get(event, "at_us"));

    if (!ticket || !hash || !data || !type || !actor || !head) {
        finding(audit, "the server sent an incomplete event");
        return;
    }
    if (strcmp(ticket, audit->chain.ticket) != 0) {
        close_chain(audit);
        audit->chain = (struct chain){0};
        snprintf(audit->chain.ticket, sizeof audit->chain.ticket, "%s", ticket);
        snprintf(audit->chain.number, sizeof audit->chain.number, "%s", output_at(event, "number"));
    }
    audit->head_seq = json_integer_value(json_object_get(event, "head_seq"));
    snprintf(audit->head_hash, sizeof audit->head_hash, "%s", head);
    if (seq != audit->chain.seq + 1)
        finding(audit, "the sequence has a gap");
    audit->chain.seq = seq;
    buf_add(&input, audit->chain.hash, audit->chain.hash_length);
    buf_printf(&input, "%s\x1f%lld\x1f%s\x1f%lld\x1f%s\x1f%s", ticket, (long long)seq, type, (long long)at_us,
               actor, data);
    auth_sha256(input.p, input.n, audit->chain.hash);
    audit->chain.hash_length = AUTH_HASH_SIZE;
    buf_add_hex(&hex, audit->chain.hash, AUTH_HASH_SIZE);
    if (strcmp(buf_text(&hex), hash) != 0) {
        finding(audit, "the event was changed: its hash does not match");
        buf_reset(&hex);
        if (buf_add_unhex(&hex, str_from(hash)) == 0 && hex.n == AUTH_HASH_SIZE)
            memcpy(audit->chain.hash, hex.p,
                   AUTH_HASH_SIZE); /* go on from what is stored: name every bad entry once */
    }
    audit->events++;
}

int command_audit_verify(struct cli *cli)
{
    struct client *client = cli_client(cli);
    struct audit audit = {.findings = json_array()};
    _cleanup_(freep) char *cursor = NULL;
    const json_t *event, *fault;
    size_t i;
    bool more = true;

    while (more) {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;
        buf_add_text(&path, "/api/v1/audit?limit=200");
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        if (response.status != 200) {
            json_decref(audit.findings);
            return client_explain(&response, client->url);
        }
        json_array_foreach(json_object_get(response.json, "items"), i, event) check_event(&audit, event);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
        more = cursor != NULL;
        if (isatty(STDERR_FILENO))
            fprintf(stderr, T("\r%ld events checked", "\r已检查 %ld 个事件"), audit.events);
    }
    close_chain(&audit);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (cli->json) {
        json_t *report = json_pack("{s:I, s:I, s:I, s:O}", "tickets", (json_int_t)audit.tickets, "events",
                                   (json_int_t)audit.events, "faults", (json_int_t)audit.faults, "findings",
                                   audit.findings);
        output_json(report);
        json_decref(report);
    } else {
        json_array_foreach(audit.findings, i, fault) printf(
            "%s #%s: %s\n", output_at(fault, "ticket"), output_at(fault, "seq"), output_at(fault, "fault"));
        printf(T("%ld tickets, %ld events, %ld faults\n", "%ld 个工单，%ld 个事件，%ld 处错误\n"),
               audit.tickets, audit.events, audit.faults);
    }
    json_decref(audit.findings);
    return audit.faults ? EXIT_ERROR : EXIT_OK_;
}

/* ---- dead letters ---- */

int command_dead_letters(struct cli *cli)
{
    const struct column columns[] = {
        {"ID", "id", 0, NULL},
        {T("STATE", "状态"), "state", 0, NULL},
        {T("CHANNEL", "渠道"), "channel", 0, NULL},
        {T("DESTINATION", "目标"), "destination", 40, NULL},
        {T("TYPE", "类型"), "type", 0, NULL},
        {T("TRIES", "次数"), "attempts", 0, NULL},
        {T("LAST ERROR", "最近错误"), "last_error", 60, NULL},
    };
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;
    long limit = cli_flag_number(cli, "limit", 50, 1, 200);

    if (limit < 0)
        return EXIT_USAGE;
    buf_printf(&path, "/api/v1/dead-letters?limit=%ld", limit);
    client_call(client, "GET", buf_text(&path), NULL, NULL, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(json_object_get(response.json, "items"));
    else
        output_table(json_object_get(response.json, "items"), columns, ARRAY_SIZE(columns),
                     T("no dead letters", "没有死信"));
    return EXIT_OK_;
}

int command_dead_letters_replay(struct cli *cli)
{
    struct client *client = cli_client(cli);
    _cleanup_response_ struct response response = {0};
    json_t *body = json_object();

    if (cli->nargs && json_object_set_new(body, "id", json_string(cli->args[0])) < 0) {
        json_decref(body);
        return cli_fail(EXIT_USAGE, T("%s is not valid UTF-8", "%s 不是有效的 UTF-8"), "ID");
    }
    client_call(client, "POST", "/api/v1/dead-letters:replay", body, NULL, &response);
    json_decref(body);
    if (response.status != 200)
        return client_explain(&response, client->url);
    if (cli->json)
        output_json(response.json);
    else
        printf(T("%s queued again\n", "%s 个已重新排队\n"), output_at(response.json, "replayed"));
    return EXIT_OK_;
}
