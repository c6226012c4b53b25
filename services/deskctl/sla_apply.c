/* The preview folds every open ticket twice, as it is and as if it were recalculated now by the new plan, and
 * compares the due times. Nothing is asked of the server but what is there. Tickets keep their plan unless
 * --recalculate: then each that moves is recalculated, one write each; those that are there already when it
 * is repeated do not move any more. */
#include "deskctl/sla_apply.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "deskctl/output.h"
#include "deskctl/sla_history.h"
#include "plan/sla_explain_json.h"
#include <stdio.h>

struct preview {
    struct instant now;
    const struct sla_plan *plan;
    long running; /* clocks that run or rest, */
    long moved;   /* those of them that would move, */
    long started; /* and those that would begin */
    json_t *moves;
    json_t *numbers; /* of tickets with a move: an object, for its names */
};

static void add_due(json_t *move, const char *name, struct instant due)
{
    char text[CLOCK_TEXT_SIZE];

    json_object_set_new(move, name, due.us ? json_string(clock_format(due.us, text)) : json_null());
}

static void compare(struct preview *preview, const char *number, const struct sla_run *before,
                    const struct sla_run *after)
{
    static const struct sla_clock none = {.state = SLA_CLOCK_CANCELLED};
    const struct sla_clock *a = before ? &before->clock : &none, *b = after ? &after->clock : &none;
    json_t *move;

    if (a->state == b->state && a->due.us == b->due.us && a->remaining_s == b->remaining_s)
        return;
    move = json_pack("{s:s, s:s, s:s, s:s}", "number", number, "target", before ? before->name : after->name,
                     "state", before ? sla_clock_state_name(a->state) : "-", "new_state",
                     sla_clock_state_name(b->state));
    add_due(move, "due_at", a->due);
    add_due(move, "new_due_at", b->due);
    json_array_append_new(preview->moves, move);
    json_object_set_new(preview->numbers, number, json_true());
    ++*(before ? &preview->moved : &preview->started);
}

static int preview_ticket(void *ctx, const struct sla_ticket *ticket)
{
    struct preview *preview = ctx;
    size_t n = ticket->history.n;
    _cleanup_(freep) struct sla_step *steps = NEW_ARRAY(struct sla_step, n + 1);
    _cleanup_sla_fold_ struct sla_fold after = {0};

    memcpy(steps, ticket->history.steps, n * sizeof *steps);
    steps[n] = (struct sla_step){.at = preview->now, .facts = steps[n - 1].facts, .plan = preview->plan};
    if (steps[n].at.us < steps[n - 1].at.us)
        steps[n].at = steps[n - 1].at;
    steps[n].facts.values[SLA_EVENT] = "sla.recalculated";
    steps[n].facts.values[SLA_BY] = "agent";
    sla_fold(steps, n + 1, &after);
    for (size_t i = 0; i < ticket->fold.n; i++) {
        const struct sla_run *run = &ticket->fold.runs[i];

        if (sla_clock_ended(&run->clock))
            continue;
        preview->running++;
        compare(preview, ticket->number, run, sla_fold_find(&after, run->name, run->cycle));
    }
    for (size_t i = 0; i < after.n; i++)
        if (!sla_fold_find(&ticket->fold, after.runs[i].name, after.runs[i].cycle))
            compare(preview, ticket->number, NULL, &after.runs[i]);
    return EXIT_OK_;
}

static const struct column move_columns[] = {{"number", "number", 16, NULL},
                                             {"target", "target", 24, NULL},
                                             {"state", "state", 10, output_state},
                                             {"due", "due_at", 24, NULL},
                                             {"becomes", "new_state", 10, output_state},
                                             {"due then", "new_due_at", 24, NULL}};

int sla_recalculate(struct cli *cli, const json_t *numbers, bool own, long *ret_done)
{
    struct client *client = cli_client(cli);
    const char *number;
    json_t *value;

    json_object_foreach((json_t *)numbers, number, value)
    {
        _cleanup_response_ struct response response = {0};
        _cleanup_(json_decrefp) json_t *body = json_pack("{s:s}", "plan", own ? "own" : "in-force");
        _cleanup_buf_ struct buf path = BUF_INIT;
        struct uuid uuid = uuid_v7();
        char key[UUID_TEXT_SIZE];

        buf_add_text(&path, "/api/v1/tickets/");
        buf_add_percent(&path, str_from(number));
        buf_add_text(&path, ":recalculate");
        client_call_patient(client, "POST", buf_text(&path), body, uuid_format(&uuid, key), 10, &response);
        if (response.status == 200)
            ++*ret_done;
        else if (response.status != 409) /* resolved meanwhile: nothing runs any more */
            return client_explain(&response, client->url);
    }
    return EXIT_OK_;
}

/* What was applied and is probably not meant: who is on duty for a team by a schedule that is gone. */
static void print_warnings(const json_t *warnings)
{
    const json_t *warning;
    size_t i;

    json_array_foreach(warnings, i, warning)
    {
        _cleanup_buf_ struct buf line = BUF_INIT;

        output_line(&line, json_string_value(warning));
        fprintf(stderr, T("warning: %s\n", "警告：%s\n"), buf_text(&line));
    }
}

static int post(struct client *client, const json_t *document, int64_t base, int64_t *ret_version)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_(json_decrefp) json_t *body =
        json_pack("{s:O, s:I}", "document", document, "base_version", (json_int_t)base);

    client_call_patient(client, "POST", "/api/v1/sla/plan", body, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, client->url);
    *ret_version = json_integer_value(json_object_get(response.json, "version"));
    print_warnings(json_object_get(response.json, "warnings"));
    return EXIT_OK_;
}

static void show_moves(const struct cli *cli, const struct preview *preview)
{
    if (cli->json)
        return;
    if (json_array_size(preview->moves))
        output_table(preview->moves, move_columns, ARRAY_SIZE(move_columns), "");
    printf(T("%ld of %ld running clocks would move and %ld would begin, on %zu tickets\n",
             "%2$ld 个运行中的时钟中有 %1$ld 个将变动，另有 %3$ld 个将开始，涉及 %4$zu 个工单\n"),
           preview->moved, preview->running, preview->started, json_object_size(preview->numbers));
}

/* After the preview: applies, and recalculates. */
static int carry_out(struct cli *cli, const json_t *document, int64_t base, const struct preview *preview,
                     json_t *result)
{
    struct client *client = cli_client(cli);
    int64_t version = 0;
    long done = 0;
    int code = post(client, document, base, &version);

    if (code)
        return code;
    if (cli_flag(cli, "recalculate"))
        code = sla_recalculate(cli, preview->numbers, false, &done);
    json_object_set_new(result, "version", json_integer(version));
    json_object_set_new(result, "recalculated", json_integer(done));
    if (cli->json)
        return code;
    printf(T("plan %lld is in force for new tickets\n", "方案 %lld 已对新工单生效\n"), (long long)version);
    if (cli_flag(cli, "recalculate"))
        printf(T("%ld tickets recalculated\n", "已重新计算 %ld 个工单\n"), done);
    else if (json_object_size(preview->numbers))
        puts(T("tickets that are there keep their plan; --recalculate has them count by the new one",
               "现有工单沿用原方案；使用 --recalculate 使其按新方案计算"));
    return code;
}

/* Before the preview, which takes its time. */
static int check_size(const json_t *document)
{
    _cleanup_(freep) char *text = json_dumps(document, JSON_COMPACT);

    if (text && strlen(text) <= SLA_DOCUMENT_MAX)
        return EXIT_OK_;
    return cli_fail(EXIT_ERROR,
                    T("the plan has %zu bytes; at most %d fit: leave out imported holidays of years gone by",
                      "方案共 %zu 字节，上限为 %d 字节：请去掉往年导入的节假日"),
                    text ? strlen(text) : 0, SLA_DOCUMENT_MAX);
}

int sla_apply(struct cli *cli, const json_t *document, int64_t base, const json_t *about)
{
    _cleanup_sla_plans_ struct sla_plans plans = {.client = cli_client(cli)};
    _cleanup_sla_document_ struct sla_document *candidate = NULL;
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    _cleanup_(json_decrefp) json_t *moves = json_array(), *numbers = json_object(), *result = NULL;
    struct preview preview = {.now = {clock_now_us()}, .moves = moves, .numbers = numbers};
    int code;

    if (sla_plan_json_read(document, base + 1, NULL, &candidate, &fault) < 0)
        return cli_fail(EXIT_ERROR, T("the plan is refused: at %s: %s", "方案被拒绝：位于 %s：%s"),
                        fault.at.n ? buf_text(&fault.at) : "/", buf_text(&fault.reason));
    preview.plan = &candidate->plan;
    code = check_size(document);
    if (code)
        return code;
    code = sla_history_walk(&plans, true, preview_ticket, &preview);
    if (code)
        return code;
    result = json_pack("{s:I, s:I, s:O}", "running_clocks", (json_int_t)preview.running, "base_version",
                       (json_int_t)base, "moves", moves);
    show_moves(cli, &preview);
    if (about)
        json_object_update(result, (json_t *)about);
    if (!cli_flag(cli, "dry-run") && !cli_flag(cli, "preview"))
        code = carry_out(cli, document, base, &preview, result);
    if (cli->json && !code)
        output_json(result);
    return code;
}
