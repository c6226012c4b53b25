/* One tail, one ring, many subscribers.
 *
 * What must stay true: a subscriber's position only moves forward, and everything it may see between two
 * positions it had was sent to it in order. The ring holds every event after `base` up to `tail`; a
 * subscriber below `base` is behind and reads from the database, one page at a time, until the ring has what
 * follows. A subscriber whose client reads slowly is given nothing more while FULL bytes wait for it; it goes
 * on from its position when they have left. One that does not read at all is cut by the server's write
 * timeout, and comes back with its Last-Event-ID. Without subscribers no event is read, only where the feed
 * ends, once a second, so that the first one can be told at once from where its stream is complete. */
#include "intake/feed.h"
#include "auth/authz.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "store/feed.h"

enum { RING = 2048, PAGE = 500, REPLAY_PAGE = 100, POLL_MS = 1000, EAGER_MS = 50 };
enum { MAX_BACKLOG = 128 << 10, FULL = MAX_BACKLOG / 2 };
#define EAGER_FOR_US (1 * US_PER_S)
#define ASK_STILL_US (2 * US_PER_S)
/* A standby of another region may be behind a client's position, but never by a million transactions: that is
 * another desk's id. */
#define FAR_AHEAD (1000000LL << 20)

struct subscriber {
    struct list node;
    struct feed *feed;
    struct http_stream *stream; /* NULL: gone, but a page is still being read for it */
    enum user_role role;
    char user_id[UUID_TEXT_SIZE], ticket[40];
    uint32_t *teams;
    size_t nteams;
    uint8_t token_hash[AUTH_HASH_SIZE];
    int64_t position, replayed, sent_us, asked_us;
    bool reading, bad_id;
};

/* A page of the feed, read on a worker. */
struct page {
    struct feed *feed;
    struct subscriber *subscriber; /* NULL: for the tail */
    int64_t after, horizon;
    bool first;   /* in: the first page of a replay; out of it comes too_old */
    bool too_old; /* what follows may be incomplete, or is older than the window */
    struct feed_event events[PAGE];
    size_t n, most;
};

struct feed {
    struct feed_options options;
    uv_timer_t timer;
    int handles;
    bool stopped, freed, tailing, poked, started; /* started: base and tail are known */
    struct list subscribers;
    int n;
    int64_t base, tail, eager_until_us;
    struct feed_event ring[RING];
    size_t first, count;
    struct metric *gauge, *sent;
};

static void read_tail(struct feed *feed);
static void advance(struct subscriber *subscriber);

/* ---- what is sent ---- */

static bool may_see(const struct subscriber *s, const struct feed_event *event)
{
    struct authz_subject subject = {s->role, s->user_id, s->teams, s->nteams};
    struct authz_ticket ticket = {event->requester_id, event->submitter_id, NULL, event->team,
                                  event->restricted};

    if (s->ticket[0] && strcmp(s->ticket, event->number) != 0)
        return false;
    if (!event->public && s->role == ROLE_REQUESTER)
        return false;
    return authz(&subject, AUTHZ_TICKET_READ, &ticket) == AUTHZ_ALLOW;
}

/* CloudEvents 1.0, structured JSON. */
static void render(const struct feed_event *event, enum user_role role, struct buf *out)
{
    char at[CLOCK_TEXT_SIZE];
    const char *hidden = role == ROLE_REQUESTER ? event->data_for_requesters : NULL;
    struct str data = str_from(hidden ? hidden : event->data);

    buf_printf(out,
               "id: %lld\nevent: %s\ndata: "
               "{\"specversion\":\"1.0\",\"id\":\"%lld\",\"source\":\"/regions/"
               "%s\",\"type\":\"org.meridian.%s.v1\",\"subject\":\"%s\",\"time\":\"%s\",\"datacontenttype\":"
               "\"application/json\",\"data\":{\"seq\":%d,\"actor\":",
               (long long)event->position, event->type, (long long)event->position, event->region,
               event->type, event->number, clock_format(event->at_us, at), event->seq);
    buf_json_text(out, event->actor);
    if (data.n > 2) { /* the members of the event's own object follow */
        buf_add_char(out, ',');
        buf_add(out, data.p + 1, data.n - 1);
    } else {
        buf_add_char(out, '}');
    }
    buf_add_text(out, "}\n\n");
}

static void send_bytes(struct subscriber *s, struct str bytes)
{
    s->sent_us = clock_monotonic_us();
    http_stream_write(s->stream, bytes); /* may end in on_gone, which clears s->stream */
}

static void deliver(struct subscriber *s, const struct feed_event *event)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    s->position = event->position;
    if (!s->stream || !may_see(s, event))
        return;
    render(event, s->role, &text);
    metric_add(s->feed->sent, NULL, 1);
    send_bytes(s, buf_str(&text));
}

static void send_reset(struct subscriber *s, const char *reason)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    s->position = s->feed->tail;
    buf_printf(&text, "id: %lld\nevent: reset\ndata: {\"reason\":\"%s\",\"position\":%lld}\n\n",
               (long long)s->position, reason, (long long)s->position);
    send_bytes(s, buf_str(&text));
}

/* ---- subscribers ---- */

static void subscriber_free(struct subscriber *s)
{
    list_remove(&s->node);
    free(s->teams);
    free(s);
}

static void on_gone(void *ctx)
{
    struct subscriber *s = ctx;

    s->stream = NULL;
    s->feed->n--;
    metric_set(s->feed->gauge, NULL, s->feed->n);
}

static void on_drained(void *ctx)
{
    advance(ctx);
}

/* Frees those that left. Kept apart from on_gone, which may run in the middle of a walk over the list. */
static void sweep(struct feed *feed)
{
    LIST_FOR(node, &feed->subscribers)
    {
        struct subscriber *s = CONTAINER_OF(node, struct subscriber, node);
        if (!s->stream && !s->reading)
            subscriber_free(s);
    }
}

/* ---- pages ---- */

/* Where the feed ends now, and whether a replay after page->after can be complete. */
static int page_bounds(struct db_conn *conn, struct page *page)
{
    struct feed_bounds bounds;
    int64_t oldest_us = clock_now_us() - page->feed->options.window_us;
    int r;

    r = store_feed_bounds(conn, page->after, &bounds);
    if (r < 0)
        return r;
    page->horizon = bounds.end;
    page->too_old = bounds.next_at_us && (!bounds.known || bounds.next_at_us < oldest_us);
    return 0;
}

static int page_work(struct db_conn *conn, void *job)
{
    struct page *page = job;
    int r = 0;

    for (size_t i = 0; i < page->n; i++)
        feed_event_fini(&page->events[i]);
    page->n = 0;
    if (page->first)
        r = page_bounds(conn, page);
    if (r < 0 || (page->first && !page->subscriber) || page->too_old)
        return r;
    return store_feed_read(conn, page->after, page->most, page->events, &page->n, &page->horizon);
}

static void page_free(struct page *page)
{
    for (size_t i = 0; i < page->n; i++)
        feed_event_fini(&page->events[i]);
    free(page);
}

static void ring_clear(struct feed *feed)
{
    for (; feed->count; feed->count--, feed->first = (feed->first + 1) % RING)
        feed_event_fini(&feed->ring[feed->first]);
}

static void maybe_release(struct feed *feed)
{
    if (!feed->freed || feed->handles || feed->tailing || !list_empty(&feed->subscribers))
        return;
    ring_clear(feed);
    free(feed);
}

static void on_subscriber_page(void *job, int status)
{
    struct page *page = job;
    struct subscriber *s = page->subscriber;
    struct feed *feed = page->feed;

    s->reading = false;
    if (s->stream && status < 0) {
        http_stream_end(s->stream); /* the client comes back with its last id */
        on_gone(s);
    } else if (s->stream && page->too_old) {
        send_reset(s, "older than what is kept");
    } else if (s->stream && (s->replayed += (int64_t)page->n) > feed->options.max_replay) {
        send_reset(s, "too much was missed");
    } else if (s->stream) {
        for (size_t i = 0; i < page->n && s->stream; i++)
            deliver(s, &page->events[i]);
        if (page->n < page->most && page->horizon > s->position)
            s->position = page->horizon;
    }
    if (s->stream)
        advance(s);
    page_free(page);
    sweep(feed);
    maybe_release(feed);
}

/* Sends what the ring has for this subscriber, or reads what the ring no longer has. */
static void advance(struct subscriber *s)
{
    struct feed *feed = s->feed;
    struct page *page;

    if (s->reading || !s->stream || !feed->started || http_stream_backlog(s->stream) > FULL)
        return;
    if (s->bad_id || s->position - feed->tail > FAR_AHEAD) {
        s->bad_id = false;
        send_reset(s, "not an event id of this desk");
        return;
    }
    if (s->position < 0)
        s->position = feed->tail; /* began before the tail was known */
    if (s->position >= feed->base) {
        for (size_t i = 0; i < feed->count && s->stream; i++) {
            const struct feed_event *event = &feed->ring[(feed->first + i) % RING];
            if (event->position > s->position && http_stream_backlog(s->stream) > FULL)
                return;
            if (event->position > s->position)
                deliver(s, event);
        }
        if (s->position < feed->tail)
            s->position = feed->tail;
        return;
    }
    page = NEW(struct page);
    page->feed = feed;
    page->subscriber = s;
    page->after = s->position;
    page->most = REPLAY_PAGE;
    page->first = s->replayed == 0;
    if (db_pool_submit(feed->options.pool, page_work, on_subscriber_page, page, 0) < 0) {
        free(page);
        http_stream_end(s->stream);
        on_gone(s);
        return;
    }
    s->reading = true;
}

static void ring_add(struct feed *feed, struct feed_event *take_event)
{
    if (feed->count == RING) {
        struct feed_event *oldest = &feed->ring[feed->first];
        feed->base = oldest->position;
        feed_event_fini(oldest);
        feed->first = (feed->first + 1) % RING;
        feed->count--;
    }
    feed->ring[(feed->first + feed->count++) % RING] = *take_event;
    *take_event = (struct feed_event){0};
}

static void on_tail_page(void *job, int status)
{
    struct page *page = job;
    struct feed *feed = page->feed;
    bool full = page->n == page->most;

    feed->tailing = false;
    if (status == 0 && page->first) {
        ring_clear(feed);
        feed->base = feed->tail = page->horizon;
        feed->started = true;
    } else if (status == 0) {
        int64_t last = page->n ? page->events[page->n - 1].position : feed->tail;
        if (page->n)
            feed->eager_until_us = 0;
        for (size_t i = 0; i < page->n; i++)
            ring_add(feed, &page->events[i]);
        feed->tail = full ? last : page->horizon > last ? page->horizon : last;
    }
    page->n = 0; /* the events are the ring's now */
    page_free(page);
    if (!feed->stopped) {
        LIST_FOR(node, &feed->subscribers)
        {
            advance(CONTAINER_OF(node, struct subscriber, node));
        }
        sweep(feed);
        if (full || feed->poked)
            read_tail(feed);
    }
    maybe_release(feed);
}

static void read_tail(struct feed *feed)
{
    struct page *page;

    feed->poked = feed->tailing; /* look again after the one under way */
    if (feed->tailing || feed->stopped)
        return;
    page = NEW(struct page);
    page->feed = feed;
    page->after = feed->tail;
    page->most = PAGE;
    page->first = !feed->started || !feed->n;
    if (db_pool_submit(feed->options.pool, page_work, on_tail_page, page, 0) < 0) {
        free(page);
        return;
    }
    feed->tailing = true;
}

/* Ends a stream whose session ended meanwhile, or came to see something else. */
static void ask_still(struct subscriber *s, int64_t now)
{
    struct feed_options *options = &s->feed->options;
    struct feed_viewer viewer = {s->role, s->user_id, s->teams, s->nteams, {0}};

    if (!options->still || now - s->asked_us < ASK_STILL_US)
        return;
    s->asked_us = now;
    memcpy(viewer.token_hash, s->token_hash, sizeof viewer.token_hash);
    if (options->still(options->ctx, &viewer))
        return;
    http_stream_end(s->stream);
    on_gone(s);
}

static void heartbeat(struct feed *feed)
{
    int64_t now = clock_monotonic_us();

    LIST_FOR(node, &feed->subscribers)
    {
        struct subscriber *s = CONTAINER_OF(node, struct subscriber, node);
        if (s->stream)
            ask_still(s, now);
        if (s->stream && now - s->sent_us >= feed->options.heartbeat_us)
            send_bytes(s, STR(": heartbeat\n\n"));
    }
    sweep(feed);
}

static void on_timer(uv_timer_t *timer)
{
    struct feed *feed = timer->data;
    bool eager = clock_monotonic_us() < feed->eager_until_us;

    heartbeat(feed);
    read_tail(feed);
    uv_timer_start(&feed->timer, on_timer, eager ? EAGER_MS : POLL_MS, 0);
}

/* ---- public ---- */

struct feed *feed_new(const struct feed_options *options)
{
    struct feed *feed = NEW(struct feed);

    feed->options = *options;
    list_init(&feed->subscribers);
    uv_timer_init(options->loop, &feed->timer);
    feed->timer.data = feed;
    feed->handles = 1;
    uv_timer_start(&feed->timer, on_timer, POLL_MS, 0);
    feed->gauge = metric_gauge("meridian_intake_feed_subscribers", "Open event streams.", NULL);
    feed->sent = metric_counter("meridian_intake_feed_events_total", "Events sent on event streams.", NULL);
    return feed;
}

void feed_stop(struct feed *feed)
{
    if (feed->stopped)
        return;
    feed->stopped = true;
    uv_timer_stop(&feed->timer);
    LIST_FOR(node, &feed->subscribers)
    {
        struct subscriber *s = CONTAINER_OF(node, struct subscriber, node);
        if (s->stream) {
            http_stream_end(s->stream);
            on_gone(s);
        }
    }
    sweep(feed);
}

static void on_closed(uv_handle_t *handle)
{
    struct feed *feed = handle->data;

    feed->handles--;
    maybe_release(feed);
}

struct feed *feed_free(struct feed *feed)
{
    if (!feed)
        return NULL;
    feed_stop(feed);
    feed->freed = true;
    uv_close((uv_handle_t *)&feed->timer, on_closed);
    return NULL;
}

void feed_poke(struct feed *feed)
{
    if (!feed->n || feed->stopped)
        return;
    feed->eager_until_us = clock_monotonic_us() + EAGER_FOR_US;
    uv_timer_start(&feed->timer, on_timer, EAGER_MS, 0);
    read_tail(feed);
}

int feed_subscribers(const struct feed *feed)
{
    return feed->n;
}

static int subscriptions_of(const struct feed *feed, const char *user_id)
{
    int n = 0;

    LIST_FOR(node, &feed->subscribers)
    {
        const struct subscriber *s = CONTAINER_OF(node, struct subscriber, node);
        n += s->stream && strcmp(s->user_id, user_id) == 0;
    }
    return n;
}

int feed_subscribe(struct feed *feed, struct http_exchange *x, const struct feed_viewer *viewer,
                   struct str ticket, struct str last_id)
{
    struct subscriber *s;
    _cleanup_buf_ struct buf hello = BUF_INIT;
    int64_t position = -1;
    bool bad = last_id.n && str_to_i64(last_id, 0, INT64_MAX >> 1, &position) < 0;

    if (feed->stopped || feed->n >= feed->options.max_subscribers || ticket.n >= sizeof s->ticket)
        return -E_UNAVAILABLE;
    if (subscriptions_of(feed, viewer->user_id) >= feed->options.max_per_user)
        return -E_RATE_LIMITED;
    s = NEW(struct subscriber);
    s->feed = feed;
    s->role = viewer->role;
    snprintf(s->user_id, sizeof s->user_id, "%s", viewer->user_id);
    memcpy(s->ticket, ticket.p ? ticket.p : "", ticket.n);
    s->teams = mem_dup(viewer->teams, viewer->nteams * sizeof *viewer->teams);
    s->nteams = viewer->nteams;
    memcpy(s->token_hash, viewer->token_hash, sizeof s->token_hash);
    s->asked_us = clock_monotonic_us();
    s->position = position;
    list_append(&feed->subscribers, &s->node);
    feed->n++;
    metric_set(feed->gauge, NULL, feed->n);
    s->stream = http_stream_start(x, MAX_BACKLOG, on_gone, s);
    http_stream_on_drained(s->stream, on_drained);
    buf_add_text(&hello, ": connected\nretry: 2000\n");
    if (feed->started && !last_id.n) {
        s->position = feed->tail;
        buf_printf(&hello, "id: %lld\n", (long long)feed->tail);
    }
    buf_add_char(&hello, '\n');
    send_bytes(s, buf_str(&hello));
    s->bad_id = bad;
    if (s->stream)
        advance(s);
    read_tail(feed);
    return 0;
}
