/* Between regions: a home notifier and one of region ap, each with a bus of its own and a mail relay of its
 * own. */
#include "base/clock.h"
#include "bus/bus.h"
#include "meridian/errors.h"
#include "notifier/serve.h"
#include "rig.h"
#include <criterion/criterion.h>
#include <unistd.h>

struct regions {
    struct rig rig; /* home, with the relay of eu */
    struct bus *home_bus, *ap_bus;
    char ap_url[64], notifiers[96];
    struct notifier_conf ap_conf;
    struct channel_env ap_env;
    struct receiver *ap_smtp;
    char ap_smtp_url[64];
    struct server *ap;
};

static void regions_open(struct regions *regions)
{
    struct bus_options options = {0};

    rig_open(&regions->rig);
    options.loop = &regions->rig.loop;
    cr_assert_eq(bus_open(&options, &regions->home_bus), 0);
    snprintf(regions->ap_url, sizeof regions->ap_url, "inproc://notifier-ap-%d", (int)getpid());
    snprintf(regions->notifiers, sizeof regions->notifiers, "eu=inproc://ourselves,ap=%s", regions->ap_url);
    regions->ap_smtp = receiver_smtp();
    snprintf(regions->ap_smtp_url, sizeof regions->ap_smtp_url, "smtp://127.0.0.1:%d",
             receiver_port(regions->ap_smtp));
    regions->ap_conf = regions->rig.conf;
    regions->ap_conf.smtp_url = regions->ap_smtp_url;
    regions->ap_env = regions->rig.env;
    regions->ap_env.conf = &regions->ap_conf;

    const struct handover_options handover = {.bus = regions->home_bus,
                                              .region = "eu",
                                              .instance = "notifier-eu-1",
                                              .notifiers = regions->notifiers,
                                              .env = &regions->rig.env};

    cr_assert_eq(handover_open(&handover, &regions->rig.home[0].handover), 0);
    rig_ticket(&regions->rig, "EU-1", "requester-ap-1", "agent-eu-1");
}

static void open_ap(struct regions *regions)
{
    struct bus_options options = {.loop = &regions->rig.loop};

    cr_assert_eq(bus_open(&options, &regions->ap_bus), 0);
    const struct server_options server = {
        .bus = regions->ap_bus, .listen = regions->ap_url, .env = &regions->ap_env};

    cr_assert_eq(server_open(&server, &regions->ap), 0);
}

static void regions_close(struct regions *regions)
{
    ledger_stop(regions->rig.home[0].ledger);
    bus_close(regions->home_bus);
    rig_close_senders(&regions->rig);
    bus_close(regions->ap_bus);
    server_close(regions->ap);
    rig_close(&regions->rig);
    receiver_close(regions->ap_smtp);
}

/* One delivery handed over, outside of the ledger. */
struct result {
    bool done;
    struct attempt attempt;
    char region[8];
};

static void on_done(void *ctx, const struct attempt *attempt, const char *region)
{
    struct result *result = ctx;

    result->done = true;
    result->attempt = *attempt;
    snprintf(result->region, sizeof result->region, "%s", region);
}

static bool is_done(void *arg)
{
    return ((struct result *)arg)->done;
}

static const struct delivery letter = {
    .id = "6f1d3c9a-0000-4000-8000-000000000001",
    .destination = "requester-ap-1@example.test",
    .payload = {"{\"type\":\"ticket.created\",\"number\":\"EU-1\",\"title\":\"x\",\"language\":\"zh\","
                "\"zone\":\"Asia/Shanghai\"}",
                sizeof "{\"type\":\"ticket.created\",\"number\":\"EU-1\",\"title\":\"x\",\"language\":\"zh\","
                       "\"zone\":\"Asia/Shanghai\"}" -
                    1},
};

static struct result hand_over(struct regions *regions, const char *region)
{
    struct result result = {0};

    handover_send(regions->rig.home[0].handover, region, "mail", &letter, on_done, &result);
    test_loop_until(&regions->rig.loop, is_done, &result, 20000);
    return result;
}

static bool ap_has_mail(void *arg)
{
    return receiver_count(((struct regions *)arg)->ap_smtp) > 0;
}

/* Until the home notifier has noticed that ap is there: what goes before is taken over by home. */
static void wait_for_ap(struct regions *regions)
{
    int64_t until_us = clock_monotonic_us() + 20 * US_PER_S;

    while (!ap_has_mail(regions) && clock_monotonic_us() < until_us)
        hand_over(regions, "ap");
    cr_assert(ap_has_mail(regions));
}

Test(handover, the_recipients_region_sends)
{
    struct regions regions = {0};
    int taken_over;

    regions_open(&regions);
    open_ap(&regions);
    wait_for_ap(&regions);
    taken_over = receiver_count(regions.rig.smtp);
    rig_start(&regions.rig, 0);
    rig_happens(&regions.rig, "EU-1", "ticket.replied", "agent-eu-1", "您好");
    rig_until(&regions.rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(regions.rig.smtp), taken_over, "not from here");
    cr_expect_str_eq(
        test_db_text(regions.rig.db, "SELECT region || ' ' || detail FROM desk.delivery_attempt"),
        "ap smtp 250");
    regions_close(&regions);
}

Test(handover, what_the_other_region_says_is_what_is_recorded)
{
    struct regions regions = {0};
    struct result result;

    regions_open(&regions);
    open_ap(&regions);
    wait_for_ap(&regions);
    receiver_script(regions.ap_smtp, (enum act[]){ACT_TEMPORARY, ACT_PERMANENT, ACT_HANG_UP}, 3, ACT_OK);
    result = hand_over(&regions, "ap");
    cr_expect_eq(result.attempt.outcome, OUTCOME_TEMPORARY);
    cr_expect_str_eq(result.attempt.detail, "smtp 451");
    cr_expect_str_eq(result.region, "ap");
    result = hand_over(&regions, "ap");
    cr_expect_eq(result.attempt.outcome, OUTCOME_PERMANENT);
    cr_expect(result.attempt.said_no);
    result = hand_over(&regions, "ap");
    cr_expect_eq(result.attempt.outcome, OUTCOME_UNCERTAIN);
    regions_close(&regions);
}

Test(handover, without_a_notifier_there_home_takes_over)
{
    struct regions regions = {0};

    regions_open(&regions);
    rig_start(&regions.rig, 0);
    rig_happens(&regions.rig, "EU-1", "ticket.replied", "agent-eu-1", "您好");
    rig_until(&regions.rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(regions.rig.smtp), 1);
    cr_expect_str_eq(test_db_text(regions.rig.db, "SELECT region FROM desk.delivery_attempt"), "eu");
    regions_close(&regions);
}

Test(handover, a_region_nobody_knows_is_sent_from_here)
{
    struct regions regions = {0};

    regions_open(&regions);
    cr_expect_str_eq(hand_over(&regions, "mars").region, "eu");
    cr_expect_str_eq(hand_over(&regions, "eu").region, "eu");
    cr_expect_eq(receiver_count(regions.rig.smtp), 2);
    regions_close(&regions);
}

Test(handover, a_bus_that_closes_ends_what_is_under_way)
{
    struct regions regions = {0};
    struct result result = {0};

    regions_open(&regions);
    open_ap(&regions);
    wait_for_ap(&regions);
    regions.ap_conf.smtp_timeout_us = 30 * US_PER_S;
    receiver_script(regions.ap_smtp, NULL, 0, ACT_HANG);
    handover_send(regions.rig.home[0].handover, "ap", "mail", &letter, on_done, &result);
    rig_until_count(&regions.rig, regions.ap_smtp, receiver_count(regions.ap_smtp) + 1);
    regions.home_bus = bus_close(regions.home_bus);
    cr_expect(result.done);
    cr_expect_eq(result.attempt.outcome, OUTCOME_UNCERTAIN, "it may have been sent");
    regions_close(&regions);
}

/* ---- the serving end ---- */

struct ask {
    int answers;
    uint32_t status, outcome;
};

static void on_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct ask *ask = ctx;

    cr_assert_eq(status, 0);
    ask->answers++;
    ask->status = reply->status;
    ask->outcome = reply->delivered ? reply->delivered->outcome : 99;
}

static bool two_answers(void *arg)
{
    return ((struct ask *)arg)->answers >= 2;
}

static bool one_answer(void *arg)
{
    return ((struct ask *)arg)->answers >= 1;
}

static struct bus_client *dial_ap(struct regions *regions)
{
    static const char *const notifiers[] = {"notifier", NULL};
    static const char *urls[2];
    const struct bus_group group = {.urls = urls};
    struct bus_client *client = NULL;

    urls[0] = regions->ap_url;
    cr_assert_eq(bus_dial(regions->home_bus, &group, 1, notifiers, &client), 0);
    return client;
}

Test(handover, a_request_that_arrives_twice_is_sent_once_and_answered_twice)
{
    struct regions regions = {0};
    struct bus_client *client;
    struct ask ask = {0};
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Deliver deliver = MERIDIAN__DELIVER__INIT;
    uint8_t id[16] = "the same request";

    regions_open(&regions);
    open_ap(&regions);
    client = dial_ap(&regions);
    deliver.delivery_id = (char *)letter.id;
    deliver.channel = "mail";
    deliver.destination = (char *)letter.destination;
    deliver.payload = (char *)letter.payload.p;
    request.id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
    request.body_case = MERIDIAN__REQUEST__BODY_DELIVER;
    request.deliver = &deliver;
    receiver_script(regions.ap_smtp, NULL, 0, ACT_HANG);
    regions.ap_conf.smtp_timeout_us = 20 * US_PER_S;
    bus_call(client, &request, 10 * US_PER_S, 10 * US_PER_S, on_reply, &ask);
    bus_call(client, &request, 10 * US_PER_S, 10 * US_PER_S, on_reply, &ask);
    rig_until_count(&regions.rig, regions.ap_smtp, 1);
    cr_expect_eq(server_busy(regions.ap), 1);
    receiver_release(regions.ap_smtp);
    test_loop_until(&regions.rig.loop, two_answers, &ask, 10000);
    cr_expect_eq(ask.outcome, OUTCOME_DELIVERED);
    ask = (struct ask){0};
    bus_call(client, &request, 10 * US_PER_S, 10 * US_PER_S, on_reply, &ask);
    test_loop_until(&regions.rig.loop, one_answer, &ask, 10000);
    cr_expect_eq(ask.outcome, OUTCOME_DELIVERED, "and later the same again");
    cr_expect_eq(receiver_count(regions.ap_smtp), 1);
    regions_close(&regions);
}

Test(handover, other_requests_are_refused)
{
    struct regions regions = {0};
    struct bus_client *client;
    struct ask ask = {0};
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Deliver deliver = MERIDIAN__DELIVER__INIT;
    Meridian__Replicated replicated = MERIDIAN__REPLICATED__INIT;
    uint8_t id[16] = "another request!";

    regions_open(&regions);
    open_ap(&regions);
    client = dial_ap(&regions);
    request.id = (ProtobufCBinaryData){.len = sizeof id, .data = id};
    request.body_case = MERIDIAN__REQUEST__BODY_REPLICATED;
    request.replicated = &replicated;
    bus_call(client, &request, 10 * US_PER_S, 10 * US_PER_S, on_reply, &ask);
    test_loop_until(&regions.rig.loop, one_answer, &ask, 10000);
    cr_expect_eq(ask.status, E_BAD_REQUEST);

    ask = (struct ask){0};
    deliver.delivery_id = (char *)letter.id;
    deliver.channel = "pigeon";
    deliver.destination = (char *)letter.destination;
    deliver.payload = (char *)letter.payload.p;
    request.body_case = MERIDIAN__REQUEST__BODY_DELIVER;
    request.deliver = &deliver;
    bus_call(client, &request, 10 * US_PER_S, 10 * US_PER_S, on_reply, &ask);
    test_loop_until(&regions.rig.loop, one_answer, &ask, 10000);
    cr_expect_eq(ask.status, 0);
    cr_expect_eq(ask.outcome, OUTCOME_PERMANENT, "no such channel");
    regions_close(&regions);
}
