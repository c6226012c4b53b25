/* TLS of one connection: OpenSSL between two memory buffers, no sockets. Internal to common/http. */
#pragma once
#include "base/buf.h"
#include <openssl/ssl.h>

struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
};

/** A server context: TLS 1.2 and 1.3, ALPN http/1.1. -E_CONFIG when the files are missing, broken or do not
 * match. */
int tls_context_open(const char *cert_file, const char *key_file, SSL_CTX **ret_context) _must_check_;
struct tls *tls_new(SSL_CTX *context);
struct tls *tls_free(struct tls *tls);
/** Takes records from the client. */
void tls_take(struct tls *tls, const char *bytes, size_t n);
enum { TLS_MORE, TLS_EOF };
/** Decrypts into the given memory. *ret_n > 0 with 0 (TLS_MORE: with *ret_n 0, more records are needed),
 * TLS_EOF after close_notify, -E_PEER when the client does not speak TLS as it should. */
int tls_read(struct tls *tls, char *ret_bytes, size_t size, size_t *ret_n) _must_check_;
/** Encrypts all of `plain`, which becomes empty, and appends the records, with whatever the handshake wants
 * to say, to `ret_cipher`. Before the handshake is done `plain` is kept. */
void tls_seal(struct tls *tls, struct buf *plain, struct buf *ret_cipher);
/** Appends close_notify. */
void tls_end(struct tls *tls, struct buf *ret_cipher);
bool tls_ready(const struct tls *tls);
