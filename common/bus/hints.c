/* Hints: PUB and SUB. They may be lost; whoever needs them to arrive sweeps the database.
 *
 * One PUB socket, which never blocks and drops silently for a slow subscriber. A feed is one subscribed URL:
 * a SUB socket with one aio; when it wakes the loop, what else has arrived is taken as well (at most
 * TURN_LIMIT, so that a flood does not starve the loop), then the aio is armed again. The aio of a feed is
 * never cancelled before its socket is closed (NNG 1.5.2 can crash on that). A publisher sends an empty
 * message every BEAT_MS; a feed that heard nothing for SILENCE_US drops its connection and dials again,
 * because a connection through a cut may look alive for many minutes. Gaps in a publisher's sequence are
 * counted, bus_hints_lost tells.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "bus/inner.h"
#include "bus/pipe_watch.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum {
    TURN_LIMIT = 256,
    BEAT_MS = 5000,
    PUBLISHER_LIMIT = 64, /* remembered sequences; more publishers are not checked for gaps */
};
#define SILENCE_US (16 * US_PER_S)

struct feed {
    struct list node; /* in hints->feeds */
    struct hints *hints;
    nng_socket socket;
    nng_aio *aio;
    struct wake_event event;
    struct pipe_watch watch;
    int64_t heard_us; /* monotonic */
    bus_hint_fn on_hint;
    void *ctx;
};

struct publisher_sequence {
    char *publisher;
    uint64_t last;
};

struct hints {
    struct bus *bus;
    nng_socket publisher;
    bool publishing;
    struct list feeds;
    uv_timer_t *timer;
    struct publisher_sequence sequences[PUBLISHER_LIMIT];
    size_t nsequences;
    uint64_t lost;
    int64_t silence_us;
    int redials;
};

static void publish_bytes(struct hints *hints, const void *bytes, size_t n)
{
    nng_msg *message;

    if (nng_msg_alloc(&message, n) != 0)
        return;
    if (n > 0)
        memcpy(nng_msg_body(message), bytes, n);
    if (nng_sendmsg(hints->publisher, message, NNG_FLAG_NONBLOCK) != 0)
        nng_msg_free(message);
}

static void on_beat(uv_timer_t *timer)
{
    struct hints *hints = timer->data;
    int64_t now_us = clock_monotonic_us();

    if (hints->publishing)
        publish_bytes(hints, NULL, 0);
    LIST_FOR(node, &hints->feeds)
    {
        struct feed *feed = CONTAINER_OF(node, struct feed, node);
        if (feed->watch.pipe != 0 && now_us - feed->heard_us > hints->silence_us) {
            feed->heard_us = now_us;
            hints->redials++;
            pipe_watch_redial(&feed->watch);
        }
    }
}

void hints_set_pace(struct hints *hints, uint64_t beat_ms, int64_t silence_us)
{
    hints->silence_us = silence_us;
    uv_timer_start(hints->timer, on_beat, beat_ms, beat_ms);
}

int hints_redials(const struct hints *hints)
{
    return hints->redials;
}

static struct hints *hints_get(struct bus *bus)
{
    if (bus->hints)
        return bus->hints;
    struct hints *hints = NEW(struct hints);
    hints->bus = bus;
    list_init(&hints->feeds);
    hints->timer = NEW(uv_timer_t);
    hints->timer->data = hints;
    uv_timer_init(bus->loop, hints->timer);
    hints_set_pace(hints, BEAT_MS, SILENCE_US);
    uv_unref((uv_handle_t *)hints->timer);
    bus->hints = hints;
    return hints;
}

int bus_publish_listen(struct bus *bus, const char *url, bus_peers allowed)
{
    struct hints *hints = hints_get(bus);
    struct endpoint_files files = bus_files(bus);

    if (!hints->publishing) {
        int r = endpoint_open(ENDPOINT_PUB, &hints->publisher);
        if (r != 0)
            return r;
        hints->publishing = true;
    }
    return endpoint_listen(hints->publisher, url, &files, allowed);
}

void bus_publish(struct bus *bus, const Meridian__Hint *hint)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    if (!bus->hints || !bus->hints->publishing)
        return;
    wire_pack(&hint->base, &bytes);
    if (bytes.n <= LIMIT_BUS_MESSAGE_BYTES)
        publish_bytes(bus->hints, bytes.p, bytes.n);
}

/* A lower number than before is a publisher that started anew. */
static void hints_note_sequence(struct hints *hints, const Meridian__Hint *hint)
{
    for (size_t i = 0; i < hints->nsequences; i++) {
        struct publisher_sequence *sequence = &hints->sequences[i];
        if (strcmp(sequence->publisher, hint->publisher) != 0)
            continue;
        if (hint->sequence > sequence->last)
            hints->lost += hint->sequence - sequence->last - 1;
        sequence->last = hint->sequence;
        return;
    }
    if (hints->nsequences < PUBLISHER_LIMIT)
        hints->sequences[hints->nsequences++] =
            (struct publisher_sequence){mem_str(hint->publisher), hint->sequence};
}

static void feed_take(struct feed *feed, nng_msg *bytes)
{
    struct bus *bus = feed->hints->bus;

    feed->heard_us = clock_monotonic_us();
    Meridian__Hint *hint =
        nng_msg_len(bytes) > 0 ? wire_unpack_hint(nng_msg_body(bytes), nng_msg_len(bytes)) : NULL;
    nng_msg_free(bytes);
    if (!hint)
        return;
    if (bus->drop_per_mille == 0 || random_u64() % 1000 >= (uint64_t)bus->drop_per_mille) {
        hints_note_sequence(feed->hints, hint);
        feed->on_hint(feed->ctx, hint);
    }
    meridian__hint__free_unpacked(hint, NULL);
}

static void on_feed_event(struct wake_event *event)
{
    struct feed *feed = CONTAINER_OF(event, struct feed, event);
    nng_msg *bytes;

    if (nng_aio_result(feed->aio) != 0)
        return; /* closed */
    bytes = nng_aio_get_msg(feed->aio);
    nng_aio_set_msg(feed->aio, NULL);
    feed_take(feed, bytes);
    for (int i = 0; i < TURN_LIMIT && nng_recvmsg(feed->socket, &bytes, NNG_FLAG_NONBLOCK) == 0; i++)
        feed_take(feed, bytes);
    nng_recv_aio(feed->socket, feed->aio);
}

static void on_feed_aio(void *arg)
{
    struct feed *feed = arg;
    wake_post(feed->hints->bus->wake, &feed->event);
}

static void on_feed_watch(struct pipe_watch *watch)
{
    CONTAINER_OF(watch, struct feed, watch)->heard_us = clock_monotonic_us();
}

static void feed_close(struct feed *feed)
{
    struct wake *wake = feed->hints->bus->wake;

    nng_close(feed->socket);
    nng_aio_stop(feed->aio);
    wake_forget(wake, &feed->watch.event);
    wake_forget(wake, &feed->event);
    if (nng_aio_get_msg(feed->aio))
        nng_msg_free(nng_aio_get_msg(feed->aio));
    nng_aio_free(feed->aio);
    list_remove(&feed->node);
    free(feed);
}

static int feed_open(struct hints *hints, const char *url, bus_peers expected, bus_hint_fn on_hint, void *ctx)
{
    struct endpoint_files files = bus_files(hints->bus);
    struct feed *feed = NEW(struct feed);

    feed->hints = hints;
    feed->on_hint = on_hint;
    feed->ctx = ctx;
    feed->event.run = on_feed_event;
    feed->heard_us = clock_monotonic_us();
    int r = endpoint_open(ENDPOINT_SUB, &feed->socket);
    if (r != 0) {
        free(feed);
        return r;
    }
    if (nng_aio_alloc(&feed->aio, on_feed_aio, feed) != 0)
        abort(); /* out of memory, as in base/memory.h */
    list_append(&hints->feeds, &feed->node);
    r = pipe_watch_start(&feed->watch, feed->socket, hints->bus->wake, on_feed_watch) != 0 ? -E_INTERNAL : 0;
    if (r == 0)
        r = endpoint_dial(feed->socket, url, &files, expected);
    if (r != 0) {
        feed_close(feed);
        return r;
    }
    nng_recv_aio(feed->socket, feed->aio);
    return 0;
}

int bus_subscribe(struct bus *bus, const char *const *urls, bus_peers expected, bus_hint_fn on_hint,
                  void *ctx)
{
    struct hints *hints = hints_get(bus);

    for (const char *const *url = urls; *url; url++) {
        int r = feed_open(hints, *url, expected, on_hint, ctx);
        if (r != 0)
            return r;
    }
    return 0;
}

void bus_drop_hints(struct bus *bus, int per_mille)
{
    bus->drop_per_mille = per_mille;
}

uint64_t bus_hints_lost(const struct bus *bus)
{
    return bus->hints ? bus->hints->lost : 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void hints_close(struct hints *hints)
{
    if (!hints)
        return;
    if (hints->publishing)
        nng_close(hints->publisher);
    LIST_FOR(node, &hints->feeds)
    feed_close(CONTAINER_OF(node, struct feed, node));
    for (size_t i = 0; i < hints->nsequences; i++)
        free(hints->sequences[i].publisher);
    uv_timer_stop(hints->timer);
    uv_close((uv_handle_t *)hints->timer, on_timer_closed);
    free(hints);
}
