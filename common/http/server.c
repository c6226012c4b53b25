/* The listening socket, the accept loop, the lists of connections with their deadlines, and the drain.
 *
 * A connection sits in the list of its state, in the order of deadlines (a state has one timeout), so the
 * sweep looks at the heads only and a request costs no timer.
 *
 * Drain loses nobody: connections the kernel has completed for our own socket are accepted before it is
 * closed (closing it would reset them); answers in flight say `Connection: close`; an idle connection may
 * still bring one request for DRAIN_GRACE_US and is then closed, when no byte of a request is waiting. An
 * inherited socket is only let go: its backlog belongs to the next process.
 *
 * The struct is freed when http_server_free was called and the last handle, exchange and stream are gone.
 */
#include "http/server.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/budget.h"
#include "http/connection.h"
#include "http/tls.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, MAX_CONNECTIONS = 4096, SWEEP_MS = 250 };
#define LINGER_US      (2 * US_PER_S)
#define DRAIN_GRACE_US (1 * US_PER_S)
#define DRAIN_LISTEN_US                                                                                      \
    (US_PER_S / 2) /* many round trips, and less than the second after which a SYN is repeated */

_Static_assert((int)CONNECTION_STATES <= (int)SERVER_STATES, "a list for every state");

const char *server_date(struct http_server *server)
{
    int64_t now_s = clock_now_us() / US_PER_S;
    time_t t = (time_t)now_s;
    struct tm tm;

    if (now_s != server->date_s) {
        /* Names spelled here: strftime would follow the locale. */
        static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        gmtime_r(&t, &tm);
        snprintf(server->date, sizeof server->date, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        server->date_s = now_s;
    }
    return server->date;
}

/* ---- end ---- */

void server_release(struct http_server *server)
{
    server->handles--;
    if (server->handles > 0 || !server->freed)
        return;
    SSL_CTX_free(server->tls);
    free(server->tls_cert);
    free(server->tls_key);
    http_budget_free(server->options.budget);
    free(server);
}

static void maybe_drained(struct http_server *server)
{
    void (*done)(void *ctx) = server->drained;

    if (!server->draining || server->listening || server->open > 0 || server->freed || !done)
        return;
    server->drained = NULL;
    done(server->drained_ctx);
}

void server_closed(struct http_server *server)
{
    server->open--;
    maybe_drained(server);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;

    server->listening = false;
    maybe_drained(server);
    server_release(server);
}

static void on_sweep_closed(uv_handle_t *handle)
{
    server_release(handle->data);
}

static void stop_listening(struct http_server *server)
{
    if (!uv_is_closing((uv_handle_t *)&server->listener))
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
}

struct http_server *http_server_free(struct http_server *server)
{
    if (!server || server->freed)
        return NULL;
    server->freed = true;
    stop_listening(server);
    uv_close((uv_handle_t *)&server->sweep, on_sweep_closed);
    for (int state = 0; state < CONNECTION_CLOSED; state++) {
        struct list *list = &server->connections[state];
        while (!list_empty(list))
            connection_cut(CONTAINER_OF(list->next, struct connection, node));
    }
    return NULL;
}

static int listener_fd(const struct http_server *server)
{
    uv_os_fd_t fd = -1;

    (void)uv_fileno((const uv_handle_t *)&server->listener, &fd);
    return fd;
}

/* Drops segments with SYN and without ACK that arrive for the listening socket. False when the kernel does
 * not do that. */
static bool drop_new_connections(struct http_server *server)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13), /* the flags of the TCP header */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

    return setsockopt(listener_fd(server), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static void accept_queued_and_close(struct http_server *server)
{
    int client;

    while ((client = accept4(listener_fd(server), NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        connection_adopt(server, client);
    stop_listening(server);
}

void http_server_drain(struct http_server *server, void (*done)(void *ctx), void *ctx)
{
    if (server->draining)
        return;
    server->draining = true;
    server->drained = done;
    server->drained_ctx = ctx;
    server->timeout_us[CONNECTION_IDLE] = DRAIN_GRACE_US;
    if (server->options.listen_fd >= 0)
        stop_listening(server);
    else if (drop_new_connections(server))
        server->listen_until_us = server_now_us(server) + DRAIN_LISTEN_US; /* the sweep goes on from there */
    else
        accept_queued_and_close(server);
    LIST_FOR(node, &server->connections[CONNECTION_IDLE])
    {
        CONTAINER_OF(node, struct connection, node)->deadline_us = server_now_us(server) + DRAIN_GRACE_US;
    }
    LIST_FOR(node, &server->connections[CONNECTION_STREAM])
    {
        stream_drop(CONTAINER_OF(node, struct connection, node));
    }
}

/* ---- deadlines ---- */

static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now_us = server_now_us(server);

    if (server->listen_until_us && server->listen_until_us <= now_us) {
        server->listen_until_us = 0;
        accept_queued_and_close(server);
    }
    for (int state = 0; state < CONNECTION_CLOSED; state++) {
        if (!server->timeout_us[state])
            continue;
        LIST_FOR(node, &server->connections[state])
        {
            struct connection *c = CONTAINER_OF(node, struct connection, node);
            if (c->deadline_us > now_us)
                break;
            connection_expire(c);
        }
    }
    LIST_FOR(node, &server->writing)
    {
        struct connection *c = CONTAINER_OF(node, struct connection, write_node);
        if (c->write_deadline_us > now_us)
            break;
        connection_expire_write(c);
    }
}

/* ---- beginning ---- */

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;

    if (status ==
        0) /* a failed accept (EMFILE, a client that left) concerns nobody here; libuv goes on listening */
        connection_accept(server, listener);
}

static int parse_address(const char *address, struct sockaddr_storage *ret_address, socklen_t *ret_n)
{
    struct str all = str_from(address), host = all, port = {0};
    char text[INET6_ADDRSTRLEN + 1];
    int64_t number;
    bool six;

    if (!address)
        return -E_CONFIG;
    for (size_t i = all.n; i > 0; i--)
        if (all.p[i - 1] == ':') {
            host.n = i - 1;
            port = (struct str){all.p + i, all.n - i};
            break;
        }
    if (!port.p || str_to_i64(port, 0, 65535, &number) < 0)
        return -E_CONFIG;
    six = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (six)
        host = (struct str){host.p + 1, host.n - 2};
    if (host.n == 0 || host.n >= sizeof text)
        return -E_CONFIG;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (six ? uv_ip6_addr(text, (int)number, (struct sockaddr_in6 *)ret_address) < 0
            : uv_ip4_addr(text, (int)number, (struct sockaddr_in *)ret_address) < 0)
        return -E_CONFIG;
    *ret_n = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    return 0;
}

/* By hand, because SO_REUSEPORT must be set before bind: a new copy of the process listens before the old one
 * leaves. */
static int open_socket(const char *address, bool exclusive, int *ret_fd)
{
    struct sockaddr_storage where = {0};
    socklen_t n = 0;
    const int on = 1;
    int fd, r = parse_address(address, &where, &n);

    if (r < 0)
        return r;
    fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -E_IO;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (!exclusive && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
        bind(fd, (struct sockaddr *)&where, n) < 0 || listen(fd, BACKLOG) < 0) {
        close(fd);
        return -E_IO;
    }
    *ret_fd = fd;
    return 0;
}

static void set_defaults(struct http_options *options)
{
    options->max_body = options->max_body ? options->max_body : LIMIT_HTTP_BODY_BYTES;
    options->max_connections = options->max_connections ? options->max_connections : MAX_CONNECTIONS;
    options->header_timeout_us = options->header_timeout_us ? options->header_timeout_us : 10 * US_PER_S;
    options->body_timeout_us = options->body_timeout_us ? options->body_timeout_us : 30 * US_PER_S;
    options->idle_timeout_us = options->idle_timeout_us ? options->idle_timeout_us : 75 * US_PER_S;
    options->write_timeout_us = options->write_timeout_us ? options->write_timeout_us : 30 * US_PER_S;
}

/* Often enough for the shortest timeout, which only tests make shorter than seconds. */
static uint64_t sweep_ms(const struct http_options *options)
{
    const int64_t all[] = {options->header_timeout_us, options->body_timeout_us, options->idle_timeout_us,
                           options->write_timeout_us};
    int64_t ms = SWEEP_MS;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (all[i] / US_PER_MS / 4 < ms)
            ms = all[i] / US_PER_MS / 4;
    return ms < 5 ? 5 : (uint64_t)ms;
}

static int port_of(int fd)
{
    struct sockaddr_storage where = {0};
    socklen_t n = sizeof where;

    if (getsockname(fd, (struct sockaddr *)&where, &n) < 0)
        return 0;
    return where.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&where)->sin6_port)
                                       : ntohs(((struct sockaddr_in *)&where)->sin_port);
}

int http_server_open(const struct http_options *options, struct http_server **ret_server)
{
    const int on = 1;
    SSL_CTX *tls = NULL;
    struct http_server *server;
    int r, fd = options->listen_fd;

    if (options->tls_cert) {
        r = tls_context_open(options->tls_cert, options->tls_key, &tls);
        if (r < 0)
            return r;
    }
    if (fd < 0) {
        r = open_socket(options->address, options->exclusive, &fd);
        if (r < 0) {
            SSL_CTX_free(tls);
            return r;
        }
    }
    /* libuv 1.44 writes without MSG_NOSIGNAL: a client that left would end the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by accepted sockets */

    server = NEW(struct http_server);
    server->options = *options;
    server->options.address = server->options.tls_cert = server->options.tls_key = NULL;
    set_defaults(&server->options);
    budget_share(options->budget);
    server->tls = tls;
    server->tls_cert = mem_str(options->tls_cert);
    server->tls_key = mem_str(options->tls_key);
    server->port = port_of(fd);
    for (size_t i = 0; i < SERVER_STATES; i++)
        list_init(&server->connections[i]);
    list_init(&server->writing);
    server->timeout_us[CONNECTION_HANDSHAKE] = server->timeout_us[CONNECTION_HEAD] =
        server->options.header_timeout_us;
    server->timeout_us[CONNECTION_BODY] = server->options.body_timeout_us;
    server->timeout_us[CONNECTION_IDLE] = server->options.idle_timeout_us;
    server->timeout_us[CONNECTION_LINGER] = LINGER_US;

    (void)uv_tcp_init(options->loop, &server->listener);
    (void)uv_timer_init(options->loop, &server->sweep);
    server->listener.data = server->sweep.data = server;
    server->handles = 2;
    server->listening = true;
    r = uv_tcp_open(&server->listener, fd);
    if (r < 0) {
        close(fd);
    } else {
        r = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    }
    if (r < 0) {
        http_server_free(server);
        return -E_IO;
    }
    (void)uv_timer_start(&server->sweep, on_sweep, sweep_ms(&server->options), sweep_ms(&server->options));
    *ret_server = server;
    return 0;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_connections(const struct http_server *server)
{
    return server->open;
}

int http_server_reload_tls(struct http_server *server)
{
    SSL_CTX *tls;
    int r;

    if (!server->tls)
        return 0;
    r = tls_context_open(server->tls_cert, server->tls_key, &tls);
    if (r < 0)
        return r;
    SSL_CTX_free(server->tls); /* connections keep their own reference */
    server->tls = tls;
    return 0;
}
