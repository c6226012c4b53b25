/* Presence: said by oneself and by leads, for a time or until told otherwise. */
#include "base/clock.h"
#include "desk.h"
#include <criterion/criterion.h>

Test(presence, is_said_by_agents_for_themselves)
{
    struct desk desk;
    struct answer *a;
    const char *since;

    desk_open(&desk, 2);
    cr_status(a = desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    cr_expect_str_eq(member(a, "state"), "available");
    cr_expect_str_eq(member(a, "until"), "null");
    cr_expect_str_eq(member(a, "said_by"), "agent-eu-1");
    since = member(a, "since");
    cr_status(a = desk_presence(&desk, "agent-eu-1", "available", NULL), 0);
    cr_expect_str_eq(member(a, "since"), since, "said again, it is since the first time");
    cr_status(a = desk_presence(&desk, "agent-eu-1", "away", NULL), 0);
    cr_expect_str_eq(member(a, "state"), "away");
    cr_status(a = desk_presence(&desk, "agent-eu-1", "asleep", NULL), E_VALIDATION);
    cr_expect(strstr(a->json, "/state"), "%s", a->json);
    cr_status(desk_presence(&desk, "requester-eu-1", "available", NULL), E_FORBIDDEN);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.presence"), 1);
    desk_close(&desk);
}

Test(presence, is_said_by_leads_for_their_people)
{
    struct desk desk;
    struct answer *a;

    desk_open(&desk, 2);
    cr_status(a = desk_presence(&desk, "lead-eu-1", "away", "agent-eu-1"), 0);
    cr_expect_str_eq(member(a, "said_by"), "lead-eu-1");
    cr_status(desk_presence(&desk, "admin", "available", "agent-eu-1"), 0);
    cr_status(desk_presence(&desk, "agent-eu-2", "away", "agent-eu-1"), E_FORBIDDEN);
    cr_status(desk_presence(&desk, "agent-eu-1", "busy", "agent-eu-1"), 0);
    cr_status(desk_presence(&desk, "lead-eu-1", "away", "nobody"), E_NOT_FOUND);
    cr_status(desk_presence(&desk, "lead-eu-1", "away", "requester-eu-1"), E_NOT_FOUND);
    test_db_run(desk.db, "DELETE FROM desk.team_member WHERE user_id = md5('agent-eu-1')::uuid");
    cr_status(a = desk_presence(&desk, "lead-eu-1", "away", "agent-eu-1"), E_FORBIDDEN);
    cr_expect_str_eq(a->detail, "You lead no team that agent-eu-1 is in");
    cr_status(desk_presence(&desk, "admin", "away", "agent-eu-1"), 0);
    desk_close(&desk);
}

static struct answer *until(struct desk *desk, const char *state, int64_t until_us)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Presence presence = MERIDIAN__PRESENCE__INIT;

    presence.state = (char *)state;
    presence.has_until_us = true;
    presence.until_us = until_us;
    request.principal = who("agent-eu-1");
    request.body_case = MERIDIAN__REQUEST__BODY_PRESENCE;
    request.presence = &presence;
    return desk_call(desk, &request);
}

Test(presence, ends_by_itself)
{
    static const char now_sql[] = "SELECT desk.presence_json(p) ->> 'state' FROM desk.presence p";
    struct desk desk;
    struct answer *a;
    int64_t soon = clock_now_us() + 3600 * US_PER_S;

    desk_open(&desk, 2);
    cr_status(a = until(&desk, "busy", soon), 0);
    cr_expect_neq(member(a, "until")[0], 0);
    cr_expect_str_eq(test_db_text(desk.db, now_sql), "busy");
    test_db_run(desk.db, "UPDATE desk.presence SET until = now() - interval '1 s'");
    cr_expect_str_eq(test_db_text(desk.db, now_sql), "available", "back");
    cr_status(until(&desk, "available", soon), 0);
    test_db_run(desk.db, "UPDATE desk.presence SET until = now() - interval '1 s'");
    cr_expect_str_eq(test_db_text(desk.db, now_sql), "offline", "gone");
    cr_status(until(&desk, "offline", soon), E_VALIDATION);
    cr_status(until(&desk, "away", clock_now_us() - US_PER_S), E_VALIDATION);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT desk.presence_json(NULL::desk.presence) ->> 'state'"),
                     "offline", "who never said anything");
    desk_close(&desk);
}
