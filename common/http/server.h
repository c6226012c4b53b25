/* The server: listener, lists of connections, clocks. Internal to common/http. */
#pragma once
#include "base/list.h"
#include "http/http.h"
#include <netinet/in.h>
#include <openssl/ssl.h>

enum { SERVER_STATES = 8, READ_BYTES = 64 * 1024, DATE_SIZE = 32 };

struct http_server {
    struct http_options options; /* defaults filled in; address and files NULL: they were the caller's */
    char *tls_cert, *tls_key;
    SSL_CTX *tls; /* for new connections; NULL for plain HTTP */
    uv_tcp_t listener;
    uv_timer_t sweep; /* looks at the heads of the lists */
    int port;
    int handles; /* listener, timer and connections not yet closed or let go: frees itself at 0 once `freed`
                  */
    int open;    /* connections whose handle is open */
    bool draining, freed, listening;
    int64_t listen_until_us; /* draining: until then begun handshakes are awaited; 0: not waiting */
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct list connections[SERVER_STATES]; /* by state; each in the order of deadlines, because a state has
                                               one timeout */
    int64_t timeout_us[SERVER_STATES];      /* 0: none */
    struct list writing;                    /* connections with a write on its way, by deadline */
    int64_t date_s;
    char date[DATE_SIZE]; /* the Date header's value at date_s */
    char read_bytes[READ_BYTES];
    char plain_bytes[READ_BYTES];
};

/** The loop's cached clock. */
static inline int64_t server_now_us(const struct http_server *server)
{
    return (int64_t)uv_now(server->options.loop) * 1000;
}
/** "Sun, 06 Nov 1994 08:49:37 GMT", made once a second. */
const char *server_date(struct http_server *server);
/** A connection's handle was closed: tells the drain. */
void server_closed(struct http_server *server);
/** One handle or connection less; may free the server. */
void server_release(struct http_server *server);
