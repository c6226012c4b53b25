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
                 "UPDATE desk.timer SET fire_at = now() - interval '1 s' WHERE ticket_id = (SELECT id FROM "
                 "desk.ticket WHERE number = '%s')",
                 number);
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
        cr_status(desk_wait(&desk, answers[i]), 0);
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
