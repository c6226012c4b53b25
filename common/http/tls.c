/* TLS with OpenSSL over memory buffers, so that libuv keeps the sockets.
 *
 * Every call drains OpenSSL's error queue: a leftover entry of one connection would otherwise be taken for
 * the failure of the next. Renegotiation is off, TLS 1.2 is limited to forward-secret AEAD suites. A failure
 * here concerns one connection, which the caller cuts after sending the alert.
 */
#include "http/tls.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <openssl/err.h>

static int on_alpn(SSL *ssl, const unsigned char **ret_out, unsigned char *ret_n, const unsigned char *in,
                   unsigned int n, void *ctx)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof ours - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int tls_context_open(const char *cert_file, const char *key_file, SSL_CTX **ret_context)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (!context)
        return -E_INTERNAL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it without memory */
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    if (SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_use_certificate_chain_file(context, cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        SSL_CTX_free(context);
        return -E_CONFIG;
    }
    *ret_context = context;
    return 0;
}

struct tls *tls_new(SSL_CTX *context)
{
    struct tls *tls = NEW(struct tls);

    tls->ssl = SSL_new(context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !tls->in || !tls->out)
        abort(); /* only memory can be missing */
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_accept_state(tls->ssl);
    return tls;
}

struct tls *tls_free(struct tls *tls)
{
    if (tls) {
        SSL_free(tls->ssl);
        free(tls);
    }
    return NULL;
}

void tls_take(struct tls *tls, const char *bytes, size_t n)
{
    size_t written;

    if (n && BIO_write_ex(tls->in, bytes, n, &written) != 1)
        abort(); /* a memory BIO refuses only for lack of memory */
}

int tls_read(struct tls *tls, char *ret_bytes, size_t size, size_t *ret_n)
{
    int error;

    *ret_n = 0;
    ERR_clear_error();
    if (SSL_read_ex(tls->ssl, ret_bytes, size, ret_n) == 1)
        return TLS_MORE;
    error = SSL_get_error(tls->ssl, 0);
    ERR_clear_error();
    switch (error) {
    case SSL_ERROR_WANT_READ:
        return TLS_MORE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_EOF;
    default:
        return -E_PEER;
    }
}

static void drain(struct tls *tls, struct buf *ret_cipher)
{
    size_t pending = BIO_ctrl_pending(tls->out), n;

    if (pending == 0)
        return;
    buf_reserve(ret_cipher, pending);
    if (BIO_read_ex(tls->out, ret_cipher->p + ret_cipher->n, pending, &n) == 1) {
        ret_cipher->n += n;
        ret_cipher->p[ret_cipher->n] = 0;
    }
}

void tls_seal(struct tls *tls, struct buf *plain, struct buf *ret_cipher)
{
    size_t n;

    ERR_clear_error();
    if (plain->n && SSL_is_init_finished(tls->ssl)) {
        /* Fails only after a fatal alert; the connection is being cut then and the bytes have nowhere to go.
         */
        (void)SSL_write_ex(tls->ssl, plain->p, plain->n, &n);
        ERR_clear_error();
        buf_reset(plain);
    }
    drain(tls, ret_cipher);
}

void tls_end(struct tls *tls, struct buf *ret_cipher)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
        (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    drain(tls, ret_cipher);
}

bool tls_ready(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl);
}
