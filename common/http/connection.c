/* A connection's life: accept, read, parse one request at a time, write, end.
 *
 * Called by the server (accept, deadlines, drain), by libuv, and by response.c and stream.c with bytes to
 * send.
 *
 * Must stay true:
 * - One exchange at a time. While an answer is owed, or a write has not been taken by the kernel, further
 * bytes wait in `in` (and reading stops at READ_BYTES), so answers leave in order and a client that does not
 * read cannot make us grow.
 * - The handler may answer from within its call or later; connection_pump loops and is never entered twice.
 * - Memory outlives the handle: the struct is freed once the handle is closed and neither exchange nor stream
 * is held.
 * - Ends are soft: after the last answer our side is shut down and input is discarded until the client closes
 * or two seconds pass. Closing at once would send a reset for bytes we never read, and that reset may
 * overtake the answer.
 */
#include "http/connection.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/budget.h"
#include "http/response.h"
#include "http/tls.h"
#include <arpa/inet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP_BYTES = 16 * 1024 };

static void seal(struct connection *c)
{
    if (c->tls)
        tls_seal(c->tls, &c->out, &c->cipher);
}

static struct buf *outgoing(struct connection *c)
{
    return c->tls ? &c->cipher : &c->out;
}

static void empty(struct buf *buf)
{
    if (buf->capacity > KEEP_BYTES)
        buf_fini(buf);
    else
        buf_reset(buf);
}

static int descriptor(const struct connection *c)
{
    uv_os_fd_t fd = -1;

    (void)uv_fileno((const uv_handle_t *)&c->tcp, &fd);
    return fd;
}

void connection_enter(struct connection *c, enum connection_state state)
{
    struct http_server *server = c->server;

    list_remove(&c->node);
    c->state = state;
    c->deadline_us = server_now_us(server) + server->timeout_us[state];
    list_append(&server->connections[state], &c->node);
}

void connection_account(struct connection *c)
{
    size_t now = c->state == CONNECTION_CLOSED && !c->exchange.open
                     ? 0
                     : c->exchange.request.body.n + c->in.n - c->in_at;

    budget_hold(c->server->options.budget, c->held, now);
    c->held = now;
}

/* ---- the end ---- */

void connection_release(struct connection *c)
{
    struct http_server *server = c->server;

    if (c->state != CONNECTION_CLOSED || !uv_is_closing((uv_handle_t *)&c->tcp) || c->tcp.data ||
        c->exchange.open || c->stream.open)
        return;
    list_remove(&c->node);
    budget_hold(server->options.budget, c->held, 0);
    request_fini(&c->exchange.request);
    buf_fini(&c->exchange.extra);
    buf_fini(&c->in);
    buf_fini(&c->out);
    buf_fini(&c->cipher);
    buf_fini(&c->flight);
    tls_free(c->tls);
    free(c);
    server_release(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = CONTAINER_OF(handle, struct connection, tcp);

    handle->data = NULL; /* closed, not only closing */
    budget_leave(c->server->options.budget, TAKE(c->budget_peer));
    if (c->stream.open) {
        c->stream.open = false;
        c->stream.on_gone(c->stream.ctx);
    }
    server_closed(c->server);
    connection_release(c);
}

void connection_report_gone(struct connection *c)
{
    if (c->tcp.data)
        return; /* still closing: on_closed comes anyway */
    /* A handle that is opened only to be closed gives us that turn of the loop. */
    (void)uv_tcp_init(c->server->options.loop, &c->tcp);
    c->tcp.data = c;
    c->server->open++;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void connection_cut(struct connection *c)
{
    if (c->state == CONNECTION_CLOSED)
        return;
    connection_enter(c, CONNECTION_CLOSED);
    list_remove(&c->write_node);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void read_on(struct connection *c);

/* Everything is sent: shut down our side and wait for the client's. */
static void linger(struct connection *c)
{
    if (c->eof) {
        connection_cut(c);
        return;
    }
    (void)shutdown(descriptor(c), SHUT_WR); /* fails when the client is gone already: the read will tell */
    empty(&c->in);
    c->in_at = 0;
    connection_account(c);
    connection_enter(c, CONNECTION_LINGER);
    read_on(c);
}

void connection_finish(struct connection *c)
{
    if (c->state == CONNECTION_CLOSED || c->finishing)
        return;
    c->finishing = true;
    if (!c->pumping)
        connection_flush(c);
}

void connection_fail(struct connection *c, int error)
{
    response_error(c, error);
    buf_fini(&c->exchange.request.body); /* nobody will read it */
    connection_finish(c);
}

/* ---- sending ---- */

size_t connection_backlog(const struct connection *c)
{
    return c->out.n + c->cipher.n + uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

static void on_written(uv_write_t *write, int status)
{
    struct connection *c = CONTAINER_OF(write, struct connection, write);

    c->writing = false;
    list_remove(&c->write_node);
    if (c->state == CONNECTION_CLOSED)
        return;
    if (status < 0) {
        connection_cut(c);
        return;
    }
    empty(&c->flight);
    if (c->state == CONNECTION_IDLE)
        connection_enter(c, CONNECTION_IDLE); /* idle from now on */
    connection_flush(c);
    connection_pump(c);
    if (c->state == CONNECTION_STREAM && c->stream.open && c->stream.on_drained && !c->writing)
        c->stream.on_drained(c->stream.ctx); /* last: it may end the stream */
}

static void expect_write(struct connection *c)
{
    list_remove(&c->write_node);
    c->write_left = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
    c->write_deadline_us = server_now_us(c->server) + c->server->options.write_timeout_us;
    list_append(&c->server->writing, &c->write_node);
}

void connection_flush(struct connection *c)
{
    struct buf *out;
    uv_buf_t bytes;
    int n;

    if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_LINGER || c->writing)
        return;
    seal(c);
    if (c->finishing && c->tls)
        tls_end(c->tls, &c->cipher);
    out = outgoing(c);
    if (out->n) {
        bytes = uv_buf_init(out->p, (unsigned)out->n);
        n = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
        if (n < 0 && n != UV_EAGAIN) {
            connection_cut(c);
            return;
        }
        if (n < 0)
            n = 0;
        if ((size_t)n < out->n) {
            c->flight = *out;
            *out = BUF_INIT;
            bytes = uv_buf_init(c->flight.p + n, (unsigned)(c->flight.n - (size_t)n));
            c->writing = true;
            if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written) < 0) {
                c->writing = false;
                connection_cut(c);
                return;
            }
            expect_write(c);
            return;
        }
        empty(out);
    }
    if (c->finishing)
        linger(c);
}

void connection_expire_write(struct connection *c)
{
    if (uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp) < c->write_left)
        expect_write(c); /* slow, but alive */
    else
        connection_cut(c);
}

/* ---- receiving ---- */

static bool can_parse(const struct connection *c)
{
    return (c->state == CONNECTION_IDLE || c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY) &&
           !c->writing && !c->finishing;
}

static void dispatch(struct connection *c)
{
    struct http_server *server = c->server;

    connection_enter(c, CONNECTION_HANDLER);
    c->exchange.open = true;
    c->exchange.received_us = clock_monotonic_us();
    server->options.handler(server->options.ctx, &c->exchange);
}

/* Feeds the parser once; dispatches when that completes a request. The bytes used. */
static size_t parse(struct connection *c, const char *bytes, size_t n)
{
    struct request *request = &c->exchange.request;
    size_t used = n;
    int r;

    if (c->state == CONNECTION_IDLE)
        connection_enter(c, CONNECTION_HEAD);
    r = request_feed(request, bytes, n, &used);
    if (r < 0) {
        connection_fail(c, r);
        return n;
    }
    switch (r) {
    case REQUEST_HAS_HEAD:
        connection_enter(c, CONNECTION_BODY);
        if (request->expect_continue && used == n)
            buf_add_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        break;
    case REQUEST_COMPLETE:
        c->arriving = n - used;
        dispatch(c);
        c->arriving = 0;
        break;
    }
    return used;
}

/* A body that is more than all clients together may hold is refused. What waits behind a request whose answer
 * is owed cannot be: it is only not read on. */
static void keep_to_budget(struct connection *c)
{
    connection_account(c);
    if (c->state == CONNECTION_BODY && !c->finishing && budget_exceeded(c->server->options.budget))
        connection_fail(c, -E_UNAVAILABLE);
    connection_account(c);
}

static void after_input(struct connection *c)
{
    size_t most = budget_exceeded(c->server->options.budget) ? 0 : READ_BYTES;

    if (c->state == CONNECTION_CLOSED)
        return;
    keep_to_budget(c);
    connection_flush(c);
    if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_LINGER)
        return;
    if (c->in_at == c->in.n) {
        empty(&c->in);
        c->in_at = 0;
    } else if (c->in_at > c->in.n / 2) {
        buf_consume(&c->in, c->in_at);
        c->in_at = 0;
    }
    if (c->in.n - c->in_at > most) {
        if (!c->paused)
            uv_read_stop((uv_stream_t *)&c->tcp);
        c->paused = true;
    } else if (c->paused) {
        read_on(c);
    }
    if (c->eof && can_parse(c) && c->in.n == 0)
        connection_finish(c); /* no further request can come; an incomplete one is nobody's */
}

void connection_pump(struct connection *c)
{
    if (c->pumping)
        return;
    c->pumping = true;
    while (c->in_at < c->in.n && can_parse(c))
        c->in_at += parse(c, c->in.p + c->in_at, c->in.n - c->in_at);
    c->pumping = false;
    after_input(c);
}

void connection_receive(struct connection *c, const char *bytes, size_t n)
{
    size_t used = 0;

    if (c->in.n) {
        buf_add(&c->in, bytes, n);
        connection_pump(c);
        return;
    }
    c->pumping = true;
    while (used < n && can_parse(c))
        used += parse(c, bytes + used, n - used);
    c->pumping = false;
    if (used < n && !c->finishing && c->state != CONNECTION_CLOSED)
        buf_add(&c->in, bytes + used, n - used);
    after_input(c);
}

static void end_of_input(struct connection *c)
{
    c->eof = true;
    if (c->state == CONNECTION_LINGER || c->state == CONNECTION_STREAM || c->state == CONNECTION_HANDSHAKE)
        connection_cut(c);
    else
        connection_pump(c);
}

static void receive_records(struct connection *c, const char *bytes, size_t n)
{
    struct http_server *server = c->server;
    size_t plain = 0;
    int r;

    tls_take(c->tls, bytes, n);
    do {
        r = tls_read(c->tls, server->plain_bytes, sizeof server->plain_bytes, &plain);
        if (c->state == CONNECTION_HANDSHAKE && tls_ready(c->tls))
            connection_enter(c, CONNECTION_IDLE);
        if (plain)
            connection_receive(c, server->plain_bytes, plain);
        if (c->state == CONNECTION_CLOSED || c->state == CONNECTION_LINGER)
            return;
    } while (r == TLS_MORE && plain);
    if (r < 0) {
        connection_flush(c); /* the alert */
        connection_cut(c);
    } else if (r == TLS_EOF) {
        end_of_input(c);
    } else {
        connection_flush(c);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct connection *c = CONTAINER_OF(handle, struct connection, tcp);

    (void)suggested;
    *ret_buf = uv_buf_init(c->server->read_bytes, sizeof c->server->read_bytes);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = CONTAINER_OF(stream, struct connection, tcp);

    if (c->state == CONNECTION_CLOSED || n == 0)
        return;
    if (n == UV_EOF)
        end_of_input(c);
    else if (n < 0)
        connection_cut(c);
    else if (c->state == CONNECTION_LINGER)
        return; /* discarded */
    else if (c->tls)
        receive_records(c, buf->base, (size_t)n);
    else
        connection_receive(c, buf->base, (size_t)n);
}

static void read_on(struct connection *c)
{
    c->paused = false;
    if (!c->eof && uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0 &&
        !uv_is_active((uv_handle_t *)&c->tcp))
        connection_cut(c);
}

/* ---- the beginning ---- */

/* False when that address has enough connections. */
static bool remember_peer(struct connection *c)
{
    struct sockaddr_storage address = {0};
    int n = sizeof address;

    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &n) == 0)
        (void)uv_ip_name((struct sockaddr *)&address, c->peer, sizeof c->peer);
    return budget_enter(c->server->options.budget, (struct sockaddr *)&address, &c->budget_peer);
}

static struct connection *connection_new(struct http_server *server)
{
    struct connection *c = NEW(struct connection);

    (void)uv_tcp_init(server->options.loop, &c->tcp); /* cannot fail without flags */
    c->tcp.data = c;
    c->server = server;
    server->handles++;
    server->open++;
    request_init(&c->exchange.request, server->options.max_body);
    connection_enter(c, server->tls ? CONNECTION_HANDSHAKE : CONNECTION_IDLE);
    return c;
}

static void connection_start(struct connection *c, int error)
{
    struct http_server *server = c->server;

    if (error < 0 || server->open > server->options.max_connections || !remember_peer(c)) {
        connection_cut(c);
        return;
    }
    if (server->tls)
        c->tls = tls_new(server->tls);
    read_on(c);
}

void connection_accept(struct http_server *server, uv_stream_t *listener)
{
    struct connection *c = connection_new(server);

    connection_start(c, uv_accept(listener, (uv_stream_t *)&c->tcp));
}

void connection_adopt(struct http_server *server, int fd)
{
    struct connection *c = connection_new(server);
    int r = uv_tcp_open(&c->tcp, fd);

    if (r < 0)
        close(fd);
    connection_start(c, r);
}

/* ---- deadlines ---- */

void connection_expire(struct connection *c)
{
    int waiting = 0;

    switch (c->state) {
    case CONNECTION_HEAD:
    case CONNECTION_BODY:
        connection_fail(c, -E_REQUEST_TIMEOUT);
        break;
    case CONNECTION_IDLE:
        /* The last answer may still be on its way (it has its own deadline), or a request may have come in
         * since the last poll: closing would fail it. */
        if (c->writing || (ioctl(descriptor(c), FIONREAD, &waiting) == 0 && waiting > 0))
            connection_enter(c, CONNECTION_IDLE);
        else
            connection_finish(c);
        break;
    default:
        connection_cut(c);
    }
}
