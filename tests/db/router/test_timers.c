/* Timers: armed, moved and cancelled with the change that means it; once due, done once. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>

static const char timer_sql[] =
    "SELECT r.name || ' ' || r.generation || ' ' || (r.fire_at = t.pending_until) FROM desk.timer r"
    " WHERE r.ticket_id = t.id";

static struct answer *pend(struct desk *desk, const char *number, int64_t in_s)
{
    Meridian__Command command = desk_command(ACTION_PEND, number, ticket_epoch(desk, number));

    command.has_until_us = in_s > 0;
    command.until_us = clock_now_us() + in_s * US_PER_S;
    return desk_call_command(desk, "agent-eu-1", &command);
}

/* A ticket that waits for an hour; its timer has the generation 3. */
static const char *waiting(struct desk *desk)
{
    const char *number = desk_ticket(desk);

    cr_status(desk_do(desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(pend(desk, number, 3600), 0);
    return number;
}

static void make_due(struct desk *desk, const char *number)
{
    test_db_runf(desk->db,
                 "UPDATE desk.ticket SET pending_until = now() - interval '1 s' WHERE number = '%s' AND "
                 "pending_until IS NOT NULL; UPDATE desk.timer SET fire_at = now() - interval '1 s' WHERE "
                 "ticket_id = (SELECT id FROM desk.ticket WHERE number = '%s')",
                 number, number);
}

static struct answer *call_due(struct desk *desk, const char *number, const char *name, uint32_t generation)
{
    return desk_wait(desk, desk_send_due(desk, number, name, generation));
}

static const char *last_events(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT string_agg(type || ' ' || actor, ', ' ORDER BY seq) FROM desk.event e WHERE "
                       "e.ticket_id = t.id AND seq > 2");
}

Test(timers, a_wait_with_an_end_arms_one_and_leaving_it_cancels)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = waiting(&desk);
    cr_expect_str_eq(ticket_text(&desk, number, timer_sql), "pending_end 3 true");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, 1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, timer_sql), "pending_end 3 true", "a note moves nothing");
    cr_status(pend(&desk, number, 7200), 0);
    cr_expect_str_eq(ticket_text(&desk, number, timer_sql), "pending_end 5 true", "moved");
    cr_status(pend(&desk, number, 0), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0, "it waits without an end");
    desk_check(&desk);

    cr_status(pend(&desk, number, 3600), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0, "the requester answered");
    cr_status(pend(&desk, number, 3600), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0, "released");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(pend(&desk, number, 3600), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, ticket_epoch(&desk, number)), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0, "resolved");
    desk_check(&desk);
    desk_close(&desk);
}

Test(timers, the_end_of_a_wait_wakes_the_ticket_once)
{
    struct desk desk;
    const char *number;
    struct answer *answers[8];

    desk_open(&desk, 4);
    number = waiting(&desk);
    cr_status(call_due(&desk, number, "pending_end", 3), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "pending", "too early");
    make_due(&desk, number);
    cr_status(call_due(&desk, number, "pending_end", 2), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "pending", "a stale generation");
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        answers[i] = desk_send_due(&desk, number, "pending_end", 3);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        if (desk_wait(&desk, answers[i])->status != E_UNAVAILABLE) /* busy with another of them */
            cr_status(answers[i], 0);
    cr_expect_str_eq(last_events(&desk, number), "ticket.pended agent-eu-1, ticket.resumed system:sla");
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "open");
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT login FROM desk.app_user u WHERE u.id = t.owner_id"),
                     "agent-eu-1", "its owner is kept");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(c.state, ' ') FROM desk.clock c WHERE c.ticket_id = t.id"),
        "running running");
    cr_status(call_due(&desk, number, "pending_end", 3), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* One worker is enough: it does not wait for the lock. */
Test(timers, a_locked_ticket_is_not_waited_for)
{
    struct desk desk;
    const char *locked, *other;

    desk_open(&desk, 1);
    locked = waiting(&desk);
    other = waiting(&desk);
    make_due(&desk, locked);
    make_due(&desk, other);
    PQclear(PQexec(desk.pg, "BEGIN"));
    ticket_text(&desk, locked, "SELECT l.number FROM desk.ticket l WHERE l.id = t.id FOR UPDATE");
    cr_status(call_due(&desk, locked, "pending_end", 3), E_UNAVAILABLE);
    cr_status(call_due(&desk, other, "pending_end", 3), 0);
    cr_expect_str_eq(ticket_text(&desk, other, "state"), "open");
    cr_expect_str_eq(ticket_text(&desk, locked, "state"), "pending");
    PQclear(PQexec(desk.pg, "COMMIT"));
    cr_status(call_due(&desk, locked, "pending_end", 3), 0);
    cr_expect_str_eq(ticket_text(&desk, locked, "state"), "open");
    desk_check(&desk);
    desk_close(&desk);
}

/* The ticket says how long it waits; its timer only when to look. */
Test(timers, a_wait_that_has_not_ended_goes_on)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = waiting(&desk);
    test_db_run(desk.db, "UPDATE desk.timer SET fire_at = now() - interval '1 s'");
    cr_status(call_due(&desk, number, "pending_end", 3), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "pending");
    cr_expect_str_eq(ticket_text(&desk, number, timer_sql), "pending_end 3 true", "to be woken at its end");
    cr_status(pend(&desk, number, 0), 0);
    test_db_run(desk.db, "INSERT INTO desk.timer SELECT id, 'pending_end', now(), 4 FROM desk.ticket");
    cr_status(call_due(&desk, number, "pending_end", 4), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "pending", "it waits without an end");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(timers, without_an_owner_it_goes_back_to_the_queue)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = waiting(&desk);
    make_due(&desk, number);
    test_db_run(desk.db, "UPDATE desk.ticket SET owner_id = NULL, owned_at = NULL, owner_region = NULL");
    cr_status(call_due(&desk, number, "pending_end", 3), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ready"), 1);
    desk_close(&desk);
}

Test(timers, one_that_has_nothing_left_to_do_goes)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    test_db_run(desk.db, "INSERT INTO desk.timer SELECT id, 'pending_end', now(), 1 FROM desk.ticket");
    cr_status(call_due(&desk, number, "pending_end", 1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "event_seq::text"), "1");
    test_db_run(desk.db, "INSERT INTO desk.timer SELECT id, 'of_tomorrow', now(), 1 FROM desk.ticket");
    cr_status(call_due(&desk, number, "of_tomorrow", 1), E_BAD_REQUEST);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.timer"), 1, "a newer release knows it");
    desk_close(&desk);
}

/* ---- closing the loop ---- */

/* Closed an hour after the resolution, a survey after two, reminders every three. */
static const char closing_plan[] =
    "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "
    "\"resolve\": "
    "{\"amount\": \"8h\"}}}], \"closing\": "
    "{\"auto_close\": \"1h\", \"survey\": \"2h\", \"pending_reminder\": \"3h\"}}";

/* "name hours-from-now" of each timer. */
static const char *timers(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT coalesce(string_agg(r.name || ' ' || round(extract(epoch FROM r.fire_at - now()) / "
        "3600), ', ' ORDER BY r.name), 'none') FROM desk.timer r WHERE r.ticket_id = t.id");
}

static void ring(struct desk *desk, const char *number, const char *name)
{
    const char *generation;
    _cleanup_buf_ struct buf sql = BUF_INIT;

    buf_printf(&sql, "SELECT r.generation FROM desk.timer r WHERE r.ticket_id = t.id AND r.name = '%s'",
               name);
    generation = ticket_text(desk, number, buf_text(&sql));
    test_db_runf(desk->db, "UPDATE desk.timer SET fire_at = now() - interval '1 s' WHERE name = '%s'", name);
    cr_status(call_due(desk, number, name, (uint32_t)atoi(generation)), 0);
}

static const char *resolved(struct desk *desk)
{
    const char *number = desk_ticket(desk);

    cr_status(desk_do(desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    return number;
}

Test(closing, a_resolved_ticket_closes_by_itself_and_is_asked_about)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(&desk, closing_plan);
    number = resolved(&desk);
    cr_expect_str_eq(timers(&desk, number), "auto_close 1, survey 2");
    ring(&desk, number, "auto_close");
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "closed");
    cr_expect_str_eq(timers(&desk, number), "survey 2");
    desk_check(&desk);
    test_db_run(desk.db,
                "UPDATE desk.ticket SET closed_at = closed_at - interval '1 h', resolved_at = resolved_at - "
                "interval '1 h'");
    ring(&desk, number, "survey");
    cr_expect_str_eq(last_events(&desk, number),
                     "ticket.resolved agent-eu-1, ticket.closed system:sla, survey.due system:sla");
    cr_expect_str_eq(ticket_text(&desk, number, "closed_at < updated_at - interval '50 min'"), "true",
                     "it was closed when it was");
    cr_expect_str_eq(timers(&desk, number), "none");
    desk_check(&desk);
    desk_close(&desk);
}

Test(closing, reopened_it_does_not_close_and_confirmed_it_is_asked_about)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(&desk, closing_plan);
    number = resolved(&desk);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(timers(&desk, number), "none");
    number = resolved(&desk);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, number, -1), 0);
    cr_expect_str_eq(timers(&desk, number), "survey 2");
    desk_check(&desk);
    desk_close(&desk);
}

Test(closing, who_keeps_a_ticket_waiting_is_reminded_again_and_again)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(&desk, closing_plan);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(pend(&desk, number, 0), 0);
    cr_expect_str_eq(timers(&desk, number), "pending_reminder 3");
    for (int i = 0; i < 2; i++) {
        ring(&desk, number, "pending_reminder");
        cr_expect_str_eq(timers(&desk, number), "pending_reminder 3", "and again");
    }
    cr_expect_str_eq(last_events(&desk, number),
                     "ticket.pended agent-eu-1, ticket.reminded system:sla, ticket.reminded system:sla");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_str_eq(timers(&desk, number), "none");
    desk_check(&desk);
    desk_close(&desk);
}

Test(closing, without_a_word_in_the_plan_nothing_happens)
{
    struct desk desk;

    desk_open(&desk, 2);
    cr_expect_str_eq(timers(&desk, resolved(&desk)), "none");
    desk_close(&desk);
}
