/* Tickets that are made from others: a reply that is split off, follow-ups of closed tickets, and how long a
 * closed one can be reopened instead. */
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

static struct desk desk;

static void set_up(void)
{
    desk_open(&desk, 2);
    test_db_run(desk.db,
                "UPDATE desk.region SET next_number = next_number + 1000000"); /* not those of drafts */
}

static void finish(void)
{
    desk_check(&desk);
    desk_close(&desk);
}

TestSuite(split, .init = set_up, .timeout = 300);
TestSuite(follow_up, .init = set_up, .timeout = 300);
TestSuite(reopening, .init = set_up, .timeout = 300);

static char *kept(const char *text)
{
    static char texts[64][64];
    static int n;
    char *copy = texts[n++ % 64];

    snprintf(copy, 64, "%s", text);
    return copy;
}

static struct answer *reply(const char *login, const char *number, const char *text)
{
    Meridian__Command command = desk_command(ACTION_REPLY, number, -1);

    command.text = (char *)text;
    return desk_call_command(&desk, login, &command);
}

static Meridian__Command split_of(const char *number, const char *seq)
{
    Meridian__Command command = desk_command(ACTION_SPLIT, number, -1);

    command.has_reply_seq = true;
    command.reply_seq = (uint32_t)atoi(seq);
    return command;
}

static struct answer *split(const char *login, const char *number, const char *seq)
{
    Meridian__Command command = split_of(number, seq);

    return desk_call_command(&desk, login, &command);
}

static const char *event_of(const char *number, int back, const char *what)
{
    _cleanup_(freep) char *column = mem_printf(
        "SELECT e.%s FROM desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC OFFSET %d LIMIT 1", what,
        back);

    return ticket_text(&desk, number, column);
}

static const char *links_of(const char *number)
{
    return ticket_text(
        &desk, number,
        "SELECT string_agg(desk.link_word(l.kind, l.to_id = t.id) || ' ' || coalesce(l.reply_seq, 0), "
        "', ' ORDER BY l.kind) FROM desk.link l WHERE t.id IN (l.from_id, l.to_id)");
}

static const char *answered(const char *number)
{
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(reply("requester-eu-1", number, "\n The scanner is broken, too.\nSince Monday."), 0);
    return kept(member(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, -1), "version"));
}

static const char *closed(void)
{
    const char *number = desk_ticket(&desk);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, number, -1), 0);
    return number;
}

static void over(const char *number)
{
    _cleanup_(freep) char *sql = mem_printf(
        "UPDATE desk.ticket SET reopen_until = now() - interval '1 s' WHERE number = '%s'", number);

    test_db_run(desk.db, sql);
}

/* ---- split ---- */

Test(split, a_reply_becomes_a_ticket_of_its_own)
{
    const char *old = desk_ticket(&desk), *made;
    struct answer *a;

    answered(old);
    cr_status(a = split("agent-ap-1", old, "3"), 0);
    cr_expect_str_eq(member(a, "number"), old);
    made = kept(member(a, "split_into"));
    cr_expect_str_eq(ticket_text(&desk, made, "subject"), "The scanner is broken, too.");
    cr_expect_str_eq(ticket_text(&desk, made, "description"),
                     "\n The scanner is broken, too.\nSince Monday.");
    cr_expect_str_eq(ticket_text(&desk, made, "state"), "new");
    cr_expect_str_eq(ticket_text(&desk, made, "requester_id"), who("requester-eu-1")->user_id);
    cr_expect_str_eq(ticket_text(&desk, made, "submitter_id"), who("agent-ap-1")->user_id);
    cr_expect_str_eq(ticket_text(&desk, made, "SELECT count(*) FROM desk.ready r WHERE r.ticket_id = t.id"),
                     "1");
    cr_expect_str_eq(event_of(made, 0, "data ->> 'split_from'"), old);
    cr_expect_str_eq(event_of(made, 0, "data ->> 'said_by'"), "requester-eu-1");
    cr_expect_str_neq(event_of(made, 0, "data ->> 'said_at'"), "");
    cr_expect_str_eq(event_of(old, 0, "type"), "ticket.split");
    cr_expect_str_eq(event_of(old, 0, "data ->> 'other'"), made);
    cr_expect_str_eq(event_of(old, 0, "data ->> 'reply'"), "3");
    cr_expect_str_eq(event_of(old, 0, "public"), "true", "it is all of one requester");
    cr_expect_str_eq(links_of(old), "split_into 3");
    cr_expect_str_eq(links_of(made), "split_from 3");
    cr_expect_str_eq(ticket_text(&desk, old, "state"), "open");
    finish();
}

Test(split, one_key_makes_one_ticket)
{
    const char *old = desk_ticket(&desk);
    Meridian__Command command;
    struct answer *first, *again;

    answered(old);
    command = split_of(old, "3");
    command.client_key = (char *)"k";
    cr_status(first = desk_call_command(&desk, "agent-eu-1", &command), 0);
    cr_status(again = desk_call_command(&desk, "agent-eu-1", &command), 0);
    cr_expect_str_eq(first->json, again->json);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT count(*) FROM desk.ticket"), "2");
    command.subject = (char *)"Scanner";
    cr_status(desk_call_command(&desk, "agent-eu-1", &command), E_KEY_REUSED);
    command.client_key = (char *)"l";
    cr_status(again = desk_call_command(&desk, "agent-eu-1", &command), 0);
    cr_expect_str_eq(ticket_text(&desk, kept(member(again, "split_into")), "subject"), "Scanner");
    finish();
}

Test(split, what_cannot_be)
{
    const char *old = desk_ticket(&desk);
    Meridian__Command command;

    answered(old);
    cr_status(split("agent-eu-1", old, "2"), E_NOT_FOUND);
    cr_status(split("agent-eu-1", old, "0"), E_NOT_FOUND);
    cr_status(split("agent-eu-1", "EU-9", "3"), E_NOT_FOUND);
    cr_status(split("requester-eu-1", old, "3"), E_FORBIDDEN);
    cr_status(split("requester-ap-1", old, "3"), E_NOT_FOUND);
    command = split_of(old, "3");
    command.has_impact = true;
    command.impact = 9;
    cr_status(desk_call_command(&desk, "agent-eu-1", &command), E_VALIDATION);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CANCEL, old, -1), 0);
    cr_status(split("agent-eu-1", old, "3"), E_BAD_TRANSITION);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT count(*) FROM desk.ticket"), "1");
    finish();
}

/* Team 6 is restricted, and security-eu-1 is of it. */
Test(split, what_was_said_in_a_restricted_team_stays_in_it)
{
    const char *old = desk_ticket(&desk), *made;
    struct answer *a;

    answered(old);
    desk_place(&desk, old, 6);
    cr_status(split("agent-eu-1", old, "3"), E_NOT_FOUND);
    cr_status(a = split("admin", old, "3"), 0);
    made = kept(member(a, "split_into"));
    cr_expect_str_eq(ticket_text(&desk, made, "team_id"), "6");
    cr_expect_str_eq(ticket_text(&desk, made, "restricted"), "true");
    finish();
}

/* Half of them hit the same reply at once; all is there afterwards, once for each that succeeded. */
Test(split, two_routers_at_once)
{
    enum { ROUNDS = 12 };
    const char *old = desk_ticket(&desk);
    struct desk second;
    int made = 0;

    desk_second(&second, &desk);
    answered(old);
    for (int round = 0; round < ROUNDS; round++) {
        Meridian__Command one = split_of(old, "3"), other = split_of(old, "3");
        struct answer *answers[2];
        char keys[2][16];

        snprintf(keys[0], sizeof keys[0], "a%d", round);
        snprintf(keys[1], sizeof keys[1], "%s%d", round % 2 ? "a" : "b", round);
        one.client_key = keys[0];
        other.client_key = keys[1];
        answers[0] = desk_send_command(&desk, "agent-eu-1", &one);
        answers[1] = desk_send_command(&second, "agent-eu-1", &other);
        cr_status(desk_wait(&desk, answers[0]), 0);
        cr_status(desk_wait(&second, answers[1]), 0);
        cr_expect_eq(strcmp(answers[0]->json, answers[1]->json) == 0, round % 2 == 1, "one key, one answer");
        made += round % 2 ? 1 : 2;
    }
    cr_expect_eq(atoi(test_db_text(desk.db, "SELECT count(*) FROM desk.link WHERE kind = 'split_from'")),
                 made);
    cr_expect_eq(atoi(test_db_text(desk.db, "SELECT count(*) FROM desk.ticket")), made + 1);
    desk_second_close(&second, &desk);
    finish();
}

Test(split, it_may_be_merged_back)
{
    const char *old = desk_ticket(&desk), *made;
    Meridian__Command command;

    answered(old);
    made = kept(member(split("agent-eu-1", old, "3"), "split_into"));
    command = desk_command(ACTION_MERGE, made, -1);
    command.other = (char *)old;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), 0);
    command = desk_command(ACTION_UNLINK, made, -1);
    command.link = (char *)"split_from";
    command.other = (char *)old;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), E_VALIDATION);
    finish();
}

/* ---- reopening ---- */

Test(reopening, in_time)
{
    const char *number = closed();

    cr_expect_str_eq(ticket_text(&desk, number, "reopen_until - closed_at"), "14 days");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "open");
    cr_expect_str_eq(ticket_text(&desk, number, "reopen_until IS NULL AND closed_at IS NULL"), "true");
    finish();
}

Test(reopening, too_late)
{
    const char *number = closed();
    struct answer *a;

    cr_status(a = reply("requester-eu-1", number, "Again."), E_BAD_TRANSITION);
    cr_expect(strstr(a->json, "\"reopen\""), "%s", a->json);
    over(number);
    cr_status(a = desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), E_REOPEN_LATE);
    cr_expect_str_neq(member(a, "reopen_until"), "");
    cr_expect(strstr(member(a, "follow_up"), number));
    cr_status(a = reply("requester-eu-1", number, "Again."), E_REOPEN_LATE);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, -1), E_BAD_TRANSITION);
    cr_expect(!strstr(a->json, "\"reopen\"") && strstr(a->json, "\"follow-up\""), "%s", a->json);
    finish();
}

/* Nobody would find it in the queue of a team that is no more. */
Test(reopening, not_in_a_team_that_is_no_more)
{
    const char *number = closed();

    test_db_runf(desk.db, "UPDATE desk.team SET retired_at = now() WHERE id = %s",
                 ticket_text(&desk, number, "team_id"));
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), E_REOPEN_LATE);
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = NULL");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    finish();
}

#define POLICIES                                                                                             \
    "\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "            \
    "\"resolve\": {\"amount\": "                                                                             \
    "\"8h\"}}}]}"

Test(reopening, by_the_plan)
{
    const char *never, *hour;

    desk_plan(&desk, "{\"closing\": {\"reopen_within\": \"never\"}, " POLICIES);
    never = closed();
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, never, -1), E_REOPEN_LATE);
    desk_plan(&desk, "{\"closing\": {\"reopen_within\": \"1h\"}, " POLICIES);
    hour = closed();
    cr_expect_str_eq(ticket_text(&desk, hour, "reopen_until - closed_at"), "01:00:00");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, hour, -1), 0);
    finish();
}

static void sit(const char *from, const char *to)
{
    desk_keep_house(&desk); /* or it lays the shifts out anew */
    _cleanup_(freep) char *sql = mem_printf(
        "INSERT INTO desk.desk (name, region) VALUES ('d', 'eu') ON CONFLICT DO NOTHING; DELETE FROM "
        "desk.shift; "
        "INSERT INTO desk.agent_desk (user_id, desk) VALUES ('%s', 'd') ON CONFLICT DO NOTHING; "
        "INSERT INTO desk.shift (desk, opens_at, closes_at) VALUES ('d', now() + '%s', now() + '%s')",
        who("agent-eu-1")->user_id, from, to);

    test_db_run(desk.db, sql);
}

/* It goes back to whoever knows it, if they are there; with the time that it has left either way. */
Test(reopening, it_stays_with_an_owner_who_is_on_shift)
{
    const char *number = desk_ticket(&desk), *due = "extract(epoch FROM (SELECT r.due_at FROM desk.ready r "
                                                    "WHERE r.ticket_id = t.id))::bigint";

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    sit("-1 h", "1 h");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "open");
    cr_expect_str_eq(ticket_text(&desk, number, "owner_id"), who("agent-eu-1")->user_id);
    cr_expect_str_eq(ticket_text(&desk, number, due), "", "nobody else gets it");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), E_OWNERSHIP_LOST);
    sit("-2 h", "-1 h");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, ticket_epoch(&desk, number)), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "owner_id"), "");
    cr_expect_str_eq(
        ticket_text(&desk, number, due),
        ticket_text(&desk, number,
                    "extract(epoch FROM (SELECT min(c.due_at) FROM desk.clock c WHERE c.ticket_id = "
                    "t.id AND c.state = 'running'))::bigint"));
    finish();
}

/* ---- follow-ups ---- */

Test(follow_up, of_a_closed_ticket)
{
    const char *old = closed(), *made;
    struct answer *a;

    over(old);
    cr_status(a = desk_do(&desk, "requester-eu-1", ACTION_FOLLOW_UP, old, -1), 0);
    made = kept(member(a, "follow_up"));
    cr_expect_str_eq(ticket_text(&desk, made, "subject LIKE 'Re: %' AND length(subject) <= 200"), "true");
    cr_expect_str_eq(ticket_text(&desk, made, "description"), "A message.");
    cr_expect_str_eq(ticket_text(&desk, made, "team_id"), kept(ticket_text(&desk, old, "team_id")));
    cr_expect_str_eq(ticket_text(&desk, made, "requester_id"), who("requester-eu-1")->user_id);
    cr_expect_str_eq(event_of(made, 0, "data ->> 'follow_up_of'"), old);
    cr_expect_str_eq(event_of(old, 0, "type"), "ticket.followed_up");
    cr_expect_str_eq(event_of(old, 0, "data ->> 'other'"), made);
    cr_expect_str_eq(event_of(old, 0, "public"), "true");
    cr_expect_str_eq(links_of(old), "follow_up 0");
    cr_expect_str_eq(ticket_text(&desk, old, "state"), "closed");
    finish();
}

/* The team that had it, though the organisation would have it elsewhere, while there is that team. */
Test(follow_up, goes_to_the_team_that_had_it)
{
    const char *old = closed(), *made;

    desk_place(&desk, old, 3);
    made = kept(member(desk_do(&desk, "requester-eu-1", ACTION_FOLLOW_UP, old, -1), "follow_up"));
    cr_expect_str_eq(ticket_text(&desk, made, "team_id"), "3");
    cr_expect_str_eq(event_of(made, 0, "data -> 'routing' ->> 'team_kept'"), "true");
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = now() WHERE id = 3");
    made = kept(member(desk_do(&desk, "requester-eu-1", ACTION_FOLLOW_UP, old, -1), "follow_up"));
    cr_expect_str_neq(ticket_text(&desk, made, "team_id"), "3");
    cr_expect_str_eq(event_of(made, 0, "data -> 'routing' ->> 'team_kept'"), "");
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = NULL WHERE id = 3");
    finish();
}

/* What a restricted team had does not go elsewhere when there is no such team any more. */
Test(follow_up, of_a_restricted_team_that_is_no_more)
{
    Meridian__Command command;
    struct draft draft, *drafts[] = {&draft};
    const char *made;

    draft_init(&draft, &desk);
    draft.message.subject = (char *)"A dismissal";
    draft.message.attributes = (char *)"{\"grade\": \"secret\"}";
    cr_status(desk_submit(&desk, drafts, 1), 0);
    desk_place(&desk, draft.number, 6);
    cr_status(desk_do(&desk, "admin", ACTION_CLAIM, draft.number, -1), 0);
    cr_status(desk_do(&desk, "admin", ACTION_RESOLVE, draft.number, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, draft.number, -1), 0);
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = now() WHERE id = 6");
    command = desk_command(ACTION_FOLLOW_UP, draft.number, -1);
    cr_status(desk_call_command(&desk, "requester-eu-1", &command), E_VALIDATION);
    command.subject = (char *)"About my papers";
    made = kept(member(desk_call_command(&desk, "requester-eu-1", &command), "follow_up"));
    cr_expect_str_eq(ticket_text(&desk, made, "subject"), "About my papers");
    cr_expect_str_eq(ticket_text(&desk, made, "attributes"), "{}");
    test_db_run(desk.db, "UPDATE desk.team SET retired_at = NULL");
    finish();
}

Test(follow_up, of_a_ticket_that_is_not_closed_there_is_none)
{
    const char *number = desk_ticket(&desk);
    Meridian__Command command = desk_command(ACTION_FOLLOW_UP, number, -1);

    cr_status(desk_call_command(&desk, "requester-eu-1", &command), E_BAD_TRANSITION);
    command.text = (char *)" ";
    cr_status(desk_call_command(&desk, "requester-eu-1", &command), E_VALIDATION);
    cr_status(desk_call_command(&desk, "requester-ap-1", &command), E_NOT_FOUND);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT count(*) FROM desk.ticket"), "1");
    finish();
}

/* Nobody makes a contract for themselves by following up. */
Test(follow_up, what_requesters_say_of_themselves_is_not_believed_now_either)
{
    struct draft draft, *drafts[] = {&draft};
    const char *made;

    draft_init(&draft, &desk);
    draft.message.attributes = (char *)"{\"contract\":\"gold\"}";
    cr_status(desk_submit(&desk, drafts, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, draft.number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, draft.number, 1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CONFIRM, draft.number, -1), 0);
    made = kept(member(desk_do(&desk, "agent-eu-1", ACTION_FOLLOW_UP, draft.number, -1), "follow_up"));
    cr_expect_str_eq(ticket_text(&desk, made, "attributes ->> 'contract'"), "gold");
    cr_expect_str_eq(event_of(made, 0, "data ->> 'contract'"), "");
    finish();
}

Test(follow_up, as_many_as_links)
{
    const char *old = closed();
    _cleanup_(freep) char *sql = mem_printf(
        "INSERT INTO desk.link (from_id, kind, to_id, at, by_id) SELECT gen_random_uuid(), 'related', "
        "t.id, now(), t.requester_id FROM desk.ticket t, generate_series(1, %d) WHERE t.number = '%s'",
        LIMIT_TICKET_LINKS, old);

    test_db_run(desk.db, sql);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_FOLLOW_UP, old, -1), E_LINK);
    finish();
}
