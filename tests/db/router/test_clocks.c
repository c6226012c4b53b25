/* Clocks on pend, resume, first response, resolve, reopen and cancel, and late ones that the scheduler has
 * not seen yet. */
#include "desk.h"
#include <criterion/criterion.h>

/* "state due-now remaining" of a clock, rounded to what the test can know: seconds. */
static const char *clock_of(struct desk *desk, const char *number, const char *target)
{
    _cleanup_buf_ struct buf sql = BUF_INIT;

    buf_printf(&sql,
               "SELECT c.state || ' ' || coalesce(round(extract(epoch FROM c.due_at - now()) / 60)::text, "
               "'-') || ' ' || coalesce(round(c.remaining_s / 60.0)::text, '-')"
               " || ' ' || c.generation FROM desk.clock c WHERE c.ticket_id = t.id AND c.target = '%s'",
               target);
    return ticket_text(desk, number, buf_text(&sql));
}

/* P3: first response 480 minutes, resolve 4320. */
Test(clocks, life)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "running 480 - 1");
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "running 4320 - 1");
    desk_age(&desk, number, 60);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "running 420 - 1",
                     "a claim or a note is no response");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "paused - 420 2");
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "paused - 4260 2");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "paused - 4260 2",
                     "another reason changes no clock");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "running 420 - 3",
                     "the requester's reply is no response");
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "running 4260 - 3");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "met - 420 5", "answered while pending");
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "paused - 4260 4");
    cr_expect_str_eq(ticket_text(&desk, number, "first_response_at = updated_at"), "true");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "running 4260 - 5", "back in the queue it runs");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    desk_age(&desk, number, 60);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_RESOLVE, number, 3), 0);
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "met - 4200 6");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "running 4200 - 7");
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "met - 420 5");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT round(extract(epoch FROM due_at - now()) / 60) FROM desk.ready r "
                                 "WHERE r.ticket_id = t.id"),
                     "4200");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT r.created_at = t.created_at FROM desk.ready r WHERE r.ticket_id = t.id"),
        "true", "it does not lose its place");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "resolve"), "cancelled - 4200 8");
    desk_check(&desk);
    desk_close(&desk);
}

Test(clocks, resolve_stops_an_unanswered_first_response)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "met - 480 2");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "met - 480 2");
    desk_check(&desk);
    desk_close(&desk);
}

Test(clocks, an_agent_who_asks_for_himself_gives_no_response)
{
    struct desk desk;
    struct draft draft;

    desk_open(&desk, 2);
    draft_init(&draft, &desk);
    draft.message.requester_id = who("agent-ap-1")->user_id;
    draft.message.submitter_id = who("agent-ap-1")->user_id;
    cr_status(desk_submit(&desk, &(struct draft *){&draft}, 1), 0);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_REPLY, draft.number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, draft.number, "first_response"), "running 480 - 1");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, draft.number, -1), 0);
    cr_expect_str_eq(clock_of(&desk, draft.number, "first_response"), "met - 480 2");
    desk_check(&desk);
    desk_close(&desk);
}

/* The scheduler is away; the clock breached ten minutes ago; now the agent resolves. */
Test(clocks, late_is_late_even_if_the_scheduler_was_later)
{
    struct desk desk;
    const char *number;
    struct answer *a;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    desk_age(&desk, number, 4330);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_expect_str_eq(member(a, "version"), "5", "created, claimed, two breaches, resolved");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(type, ' ' ORDER BY seq) FROM desk.event e WHERE e.ticket_id = t.id"),
        "ticket.created ticket.claimed sla.breached sla.breached ticket.resolved");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT bool_and(c.breached_at IS NOT NULL AND c.state = 'met') FROM "
                                 "desk.clock c WHERE c.ticket_id = t.id"),
                     "true");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT fire_at IS NULL AND due_at < now() FROM desk.clock c WHERE "
                                 "c.ticket_id = t.id AND target = 'resolve'"),
                     "true", "a breach happens once");
    desk_check(&desk);
    desk_close(&desk);
}

Test(clocks, a_warning_fires_before_a_pause)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    desk_age(&desk, number, 400);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(type, ' ' ORDER BY seq) FROM desk.event e WHERE e.ticket_id = t.id"),
        "ticket.created ticket.claimed sla.warned ticket.pended");
    cr_expect_str_eq(clock_of(&desk, number, "first_response"), "paused - 80 3");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    desk_check(&desk);
    desk_close(&desk);
}
