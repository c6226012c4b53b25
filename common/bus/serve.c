/* Serving requests: REP sockets with several contexts each.
 *
 * A receiver is one NNG context with one aio and goes round: RECEIVING (NNG has the aio) -> IN_HAND (the
 * handler has the request) -> ANSWERING (NNG sends) -> RECEIVING. As many requests are in hand as there are
 * receivers; further ones stay in the peers' TCP buffers, which is the back-pressure. An answer that its peer
 * does not take within ANSWER_TIMEOUT_MS is dropped with the connection, so that dead peers cannot use up all
 * receivers. Bytes that are no request are answered with E_BAD_REQUEST and an empty id. After bus_serve_stop
 * nothing is delivered any more, and when the last request in hand is answered the sockets close: callers see
 * the connection go and repeat elsewhere. A request belongs to its handler until bus_answer, also beyond
 * bus_close: then the answer goes nowhere.
 */
#include "base/memory.h"
#include "bus/inner.h"
#include "meridian/errors.h"
#include "meridian/limits.h"

enum { ANSWER_TIMEOUT_MS = 10000 };

struct receiver {
    struct list node; /* in server->receivers */
    struct server *server;
    nng_ctx ctx;
    nng_aio *aio;
    struct wake_event event;
    enum { RECEIVING, IN_HAND, ANSWERING, STOPPED } state;
    nng_pipe pipe; /* of the request in hand */
    struct bus_request *request;
};

struct server {
    struct list node; /* in serve->servers */
    struct serve *serve;
    nng_socket socket;
    bool open;
    bus_handler handler;
    void *ctx;
    struct list receivers;
};

struct serve {
    struct bus *bus;
    struct list servers;
    int in_hand;
    int answering;
    bool stopping;
};

struct bus_request {
    struct receiver *receiver; /* NULL when the bus was closed meanwhile */
    Meridian__Request *message;
};

static void on_receiver_aio(void *arg)
{
    struct receiver *receiver = arg;
    wake_post(receiver->server->serve->bus->wake, &receiver->event);
}

static void server_close_socket(struct server *server)
{
    if (server->open)
        nng_close(server->socket);
    server->open = false;
}

/* Called whenever something ended while stopping: closes once nothing is in hand or on its way out. */
static void serve_settle(struct serve *serve)
{
    if (!serve->stopping || serve->in_hand > 0 || serve->answering > 0)
        return;
    LIST_FOR(node, &serve->servers)
    server_close_socket(CONTAINER_OF(node, struct server, node));
}

static void receiver_receive(struct receiver *receiver)
{
    if (receiver->server->serve->stopping) {
        receiver->state = STOPPED;
        return;
    }
    receiver->state = RECEIVING;
    nng_aio_set_timeout(receiver->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(receiver->ctx, receiver->aio);
}

static void receiver_answer(struct receiver *receiver, const Meridian__Reply *reply)
{
    size_t n = meridian__reply__get_packed_size(reply);
    nng_msg *message;

    if (nng_msg_alloc(&message, n) != 0)
        abort(); /* out of memory, as in base/memory.h */
    meridian__reply__pack(reply, nng_msg_body(message));
    receiver->state = ANSWERING;
    receiver->server->serve->answering++;
    nng_aio_set_msg(receiver->aio, message);
    nng_aio_set_timeout(receiver->aio, ANSWER_TIMEOUT_MS);
    nng_ctx_send(receiver->ctx, receiver->aio);
}

static void receiver_refuse(struct receiver *receiver)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    reply.status = E_BAD_REQUEST;
    receiver_answer(receiver, &reply);
}

static void receiver_received(struct receiver *receiver)
{
    struct serve *serve = receiver->server->serve;

    if (nng_aio_result(receiver->aio) != 0) {
        receiver->state = STOPPED; /* the socket was closed or the receive cancelled by bus_serve_stop */
        return;
    }
    nng_msg *bytes = nng_aio_get_msg(receiver->aio);
    nng_aio_set_msg(receiver->aio, NULL);
    if (serve->stopping) {
        receiver->state = STOPPED;
        nng_msg_free(bytes);
        return;
    }
    receiver->pipe = nng_msg_get_pipe(bytes);
    Meridian__Request *message = wire_unpack_request(nng_msg_body(bytes), nng_msg_len(bytes));
    nng_msg_free(bytes);
    if (!message) {
        receiver_refuse(receiver);
        return;
    }
    struct bus_request *request = NEW(struct bus_request);
    request->receiver = receiver;
    request->message = message;
    receiver->state = IN_HAND;
    receiver->request = request;
    serve->in_hand++;
    receiver->server->handler(receiver->server->ctx, request);
}

static void receiver_answered(struct receiver *receiver)
{
    struct serve *serve = receiver->server->serve;

    if (nng_aio_result(receiver->aio) != 0) {
        nng_msg *unsent = nng_aio_get_msg(receiver->aio);
        if (unsent)
            nng_msg_free(unsent);
        nng_pipe_close(receiver->pipe);
    }
    nng_aio_set_msg(receiver->aio, NULL);
    serve->answering--;
    receiver_receive(receiver);
    serve_settle(serve);
}

static void on_receiver_event(struct wake_event *event)
{
    struct receiver *receiver = CONTAINER_OF(event, struct receiver, event);

    if (receiver->state == RECEIVING)
        receiver_received(receiver);
    else if (receiver->state == ANSWERING)
        receiver_answered(receiver);
}

static void receiver_free(struct receiver *receiver)
{
    nng_aio_stop(receiver->aio);
    wake_forget(receiver->server->serve->bus->wake, &receiver->event);
    if (receiver->state == ANSWERING || receiver->state == RECEIVING) {
        nng_msg *left = nng_aio_get_msg(receiver->aio);
        if (left)
            nng_msg_free(left);
    }
    nng_aio_free(receiver->aio);
    if (receiver->request)
        receiver->request->receiver = NULL;
    list_remove(&receiver->node);
    free(receiver);
}

static void server_free(struct server *server)
{
    server_close_socket(server);
    LIST_FOR(node, &server->receivers)
    receiver_free(CONTAINER_OF(node, struct receiver, node));
    list_remove(&server->node);
    free(server);
}

static int server_add_receiver(struct server *server)
{
    struct receiver *receiver = NEW(struct receiver);

    receiver->server = server;
    receiver->event.run = on_receiver_event;
    if (nng_ctx_open(&receiver->ctx, server->socket) != 0 ||
        nng_aio_alloc(&receiver->aio, on_receiver_aio, receiver) != 0) {
        free(receiver);
        return -E_INTERNAL;
    }
    receiver->state = STOPPED;
    list_append(&server->receivers, &receiver->node);
    return 0;
}

int bus_serve(struct bus *bus, const char *url, bus_peers allowed, int parallel, bus_handler handler,
              void *ctx)
{
    if (!bus->serve) {
        bus->serve = NEW(struct serve);
        bus->serve->bus = bus;
        list_init(&bus->serve->servers);
    }
    struct server *server = NEW(struct server);
    server->serve = bus->serve;
    server->handler = handler;
    server->ctx = ctx;
    list_init(&server->receivers);
    list_append(&bus->serve->servers, &server->node);
    int r = endpoint_open(ENDPOINT_REP, &server->socket);
    server->open = r == 0;
    for (int i = 0; r == 0 && i < parallel; i++)
        r = server_add_receiver(server);
    if (r == 0) {
        LIST_FOR(node, &server->receivers)
        receiver_receive(CONTAINER_OF(node, struct receiver, node));
        struct endpoint_files files = bus_files(bus);
        r = endpoint_listen(server->socket, url, &files, allowed);
    }
    if (r != 0)
        server_free(server);
    return r;
}

const Meridian__Request *bus_request_message(const struct bus_request *request)
{
    return request->message;
}

void bus_answer(struct bus_request *request, Meridian__Reply *reply)
{
    struct receiver *receiver = request->receiver;

    if (receiver) {
        ProtobufCBinaryData id = reply->id;
        reply->id = request->message->id;
        receiver->request = NULL;
        receiver->server->serve->in_hand--;
        if (meridian__reply__get_packed_size(reply) > LIMIT_BUS_MESSAGE_BYTES) {
            Meridian__Reply small = MERIDIAN__REPLY__INIT;
            small.id = reply->id;
            small.status = E_TOO_LARGE;
            receiver_answer(receiver, &small);
        } else {
            receiver_answer(receiver, reply);
        }
        reply->id = id;
    }
    meridian__request__free_unpacked(request->message, NULL);
    free(request);
}

void bus_serve_stop(struct bus *bus)
{
    if (!bus->serve || bus->serve->stopping)
        return;
    bus->serve->stopping = true;
    LIST_FOR(node, &bus->serve->servers)
    {
        struct server *server = CONTAINER_OF(node, struct server, node);
        LIST_FOR(inner, &server->receivers)
        {
            struct receiver *receiver = CONTAINER_OF(inner, struct receiver, node);
            if (receiver->state == RECEIVING)
                nng_aio_cancel(receiver->aio);
        }
    }
    serve_settle(bus->serve);
}

int bus_serving(const struct bus *bus)
{
    return bus->serve ? bus->serve->in_hand : 0;
}

void serve_close(struct serve *serve)
{
    if (!serve)
        return;
    serve->stopping = true;
    LIST_FOR(node, &serve->servers)
    server_free(CONTAINER_OF(node, struct server, node));
    free(serve);
}
