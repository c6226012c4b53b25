/* Requests and answers over a real connection: keep-alive, pipelining, bodies, headers, limits. */
#include "harness.h"
#include "meridian/limits.h"

static struct harness h;

static void set_up(void)
{
    harness_start(&h, NULL);
}
static void tear_down(void)
{
    harness_stop(&h);
}
TestSuite(http, .init = set_up, .fini = tear_down);

#define HOST "Host: desk\r\n"

Test(http, answers_with_the_security_headers)
{
    _cleanup_reply_ struct reply reply = {0};

    fetch(&h, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_eq(reply.status, 200);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    cr_assert_str_eq(reply_header(&reply, "X-Content-Type-Options"), "nosniff");
    cr_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-store");
    cr_assert_str_eq(reply_header(&reply, "Referrer-Policy"), "no-referrer");
    cr_assert_str_eq(reply_header(&reply, "Content-Length"), "5");
    cr_assert_eq(strlen(reply_header(&reply, "Date")), 29);
    cr_assert_null(reply_header(&reply, "Content-Security-Policy"));
    cr_assert_null(reply_header(&reply, "Connection"));

    fetch(&h, "GET /html HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(reply_header(&reply, "Content-Security-Policy"),
                     "default-src 'self'; frame-ancestors 'none'");
    fetch(&h, "GET /own HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(reply_header(&reply, "Cache-Control"), "max-age=5");
    cr_assert_str_eq(reply_header(&reply, "Content-Security-Policy"), "default-src 'none'");
    cr_assert_str_eq(reply_header(&reply, "Referrer-Policy"), "same-origin");
    cr_assert_null(strstr(reply.head.p, "no-store"));
}

Test(http, keeps_the_connection_and_the_order)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    for (int i = 0; i < 50; i++) {
        client_say(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        client_read(&client, &reply, false);
        cr_assert_eq(reply.status, 200);
    }
    /* Three at once, the first answered late: the others wait for it. */
    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" HOST
                        "Content-Length: 3\r\n\r\nabcGET /hello HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    harness_wait(&h, &h.requests, 51);
    cr_assert_eq(harness_read(&h, &h.requests), 51);
    harness_answer(&h);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "held");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "abc");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    cr_assert_eq(harness_read(&h, &h.freed), 1);
}

Test(http, pipelines_thousands_past_the_read_buffer)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};
    _cleanup_buf_ struct buf all = BUF_INIT;

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    for (int i = 0; i < 6000; i++)
        buf_add_text(&all, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_send(&client, all.p, all.n); /* more than `in` takes: reading stops and must go on later */
    harness_answer(&h);
    client_read(&client, &reply, false);
    for (int i = 0; i < 6000; i++) {
        client_read(&client, &reply, false);
        cr_assert_str_eq(buf_text(&reply.body), "hello");
    }
}

Test(http, does_not_parse_on_while_the_client_does_not_read)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};
    int seen;

    for (int i = 0; i < 40; i++)
        client_say(&client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.requests, 1);
    /* The socket buffers hold a few; 40 MiB they do not. */
    client_say(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    seen = harness_read(&h, &h.requests);
    cr_assert_lt(seen, 41);
    for (int i = 0; i < 40; i++) {
        client_read(&client, &reply, false);
        cr_assert_eq(reply.body.n, 1 << 20);
    }
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
}

Test(http, reads_bodies_by_length_and_by_chunks)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};
    _cleanup_buf_ struct buf large = BUF_INIT;

    client_say(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n"
                        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "abc0123456789");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "ok");

    buf_reserve(&large, LIMIT_HTTP_BODY_BYTES);
    memset(large.p, 'x', LIMIT_HTTP_BODY_BYTES);
    large.n = LIMIT_HTTP_BODY_BYTES;
    client_say(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 262144\r\n\r\n");
    client_send(&client, large.p, large.n);
    client_read(&client, &reply, false);
    cr_assert(str_eq(buf_str(&reply.body), buf_str(&large)));
    client_say(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n40000\r\n");
    client_send(&client, large.p, large.n);
    client_say(&client, "\r\n0\r\n\r\n");
    client_read(&client, &reply, false);
    cr_assert(str_eq(buf_str(&reply.body), buf_str(&large)));
}

Test(http, shows_the_request)
{
    _cleanup_reply_ struct reply reply = {0};

    fetch(&h,
          "PATCH /show?a=1&q=a%20b+c%26&q=2 HTTP/1.1\r\nX-Empty:\r\nhOsT: desk:8401\r\nx-TEST: \t one "
          "\r\nX-Test: two\r\n"
          "Cookie: a=b; sid=xyz; sid=2\r\nContent-Length: 4\r\n\r\nbody",
          &reply);
    cr_assert_str_eq(buf_text(&reply.body),
                     "method=PATCH path=/show query=a=1&q=a%20b+c%26&q=2 q=0:a b c& x-test=one sid=xyz "
                     "peer=127.0.0.1 secure=0 received=1 body=body");
    fetch(&h, "DELETE /show HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(buf_text(&reply.body), "method=DELETE path=/show query= q=1: x-test=(none) sid=(none) "
                                            "peer=127.0.0.1 secure=0 received=1 body=");
    fetch(&h, "GET /show?q=%zz HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert(strstr(buf_text(&reply.body), " q=-29: "));
    fetch(&h, "GET /show?q=a%00b HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert(strstr(buf_text(&reply.body), " q=-29: "));
    fetch(&h, "GET /show?%71=1%2 HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert(strstr(buf_text(&reply.body), " q=-29: "));
    fetch(&h, "GET /show?&&%71=yes&x HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert(strstr(buf_text(&reply.body), " q=0:yes "));
}

Test(http, head_and_bodyless_statuses)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /status/204 HTTP/1.1\r\n" HOST
                        "\r\nGET /status/304 HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_read(&client, &reply, true);
    cr_assert_str_eq(reply_header(&reply, "Content-Length"), "5");
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 204);
    cr_assert_null(reply_header(&reply, "Content-Length"));
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 304);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello"); /* nothing slipped in between */
}

Test(http, closes_when_told_and_for_http_1_0)
{
    _cleanup_reply_ struct reply reply = {0};
    static const char *const closing[] = {
        "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n",
        "GET /hello HTTP/1.0\r\n\r\n",
        "GET /hello HTTP/1.0\r\n" HOST "\r\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(closing); i++) {
        _cleanup_client_ struct client client = client_open(h.port);
        client_say(&client, closing[i]);
        client_read(&client, &reply, false);
        cr_assert_eq(reply.status, 200);
        cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
        cr_assert(client_at_end(&client));
    }
    {
        _cleanup_client_ struct client client = client_open(h.port);
        for (int i = 0; i < 2; i++) {
            client_say(&client, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
            client_read(&client, &reply, false);
            cr_assert_str_eq(reply_header(&reply, "Connection"), "keep-alive");
        }
    }
    harness_wait_connections(&h, 0);
}

Test(http, invites_the_body)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    client_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(&client, "abc");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "abc");
    /* Too large is said before the body is sent, and instead of the invitation. */
    client_say(&client,
               "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 262145\r\n\r\n");
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 413);
    cr_assert(client_at_end(&client));
}

Test(http, refuses_large_bodies_and_still_delivers_the_answer)
{
    static char junk[4096];
    static const char *const heads[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 262145\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n40001\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n",
    };

    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        _cleanup_client_ struct client client = client_open(h.port);
        _cleanup_reply_ struct reply reply = {0};

        client_say(&client, heads[i]);
        for (int k = 0; k < 200; k++) /* a client that sends first and reads later */
            client_send(&client, junk, sizeof junk);
        client_read(&client, &reply, false);
        cr_assert_eq(reply.status, 413);
        cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
    }
    cr_assert_eq(harness_read(&h, &h.requests), 0);
}

Test(http, chunks_within_size_but_too_large_together)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};
    static char chunk[0x10000];

    client_say(&client, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        client_say(&client, "10000\r\n");
        client_send(&client, chunk, sizeof chunk);
        client_say(&client, "\r\n");
    }
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 413);
}

Test(http, answers_a_client_that_has_shut_down_its_side)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    shutdown(client.fd, SHUT_WR);
    harness_wait(&h, &h.held, 1);
    harness_answer(&h);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "held");
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    cr_assert(client_at_end(&client));
    harness_wait_connections(&h, 0);
}

Test(http, keeps_the_exchange_of_a_client_that_left)
{
    struct client client = client_open(h.port);
    struct linger hard = {.l_onoff = 1};

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "X-Test: mine\r\n\r\n");
    harness_wait(&h, &h.held, 1);
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    client_close(&client);
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.freed), 0);
    harness_answer(&h);
    cr_assert_eq(harness_read(&h, &h.freed), 1);
}

Test(http, freed_server_leaves_open_exchanges_usable)
{
    _cleanup_client_ struct client client = client_open(h.port);

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    harness_free_server(&h);
    cr_assert(client_at_end(&client));
    harness_answer(&h);
    cr_assert_eq(harness_read(&h, &h.freed), 1);
}

static void answer_badly(struct harness *harness, void *arg)
{
    (void)arg;
    http_add_header(harness->waiting[0], "Location", "/a\r\nSet-Cookie: x=y");
}

Test(http, a_line_break_in_a_response_header_ends_the_process, .signal = SIGABRT)
{
    struct client client = client_open(h.port);

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    harness_call(&h, answer_badly, NULL);
}

Test(http, refuses_more_connections_than_allowed)
{
    struct harness small = {0};
    struct http_options options = {.max_connections = 2};
    _cleanup_reply_ struct reply reply = {0};

    harness_start(&small, &options);
    {
        _cleanup_client_ struct client a = client_open(small.port), b = client_open(small.port);
        harness_wait_connections(&small, 2);
        _cleanup_client_ struct client c = client_open(small.port);
        cr_assert(client_at_end(&c));
        client_say(&b, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        client_read(&b, &reply, false);
        cr_assert_eq(reply.status, 200);
    }
    harness_wait_connections(&small, 0);
    fetch(&small, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_eq(reply.status, 200);
    harness_stop(&small);
}
