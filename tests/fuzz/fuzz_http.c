// links: http llhttp PkgConfig::libuv OpenSSL::SSL OpenSSL::Crypto
/* HTTP requests, split as the input says. The first byte is the seed of the splits, the rest goes to the
 * parser with its guard, once whole and once in parts. Both must see the same requests and the same failure,
 * and each accepted request must satisfy what the handlers rely on. */
#include "fuzz.h"
#include "http/request.h"
#include "meridian/limits.h"

enum { MAX_BODY = 4096 };

static bool inside(const struct request *request, struct str s)
{
    return s.p >= request->head.p && s.p + s.n <= request->head.p + request->head.n;
}

/* What every handler takes for granted, and a line of text to compare by. */
static void judge(const struct request *request, struct buf *ret_trace)
{
    int hosts = 0, lengths = 0, encodings = 0;

    MUST(request->path.n > 0 && inside(request, request->path) && inside(request, request->query));
    MUST(request->path.p[0] == '/' || str_eq(request->path, STR("*")));
    MUST(request->head.n <= LIMIT_HTTP_HEADER_BYTES && request->body.n <= MAX_BODY);
    MUST(request->major == 1 && request->minor <= 1);
    for (size_t i = 0; i < request->path.n; i++)
        MUST(request->path.p[i] > ' ' && request->path.p[i] < 0x7f);
    for (size_t i = 0; i < request->n_headers; i++) {
        struct str name = request_text(request, request->headers[i].name);
        struct str value = request_text(request, request->headers[i].value);

        MUST(name.n > 0 && inside(request, name) && inside(request, value));
        for (size_t k = 0; k < value.n; k++)
            MUST(((unsigned char)value.p[k] >= ' ' && value.p[k] != 0x7f) || value.p[k] == '\t');
        MUST(!memchr(name.p, ' ', name.n) && !memchr(name.p, ':', name.n) && !memchr(name.p, '\r', name.n));
        hosts += str_eq_nocase(name, STR("host"));
        lengths += str_eq_nocase(name, STR("content-length"));
        encodings += str_eq_nocase(name, STR("transfer-encoding"));
    }
    MUST(hosts == 1 || (hosts == 0 && request->minor == 0));
    MUST(lengths + encodings <= 1);
    MUST(encodings ? request->chunked : !request->chunked);
    MUST(request->chunked || request->body.n == request->length);
    buf_printf(ret_trace, "%d %.*s ? %.*s keep=%d expect=%d headers=%zu body=", request->method,
               (int)request->path.n, request->path.p, (int)request->query.n, request->query.p,
               request->keep_alive, request->expect_continue, request->n_headers);
    buf_add_str(ret_trace, buf_str(&request->body));
    for (size_t i = 0; i < request->n_headers; i++) {
        buf_add_str(ret_trace, request_text(request, request->headers[i].name));
        buf_add_char(ret_trace, '=');
        buf_add_str(ret_trace, request_text(request, request->headers[i].value));
    }
    buf_add_char(ret_trace, '\n');
}

static void run(const char *bytes, size_t n, uint32_t seed, struct buf *ret_trace)
{
    struct request request;

    request_init(&request, MAX_BODY);
    for (size_t at = 0; at < n;) {
        size_t part = n - at, used = 0;
        _cleanup_(freep) char *copy = NULL; /* exactly as long, so that reading past the part is seen */
        int r;

        if (seed) {
            seed = seed * 1664525u + 1013904223u;
            if (part > 1 + (seed >> 24) % 32)
                part = 1 + (seed >> 24) % 32;
        }
        copy = malloc(part);
        memcpy(copy, bytes + at, part);
        r = request_feed(&request, copy, part, &used);
        if (r < 0) {
            buf_printf(ret_trace, "refused\n");
            break;
        }
        MUST(used <= part && (used > 0 || r == REQUEST_COMPLETE));
        MUST(r == REQUEST_COMPLETE || used == part || r == REQUEST_HAS_HEAD);
        at += used;
        if (r == REQUEST_COMPLETE) {
            judge(&request, ret_trace);
            request_reset(&request);
        }
    }
    request_fini(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_buf_ struct buf whole = BUF_INIT, parts = BUF_INIT;

    if (size < 2)
        return 0;
    run((const char *)data + 1, size - 1, 0, &whole);
    run((const char *)data + 1, size - 1, data[0] + 1u, &parts);
    MUST(str_eq(buf_str(&whole), buf_str(&parts)));
    return 0;
}
