/* Leaving without failing anybody. */
#include "harness.h"
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST      "Host: desk\r\n"
#define GET_HELLO "GET /hello HTTP/1.1\r\n" HOST "\r\n"
static struct harness h;

static void set_up(void)
{
    harness_start(&h, NULL);
}
static void tear_down(void)
{
    harness_stop(&h);
}
TestSuite(http_drain, .init = set_up, .fini = tear_down);

static bool refused(int port)
{
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

    r = connect(fd, (struct sockaddr *)&where, sizeof where);
    close(fd);
    return r < 0;
}

Test(http_drain, with_nobody_there)
{
    harness_drain(&h);
    harness_wait_drained(&h);
    cr_assert(refused(h.port));
}

Test(http_drain, answers_what_is_in_flight)
{
    _cleanup_client_ struct client client = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&client, "GET /hold HTTP/1.1\r\n" HOST "\r\n" GET_HELLO);
    harness_wait(&h, &h.held, 1);
    harness_drain(&h);
    harness_answer(&h);
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "held");
    cr_assert_null(reply_header(&reply, "Connection")); /* the next request is here already */
    client_read(&client, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
    cr_assert(client_at_end(&client));
    client_close(&client);
    harness_wait_drained(&h);
}

Test(http_drain, takes_a_last_request_of_an_idle_connection)
{
    _cleanup_client_ struct client used = client_open(h.port), fresh = client_open(h.port),
                                   silent = client_open(h.port);
    _cleanup_reply_ struct reply reply = {0};

    client_say(&used, GET_HELLO);
    client_read(&used, &reply, false);
    harness_wait_connections(&h, 3);
    harness_drain(&h);
    client_say(&used, GET_HELLO);
    client_read(&used, &reply, false);
    cr_assert_eq(reply.status, 200);
    cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
    cr_assert(client_at_end(&used));
    client_say(&fresh, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe");
    harness_wait_connections(&h, 3);
    cr_assert(client_at_end(&silent)); /* its grace is over: nothing was asked, nothing is lost */
    client_say(&fresh, "llo");         /* what had begun is finished */
    client_read(&fresh, &reply, false);
    cr_assert_str_eq(buf_text(&reply.body), "hello");
    client_close(&used);
    client_close(&fresh);
    client_close(&silent);
    harness_wait_drained(&h);
}

/* Connections the kernel has accepted for us but we have not seen yet: the loop is busy while they come. */
static struct client late[20];
static void connect_and_drain(struct harness *harness, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
        late[i] = client_open(harness->port);
        client_say(&late[i], GET_HELLO);
    }
    http_server_drain(harness->server, NULL, NULL);
}

Test(http_drain, accepts_what_the_kernel_has_queued)
{
    _cleanup_reply_ struct reply reply = {0};

    harness_call(&h, connect_and_drain, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(late); i++) {
        client_read(&late[i], &reply, false);
        cr_assert_eq(reply.status, 200, "connection %zu was reset", i);
        cr_assert_str_eq(reply_header(&reply, "Connection"), "close");
        client_close(&late[i]);
    }
}

/* Clients hammer several servers on one port, some over kept connections, some with a new one for each
 * request. The servers leave one after the other, but the last. Not a request may fail. */
struct hammer {
    int port, failed, answered;
    bool fresh, stop;
    pthread_t thread;
};

static void *hammer(void *arg)
{
    struct hammer *me = arg;
    struct client client = {.fd = -1};
    struct reply reply = {0};

    while (!__atomic_load_n(&me->stop, __ATOMIC_ACQUIRE)) {
        if (client.fd < 0)
            client = client_open(me->port);
        client_say(&client, GET_HELLO);
        client_read(&client, &reply, false);
        __atomic_add_fetch(reply.status == 200 ? &me->answered : &me->failed, 1, __ATOMIC_RELEASE);
        if (me->fresh || reply.status != 200 || reply_header(&reply, "Connection"))
            client_close(&client);
    }
    client_close(&client);
    reply_fini(&reply);
    return NULL;
}

Test(http_drain, under_load_fails_nothing)
{
    struct harness servers[4] = {0};
    struct hammer hammers[4] = {0};
    struct http_options options = {0};
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%d", h.port);
    options.address = address;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
        harness_start(&servers[i], &options);
    for (size_t i = 0; i < ARRAY_SIZE(hammers); i++) {
        hammers[i] = (struct hammer){.port = h.port, .fresh = i % 2};
        cr_assert_eq(pthread_create(&hammers[i].thread, NULL, hammer, &hammers[i]), 0);
    }
    for (size_t k = 0; k < ARRAY_SIZE(servers); k++) {
        for (size_t i = 0; i < ARRAY_SIZE(hammers); i++) {
            int from = __atomic_load_n(&hammers[i].answered, __ATOMIC_ACQUIRE);
            while (__atomic_load_n(&hammers[i].answered, __ATOMIC_ACQUIRE) < from + 50)
                sched_yield();
        }
        harness_drain(&servers[k]);
    }
    for (size_t k = 0; k < ARRAY_SIZE(servers); k++)
        harness_wait_drained(&servers[k]);
    for (size_t i = 0; i < ARRAY_SIZE(hammers); i++)
        __atomic_store_n(&hammers[i].stop, true, __ATOMIC_RELEASE);
    for (size_t i = 0; i < ARRAY_SIZE(hammers); i++) {
        pthread_join(hammers[i].thread, NULL);
        cr_expect_eq(hammers[i].failed, 0);
    }
    for (size_t k = 0; k < ARRAY_SIZE(servers); k++)
        harness_stop(&servers[k]);
}

Test(http_drain, leaves_an_inherited_socket_alone)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct harness old = {0}, new = {0};
    struct http_options options = {0};
    _cleanup_reply_ struct reply reply = {0};

    cr_assert(bind(fd, (struct sockaddr *)&where, sizeof where) == 0 && listen(fd, 16) == 0 &&
              getsockname(fd, (struct sockaddr *)&where, &n) == 0);
    options.listen_fd = dup(fd);
    harness_start(&old, &options);
    cr_assert_eq(old.port, ntohs(where.sin_port));
    fetch(&old, GET_HELLO, &reply);
    cr_assert_eq(reply.status, 200);
    harness_drain(&old);
    harness_wait_drained(&old);
    {
        _cleanup_client_ struct client between = client_open(old.port); /* queued, not refused */
        client_say(&between, GET_HELLO);
        options.listen_fd = dup(fd);
        harness_start(&new, &options);
        client_read(&between, &reply, false);
        cr_assert_eq(reply.status, 200);
    }
    harness_stop(&old);
    harness_stop(&new);
    close(fd);
}
