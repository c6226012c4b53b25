/* Opening a server, addresses, the error renderer, and that garbage leaves nothing behind. */
#include "base/clock.h"
#include "harness.h"
#include "meridian/errors.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: desk\r\n"

static void no_request(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    http_respond(x, 500, "text/plain", STR(""));
}

Test(http_server, refuses_bad_addresses_and_leaves_no_handle)
{
    static const char *const bad[] = {
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:x",
        "localhost:1",
        ":8080",
        "[::1:80",
        "::1:80",
        "[]:80",
        "256.0.0.1:80",
        "[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23]:1",
    };
    uv_loop_t loop;
    struct http_server *server;
    struct http_options options = {.loop = &loop, .listen_fd = -1, .handler = no_request};

    uv_loop_init(&loop);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        options.address = bad[i];
        cr_expect_eq(http_server_open(&options, &server), -E_CONFIG, "%s", bad[i]);
    }
    options.address = NULL;
    cr_expect_eq(http_server_open(&options, &server), -E_CONFIG);
    options.address = "192.0.2.1:1"; /* not ours */
    cr_expect_eq(http_server_open(&options, &server), -E_IO);
    options.address = "127.0.0.1:0";
    options.tls_cert = "/nonexistent.pem";
    options.tls_key = "/nonexistent.pem";
    cr_expect_eq(http_server_open(&options, &server), -E_CONFIG);
    options.tls_cert = NULL;
    options.listen_fd = dup(0); /* not a socket */
    cr_expect_eq(http_server_open(&options, &server), -E_IO);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_null(http_server_free(NULL));
}

Test(http_server, an_exclusive_address_is_not_shared)
{
    struct harness first = {0}, second = {0};
    struct http_options options = {.exclusive = true}, other = {0};
    struct http_server *server;
    uv_loop_t loop;
    char address[32];

    harness_start(&first, &options);
    snprintf(address, sizeof address, "127.0.0.1:%d", first.port);
    uv_loop_init(&loop);
    other = (struct http_options){.loop = &loop, .address = address, .listen_fd = -1, .handler = no_request};
    for (int exclusive = 0; exclusive < 2; exclusive++) {
        other.exclusive = exclusive;
        cr_assert_eq(http_server_open(&other, &server), -E_IO);
    }
    cr_assert_eq(uv_loop_close(&loop), 0);
    harness_stop(&first);
    options = (struct http_options){.address = address}; /* at once: nothing lingers on the port */
    harness_start(&second, &options);
    harness_stop(&second);
}

Test(http_server, listens_on_ipv6)
{
    struct harness h = {0};
    struct http_options options = {.address = "[::1]:0"};
    struct sockaddr_in6 where = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct client client = {.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct reply reply = {0};

    harness_start(&h, &options);
    where.sin6_port = htons((uint16_t)h.port);
    cr_assert_eq(connect(client.fd, (struct sockaddr *)&where, sizeof where), 0);
    client_say(&client, "GET /show HTTP/1.1\r\n" HOST "\r\n");
    client_read(&client, &reply, false);
    cr_assert(strstr(buf_text(&reply.body), "peer=::1 "));
    client_close(&client);
    reply_fini(&reply);
    harness_stop(&h);
}

static void render(void *ctx, int code, struct buf *ret_body, const char **ret_content_type)
{
    (void)ctx;
    buf_printf(ret_body, "{\"error\":\"%s\"}", error_info(code)->slug);
    *ret_content_type = "application/problem+json";
}

Test(http_server, renders_errors_by_the_callers_taste)
{
    struct harness h = {0};
    struct http_options options = {.render_error = render};
    struct reply reply = {0};

    harness_start(&h, &options);
    fetch(&h, "GET / HTTP/1.1\r\n\r\n", &reply);
    cr_assert_eq(reply.status, 400);
    cr_assert_str_eq(buf_text(&reply.body), "{\"error\":\"bad-request\"}");
    cr_assert_str_eq(reply_header(&reply, "Content-Type"), "application/problem+json");
    cr_assert_str_eq(reply_header(&reply, "X-Content-Type-Options"), "nosniff");
    fetch(&h, "HEAD / HTTP/1.1\r\n\r\n", &reply);
    cr_assert_eq(reply.status, 400);
    reply_fini(&reply);
    harness_stop(&h);
}

Test(http_server, date_follows_the_clock)
{
    struct harness h = {0};
    struct reply reply = {0};

    clock_fake(784111777 * US_PER_S);
    harness_start(&h, NULL);
    fetch(&h, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(reply_header(&reply, "Date"), "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_fake(951782400 * US_PER_S);
    fetch(&h, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &reply);
    cr_assert_str_eq(reply_header(&reply, "Date"), "Tue, 29 Feb 2000 00:00:00 GMT");
    clock_fake(0);
    reply_fini(&reply);
    harness_stop(&h);
}

static int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Deterministic noise that often looks like HTTP. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

Test(http_server, garbage_leaves_no_descriptor)
{
    static const char *const pieces[] = {
        "GET ",
        "/hello",
        " HTTP/1.1\r\n",
        "Host: x\r\n",
        "\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n",
        "POST ",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        ": ",
        "\n",
        "\r",
        "\t",
        "\x80\xff",
        "Expect: 100-continue\r\n",
        "HEAD ",
    };
    struct harness h = {0};
    uint32_t state = 7;
    int before;

    harness_start(&h, NULL);
    before = descriptors();
    for (int i = 0; i < 3000; i++) {
        struct client client = client_open(h.port);
        int n = (int)(next_random(&state) % 12);

        for (int k = 0; k < n; k++)
            client_say(&client, pieces[next_random(&state) % ARRAY_SIZE(pieces)]);
        client_close(&client);
    }
    harness_wait_connections(&h, 0);
    cr_assert_eq(descriptors(), before);
    harness_stop(&h);
}
