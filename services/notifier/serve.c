/* The serving end of the handover. Sends what a home notifier asks for and answers with how it ended; keeps
 * nothing.
 *
 * A request may arrive twice (the bus's rule), so the last few hundred are remembered by id: one still under
 * way gets its second asker answered with the first, one finished is answered the same again. Beyond that the
 * receiver drops duplicates by the delivery's id.
 *
 * More may be asked for at a time than this notifier has senders; a channel still ends each within its
 * timeout, begun or not, which is sooner than the asker gives up (ANSWER_US of handover.c). So nothing is
 * sent from here that somebody else is sending again.
 */
#include "notifier/serve.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"

enum { PARALLEL = 64, REMEMBERED = 512, ASKERS = 4 };

struct errand {
    struct server *server;
    uint8_t id[16];
    bool known; /* the slot is in use */
    bool under_way;
    struct bus_request *askers[ASKERS];
    size_t n;
    struct attempt attempt; /* when finished */
};

struct server {
    struct server_options options;
    struct errand errands[REMEMBERED]; /* a ring */
    size_t next;
    int busy;
    struct metric *served;
};

/* ---- deliver ---- */

static void answer_failure(struct bus_request *request, int failure)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    reply.status = (uint32_t)-failure;
    bus_answer(request, &reply);
}

static void answer_attempt(struct bus_request *request, const struct attempt *attempt)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    Meridian__DeliverResult result = MERIDIAN__DELIVER_RESULT__INIT;

    result.outcome = attempt->outcome;
    result.detail = (char *)attempt->detail;
    result.has_retry_after_s = attempt->retry_after_s > 0;
    result.retry_after_s =
        attempt->retry_after_s < UINT32_MAX ? (uint32_t)attempt->retry_after_s : UINT32_MAX;
    reply.delivered = &result;
    bus_answer(request, &reply);
}

static void on_attempt(void *ctx, const struct attempt *attempt)
{
    struct errand *errand = ctx;

    errand->under_way = false;
    errand->attempt = *attempt;
    errand->server->busy--;
    metric_add(errand->server->served, outcome_name(attempt->outcome), 1);
    while (errand->n)
        answer_attempt(errand->askers[--errand->n], attempt);
}

static struct errand *find(struct server *server, const ProtobufCBinaryData *id)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (server->errands[i].known && memcmp(server->errands[i].id, id->data, id->len) == 0)
            return &server->errands[i];
    return NULL;
}

static void answer_again(struct errand *errand, struct bus_request *request)
{
    if (!errand->under_way)
        answer_attempt(request, &errand->attempt);
    else if (errand->n < ASKERS)
        errand->askers[errand->n++] = request;
    else
        answer_failure(request, -E_UNAVAILABLE);
}

/* The oldest slot that is not under way: there are more slots than requests at a time. */
static struct errand *take_slot(struct server *server)
{
    struct errand *errand;

    do
        errand = &server->errands[server->next++ % REMEMBERED];
    while (errand->under_way);
    return errand;
}

static void serve_deliver(struct server *server, struct bus_request *request,
                          const Meridian__Request *message)
{
    const Meridian__Deliver *deliver = message->deliver;
    struct errand *errand = find(server, &message->id);

    if (errand) {
        answer_again(errand, request);
        return;
    }
    const struct delivery delivery = {.id = deliver->delivery_id,
                                      .destination = deliver->destination,
                                      .payload = str_from(deliver->payload)};

    errand = take_slot(server);
    *errand =
        (struct errand){.server = server, .known = true, .under_way = true, .askers = {request}, .n = 1};
    memcpy(errand->id, message->id.data, sizeof errand->id);
    server->busy++;
    channel_send(server->options.env, deliver->channel, &delivery, on_attempt, errand);
}

static void on_request(void *ctx, struct bus_request *request)
{
    const Meridian__Request *message = bus_request_message(request);

    if (message->body_case == MERIDIAN__REQUEST__BODY_DELIVER && message->id.len == sizeof(struct uuid))
        serve_deliver(ctx, request, message);
    else
        answer_failure(request, -E_BAD_REQUEST);
}

int server_open(const struct server_options *options, struct server **ret_server)
{
    static const char *const peers[] = {"notifier", NULL};
    struct server *server = NEW(struct server);
    int r;

    server->options = *options;
    server->served =
        metric_counter("meridian_notifier_served_total",
                       "Deliveries made for a notifier of another region, by outcome.", "outcome");
    r = bus_serve(options->bus, options->listen, peers, PARALLEL, on_request, server);
    if (r < 0)
        free(server);
    else
        *ret_server = server;
    return r;
}

int server_busy(const struct server *server)
{
    return server ? server->busy : 0;
}

struct server *server_close(struct server *server)
{
    free(server);
    return NULL;
}
