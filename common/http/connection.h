/* One client connection: its state, its exchange, its stream. Internal to common/http. */
#pragma once
#include "base/list.h"
#include "http/request.h"
#include "http/server.h"

struct tls;

/** A connection is in the list of its state in the server; connection_enter is the only place that moves it.
 */
enum connection_state {
    CONNECTION_HANDSHAKE, /* TLS not up yet */
    CONNECTION_IDLE,      /* no byte of a request yet */
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_HANDLER, /* the handler owes an answer */
    CONNECTION_STREAM,
    CONNECTION_LINGER, /* everything sent, our side shut down, waiting for the client's end of file */
    CONNECTION_CLOSED, /* handle closed or closing; kept while somebody holds the exchange or stream */
    CONNECTION_STATES,
};

struct http_exchange {
    struct request request;
    bool open; /* the handler holds it */
    int64_t received_us;
    struct buf extra; /* response headers added by the handler */
    bool has_cache_control, has_policy, has_referrer;
    void *data;
    void (*free_data)(void *);
};

struct http_stream {
    bool open; /* the caller holds it: neither ended nor told it is gone */
    bool mute; /* answers HEAD: no body */
    bool chunked;
    bool keep_alive; /* the connection goes on after the stream's end */
    size_t max_backlog;
    void (*on_gone)(void *ctx);
    void (*on_drained)(void *ctx); /* NULL: nobody asks */
    void *ctx;
};

struct connection {
    uv_tcp_t tcp;
    struct http_server *server;
    enum connection_state state;
    struct list node;    /* in server->connections[state] */
    int64_t deadline_us; /* of the state; server_now_us */

    struct tls *tls;        /* NULL for plain HTTP */
    struct buf in;          /* received, not yet parsed: while an answer is owed or a write is stuck */
    size_t in_at;           /* parsed part of `in` */
    size_t arriving;        /* while pumping: bytes behind the request being dispatched */
    bool pumping;           /* connection_pump or connection_receive is on the stack */
    bool paused;            /* reading stopped: `in` is full enough */
    bool eof;               /* the client has sent its last byte */
    bool finishing;         /* close when everything is sent; nothing is parsed any more */
    struct buf out;         /* to send: plain bytes */
    struct buf cipher;      /* to send: TLS records */
    struct buf flight;      /* handed to uv_write */
    bool writing;           /* flight is on its way */
    struct list write_node; /* in server->writing */
    int64_t write_deadline_us;
    size_t write_left; /* of flight when the deadline was set */
    uv_write_t write;

    struct http_exchange exchange;
    struct http_stream stream;
    char peer[INET6_ADDRSTRLEN];
    struct budget_peer *budget_peer; /* counted there; NULL: without a budget */
    size_t held;                     /* bytes of requests, as the budget knows them */
};

/** Takes over a freshly accepted connection (or closes it when that fails). */
void connection_accept(struct http_server *server, uv_stream_t *listener);
/** The same for a descriptor taken from the listening socket by hand; consumes it. */
void connection_adopt(struct http_server *server, int fd);
void connection_enter(struct connection *c, enum connection_state state);
/** The deadline of its state has passed. */
void connection_expire(struct connection *c);
/** The write deadline has passed: cut it, unless bytes moved meanwhile. */
void connection_expire_write(struct connection *c);
/** Sends what is in `out`, at once as far as the socket takes it. */
void connection_flush(struct connection *c);
/** Parses what is buffered, as far as answers allow. */
void connection_pump(struct connection *c);
/** Closes after everything in `out` is sent, without a reset that could destroy it on its way. */
void connection_finish(struct connection *c);
/** Closes now. An open stream is told from the loop, never from within this call. */
void connection_cut(struct connection *c);
/** Plain bytes from the client (tls.c after decryption). */
void connection_receive(struct connection *c, const char *bytes, size_t n);
/** The exchange or the stream was let go: frees a closed connection. */
void connection_release(struct connection *c);
/** The client is gone already and its handle closed: reports the stream from the next turn of the loop. */
void connection_report_gone(struct connection *c);
/** Ends a stream from our side (drain); its owner is told when the connection has closed. */
void stream_drop(struct connection *c);
/** Tells the budget what the connection holds of requests. */
void connection_account(struct connection *c);
/** Unsent bytes. */
size_t connection_backlog(const struct connection *c);
/** True when bytes of a further request are already here. */
static inline bool connection_has_more(const struct connection *c)
{
    return c->pumping ? c->arriving > 0 : c->in.n > c->in_at;
}
/** Appends a complete error answer to `out` and finishes. */
void connection_fail(struct connection *c, int error);
static inline struct connection *connection_of(const struct http_exchange *x)
{
    return CONTAINER_OF(x, struct connection, exchange);
}
