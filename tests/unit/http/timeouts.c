/* Clients that are slow, on purpose or not. The deadlines are short; the tests wait for what happens, not for
 * a time. */
#include "harness.h"

#define HOST "Host: desk\r\n"
static struct harness h;

static void set_up(void)
{
    struct http_options options = {.header_timeout_us = 80000,
                                   .body_timeout_us = 80000,
                                   .idle_timeout_us = 120000,
                                   .write_timeout_us = 100000};

    harness_start(&h, &options);
}
static void tear_down(void)
{
    harness_stop(&h);
}
TestSuite(http_timeouts, .init = set_up, .fini = tear_down);

static void expect_timeout(const char *bytes)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, bytes);
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 408);
    cr_assert(client_at_end(&client));
}

Test(http_timeouts, of_the_head)
{
    expect_timeout("GET /hello HTTP/1.1\r\nHo");
    expect_timeout("G");
    expect_timeout("\r\n");
}

Test(http_timeouts, of_the_body)
{
    expect_timeout("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    expect_timeout("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nab");
}

/* A byte now and then does not buy time. */
Test(http_timeouts, of_a_trickling_head)
{
    _cleanup_client_ struct client client = client_open(h.port);
    struct timeval brief = {.tv_usec = 5000};
    char byte = 0;
    int sent = 0;

    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    client_say(&client, "GET /hello HTTP/1.1\r\nX: ");
    while (recv(client.fd, &byte, 1, 0) < 0) { /* the wait for an answer is what spaces the bytes */
        client_say(&client, "x");
        cr_assert_lt(++sent, 4000);
    }
    cr_assert_eq(byte, 'H'); /* of HTTP/1.1 408 */
}

Test(http_timeouts, of_idleness_and_silence)
{
    _cleanup_client_ struct client silent = client_open(h.port), idle = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_read(&idle, &reply, false);
    cr_assert(client_at_end(&silent)); /* no 408: nothing was asked */
    cr_assert(client_at_end(&idle));
    harness_wait_connections(&h, 0);
}

Test(http_timeouts, none_while_the_handler_works)
{
    _cleanup_client_ struct client busy = client_open(h.port), other = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.held, 1);
    cr_assert(client_at_end(&other)); /* the idle deadline of a later one has passed */
    harness_answer(&h);
    client_read(&busy, &reply, false);
    cr_assert_eq(reply.status, 200);
}

Test(http_timeouts, of_a_client_that_does_not_read)
{
    _cleanup_client_ struct client client = client_open(h.port);

    for (int i = 0; i < 40; i++)
        client_say(&client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    harness_wait(&h, &h.requests, 1);
    harness_wait_connections(&h, 0);
}

/* The clock of this test is a second server's idle timeout, several of which are one write timeout of ours.
 */
Test(http_timeouts, but_not_of_one_that_reads_slowly)
{
    struct harness slow = {0};
    struct http_options options = {.write_timeout_us = 5000000, .idle_timeout_us = 600000};
    _cleanup_client_ struct client client = {.fd = -1};
    enum { ROUNDS = 10, ROUND_BYTES = 4 << 20 };
    static char bytes[65536];

    harness_start(&slow, &options);
    client = client_open(slow.port);
    for (int i = 0; i < ROUNDS * 4 + 2; i++) /* a round may read a little more */
        client_say(&client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    for (int round = 0; round < ROUNDS; round++) {
        _cleanup_client_ struct client tick = client_open(slow.port);

        cr_assert(client_at_end(&tick));
        for (size_t got = 0; got < ROUND_BYTES;) {
            ssize_t n = recv(client.fd, bytes, sizeof bytes, 0);
            cr_assert_gt(n, 0, "cut in round %d", round);
            got += (size_t)n;
        }
    }
    harness_stop(&slow);
}

Test(http_timeouts, of_a_client_that_lingers_after_a_refusal)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "BAD\r\n\r\n");
    client_read(&client, &reply, false);
    cr_assert_eq(reply.status, 400);
    /* It keeps its side open; the server lets go of it anyway. */
    harness_wait_connections(&h, 0);
}
