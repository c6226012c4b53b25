/* NNG's TLS by OpenSSL. Private. */
#pragma once
#include "bus/endpoint.h"
#include <nng/supplemental/tls/tls.h>
#include <openssl/ssl.h>

/** Makes OpenSSL the TLS engine of this process's NNG; before the first tls+tcp endpoint. Again is fine. 0 or
 * -E_INTERNAL (another NNG). */
int engine_register(void) _must_check_;
/** A configuration for one listener (`server`) or dialer that lets only `peers` through. 0, or -E_CONFIG when
 * a file is not named or not usable. Freed with nng_tls_config_free. */
int engine_config(bool server, const struct endpoint_files *files, bus_peers peers,
                  nng_tls_config **ret_config) _must_check_;
/** OpenSSL's verify callback: the chain must hold, and the leaf must be one of the peers of its
 * configuration. */
int engine_verify(int chain_ok, X509_STORE_CTX *store);
