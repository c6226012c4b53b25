/* A link is one URL that requests go to: a REQ socket, its connection state, and the contexts that carry one
 * attempt each. Private. */
#pragma once
#include "bus/inner.h"
#include "bus/pipe_watch.h"

struct link;

/* One attempt at a call, on one context. */
struct attempt {
    struct list node; /* in link->idle or link->busy */
    struct link *link;
    nng_ctx ctx;
    nng_aio *aio;
    struct wake_event event;
    enum { IDLE, SENDING, AWAITING } state;
    int64_t until_us; /* monotonic */
    uint32_t pipe;    /* of the link when it was sent */
    bool was_sent;    /* NNG took it: the peer may have it */
    void *call;
};

struct link_hooks {
    /** The attempt is over: 0 with the answer (the callee frees it), or an NNG error. The attempt is idle
     * again after return. */
    void (*on_end)(struct attempt *attempt, int result, nng_msg *answer);
    /** The link came up or went down. */
    void (*on_change)(struct link *link);
};

struct link {
    struct list node; /* for its owner */
    void *owner;
    const struct link_hooks *hooks;
    struct wake *wake;
    nng_socket socket;
    struct list idle, busy;
    int attempts; /* made so far, idle or not */
    int silent;   /* attempts in a row that timed out */
    struct pipe_watch watch;
};

/** 0, -E_CONFIG or -E_INTERNAL. */
int link_open(struct bus *bus, const char *url, bus_peers expected, const struct link_hooks *hooks,
              void *owner, struct link **ret_link) _must_check_;
/** Running attempts end without their hook. Returns NULL. */
struct link *link_close(struct link *link);
static inline bool link_is_up(const struct link *link)
{
    return link->watch.pipe != 0;
}
/** Sends the bytes; on_end follows, never from inside. False when all contexts are in use. */
bool link_send(struct link *link, const struct buf *bytes, int64_t until_us, void *call);
