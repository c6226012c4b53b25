/* Who a certificate says its holder is: spiffe://meridian/<region>/<service>/<instance>. Private. */
#pragma once
#include "base/str.h"
#include <openssl/x509.h>

struct peer {
    struct str region, service, instance;
};

/** Splits an identity. Each part is 1 to 63 of a-z, 0-9, '-', '_', '.'; anything more or less is refused. The
 * parts point into `uri`. */
bool peer_parse(struct str uri, struct peer *ret_peer);
/** True when the certificate has exactly one URI name, it is a Meridian identity, and its service is in
 * `services` ("intake,router"). */
bool peer_is_allowed(const X509 *certificate, const char *services);
