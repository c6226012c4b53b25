/* Links: REQ sockets, one for each URL.
 *
 * One socket for each URL and not one for all: then the caller decides which peer gets a request and a
 * repeated one goes elsewhere, where NNG would only rotate. A dialer has at most one connection, so a link is
 * up or down (pipe_watch.c).
 *
 * A context goes IDLE -> SENDING -> AWAITING -> IDLE. A receive is never cancelled, it only times out (NNG
 * 1.5.2 can crash when a receive is cancelled while its request is being sent; here it starts after that).
 * When the connection goes while an answer is awaited NNG ends the receive at once (NNG_ECONNRESET, because
 * resending is off); what had not been sent is withdrawn.
 *
 * After SILENT_LIMIT time-outs in a row without a single answer the connection is closed and dialled anew: a
 * connection through a cut that has healed may otherwise sit in TCP's retransmission back-off for minutes.
 */
#include "bus/link.h"
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum { SILENT_LIMIT = 4 };

/* Without a connection NNG would keep what it has not sent yet until there is one again; the caller may know
 * a better place. */
static void link_withdraw(struct link *link)
{
    LIST_FOR(node, &link->busy)
    {
        struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
        if (attempt->state == SENDING)
            nng_aio_cancel(attempt->aio);
    }
}

static void on_link_watch(struct pipe_watch *watch)
{
    struct link *link = CONTAINER_OF(watch, struct link, watch);

    link->silent = 0;
    if (!link_is_up(link))
        link_withdraw(link);
    link->hooks->on_change(link);
}

static void on_attempt_aio(void *arg)
{
    struct attempt *attempt = arg;
    wake_post(attempt->link->wake, &attempt->event);
}

/* NNG takes milliseconds; rounded up, so that an attempt never ends before its time. */
static nng_duration until_ms(int64_t until_us)
{
    int64_t left_us = until_us - clock_monotonic_us();

    if (left_us < US_PER_MS)
        return 1;
    if (left_us > INT32_MAX * US_PER_MS)
        return INT32_MAX;
    return (nng_duration)((left_us + US_PER_MS - 1) / US_PER_MS);
}

static void attempt_free(struct attempt *attempt)
{
    nng_aio_stop(attempt->aio);
    wake_forget(attempt->link->wake, &attempt->event);
    nng_msg *left = attempt->state == IDLE ? NULL : nng_aio_get_msg(attempt->aio);
    if (left)
        nng_msg_free(left);
    nng_aio_free(attempt->aio);
    list_remove(&attempt->node);
    free(attempt);
}

static void link_count_silence(struct link *link, const struct attempt *attempt, int result)
{
    if (result == 0) {
        link->silent = 0;
    } else if (result == NNG_ETIMEDOUT && attempt->pipe == link->watch.pipe &&
               ++link->silent >= SILENT_LIMIT) {
        link->silent = 0;
        pipe_watch_redial(&link->watch);
    }
}

static void attempt_end(struct attempt *attempt, int result, nng_msg *answer)
{
    struct link *link = attempt->link;

    /* The reset may arrive before the notification that the pipe went. */
    if (result == NNG_ECONNRESET && link->watch.pipe == attempt->pipe) {
        link->watch.pipe = 0;
        link_withdraw(link);
    }
    link_count_silence(link, attempt, result);
    nng_aio_set_msg(attempt->aio, NULL);
    attempt->state = IDLE;
    list_remove(&attempt->node);
    list_append(&link->idle, &attempt->node);
    link->hooks->on_end(attempt, result, answer);
}

static void on_attempt_event(struct wake_event *event)
{
    struct attempt *attempt = CONTAINER_OF(event, struct attempt, event);
    int result = (int)nng_aio_result(attempt->aio);
    nng_msg *message = nng_aio_get_msg(attempt->aio);

    switch (attempt->state) {
    case SENDING:
        if (result != 0) {
            if (message)
                nng_msg_free(message); /* unsent, ours again */
            attempt_end(attempt, result, NULL);
            return;
        }
        attempt->state = AWAITING;
        attempt->was_sent = true;
        nng_aio_set_msg(attempt->aio, NULL);
        nng_aio_set_timeout(attempt->aio, until_ms(attempt->until_us));
        nng_ctx_recv(attempt->ctx, attempt->aio);
        return;
    case AWAITING:
        attempt_end(attempt, result, result == 0 ? message : NULL);
        return;
    case IDLE:
        return;
    }
}

static struct attempt *attempt_new(struct link *link)
{
    struct attempt *attempt = NEW(struct attempt);

    attempt->link = link;
    attempt->event.run = on_attempt_event;
    if (nng_ctx_open(&attempt->ctx, link->socket) != 0 ||
        nng_aio_alloc(&attempt->aio, on_attempt_aio, attempt) != 0)
        abort(); /* out of memory, as in base/memory.h */
    link->attempts++;
    return attempt;
}

bool link_send(struct link *link, const struct buf *bytes, int64_t until_us, void *call)
{
    struct list *node = list_pop(&link->idle);
    struct attempt *attempt;
    nng_msg *message;

    if (node)
        attempt = CONTAINER_OF(node, struct attempt, node);
    else if (link->attempts < LIMIT_BUS_OUTSTANDING)
        attempt = attempt_new(link);
    else
        return false;
    if (nng_msg_alloc(&message, bytes->n) != 0)
        abort();
    memcpy(nng_msg_body(message), bytes->p, bytes->n);
    list_append(&link->busy, &attempt->node);
    attempt->state = SENDING;
    attempt->call = call;
    attempt->until_us = until_us;
    attempt->pipe = link->watch.pipe;
    attempt->was_sent = false;
    nng_aio_set_msg(attempt->aio, message);
    nng_aio_set_timeout(attempt->aio, until_ms(until_us));
    nng_ctx_send(attempt->ctx, attempt->aio);
    return true;
}

int link_open(struct bus *bus, const char *url, bus_peers expected, const struct link_hooks *hooks,
              void *owner, struct link **ret_link)
{
    struct link *link = NEW(struct link);
    struct endpoint_files files = bus_files(bus);

    link->owner = owner;
    link->hooks = hooks;
    link->wake = bus->wake;
    list_init(&link->idle);
    list_init(&link->busy);
    int r = endpoint_open(ENDPOINT_REQ, &link->socket);
    if (r != 0) {
        free(link);
        return r;
    }
    if (pipe_watch_start(&link->watch, link->socket, bus->wake, on_link_watch) != 0)
        r = -E_INTERNAL;
    if (r == 0)
        r = endpoint_dial(link->socket, url, &files, expected);
    if (r != 0) {
        link_close(link);
        return r;
    }
    *ret_link = link;
    return 0;
}

struct link *link_close(struct link *link)
{
    nng_close(link->socket);
    wake_forget(link->wake, &link->watch.event);
    LIST_FOR(node, &link->busy)
    attempt_free(CONTAINER_OF(node, struct attempt, node));
    LIST_FOR(node, &link->idle)
    attempt_free(CONTAINER_OF(node, struct attempt, node));
    free(link);
    return NULL;
}
