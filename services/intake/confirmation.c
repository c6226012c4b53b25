/* The link of a mail that asks whether a ticket is solved. It may be opened by anybody who has it, also by
 * what looks through mails before people do: so opening it only asks, and nothing is changed or even read.
 * What is sent from there confirms; the authority judges the token (services/router/mail_link.c). Browsers
 * get a page, others JSON. */
#include "base/clock.h"
#include "intake/api.h"
#include "intake/limits.h"
#include "intake/query.h"
#include "meridian/errors.h"
#include <stdio.h>

static const int64_t attempt_us = 4 * US_PER_S, total_us = 8 * US_PER_S;

enum { TOKEN_BYTES = 128 };

static bool wants_page(const struct call *call)
{
    struct str accept = http_header(call->x, "Accept");

    return accept.p && memmem(accept.p, accept.n, "text/html", 9);
}

static const char *in_words(const struct call *call, const char *en, const char *zh)
{
    return strcmp(call->language, "zh") == 0 ? zh : en;
}

/* `number` has been checked to be one, and is the only part of a page that is not ours. */
static void answer_page(struct call *call, int status, const char *number, const char *text,
                        const char *button)
{
    _cleanup_buf_ struct buf page = BUF_INIT;

    buf_printf(&page,
               "<!doctype html><html lang=\"%s\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
               "content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>%s</title>"
               "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 "
               "1rem;color-scheme:light dark}button{font:inherit;padding:.5rem 1.5rem}</style>"
               "<h1>%s</h1><p>%s</p>",
               call->language, number, number, text);
    if (button)
        buf_printf(&page, "<form method=\"post\"><button>%s</button></form>", button);
    buf_add_text(&page, "</html>");
    http_add_header(call->x, "Content-Language", call->language);
    http_add_header(call->x, "Cache-Control", "no-store");
    http_add_header(call->x, "Referrer-Policy", "no-referrer");
    http_add_header(
        call->x, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'");
    http_respond(call->x, status, "text/html; charset=utf-8", buf_str(&page));
}

static void refuse(struct call *call)
{
    if (!wants_page(call)) {
        call_problem(call, E_LINK_OVER, "It was used, is too old, or the ticket has been changed since");
        return;
    }
    answer_page(call, error_info(E_LINK_OVER)->http_status, "Meridian",
                in_words(call,
                         "This link is not valid any more: it was used, is too old, or the ticket has been "
                         "changed since.",
                         "此链接已失效：已使用、已过期，或工单之后已有变动。"),
                NULL);
}

/* The token, whose number goes to call->number; false: answered. */
static bool take_token(struct call *call, struct buf *ret_token)
{
    struct str number, rest;

    if (!query_text(call, "token", TOKEN_BYTES, ret_token))
        return false;
    if (str_cut(buf_str(ret_token), '.', &number, &rest) && api_take_number(number, call->number))
        return true;
    refuse(call);
    return false;
}

void confirmation_get(struct call *call)
{
    _cleanup_buf_ struct buf token = BUF_INIT, json = BUF_INIT;

    if (!take_token(call, &token))
        return;
    if (!wants_page(call)) {
        buf_printf(&json, "{\"number\":\"%s\",\"action\":\"confirm\",\"method\":\"POST\"}", call->number);
        http_add_header(call->x, "Cache-Control", "no-store");
        call_json(call, 200, buf_str(&json));
        return;
    }
    answer_page(call, 200, call->number,
                in_words(call, "Is your request solved? Then please confirm it, and it will be closed.",
                         "您的请求是否已经解决？如已解决，请确认，工单随后关闭。"),
                in_words(call, "Yes, it is solved", "是，已解决"));
}

static void on_confirmed(void *ctx, int status, const Meridian__Reply *reply)
{
    struct call *call = ctx;

    if (!status && reply && reply->status == E_LINK_OVER) {
        limit_count_unknown_token(call);
        refuse(call);
        return;
    }
    if (call_failed(call, status, reply))
        return;
    if (!wants_page(call)) {
        call_answered(call, status, reply);
        return;
    }
    answer_page(call, 200, call->number,
                in_words(call, "Thank you. Your request is closed.", "谢谢。您的请求已关闭。"), NULL);
}

void confirmation_post(struct call *call)
{
    _cleanup_buf_ struct buf token = BUF_INIT;
    Meridian__Command command = MERIDIAN__COMMAND__INIT;
    Meridian__Request request;

    if (!take_token(call, &token) || !limit_unknown_token(call))
        return;
    call_request(call, &request, NULL);
    command.action = ACTION_CONFIRM;
    command.number = call->number;
    command.text = (char *)buf_text(&token);
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &command;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(attempt_us / US_PER_MS);
    bus_call(call->intake->service->routers, &request, attempt_us,
             bus_connected(call->intake->service->routers) ? total_us : 0, on_confirmed, call);
}
