/* Waits between attempts, and lanes. */
#include "base/clock.h"
#include "notifier/channel.h"
#include "notifier/lane.h"
#include <criterion/criterion.h>

#define MIN_US (60 * US_PER_S)
#define DAY_US (1440 * MIN_US)

Test(retry, mail_waits_are_full_jitter_under_a_cap)
{
    const struct retry_policy *mail = channel_mail.retry;
    int64_t most = 5 * US_PER_S;

    for (int made = 1; made < mail->attempts; made++) {
        cr_expect_eq(retry_wait_us(mail, made, 0, 0, RETRY_SCALE_ONE), 0, "the least is nothing");
        cr_expect_eq(retry_wait_us(mail, made, 0, (uint64_t)most, RETRY_SCALE_ONE), most,
                     "the most doubles (%d)", made);
        for (uint64_t random = 1; random; random <<= 1)
            cr_expect_leq(retry_wait_us(mail, made, 0, random * 2654435761u, RETRY_SCALE_ONE), most);
        most = most * 2 < 60 * MIN_US ? most * 2 : 60 * MIN_US;
    }
    cr_expect_eq(retry_wait_us(mail, mail->attempts, 0, 1, RETRY_SCALE_ONE), -1, "no attempt is left");
    cr_expect_eq(retry_wait_us(mail, mail->attempts + 5, 0, 1, RETRY_SCALE_ONE), -1);
}

Test(retry, webhook_waits_are_the_published_schedule)
{
    static const int64_t minutes_x60[] = {5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400};
    const struct retry_policy *webhook = channel_webhook.retry;

    cr_assert_eq(webhook->attempts, 10);
    for (int made = 1; made < 10; made++) {
        int64_t base = minutes_x60[made - 1] * US_PER_S;

        cr_expect_eq(retry_wait_us(webhook, made, 0, 0, RETRY_SCALE_ONE), base - base / 10);
        cr_expect_eq(retry_wait_us(webhook, made, 0, (uint64_t)(base / 5), RETRY_SCALE_ONE),
                     base - base / 10 + base / 5);
    }
    cr_expect_eq(retry_wait_us(webhook, 10, 0, 0, RETRY_SCALE_ONE), -1);
}

Test(retry, retry_after_is_the_least_wait_and_is_not_scaled)
{
    const struct retry_policy *webhook = channel_webhook.retry;

    cr_expect_eq(retry_wait_us(webhook, 1, 120, 0, RETRY_SCALE_ONE), 120 * US_PER_S);
    cr_expect_eq(retry_wait_us(webhook, 2, 1, 0, RETRY_SCALE_ONE), 270 * US_PER_S, "our own wait is longer");
    cr_expect_eq(retry_wait_us(webhook, 9, 2, 0, 0), 2 * US_PER_S);
    cr_expect_eq(retry_wait_us(webhook, 1, INT64_MAX, 0, RETRY_SCALE_ONE), DAY_US, "at most a day");
    cr_expect_eq(retry_wait_us(webhook, 10, 5, 0, RETRY_SCALE_ONE), -1,
                 "asking for a retry makes no attempt");
    cr_expect_eq(retry_wait_us(webhook, 9, 0, 0, 1000), (DAY_US - DAY_US / 10) / 1000, "scaled");
}

/* ---- lanes ---- */

#define T0 (1000 * US_PER_S)

static void end_all(struct lane *lane, int n, enum lane_verdict verdict, int64_t now_us)
{
    for (int i = 0; i < n; i++)
        lane_end(lane, verdict, now_us);
}

static void begin(struct lane *lane, int n)
{
    for (int i = 0; i < n; i++)
        lane_begin(lane);
}

Test(lane, starts_with_five_grows_to_twenty)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("webhook/1"));

    cr_expect_eq(lane_room(lane, T0), LANE_START);
    begin(lane, 5);
    cr_expect_eq(lane_room(lane, T0), 0);
    end_all(lane, 5, LANE_OK, T0);
    cr_expect_eq(lane_room(lane, T0), 5, "a cohort of successes is one more, slowly");
    for (int i = 0; i < 1000; i++) {
        lane_begin(lane);
        lane_end(lane, LANE_OK, T0);
    }
    cr_expect_eq(lane_room(lane, T0), LANE_MOST);
    cr_expect_eq(lanes_get(lanes, STR("webhook/1")), lane);
    cr_expect_neq(lanes_get(lanes, STR("webhook/11")), lane);
    cr_expect_eq(lanes_count(lanes), 2);
    lanes_free(lanes);
}

Test(lane, full_is_what_lives_and_has_no_room)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("x"));

    lanes_get(lanes, STR("idle"));
    begin(lane, 4);
    cr_expect_not(lanes_full(lanes));
    begin(lane, 1);
    cr_expect(lanes_full(lanes));
    end_all(lane, 5, LANE_FAILED, T0);
    cr_expect_eq(lanes_dead(lanes), 1);
    cr_expect_not(lanes_full(lanes), "the end of a delivery makes no room in a dead one");
    lanes_free(lanes);
}

Test(lane, dies_after_a_cohort_and_lives_again_after_a_probe)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("x"));
    int64_t now = T0;

    begin(lane, 5);
    end_all(lane, 4, LANE_FAILED, now);
    cr_expect_eq(lanes_dead(lanes), 0, "four of five is no cohort");
    lane_end(lane, LANE_FAILED, now);
    cr_expect_eq(lanes_dead(lanes), 1);
    cr_expect_eq(lane_room(lane, now), 0);
    cr_expect_eq(lanes_next_probe_us(lanes), now + US_PER_S);

    for (int64_t wait = US_PER_S; wait < 200 * US_PER_S; wait *= 2) {
        int64_t expected = wait < 60 * US_PER_S ? wait : 60 * US_PER_S;

        cr_expect_eq(lane_room(lane, now + expected - 1), 0, "%lld", (long long)wait);
        now += expected;
        cr_expect_eq(lane_room(lane, now), 1, "one probe");
        lane_begin(lane);
        cr_expect_eq(lane_room(lane, now), 0, "and one only");
        lane_end(lane, LANE_FAILED, now);
    }
    now = lanes_next_probe_us(lanes);
    lane_begin(lane);
    lane_end(lane, LANE_OK, now);
    cr_expect_eq(lanes_dead(lanes), 0);
    cr_expect_eq(lane_room(lane, now), 2, "carefully at first");
    begin(lane, 2);
    end_all(lane, 2, LANE_FAILED, now);
    cr_expect_eq(lanes_dead(lanes), 1, "a short cohort is enough now");
    cr_expect_eq(lanes_next_probe_us(lanes), now + US_PER_S, "the wait begins anew");
    lanes_free(lanes);
}

Test(lane, a_success_between_failures_keeps_it_alive)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("x"));

    for (int i = 0; i < 100; i++) {
        begin(lane, 3);
        lane_end(lane, LANE_FAILED, T0);
        lane_end(lane, LANE_OK, T0);
        lane_end(lane, LANE_NEUTRAL, T0);
    }
    cr_expect_eq(lanes_dead(lanes), 0);
    cr_expect_geq(lane_room(lane, T0), 1);
    lanes_free(lanes);
}

Test(lane, failures_of_what_was_under_way_when_it_died_do_not_double_the_wait)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("x"));

    for (int i = 0; i < 200; i++) {
        lane_begin(lane);
        lane_end(lane, LANE_OK, T0);
    }
    begin(lane, 20);
    end_all(lane, 20, LANE_FAILED, T0);
    cr_expect_eq(lanes_dead(lanes), 1);
    cr_expect_eq(lanes_next_probe_us(lanes), T0 + US_PER_S);
    lanes_free(lanes);
}

Test(lane, retries_have_a_budget)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    struct lane *lane = lanes_get(lanes, STR("x"));

    for (int i = 0; i < 20; i++)
        cr_expect_eq(lane_retry_wait_us(lane, T0), 0, "%d", i);
    cr_expect_eq(lane_retry_wait_us(lane, T0), 1 * US_PER_S, "one a second beyond");
    cr_expect_eq(lane_retry_wait_us(lane, T0), 2 * US_PER_S);
    cr_expect_eq(lane_retry_wait_us(lane, T0 + 10 * US_PER_S), 0, "time earns some");
    for (int i = 0; i < 300; i++) {
        lane_begin(lane);
        lane_end(lane, LANE_OK, T0 + 10 * US_PER_S);
    }
    for (int i = 0; i < 20; i++)
        cr_expect_eq(lane_retry_wait_us(lane, T0 + 10 * US_PER_S), 0,
                     "ten successes earn one, twenty at most");
    cr_expect_gt(lane_retry_wait_us(lane, T0 + 10 * US_PER_S), 0);
    lanes_free(lanes);
}

Test(lane, rooms_tell_the_claim_and_the_rested_are_forgotten)
{
    struct lanes *lanes = lanes_new(RETRY_SCALE_ONE);
    _cleanup_buf_ struct buf rooms = BUF_INIT;
    struct lane *full = lanes_get(lanes, STR("mail/\"odd\""));

    lane_begin(lanes_get(lanes, STR("used")));
    lane_end(lanes_get(lanes, STR("used")), LANE_OK, T0);
    begin(full, 5);
    lanes_rooms(lanes, T0, &rooms);
    cr_expect_str_eq(buf_text(&rooms), "{\"mail/\\\"odd\\\"\":0}");
    cr_expect_eq(lanes_count(lanes), 2);
    buf_reset(&rooms);
    lanes_rooms(lanes, T0 + 601 * US_PER_S, &rooms);
    cr_expect_eq(lanes_count(lanes), 1, "what is under way stays");
    lanes_free(lanes);
}
