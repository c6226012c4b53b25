/* The ledger's promises: nothing lost, nothing twice without need, nobody held up by another. */
#include "base/clock.h"
#include "notifier_sql.h"
#include "rig.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

/* `n` events for everybody who listens. */
static void many_events(struct rig *rig, int n)
{
    test_db_runf(
        rig->db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.claimed'"
        " FROM desk.ticket, generate_series(1, %d) i",
        n);
}

Test(ledger, two_at_once_send_each_delivery_once)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    many_events(&rig, 300);
    rig_start(&rig, 0);
    rig_start(&rig, 1);
    rig_until(&rig, "SELECT count(*) = 300 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(receiver_count(rig.http), 300);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery_attempt"), 300);
    rig_close(&rig);
}

Test(ledger, a_black_hole_holds_up_nobody)
{
    struct rig rig;
    struct receiver *hole = receiver_http();

    rig_open(&rig);
    receiver_script(hole, NULL, 0, ACT_HANG);
    rig_endpoint(&rig, "healthy", "{}");
    test_db_runf(
        rig.db,
        "INSERT INTO desk.webhook_endpoint (name, url, secret) VALUES ('hole', 'http://127.0.0.1:%d/',"
        " 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')",
        receiver_port(hole));
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig.conf.webhook_timeout_us = 30 * US_PER_S;
    many_events(&rig, 400);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.http, 400); /* while the other still hangs on its first ones */
    cr_expect_leq(receiver_count(hole), 5, "a lane starts with five");
    cr_expect_eq(receiver_taken(hole), 0);
    cr_expect_eq(ledger_figures(rig.home[0].ledger).lanes, 2);
    receiver_release(hole);
    rig_until(&rig, "SELECT count(*) = 800 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_leq(receiver_most_at_once(hole), 20);
    rig_close(&rig);
    receiver_close(hole);
}

Test(ledger, a_dead_destination_is_probed_and_comes_back)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.retry_scale = 100000; /* a tenth: a dead lane waits 100 ms, 200 ms, ... */
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    receiver_script(rig.http, NULL, 0, ACT_TEMPORARY);
    many_events(&rig, 50);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT count(*) >= 7 FROM desk.delivery_attempt");
    cr_expect_eq(ledger_figures(rig.home[0].ledger).dead_lanes, 1);
    cr_expect_leq(receiver_count(rig.http), 12, "most of the fifty were not thrown at a dead host");
    receiver_script(rig.http, NULL, 0, ACT_OK);
    rig_until(&rig, "SELECT count(*) >= 40 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(ledger_figures(rig.home[0].ledger).dead_lanes, 0);
    rig_close(&rig);
}

Test(ledger, urgent_ones_go_first)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.mail_rate = 1;
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    for (int i = 0; i < 5; i++)
        rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.replied", "requester-eu-1", "text");
    rig_happens(&rig, "EU-1", "sla.warned", NULL, NULL);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.smtp, 2);
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE state <> 'queued' AND class < 2"), 2);
    rig_close(&rig);
}

/* `n` mails that are due, to five people of each domain. */
static void many_mails(struct rig *rig, int class, int n)
{
    test_db_runf(rig->db,
                 "INSERT INTO desk.delivery (id, position, type, channel, class, region, destination, "
                 "payload, next_at, state)"
                 " SELECT gen_random_uuid(), i, 'ticket.created', 'mail', %d, 'eu', 'somebody@d' || i / 5 || "
                 "'.example',"
                 " '{\"type\":\"ticket.created\",\"number\":\"EU-1\",\"language\":\"en\",\"zone\":\"UTC\"}',"
                 " now(), 'queued' FROM generate_series(1, %d) i",
                 class, n);
}

/* At the rate of one a second the forty would take longer than the test waits. */
Test(ledger, urgent_ones_do_not_wait_for_the_rate)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.mail_rate = 1;
    many_mails(&rig, 1, 60);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.smtp, 1);
    many_mails(&rig, 0, 40);
    rig_until(&rig, "SELECT count(*) = 40 FROM desk.delivery WHERE class = 0 AND state = 'delivered'");
    cr_expect_gt(
        test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE class = 1 AND state = 'queued'"), 30,
        "and the others keep to it");
    rig_close(&rig);
}

/* As if the lease of every mail that the relay has not seen had run out. */
static void end_leases_of_the_unseen(struct rig *rig)
{
    _cleanup_buf_ struct buf query = BUF_INIT;

    buf_add_text(&query,
                 "UPDATE desk.delivery SET next_at = now() WHERE state = 'sending' AND NOT id::text = "
                 "ANY (string_to_array('");
    for (int i = 0; i < receiver_count(rig->smtp); i++)
        buf_printf(&query, "%.36s ", rig_header(rig->smtp, i, "Message-ID") + 1);
    buf_add_text(&query, "', ' '))");
    test_db_run(rig->db, buf_text(&query));
}

Test(ledger, a_mail_relay_that_hangs_gets_nothing_twice)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.smtp_timeout_us = 30 * US_PER_S;
    receiver_script(rig.smtp, NULL, 0, ACT_HANG);
    many_mails(&rig, 1, 60);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.smtp, SMTP_AT_ONCE);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE state = 'sending'"),
                 SMTP_AT_ONCE, "what cannot start is not claimed");
    end_leases_of_the_unseen(&rig);
    rig_start(&rig, 1);
    rig_until(&rig, "SELECT count(*) > 16 FROM desk.delivery WHERE state = 'sending'");
    receiver_release(rig.smtp);
    rig_until(&rig, "SELECT count(*) = 60 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(receiver_count(rig.smtp), 60);
    cr_expect_eq(test_db_int(rig.db, "SELECT max(attempts) FROM desk.delivery"), 1);
    rig_close(&rig);
}

/* ---- senders that die ---- */

/* A process of its own that sends one webhook and is killed while the receiver has it in hand. */
static void send_and_die(struct rig *rig)
{
    pid_t child = fork();
    int status;

    cr_assert_geq(child, 0);
    if (child == 0) {
        static struct rig own; /* its own loop, connections and transport; the receivers stay the parent's */
        _cleanup_buf_ struct buf problems = BUF_INIT;

        own.db = rig->db;
        own.conf = rig->conf;
        uv_loop_init(&own.loop);
        if (templates_open(&own.templates, &problems) < 0 ||
            address_guard_new("127.0.0.1/32", &own.guard, &problems) < 0)
            _exit(2);
        own.env = (struct channel_env){
            .conf = &own.conf, .templates = own.templates, .guard = own.guard, .zones = &own.zones};
        if (transport_open(&own.loop, &own.env.transport) < 0)
            _exit(2);
        rig_start(&own, 0);
        uv_run(&own.loop, UV_RUN_DEFAULT);
        _exit(3);
    }
    rig_until_count(rig, rig->http, 1);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
}

static void keep_turning(uv_timer_t *timer)
{
    (void)timer;
}

Test(ledger, killed_in_the_middle_of_sending_it_sends_again_with_the_same_id)
{
    struct rig rig;
    uv_timer_t turn;
    char first[64];

    rig_open(&rig);
    uv_timer_init(&rig.loop, &turn);
    uv_timer_start(&turn, keep_turning, 10, 10);
    rig.conf.webhook_timeout_us = 20 * US_PER_S;
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    receiver_script(rig.http, (enum act[]){ACT_HANG}, 1, ACT_OK);
    send_and_die(&rig);
    cr_assert(rig_is(&rig, "SELECT state = 'sending' AND lease_by = 'notifier-eu-1' FROM desk.delivery"));
    snprintf(first, sizeof first, "%s", rig_header(rig.http, 0, "webhook-id"));

    rig_start(&rig, 0); /* the same instance again: it need not wait for the lease */
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 2);
    cr_expect_str_eq(rig_header(rig.http, 1, "webhook-id"), first);
    cr_expect_str_eq(
        test_db_text(
            rig.db,
            "SELECT string_agg(outcome || ': ' || detail, ', ' ORDER BY attempt) FROM desk.delivery_attempt"),
        "uncertain: the sender did not report back, delivered: http 200");
    uv_close((uv_handle_t *)&turn, NULL);
    rig_close(&rig);
}

Test(ledger, another_instance_takes_over_when_the_lease_runs_out)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    test_db_run(
        rig.db,
        "UPDATE desk.delivery SET state = 'sending', lease_by = 'ghost', next_at = now() + interval '1 h',"
        " finished_at = NULL");
    test_db_run(rig.db, "UPDATE desk.delivery SET next_at = now() + interval '0.2 s'");
    cr_expect_eq(receiver_count(rig.http), 1, "a lease that runs is respected");
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 2);
    cr_expect_eq(test_db_int(rig.db, "SELECT attempts FROM desk.delivery"), 2);
    rig_close(&rig);
}

Test(ledger, a_sender_that_died_at_the_last_attempt_leaves_it_uncertain)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    test_db_run(
        rig.db,
        "UPDATE desk.delivery SET state = 'sending', lease_by = 'ghost', attempts = 10, next_at = now()");
    rig_until(&rig, "SELECT state = 'uncertain' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 1);
    rig_close(&rig);
}

/* The database refuses to record an end when `refuses` holds for the delivery, and counts how often. */
static void refuse_records(struct rig *rig, const char *refuses)
{
    test_db_runf(rig->db,
                 "CREATE SEQUENCE public.refusals; GRANT USAGE ON SEQUENCE public.refusals TO PUBLIC;"
                 " CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                 " IF NEW.state = 'delivered' AND (%s) THEN PERFORM nextval('public.refusals');"
                 " RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;"
                 " CREATE TRIGGER refuse BEFORE UPDATE ON desk.delivery FOR EACH ROW EXECUTE FUNCTION "
                 "public.refuse()",
                 refuses);
}

Test(ledger, one_end_that_is_refused_keeps_no_other_from_its_record)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    refuse_records(&rig, "NEW.position = 7");
    many_events(&rig, 30);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT count(*) = 29 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect(rig_is(&rig, "SELECT state = 'sending' FROM desk.delivery WHERE position = 7"));
    test_db_run(rig.db, "DROP TRIGGER refuse ON desk.delivery");
    rig_until(&rig, "SELECT count(*) = 30 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(receiver_count(rig.http), 30, "told once");
    rig_close(&rig);
}

/* What is sent and cannot be recorded is sent again one day: so it must stay little. */
Test(ledger, while_ends_cannot_be_recorded_few_are_sent)
{
    struct rig rig;
    int sent;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    refuse_records(&rig, "true");
    many_events(&rig, 200);
    rig_start(&rig, 0);
    rig_until(&rig, "SELECT last_value > 60 FROM public.refusals");
    sent = receiver_count(rig.http);
    cr_expect_leq(sent, 40, "%d were sent: those under way at the first refusal, or eight", sent);
    test_db_run(rig.db, "DROP TRIGGER refuse ON desk.delivery");
    rig_until(&rig, "SELECT count(*) = 200 FROM desk.delivery WHERE state = 'delivered'");
    cr_expect_eq(receiver_count(rig.http), 200, "each told once");
    rig_close(&rig);
}

Test(ledger, an_end_that_cannot_be_recorded_is_recorded_later)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_start(&rig, 0);
    refuse_records(&rig, "true");
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    rig_until_count(&rig, rig.http, 1);
    cr_expect(rig_is(&rig, "SELECT state = 'sending' FROM desk.delivery"));
    test_db_run(rig.db, "DROP TRIGGER refuse ON desk.delivery");
    rig_until(&rig, "SELECT state = 'delivered' FROM desk.delivery");
    cr_expect_eq(receiver_count(rig.http), 1, "told once");
    rig_close(&rig);
}

Test(ledger, drain_waits_for_what_is_under_way_and_takes_no_more)
{
    struct rig rig;
    bool drained = false;

    rig_open(&rig);
    rig.conf.webhook_timeout_us = 20 * US_PER_S;
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    receiver_script(rig.http, NULL, 0, ACT_HANG);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.http, 1);
    ledger_drain(rig.home[0].ledger, set, &drained);
    rig_happens(&rig, "EU-1", "ticket.released", "agent-eu-1", NULL);
    rig_until(&rig, "SELECT count(*) = 2 FROM desk.delivery");
    cr_expect_not(drained);
    receiver_release(rig.http);
    test_loop_until(&rig.loop, is_set, &drained, 10000);
    cr_expect(rig_is(&rig, "SELECT count(*) = 1 FROM desk.delivery WHERE state = 'delivered'"),
              "the one in hand is recorded");
    cr_expect(rig_is(&rig, "SELECT count(*) = 1 FROM desk.delivery WHERE state = 'queued'"),
              "the other waits for the next process");
    cr_expect_eq(receiver_count(rig.http), 1);
    rig_close(&rig);
}

Test(ledger, closed_in_the_middle_it_leaves_the_lease_to_the_next)
{
    struct rig rig;

    rig_open(&rig);
    rig.conf.webhook_timeout_us = 20 * US_PER_S;
    rig_endpoint(&rig, "hook", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    receiver_script(rig.http, NULL, 0, ACT_HANG);
    rig_start(&rig, 0);
    rig_until_count(&rig, rig.http, 1);
    ledger_stop(rig.home[0].ledger);
    transport_close(rig.env.transport);
    rig.env.transport = NULL;
    cr_expect(rig_is(&rig, "SELECT state = 'sending' FROM desk.delivery"));
    rig_close(&rig);
}

static int run_expire(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, "webhook");
    r = db_exec(conn, &sql_notifier_delivery_expire, &params, &result);
    if (r == 0)
        *(int64_t *)job = db_int(&result, 0, 0);
    return r;
}

Test(ledger, what_nobody_could_send_for_three_days_expires)
{
    static const struct db_statement *const *const lists[] = {sql_notifier_all, NULL};
    struct rig rig;
    struct db_pool *pool;
    int64_t expired = -1;

    rig_open(&rig);
    test_db_run(rig.db, "INSERT INTO desk.delivery (id, position, type, channel, class, region, destination, "
                        "payload, next_at, state)"
                        " SELECT gen_random_uuid(), i, 't', CASE WHEN i < 5 THEN 'webhook' ELSE 'mail' END, "
                        "i % 3, 'eu', 'd', '{}',"
                        " now() - CASE i WHEN 1 THEN interval '1 day' ELSE interval '4 days' END,"
                        " CASE i WHEN 2 THEN 'sending' ELSE 'queued' END FROM generate_series(1, 6) i");
    pool = test_db_pool(rig.db, &rig.loop, "meridian_notifier", lists, 1);
    cr_assert_eq(test_db_call(&rig.loop, pool, run_expire, &expired), 0);
    cr_expect_eq(expired, 2);
    cr_expect_eq(test_db_int(rig.db,
                             "SELECT count(*) FROM desk.delivery WHERE state = 'dead' AND channel = 'webhook'"
                             " AND last_error = 'expired: the destination was dead' AND next_at IS NULL"),
                 2);
    db_pool_close(pool);
    rig_close(&rig);
}

Test(ledger, its_statements_walk_the_index)
{
    static const struct {
        const struct db_statement *statement;
        const char *execute, *index;
    } cases[] = {
        {&sql_notifier_delivery_claim, "EXPLAIN EXECUTE p ('i', 'mail', 50, '{}', 5, 1000000, 50)",
         "delivery_due"},
        {&sql_notifier_delivery_expire, "EXPLAIN EXECUTE p ('mail')", "delivery_due"},
        {&sql_notifier_delivery_record, "EXPLAIN EXECUTE p ('[]', 'i')", "delivery_pkey"},
        {&sql_notifier_outbox_expand, "EXPLAIN EXECUTE p (200, 'eu', NULL, true)", "outbox_pkey"},
        {&sql_notifier_outbox_first, "EXPLAIN EXECUTE p (200, true)", "outbox_urgent"},
    };
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    test_db_run(rig.db,
                "INSERT INTO desk.delivery (id, position, type, channel, class, region, destination, "
                "payload, next_at, state)"
                " SELECT gen_random_uuid(), i, 't', 'mail', i % 3, 'eu', 'a@b.c', '{}', CASE WHEN i % 50 = 0 "
                "THEN now() END,"
                " CASE WHEN i % 50 = 0 THEN 'queued' ELSE 'delivered' END FROM generate_series(1, 20000) i");
    test_db_run(
        rig.db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.claimed'"
        " FROM desk.ticket, generate_series(1, 5000) i");
    test_db_run(rig.db, "ANALYZE");
    PQclear(PQexec(rig.eyes, "SET plan_cache_mode = force_generic_plan"));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf prepare = BUF_INIT;
        PGresult *plan;
        bool indexed = false;

        buf_printf(&prepare, "PREPARE p AS %s", cases[i].statement->sql);
        PQclear(PQexec(rig.eyes, buf_text(&prepare)));
        plan = PQexec(rig.eyes, cases[i].execute);
        cr_assert_gt(PQntuples(plan), 0, "%s", PQerrorMessage(rig.eyes));
        for (int row = 0; row < PQntuples(plan); row++) {
            const char *line = PQgetvalue(plan, row, 0);

            indexed |= strstr(line, cases[i].index) != NULL;
            cr_expect_null(strstr(line, "Seq Scan on delivery "), "%s: %s", cases[i].statement->name, line);
            cr_expect_null(strstr(line, "Seq Scan on outbox"), "%s: %s", cases[i].statement->name, line);
        }
        cr_expect(indexed, "%s", cases[i].statement->name);
        PQclear(plan);
        PQclear(PQexec(rig.eyes, "DEALLOCATE p"));
    }
    rig_close(&rig);
}

/* Sessions plan once, in a new desk on empty tables, and keep the plan until statistics are gathered, a
 * hundred thousand rows later: then, too, each row of the ledger is found by its key. */
Test(ledger, its_statements_planned_on_empty_tables_find_rows_by_their_keys)
{
    static const struct {
        const struct db_statement *statement;
        const char *execute;
    } cases[] = {
        {&sql_notifier_delivery_claim, "EXPLAIN EXECUTE p ('i', 'mail', 50, '{}', 5, 1000000, 50)"},
        {&sql_notifier_delivery_record, "EXPLAIN EXECUTE p ('[]', 'i')"},
        {&sql_notifier_outbox_expand, "EXPLAIN EXECUTE p (200, 'eu', NULL, true)"},
    };
    struct rig rig;
    PGconn *session;

    rig_open(&rig);
    session = PQconnectdb(test_db_conninfo(rig.db, "meridian_notifier"));
    cr_assert_eq(PQstatus(session), CONNECTION_OK, "%s", PQerrorMessage(session));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf prepare = BUF_INIT;
        PGresult *plan;

        buf_printf(&prepare, "PREPARE p AS %s", cases[i].statement->sql);
        PQclear(PQexec(session, buf_text(&prepare)));
        plan = PQexec(session, cases[i].execute);
        cr_assert_gt(PQntuples(plan), 0, "%s", PQerrorMessage(session));
        for (int row = 0; row < PQntuples(plan); row++) {
            const char *line = PQgetvalue(plan, row, 0);

            if (strstr(line, "Scan") && strstr(line, " on delivery"))
                cr_expect(row + 1 < PQntuples(plan) && strstr(PQgetvalue(plan, row + 1, 0), "Index Cond"),
                          "%s: %s", cases[i].statement->name, line);
        }
        PQclear(plan);
        PQclear(PQexec(session, "DEALLOCATE p"));
    }
    PQfinish(session);
    rig_close(&rig);
}
