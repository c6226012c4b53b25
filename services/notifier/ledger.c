/* The loop of the ledger: claim (claim.c), send, record (recorder.c), for each channel on its own.
 *
 * Owns the lanes, the timer, and every shipment between its claim and its record. What must stay true:
 * - nothing is claimed that cannot start at once (slots, lanes, the mail rate), so a lease is never spent
 * waiting;
 * - a shipment counts in its lane from its start to its end, and in `in_flight` until its end is recorded;
 * - an end that could not be recorded is recorded again until it is, since a success forgotten is a second
 * mail; and while there is such a one no more than UNRECORDED_MOST of a channel are under way, so that what
 * cannot record does not go on sending;
 * - the channels share nothing: a mail relay that hangs does not hold up webhooks.
 * Claims are made for a reason: news, a place that became free while others wait, the rate, a retry, and each
 * second in case a reason was missed.
 * If this process dies, its leases run out, or it releases them itself at its next start. Hints and its own
 * retries make it look sooner; a poll every second is the truth.
 */
#include "notifier/ledger.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "notifier/claim.h"
#include "notifier/recorder.h"
#include "notifier_sql.h"
#include <stdio.h>

enum {
    SLOTS = 128,         /* of a channel without threads */
    UNRECORDED_MOST = 8, /* under way while an end cannot be recorded */
    CHANNELS = 2,
    GATHER_MS = 25, /* after news of deliveries */
    AGAIN_MS = 50,  /* after the end of one, when others wait for its place */
};
#define POLL_US           (1 * US_PER_S)
#define EXPIRE_EVERY_US   (60 * US_PER_S)
#define RECORD_AGAIN_US   (500 * US_PER_MS)
#define RECORD_GIVE_UP_US (600 * US_PER_S)

struct ledger {
    struct ledger_options options;
    uv_timer_t timer;
    int64_t armed_us; /* monotonic: when the timer goes off */
    struct lanes *lanes;
    struct claim claims[CHANNELS];
    struct recorder recorder;
    int unrecorded; /* ends whose record failed and is tried again */
    bool released, releasing, expiring, failing, stopped;
    int64_t expired_at_us;
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct {
        struct metric *attempts, *deliveries, *seconds, *lost, *in_flight, *dead_lanes;
    } metrics;
};

static void look(struct ledger *ledger);

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

/* Looks again in `wait_us`, or sooner if that was the plan. */
static void look_in(struct ledger *ledger, int64_t wait_us)
{
    int64_t now_us = clock_monotonic_us();

    if (ledger->stopped || (ledger->armed_us && ledger->armed_us <= now_us + wait_us))
        return;
    ledger->armed_us = now_us + wait_us;
    uv_timer_start(&ledger->timer, on_timer, (uint64_t)(wait_us + 999) / 1000, 0);
}

static int in_flight(const struct ledger *ledger)
{
    int n = 0;

    for (size_t i = 0; i < CHANNELS; i++)
        n += ledger->claims[i].in_flight;
    return n;
}

static void check_drained(struct ledger *ledger)
{
    void (*drained)(void *ctx) = ledger->drained;

    for (size_t i = 0; i < CHANNELS; i++)
        if (ledger->claims[i].running)
            return;
    if (!drained || in_flight(ledger))
        return;
    ledger->drained = NULL;
    ledger->stopped = true;
    drained(ledger->drained_ctx);
}

static struct claim *claim_of(struct shipment *shipment)
{
    struct ledger *ledger = shipment->owner;

    for (size_t i = 0; i < CHANNELS; i++)
        if (ledger->claims[i].options.channel == shipment->channel)
            return &ledger->claims[i];
    abort();
}

/* ---- record ---- */

static int slots_of(const struct channel *channel)
{
    return channel == &channel_mail ? SMTP_AT_ONCE : SLOTS;
}

static void set_unrecorded(struct shipment *shipment, bool unrecorded)
{
    struct ledger *ledger = shipment->owner;

    ledger->unrecorded += (int)unrecorded - (int)shipment->unrecorded;
    shipment->unrecorded = unrecorded;
    for (size_t i = 0; i < CHANNELS; i++)
        ledger->claims[i].slots =
            ledger->unrecorded ? UNRECORDED_MOST : slots_of(ledger->claims[i].options.channel);
}

static void forget(struct shipment *shipment)
{
    struct ledger *ledger = shipment->owner;
    struct claim *claim = claim_of(shipment);
    bool others = claim_end(claim);

    set_unrecorded(shipment, false);
    metric_set(ledger->metrics.in_flight, NULL, in_flight(ledger));
    shipment_free(shipment);
    if (others)
        claim_want(claim, AGAIN_MS * US_PER_MS);
    check_drained(ledger);
}

static void count_record(struct ledger *ledger, const struct shipment *shipment)
{
    if (!shipment->moved)
        metric_add(ledger->metrics.lost, "taken_over", 1);
    else if (shipment->verdict == VERDICT_DELIVERED)
        metric_add(ledger->metrics.deliveries, "delivered", 1);
    else if (shipment->verdict != VERDICT_QUEUED)
        metric_add(ledger->metrics.deliveries, shipment->verdict == VERDICT_DEAD ? "dead" : "uncertain", 1);
    if (shipment->moved && shipment->verdict != VERDICT_DELIVERED && shipment->verdict != VERDICT_QUEUED)
        log_warn("a delivery is a dead letter", L_TEXT("delivery", shipment->id),
                 L_TEXT("channel", shipment->channel->name), L_INT("attempts", shipment->attempts),
                 L_TEXT("reason", shipment->attempt.detail));
}

static bool on_recorded(void *ctx, struct shipment *shipment, int status)
{
    struct ledger *ledger = ctx;

    if (status == 0) {
        count_record(ledger, shipment);
        if (shipment->verdict == VERDICT_QUEUED)
            claim_want(claim_of(shipment),
                       shipment->wait_us); /* the poll would find it, up to a second late */
    } else if (ledger->stopped || clock_monotonic_us() - shipment->started_us > RECORD_GIVE_UP_US) {
        log_error("the end of a delivery could not be recorded; it may be sent again",
                  L_TEXT("delivery", shipment->id), L_ERROR(status));
    } else {
        set_unrecorded(shipment, true);
        look_in(ledger, RECORD_AGAIN_US);
        return true;
    }
    forget(shipment);
    return false;
}

/* ---- send ---- */

static enum lane_verdict lane_verdict(const struct attempt *attempt)
{
    if (attempt->outcome == OUTCOME_DELIVERED || attempt->outcome == OUTCOME_GONE || attempt->said_no)
        return LANE_OK;
    return attempt->outcome == OUTCOME_PERMANENT ? LANE_NEUTRAL : LANE_FAILED;
}

static void end_attempt(struct shipment *shipment, const struct attempt *attempt, const char *region)
{
    struct ledger *ledger = shipment->owner;
    int64_t now_us = clock_monotonic_us();

    shipment->attempt = *attempt;
    shipment->tried_in = region;
    metric_add(ledger->metrics.attempts, outcome_name(attempt->outcome), 1);
    shipment_judge(shipment, now_us, ledger->options.conf->retry_scale);
    if (shipment->lane)
        lane_end(shipment->lane, lane_verdict(attempt), now_us);
    shipment->lane = NULL;
    metric_set(ledger->metrics.dead_lanes, NULL, lanes_dead(ledger->lanes));
    if (ledger->stopped) {
        forget(shipment);
        return;
    }
    recorder_add(&ledger->recorder, shipment);
    if (recorder_size(&ledger->recorder) == (size_t)in_flight(ledger))
        recorder_hurry(&ledger->recorder);
}

static void on_attempt(void *ctx, const struct attempt *attempt, const char *region)
{
    struct shipment *shipment = ctx;
    struct ledger *ledger = shipment->owner;

    metric_observe(ledger->metrics.seconds, shipment->channel->name,
                   (double)(clock_monotonic_us() - shipment->started_us) / US_PER_S);
    end_attempt(shipment, attempt, region);
}

static void end_unsent(struct shipment *shipment, enum delivery_outcome outcome, const char *why)
{
    struct attempt attempt = {.outcome = outcome};

    snprintf(attempt.detail, sizeof attempt.detail, "%s", why);
    end_attempt(shipment, &attempt, shipment->region);
}

static void start(struct ledger *ledger, struct shipment *shipment)
{
    const struct delivery delivery = {
        .id = shipment->id, .destination = shipment->destination, .payload = str_from(shipment->payload)};

    shipment->started_us = clock_monotonic_us();
    if (shipment->lost) {
        metric_add(ledger->metrics.lost, "sender_died", 1);
        log_warn("a sender did not report back; sending again with the same id",
                 L_TEXT("delivery", shipment->id));
    }
    if (shipment->disabled) {
        end_unsent(shipment, OUTCOME_PERMANENT, "the endpoint is disabled");
    } else if (shipment->lost && shipment->attempts > shipment->channel->retry->attempts) {
        end_unsent(shipment, OUTCOME_UNCERTAIN, "the last attempt's sender did not report back");
    } else {
        shipment->lane = lanes_get(ledger->lanes, str_from(shipment->lane_key));
        lane_begin(shipment->lane);
        handover_send(ledger->options.handover, shipment->region, shipment->channel->name, &delivery,
                      on_attempt, shipment);
    }
}

/* ---- claim ---- */

static void tell_change(struct ledger *ledger, int status)
{
    if ((status < 0) == ledger->failing)
        return;
    ledger->failing = status < 0;
    if (status < 0)
        log_warn("deliveries cannot be claimed; trying again every second", L_ERROR(status));
    else
        log_info("claiming deliveries again");
}

static bool on_claimed(void *ctx, int status, struct shipment **take_shipments, int n)
{
    struct ledger *ledger = ctx;

    tell_change(ledger, status);
    metric_set(ledger->metrics.in_flight, NULL, in_flight(ledger));
    for (int i = 0; i < n; i++) {
        take_shipments[i]->owner = ledger;
        if (ledger->stopped)
            forget(take_shipments[i]);
        else
            start(ledger, take_shipments[i]);
    }
    check_drained(ledger);
    return status == 0 && !ledger->stopped && !ledger->drained;
}

static void look_for_claim(void *ctx, int64_t wait_us)
{
    look_in(ctx, wait_us);
}

/* A claim of each channel. */
static void want(struct ledger *ledger, int64_t wait_us)
{
    for (size_t i = 0; i < CHANNELS; i++)
        claim_want(&ledger->claims[i], wait_us);
}

/* ---- housekeeping ---- */

static int run_release(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    struct ledger *ledger = job;

    db_param_text(&params, ledger->options.instance);
    return db_exec(conn, &sql_notifier_delivery_release, &params, NULL);
}

static void on_release(void *job, int status)
{
    struct ledger *ledger = job;

    ledger->releasing = false;
    ledger->released = status == 0;
    tell_change(ledger, status);
    look_in(ledger, status == 0 ? 0 : POLL_US);
}

/* Nothing is claimed before: the second look must not release what the first one claimed. */
static void begin_release(struct ledger *ledger)
{
    if (!ledger->releasing && db_pool_submit(ledger->options.pool, run_release, on_release, ledger, 0) == 0)
        ledger->releasing = true;
}

static int run_expire(struct db_conn *conn, void *job)
{
    struct ledger *ledger = job;

    for (size_t i = 0; i < CHANNELS; i++) {
        _cleanup_params_ struct db_params params = {0};
        _cleanup_result_ struct db_result result = {0};
        int r;

        db_param_text(&params, ledger->claims[i].options.channel->name);
        r = db_exec(conn, &sql_notifier_delivery_expire, &params, &result);
        if (r < 0)
            return r;
        if (db_int(&result, 0, 0))
            log_warn("deliveries expired: their destination was dead for three days",
                     L_TEXT("channel", ledger->claims[i].options.channel->name),
                     L_INT("count", db_int(&result, 0, 0)));
        metric_add(ledger->metrics.deliveries, "expired", (double)db_int(&result, 0, 0));
    }
    return 0;
}

static void on_expire(void *job, int status)
{
    struct ledger *ledger = job;

    ledger->expiring = false;
    if (status < 0)
        tell_change(ledger, status);
}

static void begin_expire(struct ledger *ledger, int64_t now_us)
{
    if (ledger->expiring || now_us - ledger->expired_at_us < EXPIRE_EVERY_US)
        return;
    ledger->expired_at_us = now_us;
    ledger->expiring = db_pool_submit(ledger->options.pool, run_expire, on_expire, ledger, 0) == 0;
}

static void look(struct ledger *ledger)
{
    int64_t now_us = clock_monotonic_us(), probe_at_us = lanes_next_probe_us(ledger->lanes);

    ledger->armed_us = 0;
    look_in(ledger, POLL_US);
    recorder_again(&ledger->recorder);
    if (ledger->drained || ledger->stopped)
        return;
    if (!ledger->released) {
        begin_release(ledger);
        return;
    }
    begin_expire(ledger, now_us);
    for (size_t i = 0; i < CHANNELS; i++)
        claim_look(&ledger->claims[i]);
    if (probe_at_us > now_us)
        want(ledger, probe_at_us - now_us);
}

/* ---- start and end ---- */

static void make_metrics(struct ledger *ledger)
{
    ledger->metrics.attempts =
        metric_counter("meridian_notifier_attempts_total", "Attempts at deliveries, by outcome.", "outcome");
    ledger->metrics.deliveries = metric_counter("meridian_notifier_deliveries_total",
                                                "Deliveries that reached their end, by outcome.", "outcome");
    ledger->metrics.seconds =
        metric_histogram("meridian_notifier_attempt_seconds", "Time of one attempt, by channel.", "channel");
    ledger->metrics.lost =
        metric_counter("meridian_notifier_leases_lost_total",
                       "Deliveries whose sender died, or was too slow and lost them.", "cause");
    ledger->metrics.in_flight = metric_gauge("meridian_notifier_deliveries_in_flight",
                                             "Deliveries claimed and not recorded yet.", NULL);
    ledger->metrics.dead_lanes =
        metric_gauge("meridian_notifier_lanes_dead", "Destinations that are probed only.", NULL);
}

struct ledger *ledger_open(const struct ledger_options *options)
{
    struct ledger *ledger = NEW(struct ledger);

    ledger->options = *options;
    ledger->lanes = lanes_new(options->conf->retry_scale);
    recorder_open(&ledger->recorder, &(struct recorder_options){options->loop, options->pool,
                                                                options->instance, on_recorded, ledger});
    for (size_t i = 0; i < CHANNELS; i++) {
        const struct claim_options claim = {
            .pool = options->pool,
            .lanes = ledger->lanes,
            .channel = channels[i],
            .instance = options->instance,
            .lease_us = options->conf->lease_us,
            .rate = channels[i] == &channel_mail ? options->conf->mail_rate : options->conf->webhook_rate,
            .claimed = on_claimed,
            .look_in = look_for_claim,
            .ctx = ledger,
        };

        claim_open(&ledger->claims[i], &claim, slots_of(channels[i]));
    }
    make_metrics(ledger);
    uv_timer_init(options->loop, &ledger->timer);
    ledger->timer.data = ledger;
    look_in(ledger, 0);
    return ledger;
}

void ledger_wake(struct ledger *ledger, bool urgent)
{
    for (size_t i = 0; i < CHANNELS && urgent; i++)
        claim_expect_urgent(&ledger->claims[i]);
    want(ledger, GATHER_MS * US_PER_MS);
}

void ledger_drain(struct ledger *ledger, void (*done)(void *ctx), void *ctx)
{
    ledger->drained = done;
    ledger->drained_ctx = ctx;
    check_drained(ledger);
}

void ledger_stop(struct ledger *ledger)
{
    if (!ledger)
        return;
    ledger->stopped = true;
    recorder_stop(&ledger->recorder);
    uv_timer_stop(&ledger->timer);
}

static void free_ledger(void *ctx)
{
    struct ledger *ledger = ctx;

    for (size_t i = 0; i < CHANNELS; i++)
        claim_close(&ledger->claims[i]);
    lanes_free(ledger->lanes);
    free(ledger);
}

static void on_closed(uv_handle_t *handle)
{
    struct ledger *ledger = handle->data;

    recorder_close(&ledger->recorder, free_ledger);
}

struct ledger *ledger_close(struct ledger *ledger)
{
    if (ledger)
        uv_close((uv_handle_t *)&ledger->timer, on_closed);
    return NULL;
}

struct ledger_figures ledger_figures(const struct ledger *ledger)
{
    return (struct ledger_figures){.in_flight = in_flight(ledger),
                                   .lanes = lanes_count(ledger->lanes),
                                   .dead_lanes = lanes_dead(ledger->lanes)};
}
