/* What a handler asks of a request. Everything is borrowed from the connection's buffers until the answer. */
#include "base/clock.h"
#include "http/connection.h"
#include "meridian/errors.h"

enum http_method http_method(const struct http_exchange *x)
{
    return x->request.method;
}

const char *http_method_name(const struct http_exchange *x)
{
    return llhttp_method_name((llhttp_method_t)x->request.parser.method);
}

struct str http_path(const struct http_exchange *x)
{
    return x->request.path;
}

struct str http_query(const struct http_exchange *x)
{
    return x->request.query;
}

struct str http_header(const struct http_exchange *x, const char *name)
{
    return request_header(&x->request, str_from(name));
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Form decoding: '+' is a space. A NUL is refused, because every text behind us ends at one. */
static int decode(struct str text, struct buf *ret_value)
{
    size_t start = ret_value->n;

    for (size_t i = 0; i < text.n; i++) {
        int high, low;

        if (text.p[i] != '%') {
            buf_add_char(ret_value, text.p[i] == '+' ? ' ' : text.p[i]);
            continue;
        }
        high = i + 1 < text.n ? hex_of(text.p[i + 1]) : -1;
        low = i + 2 < text.n ? hex_of(text.p[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            ret_value->n = start;
            if (ret_value->p)
                ret_value->p[start] = 0;
            return -E_BAD_REQUEST;
        }
        buf_add_char(ret_value, (char)(high * 16 + low));
        i += 2;
    }
    return 0;
}

int http_query_param(const struct http_exchange *x, const char *name, struct buf *ret_value)
{
    struct str rest = x->request.query, pair, key, value;
    _cleanup_buf_ struct buf decoded = BUF_INIT;
    int r;

    while (rest.n) {
        (void)str_cut(rest, '&', &pair, &rest);
        (void)str_cut(pair, '=', &key, &value);
        buf_reset(&decoded);
        r = decode(key, &decoded);
        if (r < 0)
            return r;
        if (str_eq(buf_str(&decoded), str_from(name)))
            return decode(value, ret_value);
    }
    return 1;
}

struct str http_cookie(const struct http_exchange *x, const char *name)
{
    struct str rest = http_header(x, "cookie"), pair, key, value;

    while (rest.n) {
        (void)str_cut(rest, ';', &pair, &rest);
        if (str_cut(str_trim(pair), '=', &key, &value) && str_eq(key, str_from(name)))
            return value;
    }
    return (struct str){0};
}

struct str http_body(const struct http_exchange *x)
{
    return buf_str(&x->request.body);
}

const char *http_peer(const struct http_exchange *x)
{
    return connection_of(x)->peer;
}

bool http_secure(const struct http_exchange *x)
{
    return connection_of(x)->tls != NULL;
}

int64_t http_received_us(const struct http_exchange *x)
{
    return x->received_us;
}

void http_set_data(struct http_exchange *x, void *data, void (*free_data)(void *))
{
    x->data = data;
    x->free_data = free_data;
}

void *http_data(const struct http_exchange *x)
{
    return x->data;
}
