/* When events are expanded: urgent ones first and whatever the rate, by two at once, around what is locked or
 * cannot be told. */
#include "base/clock.h"
#include "metrics/metrics.h"
#include "rig.h"
#include <criterion/criterion.h>

Test(expand_pace, two_at_once_make_each_delivery_exactly_once)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "all", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(
        rig.db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.resolved'"
        " FROM desk.ticket, generate_series(1, 3000) i");
    rig_expand(&rig, 2);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 6000);
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(DISTINCT (position, channel, destination)) FROM desk.delivery"),
        6000);
    rig_close(&rig);
}

/* A P1 and a breach at the end of a long line do not wait for it. */
Test(expand_pace, urgent_events_come_first)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, "
                "'ticket.resolved', '{\"priority\": 3}' FROM desk.ticket, generate_series(1, 500) i");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT 501, id, 1, "
                "'ticket.created', '{\"priority\": 1}' FROM desk.ticket");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 502, id, 1, "
                        "'sla.breached' FROM desk.ticket");
    rig_expanders(&rig, 1, 10); /* then ten seconds until the next batch */
    rig_until(&rig, "SELECT count(*) < 502 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox WHERE urgent"), 0);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 402, "and the rate is kept");
    cr_expect_gt(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE position = 502"), 0);
    rig_close(&rig);
}

Test(expand_pace, urgent_events_do_not_wait_for_the_rate)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, "
                "'ticket.resolved', '{\"priority\": 3}' FROM desk.ticket, generate_series(1, 500) i");
    rig_expanders(&rig, 1, 1); /* then a hundred seconds until the next batch */
    rig_until(&rig, "SELECT count(*) = 400 FROM desk.outbox");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 501, id, 1, "
                        "'sla.breached' FROM desk.ticket");
    rig_until(&rig, "SELECT count(*) > 0 FROM desk.delivery WHERE position = 501");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 400, "and the rate is kept");
    rig_close(&rig);
}

/* `n` events of EU-1, as positions from `first`. */
static void many_events(struct rig *rig, int first, int n, const char *type)
{
    test_db_runf(rig->db,
                 "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, '%s',"
                 " '{\"priority\": 3}' FROM desk.ticket, generate_series(%d, %d) i",
                 type, first, first + n - 1);
}

/* At the rate of one ordinary event a second, each batch of urgent ones that counted would cost a second's
 * rest, and ordinary ones would have theirs after a hundred. */
Test(expand_pace, urgent_events_do_not_use_up_the_rate)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 5000, "sla.breached");
    rig_expanders(&rig, 1, 1);
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    many_events(&rig, 5001, 1, "ticket.resolved");
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    rig_close(&rig);
}

static void wake(uv_timer_t *timer)
{
    expander_wake(timer->data);
}

/* Hints come faster than looks while ordinary events have to wait for the rate. */
Test(expand_pace, hints_do_not_put_off_urgent_events)
{
    struct rig rig;
    uv_timer_t hints;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 200, "ticket.resolved");
    rig_expanders(&rig, 1, 1);
    rig_until(&rig, "SELECT count(*) = 100 FROM desk.outbox");
    uv_timer_init(&rig.loop, &hints);
    hints.data = rig.home[0].expander;
    uv_timer_start(&hints, wake, 1, 5);
    many_events(&rig, 201, 1, "sla.breached");
    rig_until(&rig, "SELECT count(*) > 0 FROM desk.delivery WHERE position = 201");
    uv_close((uv_handle_t *)&hints, NULL);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 100, "and the rate is kept");
    rig_close(&rig);
}

static double age(void)
{
    return metric_read(metric_gauge("meridian_notifier_outbox_age_seconds", "the expander's", NULL), NULL);
}

static bool is_old(void *arg)
{
    (void)arg;
    return age() >= 3600;
}

static bool is_growing(void *arg)
{
    (void)arg;
    return age() > 1;
}

static bool is_done(void *arg)
{
    (void)arg;
    return age() == 0;
}

Test(expand_pace, the_age_of_what_waits_is_a_gauge)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 101, "ticket.resolved");
    test_db_run(rig.db, "UPDATE desk.outbox SET created_at = now() - interval '1 hour' WHERE position = 101");
    rig_expanders(&rig, 1, 1); /* a hundred seconds until the last one */
    test_loop_until(&rig.loop, is_old, NULL, 20000);
    many_events(&rig, 102, 1, "sla.breached");
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.outbox");
    cr_expect_geq(age(), 3600, "also after a batch of urgent ones alone");
    test_db_run(rig.db, "DELETE FROM desk.outbox");
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    rig_close(&rig);
}

Test(expand_pace, the_age_of_what_waits_grows_while_nobody_can_look)
{
    struct rig rig;

    rig_open(&rig);
    rig_expanders(&rig, 1, 1000);
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    test_db_run(rig.db, "ALTER TABLE desk.outbox RENAME TO outbox_away");
    test_loop_until(&rig.loop, is_growing, NULL, 20000);
    test_db_run(rig.db, "ALTER TABLE desk.outbox_away RENAME TO outbox");
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    rig_close(&rig);
}

Test(expand_pace, the_same_event_again_changes_nothing)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    test_db_run(rig.db, "CREATE TABLE public.again AS SELECT * FROM desk.outbox");
    rig_expand(&rig, 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 1);
    test_db_run(rig.db, "UPDATE desk.delivery SET state = 'delivered', next_at = NULL");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT "
                        "position, ticket_id, event_seq,"
                        " type, data FROM public.again");
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE state = 'delivered'"), 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 1);
    rig_close(&rig);
}

Test(expand_pace, rows_that_another_holds_are_left_to_it)
{
    struct rig rig;
    PGconn *holder;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.resolved", "agent-eu-1", NULL);
    holder = PQconnectdb(test_db_conninfo(rig.db, NULL));
    PQclear(PQexec(holder, "BEGIN; SELECT * FROM desk.outbox ORDER BY id LIMIT 1 FOR UPDATE"));
    rig_expander_pool(&rig, 0);
    const struct expander_options options = {.loop = &rig.loop,
                                             .pool = rig.home[0].pool,
                                             .rate = 1000,
                                             .home_region = "eu",
                                             .on_made = rig_ignore};

    rig.home[0].expander = expander_open(&options);
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.delivery");
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.resolved"), "mail requester-eu-1");
    PQclear(PQexec(holder, "ROLLBACK"));
    PQfinish(holder);
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 2);
    rig_close(&rig);
}

Test(expand_pace, the_role_cannot_read_notes_or_change_the_outbox)
{
    struct rig rig;

    rig_open(&rig);
    cr_expect_str_eq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "SELECT * FROM desk.note", NULL), "42501");
    cr_expect_str_eq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "UPDATE desk.outbox SET type = 'x'", NULL),
        "42501");
    cr_expect_str_neq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "UPDATE desk.outbox SET id = 1", NULL),
        "");
    cr_expect_str_eq(test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL,
                                 "UPDATE desk.ticket SET subject = 'x'", NULL),
                     "42501");
    rig_close(&rig);
}

Test(expand_pace, an_event_that_cannot_be_expanded_is_a_dead_letter_and_holds_up_nobody)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "sla.warned", NULL, NULL);
    test_db_run(rig.db, "UPDATE desk.outbox SET data = '{\"due_at\": \"never\"}' WHERE type = 'sla.warned'");
    rig_happens(&rig, "EU-1", "ticket.resolved", "agent-eu-1", NULL);
    rig_expand(&rig, 2);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.created"), "mail requester-eu-1");
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.resolved"), "mail requester-eu-1");
    cr_expect_eq(
        test_db_int(rig.db,
                    "SELECT count(*) FROM desk.delivery WHERE type = 'sla.warned' AND state = 'dead'"
                    " AND destination = '(everybody)' AND last_error LIKE '%could not be expanded%never%'"),
        1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 3);
    rig_close(&rig);
}

/* Behind more ordinary ones than a batch has: it is looked for where the batch found it. */
Test(expand_pace, an_urgent_event_that_cannot_be_expanded_is_found_before_ordinary_ones)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 300, "ticket.resolved");
    many_events(&rig, 301, 1, "sla.warned");
    test_db_run(rig.db, "UPDATE desk.outbox SET data = '{\"due_at\": \"never\"}' WHERE position = 301");
    rig_expanders(&rig, 1, 1); /* a hundred seconds after each batch of ordinary ones */
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.delivery WHERE position = 301 AND state = 'dead'");
    rig_until(&rig, "SELECT count(*) <= 201 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 201, "and the rate is kept");
    rig_close(&rig);
}
