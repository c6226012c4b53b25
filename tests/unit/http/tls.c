/* TLS: handshake, versions, ALPN, reload, and clients that break it. Certificates are made here. */
#include "base/memory.h"
#include "harness.h"
#include "meridian/errors.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>

#define HOST "Host: desk\r\n"
static struct harness h;
static char *folder, *cert, *key;

/* A self-signed certificate for `name`. */
static void make_certificate(const char *name)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    FILE *file;

    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)name,
                               -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, pair);
    cr_assert_gt(X509_sign(x509, pair, EVP_sha256()), 0);
    file = fopen(cert, "we");
    PEM_write_X509(file, x509);
    fclose(file);
    file = fopen(key, "we");
    PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(pair);
}

static void set_up(void)
{
    struct http_options options = {.header_timeout_us = 500000};

    folder = make_folder();
    options.tls_cert = cert = mem_printf("%s/cert.pem", folder);
    options.tls_key = key = mem_printf("%s/key.pem", folder);
    make_certificate("first");
    harness_start(&h, &options);
}
static void tear_down(void)
{
    harness_stop(&h);
    remove_folder(folder);
    free(folder);
    free(cert);
    free(key);
}
TestSuite(http_tls, .init = set_up, .fini = tear_down);

/* A client that trusts anybody; version 0 for any, alpn in wire form or NULL. False when the handshake fails.
 */
static bool secure(struct client *client, int version, const char *alpn)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool ok;

    if (version) {
        SSL_CTX_set_security_level(context, 0); /* so that the client itself would offer old versions */
        SSL_CTX_set_min_proto_version(context, version);
        SSL_CTX_set_max_proto_version(context, version);
    }
    *client = client_open(h.port);
    client->ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (alpn)
        SSL_set_alpn_protos(client->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    SSL_set_fd(client->ssl, client->fd);
    ok = SSL_connect(client->ssl) == 1;
    ERR_clear_error();
    return ok;
}

static const char *peer_name(struct client *client)
{
    static char name[64];
    X509 *x509 = SSL_get1_peer_certificate(client->ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof name);
    X509_free(x509);
    return name;
}

Test(http_tls, speaks_1_2_and_1_3)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        _cleanup_client_ struct client client = {.fd = -1};
        _cleanup_reply_ struct reply reply = {0};

        cr_assert(secure(&client, versions[i], "\x02h2\x08http/1.1"));
        cr_assert_eq(SSL_version(client.ssl), versions[i]);
        client_say(&client, "POST /show HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody");
        client_read(&client, &reply, false);
        cr_assert(strstr(buf_text(&reply.body), "secure=1"));
        for (int k = 0; k < 5; k++) { /* larger than a record, than the socket buffers, and again */
            client_say(&client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
            client_read(&client, &reply, false);
            cr_assert_eq(reply.body.n, 1 << 20);
        }
        client_say(&client, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        client_read(&client, &reply, false);
        cr_assert_eq(SSL_read(client.ssl, (char[1]){0}, 1), 0);
        cr_assert_eq(SSL_get_error(client.ssl, 0), SSL_ERROR_ZERO_RETURN, "no close_notify");
    }
}

Test(http_tls, refuses_old_versions_and_other_protocols)
{
    _cleanup_client_ struct client old = {.fd = -1}, h2 = {.fd = -1};

    cr_assert_not(secure(&old, TLS1_1_VERSION, NULL));
    cr_assert_not(secure(&h2, 0, "\x02h2"));
    client_close(&old);
    client_close(&h2);
    harness_wait_connections(&h, 0);
}

Test(http_tls, plain_http_and_noise_are_cut)
{
    _cleanup_client_ struct client plain = client_open(h.port), silent = client_open(h.port),
                                   half = client_open(h.port);

    client_say(&plain, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    while (recv(plain.fd, (char[64]){0}, 64, 0) > 0)
        ; /* an alert */
    client_send(&half, "\x16\x03\x01", 3);
    cr_assert(client_at_end(&silent)); /* the handshake has a deadline */
    cr_assert(client_at_end(&half));
    harness_wait_connections(&h, 0);
    cr_assert_eq(harness_read(&h, &h.requests), 0);
}

Test(http_tls, noise_after_the_handshake_is_cut)
{
    _cleanup_client_ struct client client = {.fd = -1};

    cr_assert(secure(&client, 0, NULL));
    send(client.fd, "\x17\x03\x03\x00\x20................................", 37, MSG_NOSIGNAL);
    harness_wait_connections(&h, 0);
}

Test(http_tls, pipelines_and_streams)
{
    _cleanup_client_ struct client client = {.fd = -1};
    _cleanup_reply_ struct reply reply = {0};
    _cleanup_buf_ struct buf all = BUF_INIT;

    cr_assert(secure(&client, 0, NULL));
    for (int i = 0; i < 500; i++)
        buf_add_text(&all, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    buf_add_text(&all, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
    client_send(&client, all.p, all.n);
    for (int i = 0; i < 500; i++) {
        client_read(&client, &reply, false);
        cr_assert_str_eq(buf_text(&reply.body), "hello");
    }
    client_expect(&client, "data: first\n\n\r\n");
    harness_drain(&h);
    client_expect(&client, "0\r\n\r\n");
    cr_assert(client_at_end(&client));
    client_close(&client);
    harness_wait_drained(&h);
}

Test(http_tls, close_notify_of_the_client_ends_the_connection)
{
    _cleanup_client_ struct client client = {.fd = -1};

    cr_assert(secure(&client, 0, NULL));
    SSL_shutdown(client.ssl);
    cr_assert(client_at_end(&client));
    client_close(&client);
    harness_wait_connections(&h, 0);
}

static void reload(struct harness *harness, void *arg)
{
    *(int *)arg = http_server_reload_tls(harness->server);
}

Test(http_tls, reloads_for_new_connections_and_keeps_the_old_pair_on_failure)
{
    _cleanup_client_ struct client before = {.fd = -1};
    _cleanup_reply_ struct reply reply = {0};
    int r = 1;

    cr_assert(secure(&before, 0, NULL));
    cr_assert_str_eq(peer_name(&before), "first");
    make_certificate("second");
    harness_call(&h, reload, &r);
    cr_assert_eq(r, 0);
    {
        _cleanup_client_ struct client after = {.fd = -1};
        cr_assert(secure(&after, 0, NULL));
        cr_assert_str_eq(peer_name(&after), "second");
    }
    for (const char *const *broken = (const char *const[]){"cert.pem", "key.pem", NULL}; *broken; broken++) {
        _cleanup_client_ struct client after = {.fd = -1};
        write_file(folder, *broken, "not PEM\n");
        harness_call(&h, reload, &r);
        cr_assert_eq(r, -E_CONFIG);
        cr_assert(secure(&after, 0, NULL));
        cr_assert_str_eq(peer_name(&after), "second");
        make_certificate("third");
    }
    client_say(&before, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_read(&before, &reply, false);
    cr_assert_eq(reply.status, 200);
}

Test(http_tls, a_key_of_another_certificate_is_refused)
{
    _cleanup_(freep) char *kept = NULL, *real = key;
    int r = 0;

    kept = mem_printf("%s/other.pem", folder);
    key = kept;
    make_certificate("other"); /* new certificate, its key elsewhere */
    key = real;
    real = NULL;
    harness_call(&h, reload, &r);
    cr_assert_eq(r, -E_CONFIG);
}

Test(http_tls, reload_without_tls_is_nothing)
{
    struct harness plain = {0};
    int r = 1;

    harness_start(&plain, NULL);
    harness_call(&plain, reload, &r);
    cr_assert_eq(r, 0);
    harness_stop(&plain);
}
