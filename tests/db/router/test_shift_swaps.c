/* Swaps of on-call shifts: asked, taken once, refused with a reason, and what escalations make of them. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>

/* Agent-eu-1 is on call by day and agent-ap-1 by night; lead-eu-1 is in the schedule with no shift at all, as
 * is agent-us-1; agent-eu-2 is on call always. */
static const char plan[] =
    "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "
    "\"resolve\": {\"amount\": \"8h\"}}}],"
    " \"schedules\": {\"network\": {\"zone\": \"UTC\", \"rules\": ["
    "   {\"user\": \"agent-eu-1\", \"start\": \"08:00\", \"end\": \"20:00\"},"
    "   {\"user\": \"agent-ap-1\", \"start\": \"20:00\", \"end\": \"08:00\"},"
    "   {\"user\": \"lead-eu-1\", \"days\": []}, {\"user\": \"agent-us-1\", \"days\": []},"
    "   {\"user\": \"agent-eu-2\"}]}},"
    " \"escalations\": [{\"name\": \"e\", \"target\": \"first_response\", \"steps\": [{\"at\": \"50%\", "
    "\"notify\": [{\"schedule\": \"network\"}]}]}]}";

static struct desk desk;
static int64_t day_us; /* midnight (UTC) that is tomorrow or the day after */

static void setup(void)
{
    desk_open(&desk, 4);
    desk_plan(&desk, plan);
    day_us = (clock_now_us() / (86400 * US_PER_S) + 2) * 86400 * US_PER_S;
}

static void teardown(void)
{
    desk_close(&desk);
}
TestSuite(shift_swaps, .init = setup, .fini = teardown);

static int64_t hour(int h)
{
    return day_us + h * 3600 * US_PER_S;
}

static struct answer *send_swap(struct desk *to, const char *login, Meridian__ShiftSwap *swap)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    request.principal = login ? who(login) : NULL;
    request.region = (char *)"eu";
    request.body_case = MERIDIAN__REQUEST__BODY_SHIFT_SWAP;
    request.shift_swap = swap;
    return desk_send(to, &request);
}

static struct answer *ask_of(const char *login, const char *schedule, int64_t from_us, int64_t to_us,
                             const char *partner, const char *key)
{
    Meridian__ShiftSwap swap = MERIDIAN__SHIFT_SWAP__INIT;

    swap.verb = MERIDIAN__SHIFT_SWAP__VERB__ASK;
    swap.schedule = (char *)schedule;
    swap.has_from_us = swap.has_to_us = true;
    swap.from_us = from_us;
    swap.to_us = to_us;
    swap.partner = (char *)partner;
    swap.client_key = (char *)key;
    return desk_wait(&desk, send_swap(&desk, login, &swap));
}

/* The id of a request that was taken in; lives as long as the desk. */
static const char *asked(const char *login, int from, int to, const char *partner)
{
    struct answer *answer = ask_of(login, "network", hour(from), hour(to), partner, NULL);
    char sql[80];

    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "state"), "asked");
    snprintf(sql, sizeof sql, "SELECT '%s'", member(answer, "id"));
    return test_db_text(desk.db, sql);
}

static struct answer *send_verb(struct desk *to, const char *login, Meridian__ShiftSwap__Verb verb,
                                const char *id)
{
    Meridian__ShiftSwap swap = MERIDIAN__SHIFT_SWAP__INIT;

    swap.verb = verb;
    swap.id = (char *)id;
    return send_swap(to, login, &swap);
}

static struct answer *say(const char *login, Meridian__ShiftSwap__Verb verb, const char *id)
{
    return desk_wait(&desk, send_verb(&desk, login, verb, id));
}
#define TAKE_IT  MERIDIAN__SHIFT_SWAP__VERB__TAKE
#define DECLINE  MERIDIAN__SHIFT_SWAP__VERB__DECLINE
#define WITHDRAW MERIDIAN__SHIFT_SWAP__VERB__WITHDRAW

static void expect_field(struct answer *answer, const char *pointer)
{
    cr_status(answer, E_VALIDATION);
    cr_expect_not_null(strstr(answer->json, pointer), "%s is not in %s", pointer, answer->json);
}

Test(shift_swaps, asked_of_anybody_and_taken)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);
    struct answer *answer = say("lead-eu-1", TAKE_IT, id);

    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "state"), "taken");
    cr_expect_str_eq(member(answer, "decided_by"), "lead-eu-1");
    cr_status(say("lead-eu-1", TAKE_IT, id), 0); /* delivered again */
    cr_status(say("agent-us-1", TAKE_IT, id), E_CONFLICT);
    cr_status(say("agent-eu-1", WITHDRAW, id), E_CONFLICT);
    expect_field(ask_of("agent-eu-1", "network", hour(10), hour(14), NULL, NULL),
                 "/from"); /* it is not theirs */
    cr_status(ask_of("agent-eu-1", "network", hour(12), hour(14), NULL, NULL), 0);
}

Test(shift_swaps, the_one_who_was_asked_and_no_other)
{
    const char *id = asked("agent-eu-1", 8, 12, "lead-eu-1");

    cr_status(say("agent-us-1", TAKE_IT, id), E_FORBIDDEN);
    cr_status(say("agent-us-1", DECLINE, id), E_FORBIDDEN);
    cr_status(say("lead-eu-1", WITHDRAW, id), E_FORBIDDEN);
    cr_status(say("lead-eu-1", DECLINE, id), 0);
    cr_status(say("lead-eu-1", DECLINE, id), 0);
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT);
    id = asked("agent-eu-1", 8, 12, NULL);
    cr_status(say("lead-eu-1", DECLINE, id), E_FORBIDDEN); /* nobody in particular was asked */
    cr_status(say("agent-eu-1", TAKE_IT, id), E_FORBIDDEN);
    cr_status(say("agent-eu-1", WITHDRAW, id), 0);
    cr_status(say("agent-eu-1", WITHDRAW, id), 0);
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT);
}

Test(shift_swaps, what_cannot_be_asked)
{
    expect_field(ask_of("agent-eu-1", "nothing", hour(8), hour(9), NULL, NULL), "/schedule");
    expect_field(ask_of("agent-eu-1", "network", hour(9), hour(8), NULL, NULL), "/to");
    expect_field(ask_of("agent-eu-1", "network", hour(8) - 100 * 86400 * US_PER_S, hour(9), NULL, NULL),
                 "/from");
    expect_field(ask_of("agent-eu-1", "network", hour(8) + 1, hour(9), NULL, NULL), "/from");
    expect_field(ask_of("agent-eu-1", "network", hour(8), hour(9) + 1, NULL, NULL), "/to");
    expect_field(ask_of("agent-eu-1", "network", hour(8), hour(32 * 24 + 9), NULL, NULL), "/to");
    expect_field(ask_of("agent-eu-1", "network", hour(19), hour(21), NULL, NULL),
                 "/from"); /* not all of it theirs */
    expect_field(ask_of("agent-us-1", "network", hour(8), hour(9), NULL, NULL), "/from");
    expect_field(ask_of("admin", "network", hour(8), hour(9), NULL, NULL), "/from");
    expect_field(ask_of("agent-eu-1", "network", hour(8), hour(9), "agent-eu-1", NULL), "/partner");
    expect_field(ask_of("agent-eu-1", "network", hour(8), hour(9), "nobody", NULL), "/partner");
    cr_status(ask_of("requester-eu-1", "network", hour(8), hour(9), NULL, NULL), E_FORBIDDEN);
    cr_status(ask_of(NULL, "network", hour(8), hour(9), NULL, NULL), E_UNAUTHENTICATED);
    cr_status(ask_of("agent-eu-1", NULL, hour(8), hour(9), NULL, NULL), E_BAD_REQUEST);
    cr_status(say("lead-eu-1", TAKE_IT, "not an id"), E_NOT_FOUND);
    cr_status(say("lead-eu-1", TAKE_IT, NULL), E_NOT_FOUND);
    cr_status(say("lead-eu-1", TAKE_IT, "018f0000-0000-7000-8000-000000000001"), E_NOT_FOUND);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.shift_swap"), 0);
}

Test(shift_swaps, the_same_shift_is_asked_for_once_and_so_is_a_key)
{
    struct answer *first = ask_of("agent-eu-1", "network", hour(8), hour(10), NULL, "k");

    cr_status(first, 0);
    cr_expect_str_eq(ask_of("agent-eu-1", "network", hour(8), hour(10), NULL, "k")->json, first->json);
    cr_status(ask_of("agent-eu-1", "network", hour(8), hour(11), NULL, "k"), E_KEY_REUSED);
    cr_status(ask_of("agent-eu-1", "network", hour(8), hour(10), "lead-eu-1", "k"), E_KEY_REUSED);
    cr_status(ask_of("agent-eu-1", "network", hour(9), hour(11), NULL, NULL), E_CONFLICT);
    for (int i = 0; i < 19; i++)
        cr_status(ask_of("agent-eu-1", "network", hour(24 * (i + 1) + 8), hour(24 * (i + 1) + 9), NULL, NULL),
                  0);
    cr_status(ask_of("agent-eu-1", "network", hour(24 * 25 + 8), hour(24 * 25 + 9), NULL, NULL), E_CONFLICT);
}

Test(shift_swaps, handed_on_but_not_back)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);

    cr_status(say("agent-us-1", TAKE_IT, id), 0);
    expect_field(ask_of("agent-us-1", "network", hour(8), hour(12), "agent-eu-1", NULL), "/partner");
    id = asked("agent-us-1", 8, 12, NULL);
    cr_status(say("agent-eu-1", TAKE_IT, id), E_CONFLICT);
    cr_status(say("lead-eu-1", TAKE_IT, id), 0);
    expect_field(ask_of("agent-us-1", "network", hour(8), hour(12), NULL, NULL), "/from");
    expect_field(ask_of("lead-eu-1", "network", hour(8), hour(12), "agent-eu-1", NULL), "/partner");
}

Test(shift_swaps, whoever_is_on_call_then_cannot_take_it)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);

    expect_field(ask_of("agent-ap-1", "network", hour(20), hour(22), "agent-eu-2", NULL), "/partner");
    cr_status(say("agent-eu-2", TAKE_IT, id), E_CONFLICT);
    cr_status(say("admin", TAKE_IT, id), E_CONFLICT); /* not in the schedule */
    test_db_run(desk.db,
                "INSERT INTO desk.shift_swap (id, key, schedule, from_at, to_at, asked_by, state, "
                "decided_by, decided_at) SELECT gen_random_uuid(), 'x', 'network', s.from_at, s.to_at, "
                "'agent-eu-1', 'taken', 'agent-us-1', now() FROM desk.shift_swap s");
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT); /* it is not the asker's any more */
}

Test(shift_swaps, too_late_is_expired)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);

    test_db_run(desk.db, "ALTER TABLE desk.shift_swap DISABLE TRIGGER shift_swap_decided_once; UPDATE "
                         "desk.shift_swap SET from_at = now() - interval '1 min'; "
                         "ALTER TABLE desk.shift_swap ENABLE TRIGGER shift_swap_decided_once");
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT);
    cr_status(say("agent-eu-1", WITHDRAW, id), E_CONFLICT);
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT desk.shift_swap_json(s) ->> 'state' FROM desk.shift_swap s"),
        "expired");
}

Test(shift_swaps, another_plan_may_end_it)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);

    desk_plan(
        &desk,
        "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}}}]}");
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT);
    desk_plan(&desk,
              "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}}}],"
              " \"schedules\": {\"network\": {\"zone\": \"UTC\", \"rules\": [{\"user\": \"agent-us-1\"}, "
              "{\"user\": \"lead-eu-1\", \"days\": []}]}}}");
    cr_status(say("lead-eu-1", TAKE_IT, id), E_CONFLICT);
}

/* Through two routers at once, again and again: each shift goes to one. */
Test(shift_swaps, of_two_who_take_it_at_once_one_has_it)
{
    struct desk second;

    desk_second(&second, &desk);
    for (int i = 0; i < 12; i++) {
        const char *id = asked("agent-eu-1", 24 * i + 8, 24 * i + 12, NULL);
        struct answer *mine = send_verb(&desk, "lead-eu-1", TAKE_IT, id);
        struct answer *yours = send_verb(&second, "agent-us-1", TAKE_IT, id);

        desk_wait(&second, yours);
        desk_wait(&desk, mine);
        cr_expect_eq((mine->status == 0) + (yours->status == 0), 1, "%d and %d", mine->status, yours->status);
        cr_expect_eq(mine->status + yours->status, E_CONFLICT);
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.shift_swap WHERE state = 'taken'"), 12);
    desk_second_close(&second, &desk);
}

Test(shift_swaps, an_escalation_tells_who_took_the_shift)
{
    const char *number = desk_ticket(&desk);
    const char *name = test_db_text(desk.db, "SELECT CASE WHEN extract(hour FROM now() AT TIME ZONE 'UTC') "
                                             "BETWEEN 8 AND 19 THEN 'agent-eu-1' ELSE 'agent-ap-1' END");

    test_db_runf(desk.db,
                 "INSERT INTO desk.shift_swap (id, key, schedule, from_at, to_at, asked_by, state, "
                 "decided_by, decided_at) VALUES "
                 "(gen_random_uuid(), 'a', 'network', now() - interval '1 h', now() + interval '1 h', '%s', "
                 "'taken', 'agent-us-1', now()), "
                 "(gen_random_uuid(), 'b', 'network', now() - interval '1 h', now() + interval '1 h', "
                 "'agent-us-1', 'taken', 'lead-eu-1', now() + interval '1 s'), "
                 "(gen_random_uuid(), 'c', 'network', now() - interval '1 h', now() + interval '1 h', "
                 "'lead-eu-1', 'taken', 'who-left', now() + interval '2 s'), "
                 "(gen_random_uuid(), 'd', 'other', now() - interval '1 h', now() + interval '1 h', "
                 "'lead-eu-1', 'taken', 'admin', now() + interval '3 s')",
                 name);
    desk_age(&desk, number, 31);
    cr_status(desk_wait(&desk, desk_send_due(&desk, number, "escalation",
                                             (uint32_t)atoi(ticket_text(
                                                 &desk, number,
                                                 "SELECT r.generation::text FROM desk.timer r WHERE "
                                                 "r.ticket_id = t.id AND r.name = 'escalation'")))),
              0);
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT data ->> 'to' FROM desk.event WHERE type = 'escalation.notified'"),
        "[\"lead-eu-1\", \"agent-eu-2\"]");
    desk_check(&desk);
}

Test(shift_swaps, what_was_decided_stays)
{
    const char *id = asked("agent-eu-1", 8, 12, NULL);

    cr_expect_str_eq(test_db_try(desk.db, "meridian_router", NULL, NULL, NULL,
                                 "UPDATE desk.shift_swap SET asked_by = 'x'", NULL),
                     "42501");
    cr_expect_str_eq(
        test_db_try(desk.db, "meridian_intake", NULL, NULL, NULL,
                    "SET transaction_read_only = off; UPDATE desk.shift_swap SET state = 'taken'", NULL),
        "42501");
    cr_status(say("lead-eu-1", TAKE_IT, id), 0);
    cr_expect_str_eq(test_db_try(desk.db, "meridian_router", NULL, NULL, NULL,
                                 "UPDATE desk.shift_swap SET state = 'declined'", NULL),
                     "23001");
    cr_expect_str_eq(test_db_try(desk.db, NULL, NULL, NULL, NULL, "DELETE FROM desk.shift_swap", NULL),
                     "23001");
}
