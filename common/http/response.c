/* Answers: head, body, and what happens to the connection afterwards.
 *
 * Every answer, also a protocol error, leaves through response_head, so none can miss Date, nosniff, the
 * referrer policy, no-store (unless the handler set Cache-Control) or, for HTML, a content security policy.
 */
#include "http/response.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <stdio.h>

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status"; /* the text has no meaning (RFC 9112 section 4), but some clients want one */
}

static void add_literal(struct buf *out, const char *literal, size_t n)
{
    buf_add(out, literal, n);
}
#define ADD(out, literal) add_literal(out, "" literal, sizeof(literal) - 1)

void response_head(struct connection *c, int status, const char *content_type)
{
    struct http_exchange *x = &c->exchange;
    struct buf *out = &c->out;

    buf_reserve(out, 512 + x->extra.n);
    ADD(out, "HTTP/1.1 ");
    buf_add_char(out, (char)('0' + status / 100 % 10));
    buf_add_char(out, (char)('0' + status / 10 % 10));
    buf_add_char(out, (char)('0' + status % 10));
    buf_add_char(out, ' ');
    buf_add_text(out, reason_of(status));
    ADD(out, "\r\nDate: ");
    buf_add_text(out, server_date(c->server));
    ADD(out, "\r\nX-Content-Type-Options: nosniff\r\n");
    if (!x->has_referrer)
        ADD(out, "Referrer-Policy: no-referrer\r\n");
    if (!x->has_cache_control)
        ADD(out, "Cache-Control: no-store\r\n");
    if (content_type) {
        ADD(out, "Content-Type: ");
        buf_add_text(out, content_type);
        ADD(out, "\r\n");
        if (!x->has_policy && strncmp(content_type, "text/html", 9) == 0)
            ADD(out, "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n");
    }
    buf_add(out, x->extra.p, x->extra.n);
}

bool response_keeps_alive(const struct connection *c)
{
    if (!c->exchange.request.keep_alive || c->finishing)
        return false;
    return !c->server->draining || connection_has_more(c);
}

static void add_connection(struct connection *c, bool keep)
{
    if (!keep)
        ADD(&c->out, "Connection: close\r\n");
    else if (c->exchange.request.minor == 0)
        ADD(&c->out, "Connection: keep-alive\r\n");
}

static void add_body(struct connection *c, int status, struct str body, bool with_body)
{
    if (status != 204 && status != 304) {
        ADD(&c->out, "Content-Length: ");
        buf_add_i64(&c->out, (int64_t)body.n);
        ADD(&c->out, "\r\n\r\n");
        if (with_body)
            buf_add_str(&c->out, body);
    } else {
        ADD(&c->out, "\r\n");
    }
}

void response_error(struct connection *c, int error)
{
    const struct http_options *options = &c->server->options;
    const struct error_info *info = error_info(error);
    const char *content_type = "text/plain; charset=utf-8";
    _cleanup_buf_ struct buf body = BUF_INIT;

    if (options->render_error)
        options->render_error(options->ctx, error, &body, &content_type);
    else
        buf_printf(&body, "%s\n", info->title_en);
    response_head(c, info->http_status, content_type);
    if (info->http_status == 503)
        ADD(&c->out, "Retry-After: 1\r\n");
    add_connection(c, false);
    add_body(c, info->http_status, buf_str(&body),
             !(c->exchange.request.headers_complete && c->exchange.request.method == HTTP_HEAD_));
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
    struct str n = str_from(name);

    if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n")) {
        fprintf(stderr, "http: line break in response header %s\n", name);
        abort();
    }
    if (str_eq_nocase(n, STR("cache-control")))
        x->has_cache_control = true;
    else if (str_eq_nocase(n, STR("content-security-policy")))
        x->has_policy = true;
    else if (str_eq_nocase(n, STR("referrer-policy")))
        x->has_referrer = true;
    buf_add_str(&x->extra, n);
    ADD(&x->extra, ": ");
    buf_add_text(&x->extra, value);
    ADD(&x->extra, "\r\n");
}

void exchange_end(struct connection *c)
{
    struct http_exchange *x = &c->exchange;
    void *data = TAKE(x->data);

    if (data && x->free_data)
        x->free_data(data);
    x->free_data = NULL;
    x->open = false;
    x->has_cache_control = x->has_policy = x->has_referrer = false;
    buf_reset(&x->extra);
    request_reset(&x->request);
    connection_account(c);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, struct str body)
{
    struct connection *c = connection_of(x);
    bool keep;

    if (!x->open) {
        fprintf(stderr, "http: an exchange was answered twice\n");
        abort();
    }
    if (c->state == CONNECTION_CLOSED) {
        exchange_end(c);
        connection_release(c);
        return;
    }
    keep = response_keeps_alive(c);
    response_head(c, status, content_type);
    add_connection(c, keep);
    add_body(c, status, body, x->request.method != HTTP_HEAD_);
    exchange_end(c);
    connection_enter(c, CONNECTION_IDLE);
    if (!keep)
        connection_finish(c);
    else if (!c->pumping) {
        connection_flush(c);
        connection_pump(c);
    }
}
