/* One request being read: bytes in, fields and body out. No sockets: connection.c and the fuzz target feed
 * it. */
#pragma once
#include "http/guard.h"
#include "http/http.h"
#include <llhttp.h>

enum { REQUEST_HEADERS = 100 };

/** A run of bytes of the head, by position: the buffer may move while the head grows. */
struct span {
    uint16_t at, n;
};
struct header {
    struct span name, value;
};

struct request {
    llhttp_t parser;
    struct guard guard;
    struct buf head; /* raw bytes of the head; headers and target point into it */
    struct buf body; /* decoded */
    size_t max_body;
    size_t body_raw;   /* bytes of the body as they came, chunk framing included */
    char body_tail[4]; /* the last of them */
    uint64_t length;   /* Content-Length */
    size_t n_headers;  /* complete ones */
    int error;         /* why a callback stopped llhttp; 0: llhttp's own verdict */
    enum http_method method;
    uint8_t major, minor;
    bool headers_complete, message_complete, connect, keep_alive, chunked, expect_continue;
    struct span target;
    struct str path, query;
    struct header headers[REQUEST_HEADERS];
};

enum {
    REQUEST_MORE,     /* all bytes used */
    REQUEST_HAS_HEAD, /* head complete, body to come (asked once, so that the caller can send 100 Continue) */
    REQUEST_COMPLETE, /* a request is ready; bytes after *ret_used belong to the next one */
};

void request_init(struct request *request, size_t max_body);
void request_fini(struct request *request);
/** Ready for the next request; keeps the memory, unless it grew large. */
void request_reset(struct request *request);
static inline bool request_started(const struct request *request)
{
    return request->guard.bytes > 0;
}
/** Feeds bytes. One of the outcomes above, or the failure to answer before closing the connection; the
 * request must be reset or dropped after a failure. */
int request_feed(struct request *request, const char *bytes, size_t n, size_t *ret_used) _must_check_;
static inline struct str request_text(const struct request *request, struct span span)
{
    return (struct str){request->head.p + span.at, span.n};
}
/** The first header of that name, any case; p NULL when absent. */
struct str request_header(const struct request *request, struct str name);
