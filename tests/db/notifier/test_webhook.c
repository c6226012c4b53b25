/* Webhooks through a real HTTP server that takes, refuses, hangs, floods and redirects. */
#include "auth/auth.h"
#include "base/clock.h"
#include "rig.h"
#include <criterion/criterion.h>
#include <jansson.h>

#define SECRET_A "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_B "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static void open_with_hook(struct rig *rig)
{
    rig_open(rig);
    rig_endpoint(rig, "hook", "{}");
    rig_ticket(rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_happens(rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
}

static struct str body_of(const struct buf *request)
{
    const char *end = memmem(request->p, request->n, "\r\n\r\n", 4);

    cr_assert_not_null(end);
    return (struct str){end + 4, request->n - (size_t)(end + 4 - request->p)};
}

Test(webhook, is_signed_with_both_secrets_and_carries_a_cloud_event)
{
    struct rig rig;
    _cleanup_buf_ struct buf request = BUF_INIT, expected = BUF_INIT;
    char id[64], timestamp[32];
    json_auto_t *event = NULL;

    open_with_hook(&rig);
    test_db_run(rig.db, "UPDATE desk.webhook_endpoint SET secret = '" SECRET_A " " SECRET_B "'");
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    receiver_message(rig.http, 0, &request);
    cr_expect(str_starts(buf_str(&request), STR("POST /hook HTTP/1.1\r\n")));
    cr_expect_str_eq(rig_header(rig.http, 0, "Content-Type"), "application/cloudevents+json; charset=utf-8");
    cr_expect_str_eq(rig_header(rig.http, 0, "Expect"), "");
    snprintf(id, sizeof id, "%s", rig_header(rig.http, 0, "webhook-id"));
    cr_expect_str_eq(id, test_db_text(rig.db, "SELECT id FROM desk.delivery"));
    snprintf(timestamp, sizeof timestamp, "%s", rig_header(rig.http, 0, "webhook-timestamp"));
    cr_assert_eq(auth_webhook_sign(SECRET_A, id, atoll(timestamp), body_of(&request), &expected), 0);
    buf_add_char(&expected, ' ');
    cr_assert_eq(auth_webhook_sign(SECRET_B, id, atoll(timestamp), body_of(&request), &expected), 0);
    cr_expect_str_eq(rig_header(rig.http, 0, "webhook-signature"), buf_text(&expected));
    cr_expect_leq(llabs(clock_now_us() / US_PER_S - atoll(timestamp)), 10);
    event = json_loadb(body_of(&request).p, body_of(&request).n, 0, NULL);
    cr_expect_str_eq(json_string_value(json_object_get(event, "type")), "org.meridian.ticket.claimed.v1");
    cr_expect_str_eq(json_string_value(json_object_get(event, "subject")), "EU-1");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(event, "data"), "owner")),
                     "agent-eu-1");
    rig_close(&rig);
}

Test(webhook, the_signature_is_the_one_of_the_specification)
{
    _cleanup_buf_ struct buf signature = BUF_INIT;

    cr_assert_eq(auth_webhook_sign(SECRET_A, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                   STR("{\"test\": 2432232314}"), &signature),
                 0);
    cr_expect_str_eq(buf_text(&signature), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void expect_course(const enum act *acts, size_t n, enum act always, const char *outcomes,
                          const char *state)
{
    struct rig rig;
    char query[160], id[64];

    open_with_hook(&rig);
    rig.conf.webhook_timeout_us = 400 * US_PER_MS;
    receiver_script(rig.http, acts, n, always);
    rig_start(&rig, 0);
    snprintf(query, sizeof query, "SELECT state = '%s' FROM desk.delivery", state);
    rig_until(&rig, query);
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(outcome, ', ' ORDER BY attempt) FROM desk.delivery_attempt"),
        outcomes);
    snprintf(id, sizeof id, "%s", test_db_text(rig.db, "SELECT id FROM desk.delivery"));
    for (int i = 0; i < receiver_count(rig.http); i++)
        cr_expect_str_eq(rig_header(rig.http, i, "webhook-id"), id, "the same id at every attempt");
    rig_close(&rig);
}

Test(webhook, a_5xx_answer_is_tried_again)
{
    expect_course((enum act[]){ACT_TEMPORARY, ACT_TEMPORARY}, 2, ACT_OK, "temporary, temporary, delivered",
                  "delivered");
}

Test(webhook, a_4xx_answer_is_final)
{
    expect_course(NULL, 0, ACT_PERMANENT, "permanent", "dead");
}

Test(webhook, a_server_that_hangs_is_uncertain)
{
    expect_course((enum act[]){ACT_HANG}, 1, ACT_OK, "uncertain, delivered", "delivered");
}

Test(webhook, a_server_that_closes_without_an_answer_is_uncertain)
{
    expect_course((enum act[]){ACT_HANG_UP}, 1, ACT_OK, "uncertain, delivered", "delivered");
}

Test(webhook, an_endless_answer_is_cut_and_counts)
{
    expect_course(NULL, 0, ACT_FLOOD, "delivered", "delivered");
}

Test(webhook, ends_uncertain_when_the_last_attempt_was)
{
    struct rig rig;

    open_with_hook(&rig);
    receiver_script(rig.http, NULL, 0, ACT_HANG_UP);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'uncertain' FROM desk.delivery");
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(*) FROM desk.delivery_attempt WHERE outcome = 'uncertain'"), 10);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE next_at IS NULL"), 1);
    rig_close(&rig);
}

Test(webhook, retry_after_is_honoured)
{
    struct rig rig;

    open_with_hook(&rig);
    receiver_script(rig.http, (enum act[]){ACT_LATER}, 1, ACT_OK);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_geq(receiver_time_us(rig.http, 1) - receiver_time_us(rig.http, 0), 990 * US_PER_MS);
    cr_expect_str_eq(test_db_text(rig.db, "SELECT detail FROM desk.delivery_attempt WHERE attempt = 1"),
                     "http 429");
    rig_close(&rig);
}

Test(webhook, a_redirect_is_not_followed)
{
    struct rig rig;

    open_with_hook(&rig);
    receiver_script(rig.http, NULL, 0, ACT_REDIRECT);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 10, "one request an attempt");
    for (int i = 0; i < receiver_count(rig.http); i++) {
        _cleanup_buf_ struct buf request = BUF_INIT;

        receiver_message(rig.http, i, &request);
        cr_expect(str_starts(buf_str(&request), STR("POST /hook ")));
    }
    cr_expect_str_eq(test_db_text(rig.db, "SELECT last_error FROM desk.delivery"), "http 302");
    rig_close(&rig);
}

Test(webhook, gone_disables_the_endpoint)
{
    struct rig rig;

    open_with_hook(&rig);
    receiver_script(rig.http, NULL, 0, ACT_NEVER);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
    cr_expect_eq(test_db_int(rig.db,
                             "SELECT count(*) FROM desk.webhook_endpoint WHERE disabled_at IS NOT NULL"
                             " AND disabled_reason = 'the endpoint answered 410 Gone'"),
                 1);
    rig_happens(&rig, "EU-1", "ticket.released", "agent-eu-1", NULL);
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 1, "later events are not for it");

    test_db_run(rig.db, "UPDATE desk.delivery SET state = 'queued', next_at = now()");
    rig_until(&rig, "SELECT state = 'dead' AND last_error = 'the endpoint is disabled' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 1, "nothing more was sent");
    rig_close(&rig);
}

Test(webhook, a_private_address_is_never_reached)
{
    static const char *const urls[] = {"http://127.0.0.1:%d/hook",
                                       "http://localhost:%d/hook",
                                       "http://2130706433:%d/",
                                       "http://0x7f.1:%d/",
                                       "http://0:%d/",
                                       "http://[::ffff:127.0.0.1]:%d/",
                                       "http://127.1:%d/",
                                       "http://017700000001:%d/"};

    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;
        struct rig rig;
        char url[128];

        open_with_hook(&rig);
        snprintf(url, sizeof url, urls[i], receiver_port(rig.http));
        test_db_runf(rig.db, "UPDATE desk.webhook_endpoint SET url = '%s'", url);
        address_guard_free(rig.guard);
        cr_assert_eq(address_guard_new("10.0.0.0/8", &rig.guard, &problem), 0);
        rig.env.guard = rig.guard;
        rig_start(&rig, 0);
        rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
        cr_expect_str_eq(test_db_text(rig.db, "SELECT last_error FROM desk.delivery"),
                         "the address is private or reserved (MERIDIAN_WEBHOOK_ALLOW)", "%s", url);
        cr_expect_eq(receiver_connections(rig.http), 0, "%s", url);
        rig_close(&rig);
    }
}

Test(webhook, a_url_or_secret_that_is_none_is_a_dead_letter_at_once)
{
    static const struct {
        const char *column, *value, *reason;
    } cases[] = {
        {"url", "ftp://127.0.0.1/x", "the URL is neither http nor https"},
        {"url", "file:///etc/passwd", "the URL is neither http nor https"},
        {"url", "http://", "http: URL using bad/illegal format or missing URL"},
        {"secret", "", "the endpoint's secret is not valid"},
        {"secret", "password", "the endpoint's secret is not valid"},
        {"secret", SECRET_A " nonsense", "the endpoint's secret is not valid"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rig rig;

        open_with_hook(&rig);
        test_db_runf(rig.db, "UPDATE desk.webhook_endpoint SET %s = '%s'", cases[i].column, cases[i].value);
        rig_start(&rig, 0);
        rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
        cr_expect_str_eq(test_db_text(rig.db, "SELECT last_error FROM desk.delivery"), cases[i].reason, "%s",
                         cases[i].value);
        rig_close(&rig);
    }
}
