/* NNG sockets, listeners and dialers.
 *
 * Called at start-up only, on the loop thread. What must stay true (NNG 1.5.2): the receive limit is set
 * before an endpoint starts, because its default is unlimited and a peer that claims a message of gigabytes
 * would get the memory; REQ never resends by itself, because a resend is a second request that nobody asked
 * for; reconnecting is quick (50 ms to 1 s). `tls+tcp` gets a configuration with mutual authentication, and
 * is refused without certificates.
 */
#include "bus/endpoint.h"
#include "bus/engine.h"
#include "meridian/errors.h"
#include "meridian/limits.h"
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

enum {
    RECONNECT_MIN_MS = 50,
    RECONNECT_MAX_MS = 1000,
    HINT_BUFFER = 1024, /* messages, per connection when sending */
};

static int socket_new(enum endpoint_kind kind, nng_socket *ret_socket)
{
    switch (kind) {
    case ENDPOINT_REP:
        return nng_rep0_open(ret_socket);
    case ENDPOINT_REQ:
        return nng_req0_open(ret_socket);
    case ENDPOINT_PUB:
        return nng_pub0_open(ret_socket);
    case ENDPOINT_SUB:
        return nng_sub0_open(ret_socket);
    }
    return NNG_EINVAL;
}

int endpoint_open(enum endpoint_kind kind, nng_socket *ret_socket)
{
    nng_socket socket;
    int r = socket_new(kind, &socket);

    if (r != 0)
        return -E_INTERNAL;
    r = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, LIMIT_BUS_MESSAGE_BYTES);
    if (r == 0 && kind == ENDPOINT_REQ)
        r = nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (r == 0 && kind == ENDPOINT_PUB)
        r = nng_socket_set_int(socket, NNG_OPT_SENDBUF, HINT_BUFFER);
    if (r == 0 && kind == ENDPOINT_SUB) {
        r = nng_socket_set_int(socket, NNG_OPT_RECVBUF, HINT_BUFFER);
        if (r == 0)
            r = nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
    }
    if (r != 0) {
        nng_close(socket);
        return -E_INTERNAL;
    }
    *ret_socket = socket;
    return 0;
}

static bool is_tls(const char *url)
{
    return strncmp(url, "tls+", 4) == 0;
}

static void config_freep(nng_tls_config **config)
{
    if (*config)
        nng_tls_config_free(*config); /* the endpoint holds it as well */
}

/* A transport without an option (inproc has no TCP ones) is no failure. */
static int unless_unknown(int r)
{
    return r == NNG_ENOTSUP ? 0 : r;
}

int endpoint_listen(nng_socket socket, const char *url, const struct endpoint_files *files, bus_peers allowed)
{
    _cleanup_(config_freep) nng_tls_config *config = NULL;
    nng_listener listener;

    if (is_tls(url)) {
        int r = engine_config(true, files, allowed, &config);
        if (r != 0)
            return r;
    }
    if (nng_listener_create(&listener, socket, url) != 0)
        return -E_CONFIG;
    int r = unless_unknown(nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true));
    if (r == 0)
        r = unless_unknown(nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true));
    if (r == 0)
        r = unless_unknown(nng_listener_set_size(listener, NNG_OPT_RECVMAXSZ, LIMIT_BUS_MESSAGE_BYTES));
    if (r == 0 && config)
        r = nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, config);
    if (r != 0) {
        nng_listener_close(listener);
        return -E_CONFIG;
    }
    if (nng_listener_start(listener, 0) != 0) {
        nng_listener_close(listener);
        return -E_IO;
    }
    return 0;
}

int endpoint_dial(nng_socket socket, const char *url, const struct endpoint_files *files, bus_peers expected)
{
    _cleanup_(config_freep) nng_tls_config *config = NULL;
    nng_dialer dialer;

    if (is_tls(url)) {
        int r = engine_config(false, files, expected, &config);
        if (r != 0)
            return r;
    }
    if (nng_dialer_create(&dialer, socket, url) != 0)
        return -E_CONFIG;
    int r = unless_unknown(nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true));
    if (r == 0)
        r = unless_unknown(nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true));
    if (r == 0)
        r = unless_unknown(nng_dialer_set_size(dialer, NNG_OPT_RECVMAXSZ, LIMIT_BUS_MESSAGE_BYTES));
    if (r == 0)
        r = nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    if (r == 0)
        r = nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    if (r == 0 && config)
        r = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    if (r == 0)
        r = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (r != 0) {
        nng_dialer_close(dialer);
        return -E_CONFIG;
    }
    return 0;
}
