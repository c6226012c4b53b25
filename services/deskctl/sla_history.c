/* Pages through /api/v1/sla/history. Each page is a snapshot: events and clocks of a ticket belong together.
 */
#include "deskctl/sla_history.h"
#include "base/encode.h"
#include "base/memory.h"
#include "deskctl/cli.h"
#include "plan/sla_item_json.h"
#include <stdio.h>
#include <unistd.h>

enum { PAGE = 200, PAGE_OF_BEFORE = 50 };

static int tell(struct sla_plans *plans, const json_t *item, sla_ticket_fn *told, void *ctx)
{
    struct sla_ticket ticket = {.item = item, .number = json_string_value(json_object_get(item, "number"))};
    int r = sla_item_history(item, sla_plans_find, plans, &ticket.history), code;

    if (r < 0)
        return plans->code ? plans->code
                           : cli_fail(EXIT_ERROR, T("%s: its events cannot be read", "%s：无法读取其事件"),
                                      ticket.number ? ticket.number : "?");
    sla_fold(ticket.history.steps, ticket.history.n, &ticket.fold);
    code = told(ctx, &ticket);
    sla_fold_fini(&ticket.fold);
    sla_history_fini(&ticket.history);
    return code;
}

static int tell_all(struct sla_plans *plans, const json_t *items, sla_ticket_fn *told, void *ctx, long *n)
{
    json_t *item;
    size_t i;
    int code = EXIT_OK_;

    json_array_foreach(items, i, item)
    {
        code = tell(plans, item, told, ctx);
        if (code)
            return code;
        ++*n;
    }
    return code;
}

int sla_history_walk(struct sla_plans *plans, bool open, sla_ticket_fn *told, void *ctx)
{
    _cleanup_(freep) char *cursor = NULL;
    int code = EXIT_OK_, page = PAGE;
    bool again;
    long n = 0;

    do {
        _cleanup_response_ struct response response = {0};
        _cleanup_buf_ struct buf path = BUF_INIT;

        buf_printf(&path, "/api/v1/sla/history?limit=%d%s", page, open ? "&open=true" : "");
        if (cursor) {
            buf_add_text(&path, "&cursor=");
            buf_add_percent(&path, str_from(cursor));
        }
        client_call_patient(plans->client, "GET", buf_text(&path), NULL, NULL, 10, &response);
        again = response.status == 400 && page == PAGE; /* an intake of the former release has smaller ones */
        if (again) {
            page = PAGE_OF_BEFORE;
            continue;
        }
        if (response.status != 200)
            return client_explain(&response, plans->client->url);
        code = tell_all(plans, json_object_get(response.json, "items"), told, ctx, &n);
        free(cursor);
        cursor = mem_str(json_string_value(json_object_get(response.json, "next")));
        if (isatty(STDERR_FILENO))
            fprintf(stderr, T("\r%ld tickets", "\r%ld 个工单"), n);
    } while (again || (cursor && !code));
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    return code;
}

int sla_history_one(struct sla_plans *plans, const char *number, sla_ticket_fn *told, void *ctx)
{
    _cleanup_response_ struct response response = {0};
    _cleanup_buf_ struct buf path = BUF_INIT;
    long n = 0;

    buf_add_text(&path, "/api/v1/tickets/");
    buf_add_percent(&path, str_from(number));
    buf_add_text(&path, "/sla");
    client_call_patient(plans->client, "GET", buf_text(&path), NULL, NULL, 10, &response);
    if (response.status != 200)
        return client_explain(&response, plans->client->url);
    return tell_all(plans, json_object_get(response.json, "items"), told, ctx, &n);
}
