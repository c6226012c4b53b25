/* Mail through a real SMTP server that takes, refuses, hangs and hangs up. */
#include "base/clock.h"
#include "rig.h"
#include <criterion/criterion.h>

static void open_with_mail(struct rig *rig)
{
    rig_open(rig);
    rig_ticket(rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_happens(rig, "EU-1", "ticket.replied", "agent-eu-1", "Try again.\n.\nPlease.");
}

static void expect_message_id(struct rig *rig, int i)
{
    char expected[128];

    snprintf(expected, sizeof expected, "<%s@meridian.example>",
             test_db_text(rig->db, "SELECT id FROM desk.delivery"));
    cr_expect_str_eq(rig_header(rig->smtp, i, "Message-ID"), expected, "message %d", i);
}

Test(mail, is_delivered)
{
    struct rig rig;
    _cleanup_buf_ struct buf message = BUF_INIT;

    open_with_mail(&rig);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_taken(rig.smtp), 1);
    expect_message_id(&rig, 0);
    cr_expect_str_eq(rig_header(rig.smtp, 0, "Subject"), "[EU-1] Reply: VPN is slow");
    cr_expect_str_eq(rig_header(rig.smtp, 0, "Auto-Submitted"), "auto-generated");
    receiver_message(rig.smtp, 0, &message);
    cr_expect(str_starts(buf_str(&message), STR("RCPT TO:<requester-eu-1@example.test>\r\n")), "%s",
              buf_text(&message));
    cr_expect_neq(strstr(buf_text(&message), "Try again.\r\n=2E\r\nPlease.\r\n"), NULL, "%s",
                  buf_text(&message));
    cr_expect_eq(
        test_db_int(
            rig.db,
            "SELECT count(*) FROM desk.delivery_attempt WHERE outcome = 'delivered' AND detail = 'smtp 250'"
            " AND region = 'eu' AND attempt = 1"),
        1);
    cr_expect_eq(
        test_db_int(
            rig.db,
            "SELECT count(*) FROM desk.delivery WHERE attempts = 1 AND next_at IS NULL AND lease_by IS NULL"
            " AND last_error IS NULL AND finished_at IS NOT NULL"),
        1);
    rig_close(&rig);
}

Test(mail, several_go_over_one_connection)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    test_db_run(
        rig.db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.resolved'"
        " FROM desk.ticket, generate_series(1, 100) i");
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT count(*) = 100 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(receiver_taken(rig.smtp), 100);
    cr_expect_lt(receiver_connections(rig.smtp), 50, "connections are kept: %d",
                 receiver_connections(rig.smtp));
    cr_expect_leq(receiver_most_at_once(rig.smtp), 20, "and their number is limited");
    rig_close(&rig);
}

/* Acts of the server for the first attempts, what is recorded for each, and what becomes of the delivery. */
static void expect_course(const enum act *acts, size_t n, const char *outcomes, const char *state,
                          int attempts)
{
    struct rig rig;
    char query[160];

    open_with_mail(&rig);
    receiver_script(rig.smtp, acts, n, ACT_OK);
    rig_start(&rig, 0);
    snprintf(query, sizeof query,
             "SELECT count(*) = 1 FROM desk.delivery WHERE state = '%s' AND attempts = %d", state, attempts);
    rig_until(&rig, query);
    cr_expect_str_eq(
        test_db_text(
            rig.db,
            "SELECT string_agg(outcome || ' ' || detail, ', ' ORDER BY attempt) FROM desk.delivery_attempt"),
        outcomes);
    for (int i = 0; i < receiver_count(rig.smtp); i++)
        expect_message_id(&rig, i);
    rig_close(&rig);
}

Test(mail, a_4xx_reply_is_tried_again)
{
    expect_course((enum act[]){ACT_TEMPORARY, ACT_TEMPORARY}, 2,
                  "temporary smtp 451, temporary smtp 451, delivered smtp 250", "delivered", 3);
}

Test(mail, a_4xx_reply_to_the_message_is_tried_again)
{
    expect_course((enum act[]){ACT_LATER}, 1, "temporary smtp 452, delivered smtp 250", "delivered", 2);
}

Test(mail, a_5xx_reply_to_the_recipient_is_final)
{
    expect_course((enum act[]){ACT_PERMANENT}, 1, "permanent smtp 550", "dead", 1);
}

Test(mail, a_5xx_reply_to_the_message_is_final)
{
    expect_course((enum act[]){ACT_NEVER}, 1, "permanent smtp 554", "dead", 1);
}

Test(mail, a_greeting_that_refuses_us_is_not_the_letters_fault)
{
    expect_course((enum act[]){ACT_GREET_BADLY}, 1, "temporary smtp 554, delivered smtp 250", "delivered", 2);
}

Test(mail, a_connection_that_dies_after_the_message_is_uncertain)
{
    struct rig rig;

    open_with_mail(&rig);
    receiver_script(rig.smtp, (enum act[]){ACT_HANG_UP}, 1, ACT_OK);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.smtp), 2, "sent twice, since the first may not have arrived");
    expect_message_id(&rig, 0);
    expect_message_id(&rig, 1);
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(outcome, ', ' ORDER BY attempt) FROM desk.delivery_attempt"),
        "uncertain, delivered");
    rig_close(&rig);
}

struct tally {
    int ended, late;
};

static void on_sent(void *ctx, const struct smtp_result *result)
{
    struct tally *tally = ctx;

    tally->ended++;
    tally->late += result->late;
    if (result->late)
        cr_expect(result->result == CURLE_OPERATION_TIMEDOUT && !result->sent && !result->code);
}

static bool all_ended(void *arg)
{
    return ((struct tally *)arg)->ended == 64;
}

Test(mail, what_waits_too_long_for_a_thread_is_not_sent)
{
    struct rig rig;
    struct tally tally = {0};

    rig_open(&rig);
    const struct smtp_request request = {.url = rig.smtp_url,
                                         .from = "desk@meridian.example",
                                         .to = "somebody@example.test",
                                         .message = STR("Subject: x\r\n\r\ny\r\n"),
                                         .timeout_us = 500 * US_PER_MS};

    receiver_script(rig.smtp, NULL, 0, ACT_HANG);
    for (int i = 0; i < 64; i++)
        smtp_send(rig.env.smtp, &request, on_sent, &tally);
    test_loop_until(&rig.loop, all_ended, &tally, 20000);
    cr_expect_geq(tally.late, 64 - SMTP_AT_ONCE, "one turn for each of the threads, and no second");
    cr_expect_leq(receiver_count(rig.smtp), SMTP_AT_ONCE);
    rig_close(&rig);
}

Test(mail, a_relay_that_hangs_after_the_message_is_uncertain)
{
    struct rig rig;

    open_with_mail(&rig);
    rig.conf.smtp_timeout_us = 500 * US_PER_MS;
    receiver_script(rig.smtp, (enum act[]){ACT_HANG}, 1, ACT_OK);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_str_eq(
        test_db_text(
            rig.db,
            "SELECT string_agg(outcome || ' ' || detail, ', ' ORDER BY attempt) FROM desk.delivery_attempt"),
        "uncertain smtp: Timeout was reached (after the message was sent), delivered smtp 250");
    rig_close(&rig);
}

Test(mail, a_relay_that_hangs_does_not_hold_up_the_end)
{
    struct rig rig;
    int64_t begun_us;

    open_with_mail(&rig);
    rig.conf.smtp_timeout_us = 30 * US_PER_S;
    receiver_script(rig.smtp, NULL, 0, ACT_HANG);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.smtp, 1);
    begun_us = clock_monotonic_us();
    rig_close(&rig);
    cr_expect_lt(clock_monotonic_us() - begun_us, 10 * US_PER_S, "%lld ms",
                 (long long)(clock_monotonic_us() - begun_us) / 1000);
}

Test(mail, no_relay_at_all_is_temporary)
{
    struct rig rig;
    struct receiver *late;

    open_with_mail(&rig);
    late = rig.smtp;
    rig.conf.smtp_url = "smtp://127.0.0.1:1";
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT count(*) >= 2 FROM desk.delivery_attempt WHERE outcome = 'temporary'");
    snprintf(rig.smtp_url, sizeof rig.smtp_url, "smtp://127.0.0.1:%d", receiver_port(late));
    rig.conf.smtp_url = rig.smtp_url;
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    rig_close(&rig);
}

Test(mail, ends_as_a_dead_letter_and_can_be_replayed)
{
    struct rig rig;
    const char *replayed = NULL;

    open_with_mail(&rig);
    receiver_script(rig.smtp, NULL, 0, ACT_TEMPORARY);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
    cr_expect_eq(test_db_int(rig.db, "SELECT attempts FROM desk.delivery"), 10);
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(*) FROM desk.delivery_attempt WHERE outcome = 'temporary'"), 10);
    cr_expect_str_eq(test_db_text(rig.db, "SELECT last_error FROM desk.delivery"), "smtp 451");
    cr_expect_eq(
        test_db_int(rig.db,
                    "SELECT count(*) FROM desk.delivery WHERE next_at IS NULL AND finished_at IS NOT NULL"),
        1);

    receiver_script(rig.smtp, NULL, 0, ACT_OK);
    cr_assert_str_eq(test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL,
                                 "UPDATE desk.delivery SET state = 'queued', next_at = now() RETURNING id",
                                 &replayed),
                     "");
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery_attempt"), 11,
                 "the history goes on");
    expect_message_id(&rig, receiver_count(rig.smtp) - 1);
    rig_close(&rig);
}

Test(mail, an_address_that_is_none_is_a_dead_letter_at_once)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    test_db_run(rig.db, "UPDATE desk.app_user SET email = E'x@y.z>\\r\\nRCPT TO:<victim@example.org' WHERE "
                        "login = 'requester-eu-1'");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'dead' FROM desk.delivery");
    cr_expect_str_eq(test_db_text(rig.db, "SELECT last_error FROM desk.delivery"),
                     "the recipient's address is not valid");
    cr_expect_eq(receiver_connections(rig.smtp), 0);
    rig_close(&rig);
}

Test(mail, the_rate_is_kept)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.mail_rate = 20;
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    test_db_run(
        rig.db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.resolved'"
        " FROM desk.ticket, generate_series(1, 50) i");
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.smtp, 50);
    cr_expect_geq(receiver_time_us(rig.smtp, 49) - receiver_time_us(rig.smtp, 0), 1300 * US_PER_MS,
                  "twenty at once, then twenty a second");
    cr_expect_leq(receiver_time_us(rig.smtp, 49) - receiver_time_us(rig.smtp, 0), 6000 * US_PER_MS);
    rig_close(&rig);
}
