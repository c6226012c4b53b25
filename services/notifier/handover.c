/* Hands a delivery to the region of its recipient. One bus client per other region, dialled at start and
 * kept.
 *
 * A region without a connected notifier is taken over: mail and webhooks then leave from here, since late is
 * better than never and no order of regions matters to the receiver. When a request was sent and no answer
 * came, the delivery may have been made: that is uncertain, and the ledger sends it again with the same id.
 * The bus must not repeat on its own within that time.
 */
#include "notifier/handover.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include <stdio.h>

enum { REGIONS = 16, URLS = 16, REGION_SIZE = 12 };
#define ANSWER_US (40 * US_PER_S) /* longer than any channel's own patience */

struct peer_region {
    char name[REGION_SIZE];
    char *urls[URLS + 1];
    size_t n;
    struct bus_client *client;
};

struct handover {
    struct handover_options options;
    struct peer_region regions[REGIONS];
    size_t n;
    struct metric *handed, *taken_over;
};

struct parcel {
    struct handover *handover;
    const char *region; /* who tries: a name in handover, or ours */
    handover_done_fn done;
    void *ctx;
};

static void end(struct parcel *parcel, const struct attempt *attempt)
{
    parcel->done(parcel->ctx, attempt, parcel->region);
    free(parcel);
}

static void on_attempt(void *ctx, const struct attempt *attempt)
{
    end(ctx, attempt);
}

static void send_here(struct parcel *parcel, const char *channel, const struct delivery *delivery)
{
    parcel->region = parcel->handover->options.region;
    channel_send(parcel->handover->options.env, channel, delivery, on_attempt, parcel);
}

/* ---- over the bus ---- */

static void read_result(const Meridian__Reply *reply, struct attempt *attempt)
{
    const Meridian__DeliverResult *result = reply->delivered;

    if (reply->status || !result) {
        attempt->outcome = OUTCOME_TEMPORARY;
        snprintf(attempt->detail, sizeof attempt->detail, "notifier: %s",
                 error_info((int)reply->status)->slug);
        return;
    }
    attempt->outcome = outcome_from(result->outcome);
    attempt->said_no = attempt->outcome == OUTCOME_PERMANENT;
    attempt->retry_after_s = result->has_retry_after_s ? result->retry_after_s : 0;
    snprintf(attempt->detail, sizeof attempt->detail, "%s", result->detail ? result->detail : "");
}

static void on_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct attempt attempt = {0};

    if (reply) {
        read_result(reply, &attempt);
    } else {
        attempt.outcome = OUTCOME_UNCERTAIN;
        snprintf(attempt.detail, sizeof attempt.detail, "notifier: no answer (%s)", error_info(status)->slug);
    }
    end(ctx, &attempt);
}

static void send_there(struct parcel *parcel, struct peer_region *region, const char *channel,
                       const struct delivery *delivery)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Deliver deliver = MERIDIAN__DELIVER__INIT;
    _cleanup_(freep) char *payload = mem_strn(delivery->payload.p, delivery->payload.n);
    struct uuid id = uuid_v7();

    deliver.delivery_id = (char *)delivery->id;
    deliver.channel = (char *)channel;
    deliver.destination = (char *)delivery->destination;
    deliver.payload = payload;
    request.id = (ProtobufCBinaryData){.len = sizeof id.bytes, .data = id.bytes};
    request.body_case = MERIDIAN__REQUEST__BODY_DELIVER;
    request.deliver = &deliver;
    request.region = (char *)parcel->handover->options.region;
    request.instance = (char *)parcel->handover->options.instance;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(ANSWER_US / US_PER_MS);
    parcel->region = region->name;
    bus_call(region->client, &request, ANSWER_US, ANSWER_US, on_reply, parcel);
}

static struct peer_region *find(struct handover *handover, struct str name)
{
    for (size_t i = 0; i < handover->n; i++)
        if (str_eq(str_from(handover->regions[i].name), name))
            return &handover->regions[i];
    return NULL;
}

void handover_send(struct handover *handover, const char *region, const char *channel,
                   const struct delivery *delivery, handover_done_fn done, void *ctx)
{
    struct parcel *parcel = NEW(struct parcel);
    struct peer_region *peer = find(handover, str_from(region));
    bool elsewhere = strcmp(region, handover->options.region) != 0;

    *parcel = (struct parcel){.handover = handover, .done = done, .ctx = ctx};
    if (elsewhere && peer && bus_connected(peer->client)) {
        metric_add(handover->handed, peer->name, 1);
        send_there(parcel, peer, channel, delivery);
        return;
    }
    if (elsewhere)
        metric_add(handover->taken_over, region, 1);
    send_here(parcel, channel, delivery);
}

/* ---- start and end ---- */

static int add_url(struct handover *handover, struct str region, struct str url)
{
    struct peer_region *peer = find(handover, region);

    if (str_eq(region, str_from(handover->options.region)))
        return 0;
    if (!peer && (handover->n == REGIONS || region.n >= REGION_SIZE))
        return -E_CONFIG;
    if (!peer) {
        peer = &handover->regions[handover->n++];
        memcpy(peer->name, region.p, region.n);
    }
    if (peer->n == URLS)
        return -E_CONFIG;
    peer->urls[peer->n++] = mem_strn(url.p, url.n);
    return 0;
}

static int parse(struct handover *handover)
{
    struct str rest = str_from(handover->options.notifiers), entry, region, url;

    while (rest.n) {
        str_cut(rest, ',', &entry, &rest);
        if (!str_cut(entry, '=', &region, &url))
            continue; /* the skeleton refused it at start */
        if (add_url(handover, str_trim(region), str_trim(url)) < 0) {
            log_error("MERIDIAN_NOTIFIERS: too many regions or URLs, or a region's name is too long");
            return -E_CONFIG;
        }
    }
    return 0;
}

static int dial(struct handover *handover)
{
    static const char *const notifiers_only[] = {"notifier", NULL};

    for (size_t i = 0; i < handover->n; i++) {
        struct peer_region *peer = &handover->regions[i];
        const struct bus_group group = {.urls = (const char *const *)peer->urls};
        int r = bus_dial(handover->options.bus, &group, 1, notifiers_only, &peer->client);

        if (r < 0)
            return r;
    }
    return 0;
}

int handover_open(const struct handover_options *options, struct handover **ret_handover)
{
    struct handover *handover = NEW(struct handover);
    int r = 0;

    handover->options = *options;
    handover->handed = metric_counter("meridian_notifier_handed_over_total",
                                      "Deliveries handed to a notifier of another region.", "region");
    handover->taken_over = metric_counter(
        "meridian_notifier_taken_over_total",
        "Deliveries sent from here because no notifier of that region was connected.", "region");
    if (options->bus) {
        r = parse(handover);
        if (r == 0)
            r = dial(handover);
    }
    if (r < 0)
        handover_close(handover);
    else
        *ret_handover = handover;
    return r;
}

struct handover *handover_close(struct handover *handover)
{
    for (size_t i = 0; handover && i < handover->n; i++)
        for (size_t k = 0; k < handover->regions[i].n; k++)
            free(handover->regions[i].urls[k]);
    free(handover);
    return NULL;
}
