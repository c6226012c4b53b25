/* One set of certificate files as an OpenSSL context that follows the files. Any thread. Private. */
#pragma once
#include "base/cleanup.h"
#include <openssl/ssl.h>

struct certificates;

/** The set for these PEM files; the same files give the same set. Nothing is read yet. */
struct certificates *certificates_get(const char *ca_file, const char *cert_file, const char *key_file);
/** Returns NULL; takes NULL. */
struct certificates *certificates_put(struct certificates *certificates);
/** A context of TLS 1.3 only with mutual authentication, to be freed by the caller. Read again when a file
 * changed; while the new files do not fit together the old context stays in use. NULL when there never was a
 * usable one. */
SSL_CTX *certificates_context(struct certificates *certificates);
/** Reads the files now. 0, or -E_CONFIG when they are not usable (the old context stays). */
int certificates_reload(struct certificates *certificates) _must_check_;
