/* Steps of the dispatcher on one ticket. Called by deskctl explain route. */
#include "deskctl/dispatch_steps.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "deskctl/output.h"
#include <stdio.h>
#include <string.h>

json_t *dispatch_steps_read(struct client *client, const char *number)
{
    json_t *items = json_array(), *whole = NULL;
    _cleanup_(freep) char *cursor = NULL;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;

        buf_add_text(&path, "/api/v1/tickets/");
        buf_add_percent(&path, str_from(number));
        buf_add_text(&path, "/dispatch?limit=200");
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        if (response.status != 200)
            break;
        json_array_extend(items, json_object_get(response.json, "items"));
        json_decref(whole);
        whole = json_incref(response.json);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
    } while (cursor);
    if (whole)
        json_object_set(whole, "items", items);
    json_decref(items);
    return whole;
}

static const char *show(const char *word)
{
    static const struct {
        const char *word;
        struct text text;
    } texts[] = {
        {"offer", {"offered", "派单"}},
        {"handover", {"handed over", "交接"}},
        {"assignment", {"assigned", "指派"}},
        {"accepted", {"accepted", "已接单"}},
        {"declined", {"declined", "已拒单"}},
        {"expired", {"not answered", "未答复"}},
        {"withdrawn", {"withdrawn", "已撤回"}},
        {"requester", {"knows the requester", "近期处理过此请求人"}},
        {"link", {"owns a linked ticket", "负责关联工单"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (strcmp(texts[i].word, word) == 0)
            return text_pick(texts[i].text);
    return word;
}

static void print_candidates(const json_t *candidates)
{
    const struct column columns[] = {
        {T("    CANDIDATE", "    候选人"), "login", 32, NULL},
        {T("AFFINITY", "关联"), "affinity", 0, show},
        {T("LANGUAGE", "语言"), "speaks", 0, NULL},
        {T("LOAD", "负载"), "load", 0, NULL},
        {T("CAPACITY", "容量"), "capacity", 0, NULL},
        {T("IDLE SINCE", "空闲自"), "idle_since", 0, NULL},
    };

    if (json_array_size(candidates))
        output_table(candidates, columns, ARRAY_SIZE(columns), "");
}

void dispatch_steps_print(const json_t *dispatch)
{
    const json_t *step, *now = json_object_get(dispatch, "now");
    size_t i;

    json_array_foreach(json_object_get(dispatch, "items"), i, step)
    {
        printf(T("  %s  %s to %s", "  %s  %s：%s"), output_at(step, "at"), show(output_at(step, "kind")),
               output_at(step, "to"));
        if (*output_at(step, "outcome"))
            printf(T(": %s at %s", "，%s（%s）"), show(output_at(step, "outcome")),
                   output_at(step, "answered_at"));
        if (*output_at(step, "reason"))
            printf(T(": %s", "：%s"), output_at(step, "reason"));
        putchar('\n');
        print_candidates(json_object_get(step, "candidates"));
    }
    if (!json_is_array(now))
        return;
    puts(json_array_size(now) ? T("  now it would go to the first of these", "  当前将派给以下第一位")
                              : T("  nobody is there who may take it now", "  当前没有可接单的坐席"));
    print_candidates(now);
}
