/* Who gets through: certificates, authorities, services, versions, rotation. */
#include "bus/certificates.h"
#include "raw.h"
#include "rig.h"
#include <stdio.h>
#include <unistd.h>

static const char *const only_router[] = {"router", NULL}, *const two_callers[] = {"intake", "sla", NULL};

struct pair {
    struct bus *home, *away;
    struct bus_client *client;
    struct rig_server server;
    const char *url;
};

/* A server that lets intake and sla in, and a caller that expects a router. */
static void pair_open(struct pair *pair, const struct cert_files *server, const struct cert_files *caller)
{
    pair->url = rig_url("tls+tcp");
    pair->home = rig_bus_tls(server);
    pair->away = rig_bus_tls(caller);
    pair->server.name = "eu";
    cr_assert_eq(bus_serve(pair->home, pair->url, two_callers, 2, on_rig_request, &pair->server), 0);
    const char *urls[] = {pair->url, NULL};
    struct bus_group group = {urls};
    cr_assert_eq(bus_dial(pair->away, &group, 1, only_router, &pair->client), 0);
}

static void is_refused(const struct cert_files *server, const struct cert_files *caller)
{
    struct pair pair = {0};
    struct rig_call call;

    pair_open(&pair, server, caller);
    rig_call(pair.client, &call, 600, 600);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, -E_UNAVAILABLE);
    cr_assert_not(bus_connected(pair.client));
    cr_assert_eq(pair.server.handled, 0);
    rig_end(pair.home, pair.away, NULL);
}

static void is_served(const struct cert_files *server, const struct cert_files *caller)
{
    struct pair pair = {0};
    struct rig_call call;

    pair_open(&pair, server, caller);
    rig_call(pair.client, &call, 10000, 10000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    rig_end(pair.home, pair.away, NULL);
}

Test(tls, the_right_services_meet)
{
    struct cert_files server = cert_service("router"), caller = cert_service("sla");
    is_served(&server, &caller);
}

Test(tls, a_caller_of_another_service_is_refused)
{
    struct cert_files server = cert_service("router"), caller = cert_service("notifier");
    is_refused(&server, &caller);
}

Test(tls, a_server_of_another_service_is_refused)
{
    struct cert_files server = cert_service("intake"), caller = cert_service("intake");
    is_refused(&server, &caller);
}

Test(tls, a_caller_of_another_authority_is_refused)
{
    struct cert_files server = cert_service("router");
    struct cert_files caller = cert_issue("forged", "forger", "house", "URI:spiffe://meridian/eu/intake/1");
    is_refused(&server, &caller);
}

Test(tls, a_server_of_another_authority_is_refused)
{
    struct cert_files caller = cert_service("intake");
    struct cert_files server = cert_issue("forged", "forger", "house", "URI:spiffe://meridian/eu/router/1");
    is_refused(&server, &caller);
}

Test(tls, a_certificate_without_a_name_is_refused)
{
    struct cert_files server = cert_service("router");
    struct cert_files caller = cert_issue("intake", "house", "house", NULL);
    is_refused(&server, &caller);
}

Test(tls, a_certificate_with_two_names_is_refused)
{
    struct cert_files server = cert_service("router");
    struct cert_files caller = cert_issue("two", "house", "house",
                                          "URI:spiffe://meridian/eu/intake/1,URI:spiffe://meridian/eu/sla/1");
    is_refused(&server, &caller);
}

Test(tls, a_dns_name_means_nothing)
{
    struct cert_files server = cert_service("router");
    struct cert_files caller =
        cert_issue("intake", "house", "house", "DNS:intake,DNS:spiffe://meridian/eu/intake/1");
    is_refused(&server, &caller);
}

Test(tls, strangers_at_the_door)
{
    struct cert_files server = cert_service("router"), caller = cert_service("intake"),
                      other = cert_service("notifier");
    struct pair pair = {0};
    struct rig_call call;

    pair_open(&pair, &server, &caller);
    int port = rig_port(pair.url);
    cr_assert(raw_tls_is_welcome(port, &caller, caller.ca, TLS1_3_VERSION));
    cr_assert_not(raw_tls_is_welcome(port, NULL, caller.ca, TLS1_3_VERSION), "no certificate");
    cr_assert_not(raw_tls_is_welcome(port, &other, other.ca, TLS1_3_VERSION), "wrong service");
    cr_assert_not(raw_tls_is_welcome(port, &caller, caller.ca, TLS1_2_VERSION), "TLS 1.2");
    int fd = raw_connect(port);
    raw_write(fd, "\0SP\0\0\x30\0\0", 8);
    cr_assert(raw_is_closed(fd), "plaintext");
    close(fd);
    rig_call(pair.client, &call, 10000, 10000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    rig_end(pair.home, pair.away, NULL);
}

/* The dialling side: what answers on the port is not TLS at all, then says nothing. */
Test(tls, a_plaintext_server_is_refused)
{
    struct cert_files caller = cert_service("intake");
    int port, listener = raw_listen(&port);
    struct bus *away = rig_bus_tls(&caller);
    char url[64], bytes[16];

    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%d", port);
    struct bus_client *client = rig_dial(away, url);
    int fd = raw_accept(listener);
    raw_read(fd, bytes, 1); /* its hello */
    raw_write(fd, "\0SP\0\0\x31\0\0", 8);
    cr_assert(raw_is_closed(fd));
    cr_assert_not(bus_connected(client));
    close(fd);
    close(listener);
    rig_end(away, NULL, NULL);
}

/* ---- rotation ---- */
Test(tls, new_files_are_used_by_the_next_connection)
{
    struct cert_files caller = cert_service("intake");
    struct cert_files server = cert_issue("server", "house", "house", "URI:spiffe://meridian/eu/notifier/1");
    struct pair pair = {0};
    struct rig_call call;

    pair_open(&pair, &server, &caller);
    rig_call(pair.client, &call, 15000, 15000);
    rig_run_ms(200);
    cr_assert_not(call.ended, "it is not a router yet");
    cert_issue("server", "house", "house", "URI:spiffe://meridian/eu/router/1");
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    cr_assert_eq(bus_reload_tls(pair.home), 0);
    rig_end(pair.home, pair.away, NULL);
}

static void spoil(const char *path)
{
    FILE *file = fopen(path, "w");
    fputs("not a key\n", file);
    fclose(file);
}

Test(tls, unusable_new_files_leave_the_old_in_use)
{
    struct cert_files caller = cert_service("intake"), server = cert_service("router");
    struct pair pair = {0};
    struct rig_call call;

    pair_open(&pair, &server, &caller);
    spoil(server.key);
    cr_assert_eq(bus_reload_tls(pair.home), -E_CONFIG);
    rig_call(pair.client, &call, 10000, 10000);
    RUN_UNTIL(call.ended);
    cr_assert_eq(call.status, 0);
    cert_service("router");
    cr_assert_eq(bus_reload_tls(pair.home), 0);
    rig_end(pair.home, pair.away, NULL);
}

Test(tls, unusable_files_are_refused_at_the_start)
{
    struct cert_files good = cert_service("router"), other = cert_service("intake");
    struct bus_options wrong_key = {rig_loop(), good.ca, good.cert, other.key};
    struct bus_options missing = {rig_loop(), good.ca, good.cert, "/nonexistent"};
    struct bus *bus;

    cr_assert_eq(bus_open(&wrong_key, &bus), -E_CONFIG);
    cr_assert_eq(bus_open(&missing, &bus), -E_CONFIG);
    bus = rig_bus();
    cr_assert_eq(bus_reload_tls(bus), 0, "nothing to reload");
    rig_end(bus, NULL, NULL);
}

Test(tls, the_same_files_are_one_set)
{
    struct cert_files files = cert_service("router");
    struct certificates *a = certificates_get(files.ca, files.cert, files.key);
    struct certificates *b = certificates_get(files.ca, files.cert, files.key);
    SSL_CTX *one = certificates_context(a), *two = certificates_context(b);

    cr_assert_eq(a, b);
    cr_assert_eq(one, two);
    SSL_CTX_free(one);
    SSL_CTX_free(two);
    certificates_put(a);
    certificates_put(b);
    certificates_put(NULL);
}
