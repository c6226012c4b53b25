/* Requests and answers between buses of one process. */
#include "rig.h"
#include <stdio.h>

static void ask_and_answer(const char *scheme, const struct cert_files *files)
{
    const char *url = rig_url(scheme);
    struct bus *home = rig_bus_tls(files), *away = rig_bus_tls(files);
    struct rig_server server = {0};
    struct rig_call call;

    rig_serve(&server, home, "eu", url, 2);
    struct bus_client *client = rig_dial(away, url);
    cr_assert_not(bus_connected(client));
    rig_call(client, &call, 5000, 5000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    cr_assert_str_eq(call.detail, "eu/");
    cr_assert(bus_connected(client));
    cr_assert_eq(server.handled, 1);
    cr_assert_eq(bus_serving(home), 0);
    rig_end(home, away, NULL);
}

Test(calls, inproc)
{
    ask_and_answer("inproc", NULL);
}

Test(calls, tcp)
{
    ask_and_answer("tcp", NULL);
}

Test(calls, tls)
{
    struct cert_files files = cert_service("test");
    ask_and_answer("tls+tcp", &files);
}

/* A promotion that one answer told of rides on whatever is asked afterwards, and never goes back. */
Test(calls, carry_the_highest_epoch)
{
    static const uint64_t answered[] = {0, 7, 5, 9}, carried[] = {0, 0, 7, 7};
    const char *url = rig_url("inproc");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {0};
    struct rig_call call;

    rig_serve(&server, home, "eu", url, 2);
    struct bus_client *client = rig_dial(away, url);
    for (size_t i = 0; i < ARRAY_SIZE(answered); i++) {
        server.epoch = answered[i];
        rig_call(client, &call, 5000, 5000);
        RUN_UNTIL(call.ended);
        cr_expect_eq(server.told_epoch, carried[i], "call %zu carried %llu", i,
                     (unsigned long long)server.told_epoch);
    }
    rig_end(home, away, NULL);
}

/* ---- many ---- */
enum { CLIENTS = 32, CALLS_EACH = 250, PIPELINE = 8 };

struct caller {
    struct bus_client *client;
    int number, made, answered;
};
static int callers_done;

static void caller_make(struct caller *caller);

static void on_caller_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct caller *caller = ctx;

    cr_assert_eq(status, 0);
    cr_assert_not_null(reply->detail);
    if (++caller->answered == CALLS_EACH)
        callers_done++;
    caller_make(caller);
}

static void caller_make(struct caller *caller)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    if (caller->made == CALLS_EACH)
        return;
    caller->made++;
    bus_call(caller->client, &request, 20000000, 20000000, on_caller_reply, caller);
}

static void many(const char *scheme, const struct cert_files *files)
{
    const char *url = rig_url(scheme);
    struct bus *home = rig_bus_tls(files), *away = rig_bus_tls(files);
    struct rig_server server = {0};
    struct caller callers[CLIENTS] = {0};

    callers_done = 0;
    rig_serve(&server, home, "eu", url, 16);
    for (int i = 0; i < CLIENTS; i++) {
        callers[i].client = rig_dial(away, url);
        for (int j = 0; j < PIPELINE; j++)
            caller_make(&callers[i]);
    }
    RUN_UNTIL(callers_done == CLIENTS);
    cr_assert_eq(server.handled, CLIENTS * CALLS_EACH);
    rig_end(home, away, NULL);
}

Test(calls, many_clients_lose_nothing_tcp, .timeout = 60)
{
    many("tcp", NULL);
}

Test(calls, many_clients_lose_nothing_tls, .timeout = 60)
{
    struct cert_files files = cert_service("test");
    many("tls+tcp", &files);
}

Test(calls, answers_out_of_order_reach_their_callers)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {.hold = true};
    struct rig_call calls[8] = {0};

    rig_serve(&server, home, "eu", url, 8);
    struct bus_client *client = rig_dial(away, url);
    for (int i = 0; i < 8; i++) {
        Meridian__Request request = MERIDIAN__REQUEST__INIT;
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        request.trace_id = name;
        bus_call(client, &request, 10000000, 10000000, on_rig_reply, &calls[i]);
    }
    RUN_UNTIL(server.nheld == 8);
    cr_assert_eq(bus_serving(home), 8);
    for (int i = 7; i >= 0; i--)
        rig_answer(&server, i);
    cr_assert_eq(bus_serving(home), 0);
    for (int i = 0; i < 8; i++) {
        char expected[16];
        RUN_UNTIL(calls[i].ended);
        snprintf(expected, sizeof expected, "eu/%d", i);
        cr_assert_str_eq(calls[i].detail, expected);
    }
    rig_end(home, away, NULL);
}

Test(calls, at_most_256_are_outstanding_and_the_rest_waits)
{
    const char *url = rig_url("inproc");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {.hold = true};
    static struct rig_call calls[300];

    rig_serve(&server, home, "eu", url, 300);
    struct bus_client *client = rig_dial(away, url);
    for (int i = 0; i < 300; i++)
        rig_call(client, &calls[i], 20000, 20000);
    RUN_UNTIL(server.nheld == LIMIT_BUS_OUTSTANDING);
    rig_run_ms(100);
    cr_assert_eq(server.nheld, LIMIT_BUS_OUTSTANDING);
    server.hold = false;
    for (int i = 0; i < LIMIT_BUS_OUTSTANDING; i++)
        rig_answer(&server, i);
    for (int i = 0; i < 300; i++) {
        RUN_UNTIL(calls[i].ended);
        cr_assert_eq(calls[i].status, 0);
    }
    cr_assert_eq(server.handled, 300);
    rig_end(home, away, NULL);
}

Test(calls, the_queue_is_bounded)
{
    struct bus *away = rig_bus();
    struct bus_client *client = rig_dial(away, rig_url("tcp"));
    static struct rig_call calls[4097];

    for (int i = 0; i < 4097; i++)
        rig_call(client, &calls[i], 1000, 60000);
    RUN_UNTIL(calls[4096].ended);
    cr_assert_eq(calls[4096].status, -E_UNAVAILABLE);
    cr_assert_not(calls[4095].ended);
    bus_close(away);
    for (int i = 0; i < 4096; i++)
        cr_assert(calls[i].ended && calls[i].status == -E_UNAVAILABLE);
    rig_end(NULL, NULL, NULL);
}

/* ---- time ---- */
Test(calls, without_a_connection_and_time_it_fails_at_once)
{
    struct bus *away = rig_bus();
    struct bus_client *client = rig_dial(away, rig_url("tcp"));
    struct rig_call call;

    uint64_t before = uv_hrtime();
    rig_call(client, &call, 10000, 0);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_UNAVAILABLE);
    cr_assert_lt(uv_hrtime() - before, 1000000000u);
    rig_end(away, NULL, NULL);
}

Test(calls, without_a_connection_it_waits_for_one)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct bus_client *client = rig_dial(away, url);
    struct rig_server server = {0};
    struct rig_call call, hopeless;

    rig_call(client, &hopeless, 1000, 60);
    rig_call(client, &call, 1000, 20000);
    RUN_UNTIL(hopeless.ended);
    cr_assert_eq(hopeless.status, -E_UNAVAILABLE, "nothing had left");
    cr_assert_not(call.ended);
    rig_serve(&server, home, "eu", url, 1);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    rig_end(home, away, NULL);
}

Test(calls, silence_is_a_timeout_and_repeats_carry_the_same_id)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {.hold = true};
    struct rig_call call;

    rig_serve(&server, home, "eu", url, 16);
    struct bus_client *client = rig_dial(away, url);
    RUN_UNTIL(bus_connected(client));
    rig_call(client, &call, 100, 0);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_TIMEOUT);
    cr_assert_eq(server.handled, 1, "a total of 0 is one attempt");
    rig_call(client, &call, 100, 350);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_TIMEOUT);
    RUN_UNTIL(server.handled >= 4);
    for (int i = 2; i < server.handled; i++)
        cr_assert_arr_eq(server.ids[i], server.ids[1], 16);
    cr_assert_arr_neq(server.ids[0], server.ids[1], 16);
    for (int i = 0; i < server.nheld; i++)
        rig_answer(&server, i); /* nobody waits for these any more */
    server.hold = false;
    rig_call(client, &call, 5000, 5000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    rig_end(home, away, NULL);
}

/* ---- size ---- */
static void on_huge_request(void *ctx, struct bus_request *request)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    char *text = mem_alloc(LIMIT_BUS_MESSAGE_BYTES + 1);

    (void)ctx;
    memset(text, 'x', LIMIT_BUS_MESSAGE_BYTES);
    reply.detail = text;
    bus_answer(request, &reply);
    free(text);
}

static void huge(const char *scheme, const struct cert_files *files)
{
    const char *url = rig_url(scheme);
    struct bus *home = rig_bus_tls(files), *away = rig_bus_tls(files);
    struct rig_call call = {0};
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    char *text = mem_alloc(LIMIT_BUS_MESSAGE_BYTES + 1);

    cr_assert_eq(bus_serve(home, url, any_service, 1, on_huge_request, NULL), 0);
    struct bus_client *client = rig_dial(away, url);
    memset(text, 'x', LIMIT_BUS_MESSAGE_BYTES);
    request.trace_id = text;
    bus_call(client, &request, 5000000, 5000000, on_rig_reply, &call);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_TOO_LARGE, "a request over the limit does not leave");
    text[LIMIT_BUS_MESSAGE_BYTES - 100] = 0;
    call = (struct rig_call){0};
    bus_call(client, &request, 10000000, 10000000, on_rig_reply, &call);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0, "one just under it does");
    cr_assert_eq(call.reply_status, E_TOO_LARGE, "and an answer over it becomes a refusal");
    free(text);
    rig_end(home, away, NULL);
}

Test(calls, the_limit_of_a_message_tcp)
{
    huge("tcp", NULL);
}

Test(calls, the_limit_of_a_message_tls)
{
    struct cert_files files = cert_service("test");
    huge("tls+tcp", &files);
}

/* ---- the end ---- */
Test(calls, closing_ends_what_is_pending)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus(), *away = rig_bus();
    struct rig_server server = {.hold = true};
    struct rig_call sent, waiting;

    rig_serve(&server, home, "eu", url, 2);
    struct bus_client *client = rig_dial(away, url), *nobody = rig_dial(away, rig_url("tcp"));
    rig_call(client, &sent, 20000, 20000);
    rig_call(nobody, &waiting, 20000, 20000);
    RUN_UNTIL(server.nheld == 1);
    bus_close(away);
    cr_assert(sent.ended && sent.status == -E_UNAVAILABLE);
    cr_assert(waiting.ended && waiting.status == -E_UNAVAILABLE);
    bus_close(home);
    rig_answer(&server, 0); /* the request outlives the bus */
    rig_end(NULL, NULL, NULL);
}

static void on_reply_call_again(void *ctx, int status, const Meridian__Reply *reply)
{
    struct rig_call *again = ((void **)ctx)[1];

    (void)reply;
    cr_assert_eq(status, -E_UNAVAILABLE);
    rig_call(((void **)ctx)[0], again, 1000, 1000);
}

Test(calls, a_call_made_while_closing_ends_as_well)
{
    struct bus *away = rig_bus();
    struct bus_client *client = rig_dial(away, rig_url("tcp"));
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    struct rig_call again = {0};
    void *ctx[] = {client, &again};

    bus_call(client, &request, 1000000, 1000000, on_reply_call_again, ctx);
    bus_close(away);
    cr_assert(again.ended && again.status == -E_UNAVAILABLE);
    rig_end(NULL, NULL, NULL);
}

Test(calls, unusable_addresses_are_refused)
{
    struct bus *bus = rig_bus();
    const char *const urls[] = {"tcp//nonsense", NULL}, *const secure[] = {"tls+tcp://127.0.0.1:1", NULL};
    struct bus_group group = {urls}, no_files = {secure};
    struct bus_client *client;
    struct rig_server server = {0};
    const char *url = rig_url("tcp");

    cr_assert_eq(bus_dial(bus, &group, 1, any_service, &client), -E_CONFIG);
    cr_assert_eq(bus_dial(bus, &no_files, 1, any_service, &client), -E_CONFIG);
    cr_assert_eq(bus_subscribe(bus, urls, any_service, NULL, NULL), -E_CONFIG);
    cr_assert_eq(bus_publish_listen(bus, "bogus://x", any_service), -E_CONFIG);
    cr_assert_eq(bus_serve(bus, "bogus://x", any_service, 1, on_rig_request, &server), -E_CONFIG);
    rig_serve(&server, bus, "eu", url, 1);
    cr_assert_eq(bus_serve(bus, url, any_service, 1, on_rig_request, &server), -E_IO,
                 "the address is in use");
    rig_end(bus, NULL, NULL);
}
