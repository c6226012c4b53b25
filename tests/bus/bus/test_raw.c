/* What strangers and broken peers can send, over plain TCP (below TLS the code is the same). */
#include "raw.h"
#include "rig.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t pack_request(char *ret_bytes, const char *id)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    request.id = (ProtobufCBinaryData){16, (uint8_t *)id};
    return meridian__request__pack(&request, (uint8_t *)ret_bytes);
}

static Meridian__Reply *receive_reply(int fd, uint32_t expected_id)
{
    char bytes[4096];
    uint32_t id;
    size_t n = raw_receive(fd, &id, bytes, sizeof bytes);
    Meridian__Reply *reply = wire_unpack_reply(bytes, n);

    cr_assert_eq(id, expected_id);
    cr_assert_not_null(reply);
    return reply;
}

/* The server still serves: a fresh, good client gets its answer. */
static void is_well(struct rig_server *server, const char *url)
{
    struct bus *away = rig_bus();
    struct bus_client *client = rig_dial(away, url);
    struct rig_call call;
    int before = server->handled;

    rig_call(client, &call, 10000, 15000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    cr_assert_eq(server->handled, before + 1);
    bus_close(away);
}

Test(raw, a_repeated_request_arrives_twice_with_its_id)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus();
    struct rig_server server = {0};
    char bytes[64];

    rig_serve(&server, home, "eu", url, 2);
    int fd = raw_connect(rig_port(url));
    cr_assert_eq(raw_greet(fd, SP_REQ), SP_REP);
    size_t n = pack_request(bytes, "0123456789abcdef");
    for (uint32_t i = 1; i <= 2; i++) {
        raw_send(fd, i, bytes, n);
        RUN_UNTIL(server.handled == (int)i);
        cr_assert_arr_eq(server.ids[i - 1], "0123456789abcdef", 16);
        Meridian__Reply *reply = receive_reply(fd, i);
        cr_assert_arr_eq(reply->id.data, "0123456789abcdef", 16);
        meridian__reply__free_unpacked(reply, NULL);
    }
    close(fd);
    rig_end(home, NULL, NULL);
}

Test(raw, bytes_that_are_no_request_are_refused)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus();
    struct rig_server server = {0};

    rig_serve(&server, home, "eu", url, 1);
    int fd = raw_connect(rig_port(url));
    raw_greet(fd, SP_REQ);
    raw_send(fd, 7, "\xff\xff\xff", 3);
    rig_run_ms(200);
    Meridian__Reply *reply = receive_reply(fd, 7);
    cr_assert_eq(reply->status, E_BAD_REQUEST);
    cr_assert_eq(reply->id.len, 0);
    meridian__reply__free_unpacked(reply, NULL);
    cr_assert_eq(server.handled, 0);
    is_well(&server, url);
    close(fd);
    rig_end(home, NULL, NULL);
}

static long status_kib(const char *key)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && value < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            value = atol(line + strlen(key) + 1);
    fclose(file);
    return value;
}

Test(raw, a_claim_of_six_gibibytes_gets_no_memory)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus();
    struct rig_server server = {0};
    const uint8_t claim[16] = {0, 0, 0, 1, 0x80};

    rig_serve(&server, home, "eu", url, 2);
    is_well(&server, url);
    long before = status_kib("VmSize:");
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect(rig_port(url));
        raw_greet(fd, SP_REQ);
        raw_write(fd, claim, sizeof claim);
        cr_assert(raw_is_closed(fd));
        close(fd);
    }
    cr_assert_lt(status_kib("VmSize:") - before, 256 * 1024);
    is_well(&server, url);
    rig_end(home, NULL, NULL);
}

Test(raw, a_reply_over_the_limit_costs_the_server_its_connection)
{
    int port, listener = raw_listen(&port);
    char url[64], bytes[4096];
    struct bus *away = rig_bus();
    struct rig_call call;
    uint32_t id;
    const uint8_t claim[16] = {0, 0, 0, 1, 0x80};

    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    struct bus_client *client = rig_dial(away, url);
    int fd = raw_accept(listener);
    cr_assert_eq(raw_greet(fd, SP_REP), SP_REQ);
    RUN_UNTIL(bus_connected(client));
    rig_call(client, &call, 5000, 0);
    uv_run(rig_loop(), UV_RUN_NOWAIT);
    raw_receive(fd, &id, bytes, sizeof bytes);
    raw_write(fd, claim, sizeof claim);
    cr_assert(raw_is_closed(fd));
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_TIMEOUT, "it may have been done");
    close(fd);
    close(listener);
    rig_end(away, NULL, NULL);
}

static void answer_with(const void *body, size_t n)
{
    int port, listener = raw_listen(&port);
    char url[64], bytes[4096];
    struct bus *away = rig_bus();
    struct rig_call call;
    uint32_t id;

    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    struct bus_client *client = rig_dial(away, url);
    int fd = raw_accept(listener);
    raw_greet(fd, SP_REP);
    RUN_UNTIL(bus_connected(client));
    rig_call(client, &call, 10000, 10000);
    raw_receive(fd, &id, bytes, sizeof bytes);
    raw_send(fd, id, body, n);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_PEER);
    close(fd);
    close(listener);
    rig_end(away, NULL, NULL);
}

Test(raw, an_answer_that_is_none)
{
    answer_with("\xff\xff\xff", 3);
}

Test(raw, an_answer_to_another_question)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    uint8_t bytes[64];

    reply.id = (ProtobufCBinaryData){16, (uint8_t *)"0123456789abcdef"};
    answer_with(bytes, meridian__reply__pack(&reply, bytes));
}

Test(raw, a_server_that_stays_silent_is_dialled_anew)
{
    int port, listener = raw_listen(&port);
    char url[64];
    struct bus *away = rig_bus();
    struct rig_call call;

    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    struct bus_client *client = rig_dial(away, url);
    int fd = raw_accept(listener);
    raw_greet(fd, SP_REP);
    RUN_UNTIL(bus_connected(client));
    rig_call(client, &call, 30, 20000);
    RUN_UNTIL(!bus_connected(client));
    cr_assert(raw_is_closed(fd));
    close(fd);
    fd = raw_accept(listener); /* again */
    close(fd);
    close(listener);
    rig_end(away, NULL, NULL);
}

Test(raw, the_wrong_protocol_is_sent_away)
{
    const char *url = rig_url("tcp");
    struct bus *home = rig_bus();
    struct rig_server server = {0};

    rig_serve(&server, home, "eu", url, 2);
    int fd = raw_connect(rig_port(url));
    cr_assert_eq(raw_greet(fd, SP_SUB), SP_REP);
    cr_assert(raw_is_closed(fd));
    close(fd);
    is_well(&server, url);
    rig_end(home, NULL, NULL);
}

/* A server that dies while the two sides still negotiate: the caller must not give up. */
static void broken_off(const char *scheme, const struct cert_files *files)
{
    int port, listener = raw_listen(&port);
    struct linger now = {1, 0};
    char url[64], byte;
    struct bus *home = rig_bus_tls(files), *away = rig_bus_tls(files);
    struct rig_server server = {0};
    struct rig_call call;

    snprintf(url, sizeof url, "%s://127.0.0.1:%d", scheme, port);
    struct bus_client *client = rig_dial(away, url);
    rig_call(client, &call, 20000, 20000);
    for (int i = 0; i < 8; i++) {
        int fd = raw_accept(listener);
        raw_read(fd, &byte, 1);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
    }
    close(listener);
    rig_serve(&server, home, "eu", url, 2);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    rig_end(home, away, NULL);
}

Test(raw, a_server_that_breaks_off_is_dialled_again)
{
    broken_off("tcp", NULL);
}

Test(raw, a_server_that_breaks_off_is_dialled_again_tls)
{
    struct cert_files files = cert_service("test");
    broken_off("tls+tcp", &files);
}

/* ---- 200 bad visitors, then a good one ---- */
static void visit_and_reset(int fd)
{
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void visit_half_a_greeting(int fd)
{
    raw_write(fd, "\0SP\0\0", 5);
    visit_and_reset(fd);
}

static void visit_by_browser(int fd)
{
    const char text[] = "GET / HTTP/1.1\r\nHost: bus\r\n\r\n";
    raw_write(fd, text, sizeof text - 1);
    close(fd);
}

static void visitors(const char *scheme, const struct cert_files *files, void (*visit)(int fd))
{
    const char *url = rig_url(scheme);
    struct bus *home = rig_bus_tls(files), *away;
    struct rig_server server = {0};
    struct rig_call call;
    int silent[20];

    rig_serve(&server, home, "eu", url, 2);
    for (int i = 0; i < 20; i++)
        silent[i] = raw_connect(rig_port(url));
    for (int i = 0; i < 200; i++)
        visit(raw_connect(rig_port(url)));
    away = rig_bus_tls(files);
    struct bus_client *client = rig_dial(away, url);
    rig_call(client, &call, 10000, 10000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    for (int i = 0; i < 20; i++)
        close(silent[i]);
    rig_end(home, away, NULL);
}

Test(raw, resets)
{
    visitors("tcp", NULL, visit_and_reset);
}

Test(raw, resets_tls)
{
    struct cert_files files = cert_service("test");
    visitors("tls+tcp", &files, visit_and_reset);
}

Test(raw, half_greetings)
{
    visitors("tcp", NULL, visit_half_a_greeting);
}

Test(raw, half_greetings_tls)
{
    struct cert_files files = cert_service("test");
    visitors("tls+tcp", &files, visit_half_a_greeting);
}

Test(raw, browsers)
{
    visitors("tcp", NULL, visit_by_browser);
}

Test(raw, browsers_tls)
{
    struct cert_files files = cert_service("test");
    visitors("tls+tcp", &files, visit_by_browser);
}
