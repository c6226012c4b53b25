/* The glue between curl_multi_socket_action and uv: curl says which sockets to watch and when to wake it, uv
 * does.
 *
 * Each watched socket has a uv_poll_t, closed when curl lets go of the socket (it does so before closing the
 * fd). Finished transfers are collected after every action; their callbacks run when the multi handle is in
 * no call, so a callback may start another transfer. What must stay true: every transfer ends in exactly one
 * `done`.
 */
#include "outbound/transport.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "meridian/errors.h"

struct transfer {
    struct list node;
    CURL *easy;
    transport_done_fn done;
    void *ctx;
};

struct watch {
    uv_poll_t poll;
    struct transport *transport;
    curl_socket_t socket;
};

struct transport {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    struct list transfers;
    bool closing;
};

static void collect(struct transport *transport)
{
    CURLMsg *message;
    int left;

    while (!transport->closing && (message = curl_multi_info_read(transport->multi, &left))) {
        CURLcode result = message->data.result;
        CURL *easy = message->easy_handle;
        struct transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        curl_multi_remove_handle(transport->multi, easy);
        list_remove(&transfer->node);
        transfer->done(transfer->ctx, easy, result);
        curl_easy_cleanup(easy);
        free(transfer);
    }
}

static void act(struct transport *transport, curl_socket_t socket, int events)
{
    int running;

    curl_multi_socket_action(transport->multi, socket, events, &running);
    collect(transport);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    act(watch->transport, watch->socket, flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_new(struct transport *transport, curl_socket_t socket)
{
    struct watch *watch = NEW(struct watch);

    watch->transport = transport;
    watch->socket = socket;
    if (uv_poll_init_socket(transport->loop, &watch->poll, socket) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    curl_multi_assign(transport->multi, socket, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
    struct transport *transport = ctx;
    struct watch *watch = socket_ctx;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(transport->multi, socket, NULL);
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (!watch && !(watch = watch_new(transport, socket)))
        return -1; /* curl ends the transfer with an error */
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_poll) == 0 ? 0 : -1;
}

static void on_timeout(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* curl wants to be woken in timeout_ms. Zero means soon, but not from inside this callback. */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct transport *transport = ctx;

    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&transport->timer);
    else
        uv_timer_start(&transport->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

int transport_open(uv_loop_t *loop, struct transport **ret_transport)
{
    struct transport *transport = NEW(struct transport);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(transport->multi = curl_multi_init())) {
        free(transport);
        return -E_INTERNAL;
    }
    transport->loop = loop;
    list_init(&transport->transfers);
    uv_timer_init(loop, &transport->timer);
    transport->timer.data = transport;
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
    curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, 32L); /* idle ones that are kept */
    *ret_transport = transport;
    return 0;
}

void transport_set_defaults(CURL *easy, int64_t timeout_us)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(timeout_us / US_PER_MS));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_us / US_PER_MS * 2 / 3));
}

CURL *transport_easy(int64_t timeout_us)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        abort(); /* out of memory */
    transport_set_defaults(easy, timeout_us);
    return easy;
}

void transport_start(struct transport *transport, CURL *take_easy, transport_done_fn done, void *ctx)
{
    struct transfer *transfer = NEW(struct transfer);

    *transfer = (struct transfer){.easy = take_easy, .done = done, .ctx = ctx};
    list_append(&transport->transfers, &transfer->node);
    curl_easy_setopt(take_easy, CURLOPT_PRIVATE, transfer);
    curl_multi_add_handle(transport->multi, take_easy);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct transport *transport_close(struct transport *transport)
{
    struct list *node;

    if (!transport)
        return NULL;
    transport->closing = true;
    while ((node = list_pop(&transport->transfers))) {
        struct transfer *transfer = CONTAINER_OF(node, struct transfer, node);

        curl_multi_remove_handle(transport->multi, transfer->easy);
        transfer->done(transfer->ctx, transfer->easy, CURLE_ABORTED_BY_CALLBACK);
        curl_easy_cleanup(transfer->easy);
        free(transfer);
    }
    curl_multi_cleanup(transport->multi);
    uv_close((uv_handle_t *)&transport->timer, on_closed);
    return NULL;
}
