/* Plans of service levels at the router: who may apply one, on top of what, and what it does to the clocks of
 * tickets that are there. desk_check folds every ticket's events and compares. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char cycles[] =
    "{\"policies\":[{\"name\":\"all\",\"targets\":{\"first_response\":{\"amount\":\"1h\"},"
    "\"resolve\":{\"amount\":\"8h\"},\"next_reply\":{\"amount\":\"2h\"},\"update\":{\"amount\":\"4h\"}}}]}";
static const char unowned[] =
    "{\"policies\":[{\"name\":\"all\",\"targets\":{\"first_response\":{\"amount\":\"1h\"},"
    "\"resolve\":{\"amount\":\"8h\"},\"pickup\":{\"amount\":\"30m\",\"start\":{\"owned\":\"no\",\"state\":"
    "[\"new\",\"open\"]},\"stop\":{\"owned\":\"yes\"},\"cancel\":{\"state\":[\"cancelled\",\"resolved\"]},"
    "\"again\":\"anew\"}}}]}";

/* Two targets in hours. */
static const char *hours(int first_response, int resolve)
{
    static char text[256];

    snprintf(text, sizeof text,
             "{\"policies\":[{\"name\":\"all\",\"targets\":{\"first_response\":{\"amount\":\"%dh\"},"
             "\"resolve\":{\"amount\":\"%dh\"}}}]}",
             first_response, resolve);
    return text;
}

static struct answer *apply(struct desk *desk, const char *login, const char *document, int64_t base)
{
    return desk_wait(desk, desk_send_plan(desk, login, document, base));
}

/* "target cycle state hours" of all clocks, in order. */
static const char *clocks(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT string_agg(c.target || ' ' || c.cycle || ' ' || c.state || ' ' || c.target_s "
                       "/ 3600, ', ' ORDER BY c.target, c.cycle) FROM desk.clock c WHERE c.ticket_id = t.id");
}

/* ---- applying ---- */

Test(sla_plans, are_applied_by_admins_on_top_of_the_one_in_force)
{
    struct desk desk;
    struct answer *a;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "requester-eu-1", hours(1, 2), 1), E_FORBIDDEN);
    cr_status(apply(&desk, "agent-eu-1", hours(1, 2), 1), E_FORBIDDEN);
    cr_status(apply(&desk, "lead-eu-1", hours(1, 2), 1), E_FORBIDDEN);
    cr_status(a = apply(&desk, "admin", "{\"policies\":[{\"name\":\"all\",\"targets\":{\"x\":{}}}]}", 1),
              E_VALIDATION);
    cr_expect_str_eq(member(a, "errors"),
                     "[{\"pointer\":\"/document/policies/0/targets/x/amount\",\"detail\":\"is missing; must "
                     "be a whole number\"}]",
                     "%s", a->json);
    cr_status(a = apply(&desk, "admin", "{\"policies\":", 1), E_VALIDATION);
    cr_status(a = apply(&desk, "admin", hours(1, 2), 1), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}");
    cr_status(a = apply(&desk, "admin", hours(1, 2), 1), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}", "delivered again, it answers the same");
    cr_status(a = apply(&desk, "admin", hours(1, 2), 2), 0);
    cr_expect_str_eq(a->json, "{\"version\":2}", "where nothing changes there is no other version");
    cr_status(a = apply(&desk, "admin", hours(3, 4), 1), E_PRECONDITION);
    cr_expect_str_eq(a->detail, "Plan 2 is in force; yours was made from plan 1");
    cr_status(apply(&desk, "admin", hours(3, 4), 9), E_PRECONDITION);
    cr_status(apply(&desk, "admin", hours(3, 4), INT64_MAX), E_PRECONDITION);
    cr_status(apply(&desk, "admin", hours(3, 4), -1), E_PRECONDITION);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.sla_plan"), 2);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT applied_by FROM desk.sla_plan WHERE version = 2"),
                     "admin");
    desk_check(&desk);
    desk_close(&desk);
}

Test(sla_plans, a_calendar_keeps_the_version_that_brought_it)
{
    static const char first[] =
        "{\"calendars\":{\"a\":{\"zone\":\"Europe/Berlin\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]}},"
        "\"b\":{\"zone\":\"Asia/Shanghai\",\"weekly\":{\"tue\":[[\"09:00\",\"17:00\"]]}}},\"policies\":[]}";
    static const char second[] =
        "{\"calendars\":{\"b\":{\"zone\":\"Asia/Shanghai\",\"weekly\":{\"wed\":[[\"09:00\",\"17:00\"]]}},"
        "\"a\":{\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]},\"zone\":\"Europe/Berlin\"}},\"policies\":[]}";
    struct desk desk;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin", first, 1), 0);
    cr_status(apply(&desk, "admin", second, 2), 0);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT calendar_versions FROM desk.sla_plan WHERE version = 3"),
                     "{\"a\": 2, \"b\": 3}");
    desk_close(&desk);
}

Test(sla_plans, of_two_at_once_one_wins, .timeout = 120)
{
    enum { ROUNDS = 30 };
    struct desk desk, other;

    desk_open(&desk, 2);
    desk_second(&other, &desk);
    for (int64_t base = 1; base <= ROUNDS; base++) {
        struct answer *a, *b;

        a = desk_send_plan(&desk, "admin", hours(1, (int)base + 1), base);
        b = desk_send_plan(&other, "admin", hours(2, (int)base + 2), base);
        desk_wait(&desk, a);
        desk_wait(&other, b);
        cr_assert((a->status == 0 && b->status == E_PRECONDITION) ||
                      (a->status == E_PRECONDITION && b->status == 0),
                  "%d %s, %d %s", a->status, a->detail, b->status, b->detail);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT max(version) FROM desk.sla_plan"), ROUNDS + 1);
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

Test(sla_plans, the_same_twice_at_once_answers_the_same, .timeout = 120)
{
    enum { ROUNDS = 30 };
    struct desk desk, other;

    desk_open(&desk, 2);
    desk_second(&other, &desk);
    for (int64_t base = 1; base <= ROUNDS; base++) {
        struct answer *a = desk_send_plan(&desk, "admin", hours(1, (int)base + 1), base);
        struct answer *b = desk_send_plan(&other, "admin", hours(1, (int)base + 1), base);

        cr_status(desk_wait(&desk, a), 0);
        cr_status(desk_wait(&other, b), 0);
        cr_assert_str_eq(a->json, b->json);
    }
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

/* ---- tickets under plans ---- */

Test(sla_plans, a_target_comes_again)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin", cycles, 1), 0);
    number = desk_ticket(&desk);
    cr_expect_str_eq(clocks(&desk, number),
                     "first_response 1 running 1, resolve 1 running 8, update 1 running 4");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_expect_str_eq(clocks(&desk, number), "first_response 1 met 1, resolve 1 running 8, update 1 met 4, "
                                            "update 2 running 4");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_expect_str_eq(clocks(&desk, number), "first_response 1 met 1, next_reply 1 running 2, resolve 1 "
                                            "running 8, update 1 met 4, update 2 running 4");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    cr_expect_str_eq(
        clocks(&desk, number),
        "first_response 1 met 1, next_reply 1 met 2, next_reply 2 running 2, resolve 1 paused 8, "
        "update 1 met 4, update 2 met 4, update 3 paused 4");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_expect_str_eq(clocks(&desk, number),
                     "first_response 1 met 1, next_reply 1 met 2, next_reply 2 met 2, resolve 1 met 8, "
                     "update 1 met 4, update 2 met 4, update 3 met 4");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(
        clocks(&desk, number),
        "first_response 1 met 1, next_reply 1 met 2, next_reply 2 met 2, next_reply 3 running 2, "
        "resolve 1 running 8, update 1 met 4, update 2 met 4, update 3 met 4, update 4 running "
        "4");
    desk_check(&desk);
    desk_close(&desk);
}

/* The scheduler's function moves the cycle that is due, and no other. */
Test(sla_plans, a_late_cycle_breaches_alone)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin",
                    "{\"policies\":[{\"name\":\"all\",\"targets\":{\"first_response\":{\"amount\":"
                    "\"1m\"},\"resolve\":{\"amount\":\"8h\"},\"update\":{\"amount\":\"1m\"}}}]}",
                    1),
              0);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    desk_age(&desk, number, 2);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(c.cycle || ' ' || (c.breached_at IS NOT NULL), ', ' "
                    "ORDER BY c.cycle) FROM desk.clock c WHERE c.ticket_id = t.id AND c.target = "
                    "'update'"),
        "1 false, 2 true, 3 false");
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT data ->> 'cycle' FROM desk.event e WHERE e.ticket_id = t.id AND type "
                    "= 'sla.breached'"),
        "2");
    desk_check(&desk);
    desk_close(&desk);
}

/* A clock that looks at the owner moves with every way to claim. */
Test(sla_plans, claims_of_the_next_one_move_clocks_that_mind, .timeout = 120)
{
    enum { TICKETS = 20 };
    struct desk desk;
    struct answer *answers[TICKETS];
    const char *number;

    desk_open(&desk, 8);
    number = desk_ticket(&desk);
    cr_status(apply(&desk, "admin", unowned, 1), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT minds_claims::int FROM desk.sla_plan WHERE version = 2"), 1);
    for (int i = 1; i < TICKETS; i++)
        number = desk_ticket(&desk);
    cr_expect_str_eq(clocks(&desk, number),
                     "first_response 1 running 1, pickup 1 running 0, resolve 1 running 8");
    for (int i = 0; i < TICKETS; i++)
        answers[i] = desk_send_claim_next(&desk, i % 2 ? "agent-eu-1" : "agent-ap-1", NULL, NULL);
    for (int i = 0; i < TICKETS; i++) {
        cr_status(desk_wait(&desk, answers[i]), 0);
        cr_expect_str_eq(member(answers[i], "epoch"), "1", "%s", answers[i]->json);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(DISTINCT id) FROM desk.ticket WHERE epoch = 1"), TICKETS);
    cr_expect_str_eq(clocks(&desk, number),
                     "first_response 1 running 1, pickup 1 met 0, resolve 1 running 8");
    cr_status(answers[0] = desk_claim_next(&desk, "agent-eu-1", NULL, "none-left"), 0);
    cr_expect_str_eq(answers[0]->json, "");
    desk_check(&desk);

    number = desk_ticket(&desk);
    cr_status(answers[0] = desk_claim_next(&desk, "agent-eu-1", NULL, "once"), 0);
    cr_status(answers[1] = desk_claim_next(&desk, "agent-eu-1", NULL, "once"), 0);
    cr_expect_str_eq(answers[0]->json, answers[1]->json, "delivered again, it answers the same");
    cr_status(desk_claim_next(&desk, "agent-eu-1", "network", "once"), E_KEY_REUSED);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(clocks(&desk, number), "first_response 1 running 1, pickup 1 met 0, pickup 2 running 0, "
                                            "resolve 1 running 8");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- prioritize and recalculate ---- */

static const char *due_minutes(struct desk *desk, const char *number, const char *target)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "SELECT coalesce(round(extract(epoch FROM c.due_at - c.started_at) / 60)::text, '-') || ' ' || "
             "c.state FROM desk.clock c WHERE c.ticket_id = t.id AND c.target = '%s'",
             target);
    return ticket_text(desk, number, sql);
}

Test(sla_plans, recalculation_moves_what_runs)
{
    struct desk desk;
    const char *number, *closed;
    Meridian__Command command;
    struct answer *a, *b;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    closed = ticket_text(&desk, number,
                         "SELECT c::text FROM desk.clock c WHERE c.ticket_id = t.id AND target = "
                         "'first_response'");
    cr_status(apply(&desk, "admin", hours(1, 2), 1), 0);
    cr_expect_str_eq(due_minutes(&desk, number, "resolve"), "4320 running", "it keeps its plan");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_RECALCULATE, number, -1), E_FORBIDDEN);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RECALCULATE, number, -1), E_FORBIDDEN);

    command = desk_command(ACTION_RECALCULATE, number, -1);
    command.client_key = (char *)"recalculate";
    cr_status(a = desk_call_command(&desk, "lead-eu-1", &command), 0);
    cr_status(b = desk_call_command(&desk, "lead-eu-1", &command), 0);
    cr_expect_str_eq(a->json, b->json);
    cr_expect_str_eq(due_minutes(&desk, number, "resolve"), "120 running");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT c::text FROM desk.clock c WHERE c.ticket_id = t.id AND target = "
                                 "'first_response'"),
                     closed, "what has ended never moves");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(e.public || ' ' || (e.data ->> 'plan'), ', ') FROM "
                                 "desk.event e WHERE e.ticket_id = t.id AND e.type = 'sla.recalculated'"),
                     "false 2");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_RECALCULATE, number, -1), E_BAD_TRANSITION);
    desk_check(&desk);
    desk_close(&desk);
}

Test(sla_plans, recalculation_ends_what_the_plan_does_not_have)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin", cycles, 1), 0);
    number = desk_ticket(&desk);
    cr_status(apply(&desk, "admin", hours(1, 2), 2), 0);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_RECALCULATE, number, -1), 0);
    cr_expect_str_eq(clocks(&desk, number),
                     "first_response 1 running 1, resolve 1 running 2, update 1 cancelled 4");
    desk_check(&desk);
    desk_close(&desk);
}

static struct answer *prioritize(struct desk *desk, const char *login, const char *number, int64_t epoch,
                                 uint32_t impact, uint32_t urgency)
{
    Meridian__Command command = desk_command(ACTION_PRIORITIZE, number, epoch);

    command.has_impact = impact > 0;
    command.has_urgency = urgency > 0;
    command.impact = impact;
    command.urgency = urgency;
    return desk_call_command(desk, login, &command);
}

/* P1: 30 minutes and 4 hours; P3: 8 hours and 3 days. */
Test(sla_plans, priorities_are_replayed_past_pauses)
{
    struct desk desk;
    const char *number;
    struct answer *a;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(prioritize(&desk, "requester-eu-1", number, -1, 1, 1), E_FORBIDDEN);
    cr_status(prioritize(&desk, "agent-eu-1", number, -1, 0, 0), E_VALIDATION);
    cr_status(prioritize(&desk, "agent-eu-1", number, -1, 4, 1), E_VALIDATION);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    desk_age(&desk, number, 10);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    cr_status(a = prioritize(&desk, "agent-eu-1", number, 0, 1, 1), E_OWNERSHIP_LOST);
    cr_expect_str_eq(member(a, "owner.login"), "agent-eu-1");
    cr_status(prioritize(&desk, "agent-ap-1", number, -1, 1, 1), E_FORBIDDEN);
    cr_expect_str_eq(due_minutes(&desk, number, "resolve"), "4330 running", "three days and the pause");
    cr_expect_str_eq(ticket_text(&desk, number, "priority || ' ' || event_seq"), "3 6");

    cr_status(a = prioritize(&desk, "agent-eu-1", number, 1, 1, 1), 0);
    cr_expect_str_eq(member(a, "priority"), "1");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT extract(epoch FROM c.due_at - c.started_at) >= 14999 AND extract("
                                 "epoch FROM c.due_at - c.started_at) < 15060 FROM desk.clock c WHERE "
                                 "c.ticket_id = t.id AND c.target = 'resolve'"),
                     "true", "four hours and a pause of ten minutes");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT target_s || ' ' || state FROM desk.clock c WHERE c.ticket_id = t.id "
                                 "AND c.target = 'first_response'"),
                     "28800 met", "a response that was given is not judged again");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT data ->> 'from_priority' || ' ' || (data ->> 'impact') FROM "
                                 "desk.event e WHERE e.ticket_id = t.id AND type = 'ticket.prioritized'"),
                     "3 1");
    cr_status(prioritize(&desk, "agent-eu-1", number, 1, 0, 3), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "impact || ' ' || urgency || ' ' || priority"), "1 3 3",
                     "what is not given stays");
    desk_check(&desk);
    desk_close(&desk);
}

/* In the queue, a ticket moves with its priority. */
Test(sla_plans, priorities_move_the_place_in_the_queue)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(prioritize(&desk, "agent-eu-1", number, -1, 1, 1), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT r.priority || ' ' || round(extract(epoch FROM r.due_at - "
                                 "t.accepted_at) / 60) FROM desk.ready r WHERE r.ticket_id = t.id"),
                     "1 30");
    desk_check(&desk);
    desk_close(&desk);
}

/* A router that has not read the ticket's plan, and cannot. */
Test(sla_plans, without_its_plan_a_ticket_does_not_change)
{
    struct desk desk, other;
    const char *number;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "admin", hours(1, 2), 1), 0);
    number = desk_ticket(&desk);
    cr_status(apply(&desk, "admin", hours(3, 4), 2), 0);
    desk_second(&other, &desk);
    test_db_run(desk.db, "BEGIN; SET LOCAL session_replication_role = replica; CREATE TABLE public.kept AS "
                         "SELECT * FROM desk.sla_plan WHERE version = 2; DELETE FROM desk.sla_plan WHERE "
                         "version = 2; COMMIT");
    cr_status(prioritize(&other, "agent-eu-1", number, -1, 1, 1), E_INTERNAL);
    cr_status(desk_do(&other, "agent-eu-1", ACTION_CLAIM, number, -1), E_INTERNAL);
    cr_expect_str_eq(ticket_text(&desk, number, "state || ' ' || priority || ' ' || event_seq"), "new 3 1");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event"), 1);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.command"), 0);
    test_db_run(desk.db, "INSERT INTO desk.sla_plan SELECT * FROM public.kept; DROP TABLE public.kept");
    cr_status(prioritize(&other, "agent-eu-1", number, -1, 1, 1), 0);
    desk_check(&desk);
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

/* As after new rules of time zones: the ticket counts anew, by the plan that it has. */
Test(sla_plans, recalculated_by_its_own_plan_a_ticket_keeps_it)
{
    Meridian__Command command;
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(&desk, hours(1, 2));
    number = desk_ticket(&desk);
    desk_plan(&desk, hours(3, 4));
    test_db_run(desk.db, "UPDATE desk.clock SET due_at = due_at + interval '5 min' WHERE target = 'resolve'");
    command = desk_command(ACTION_RECALCULATE, number, -1);
    command.has_own_plan = command.own_plan = true;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), 0);
    cr_expect_str_eq(clocks(&desk, number), "first_response 1 running 1, resolve 1 running 2");
    desk_check(&desk);
    command.own_plan = false;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), 0);
    cr_expect_str_eq(clocks(&desk, number), "first_response 1 running 3, resolve 1 running 4");
    desk_check(&desk);
    desk_close(&desk);
}

Test(sla_plans, only_an_agent_is_believed_what_he_says_of_a_customer)
{
    struct draft own, theirs;
    struct draft *const drafts[] = {&own, &theirs};
    struct desk desk;

    desk_open(&desk, 2);
    draft_init(&own, &desk);
    draft_init(&theirs, &desk);
    own.message.attributes = theirs.message.attributes = (char *)"{\"contract\": \"gold\", \"room\": \"5\"}";
    theirs.message.submitter_id = who("agent-eu-1")->user_id;
    cr_status(desk_submit(&desk, drafts, 2), 0);
    cr_expect_str_eq(
        ticket_text(&desk, own.number,
                    "SELECT coalesce(data ->> 'contract', 'none') || ' ' || (t.attributes ->> 'contract') "
                    "FROM desk.event e WHERE e.ticket_id = t.id"),
        "none gold");
    cr_expect_str_eq(ticket_text(&desk, theirs.number,
                                 "SELECT data ->> 'contract' FROM desk.event e WHERE e.ticket_id = t.id"),
                     "gold");
    desk_check(&desk);
    desk_close(&desk);
}
