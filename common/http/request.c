/* Feeds raw bytes to the guard and to llhttp and keeps what llhttp reports.
 *
 * The head is copied to one buffer as it comes and parsed there, so a field split over many reads is still
 * one run of bytes; fields are kept as positions, because the buffer moves while it grows. The guard finds
 * the end of the head on its own. Must stay true: llhttp and the guard agree on where the head ends; a
 * request for which they differ is refused (bad request), whatever either of them thinks of it.
 *
 * Chunk extensions are skipped but counted, trailers are refused: nothing here needs them, and both have been
 * used to hide bytes from one of two parsers.
 */
#include "http/request.h"
#include "meridian/limits.h"

enum { BODY_OVERHEAD = 16 * 1024, KEEP_BYTES = 16 * 1024 };

static struct request *request_of(llhttp_t *parser)
{
    return CONTAINER_OF(parser, struct request, parser);
}

static int refuse(struct request *request, int error)
{
    request->error = error;
    return -1;
}

static void span_extend(struct request *request, struct span *span, const char *at, size_t n)
{
    if (span->n == 0)
        span->at = (uint16_t)(at - request->head.p);
    span->n = (uint16_t)(span->n + n);
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct request *request = request_of(parser);

    span_extend(request, &request->target, at, n);
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct request *request = request_of(parser);

    if (request->headers_complete)
        return refuse(request, -E_BAD_REQUEST); /* a trailer */
    if (request->n_headers == REQUEST_HEADERS)
        return refuse(request, -E_HEADERS_TOO_LARGE);
    span_extend(request, &request->headers[request->n_headers].name, at, n);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct request *request = request_of(parser);

    if (request->headers_complete)
        return refuse(request, -E_BAD_REQUEST);
    span_extend(request, &request->headers[request->n_headers].value, at, n);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct request *request = request_of(parser);
    struct header *header = &request->headers[request->n_headers];
    struct str value = str_trim(request_text(request, header->value));

    if (header->value.n)
        header->value = (struct span){(uint16_t)(value.p - request->head.p), (uint16_t)value.n};
    request->n_headers++;
    if (request->n_headers < REQUEST_HEADERS)
        request->headers[request->n_headers] = (struct header){0};
    return 0;
}

static enum http_method method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
        return HTTP_GET_;
    case HTTP_HEAD:
        return HTTP_HEAD_;
    case HTTP_POST:
        return HTTP_POST_;
    case HTTP_PUT:
        return HTTP_PUT_;
    case HTTP_PATCH:
        return HTTP_PATCH_;
    case HTTP_DELETE:
        return HTTP_DELETE_;
    case HTTP_OPTIONS:
        return HTTP_OPTIONS_;
    default:
        return HTTP_OTHER_;
    }
}

static int on_headers_complete(llhttp_t *parser)
{
    struct request *request = request_of(parser);
    int r;

    request->headers_complete = true;
    request->method = method_of(parser->method);
    request->connect = parser->method == HTTP_CONNECT;
    request->major = parser->http_major;
    request->minor = parser->http_minor;
    request->keep_alive = llhttp_should_keep_alive(parser);
    request->chunked = parser->flags & F_CHUNKED;
    request->length = parser->flags & F_CONTENT_LENGTH ? parser->content_length : 0;
    r = guard_request(request);
    if (r < 0)
        return refuse(request, r);
    if (request->length > request->max_body)
        return refuse(request, -E_TOO_LARGE);
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct request *request = request_of(parser);

    return parser->content_length > request->max_body - request->body.n ? refuse(request, -E_TOO_LARGE) : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct request *request = request_of(parser);

    if (n > request->max_body - request->body.n)
        return refuse(request, -E_TOO_LARGE);
    buf_add(&request->body, at, n);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    request_of(parser)->message_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void request_init(struct request *request, size_t max_body)
{
    *request = (struct request){.max_body = max_body};
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
}

void request_fini(struct request *request)
{
    buf_fini(&request->head);
    buf_fini(&request->body);
}

static void trim(struct buf *buf)
{
    if (buf->capacity > KEEP_BYTES)
        buf_fini(buf);
    else
        buf_reset(buf);
}

void request_reset(struct request *request)
{
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    trim(&request->head);
    trim(&request->body);
    request->guard = (struct guard){0};
    request->body_raw = 0;
    request->length = 0;
    request->n_headers = 0;
    request->error = 0;
    request->method = HTTP_OTHER_;
    request->headers_complete = request->message_complete = request->expect_continue = request->keep_alive =
        false;
    request->target = (struct span){0};
    request->path = request->query = (struct str){0};
    request->headers[0] = (struct header){0};
}

static int feed_head(struct request *request, const char *bytes, size_t n, size_t *ret_used)
{
    size_t used = 0, at = request->head.n;
    int scan = guard_scan(&request->guard, bytes, n, &used);
    llhttp_errno_t err;

    if (scan < 0)
        return scan;
    buf_add(&request->head, bytes, used);
    err = llhttp_execute(&request->parser, request->head.p + at, used);
    if (err != HPE_OK && err != HPE_PAUSED)
        return request->error ? request->error : -E_BAD_REQUEST;
    if (request->headers_complete != (scan == GUARD_HEAD_END))
        return -E_BAD_REQUEST;
    if (request->message_complete &&
        llhttp_get_error_pos(&request->parser) != request->head.p + request->head.n)
        return -E_BAD_REQUEST;
    *ret_used = used;
    if (request->message_complete)
        return REQUEST_COMPLETE;
    return request->headers_complete ? REQUEST_HAS_HEAD : REQUEST_MORE;
}

static void remember_tail(struct request *request, const char *bytes, size_t n)
{
    char *tail = request->body_tail;
    size_t take = n < sizeof request->body_tail ? n : sizeof request->body_tail;

    memmove(tail, tail + take, sizeof request->body_tail - take);
    memcpy(tail + sizeof request->body_tail - take, bytes + n - take, take);
}

static int feed_body(struct request *request, const char *bytes, size_t n, size_t *ret_used)
{
    llhttp_errno_t err = llhttp_execute(&request->parser, bytes, n);

    if (err != HPE_OK && err != HPE_PAUSED)
        return request->error ? request->error : -E_BAD_REQUEST;
    *ret_used = err == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&request->parser) - bytes) : n;
    request->body_raw += *ret_used;
    remember_tail(request, bytes, *ret_used);
    /* llhttp takes a bare line feed for the last line. Without trailers there is one way to end. */
    if (request->message_complete && request->chunked && memcmp(request->body_tail, "\r\n\r\n", 4) != 0)
        return -E_BAD_REQUEST;
    /* A one-byte chunk takes six bytes; more framing than this is extensions or zeros sent to keep us busy.
     */
    if (request->body_raw > BODY_OVERHEAD + 8 * request->body.n)
        return -E_BAD_REQUEST;
    return request->message_complete ? REQUEST_COMPLETE : REQUEST_MORE;
}

int request_feed(struct request *request, const char *bytes, size_t n, size_t *ret_used)
{
    return request->headers_complete ? feed_body(request, bytes, n, ret_used)
                                     : feed_head(request, bytes, n, ret_used);
}

struct str request_header(const struct request *request, struct str name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (str_eq_nocase(request_text(request, request->headers[i].name), name))
            return request_text(request, request->headers[i].value);
    return (struct str){0};
}
