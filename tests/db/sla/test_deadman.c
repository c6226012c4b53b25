/* Signs of life to a real HTTP server: that they go out, and everything that keeps them back. */
#include "base/clock.h"
#include "desk.h"
#include "meridian/errors.h"
#include "servers.h"
#include "sla/deadman.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};

struct field {
    struct test_db *db;
    uv_loop_t loop;
    struct db_pool *pool;
    struct scheduler *scheduler;
    struct auditor *auditor;
    struct receiver *watcher;
    char url[64];
    struct deadman *deadman;
    uint64_t wanted;
};

static bool has_swept(void *arg)
{
    const struct field *f = arg;

    return f->scheduler ? scheduler_clocks(f->scheduler).sweeps > 0 : auditor_figures(f->auditor).audits > 0;
}

static void open_deadman(struct field *f, const char *url)
{
    const struct deadman_options options = {.loop = &f->loop,
                                            .pool = f->pool,
                                            .url = url,
                                            .every_us = 50 * US_PER_MS,
                                            .late_us = 10 * US_PER_S,
                                            .sweep_us = 2 * US_PER_S,
                                            .scheduler = f->scheduler,
                                            .auditor = f->auditor};

    cr_assert_eq(deadman_open(&options, &f->deadman), 0);
}

/* At home with a scheduler that has swept, or elsewhere with an auditor that has looked. */
static void field_open(struct field *f, bool at_home)
{
    *f = (struct field){.db = test_db_new(), .watcher = receiver_http()};
    test_db_people(f->db);
    f->pool = test_db_pool(f->db, test_loop_init(&f->loop), "meridian_sla", lists, 2);
    if (at_home) {
        const struct scheduler_options options = {.loop = &f->loop,
                                                  .pool = f->pool,
                                                  .instance = "sla-eu-1",
                                                  .window_us = 60 * US_PER_S,
                                                  .every_us = 20 * US_PER_MS};

        f->scheduler = scheduler_open(&options);
    } else {
        const struct auditor_options options = {
            .loop = &f->loop, .pool = f->pool, .late_us = 10 * US_PER_S, .every_us = 20 * US_PER_MS};

        f->auditor = auditor_open(&options);
    }
    test_loop_until(&f->loop, has_swept, f, 10000);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/ping/s3cret", receiver_port(f->watcher));
    open_deadman(f, f->url);
}

static void field_close(struct field *f)
{
    deadman_stop(f->deadman);
    db_pool_close(f->pool);
    deadman_close(f->deadman);
    auditor_close(f->auditor);
    scheduler_close(f->scheduler);
    test_loop_close(&f->loop);
    receiver_close(f->watcher);
    test_db_free(f->db);
}

static bool was_sent(void *arg)
{
    const struct field *f = arg;

    return deadman_figures(f->deadman).sent >= f->wanted;
}

static bool was_withheld(void *arg)
{
    const struct field *f = arg;

    return deadman_figures(f->deadman).withheld >= f->wanted;
}

static bool has_failed(void *arg)
{
    const struct field *f = arg;

    return deadman_figures(f->deadman).failed >= f->wanted;
}

static bool has_arrived(void *arg)
{
    const struct field *f = arg;

    return (uint64_t)receiver_count(f->watcher) >= f->wanted;
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

static void expect_sent(struct field *f)
{
    f->wanted = deadman_figures(f->deadman).sent + 2;
    test_loop_until(&f->loop, was_sent, f, 10000);
}

/* The second one withheld from now on was judged by what is true now; from there on nothing arrives. */
static void expect_withheld(struct field *f, const char *why)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    int arrived;

    f->wanted = deadman_figures(f->deadman).withheld + 2;
    test_loop_until(&f->loop, was_withheld, f, 10000);
    arrived = receiver_count(f->watcher);
    f->wanted += 3;
    test_loop_until(&f->loop, was_withheld, f, 10000);
    cr_expect_eq(receiver_count(f->watcher), arrived, "%s: the watcher was told", why);
    deadman_describe(f->deadman, &text);
    cr_expect_not_null(strstr(buf_text(&text), why), "%s", buf_text(&text));
}

static void expect_failed(struct field *f, const char *why)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    f->wanted = deadman_figures(f->deadman).failed + 2;
    test_loop_until(&f->loop, has_failed, f, 10000);
    deadman_describe(f->deadman, &text);
    cr_expect_not_null(strstr(buf_text(&text), why), "%s", buf_text(&text));
    cr_expect_null(strstr(buf_text(&text), "s3cret"), "the URL may be a secret: %s", buf_text(&text));
}

Test(deadman, goes_out_while_sweeps_are_completed_and_not_when_the_scheduler_stops)
{
    struct field f;
    _cleanup_buf_ struct buf text = BUF_INIT, request = BUF_INIT;
    bool drained = false;

    field_open(&f, true);
    deadman_describe(f.deadman, &text);
    cr_expect_str_eq(buf_text(&text), "heartbeat: none was due yet\n");
    expect_sent(&f);
    receiver_message(f.watcher, 0, &request);
    cr_expect(str_starts(buf_str(&request), STR("GET /ping/s3cret HTTP/1.1\r\n")), "%s", buf_text(&request));
    scheduler_drain(f.scheduler, set_true, &drained);
    test_loop_until(&f.loop, is_true, &drained, 10000);
    expect_withheld(&f, "not sent: no sweep was completed (the last one ");
    field_close(&f);
}

Test(deadman, is_kept_back_by_what_is_overdue)
{
    struct field f;

    field_open(&f, true);
    desk_tickets(f.db, "A", 1);
    test_db_run(f.db, "INSERT INTO desk.timer SELECT id, 'pending_end', now() - interval '20 s', 1 FROM "
                      "desk.ticket"); /* there is no router to tell */
    expect_withheld(&f, "not sent: something is overdue");
    test_db_run(f.db, "DELETE FROM desk.timer");
    expect_sent(&f);
    field_close(&f);
}

static void auditor_says(struct field *f, const char *instance, const char *stats, const char *ago)
{
    test_db_runf(
        f->db,
        "INSERT INTO desk.instance (instance, service, region, version, started_at, seen_at, stats) "
        "VALUES ('%s', 'sla', 'ap', '1', now(), now() - interval '%s', '%s') ON CONFLICT (instance) DO "
        "UPDATE SET stats = excluded.stats, seen_at = excluded.seen_at",
        instance, ago, stats);
}

Test(deadman, asks_the_auditors_of_other_regions)
{
    struct field f;

    field_open(&f, true);
    auditor_says(&f, "sla-ap-1", "{\"role\": \"auditor\", \"alarm\": false, \"content\": true}", "1 s");
    expect_sent(&f);
    auditor_says(&f, "sla-ap-1", "{\"role\": \"auditor\", \"alarm\": true, \"content\": false}", "1 s");
    expect_withheld(&f, "not sent: an auditor of another region is in alarm");
    auditor_says(&f, "sla-ap-1", "{\"role\": \"auditor\", \"alarm\": false, \"content\": false}", "1 s");
    expect_withheld(&f, "not sent: no auditor of another region can vouch");
    auditor_says(&f, "sla-us-1", "{\"role\": \"auditor\", \"alarm\": false}",
                 "1 s"); /* of an older release */
    expect_sent(&f);
    auditor_says(&f, "sla-us-1", "{\"role\": \"auditor\", \"alarm\": false, \"content\": true}", "3 min");
    auditor_says(&f, "sla-ap-1", "{\"role\": \"auditor\", \"alarm\": true, \"content\": false}", "3 min");
    expect_withheld(&f, "not sent: no auditor of another region can vouch");
    test_db_run(f.db,
                "UPDATE desk.instance SET seen_at = now() - interval '2 days'"); /* taken away for good */
    expect_sent(&f);
    field_close(&f);
}

Test(deadman, a_database_that_fails_is_no_life)
{
    struct field f;

    field_open(&f, true);
    expect_sent(&f);
    test_db_run(f.db, "ALTER TABLE desk.instance RENAME TO instance_away");
    expect_withheld(&f, "not sent: the database does not answer");
    test_db_run(f.db, "ALTER TABLE desk.instance_away RENAME TO instance");
    expect_sent(&f);
    field_close(&f);
}

Test(deadman, only_success_counts)
{
    struct field f;

    field_open(&f, true);
    receiver_script(f.watcher, NULL, 0, ACT_TEMPORARY);
    expect_failed(&f, "not sent: the watcher refused it");
    receiver_script(f.watcher, NULL, 0, ACT_REDIRECT);
    expect_failed(&f, "not sent: the watcher refused it");
    receiver_script(f.watcher, NULL, 0, ACT_HANG_UP);
    expect_failed(&f, "not sent: ");
    receiver_script(f.watcher, NULL, 0, ACT_HANG);
    expect_failed(&f, "not sent: Timeout was reached");
    receiver_script(f.watcher, NULL, 0, ACT_FLOOD);
    expect_sent(&f);
    receiver_script(f.watcher, NULL, 0, ACT_OK);
    expect_sent(&f);
    field_close(&f);
}

Test(deadman, nobody_listens_and_an_end_in_the_middle)
{
    struct field f;

    field_open(&f, true);
    deadman_close(f.deadman);
    open_deadman(&f, "http://127.0.0.1:1/nobody");
    expect_failed(&f, "not sent: Couldn't connect to server");
    deadman_close(f.deadman);
    receiver_script(f.watcher, NULL, 0, ACT_HANG);
    open_deadman(&f, f.url);
    f.wanted = (uint64_t)receiver_count(f.watcher) + 1;
    test_loop_until(&f.loop, has_arrived, &f, 10000);
    field_close(&f); /* while the watcher has not answered */
}

Test(deadman, an_auditor_elsewhere_vouches_for_itself)
{
    struct field f;

    field_open(&f, false);
    expect_sent(&f);
    desk_tickets(f.db, "A", 1);
    desk_clocks(f.db, "A", "resolve", -20, 3600);
    expect_withheld(&f, "not sent: the audit is not content");
    test_db_run(f.db,
                "UPDATE desk.clock SET fire_at = due_at, warned_at = now(), generation = generation + 1");
    expect_sent(&f);
    test_db_run(f.db, "ALTER TABLE desk.clock RENAME TO clock_away"); /* it cannot tell */
    expect_withheld(&f, "not sent: the audit is not content");
    field_close(&f);
}

Test(deadman, refuses_what_is_no_address_of_a_watcher)
{
    static const char *const wrong[] = {"nowhere", "ftp://127.0.0.1/x", "file:///etc/passwd",
                                        "http://", " http://a",         "http://a b/"};
    static const char *const good[] = {"http://127.0.0.1:8080/ping", "https://watcher.example/p/4b1d"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;

        cr_expect_eq(deadman_check(wrong[i], &problem), -E_CONFIG, "%s", wrong[i]);
        cr_expect_str_eq(buf_text(&problem),
                         "heartbeat_url: must be a URL that begins with http:// or https://");
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;

        cr_expect_eq(deadman_check(good[i], &problem), 0, "%s", good[i]);
    }
}
