/* The auditor: alarm on, alarm off, and what it says. */
#include "base/clock.h"
#include "desk.h"
#include "sla/audit.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};

static bool alarm_is_on(void *arg)
{
    return auditor_figures(arg).alarm;
}

static bool alarm_is_off(void *arg)
{
    return !auditor_figures(arg).alarm;
}

static uint64_t audits_wanted;
static bool has_audited(void *arg)
{
    return auditor_figures(arg).audits >= audits_wanted;
}

static bool cannot_tell(void *arg)
{
    return auditor_figures(arg).age_us < 0;
}

Test(audit, overdue_clocks_raise_the_alarm_and_firing_ends_it)
{
    struct test_db *db = test_db_new();
    uv_loop_t loop;
    struct db_pool *pool;
    struct auditor *auditor;
    _cleanup_buf_ struct buf text = BUF_INIT;

    test_db_people(db);
    desk_tickets(db, "A", 3);
    desk_clocks(db, "A", "resolve", -8, 3600);
    pool = test_db_pool(db, test_loop_init(&loop), "meridian_sla", lists, 1);
    const struct auditor_options options = {
        .loop = &loop, .pool = pool, .late_us = 10 * US_PER_S, .every_us = 20 * US_PER_MS};

    auditor = auditor_open(&options);
    auditor_describe(auditor, &text);
    cr_expect_str_eq(buf_text(&text), "audit: the standby cannot tell\n");
    audits_wanted = 3;
    test_loop_until(&loop, has_audited, auditor, 5000);
    cr_expect_not(auditor_figures(auditor).alarm, "eight seconds are not too long");
    buf_reset(&text);
    auditor_describe(auditor, &text);
    cr_expect(str_starts(buf_str(&text), STR("audit: nothing overdue")), "%s", buf_text(&text));

    test_db_run(db, "UPDATE desk.clock SET fire_at = fire_at - interval '4 s'");
    test_loop_until(&loop, alarm_is_on, auditor, 5000);
    cr_expect_eq(auditor_figures(auditor).overdue, 3);
    cr_expect_geq(auditor_figures(auditor).longest_us, 12 * US_PER_S);
    buf_reset(&text);
    auditor_describe(auditor, &text);
    cr_expect(str_starts(buf_str(&text),
                         STR("audit: ALARM: 3 clocks and timers are due and not fired, the first for 12 s")),
              "%s", buf_text(&text));

    test_db_run(db, "UPDATE desk.clock SET fire_at = due_at, warned_at = now(), generation = generation + 1");
    test_loop_until(&loop, alarm_is_off, auditor, 5000);
    cr_expect_eq(auditor_figures(auditor).overdue, 0);
    db_pool_close(pool);
    auditor_close(auditor);
    test_loop_close(&loop);
    test_db_free(db);
}

static bool is_silent(void *arg)
{
    return auditor_figures(arg).silent;
}

static bool is_not_silent(void *arg)
{
    return !auditor_figures(arg).silent;
}

Test(audit, timers_count_and_silent_schedulers_are_noticed)
{
    struct test_db *db = test_db_new();
    uv_loop_t loop;
    struct db_pool *pool = test_db_pool(db, test_loop_init(&loop), "meridian_sla", lists, 1);
    const struct auditor_options options = {
        .loop = &loop, .pool = pool, .late_us = 10 * US_PER_S, .every_us = 20 * US_PER_MS};
    struct auditor *auditor;
    _cleanup_buf_ struct buf text = BUF_INIT;

    test_db_people(db);
    desk_tickets(db, "A", 1);
    test_db_run(
        db, "INSERT INTO desk.timer SELECT id, 'pending_end', now() - interval '20 s', 1 FROM desk.ticket");
    test_db_run(
        db, "INSERT INTO desk.scheduler (term, instance, seen_at, swept_at) VALUES (1, 'sla-eu-1', now(), "
            "now() - interval '15 s')");
    auditor = auditor_open(&options);
    test_loop_until(&loop, is_silent, auditor, 5000);
    cr_expect_eq(auditor_figures(auditor).overdue, 1);
    auditor_describe(auditor, &text);
    cr_expect_not_null(strstr(buf_text(&text), "; ALARM: no scheduler has completed a sweep for 15 s"), "%s",
                       buf_text(&text));
    test_db_run(db, "DELETE FROM desk.timer");
    test_db_run(db, "UPDATE desk.scheduler SET swept_at = now()");
    test_loop_until(&loop, is_not_silent, auditor, 5000);
    test_loop_until(&loop, alarm_is_off, auditor, 5000);
    db_pool_close(pool);
    auditor_close(auditor);
    test_loop_close(&loop);
    test_db_free(db);
}

static bool is_blind(void *arg)
{
    return auditor_figures(arg).blind;
}

static bool is_not_blind(void *arg)
{
    return !auditor_figures(arg).blind;
}

Test(audit, to_know_nothing_new_for_long_is_an_alarm)
{
    struct test_db *db = test_db_new();
    uv_loop_t loop;
    struct db_pool *pool = test_db_pool(db, test_loop_init(&loop), "meridian_sla", lists, 1);
    const struct auditor_options options = {.loop = &loop,
                                            .pool = pool,
                                            .late_us = 10 * US_PER_S,
                                            .every_us = 20 * US_PER_MS,
                                            .blind_us = 2 * US_PER_S};
    struct auditor *auditor = auditor_open(&options);
    _cleanup_buf_ struct buf text = BUF_INIT;

    audits_wanted = 3;
    test_loop_until(&loop, has_audited, auditor, 5000);
    cr_expect_not(auditor_figures(auditor).blind);
    test_db_run(db, "ALTER TABLE desk.clock RENAME TO clock_away");
    test_loop_until(&loop, cannot_tell, auditor, 5000);
    test_loop_until(&loop, is_blind, auditor, 20000);
    cr_expect_geq(auditor_figures(auditor).blind_us, options.blind_us);
    auditor_describe(auditor, &text);
    cr_expect(
        str_starts(buf_str(&text), STR("audit: the standby cannot tell; ALARM: nothing new is known since ")),
        "%s", buf_text(&text));
    test_db_run(db, "ALTER TABLE desk.clock_away RENAME TO clock");
    test_loop_until(&loop, is_not_blind, auditor, 20000);
    db_pool_close(pool);
    auditor_close(auditor);
    test_loop_close(&loop);
    test_db_free(db);
}

Test(audit, a_standby_that_is_away_is_no_verdict)
{
    struct test_db *db = test_db_new();
    uv_loop_t loop;
    struct db_pool *pool = test_db_pool(db, test_loop_init(&loop), "meridian_sla", lists, 1);
    const struct auditor_options options = {
        .loop = &loop, .pool = pool, .late_us = 10 * US_PER_S, .every_us = 20 * US_PER_MS};
    struct auditor *auditor = auditor_open(&options);

    audits_wanted = 1;
    test_loop_until(&loop, has_audited, auditor, 5000);
    cr_expect_geq(auditor_figures(auditor).age_us, 0);
    test_db_run(db, "ALTER TABLE desk.clock RENAME TO clock_away");
    test_loop_until(&loop, cannot_tell, auditor, 5000);
    cr_expect_not(auditor_figures(auditor).alarm);
    test_db_run(db, "ALTER TABLE desk.clock_away RENAME TO clock");
    audits_wanted = auditor_figures(auditor).audits + 1;
    test_loop_until(&loop, has_audited, auditor, 20000);
    cr_expect_geq(auditor_figures(auditor).age_us, 0);
    db_pool_close(pool);
    auditor_close(auditor);
    test_loop_close(&loop);
    test_db_free(db);
}
