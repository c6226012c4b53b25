/* Server-sent event streams: an answer without end.
 *
 * HTTP/1.1 clients get chunks, so that a cut stream is told from an ended one; HTTP/1.0 clients read until
 * the close. on_gone never runs inside a call of the owner: a stream that dies in http_stream_write is closed
 * there and reported by the loop, so the owner may write to all its streams in one pass over its list.
 */
#include "http/response.h"

static struct connection *connection_of_stream(struct http_stream *stream)
{
    return CONTAINER_OF(stream, struct connection, stream);
}

struct http_stream *http_stream_start(struct http_exchange *x, size_t max_backlog, void (*on_gone)(void *ctx),
                                      void *ctx)
{
    struct connection *c = connection_of(x);
    struct http_stream *stream = &c->stream;

    *stream = (struct http_stream){
        .open = true,
        .mute = x->request.method == HTTP_HEAD_,
        .chunked = x->request.minor == 1,
        .max_backlog = max_backlog,
        .on_gone = on_gone,
        .ctx = ctx,
    };
    if (c->state == CONNECTION_CLOSED) {
        exchange_end(c);
        connection_report_gone(c);
        return stream;
    }
    stream->keep_alive = x->request.keep_alive && stream->chunked && !stream->mute;
    http_add_header(x, "X-Accel-Buffering", "no");
    response_head(c, 200, "text/event-stream");
    if (stream->chunked && !stream->mute)
        buf_add_text(&c->out, "Transfer-Encoding: chunked\r\n");
    if (!stream->keep_alive)
        buf_add_text(&c->out, "Connection: close\r\n");
    buf_add_text(&c->out, "\r\n");
    exchange_end(c);
    connection_enter(c, CONNECTION_STREAM);
    if (c->server->draining)
        stream_drop(c);
    else if (!c->pumping)
        connection_flush(c);
    return stream;
}

static void add_last_chunk(struct connection *c)
{
    if (c->stream.chunked && !c->stream.mute)
        buf_add_text(&c->out, "0\r\n\r\n");
}

void http_stream_write(struct http_stream *stream, struct str bytes)
{
    struct connection *c = connection_of_stream(stream);

    if (c->state != CONNECTION_STREAM || c->finishing || stream->mute || bytes.n == 0)
        return;
    if (stream->chunked)
        buf_printf(&c->out, "%zx\r\n", bytes.n);
    buf_add_str(&c->out, bytes);
    if (stream->chunked)
        buf_add_text(&c->out, "\r\n");
    if (c->pumping)
        return;
    connection_flush(c);
    if (c->state == CONNECTION_STREAM && connection_backlog(c) > stream->max_backlog)
        connection_cut(c);
}

void http_stream_on_drained(struct http_stream *stream, void (*on_drained)(void *ctx))
{
    stream->on_drained = on_drained;
}

size_t http_stream_backlog(const struct http_stream *stream)
{
    return connection_backlog(CONTAINER_OF(stream, const struct connection, stream));
}

void http_stream_end(struct http_stream *stream)
{
    struct connection *c = connection_of_stream(stream);

    stream->open = false;
    if (c->state != CONNECTION_STREAM || c->finishing) {
        connection_release(c);
        return;
    }
    add_last_chunk(c);
    connection_enter(c, CONNECTION_IDLE);
    if (!stream->keep_alive || c->server->draining)
        connection_finish(c);
    else if (!c->pumping) {
        connection_flush(c);
        connection_pump(c);
    }
}

void stream_drop(struct connection *c)
{
    add_last_chunk(c);
    connection_finish(c);
}
