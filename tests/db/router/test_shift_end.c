/* When a desk closes: what its agents own in a team that wants it goes back into the queue, or is handed over
 * with a note, each ticket once. */
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* The teams and people of the tests, as a document: everybody sits at the desk "day". */
static const char *document(struct desk *desk)
{
    _cleanup_buf_ struct buf sql = BUF_INIT;

    buf_add_text(
        &sql, "SELECT (json_build_object('teams', (SELECT json_object_agg(g.slug, json_build_object('title', "
              "json_build_object('en', g.name_en, 'zh', g.name_zh), 'tier', g.tier, 'restricted', "
              "g.restricted, 'desks', '[\"day\", \"always\"]'::json) ORDER BY g.id) FROM desk.team g), "
              "'default_team', (SELECT g.slug FROM desk.team g ORDER BY g.id LIMIT 1), 'agents', (SELECT "
              "json_object_agg(a.login, json_build_object('desk', 'day', 'teams', a.teams)) FROM (SELECT "
              "u.login, json_agg(g.slug) AS teams FROM desk.team_member m JOIN desk.app_user u ON u.id = "
              "m.user_id JOIN desk.team g ON g.id = m.team_id GROUP BY u.login) a), 'desks', '{\"day\": "
              "{\"region\": \"eu\", \"hours\": {\"zone\": \"UTC\", \"weekly\": {\"mon\": [[\"09:00\", "
              "\"17:00\"]]}}}, \"always\": {\"region\": \"ap\"}}'::json)::jsonb)::text");
    return test_db_text(desk->db, buf_text(&sql));
}

static bool laid_out(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM desk.shift WHERE desk = 'always'") == 1;
}

/* A desk at which everybody sits, and of which the tests make the shifts: the router has laid out its own
 * before. What team 1 does when it closes. */
static void open_with(struct desk *desk, const char *shift_end)
{
    _cleanup_buf_ struct buf sql = BUF_INIT;

    desk_prepare(desk);
    buf_printf(&sql, "SELECT desk.organisation_apply(2, '%s', '[]', 'somebody')", document(desk));
    test_db_run(desk->db, buf_text(&sql));
    test_db_runf(desk->db, "UPDATE desk.team SET shift_end = '%s' WHERE id = 1", shift_end);
    desk_start(desk, (struct router_options){.db_workers = 2});
    test_loop_until(&desk->loop, laid_out, desk, 20000);
    test_db_run(desk->db, "DELETE FROM desk.shift WHERE desk = 'day'");
}

static void close_desk(struct desk *desk)
{
    test_db_run(desk->db,
                "INSERT INTO desk.shift (desk, opens_at, closes_at) VALUES ('day', now() - interval "
                "'8 hours', clock_timestamp())");
}

static bool seen_to(void *arg)
{
    struct desk *desk = arg;

    return test_db_int(desk->db, "SELECT count(*) FROM desk.shift WHERE desk = 'day' AND swept_at IS NULL "
                                 "AND closes_at <= now()") == 0;
}

Test(shift_end, returns_what_is_open, .timeout = 60)
{
    struct desk desk;
    const char *open, *pending, *kept;
    struct answer *a;

    open_with(&desk, "return");
    open = desk_ticket(&desk);
    pending = desk_ticket(&desk);
    kept =
        desk_ticket_of(&desk,
                       test_db_text(desk.db, "SELECT slug FROM desk.team WHERE NOT restricted AND id > 1 "
                                             "AND id IN (SELECT team_id FROM desk.team_member WHERE user_id "
                                             "= md5('agent-eu-1')::uuid) LIMIT 1"),
                       2, 2);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, open, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, pending, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, kept, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, pending, 1), 0);
    close_desk(&desk);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);

    cr_expect_str_eq(ticket_text(&desk, open, "t.state || ' ' || coalesce(t.owner_id::text, 'nobody')"),
                     "open nobody");
    cr_expect_eq(ticket_epoch(&desk, open), 2);
    cr_expect_str_eq(
        ticket_text(&desk, open,
                    "SELECT concat_ws(' ', e.type, e.actor, e.data ->> 'from_owner', e.data ->> "
                    "'desk', e.data ->> 'epoch') FROM desk.event e WHERE e.ticket_id = t.id ORDER "
                    "BY e.seq DESC LIMIT 1"),
        "ticket.returned system:router agent-eu-1 day 2");
    cr_expect_str_eq(ticket_text(&desk, pending, "t.state || ' ' || (t.owner_id IS NOT NULL)"),
                     "pending true");
    cr_expect_str_eq(ticket_text(&desk, kept, "t.state || ' ' || (t.owner_id IS NOT NULL)"), "open true");
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, open, 1), E_OWNERSHIP_LOST);
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_eq(ticket_epoch(&desk, open), 3);
    desk_check(&desk);
    desk_close(&desk);
}

/* Whatever keeps a ticket from being moved: here the database lets its owner not go. */
Test(shift_end, a_desk_that_fails_keeps_no_other_waiting, .timeout = 60)
{
    struct desk desk;
    const char *stuck, *other;

    open_with(&desk, "return");
    stuck = desk_ticket(&desk);
    other = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, stuck, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-2", ACTION_CLAIM, other, -1), 0);
    test_db_runf(
        desk.db,
        "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; "
        "CREATE TRIGGER no BEFORE UPDATE ON desk.ticket FOR EACH ROW WHEN (OLD.number = '%s' AND "
        "NEW.owner_id IS NULL) EXECUTE FUNCTION public.no()",
        stuck);
    test_db_run(desk.db, "INSERT INTO desk.desk (name, region) VALUES ('noon', 'eu'); UPDATE desk.agent_desk "
                         "SET desk = 'noon' WHERE user_id = md5('agent-eu-2')::uuid; INSERT INTO desk.shift "
                         "(desk, opens_at, closes_at) VALUES ('noon', now() - interval '8 hours', "
                         "clock_timestamp() + interval '1 s')");
    close_desk(&desk);
    while (strcmp(ticket_text(&desk, other, "t.owner_id IS NULL"), "true") != 0)
        uv_run(&desk.loop, UV_RUN_ONCE);
    cr_expect_str_eq(ticket_text(&desk, stuck, "t.owner_id IS NULL"), "false");
    test_db_run(desk.db, "DROP TRIGGER no ON desk.ticket");
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    cr_expect_str_eq(ticket_text(&desk, stuck, "t.owner_id IS NULL"), "true", "tried again");
    desk_check(&desk);
    desk_close(&desk);
}

/* The requester answers at night. */
Test(shift_end, what_was_on_hold_follows_when_it_goes_on, .timeout = 60)
{
    struct desk desk;
    const char *waiting, *kept;
    Meridian__Command reply;

    open_with(&desk, "return");
    waiting = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, waiting, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, waiting, 1), 0);
    close_desk(&desk);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    kept = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, kept, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, waiting, "t.state || ' ' || (t.owner_id IS NOT NULL)"),
                     "pending true");

    reply = desk_command(ACTION_REPLY, waiting, -1);
    reply.text = "Here is what you asked for";
    cr_status(desk_call_command(&desk, "requester-eu-1", &reply), 0);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    cr_expect_str_eq(ticket_text(&desk, waiting, "t.state || ' ' || (t.owner_id IS NOT NULL)"), "open false");
    cr_expect_str_eq(ticket_text(&desk, kept, "t.state || ' ' || (t.owner_id IS NOT NULL)"), "open true",
                     "taken after the desk had closed");
    desk_check(&desk);
    desk_close(&desk);
}

Test(shift_end, a_break_or_another_shift_is_none, .timeout = 60)
{
    struct desk desk;
    const char *number;

    open_with(&desk, "return");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    /* an end that counts, before a shift that is on: seen to, but nothing is taken away */
    test_db_run(desk.db,
                "INSERT INTO desk.shift (desk, opens_at, closes_at) VALUES ('day', now() - interval '9 "
                "hours', now() - interval '3 hours'), ('day', now() - interval '30 min', now() + "
                "interval '1 hour')");
    test_db_run(desk.db, "UPDATE desk.ticket SET owned_at = now() - interval '5 hours' WHERE owner_id IS NOT "
                         "NULL");
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    cr_expect_eq(ticket_epoch(&desk, number), 1);
    /* a break */
    test_db_run(desk.db, "UPDATE desk.shift SET opens_at = now() + interval '90 min', closes_at = now() + "
                         "interval '9 hours', swept_at = NULL WHERE desk = 'day' AND closes_at > now()");
    test_db_run(desk.db, "UPDATE desk.shift SET closes_at = now() - interval '1 min', swept_at = NULL WHERE "
                         "desk = 'day' AND closes_at < now()");
    cr_expect_eq(test_db_int(desk.db,
                             "SELECT count(*) FROM desk.shift s WHERE s.desk = 'day' AND s.closes_at < "
                             "now() AND EXISTS (SELECT FROM desk.shift n WHERE n.opens_at BETWEEN "
                             "s.closes_at AND s.closes_at + interval '2 hours')"),
                 1);
    desk_ticket(&desk); /* time passes */
    cr_expect_eq(ticket_epoch(&desk, number), 1);
    desk_close(&desk);
}

/* While the first one's loop turns, so does the second one's. */
static bool second_turns(void *arg)
{
    struct desk **both = arg;

    uv_run(&both[1]->loop, UV_RUN_NOWAIT);
    return seen_to(both[0]);
}

/* One more router, after it has laid out the shifts as it starts: or it would undo what the tests make of
 * them. */
static void open_second(struct desk *second, struct desk *desk)
{
    test_db_run(desk->db, "DELETE FROM desk.shift");
    desk_second(second, desk);
    test_loop_until(&second->loop, laid_out, desk, 20000);
    test_db_run(desk->db, "DELETE FROM desk.shift WHERE desk = 'day'");
}

/* Both find the same tickets; each is returned once. */
Test(shift_end, two_routers_return_each_once, .timeout = 120)
{
    enum { TICKETS = 12 };
    struct desk desk, second;
    const char *numbers[TICKETS];

    open_with(&desk, "return");
    for (int i = 0; i < TICKETS; i++)
        numbers[i] = desk_ticket(&desk);
    for (int i = 0; i < TICKETS; i++)
        cr_status(desk_do(&desk, i % 2 ? "agent-eu-1" : "agent-ap-1", ACTION_CLAIM, numbers[i], -1), 0);
    open_second(&second, &desk);
    close_desk(&desk);
    test_loop_until(&desk.loop, second_turns, &(struct desk *[]){&desk, &second}, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.returned'"),
                 TICKETS);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ready"), TICKETS);
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}

/* ---- handed over ---- */

/* Who is at the other desk, and there. */
static void sit_at_always(struct desk *desk, const char *login)
{
    test_db_runf(desk->db, "UPDATE desk.agent_desk SET desk = 'always' WHERE user_id = md5('%s')::uuid",
                 login);
    cr_status(desk_presence(desk, login, "available", NULL), 0);
}

static const char *last_event(struct desk *desk, const char *number)
{
    return ticket_text(
        desk, number,
        "SELECT concat_ws(' ', type, actor, data->>'reason', 'from', data->>'from_owner', "
        "data->>'desk', 'to', coalesce(data->>'offered_to', '-'), data->>'epoch') FROM desk.event e "
        "WHERE e.ticket_id = t.id ORDER BY seq DESC LIMIT 1");
}

static const char *note(struct desk *desk, const char *number, const char *part)
{
    static char column[200];

    snprintf(column, sizeof column, "SELECT %s FROM desk.handover h WHERE h.ticket_id = t.id", part);
    return ticket_text(desk, number, column);
}

Test(shift_end, hands_over_with_the_note_that_was_prepared_or_one_from_the_record, .timeout = 60)
{
    struct desk desk;
    const char *prepared, *drafted, *pending, *restful;
    Meridian__Command c;

    open_with(&desk, "hand_over");
    prepared = desk_ticket(&desk);
    drafted = desk_ticket(&desk);
    restful = desk_ticket(&desk);
    pending = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, prepared, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, drafted, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, restful, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, pending, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, pending, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, drafted, -1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, drafted, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_NOTE, drafted, -1), 0);
    c = desk_command(ACTION_HAND_OVER, prepared, 1);
    c.has_at_shift_end = c.at_shift_end = true;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_status(desk_presence(&desk, "agent-eu-2", "available", NULL), 0); /* of the desk that closes */
    sit_at_always(&desk, "agent-ap-1");
    close_desk(&desk);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);

    cr_expect_str_eq(last_event(&desk, prepared),
                     "ticket.offered system:router handover from agent-eu-1 day to agent-ap-1 2");
    cr_expect_str_eq(
        note(&desk, prepared,
             "concat_ws(' ', h.note->>'state', h.note_zh, h.author_id = md5('agent-eu-1')::uuid)"),
        "It prints blank pages. t");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover_prepared"), 0);
    cr_expect_str_eq(last_event(&desk, drafted),
                     "ticket.offered system:router handover from agent-eu-1 day to agent-ap-1 2");
    cr_expect_str_eq(note(&desk, drafted, "coalesce(h.author_id::text, 'nobody')"), "nobody");
    cr_expect(strstr(note(&desk, drafted, "h.note->>'state'"), "agent-eu-1 has had it since 2"));
    cr_expect(strstr(note(&desk, drafted, "h.note->>'state'"), "The requester wrote last, at 2"));
    cr_expect(strstr(note(&desk, drafted, "h.note->>'last_contact'"), "agent-eu-1 replied at 2"));
    cr_expect(strstr(note(&desk, drafted, "h.note->>'tried'"), "The last note is of agent-eu-1, at 2"));
    cr_expect_str_eq(
        note(&desk, drafted,
             "(SELECT h.note->>'next_step_at' = desk.rfc3339(min(k.due_at)) FROM desk.clock k WHERE "
             "k.ticket_id = t.id AND k.state = 'running')"),
        "true");
    cr_expect(strstr(note(&desk, drafted, "h.note_zh->>'state'"), "负责"));
    cr_expect_str_eq(note(&desk, restful,
                          "concat_ws('|', h.note->>'tried', h.note->>'last_contact', h.note->>'next_step')"),
                     "Nothing is written down.|First answer");
    cr_expect_str_eq(ticket_text(&desk, pending, "t.state || ' ' || (t.owner_id IS NOT NULL)"),
                     "pending true");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_ACCEPT, prepared, -1), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(shift_end, what_goes_back_keeps_the_note_that_was_prepared, .timeout = 60)
{
    struct desk desk;
    const char *prepared, *plain;
    Meridian__Command c;

    open_with(&desk, "return");
    prepared = desk_ticket(&desk);
    plain = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, prepared, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, plain, -1), 0);
    c = desk_command(ACTION_HAND_OVER, prepared, 1);
    c.has_at_shift_end = c.at_shift_end = true;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    close_desk(&desk);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    cr_expect_str_eq(note(&desk, prepared, "h.note->>'next_step'"), "Look at the drum.");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover"), 1,
                 "nothing is drafted for the other one");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ready"), 2);
    desk_check(&desk);
    desk_close(&desk);
}

Test(shift_end, without_anybody_there_the_note_is_in_the_queue, .timeout = 60)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    char *args[] = {NULL, (char *)"zh"};

    open_with(&desk, "hand_over");
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_presence(&desk, "agent-eu-2", "available", NULL), 0);
    close_desk(&desk);
    test_loop_until(&desk.loop, seen_to, &desk, 20000);
    cr_expect_str_eq(last_event(&desk, number),
                     "ticket.returned system:router handover from agent-eu-1 day to - 2");
    args[0] = (char *)number;
    cr_status(a = desk_read(&desk, "agent-ap-1", "ticket", args, 2), 0);
    cr_expect_str_eq(member(a, "handover.note.next_step"), "首次答复");
    cr_expect_str_eq(member(a, "handover.author"), "null");
    cr_status(a = desk_claim_next(&desk, "agent-ap-1", NULL, NULL), 0);
    cr_expect_str_eq(member(a, "number"), number);
    desk_check(&desk);
    desk_close(&desk);
}

/* Both find the same tickets; each is handed over once, and not all to the same agent. */
Test(shift_end, two_routers_hand_each_over_once, .timeout = 120)
{
    enum { TICKETS = 12 };
    struct desk desk, second;
    const char *numbers[TICKETS];

    open_with(&desk, "hand_over");
    for (int i = 0; i < TICKETS; i++) {
        numbers[i] = desk_ticket(&desk);
        cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, numbers[i], -1), 0);
    }
    sit_at_always(&desk, "agent-ap-1");
    sit_at_always(&desk, "agent-us-1");
    open_second(&second, &desk);
    close_desk(&desk);
    test_loop_until(&desk.loop, second_turns, &(struct desk *[]){&desk, &second}, 20000);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.offered'"),
                 TICKETS);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.handover"), TICKETS);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.offer WHERE outcome IS NULL AND kind = 'handover'"),
        TICKETS);
    cr_expect_geq(
        test_db_int(desk.db, "SELECT min(n) FROM (SELECT count(*) AS n FROM desk.offer GROUP BY user_id) o"),
        TICKETS / 2 - 1);
    desk_second_close(&second, &desk);
    desk_check(&desk);
    desk_close(&desk);
}
