/* The budget of all clients: bytes of bodies, connections of one address. */
#include "harness.h"

#define HOST "Host: desk\r\n"
enum { BODY = 100000, PART = 80000 };

static struct harness h;
static struct http_budget *budget;

static void start(size_t max_bytes, int max_per_peer)
{
    budget = http_budget_new(max_bytes, max_per_peer);
    harness_start(&h, &(struct http_options){.budget = budget});
}

static void stop(void)
{
    harness_stop(&h);
    budget = http_budget_free(budget);
}

static void read_bytes(struct harness *harness, void *arg)
{
    (void)harness;
    *(size_t *)arg = http_budget_bytes(budget);
}

static void wait_for_bytes(size_t wanted)
{
    size_t bytes = wanted + 1;

    while (bytes != wanted)
        harness_call(&h, read_bytes, &bytes);
}

static void send_part(struct client *client)
{
    static char bytes[PART];

    memset(bytes, 'x', sizeof bytes);
    client_say(client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    client_send(client, bytes, sizeof bytes);
}

static void send_rest(struct client *client)
{
    static char bytes[BODY - PART];

    memset(bytes, 'x', sizeof bytes);
    client_send(client, bytes, sizeof bytes);
}

Test(http_budget, bodies_beyond_it_are_refused_and_the_others_go_on)
{
    start(PART + 1000, 0);
    {
        _cleanup_client_ struct client one = client_open(h.port), other = client_open(h.port);
        _cleanup_reply_ struct reply reply = {0}, refused = {0};

        send_part(&one);
        wait_for_bytes(PART);
        send_part(&other);
        client_read(&other, &refused, false);
        cr_assert_eq(refused.status, 503);
        cr_assert_str_eq(reply_header(&refused, "Retry-After"), "1");
        cr_assert_str_eq(reply_header(&refused, "Connection"), "close");
        wait_for_bytes(PART);
        send_rest(&one);
        client_read(&one, &reply, false);
        cr_assert_eq(reply.status, 200);
        cr_assert_eq(reply.body.n, BODY);
        wait_for_bytes(0);
    }
    stop();
}

Test(http_budget, what_was_answered_is_given_back)
{
    start(BODY + PART, 0);
    for (int i = 0; i < 5; i++) {
        _cleanup_client_ struct client client = client_open(h.port);
        _cleanup_reply_ struct reply reply = {0};

        send_part(&client);
        if (i == 3)
            continue; /* leaves in the middle */
        send_rest(&client);
        client_read(&client, &reply, false);
        cr_assert_eq(reply.status, 200);
        cr_assert_eq(reply.body.n, BODY);
    }
    wait_for_bytes(0);
    stop();
}

Test(http_budget, connections_of_one_address)
{
    start(0, 2);
    {
        struct client first = client_open(h.port);
        _cleanup_client_ struct client second = client_open(h.port), third, fourth;
        _cleanup_reply_ struct reply reply = {0};

        harness_wait_connections(&h, 2);
        third = client_open(h.port);
        cr_assert(client_at_end(&third));
        client_say(&second, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        client_read(&second, &reply, false);
        cr_assert_eq(reply.status, 200, "the others are not disturbed");
        client_close(&first);
        harness_wait_connections(&h, 1);
        fourth = client_open(h.port);
        reply_fini(&reply);
        reply = (struct reply){0};
        client_say(&fourth, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        client_read(&fourth, &reply, false);
        cr_assert_eq(reply.status, 200);
    }
    stop();
}
