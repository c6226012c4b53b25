/* The identity of a peer.
 *
 * Called by the TLS engine inside OpenSSL's verify callback, on NNG's threads; pure. The chain has been
 * verified before, so the question here is only which of our own services it is. As in SPIFFE, a certificate
 * with no URI name or with several is nobody; the common name and DNS names mean nothing.
 */
#include "bus/peer.h"
#include <openssl/x509v3.h>

enum { PART_LIMIT = 63 };

static bool part_is_valid(struct str part)
{
    if (part.n == 0 || part.n > PART_LIMIT)
        return false;
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

bool peer_parse(struct str uri, struct peer *ret_peer)
{
    const struct str prefix = STR("spiffe://meridian/");
    struct peer peer;
    struct str rest;

    if (!str_starts(uri, prefix))
        return false;
    rest = (struct str){uri.p + prefix.n, uri.n - prefix.n};
    if (!str_cut(rest, '/', &peer.region, &rest) || !str_cut(rest, '/', &peer.service, &peer.instance))
        return false;
    if (!part_is_valid(peer.region) || !part_is_valid(peer.service) || !part_is_valid(peer.instance))
        return false;
    *ret_peer = peer;
    return true;
}

static bool list_has(const char *services, struct str service)
{
    struct str head, rest = str_from(services);

    while (rest.n > 0) {
        str_cut(rest, ',', &head, &rest);
        if (str_eq(head, service))
            return true;
    }
    return false;
}

bool peer_is_allowed(const X509 *certificate, const char *services)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    struct str uri = {0};
    struct peer peer;
    int uris = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        uris++;
        uri = (struct str){(const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier),
                           (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier)};
    }
    bool allowed = uris == 1 && peer_parse(uri, &peer) && list_has(services, peer.service);
    GENERAL_NAMES_free(names);
    return allowed;
}
