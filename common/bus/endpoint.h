/* NNG sockets with everything set that 1.5.2 needs set before start. Private to common/bus. */
#pragma once
#include "bus/bus.h"
#include <nng/nng.h>

enum endpoint_kind { ENDPOINT_REP, ENDPOINT_REQ, ENDPOINT_PUB, ENDPOINT_SUB };

struct endpoint_files {
    const char *ca, *cert, *key; /* NULL without TLS */
};

/** A fresh socket: receive limit, no resending, buffer depths. 0 or -E_INTERNAL. */
int endpoint_open(enum endpoint_kind kind, nng_socket *ret_socket) _must_check_;
/** 0, -E_CONFIG (URL, certificates) or -E_IO (the address cannot be bound). */
int endpoint_listen(nng_socket socket, const char *url, const struct endpoint_files *files,
                    bus_peers allowed) _must_check_;
/** Starts connecting in the background, for ever. 0 or -E_CONFIG. */
int endpoint_dial(nng_socket socket, const char *url, const struct endpoint_files *files,
                  bus_peers expected) _must_check_;
