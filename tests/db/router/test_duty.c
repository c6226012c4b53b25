/* Who is on duty for a team: laid out from schedules and swaps, and told of tickets that reach the team while
 * nobody owns them. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include "router/offer.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct desk desk;

/* In "first" lead-eu-1 is on call always, in "second" agent-ap-1 after agent-us-1; in "empty" nobody is. */
#define SCHEDULES                                                                                            \
    "\"schedules\": {\"first\": {\"zone\": \"UTC\", \"rules\": [{\"user\": \"lead-eu-1\"}, {\"user\": "      \
    "\"agent-ap-1\", \"days\": []}]}, \"second\": {\"zone\": \"UTC\", \"rules\": [{\"user\": "               \
    "\"agent-ap-1\"}]}, "                                                                                    \
    "\"empty\": {\"zone\": \"UTC\"}}"
#define POLICIES                                                                                             \
    "\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "            \
    "\"resolve\": {\"amount\": \"8h\"}}}]"

/* The teams and people of the tests, with this "on_duty" of the experts. */
static struct answer *apply(const char *duty)
{
    _cleanup_(freep) char *sql = mem_printf(
        "SELECT json_build_object('teams', (SELECT json_object_agg(g.slug, "
        "json_strip_nulls(json_build_object("
        "'title', json_build_object('en', g.name_en, 'zh', g.name_zh), 'tier', g.tier, 'restricted', "
        "g.restricted, 'on_duty', CASE WHEN g.slug = 'experts' THEN '%s'::json END))) FROM desk.team g), "
        "'default_team', 'service-desk', 'agents', (SELECT json_object_agg(a.login, json_build_object("
        "'teams', a.teams)) FROM (SELECT u.login, json_agg(g.slug) AS teams FROM desk.team_member m JOIN "
        "desk.app_user u ON u.id = m.user_id JOIN desk.team g ON g.id = m.team_id GROUP BY u.login) "
        "a))::text",
        duty);
    int64_t version = test_db_int(desk.db, "SELECT max(version) FROM desk.organisation");

    return desk_wait(&desk, desk_send_organisation(&desk, "admin", test_db_text(desk.db, sql), version));
}

static void setup(void)
{
    desk_open(&desk, 2);
    desk_plan(&desk, "{" POLICIES ", " SCHEDULES "}");
}

static void teardown(void)
{
    desk_close(&desk);
}
TestSuite(duty, .init = setup, .fini = teardown);

#define BOTH "{\"main\": \"first\", \"backup\": \"second\", \"backup_after\": 600}"

/* ---- laying out ---- */

static const char *laid(void)
{
    return test_db_text(desk.db, "SELECT coalesce(string_agg(concat_ws(' ', d.role, d.login, d.to_at), ', ' "
                                 "ORDER BY d.role DESC, d.from_at), '') FROM desk.duty d JOIN desk.team g ON "
                                 "g.id = d.team_id AND g.slug = 'experts'");
}

Test(duty, is_laid_out_with_organisations_and_plans)
{
    struct answer *a;

    cr_status(apply("{\"main\": \"first\"}"), 0);
    cr_expect_str_eq(laid(), "main lead-eu-1 infinity");
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.duty WHERE from_at > now() - interval '1 h'"), 0,
        "a clock that is ahead of the database's leaves no gap");
    cr_status(apply(BOTH), 0);
    cr_expect_str_eq(laid(), "main lead-eu-1 infinity, backup agent-ap-1 infinity");
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT desk.team_duty(5)::jsonb - 'backup' || '{}'"),
        "{\"main\": {\"people\": [{\"name\": \"lead-eu-1\", \"login\": \"lead-eu-1\", \"until\": "
        "null}], \"schedule\": \"first\"}, \"backup_after_s\": 600}");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.team WHERE desk.team_duty(id) IS NULL"), 5);

    cr_status(a = desk_wait(&desk, desk_send_plan(&desk, "admin", "{" POLICIES "}", 2)), 0);
    cr_expect_str_eq(a->json,
                     "{\"version\":3,\"warnings\":[\"team experts has nobody on duty (main): the plan "
                     "has no schedule \\\"first\\\"\",\"team experts has nobody on duty (backup): the "
                     "plan has no schedule \\\"second\\\"\"]}");
    cr_expect_str_eq(laid(), "");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT desk.duty_now(5, 'main') ->> 'people'"), "[]");
    cr_status(a = desk_wait(&desk, desk_send_plan(&desk, "admin", "{" POLICIES ", " SCHEDULES "}", 3)), 0);
    cr_expect_str_eq(a->json, "{\"version\":4}");
    cr_expect_str_eq(laid(), "main lead-eu-1 infinity, backup agent-ap-1 infinity");
    cr_status(apply("null"), 0);
    cr_expect_str_eq(laid(), "");
}

Test(duty, follows_swaps)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__ShiftSwap swap = MERIDIAN__SHIFT_SWAP__INIT;
    struct answer *a;
    char id[64];

    cr_status(apply("{\"main\": \"first\"}"), 0);
    request.region = (char *)"eu";
    request.body_case = MERIDIAN__REQUEST__BODY_SHIFT_SWAP;
    request.shift_swap = &swap;
    request.principal = who("lead-eu-1");
    swap.verb = MERIDIAN__SHIFT_SWAP__VERB__ASK;
    swap.schedule = (char *)"first";
    swap.has_from_us = swap.has_to_us = true;
    swap.from_us = (clock_now_us() / US_PER_S + 3600) * US_PER_S;
    swap.to_us = swap.from_us + 3600 * US_PER_S;
    cr_status(a = desk_wait(&desk, desk_send(&desk, &request)), 0);
    snprintf(id, sizeof id, "%s", member(a, "id"));
    cr_expect_str_eq(laid(), "main lead-eu-1 infinity", "asking changes nothing");
    swap.verb = MERIDIAN__SHIFT_SWAP__VERB__TAKE;
    swap.id = id;
    request.principal = who("agent-ap-1");
    cr_status(desk_wait(&desk, desk_send(&desk, &request)), 0);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT string_agg(login, ' ' ORDER BY from_at) FROM desk.duty"),
                     "lead-eu-1 agent-ap-1 lead-eu-1");
}

Test(duty, names_schedules_of_the_plan_in_force)
{
    static const struct {
        const char *duty, *pointer, *reason;
    } cases[] = {{"{\"main\": \"frist\"}", "main", "; did you mean \\\"first\\\"?"},
                 {"{\"main\": \"first\", \"backup\": \"xyz\"}", "backup", ""}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *expected = mem_printf(
            "[{\"pointer\":\"/document/teams/experts/on_duty/%s\",\"detail\":\"names no schedule of "
            "the plan of service levels in force%s\"}]",
            cases[i].pointer, cases[i].reason);
        struct answer *a = apply(cases[i].duty);

        cr_status(a, E_VALIDATION);
        cr_expect_str_eq(member(a, "errors"), expected);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT max(version) FROM desk.organisation"), 1);
}

/* ---- tickets ---- */

/* The timers of a ticket, and in how many minutes. */
static const char *timers(const char *number)
{
    return ticket_text(
        &desk, number,
        "SELECT coalesce(string_agg(r.name || ' ' || round(extract(epoch FROM r.fire_at - "
        "now()) / 60), ', ' ORDER BY r.fire_at), '') FROM desk.timer r WHERE r.ticket_id = t.id "
        "AND r.name LIKE 'duty%'");
}

/* As a scheduler that comes in time. */
static void ring(const char *number, const char *name)
{
    _cleanup_(freep) char *sql = mem_printf("UPDATE desk.timer SET fire_at = now() WHERE name = '%s'", name);
    _cleanup_(freep) char *generation = mem_printf(
        "SELECT r.generation::text FROM desk.timer r WHERE r.ticket_id = t.id AND r.name = '%s'", name);

    test_db_run(desk.db, sql);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, name,
                                             (uint32_t)atoi(ticket_text(&desk, number, generation)))),
              0);
}

/* Who was told, in order. */
static const char *told(const char *number)
{
    return ticket_text(
        &desk, number,
        "SELECT coalesce(string_agg(concat_ws(' ', e.data ->> 'role', e.data ->> 'schedule', "
        "e.data ->> 'to', e.data ->> 'reason'), '; ' ORDER BY e.seq), '') FROM desk.event e WHERE "
        "e.ticket_id = t.id AND e.type = 'duty.notified' AND NOT e.public AND e.actor = "
        "'system:sla'");
}

static void transfer(const char *number, const char *team)
{
    Meridian__Command command = desk_command(ACTION_TRANSFER, number, ticket_epoch(&desk, number));

    command.team = (char *)team;
    cr_status(desk_call_command(&desk, "agent-eu-1", &command), 0);
}

static const char *handed_over(void)
{
    const char *number = desk_ticket(&desk);

    cr_expect_str_eq(timers(number), "");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    transfer(number, "experts");
    return number;
}

Test(duty, a_transfer_tells_the_main_person_and_later_the_backup)
{
    const char *number;

    cr_status(apply(BOTH), 0);
    number = handed_over();
    cr_expect_str_eq(timers(number), "duty_main 0, duty_backup 10");
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]");
    cr_expect_str_eq(timers(number), "duty_backup 10");
    ring(number, "duty_backup");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]; backup second [\"agent-ap-1\"]");
    cr_expect_str_eq(timers(number), "");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.outbox WHERE type = 'duty.notified'"), 2);
    desk_check(&desk);
}

Test(duty, nobody_is_told_of_what_somebody_took)
{
    const char *number;

    cr_status(apply(BOTH), 0);
    number = handed_over();
    ring(number, "duty_main");
    test_db_run(desk.db,
                "INSERT INTO desk.team_member (user_id, team_id) SELECT id, 5 FROM desk.app_user WHERE "
                "login = 'agent-eu-2' ON CONFLICT DO NOTHING");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_CLAIM, number, -1), 0);
    ring(number, "duty_backup");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]");
    desk_check(&desk);
}

Test(duty, nobody_is_told_of_what_is_offered)
{
    const char *number;

    cr_status(apply(BOTH), 0);
    number = handed_over();
    test_db_run(desk.db,
                "INSERT INTO desk.team_member (user_id, team_id) SELECT id, 5 FROM desk.app_user WHERE "
                "login = 'agent-eu-2' ON CONFLICT DO NOTHING");
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-2", OFFER_KIND_OFFER, 60), 0);
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "");
    cr_expect_str_eq(timers(number), "duty_backup 10");
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(timers(number), "duty_main 0, duty_backup 10", "it waits again");
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]");
    ring(number, "duty_backup");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]; backup second [\"agent-ap-1\"]");
    desk_check(&desk);
}

Test(duty, the_main_person_is_told_once)
{
    const char *number;

    cr_status(apply(BOTH), 0);
    number = handed_over();
    ring(number, "duty_main");
    test_db_run(desk.db,
                "INSERT INTO desk.team_member (user_id, team_id) SELECT id, 5 FROM desk.app_user WHERE "
                "login = 'agent-eu-2' ON CONFLICT DO NOTHING");
    cr_assert_eq(desk_offer(&desk, number, "agent-eu-2", OFFER_KIND_OFFER, 60), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_DECLINE, number, -1), 0);
    cr_expect_str_eq(timers(number), "duty_backup 10");
    desk_check(&desk);
}

Test(duty, what_leaves_the_team_is_told_to_nobody)
{
    const char *number;

    cr_status(apply(BOTH), 0);
    number = handed_over();
    test_db_run(desk.db,
                "INSERT INTO desk.team_member (user_id, team_id) SELECT id, 5 FROM desk.app_user WHERE "
                "login = 'agent-eu-1' ON CONFLICT DO NOTHING");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    transfer(number, "network");
    cr_expect_str_eq(timers(number), "");
    desk_check(&desk);
}

Test(duty, new_tickets_of_the_team_count_too)
{
    const char *number;

    cr_status(apply("{\"main\": \"first\"}"), 0);
    number = desk_ticket_of(&desk, "experts", 2, 2);
    cr_expect_str_eq(timers(number), "duty_main 0", "there is no backup");
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "main first [\"lead-eu-1\"]");
    desk_check(&desk);
}

Test(duty, nobody_on_duty_is_told_as_such)
{
    const char *number;

    cr_status(apply("{\"main\": \"empty\"}"), 0);
    number = handed_over();
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "main empty [] nobody-to-tell");
    number = handed_over();
    cr_status(apply("null"), 0);
    ring(number, "duty_main");
    cr_expect_str_eq(told(number), "", "the team names no schedule any more");
    desk_check(&desk);
}

Test(duty, an_escalation_that_hands_over_tells_them)
{
    const char *number;

    desk_plan(&desk, "{" POLICIES ", " SCHEDULES ", \"escalations\": [{\"name\": \"e\", \"target\": "
                     "\"first_response\", \"steps\": [{\"at\": \"50%\", \"notify\": [{\"leads\": true}], "
                     "\"raise\": {\"team\": \"experts\"}}]}]}");
    cr_status(apply("{\"main\": \"first\"}"), 0);
    number = desk_ticket(&desk);
    desk_age(&desk, number, 31);
    ring(number, "escalation");
    cr_expect_str_eq(ticket_text(&desk, number, "SELECT slug FROM desk.team WHERE id = t.team_id"),
                     "experts");
    cr_expect_str_eq(timers(number), "duty_main 0");
    desk_check(&desk);
}

static bool laid_out(void *arg)
{
    (void)arg;
    return test_db_int(desk.db, "SELECT count(*) FROM desk.duty") == 1;
}

/* A suite of its own: the other one's setup, which cannot be left out, has a router that has started. */
Test(duty_at_start, is_laid_out_by_a_router_that_starts)
{
    desk_prepare(&desk);
    test_db_run(desk.db,
                "INSERT INTO desk.sla_plan (version, document, calendar_versions, tzdata, minds_claims, "
                "applied_by) VALUES (2, '{" POLICIES ", " SCHEDULES "}', '{}', 'x', false, 'somebody')");
    test_db_run(desk.db, "UPDATE desk.team SET duty_main = 'first' WHERE id = 5");
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_loop_until(&desk.loop, laid_out, NULL, 20000);
    cr_expect(laid_out(NULL));
    desk_close(&desk);
}
