/* See harness.h. Everything fatal here is an assertion: a test without its server has nothing to say. */
#include "harness.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_S = 20 };

static void bump(struct harness *h, int *value, int by)
{
    pthread_mutex_lock(&h->lock);
    *value += by;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void on_gone(void *ctx)
{
    struct harness *h = ctx;

    h->stream = NULL;
    bump(h, &h->gone, 1);
}

static struct harness *freed_of; /* one harness a process: Criterion forks for each test */
static void on_data_free(void *data)
{
    free(data);
    bump(freed_of, &freed_of->freed, 1);
}

static void show(struct http_exchange *x)
{
    _cleanup_buf_ struct buf out = BUF_INIT, param = BUF_INIT;
    struct str s;
    int r = http_query_param(x, "q", &param);

    buf_printf(&out, "method=%s path=%.*s query=%.*s", http_method_name(x), (int)http_path(x).n,
               http_path(x).p, (int)http_query(x).n, http_query(x).p);
    buf_printf(&out, " q=%d:%s", r, buf_text(&param));
    s = http_header(x, "X-Test");
    buf_printf(&out, " x-test=%s%.*s", s.p ? "" : "(none)", (int)s.n, s.p ? s.p : "");
    s = http_cookie(x, "sid");
    buf_printf(&out, " sid=%s%.*s", s.p ? "" : "(none)", (int)s.n, s.p ? s.p : "");
    buf_printf(&out, " peer=%s secure=%d received=%d body=%.*s", http_peer(x), http_secure(x),
               http_received_us(x) > 0, (int)http_body(x).n, http_body(x).p);
    http_respond(x, 200, "text/plain", buf_str(&out));
}

static void on_request(void *ctx, struct http_exchange *x)
{
    struct harness *h = ctx;
    struct str path = http_path(x);

    if (str_eq(path, STR("/hello"))) {
        http_respond(x, 200, "text/plain", STR("hello"));
    } else if (str_eq(path, STR("/echo"))) {
        http_respond(x, 200, "text/plain", http_body(x));
    } else if (str_eq(path, STR("/show"))) {
        show(x);
    } else if (str_eq(path, STR("/html"))) {
        http_respond(x, 200, "text/html; charset=utf-8", STR("<p>hi"));
    } else if (str_eq(path, STR("/own"))) {
        http_add_header(x, "Cache-Control", "max-age=5");
        http_add_header(x, "Content-Security-Policy", "default-src 'none'");
        http_add_header(x, "Referrer-Policy", "same-origin");
        http_respond(x, 200, "text/html", STR("x"));
    } else if (str_starts(path, STR("/status/"))) {
        http_respond(x, atoi(path.p + 8), "text/plain", STR("body"));
    } else if (str_eq(path, STR("/big"))) {
        _cleanup_buf_ struct buf big = BUF_INIT;
        buf_reserve(&big, 1 << 20);
        memset(big.p, 'b', 1 << 20);
        http_respond(x, 200, "text/plain", (struct str){big.p, 1 << 20});
    } else if (str_eq(path, STR("/hold"))) {
        http_set_data(x, mem_str("data"), on_data_free);
        for (size_t i = 0; i < ARRAY_SIZE(h->waiting); i++)
            if (!h->waiting[i]) {
                h->waiting[i] = x;
                break;
            }
        bump(h, &h->held, 1);
    } else if (str_eq(path, STR("/stream"))) {
        h->stream = http_stream_start(x, 256 * 1024, on_gone, h);
        http_stream_write(h->stream, STR("data: first\n\n"));
    } else if (str_starts(path, STR("/files"))) {
        int r = http_files_respond(h->files, x, (struct str){path.p + 6, path.n - 6});
        if (r < 0)
            http_respond(x, 404, "text/plain", STR("no such file"));
    } else {
        http_respond(x, 404, "text/plain", STR("not found"));
    }
    bump(h, &h->requests, 1);
}

static void free_server(struct harness *h, void *arg)
{
    (void)arg;
    h->server = http_server_free(h->server);
    h->files = http_files_close(h->files);
}

static void on_wake(uv_async_t *wake)
{
    struct harness *h = wake->data;
    void (*call)(struct harness *, void *);

    pthread_mutex_lock(&h->lock);
    call = h->call;
    pthread_mutex_unlock(&h->lock);
    if (call)
        call(h, h->call_arg);
    pthread_mutex_lock(&h->lock);
    h->call = NULL;
    if (h->stop)
        uv_close((uv_handle_t *)&h->wake, NULL);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void *run(void *arg)
{
    struct harness *h = arg;

    uv_run(&h->loop, UV_RUN_DEFAULT);
    return NULL;
}

void harness_start(struct harness *h, struct http_options *options)
{
    struct http_options given = options ? *options : (struct http_options){0};

    *h = (struct harness){.files = h->files};
    freed_of = h;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    cr_assert_eq(uv_loop_init(&h->loop), 0);
    uv_async_init(&h->loop, &h->wake, on_wake);
    h->wake.data = h;
    given.loop = &h->loop;
    if (!given.address)
        given.address = "127.0.0.1:0";
    if (given.listen_fd <= 0)
        given.listen_fd = -1;
    given.handler = on_request;
    given.ctx = h;
    cr_assert_eq(http_server_open(&given, &h->server), 0);
    h->port = http_server_port(h->server);
    cr_assert_eq(pthread_create(&h->thread, NULL, run, h), 0);
}

void harness_call(struct harness *h, void (*call)(struct harness *h, void *arg), void *arg)
{
    pthread_mutex_lock(&h->lock);
    h->call = call;
    h->call_arg = arg;
    uv_async_send(&h->wake);
    while (h->call)
        pthread_cond_wait(&h->changed, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void stop(struct harness *h, void *arg)
{
    free_server(h, arg);
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_mutex_unlock(&h->lock);
}

void harness_stop(struct harness *h)
{
    harness_call(h, stop, NULL);
    pthread_join(h->thread, NULL);
    cr_assert_eq(uv_loop_close(&h->loop), 0, "handles are left on the loop");
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->changed);
}

static struct timespec patience(void)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    return end;
}

void harness_wait(struct harness *h, const int *value, int least)
{
    struct timespec end = patience();
    bool late = false;

    pthread_mutex_lock(&h->lock);
    while (*value < least && !late)
        late = pthread_cond_timedwait(&h->changed, &h->lock, &end) != 0;
    pthread_mutex_unlock(&h->lock);
    cr_assert(!late, "waited %d s in vain", PATIENCE_S);
}

int harness_read(struct harness *h, const int *value)
{
    int result;

    pthread_mutex_lock(&h->lock);
    result = *value;
    pthread_mutex_unlock(&h->lock);
    return result;
}

static void answer(struct harness *h, void *arg)
{
    struct http_exchange *x = h->waiting[0];

    (void)arg;
    memmove(h->waiting, h->waiting + 1, sizeof h->waiting - sizeof h->waiting[0]);
    h->waiting[ARRAY_SIZE(h->waiting) - 1] = NULL;
    http_respond(x, 200, "text/plain", STR("held"));
}

void harness_answer(struct harness *h)
{
    harness_call(h, answer, NULL);
}

static void on_drained(void *ctx)
{
    struct harness *h = ctx;

    pthread_mutex_lock(&h->lock);
    h->drained = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static void drain(struct harness *h, void *arg)
{
    (void)arg;
    http_server_drain(h->server, on_drained, h);
}

void harness_drain(struct harness *h)
{
    harness_call(h, drain, NULL);
}

void harness_wait_drained(struct harness *h)
{
    struct timespec end = patience();
    bool late = false;

    pthread_mutex_lock(&h->lock);
    while (!h->drained && !late)
        late = pthread_cond_timedwait(&h->changed, &h->lock, &end) != 0;
    pthread_mutex_unlock(&h->lock);
    cr_assert(!late, "the server did not drain");
}

static void count_connections(struct harness *h, void *arg)
{
    *(int *)arg = http_server_connections(h->server);
}

void harness_wait_connections(struct harness *h, int count)
{
    struct timespec end = patience(), now;
    int open = -1;

    do {
        harness_call(h, count_connections, &open);
        clock_gettime(CLOCK_REALTIME, &now);
    } while (open != count && now.tv_sec < end.tv_sec);
    cr_assert_eq(open, count, "%d connections, not %d", open, count);
}

void harness_free_server(struct harness *h)
{
    harness_call(h, free_server, NULL);
}

/* ---- clients ---- */

struct client client_open(int port)
{
    struct client client = {.in = BUF_INIT};
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval timeout = {.tv_sec = PATIENCE_S};

    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    cr_assert_eq(connect(client.fd, (struct sockaddr *)&where, sizeof where), 0, "connect: %s",
                 strerror(errno));
    return client;
}

void client_close(struct client *client)
{
    SSL_free(client->ssl);
    if (client->fd >= 0)
        close(client->fd);
    buf_fini(&client->in);
    *client = (struct client){.fd = -1};
}

/* A server that has refused us may reset while we still send; what it answered is read afterwards. */
void client_send(struct client *client, const void *bytes, size_t n)
{
    const char *p = bytes;

    while (n) {
        ssize_t sent = client->ssl ? SSL_write(client->ssl, p, (int)n) : send(client->fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            cr_assert(errno == EPIPE || errno == ECONNRESET, "send: %s", strerror(errno));
            return;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

void client_say(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

/* More bytes; 0 at the end of file or a reset. */
static size_t receive(struct client *client)
{
    char bytes[16384];
    ssize_t n =
        client->ssl ? SSL_read(client->ssl, bytes, sizeof bytes) : recv(client->fd, bytes, sizeof bytes, 0);

    if (n <= 0) {
        cr_assert(client->ssl || n == 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
        return 0;
    }
    buf_add(&client->in, bytes, (size_t)n);
    return (size_t)n;
}

static char *find(struct client *client, const char *text)
{
    return client->in.n ? memmem(client->in.p, client->in.n, text, strlen(text)) : NULL;
}

void client_expect(struct client *client, const char *text)
{
    while (!find(client, text))
        cr_assert(receive(client) > 0, "end of file before \"%s\"; have \"%s\"", text, buf_text(&client->in));
    buf_consume(&client->in, (size_t)(find(client, text) - client->in.p) + strlen(text));
}

static void need(struct client *client, size_t n)
{
    while (client->in.n < n)
        cr_assert(receive(client) > 0, "the answer ends early");
}

static void read_chunks(struct client *client, struct buf *ret_body)
{
    for (;;) {
        size_t n;

        while (!find(client, "\r\n"))
            cr_assert(receive(client) > 0, "the stream ends early");
        n = strtoul(client->in.p, NULL, 16);
        client_expect(client, "\r\n");
        need(client, n + 2);
        buf_add(ret_body, client->in.p, n);
        buf_consume(&client->in, n + 2);
        if (n == 0)
            return;
    }
}

void client_read(struct client *client, struct reply *ret_reply, bool head_only)
{
    const char *length;
    size_t n;

    reply_fini(ret_reply);
    while (!find(client, "\r\n\r\n"))
        if (receive(client) == 0) {
            cr_assert_eq(client->in.n, 0, "half an answer: %s", buf_text(&client->in));
            return;
        }
    n = (size_t)(find(client, "\r\n\r\n") - client->in.p) + 4;
    buf_add(&ret_reply->head, client->in.p, n);
    buf_consume(&client->in, n);
    cr_assert_eq(sscanf(ret_reply->head.p, "HTTP/1.1 %d ", &ret_reply->status), 1);
    length = reply_header(ret_reply, "Content-Length");
    if (head_only || ret_reply->status == 304 || ret_reply->status == 204 || ret_reply->status == 100)
        return;
    if (length) {
        n = strtoul(length, NULL, 10);
        need(client, n);
        buf_add(&ret_reply->body, client->in.p, n);
        buf_consume(&client->in, n);
    } else if (reply_header(ret_reply, "Transfer-Encoding")) {
        read_chunks(client, &ret_reply->body);
    } else {
        while (receive(client))
            ;
        buf_add_str(&ret_reply->body, buf_str(&client->in));
        buf_reset(&client->in);
    }
}

bool client_at_end(struct client *client)
{
    return client->in.n == 0 && receive(client) == 0;
}

void reply_fini(struct reply *reply)
{
    buf_fini(&reply->head);
    buf_fini(&reply->body);
    reply->status = 0;
}

const char *reply_header(const struct reply *reply, const char *name)
{
    static _Thread_local char value[1024];
    struct str rest = buf_str(&reply->head), line, key, text;

    while (rest.n) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &text) && str_eq_nocase(key, str_from(name))) {
            text.n--; /* CR */
            text = str_trim(text);
            snprintf(value, sizeof value, "%.*s", (int)text.n, text.p);
            return value;
        }
    }
    return NULL;
}

void fetch(struct harness *h, const char *request, struct reply *ret_reply)
{
    _cleanup_client_ struct client client = client_open(h->port);

    client_say(&client, request);
    client_read(&client, ret_reply, strncmp(request, "HEAD", 4) == 0);
}

/* ---- folders ---- */

char *make_folder(void)
{
    char *folder = mem_str("/tmp/http-test-XXXXXX");

    cr_assert(mkdtemp(folder));
    return folder;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void remove_folder(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *folder, const char *name, const char *content)
{
    _cleanup_(freep) char *path = mem_printf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(content);

    cr_assert(fd >= 0 && write(fd, content, n) == (ssize_t)n);
    close(fd);
}
