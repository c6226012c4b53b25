/* Event streams: chunks, ends, clients that go away or do not read. */
#include "harness.h"

#define HOST "Host: desk\r\n"
static struct harness h;

static void set_up(void)
{
    harness_start(&h, NULL);
}
static void tear_down(void)
{
    harness_stop(&h);
}
TestSuite(http_stream, .init = set_up, .fini = tear_down);

static void write_text(struct harness *harness, void *arg)
{
    if (harness->stream)
        http_stream_write(harness->stream, str_from(arg));
}
static void end_stream(struct harness *harness, void *arg)
{
    (void)arg;
    http_stream_end(harness->stream);
    harness->stream = NULL;
}

static void open_stream(struct client *client)
{
    client_say(client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    client_expect(client, "\r\n\r\n");
    harness_wait(&h, &h.requests, 1);
}

Test(http_stream, head_and_events)
{
    _cleanup_client_ struct client client = client_open(h.port);

    client_say(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    client_expect(&client, "HTTP/1.1 200 OK\r\n");
    client_expect(&client,
                  "Cache-Control: no-store\r\nContent-Type: text/event-stream\r\nX-Accel-Buffering: no\r\n");
    client_expect(&client, "Transfer-Encoding: chunked\r\n\r\n");
    client_expect(&client, "d\r\ndata: first\n\n\r\n");
    harness_call(&h, write_text, "data: second\n\n");
    client_expect(&client, "e\r\ndata: second\n\n\r\n");
    cr_assert_eq(client.in.n, 0);
}

Test(http_stream, ended_by_the_owner_the_connection_goes_on)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.requests, 1);
    harness_call(&h, end_stream, NULL);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "data: first\n\n");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    cr_assert_eq(harness_read(&h, &h.gone), 0);
}

Test(http_stream, for_http_1_0_ends_with_the_connection)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "GET /stream HTTP/1.0\r\n\r\n");
    harness_wait(&h, &h.requests, 1);
    harness_call(&h, end_stream, NULL);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "data: first\n\n");
    cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
}

Test(http_stream, for_head_has_no_body)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "HEAD /stream HTTP/1.1\r\n" HOST "\r\n");
    client_read(&client, &reply, true);
    cr_assert_eq(reply.status, 200);
    harness_wait(&h, &h.requests, 1);
    harness_call(&h, end_stream, NULL);
    cr_assert(client_at_end(&client));
}

Test(http_stream, gone_when_the_client_leaves)
{
    struct client client = client_open(h.port);

    open_stream(&client);
    client_close(&client);
    harness_wait(&h, &h.gone, 1);
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.gone), 1);
}

static void fill(struct harness *harness, void *arg)
{
    static char event[65536];
    int *writes = arg;

    memset(event, 'e', sizeof event);
    /* Until the owner is told. It is told by the loop, not from within the write: the stream stays valid
     * here. */
    for (int i = 0; i < 1000; i++, ++*writes) {
        if (!harness->stream)
            return;
        http_stream_write(harness->stream, (struct str){event, sizeof event});
    }
}

Test(http_stream, gone_when_the_backlog_grows_past_its_limit)
{
    _cleanup_client_ struct client client = client_open(h.port);
    int writes = 0;

    open_stream(&client);
    harness_call(&h, fill, &writes);
    cr_assert_eq(writes, 1000);
    harness_wait(&h, &h.gone, 1);
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.gone), 1);
}

static void on_late_gone(void *ctx)
{
    struct harness *harness = ctx;

    harness->stream = NULL;
    pthread_mutex_lock(&harness->lock);
    harness->gone++;
    pthread_cond_broadcast(&harness->changed);
    pthread_mutex_unlock(&harness->lock);
}
static void start_for_held(struct harness *harness, void *arg)
{
    (void)arg;
    harness->stream = http_stream_start(harness->waiting[0], 1000, on_late_gone, harness);
    harness->waiting[0] = NULL;
    http_stream_write(harness->stream, STR("data: x\n\n"));
}

Test(http_stream, started_for_a_client_that_left)
{
    struct client client = client_open(h.port);
    struct linger hard = {.l_onoff = 1};

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&client);
    harness_wait_connections(&h, 0);
    harness_call(&h, start_for_held, NULL);
    harness_wait(&h, &h.gone, 1);
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.gone), 1);
}

static void start_and_end(struct harness *harness, void *arg)
{
    start_for_held(harness, arg);
    end_stream(harness, arg);
}

Test(http_stream, started_for_a_client_that_left_and_ended_at_once)
{
    struct client client = client_open(h.port);
    struct linger hard = {.l_onoff = 1};

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&client);
    harness_wait_connections(&h, 0);
    harness_call(&h, start_and_end, NULL);
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.gone), 0);
}

Test(http_stream, gone_by_drain_with_a_proper_end)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.requests, 1);
    harness_drain(&h);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "data: first\n\n");
    cr_assert(client_at_end(&client));
    client_close(&client);
    harness_wait(&h, &h.gone, 1);
    harness_wait_drained(&h);
    cr_assert_eq(harness_read(&h, &h.gone), 1);
}

Test(http_stream, gone_when_the_server_is_freed)
{
    _cleanup_client_ struct client client = client_open(h.port);

    open_stream(&client);
    harness_free_server(&h);
    harness_wait(&h, &h.gone, 1);
}

Test(http_stream, input_during_a_stream_is_bounded)
{
    _cleanup_client_ struct client client = client_open(h.port);
    static char junk[65536];

    open_stream(&client);
    memset(junk, 'j', sizeof junk);
    for (int i = 0; i < 4; i++)
        client_send(&client, junk, sizeof junk);
    harness_call(&h, write_text, "data: still\n\n");
    client_expect(&client, "data: still\n\n");
}
