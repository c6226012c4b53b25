/* An HTTP/1.1 server on libuv: llhttp in strict mode, our guards, OpenSSL. One loop thread; nothing here is
 * thread-safe. Whatever two parsers could read differently is refused with 400 (guard.c): folding, two
 * lengths, trailers, foreign absolute targets.
 *
 * For each complete request (headers and whole body, within the limits) the handler is called once with an
 * exchange. It answers now or later, exactly once, with http_respond or http_stream_start; requests of one
 * connection are answered in order. If the client goes away, the exchange stays valid until answered (the
 * answer is dropped); `on_gone` tells who wants to know.
 */
#pragma once
#include "base/buf.h"
#include <stdbool.h>
#include <uv.h>

struct http_server;
struct http_exchange;

/** What the clients of several servers may use together. They share it: it goes with the last of them and
 * whoever made it. */
struct http_budget;
/** `max_bytes` of requests that are being received or wait for their turn: beyond it a body is refused with
 * 503 and Retry-After, and the connection closed. `max_per_peer` connections of one address (of IPv6 one
 * /64): more are closed at accept. 0: no limit. */
struct http_budget *http_budget_new(size_t max_bytes, int max_per_peer);
void http_budget_limit(struct http_budget *budget, size_t max_bytes, int max_per_peer);
size_t http_budget_bytes(const struct http_budget *budget);       /* held now */
struct http_budget *http_budget_free(struct http_budget *budget); /* NULL is fine; returns NULL */

struct http_options {
    uv_loop_t *loop;
    const char *address; /* "127.0.0.1:8401" or "[::1]:8401"; port 0 picks one. Ignored when listen_fd >= 0 */
    int listen_fd;       /* an inherited listening socket (LISTEN_FDS), or -1 */
    bool exclusive;      /* refuse an address that another process listens on; else they share it */
    const char *tls_cert; /* PEM files; NULL for plain HTTP. TLS 1.2 and 1.3 */
    const char *tls_key;
    size_t max_body;            /* 0: LIMIT_HTTP_BODY_BYTES */
    int max_connections;        /* 0: 4096; more are closed at accept */
    struct http_budget *budget; /* shared; NULL: none */
    int64_t header_timeout_us;  /* 0: 10 s from the first byte of a request to the end of its headers: 408 */
    int64_t body_timeout_us;    /* 0: 30 s for the body: 408 */
    int64_t idle_timeout_us;    /* 0: 75 s between requests */
    int64_t write_timeout_us;   /* 0: 30 s in which the client takes no byte of an answer */
    void (*handler)(void *ctx, struct http_exchange *exchange);
    /** Renders a protocol error (400, 408, 413, 414, 431, 501...) as a body; NULL gives a plain text. */
    void (*render_error)(void *ctx, int code /* meridian error */, struct buf *ret_body,
                         const char **ret_content_type);
    void *ctx;
};

/** -E_CONFIG for a bad address or TLS files, -E_IO when it cannot listen. Ignores SIGPIPE for the process. */
int http_server_open(const struct http_options *options, struct http_server **ret_server) _must_check_;
int http_server_port(const struct http_server *server);
/** Reads certificate and key again for new connections; the old pair stays on failure (-E_CONFIG). */
int http_server_reload_tls(struct http_server *server) _must_check_;
/** Answers what is in flight with `Connection: close`, ends streams, lets idle connections bring one last
 * request for a second. An own listening socket takes no new connection and is closed half a second later,
 * when begun handshakes are over. Calls `done` when the last connection is gone. The server is freed by
 * http_server_free after that (or at once, cutting connections). */
void http_server_drain(struct http_server *server, void (*done)(void *ctx), void *ctx);
struct http_server *http_server_free(struct http_server *server);
int http_server_connections(const struct http_server *server);

/* ---- the request: all borrowed until the exchange is answered ---- */
enum http_method {
    HTTP_GET_,
    HTTP_HEAD_,
    HTTP_POST_,
    HTTP_PUT_,
    HTTP_PATCH_,
    HTTP_DELETE_,
    HTTP_OPTIONS_,
    HTTP_OTHER_
};
enum http_method http_method(const struct http_exchange *x);
const char *http_method_name(const struct http_exchange *x);
struct str http_path(const struct http_exchange *x);  /* raw, before '?', not decoded */
struct str http_query(const struct http_exchange *x); /* raw, after '?'; empty if none */
/** Value of the first header of that name (any case); p NULL when absent. */
struct str http_header(const struct http_exchange *x, const char *name);
/** One query parameter, percent- and plus-decoded into *ret_value (appended). 0, 1 when absent,
 * -E_BAD_REQUEST on a bad escape. */
int http_query_param(const struct http_exchange *x, const char *name, struct buf *ret_value) _must_check_;
/** One cookie of the Cookie header; p NULL when absent. */
struct str http_cookie(const struct http_exchange *x, const char *name);
struct str http_body(const struct http_exchange *x);
const char *http_peer(const struct http_exchange *x);    /* "127.0.0.1" */
bool http_secure(const struct http_exchange *x);         /* over our own TLS */
int64_t http_received_us(const struct http_exchange *x); /* monotonic clock, request complete */
/** A slot for the caller's own state; `free_data` runs when the exchange ends. */
void http_set_data(struct http_exchange *x, void *data, void (*free_data)(void *));
void *http_data(const struct http_exchange *x);

/* ---- the answer ---- */
/** Adds a response header; CR, LF or NUL in it ends the process (a bug of ours). */
void http_add_header(struct http_exchange *x, const char *name, const char *value);
/** Answers. Content-Length, Date, Connection and security headers (nosniff, no-store unless Cache-Control was
 * set) are added. The body is copied. HEAD gets no body. The exchange must not be touched afterwards. */
void http_respond(struct http_exchange *x, int status, const char *content_type, struct str body);

/** Starts a server-sent event stream (200, text/event-stream, X-Accel-Buffering: no). `on_gone` is called
 * exactly once, from the loop and never from within one of these calls, when the client left, the server
 * drained, or the stream's unsent bytes passed `max_backlog`; the stream is invalid afterwards. Until then
 * writing to it is allowed (and does nothing). The exchange must not be touched after the start. */
struct http_stream;
struct http_stream *http_stream_start(struct http_exchange *x, size_t max_backlog, void (*on_gone)(void *ctx),
                                      void *ctx);
void http_stream_write(struct http_stream *stream, struct str bytes); /* copied */
/** `on_drained`, with the same ctx, is called from the loop when a backlog has been taken by the system: time
 * to write on. */
void http_stream_on_drained(struct http_stream *stream, void (*on_drained)(void *ctx));
size_t http_stream_backlog(const struct http_stream *stream); /* bytes not yet taken by the system */
void http_stream_end(struct http_stream *stream);             /* on_gone is not called */

/* ---- static files ---- */
struct http_files;
/** Serves a folder: strong ETag, If-None-Match, precompressed siblings (.br, .gz) by Accept-Encoding,
 * `immutable` for names with a content hash, no dot files, no symlinks, no listing; index.html for a folder.
 * -E_IO if it cannot be opened. */
int http_files_open(const char *directory, struct http_files **ret_files) _must_check_;
struct http_files *http_files_close(struct http_files *files);
/** Answers the exchange with the file at `path` (relative, raw). -E_NOT_FOUND, -E_METHOD (not GET or HEAD) or
 * -E_IO leave it unanswered, without added headers. Blocking reads of small files (up to 16 MiB). */
int http_files_respond(struct http_files *files, struct http_exchange *x, struct str path) _must_check_;
