/* Escalations: each step is taken once when its time has come, tells who is there to be told, and stops when
 * somebody sees to the ticket. */
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>

/* First response 60 minutes. Lead-eu-1 is on call always, in one schedule, and in the other nobody ever. */
static const char plan_head[] =
    "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "
    "\"resolve\": "
    "{\"amount\": \"8h\"}}}],"
    " \"schedules\": {\"leads\": {\"zone\": \"Europe/Berlin\", \"rules\": [{\"user\": \"lead-eu-1\"}]},"
    "  \"empty\": {\"zone\": \"Europe/Berlin\"}},"
    " \"escalations\": [{\"name\": \"e\", \"target\": \"first_response\", \"steps\": ";

static void apply(struct desk *desk, const char *steps)
{
    _cleanup_(freep) char *document = mem_printf("%s%s}]}", plan_head, steps);

    desk_plan(desk, document);
}

/* Two steps: at half the time agent-ap-1 and who is on call; five minutes later the leads, whoever owns it.
 */
static const char two_steps[] =
    "[{\"at\": \"50%\", \"notify\": [{\"user\": \"agent-ap-1\"}, {\"schedule\": \"leads\"}, {\"user\": "
    "\"gone\"}]},"
    " {\"after\": \"5m\", \"notify\": [{\"leads\": true}, {\"owner\": true}], \"only\": \"always\"}]";

static const char *start(struct desk *desk, const char *steps)
{
    desk_open(desk, 2);
    apply(desk, steps);
    return desk_ticket(desk);
}

/* Minutes until the timer is due, and whether there is one. */
static const char *timer(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT coalesce((SELECT round(extract(epoch FROM r.fire_at - now()) / 60)::text FROM "
                       "desk.timer r WHERE r.ticket_id = t.id AND r.name = 'escalation'), 'none')");
}

static struct answer *send_due(struct desk *desk, const char *number)
{
    const char *generation = ticket_text(desk, number,
                                         "SELECT coalesce((SELECT r.generation FROM desk.timer r WHERE "
                                         "r.ticket_id = t.id AND r.name = 'escalation'), 0)::text");

    return desk_send_due(desk, number, "escalation", (uint32_t)atoi(generation));
}

static void ring(struct desk *desk, const char *number)
{
    cr_status(desk_wait(desk, send_due(desk, number)), 0);
}

/* "step/loop [to] reason", in order. */
static const char *told(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT coalesce(string_agg((e.data ->> 'step') || '/' || (e.data ->> 'loop') || ' ' "
                       "|| (e.data ->> 'to') || coalesce(' ' || (e.data ->> 'reason'), ''), '; ' ORDER BY "
                       "e.seq), '') FROM desk.event e WHERE e.ticket_id = t.id AND e.type = "
                       "'escalation.notified' AND NOT e.public");
}

#define FIRST "1/0 [\"agent-ap-1\", \"lead-eu-1\"]"

Test(escalations, each_step_is_taken_once)
{
    struct answer *answers[8];
    struct desk desk;
    const char *number = start(&desk, two_steps);

    cr_expect_str_eq(timer(&desk, number), "30", "armed with the submission");
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "", "too early");
    desk_age(&desk, number, 31);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        answers[i] = send_due(&desk, number);
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
        if (desk_wait(&desk, answers[i])->status != E_UNAVAILABLE) /* busy with another of them */
            cr_status(answers[i], 0);
    cr_expect_str_eq(told(&desk, number), FIRST, "once; who is not there is not told");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT (e.data ->> 'name') || ' ' || (e.data ->> 'target') || ' ' || "
                                 "(e.data ->> 'cycle') || ' ' || e.actor || ' ' || (SELECT count(*) FROM "
                                 "desk.outbox o WHERE o.type = e.type) FROM desk.event e WHERE "
                                 "e.ticket_id = t.id AND e.type = 'escalation.notified'"),
                     "e first_response 1 system:sla 1");
    cr_expect_str_eq(timer(&desk, number), "5", "the next step");
    desk_age(&desk, number, 6);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), FIRST "; 2/0 [\"lead-eu-1\"]");
    cr_expect_str_eq(timer(&desk, number), "none", "there is no other");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, a_claim_or_acknowledging_stops_them)
{
    struct desk desk;
    const char *number = start(&desk, two_steps);

    cr_status(desk_do(&desk, "requester-eu-1", ACTION_ACKNOWLEDGE, number, -1), E_FORBIDDEN);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_ACKNOWLEDGE, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT type || ' ' || actor || ' ' || t.state FROM desk.event e WHERE "
                                 "e.ticket_id = t.id AND seq = 2"),
                     "ticket.acknowledged agent-eu-2 new");
    cr_expect_str_eq(timer(&desk, number), "35", "the step for always remains");
    desk_age(&desk, number, 36);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "2/0 [\"lead-eu-1\"]");
    desk_check(&desk);

    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, -1), 0);
    number = desk_ticket(&desk);
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(timer(&desk, number), "30", "claims are one statement and leave timers alone");
    desk_age(&desk, number, 31);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "");
    cr_expect_str_eq(timer(&desk, number), "4");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_str_eq(timer(&desk, number), "none", "it ends with its clock");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, they_rest_with_their_clock_and_come_back_when_it_is_given_up)
{
    struct desk desk;
    const char *number = start(&desk, two_steps);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    desk_age(&desk, number, 10);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(timer(&desk, number), "none", "the clock is paused");
    desk_age(&desk, number, 100);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(timer(&desk, number), "20", "it runs again, and nobody owns it");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, nobody_to_tell_is_said)
{
    struct desk desk;
    const char *number = start(&desk, "[{\"at\": \"0%\", \"notify\": [{\"schedule\": \"empty\"}]}]");

    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "1/0 [] nobody-to-tell");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, those_who_may_not_see_the_ticket_are_not_told)
{
    struct desk desk;
    const char *number =
        start(&desk, "[{\"at\": \"1%\", \"notify\": [{\"user\": \"agent-ap-1\"}, {\"user\": \"lead-eu-1\"}, "
                     "{\"user\": \"requester-ap-1\"}]}]");

    test_db_run(desk.db, "UPDATE desk.ticket SET team_id = 6, restricted = true");
    desk_age(&desk, number, 1);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "1/0 [\"lead-eu-1\"]");
    desk_close(&desk);
}

Test(escalations, a_step_may_raise)
{
    static const char raises[] =
        "[{\"at\": \"0%\", \"notify\": [{\"leads\": true}], \"raise\": {\"impact\": \"medium\", \"urgency\": "
        "\"high\"}}]";
    struct desk desk;
    const char *number = start(&desk, raises);

    cr_expect_str_eq(ticket_text(&desk, number, "priority || ' ' || impact || ' ' || urgency"), "3 2 2");
    ring(&desk, number);
    cr_expect_str_eq(ticket_text(&desk, number, "priority || ' ' || impact || ' ' || urgency"), "2 2 1");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(type || ' ' || actor, ', ' ORDER BY seq) FROM desk.event "
                                 "e WHERE e.ticket_id = t.id AND seq > 1"),
                     "escalation.notified system:sla, ticket.prioritized system:sla");
    number = desk_ticket_of(&desk, "", LEVEL_HIGH, LEVEL_HIGH);
    ring(&desk, number);
    cr_expect_str_eq(ticket_text(&desk, number, "priority || ' ' || event_seq"), "1 2", "it is high already");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, a_step_may_hand_the_ticket_to_another_team)
{
    static const char hands_over[] = "[{\"at\": \"0%\", \"notify\": [{\"leads\": true}], \"raise\": "
                                     "{\"urgency\": \"high\", \"team\": \"network\"}},"
                                     " {\"after\": \"5m\", \"only\": \"always\", \"notify\": [{\"leads\": "
                                     "true}], \"raise\": {\"team\": \"moon\"}}]";
    struct desk desk;
    const char *number = start(&desk, hands_over);

    ring(&desk, number);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(type || ' ' || (data ->> 'team'), ', ' ORDER BY seq) FROM desk.event "
                    "e WHERE e.ticket_id = t.id AND seq > 1"),
        "escalation.notified service-desk, ticket.prioritized service-desk, ticket.transferred network");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT g.slug || ' ' || r.priority || ' ' || t.urgency || ' ' || t.epoch FROM "
                    "desk.ready r JOIN desk.team g ON g.id = r.team_id WHERE r.ticket_id = t.id"),
        "network 2 1 1", "it waits there, with its new priority");
    desk_check(&desk);
    desk_age(&desk, number, 6);
    ring(&desk, number);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT data ->> 'unknown_team' FROM desk.event e WHERE e.ticket_id = t.id AND "
                    "e.seq = t.event_seq"),
        "moon");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, a_ticket_that_somebody_owns_stays_with_them)
{
    static const char hands_over[] = "[{\"at\": \"50%\", \"only\": \"always\", \"notify\": [{\"owner\": "
                                     "true}], \"raise\": {\"team\": \"network\"}}]";
    struct desk desk;
    const char *number = start(&desk, hands_over);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    desk_age(&desk, number, 31);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "1/0 [\"agent-eu-1\"]");
    cr_expect_str_eq(ticket_text(&desk, number, "epoch || ' ' || (owner_id IS NOT NULL)"), "1 true");
    desk_check(&desk);
    desk_close(&desk);
}

/* Unsolved at the limit: it goes to the next tier, and who had it leaves a note; skills and notes are where
 * they were, and it comes back by hand. */
Test(escalations, a_step_may_take_a_ticket_from_its_owner)
{
    static const char takes[] = "[{\"at\": \"50%\", \"only\": \"always\", \"notify\": [{\"owner\": true}], "
                                "\"raise\": {\"team\": \"network\", \"even_if_owned\": true}}]";
    struct desk desk;
    const char *number = start(&desk, takes);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, -1), 0);
    desk_age(&desk, number, 31);
    ring(&desk, number);
    cr_expect_str_eq(told(&desk, number), "1/0 [\"agent-eu-1\"]");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT concat_ws(' ', g.slug, t.state, t.epoch, t.raised, (SELECT count(*) FROM "
                    "desk.ready r WHERE r.ticket_id = t.id), (SELECT count(*) FROM desk.note n WHERE "
                    "n.ticket_id = t.id)) FROM desk.team g WHERE g.id = t.team_id"),
        "network open 2 1 1 1");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT concat_ws(' ', e.type, e.data ->> 'from_team', e.data ->> 'reason') FROM "
                    "desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC LIMIT 1"),
        "ticket.transferred service-desk escalation");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT concat_ws(' ', u.login, h.author_id IS NULL, h.event_seq = t.event_seq, "
                    "h.note ->> 'tried' LIKE '%A message.') FROM desk.handover h JOIN desk.app_user u ON "
                    "u.id = h.from_id WHERE h.ticket_id = t.id"),
        "agent-eu-1 t t t");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), E_OWNERSHIP_LOST);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_HAND_BACK, number, 2), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT g.slug || ' ' || t.bounces FROM desk.team g WHERE g.id = t.team_id"),
                     "service-desk 1");
    desk_check(&desk);
    desk_close(&desk);
}

Test(escalations, one_that_begins_with_a_claim_is_armed_by_it)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(
        &desk,
        "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "
        "\"resolve\": {\"amount\": \"8h\"}}}], \"escalations\": [{\"name\": \"e\", \"when\": {\"owned\": "
        "\"yes\"}, \"target\": \"first_response\", \"steps\": [{\"at\": \"50%\", \"only\": \"always\", "
        "\"notify\": [{\"owner\": true}]}]}]}");
    number = desk_ticket(&desk);
    cr_expect_str_eq(timer(&desk, number), "none");
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(timer(&desk, number), "30");
    desk_check(&desk);
    desk_close(&desk);
}
