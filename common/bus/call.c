/* Making requests: groups of links by preference, a queue, attempts until the time is over.
 *
 * A call is WAITING (in client->waiting: no connection, or 256 calls outstanding), SENT (an attempt of a link
 * has it) or ENDED (in calls->ended until its `done` ran). call_end is the only way to ENDED, and calls_flush
 * the only place that calls `done`, never from inside bus_call. Choosing a link: the first group with a live
 * one, its links in turn; a repeated call avoids the link that failed it while any other is live. The same
 * bytes with the same id are sent each time; the server answers the same id the same way. How it ends without
 * an answer: -E_UNAVAILABLE when nothing ever left (safe to repeat anyhow), -E_TIMEOUT when at least one
 * attempt did, so that it may have happened; -E_PEER for an answer that is none, or to another question.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "bus/link.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum {
    QUEUE_LIMIT = 4096,
    ID_LIMIT = 64,
    TICK_MS = 5, /* deadlines in the queue are grouped to this grain */
};

struct calls {
    struct bus *bus;
    struct list clients;
    struct list ended;
    struct wake_event event;
    uv_timer_t *timer;   /* for the calls that wait */
    int64_t timer_at_us; /* 0: not running */
};

struct group {
    struct list links;
};

struct bus_client {
    struct list node; /* in calls->clients */
    struct calls *calls;
    struct group *groups;
    size_t ngroups;
    struct list waiting;
    int nwaiting, outstanding;
};

struct call {
    struct list node; /* in client->waiting or calls->ended */
    struct bus_client *client;
    struct buf bytes;
    uint8_t id[ID_LIMIT];
    size_t id_n;
    int64_t deadline_us, attempt_us; /* monotonic; duration */
    bool once, sent;
    const struct link *failed; /* the link of the last attempt */
    bus_reply_fn done;
    void *ctx;
    int status;
    Meridian__Reply *reply;
};

static void call_end(struct call *call, int status, Meridian__Reply *reply)
{
    struct calls *calls = call->client->calls;

    call->status = status;
    call->reply = reply;
    list_append(&calls->ended, &call->node);
    wake_post(calls->bus->wake, &calls->event);
}

static void calls_flush(struct calls *calls)
{
    struct list *node;

    while ((node = list_pop(&calls->ended))) {
        struct call *call = CONTAINER_OF(node, struct call, node);
        call->done(call->ctx, call->status, call->reply);
        if (call->reply)
            meridian__reply__free_unpacked(call->reply, NULL);
        buf_fini(&call->bytes);
        free(call);
    }
}

static void on_calls_event(struct wake_event *event)
{
    calls_flush(CONTAINER_OF(event, struct calls, event));
}

/* The link to use next in a group, taken in turn; NULL when none is live (and not the one to avoid). */
static struct link *group_next(struct group *group, const struct link *avoid)
{
    LIST_FOR(node, &group->links)
    {
        struct link *link = CONTAINER_OF(node, struct link, node);
        if (link == avoid || !link_is_up(link))
            continue;
        list_remove(&link->node);
        list_append(&group->links, &link->node);
        return link;
    }
    return NULL;
}

static struct link *client_choose(struct bus_client *client, const struct link *avoid)
{
    for (size_t i = 0; i < client->ngroups; i++) {
        struct link *link = group_next(&client->groups[i], avoid);
        if (link)
            return link;
    }
    return NULL;
}

static void calls_arm(struct calls *calls, int64_t deadline_us);

static void client_wait(struct bus_client *client, struct call *call)
{
    list_append(&client->waiting, &call->node);
    client->nwaiting++;
    calls_arm(client->calls, call->deadline_us);
}

static void client_unwait(struct bus_client *client, struct call *call)
{
    list_remove(&call->node);
    client->nwaiting--;
}

/* Sends what waits, as far as there is a live link and room. */
static void client_pump(struct bus_client *client)
{
    if (client->calls->bus->closing)
        return;
    while (client->nwaiting > 0 && client->outstanding < LIMIT_BUS_OUTSTANDING) {
        struct call *call = CONTAINER_OF(client->waiting.next, struct call, node);
        struct link *link = client_choose(client, call->failed);
        if (!link && call->failed)
            link = client_choose(client, NULL);
        if (!link)
            return;
        int64_t until_us = clock_monotonic_us() + call->attempt_us;
        if (until_us > call->deadline_us)
            until_us = call->deadline_us;
        if (!link_send(link, &call->bytes, until_us, call))
            return;
        client_unwait(client, call);
        client->outstanding++;
    }
}

static int call_unanswered(const struct call *call)
{
    return call->sent ? -E_TIMEOUT : -E_UNAVAILABLE;
}

static void call_answered(struct call *call, nng_msg *answer)
{
    Meridian__Reply *reply = wire_unpack_reply(nng_msg_body(answer), nng_msg_len(answer));

    nng_msg_free(answer);
    if (reply && (reply->id.len != call->id_n || memcmp(reply->id.data, call->id, call->id_n) != 0)) {
        meridian__reply__free_unpacked(reply, NULL);
        reply = NULL;
    }
    if (reply && reply->has_cluster_epoch && reply->cluster_epoch > call->client->calls->bus->cluster_epoch)
        call->client->calls->bus->cluster_epoch = reply->cluster_epoch;
    call_end(call, reply ? 0 : -E_PEER, reply);
}

static void on_attempt_end(struct attempt *attempt, int result, nng_msg *answer)
{
    struct call *call = attempt->call;
    struct bus_client *client = call->client;

    client->outstanding--;
    call->failed = attempt->link;
    call->sent |= attempt->was_sent;
    if (result == 0)
        call_answered(call, answer);
    else if (call->once || clock_monotonic_us() >= call->deadline_us)
        call_end(call, call_unanswered(call), NULL);
    else
        client_wait(client, call);
    client_pump(client);
    calls_flush(client->calls);
}

static void on_link_change(struct link *link)
{
    struct bus_client *client = link->owner;

    client_pump(client);
    calls_flush(client->calls);
}

static const struct link_hooks client_hooks = {on_attempt_end, on_link_change};

/* Ends the calls in the queue whose time is over; returns the next deadline, 0 for none. */
static int64_t client_expire(struct bus_client *client, int64_t now_us)
{
    int64_t next_us = 0;

    LIST_FOR(node, &client->waiting)
    {
        struct call *call = CONTAINER_OF(node, struct call, node);
        if (call->deadline_us <= now_us) {
            client_unwait(client, call);
            call_end(call, call_unanswered(call), NULL);
        } else if (next_us == 0 || call->deadline_us < next_us) {
            next_us = call->deadline_us;
        }
    }
    return next_us;
}

static void on_calls_timer(uv_timer_t *timer)
{
    struct calls *calls = timer->data;
    int64_t now_us = clock_monotonic_us();

    calls->timer_at_us = 0;
    LIST_FOR(node, &calls->clients)
    {
        int64_t next_us = client_expire(CONTAINER_OF(node, struct bus_client, node), now_us);
        if (next_us != 0)
            calls_arm(calls, next_us);
    }
    calls_flush(calls);
}

static void calls_arm(struct calls *calls, int64_t deadline_us)
{
    int64_t left_ms = (deadline_us - clock_monotonic_us()) / US_PER_MS;

    if (calls->timer_at_us != 0 && calls->timer_at_us <= deadline_us)
        return;
    calls->timer_at_us = deadline_us;
    uv_timer_start(calls->timer, on_calls_timer, left_ms < 0 ? TICK_MS : (uint64_t)left_ms + TICK_MS, 0);
}

static struct calls *calls_open(struct bus *bus)
{
    struct calls *calls = NEW(struct calls);

    calls->bus = bus;
    calls->event.run = on_calls_event;
    list_init(&calls->clients);
    list_init(&calls->ended);
    calls->timer = NEW(uv_timer_t);
    calls->timer->data = calls;
    uv_timer_init(bus->loop, calls->timer);
    return calls;
}

static void client_free(struct bus_client *client)
{
    for (size_t i = 0; i < client->ngroups; i++)
        LIST_FOR(node, &client->groups[i].links)
    link_close(CONTAINER_OF(node, struct link, node));
    free(client->groups);
    list_remove(&client->node);
    free(client);
}

int bus_dial(struct bus *bus, const struct bus_group *groups, size_t ngroups, bus_peers expected,
             struct bus_client **ret_client)
{
    if (!bus->calls)
        bus->calls = calls_open(bus);
    struct bus_client *client = NEW(struct bus_client);
    client->calls = bus->calls;
    client->groups = NEW_ARRAY(struct group, ngroups);
    client->ngroups = ngroups;
    list_init(&client->waiting);
    list_append(&bus->calls->clients, &client->node);
    for (size_t i = 0; i < ngroups; i++)
        list_init(&client->groups[i].links);
    for (size_t i = 0; i < ngroups; i++) {
        for (const char *const *url = groups[i].urls; *url; url++) {
            struct link *link;
            int r = link_open(bus, *url, expected, &client_hooks, client, &link);
            if (r != 0) {
                client_free(client);
                return r;
            }
            list_append(&client->groups[i].links, &link->node);
        }
    }
    *ret_client = client;
    return 0;
}

bool bus_connected(const struct bus_client *client)
{
    for (size_t i = 0; i < client->ngroups; i++) {
        const struct list *links = &client->groups[i].links;
        for (const struct list *node = links->next; node != links; node = node->next)
            if (link_is_up(CONTAINER_OF(node, const struct link, node)))
                return true;
    }
    return false;
}

/* Packs with an id and the highest cluster epoch that this process has heard of, by which a database that was
 * replaced knows that it was; what the caller gave stays as it was. */
static void call_pack(struct call *call, Meridian__Request *request)
{
    ProtobufCBinaryData id = request->id;
    uint64_t epoch = request->has_cluster_epoch ? request->cluster_epoch : 0;
    uint64_t known = call->client->calls->bus->cluster_epoch;
    protobuf_c_boolean told = request->has_cluster_epoch;

    if (id.len == 0) {
        struct uuid fresh = uuid_v7();
        memcpy(call->id, fresh.bytes, sizeof fresh.bytes);
        call->id_n = sizeof fresh.bytes;
        request->id = (ProtobufCBinaryData){call->id_n, call->id};
    } else {
        call->id_n = id.len < ID_LIMIT ? id.len : ID_LIMIT;
        memcpy(call->id, id.data, call->id_n);
    }
    if (known > epoch) {
        request->has_cluster_epoch = true;
        request->cluster_epoch = known;
    }
    wire_pack(&request->base, &call->bytes);
    request->id = id;
    request->has_cluster_epoch = told;
    request->cluster_epoch = epoch;
}

void bus_call(struct bus_client *client, Meridian__Request *request, int64_t attempt_us, int64_t total_us,
              bus_reply_fn done, void *ctx)
{
    struct call *call = NEW(struct call);

    call->client = client;
    call->done = done;
    call->ctx = ctx;
    call->attempt_us = attempt_us;
    call->once = total_us == 0;
    call->deadline_us = clock_monotonic_us() + (call->once ? attempt_us : total_us);
    call_pack(call, request);
    if (call->bytes.n > LIMIT_BUS_MESSAGE_BYTES || request->id.len > ID_LIMIT) {
        call_end(call, -E_TOO_LARGE, NULL);
    } else if (client->calls->bus->closing || client->nwaiting >= QUEUE_LIMIT ||
               (call->once && !bus_connected(client))) {
        call_end(call, -E_UNAVAILABLE, NULL);
    } else {
        client_wait(client, call);
        client_pump(client);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void calls_close(struct calls *calls)
{
    if (!calls)
        return;
    LIST_FOR(node, &calls->clients)
    {
        struct bus_client *client = CONTAINER_OF(node, struct bus_client, node);
        for (size_t i = 0; i < client->ngroups; i++) {
            LIST_FOR(inner, &client->groups[i].links)
            {
                struct link *link = CONTAINER_OF(inner, struct link, node);
                LIST_FOR(busy, &link->busy)
                call_end(CONTAINER_OF(busy, struct attempt, node)->call, -E_UNAVAILABLE, NULL);
            }
        }
        LIST_FOR(inner, &client->waiting)
        {
            struct call *call = CONTAINER_OF(inner, struct call, node);
            client_unwait(client, call);
            call_end(call, -E_UNAVAILABLE, NULL);
        }
    }
    calls_flush(calls);
    LIST_FOR(node, &calls->clients)
    client_free(CONTAINER_OF(node, struct bus_client, node));
    wake_forget(calls->bus->wake, &calls->event);
    uv_timer_stop(calls->timer);
    uv_close((uv_handle_t *)calls->timer, on_timer_closed);
    free(calls);
}
