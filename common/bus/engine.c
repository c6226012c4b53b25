/* The TLS engine that NNG's tls+tcp transport runs on: OpenSSL, TLS 1.3 only, both sides with a certificate.
 *
 * Debian's NNG is built with another TLS library; its public engine interface (engine.h, version 1) lets us
 * register ours, which keeps one TLS library in the process. NNG calls all of this on its own threads, with
 * the connection's lock held. The BIO reads and writes through nng_tls_engine_recv/send, which never block.
 * What must stay true: the peer's identity is checked inside the verify callback, so that a stranger fails
 * the handshake; failing later leaves a 1.5.2 dialer hanging. 1.5.2 has no option for an expected peer, so
 * the list of services travels in the configuration's server name, which we have no other use for, and the
 * names of the files in the places of PEM texts, so that certificates can be read again (certificates.c).
 * Nobody above learns that a peer was refused: NNG just drops the connection. So it is logged here, at most
 * once a second, and counted.
 */
#include "bus/engine.h"
#include "base/clock.h"
#include "base/memory.h"
#include "bus/certificates.h"
#include "bus/peer.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include <nng/supplemental/tls/engine.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>

struct nng_tls_engine_config {
    bool server;
    char *services; /* who may be at the other end: "intake,router" */
    char *ca_file;
    struct certificates *certificates;
};

struct nng_tls_engine_conn {
    SSL *ssl; /* NULL when init did not get that far; fini is called nevertheless */
    bool established, failed;
};

static BIO_METHOD *bio_method;
static int config_index; /* of the configuration in the SSL's ex_data */
static struct metric *refused_total;

/* ---- BIO ---- */
static int bio_write(BIO *bio, const char *bytes, int n)
{
    size_t size = (size_t)n;
    int r = nng_tls_engine_send(BIO_get_data(bio), (const uint8_t *)bytes, &size);

    BIO_clear_retry_flags(bio);
    if (r == 0)
        return (int)size;
    if (r == NNG_EAGAIN)
        BIO_set_retry_write(bio);
    return -1;
}

static int bio_read(BIO *bio, char *bytes, int n)
{
    size_t size = (size_t)n;
    int r = nng_tls_engine_recv(BIO_get_data(bio), (uint8_t *)bytes, &size);

    BIO_clear_retry_flags(bio);
    if (r == 0)
        return (int)size;
    if (r == NNG_EAGAIN)
        BIO_set_retry_read(bio);
    return -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* NNG sends by itself; nothing else is supported */
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* ---- the peer ---- */
static void refused(const char *reason)
{
    static _Atomic int64_t last_s;
    int64_t now_s = clock_monotonic_us() / US_PER_S, before_s = atomic_load(&last_s);

    metric_add(refused_total, NULL, 1);
    if (now_s != before_s && atomic_compare_exchange_strong(&last_s, &before_s, now_s))
        log_warn("bus peer refused", L_TEXT("reason", reason));
}

int engine_verify(int chain_ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct nng_tls_engine_config *config = SSL_get_ex_data(ssl, config_index);

    if (!chain_ok || X509_STORE_CTX_get_error_depth(store) > 0)
        return chain_ok;
    if (peer_is_allowed(X509_STORE_CTX_get_current_cert(store), config->services))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* ---- connections ---- */
static int conn_init(nng_tls_engine_conn *conn, void *tls, nng_tls_engine_config *config)
{
    SSL_CTX *context = config->certificates ? certificates_context(config->certificates) : NULL;
    BIO *bio = NULL;

    if (!context)
        return NNG_ECRYPTO;
    conn->ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (!conn->ssl || !(bio = BIO_new(bio_method)) || SSL_set_ex_data(conn->ssl, config_index, config) != 1) {
        BIO_free(bio);
        return NNG_ENOMEM;
    }
    BIO_set_data(bio, tls);
    SSL_set_bio(conn->ssl, bio, bio);
    if (config->server)
        SSL_set_accept_state(conn->ssl);
    else
        SSL_set_connect_state(conn->ssl);
    return 0;
}

static void conn_fini(nng_tls_engine_conn *conn)
{
    SSL_free(conn->ssl);
    conn->ssl = NULL;
}

static void conn_close(nng_tls_engine_conn *conn)
{
    if (conn->ssl && conn->established && !conn->failed)
        SSL_shutdown(conn->ssl);
    ERR_clear_error();
}

static const char *failure_reason(const nng_tls_engine_conn *conn)
{
    long verified = SSL_get_verify_result(conn->ssl);
    unsigned long error = ERR_peek_error();

    if (verified == X509_V_ERR_APPLICATION_VERIFICATION)
        return "not an allowed service";
    if (verified != X509_V_OK)
        return X509_verify_cert_error_string(verified);
    return error != 0 && ERR_reason_error_string(error) ? ERR_reason_error_string(error)
                                                        : "connection closed";
}

/* What a failed OpenSSL call means to NNG. Never NNG_ECLOSED: to a dialer or listener that is the order to
 * stop for good. */
static int conn_result(nng_tls_engine_conn *conn, int r)
{
    int error = SSL_get_error(conn->ssl, r);

    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return NNG_EAGAIN;
    conn->failed = true;
    if (error == SSL_ERROR_ZERO_RETURN)
        return NNG_ECONNRESET;
    if (error == SSL_ERROR_SSL)
        refused(failure_reason(conn));
    ERR_clear_error();
    return error == SSL_ERROR_SSL ? NNG_EPEERAUTH : NNG_ECONNRESET;
}

static int conn_handshake(nng_tls_engine_conn *conn)
{
    if (conn->failed)
        return NNG_EPEERAUTH;
    ERR_clear_error();
    int r = SSL_do_handshake(conn->ssl);
    if (r != 1)
        return conn_result(conn, r);
    conn->established = true;
    return 0;
}

static int conn_recv(nng_tls_engine_conn *conn, uint8_t *bytes, size_t *n)
{
    if (conn->failed)
        return NNG_ECONNRESET;
    ERR_clear_error();
    int r = SSL_read_ex(conn->ssl, bytes, *n, n);
    return r == 1 ? 0 : conn_result(conn, r);
}

static int conn_send(nng_tls_engine_conn *conn, const uint8_t *bytes, size_t *n)
{
    if (conn->failed)
        return NNG_ECONNRESET;
    ERR_clear_error();
    int r = SSL_write_ex(conn->ssl, bytes, *n, n);
    return r == 1 ? 0 : conn_result(conn, r);
}

static bool conn_verified(nng_tls_engine_conn *conn)
{
    return conn->established && SSL_get_verify_result(conn->ssl) == X509_V_OK;
}

/* ---- configurations ---- */
static int config_init(nng_tls_engine_config *config, nng_tls_mode mode)
{
    config->server = mode == NNG_TLS_MODE_SERVER;
    return 0;
}

static void config_fini(nng_tls_engine_config *config)
{
    free(config->services);
    free(config->ca_file);
    certificates_put(config->certificates);
}

static int config_services(nng_tls_engine_config *config, const char *services)
{
    free(config->services);
    config->services = mem_str(services);
    return 0;
}

/* Always mutual, whatever NNG's transport asks for by default. */
static int config_auth(nng_tls_engine_config *config, nng_tls_auth_mode mode)
{
    (void)config;
    (void)mode;
    return 0;
}

static int config_ca_file(nng_tls_engine_config *config, const char *file, const char *revoked)
{
    (void)revoked;
    free(config->ca_file);
    config->ca_file = mem_str(file);
    return 0;
}

static int config_own_files(nng_tls_engine_config *config, const char *cert_file, const char *key_file,
                            const char *password)
{
    (void)password;
    certificates_put(config->certificates);
    config->certificates = certificates_get(config->ca_file, cert_file, key_file);
    SSL_CTX *context = certificates_context(config->certificates);
    SSL_CTX_free(context);
    return context ? 0 : NNG_ECRYPTO;
}

static int config_version(nng_tls_engine_config *config, nng_tls_version least, nng_tls_version most)
{
    (void)config;
    return least <= NNG_TLS_1_3 && most >= NNG_TLS_1_3 ? 0 : NNG_ENOTSUP;
}

static nng_tls_engine_config_ops config_ops = {
    .size = sizeof(struct nng_tls_engine_config),
    .init = config_init,
    .fini = config_fini,
    .server = config_services,
    .auth = config_auth,
    .ca_chain = config_ca_file,
    .own_cert = config_own_files,
    .version = config_version,
};

static nng_tls_engine_conn_ops conn_ops = {
    .size = sizeof(struct nng_tls_engine_conn),
    .init = conn_init,
    .fini = conn_fini,
    .close = conn_close,
    .handshake = conn_handshake,
    .recv = conn_recv,
    .send = conn_send,
    .verified = conn_verified,
};

static const nng_tls_engine engine = {
    .version = NNG_TLS_ENGINE_VERSION,
    .config_ops = &config_ops,
    .conn_ops = &conn_ops,
    .name = "openssl",
    .description = "OpenSSL, TLS 1.3 with mutual certificates",
};

static int registered;

static void register_once(void)
{
    config_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nng");
    if (!bio_method)
        abort();
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
    BIO_meth_set_create(bio_method, bio_create);
    refused_total = metric_counter("meridian_bus_peers_refused_total",
                                   "Connections refused because of the peer's certificate or protocol", NULL);
    nng_tls_engine_name(); /* starts NNG, which registers its own engine first */
    registered = nng_tls_engine_register(&engine) == 0 ? 0 : -E_INTERNAL;
}

int engine_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return registered;
}

int engine_config(bool server, const struct endpoint_files *files, bus_peers peers,
                  nng_tls_config **ret_config)
{
    _cleanup_buf_ struct buf services = BUF_INIT;
    nng_tls_config *config;

    if (!files->ca || !files->cert || !files->key)
        return -E_CONFIG;
    int r = engine_register();
    if (r != 0)
        return r;
    for (bus_peers peer = peers; *peer; peer++) {
        buf_add_text(&services, services.n ? "," : "");
        buf_add_text(&services, *peer);
    }
    if (nng_tls_config_alloc(&config, server ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT) != 0)
        return -E_INTERNAL;
    if (nng_tls_config_server_name(config, buf_text(&services)) != 0 ||
        nng_tls_config_ca_chain(config, files->ca, NULL) != 0 ||
        nng_tls_config_own_cert(config, files->cert, files->key, NULL) != 0) {
        nng_tls_config_free(config);
        return -E_CONFIG;
    }
    *ret_config = config;
    return 0;
}
