/* Requests that two parsers might read differently. Each is refused or means one thing, however the bytes are
 * cut, and nothing that follows a refused request is ever taken for another one. */
#include "base/memory.h"
#include "harness.h"
#include <sched.h>

#define HOST "Host: desk\r\n"
#define NEXT "GET /hello?smuggled HTTP/1.1\r\n" HOST "\r\n"

static const struct attack {
    const char *name, *bytes;
    size_t n;
    int status;
} attacks[] = {
#define A(name, status, bytes)                                                                               \
    {                                                                                                        \
        name, bytes, sizeof(bytes) - 1, status                                                               \
    }
    /* line ends and folding */
    A("CR-only split", 400, "GET / HTTP/1.1\r\n" HOST "X-A:\rTransfer-Encoding: chunked\r\n\r\n" NEXT),
    A("CR-only line end", 400, "GET / HTTP/1.1\r" HOST "\r\r" NEXT),
    A("LF-only lines", 400, "GET / HTTP/1.1\nHost: desk\n\n" NEXT),
    A("LF-only request line", 400, "GET / HTTP/1.1\n" HOST "\r\n" NEXT),
    A("LF-only last line", 400, "GET / HTTP/1.1\r\n" HOST "\n" NEXT),
    A("CR CR LF", 400, "GET / HTTP/1.1\r\n" HOST "X: y\r\r\n\r\n" NEXT),
    A("obs-fold with space", 400, "GET / HTTP/1.1\r\n" HOST "X-A: b\r\n c\r\n\r\n" NEXT),
    A("obs-fold with tab", 400, "GET / HTTP/1.1\r\n" HOST "X-A: b\r\n\tc\r\n\r\n" NEXT),
    A("obs-fold hides Transfer-Encoding", 400,
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
    A("obs-fold of an empty value", 400,
      "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" NEXT),
    A("space before the first field", 400, "POST / HTTP/1.1\r\n Content-Length: 5\r\n" HOST "\r\nhello" NEXT),
    A("tab before the first field", 400, "POST / HTTP/1.1\r\n\tHost: desk\r\n\r\n" NEXT),
    A("line of one space ends nothing", 400, "GET / HTTP/1.1\r\n" HOST " \r\n\r\n" NEXT),
    /* length */
    A("Content-Length and chunked", 400,
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
    A("chunked and Content-Length", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" NEXT),
    A("two different Content-Length", 400,
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" NEXT),
    A("two equal Content-Length", 400,
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" NEXT),
    A("Content-Length list", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello" NEXT),
    A("Content-Length with plus", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc" NEXT),
    A("negative Content-Length", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc" NEXT),
    A("hexadecimal Content-Length", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc" NEXT),
    A("empty Content-Length", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabc" NEXT),
    A("Content-Length in two parts", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\nabc" NEXT),
    A("Content-Length past 64 bits", 400,
      "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551619\r\n\r\nabc" NEXT),
    A("Content-Length with exponent", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length: 3e0\r\n\r\nabc" NEXT),
    A("space before the colon", 400, "POST / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc" NEXT),
    A("space before the colon of Transfer-Encoding", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" NEXT),
    /* transfer coding */
    A("chunked is not last", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" NEXT),
    A("unknown coding", 400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" NEXT),
    A("identity", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc" NEXT),
    A("gzip, chunked", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" NEXT),
    A("chunked twice in a list", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" NEXT),
    A("two Transfer-Encoding", 400,
      "POST / HTTP/1.1\r\n" HOST
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" NEXT),
    A("vertical tab before chunked", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" NEXT),
    A("quoted chunked", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" NEXT),
    A("empty Transfer-Encoding", 400, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n" NEXT),
    A("chunked in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" NEXT),
    /* chunks */
    A("chunk size overflow", 400,
      "POST / HTTP/1.1\r\n" HOST
      "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n" NEXT),
    A("chunk size with plus", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n" NEXT),
    A("chunk size with 0x", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" NEXT),
    A("negative chunk size", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n" NEXT),
    A("no chunk size", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n" NEXT),
    A("space before the chunk size", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n" NEXT),
    A("LF-only after the chunk size", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n" NEXT),
    A("bad chunk terminator", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n" NEXT),
    A("LF-only chunk terminator", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n" NEXT),
    A("no chunk terminator", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n" NEXT),
    A("CR in a chunk extension", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n" NEXT),
    A("LF in a chunk extension", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n" NEXT),
    A("trailer", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n" NEXT),
    A("LF-only end of chunks", 400,
      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\n" NEXT),
    /* bytes that do not belong */
    A("NUL in a value", 400, "GET / HTTP/1.1\r\n" HOST "X-A: b\0c\r\n\r\n" NEXT),
    A("NUL in a name", 400, "GET / HTTP/1.1\r\n" HOST "X\0A: b\r\n\r\n" NEXT),
    A("NUL in the target", 400, "GET /\0 HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("control character in the target", 400, "GET /\x01 HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("tab in the request line", 400, "GET\t/ HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("CR in the request line", 400, "GET /\rX HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("byte above 127 in the target", 400, "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("DEL in a value", 400, "GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n" NEXT),
    A("name with a parenthesis", 400, "GET / HTTP/1.1\r\n" HOST "X(: y\r\n\r\n" NEXT),
    A("field without colon", 400, "GET / HTTP/1.1\r\n" HOST "X-A\r\n\r\n" NEXT),
    A("field without name", 400, "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n" NEXT),
    /* addressee */
    A("no Host", 400, "GET / HTTP/1.1\r\n\r\n" NEXT),
    A("two Host", 400, "GET / HTTP/1.1\r\n" HOST "Host: other\r\n\r\n" NEXT),
    A("two equal Host", 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n" NEXT),
    A("two Host in HTTP/1.0", 400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n" NEXT),
    A("empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n" NEXT),
    A("Host with a path", 400, "GET / HTTP/1.1\r\nHost: desk/x\r\n\r\n" NEXT),
    A("Host with a user", 400, "GET / HTTP/1.1\r\nHost: a@desk\r\n\r\n" NEXT),
    A("Host list", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n" NEXT),
    A("absolute form for another host", 400, "GET http://other/hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("absolute form with a user", 400, "GET http://desk@other/hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("absolute form without path", 400, "GET http://desk HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("absolute form of another scheme", 400, "GET ftp://desk/ HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("authority form", 400, "CONNECT desk:443 HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("asterisk for GET", 400, "GET * HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("relative target", 400, "GET hello HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("fragment", 400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n" NEXT),
    /* request line */
    A("HTTP/0.9", 400, "GET /\r\n\r\n" NEXT),
    A("HTTP/0.9 by name", 400, "GET / HTTP/0.9\r\n" HOST "\r\n" NEXT),
    A("HTTP/2.0", 400, "GET / HTTP/2.0\r\n" HOST "\r\n" NEXT),
    A("HTTP/1.2", 400, "GET / HTTP/1.2\r\n" HOST "\r\n" NEXT),
    A("HTTP/1.10", 400, "GET / HTTP/1.10\r\n" HOST "\r\n" NEXT),
    A("lower-case protocol", 400, "GET / http/1.1\r\n" HOST "\r\n" NEXT),
    A("HTTP/2 preface", 400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" NEXT),
    A("unknown method", 400, "GOT / HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("lower-case method", 400, "get / HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("space before the method", 400, " GET / HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("two spaces in the request line", 400, "GET /  HTTP/1.1\r\n" HOST "\r\n" NEXT),
    A("space after the version", 400, "GET / HTTP/1.1 \r\n" HOST "\r\n" NEXT),
    A("TLS on a plain port", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    A("unknown expectation", 400,
      "POST / HTTP/1.1\r\n" HOST "Expect: 200-maybe\r\nContent-Length: 3\r\n\r\nabc" NEXT),
#undef A
};

static const struct attack meant[] = {
#define A(name, bytes)                                                                                       \
    {                                                                                                        \
        name, bytes, sizeof(bytes) - 1, 200                                                                  \
    }
    A("plain", "GET /hello HTTP/1.1\r\n" HOST "\r\n"),
    A("empty lines before", "\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n"),
    A("absolute form", "GET http://Desk/hello HTTP/1.1\r\n" HOST "\r\n"),
    A("absolute form over TLS's name", "GET https://desk:8401/hello?q HTTP/1.1\r\nHost: desk:8401\r\n\r\n"),
    A("Host of an IPv6 address", "GET /hello HTTP/1.1\r\nHost: [::1]:8401\r\n\r\n"),
    A("no space after the colon", "GET /hello HTTP/1.1\r\nHost:desk\r\n\r\n"),
    A("spaces around a value", "POST /hello HTTP/1.1\r\n" HOST "Content-Length: \t 3 \r\n\r\nabc"),
    A("chunked in capitals",
      "POST /hello HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n"),
    A("bytes above 127 in a value", "GET /hello HTTP/1.1\r\n" HOST "X-A: caf\xe9\r\n\r\n"),
    A("upgrade that is not taken",
      "GET /hello HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    A("body of a GET",
      "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n"),
    A("length zero", "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 000\r\n\r\n"),
    A("chunk size with zeros",
      "POST /hello HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n000\r\n\r\n"),
#undef A
};

static struct harness h;

static void set_up(void)
{
    harness_start(&h, NULL);
}
static void tear_down(void)
{
    harness_stop(&h);
}
TestSuite(smuggling, .init = set_up, .fini = tear_down);

/* Sends whole, in two parts, or byte by byte. The server may close in the middle. */
static void deliver(struct client *client, const struct attack *attack, int way)
{
    size_t step = way == 0 ? attack->n : way == 1 ? attack->n / 2 + 1 : 1;

    for (size_t at = 0; at < attack->n; at += step) {
        client_send(client, attack->bytes + at, at + step > attack->n ? attack->n - at : step);
        if (way)
            sched_yield();
    }
}

Test(smuggling, refused_however_the_bytes_come)
{
    for (int way = 0; way < 3; way++)
        for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
            _cleanup_client_ struct client client = client_open(h.port);
            _cleanup_reply_ struct reply reply = {0};

            deliver(&client, &attacks[i], way);
            client_read(&client, &reply, false);
            cr_expect_eq(reply.status, attacks[i].status, "%s: %d", attacks[i].name, reply.status);
            cr_expect(client_at_end(&client), "%s: more after the refusal", attacks[i].name);
            cr_expect_eq(harness_read(&h, &h.requests), 0, "%s: reached the handler", attacks[i].name);
            h.requests = 0;
        }
    harness_wait_connections(&h, 0);
}

Test(smuggling, accepted_however_the_bytes_come)
{
    for (int way = 0; way < 3; way++)
        for (size_t i = 0; i < ARRAY_SIZE(meant); i++) {
            _cleanup_client_ struct client client = client_open(h.port);
            _cleanup_reply_ struct reply reply = {0};

            deliver(&client, &meant[i], way);
            client_say(&client, "GET /hello?next HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
            for (int k = 0; k < 2; k++) {
                client_read(&client, &reply, false);
                cr_expect_eq(reply.status, 200, "%s: %d", meant[i].name, reply.status);
                cr_expect_str_eq(buf_text(&reply.body), "hello");
            }
            cr_expect(client_at_end(&client), "%s: a third answer", meant[i].name);
        }
}

Test(smuggling, options_for_the_server_as_a_whole)
{
    _cleanup_reply_ struct reply reply = {0};

    fetch(&h, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_eq(reply.status, 404); /* it is the handler's to answer */
}

static int status_of(struct buf *request)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_send(&client, request->p, request->n);
    client_read(&client, &reply, false);
    if (reply.status != 200)
        cr_expect(client_at_end(&client));
    return reply.status;
}

static void add_many(struct buf *buf, char c, size_t n)
{
    while (n--)
        buf_add_char(buf, c);
}

Test(smuggling, limits_of_the_head)
{
    static const struct {
        size_t target, value;
        int fields, status;
    } cases[] = {
        {8192, 0, 0, 200},    {8193, 0, 0, 414},   {60000, 0, 0, 414}, {10, 16000, 1, 200},
        {10, 20000, 1, 431},  {10, 65536, 1, 431}, {10, 100, 99, 200}, {10, 1, 100, 431},
        {8000, 8500, 1, 431}, {10, 200, 90, 431},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf request = BUF_INIT;

        buf_add_text(&request, "GET /hello?");
        add_many(&request, 'a', cases[i].target > 7 ? cases[i].target - 7 : 0);
        buf_add_text(&request, " HTTP/1.1\r\n" HOST);
        for (int k = 0; k < cases[i].fields; k++) {
            buf_add_text(&request, "X: ");
            add_many(&request, 'v', cases[i].value);
            buf_add_text(&request, "\r\n");
        }
        buf_add_text(&request, "\r\n");
        cr_expect_eq(status_of(&request), cases[i].status, "case %zu: %d", i, cases[i].status);
    }
}

Test(smuggling, framing_that_outweighs_the_body)
{
    _cleanup_buf_ struct buf flood = BUF_INIT, many = BUF_INIT, zeros = BUF_INIT, fine = BUF_INIT;
    const char *head = "POST /hello HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";

    buf_add_text(&flood, head);
    buf_add_text(&flood, "5;");
    add_many(&flood, 'x', 100000);
    cr_expect_eq(status_of(&flood), 400);

    buf_add_text(&many, head);
    for (int i = 0; i < 2000; i++)
        buf_add_text(&many, "1;extension=value\r\na\r\n");
    cr_expect_eq(status_of(&many), 400);

    buf_add_text(&zeros, head);
    add_many(&zeros, '0', 100000);
    cr_expect_eq(status_of(&zeros), 400);

    buf_add_text(&fine, head);
    for (int i = 0; i < 20000; i++)
        buf_add_text(&fine, "1\r\na\r\n");
    buf_add_text(&fine, "0\r\n\r\n");
    cr_expect_eq(status_of(&fine), 200);
}
