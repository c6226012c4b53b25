/* People before robots: what a person has just decided about the team, the priority or the owner of a ticket
 * is left alone for a while; the act waits and is written down, and is not dropped. */
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* Half an hour after a ticket has come. */
static void escalate_by(struct desk *desk, const char *raise)
{
    _cleanup_(freep) char *document = mem_printf(
        "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"8h\"}, "
        "\"resolve\": {\"amount\": \"8h\"}}}], \"escalations\": [{\"name\": \"e\", \"target\": "
        "\"resolve\", \"steps\": [{\"at\": \"450m before\", \"only\": \"always\", \"notify\": "
        "[{\"leads\": true}], \"raise\": %s}, {\"after\": \"1m\", \"only\": \"always\", \"notify\": "
        "[{\"leads\": true}], \"raise\": {\"impact\": \"high\"}}]}]}",
        raise);

    desk_plan(desk, document);
}

static void ring(struct desk *desk, const char *number, const char *name)
{
    char column[200];

    snprintf(column, sizeof column,
             "SELECT coalesce((SELECT r.generation FROM desk.timer r WHERE r.ticket_id = t.id AND r.name = "
             "'%s'), 0)",
             name);
    cr_status(
        desk_wait(desk, desk_send_due(desk, number, name, (uint32_t)atoi(ticket_text(desk, number, column)))),
        0);
}

/* Minutes until it rings, or "none". */
static const char *timer(struct desk *desk, const char *number, const char *name)
{
    char column[200];

    snprintf(
        column, sizeof column,
        "SELECT coalesce((SELECT round(extract(epoch FROM r.fire_at - now()) / 60)::text FROM desk.timer r "
        "WHERE r.ticket_id = t.id AND r.name = '%s'), 'none')",
        name);
    return ticket_text(desk, number, column);
}

static const char *held_off(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT coalesce(string_agg(concat_ws(' ', e.actor, e.data->>'act', e.data->>'fields', "
        "e.data->>'by'), '; ' ORDER BY e.seq), 'nothing') FROM desk.event e WHERE e.ticket_id = t.id "
        "AND e.type = 'robot.held_off' AND NOT e.public");
}

static const char *place(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT concat_ws(' ', g.slug, 'P' || t.priority, (SELECT u.login FROM desk.app_user u WHERE "
        "u.id = t.owner_id)) FROM desk.team g WHERE g.id = t.team_id");
}

static const char *clocks(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT string_agg(concat_ws(' ', c.target, c.cycle, c.state, c.due_at, c.fire_at), ', ' "
        "ORDER BY c.target, c.cycle) FROM desk.clock c WHERE c.ticket_id = t.id");
}

static void prioritize(struct desk *desk, const char *login, const char *number, uint32_t impact)
{
    Meridian__Command c = desk_command(ACTION_PRIORITIZE, number, -1);

    c.has_impact = true;
    c.impact = impact;
    cr_status(desk_call_command(desk, login, &c), 0);
}

/* ---- the team ---- */

Test(robots, an_overflow_waits_for_a_decision_about_the_team)
{
    struct desk desk;
    const char *number;
    char before[2048];

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 60, overflow_team = 5 WHERE id = 4");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TRANSFER, number, -1), 0);
    desk_age(&desk, number, 2);
    snprintf(before, sizeof before, "%s", clocks(&desk, number));
    ring(&desk, number, "overflow");
    cr_expect_str_eq(place(&desk, number), "network P3");
    cr_expect_str_eq(held_off(&desk, number), "system:sla overflow team lead-eu-1");
    cr_expect_str_eq(timer(&desk, number, "overflow"), "13",
                     "until the decision is a quarter of an hour old");
    cr_expect_str_eq(clocks(&desk, number), before);
    desk_check(&desk);
    desk_age(&desk, number, 14);
    ring(&desk, number, "overflow");
    cr_expect_str_eq(place(&desk, number), "experts P3");
    cr_expect_str_eq(held_off(&desk, number), "system:sla overflow team lead-eu-1");
    desk_check(&desk);
    desk_close(&desk);
}

Test(robots, a_claim_ends_the_wait_of_an_overflow)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(desk.db, "UPDATE desk.team SET overflow_after = 60, overflow_team = 5 WHERE id = 4");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TRANSFER, number, -1), 0);
    desk_age(&desk, number, 2);
    ring(&desk, number, "overflow");
    cr_status(desk_claim_next(&desk, "agent-eu-1", "network", NULL), 0);
    cr_expect_str_eq(timer(&desk, number, "overflow"), "none");
    desk_check(&desk);
    desk_close(&desk);
}

Test(robots, without_a_rule_nothing_waits)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    test_db_run(
        desk.db,
        "UPDATE desk.team SET overflow_after = 60, overflow_team = 5 WHERE id = 4; UPDATE desk.robots "
        "SET hands_off_for = 0");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_TRANSFER, number, -1), 0);
    desk_age(&desk, number, 2);
    ring(&desk, number, "overflow");
    cr_expect_str_eq(place(&desk, number), "experts P3");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- the priority ---- */

Test(robots, an_escalation_tells_at_once_and_raises_later)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    escalate_by(&desk, "{\"urgency\": \"high\"}");
    number = desk_ticket(&desk);
    desk_age(&desk, number, 31);
    prioritize(&desk, "agent-eu-1", number, LEVEL_LOW);
    cr_expect_str_eq(place(&desk, number), "service-desk P4");
    ring(&desk, number, "escalation");
    cr_expect_str_eq(place(&desk, number), "service-desk P4");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'escalation.notified'"),
                 1);
    cr_expect_str_eq(held_off(&desk, number), "system:sla escalation priority agent-eu-1");
    cr_expect_str_eq(timer(&desk, number, "escalation_late"), "15");
    desk_check(&desk);

    /* the next step waits with it, and both are done in the end */
    desk_age(&desk, number, 2);
    ring(&desk, number, "escalation");
    cr_expect_str_eq(place(&desk, number), "service-desk P4");
    cr_expect_str_eq(timer(&desk, number, "escalation_late"), "13");

    /* somebody has decided again: it waits again */
    desk_age(&desk, number, 12);
    prioritize(&desk, "agent-eu-2", number, LEVEL_MEDIUM);
    desk_age(&desk, number, 2);
    ring(&desk, number, "escalation_late");
    cr_expect_str_eq(place(&desk, number), "service-desk P3");
    cr_expect_str_eq(timer(&desk, number, "escalation_late"), "13");
    desk_check(&desk);
    desk_age(&desk, number, 14);
    ring(&desk, number, "escalation_late");
    cr_expect_str_eq(place(&desk, number), "service-desk P1");
    cr_expect_str_eq(timer(&desk, number, "escalation_late"), "none");
    cr_expect_str_eq(held_off(&desk, number),
                     "system:sla escalation priority agent-eu-1; system:sla escalation priority agent-eu-1; "
                     "system:sla escalation priority agent-eu-2");
    desk_check(&desk);
    desk_close(&desk);
}

Test(robots, what_is_over_is_not_done_later)
{
    struct desk desk;
    const char *number;
    int version;

    desk_open(&desk, 2);
    escalate_by(&desk, "{\"urgency\": \"high\", \"team\": \"network\"}");
    number = desk_ticket(&desk);
    desk_age(&desk, number, 31);
    prioritize(&desk, "agent-eu-1", number, LEVEL_LOW);
    ring(&desk, number, "escalation");
    cr_expect_str_eq(place(&desk, number), "network P4", "one field waits, the other one does not");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 2), 0);
    desk_age(&desk, number, 20);
    version = atoi(ticket_text(&desk, number, "event_seq"));
    ring(&desk, number, "escalation_late");
    cr_expect_eq(atoi(ticket_text(&desk, number, "event_seq")), version, "it is solved");
    cr_expect_str_eq(timer(&desk, number, "escalation_late"), "none");
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- the owner ---- */

Test(robots, who_has_just_taken_a_ticket_keeps_it_for_a_while)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    escalate_by(&desk, "{\"team\": \"network\", \"even_if_owned\": true}");
    number = desk_ticket(&desk);
    desk_age(&desk, number, 31);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    ring(&desk, number, "escalation");
    cr_expect_str_eq(place(&desk, number), "service-desk P3 agent-eu-1");
    cr_expect_str_eq(held_off(&desk, number), "system:sla escalation team agent-eu-1");
    desk_check(&desk);
    desk_age(&desk, number, 16);
    ring(&desk, number, "escalation_late");
    cr_expect_str_eq(place(&desk, number), "network P3");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover"), 1,
                 "with the note of who had it");
    desk_check(&desk);
    desk_close(&desk);
}

/* Or a ticket would go back to the team that a later step took it from. */
Test(robots, a_move_that_waits_is_over_when_a_later_one_came)
{
    static const char waiting[] = "SELECT coalesce(w.team, 'none') FROM desk.robots_waiting(t.id) w";
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    escalate_by(&desk, "{\"team\": \"network\", \"even_if_owned\": true}");
    number = desk_ticket(&desk);
    desk_age(&desk, number, 31);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    ring(&desk, number, "escalation");
    cr_expect_str_eq(ticket_text(&desk, number, waiting), "network");
    test_db_runf(
        desk.db, /* by hand, so that the desk is not checked after it */
        "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash) SELECT "
        "desk.feed_position(0), id, event_seq + 1, 'ticket.transferred', now(), 'system:sla', true, "
        "'{\"from_team\": \"service-desk\"}', '\\x01' FROM desk.ticket WHERE number = '%s'",
        number);
    cr_expect_str_eq(ticket_text(&desk, number, waiting), "none");
    desk_close(&desk);
}

static const char *candidates(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT coalesce(string_agg(c.login, ' ' ORDER BY c.login), 'nobody') FROM "
                       "desk.dispatch_candidates(t.id) c");
}

Test(robots, nobody_is_given_what_they_have_just_given_back)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    cr_status(desk_presence(&desk, "agent-eu-2", "available", NULL), 0);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(candidates(&desk, number), "agent-eu-2");
    desk_age(&desk, number, 16);
    cr_expect_str_eq(candidates(&desk, number), "agent-eu-1 agent-eu-2");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_HAND_OVER, number, 3), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(candidates(&desk, number), "nobody");
    desk_check(&desk);
    desk_close(&desk);
}

/* A lead, or the end of a shift. */
Test(robots, nobody_is_given_what_was_taken_from_them)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    cr_status(desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_HAND_OVER, number, 1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "(t.owner_id IS NULL) || ' ' || (t.offered_to IS NULL)"),
                     "true true", "there is nobody to ask");
    cr_expect_str_eq(candidates(&desk, number), "nobody");
    desk_age(&desk, number, 16);
    cr_expect_str_eq(candidates(&desk, number), "agent-eu-1");
    desk_check(&desk);
    desk_close(&desk);
}
