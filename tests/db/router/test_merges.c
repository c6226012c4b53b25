/* Merges: what becomes of both tickets, who is told what, how it is undone; and random ones, two routers at
 * once, after which every component has one open root, no event is lost and no link leads in a circle. */
#include "base/memory.h"
#include "desk.h"
#include "store/document.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

static struct desk desk;

static void set_up(void)
{
    desk_open(&desk, 2);
}

static void finish(void)
{
    desk_check(&desk);
    desk_close(&desk);
}

TestSuite(merges, .init = set_up, .timeout = 300);

static struct answer *send_merge(struct desk *at, const char *login, const char *one, const char *into)
{
    Meridian__Command command = desk_command(ACTION_MERGE, one, -1);

    command.other = (char *)into;
    return desk_send_command(at, login, &command);
}

static struct answer *merge(const char *one, const char *into)
{
    return desk_wait(&desk, send_merge(&desk, "lead-eu-1", one, into));
}

static struct answer *unmerge(const char *one)
{
    return desk_do(&desk, "lead-eu-1", ACTION_UNMERGE, one, -1);
}

static struct answer *link_to(const char *one, const char *kind, const char *other)
{
    Meridian__Command command = desk_command(ACTION_LINK, one, -1);

    command.link = (char *)kind;
    command.other = (char *)other;
    return desk_call_command(&desk, "lead-eu-1", &command);
}

static const char *ticket_of(const char *login)
{
    struct draft draft, *drafts[] = {&draft};
    static char numbers[64][32];
    static int n;
    char *number = numbers[n++ % 64];

    draft_init(&draft, &desk);
    snprintf(draft.requester, sizeof draft.requester, "%s", who(login)->user_id);
    snprintf(draft.submitter, sizeof draft.submitter, "%s", who(login)->user_id);
    cr_status(desk_submit(&desk, drafts, 1), 0);
    snprintf(number, 32, "%s", draft.number);
    return number;
}

static const char *last_event(const char *number, const char *what)
{
    _cleanup_(freep) char *column = mem_printf(
        "SELECT e.%s FROM desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC LIMIT 1", what);

    return ticket_text(&desk, number, column);
}

/* What somebody reads under a number; NULL: nothing is there. */
static json_t *document(const char *login, const char *name, const char *number)
{
    struct answer *answer;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__Read read = MERIDIAN__READ__INIT;
    char *args[] = {(char *)number, (char *)"en"};

    read.document = (char *)name;
    read.args = args;
    read.n_args = strcmp(name, "ticket") == 0 ? 2 : 1;
    request.principal = who(login);
    request.body_case = MERIDIAN__REQUEST__BODY_READ;
    request.read = &read;
    answer = desk_call(&desk, &request);
    cr_assert(answer->status == 0 || answer->status == E_NOT_FOUND, "%s", answer->detail);
    return answer->status ? NULL : json_loads(answer->json, 0, NULL);
}

static void expect_text(const char *login, const char *number, const char *member_, const char *expected)
{
    json_t *json = document(login, "ticket", number);
    const char *found = json_string_value(json_object_get(json, member_));

    cr_expect_str_eq(found ? found : "", expected, "%s of %s for %s", member_, number, login);
    json_decref(json);
}

/* The bodies of the thread, joined by "|". */
static void expect_thread(const char *login, const char *number, const char *expected)
{
    json_t *json = document(login, "ticket", number), *item;
    _cleanup_buf_ struct buf bodies = BUF_INIT;
    size_t i;

    json_array_foreach(json_object_get(json, "thread"), i, item)
    {
        if (i)
            buf_add_char(&bodies, '|');
        buf_add_text(&bodies, json_string_value(json_object_get(item, "body")));
    }
    cr_expect_str_eq(buf_text(&bodies), expected, "the thread of %s for %s", number, login);
    json_decref(json);
}

static struct answer *reply(const char *login, const char *number, const char *text)
{
    Meridian__Command command = desk_command(ACTION_REPLY, number, -1);

    command.text = (char *)text;
    return desk_call_command(&desk, login, &command);
}

Test(merges, one_goes_up_in_the_other)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-eu-1");
    struct answer *answer;

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, s, -1), 0);
    cr_status(reply("agent-eu-1", s, "first"), 0);
    cr_status(reply("requester-eu-1", t, "second"), 0);
    answer = merge(s, t);
    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "number"), t, "that is the ticket now");
    cr_expect_str_eq(ticket_text(&desk, s, "state"), "cancelled");
    cr_expect_str_eq(ticket_text(&desk, s, "owner_id"), "");
    cr_expect_eq(ticket_epoch(&desk, s), 2);
    cr_expect_str_eq(last_event(s, "type"), "ticket.merged");
    cr_expect_str_eq(last_event(s, "data ->> 'into'"), t);
    cr_expect_str_eq(last_event(t, "type"), "ticket.received_merge");
    cr_expect_str_eq(last_event(t, "data ->> 'from'"), s);
    cr_expect_str_eq(last_event(t, "data ->> 'replies'"), "1");
    expect_text("agent-eu-1", s, "number", t);
    expect_text("requester-eu-1", s, "number", t);
    expect_thread("requester-eu-1", t, "first|second");
    answer = desk_do(&desk, "agent-eu-1", ACTION_CLAIM, s, -1);
    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "number"), t, "the number leads there for commands too");
    cr_status(merge(s, t), E_MERGED);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.reply"), 2, "nothing is copied");
    finish();
}

static void hide(const char *number, bool hidden)
{
    desk_place(&desk, number, hidden ? 6 : 1);
}

Test(merges, what_cannot_be)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-eu-1"),
               *u = ticket_of("requester-eu-1"), *closed = ticket_of("requester-eu-1"),
               *secret = ticket_of("requester-ap-1");
    struct answer *answer;

    cr_status(merge(s, s), E_VALIDATION);
    cr_status(merge(s, NULL), E_VALIDATION);
    cr_status(merge(s, "EU-9"), E_NOT_FOUND);
    cr_status(merge("EU-9", s), E_NOT_FOUND);
    cr_status(merge(s, t), 0);
    cr_status(merge(t, s), E_VALIDATION);
    answer = merge(s, u);
    cr_status(answer, E_MERGED);
    cr_expect_str_eq(member(answer, "merged_into"), t);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, closed, -1), 0);
    cr_status(merge(u, closed), E_BAD_TRANSITION);
    cr_status(merge(closed, u), E_BAD_TRANSITION);
    cr_status(unmerge(u), E_BAD_TRANSITION);
    cr_status(unmerge(closed), E_BAD_TRANSITION);
    hide(secret, true);
    cr_status(desk_wait(&desk, send_merge(&desk, "agent-eu-1", u, secret)), E_NOT_FOUND);
    cr_status(desk_wait(&desk, send_merge(&desk, "agent-eu-1", secret, u)), E_NOT_FOUND);
    hide(secret, false);
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, u, -1), 0);
    cr_status(desk_wait(&desk, send_merge(&desk, "agent-eu-1", u, t)), E_FORBIDDEN);
    cr_status(desk_wait(&desk, send_merge(&desk, "requester-eu-1", u, t)), E_FORBIDDEN);
    cr_status(desk_wait(&desk, send_merge(&desk, "requester-ap-1", u, t)), E_NOT_FOUND);
    finish();
}

Test(merges, a_parent_does_not_go_up_in_its_descendant)
{
    const char *a = ticket_of("requester-eu-1"), *b = ticket_of("requester-eu-1"),
               *c = ticket_of("requester-eu-1");

    cr_status(link_to(a, "parent_of", b), 0);
    cr_status(link_to(b, "parent_of", c), 0);
    cr_status(merge(a, b), E_LINK);
    cr_status(merge(a, c), E_LINK);
    cr_status(merge(c, b), 0);
    cr_status(merge(b, a), 0);
    cr_status(unmerge(b), 0);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.link"), 2);
    finish();
}

Test(merges, chains_are_flat_and_undone_as_they_were)
{
    const char *a = ticket_of("requester-eu-1"), *b = ticket_of("requester-eu-1"),
               *c = ticket_of("requester-eu-1");

    cr_status(merge(a, b), 0);
    cr_status(merge(b, c), 0);
    expect_text("agent-eu-1", a, "number", c);
    expect_text("agent-eu-1", b, "number", c);
    cr_status(unmerge(b), 0);
    expect_text("agent-eu-1", a, "number", b);
    expect_text("agent-eu-1", b, "number", b);
    cr_status(merge(b, c), 0);
    cr_status(unmerge(a), 0);
    expect_text("agent-eu-1", a, "number", a);
    expect_text("agent-eu-1", b, "number", c);
    cr_status(merge(c, a), 0);
    expect_text("agent-eu-1", b, "number", a);
    finish();
}

Test(merges, an_undo_that_would_close_a_circle_is_refused)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-eu-1"),
               *m = ticket_of("requester-eu-1");

    cr_status(link_to(t, "depends_on", s), 0);
    cr_status(link_to(m, "depends_on", t), 0);
    cr_status(merge(t, s), 0);
    cr_status(merge(m, s), 0);
    cr_status(unmerge(t), E_LINK);
    cr_status(unmerge(m), 0);
    cr_status(unmerge(t), 0);
    finish();
}

Test(merges, undone_within_a_day)
{
    const char *fresh = ticket_of("requester-eu-1"), *held = ticket_of("requester-eu-1"),
               *t = ticket_of("requester-eu-1");
    char *due;

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, held, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, held, 1), 0);
    due = mem_str(ticket_text(&desk, fresh,
                              "SELECT string_agg(target || due_at, ',' ORDER BY target) FROM desk.clock c "
                              "WHERE c.ticket_id = t.id"));
    cr_status(merge(fresh, t), 0);
    cr_status(merge(held, t), 0);
    cr_expect_str_eq(ticket_text(&desk, fresh,
                                 "SELECT string_agg(DISTINCT c.state, ',') FROM desk.clock c WHERE "
                                 "c.ticket_id = t.id AND breached_at IS NULL"),
                     "cancelled");
    cr_status(unmerge(fresh), 0);
    cr_status(unmerge(held), 0);
    cr_expect_str_eq(ticket_text(&desk, fresh, "state"), "new");
    cr_expect_str_eq(ticket_text(&desk, held, "state"), "open",
                     "nobody owns it, so it waits in the queue and not for an answer");
    cr_expect_str_eq(ticket_text(&desk, fresh,
                                 "SELECT string_agg(target || due_at, ',' ORDER BY target) FROM desk.clock c "
                                 "WHERE c.ticket_id = t.id"),
                     due, "the clocks count as if nothing had been");
    free(due);
    cr_expect_str_eq(last_event(fresh, "type"), "ticket.unmerged");
    cr_expect_str_eq(last_event(t, "type"), "ticket.returned_merge");
    cr_status(unmerge(fresh), E_BAD_TRANSITION);
    cr_status(merge(fresh, t), 0);
    test_db_run(desk.db, "UPDATE desk.merge SET at = at - interval '24 hours 1 second'");
    cr_status(unmerge(fresh), E_BAD_TRANSITION);
    finish();
}

Test(merges, whoever_may_not_see_the_other_goes_on_by_the_old_number)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-ap-1");
    struct answer *answer;
    char *text;
    json_t *json;

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, t, -1), 0);
    cr_status(reply("requester-ap-1", t, "their secret"), 0);
    cr_status(reply("agent-eu-1", t, "before"), 0);
    cr_status(reply("requester-eu-1", s, "my own"), 0);
    cr_status(merge(s, t), 0);
    cr_expect_str_eq(last_event(s, "data ->> 'into'"), "");
    cr_expect_str_eq(last_event(s, "public"), "true");
    cr_expect_str_eq(last_event(t, "public"), "false");
    cr_status(reply("agent-eu-1", t, "for all"), 0);
    cr_status(reply("requester-ap-1", t, "not for you"), 0);
    expect_text("requester-eu-1", s, "number", s);
    expect_text("requester-eu-1", s, "who", "Handled together with another ticket.");
    expect_thread("requester-eu-1", s, "my own|for all");
    expect_thread("requester-ap-1", t, "their secret|before|for all|not for you");
    expect_thread("agent-eu-1", s, "their secret|before|my own|for all|not for you");
    json = document("requester-eu-1", "ticket", s);
    cr_expect(json_is_string(json_object_get(json, "merged_at")));
    cr_expect_eq(json_array_size(json_object_get(json, "merged")), 0);
    text = json_dumps(json, 0);
    cr_expect_null(strstr(text, t), "nowhere its number");
    free(text);
    json_decref(json);
    cr_expect_null(document("requester-eu-1", "ticket", t));
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, t, 1), 0);
    answer = reply("requester-eu-1", s, "what now?");
    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "number"), s);
    cr_expect_str_eq(ticket_text(&desk, t, "state"), "open", "an answer wakes what waits for it");
    cr_expect_str_eq(last_event(s, "type"), "ticket.replied");
    expect_thread("agent-eu-1", t, "their secret|before|my own|for all|not for you|what now?");
    expect_thread("requester-ap-1", t, "their secret|before|for all|not for you");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, s, -1), E_BAD_TRANSITION);
    cr_status(desk_do(&desk, "requester-us-1", ACTION_REPLY, s, -1), E_NOT_FOUND);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, t, 1), 0);
    cr_status(reply("requester-eu-1", s, "too late"), E_BAD_TRANSITION);
    cr_status(unmerge(s), 0);
    expect_thread("requester-eu-1", s, "my own|what now?");
    expect_thread("agent-eu-1", t, "their secret|before|for all|not for you");
    finish();
}

Test(merges, a_key_merges_once)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-eu-1");
    Meridian__Command command = desk_command(ACTION_MERGE, s, -1);
    struct answer *first, *again;

    command.other = (char *)t;
    command.client_key = (char *)"merge-once";
    first = desk_call_command(&desk, "lead-eu-1", &command);
    again = desk_call_command(&desk, "lead-eu-1", &command);
    cr_status(first, 0);
    cr_status(again, 0);
    cr_expect_str_eq(first->json, again->json);
    finish();
}

Test(merges, there_is_an_end_of_them)
{
    const char *s = ticket_of("requester-eu-1"), *t = ticket_of("requester-eu-1");

    test_db_runf(desk.db,
                 "INSERT INTO desk.merge (source_id, into_id, root_id, was_new, at, by_id) SELECT "
                 "gen_random_uuid(), t.id, t.id, true, now(), t.requester_id"
                 " FROM desk.ticket t, generate_series(1, %d) WHERE number = '%s'",
                 LIMIT_TICKET_LINKS, t);
    cr_status(merge(s, t), E_LINK);
    finish();
}

/* ---- random ones ---- */

enum { TICKETS = 9, ROUNDS = 300 };

/* Each must find nothing. */
static const char *const laws[] = {
    "SELECT 'a root is no source: ' || m.source_id FROM desk.merge m JOIN desk.merge r ON r.source_id = "
    "m.root_id",
    "SELECT 'one open root for each: ' || t.number FROM desk.ticket t LEFT JOIN desk.merge m ON m.source_id "
    "= t.id"
    " WHERE (m.source_id IS NOT NULL) <> (t.state = 'cancelled')",
    "WITH RECURSIVE up (id, at) AS (SELECT t.id, t.id FROM desk.ticket t UNION ALL SELECT u.id, m.into_id "
    "FROM up u JOIN desk.merge m ON m.source_id = u.at)"
    " SELECT 'the root is where the chain leads: ' || m.source_id FROM desk.merge m WHERE m.root_id NOT IN"
    " (SELECT u.at FROM up u WHERE u.id = m.source_id AND NOT EXISTS (SELECT FROM desk.merge n WHERE "
    "n.source_id = u.at))",
    "WITH RECURSIVE edge AS (SELECT DISTINCT l.kind, coalesce(f.root_id, l.from_id) AS a, "
    "coalesce(t.root_id, l.to_id) AS b FROM desk.link l"
    "  LEFT JOIN desk.merge f ON f.source_id = l.from_id LEFT JOIN desk.merge t ON t.source_id = l.to_id"
    "  WHERE l.kind <> 'related'), path AS (SELECT kind, a, b FROM edge WHERE a <> b UNION SELECT p.kind, "
    "p.a, e.b FROM path p JOIN edge e"
    "  ON e.kind = p.kind AND e.a = p.b WHERE e.a <> e.b) SELECT 'a circle of ' || kind FROM path WHERE a = "
    "b",
    "SELECT 'merges are told on both' FROM (SELECT count(*) FILTER (WHERE type = 'ticket.merged') AS m, "
    "count(*) FILTER (WHERE type = 'ticket.received_merge') AS r,"
    " count(*) FILTER (WHERE type = 'ticket.unmerged') AS u, count(*) FILTER (WHERE type = "
    "'ticket.returned_merge') AS b, (SELECT count(*) FROM desk.merge) AS n FROM desk.event) x"
    " WHERE m <> r OR u <> b OR m - u <> n",
};

static void expect_laws(int round)
{
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        PGresult *found = PQexec(desk.pg, laws[i]);

        cr_assert_eq(PQresultStatus(found), PGRES_TUPLES_OK, "%s", PQerrorMessage(desk.pg));
        cr_assert_eq(PQntuples(found), 0, "round %d: %s", round, PQgetvalue(found, 0, 0));
        PQclear(found);
    }
}

static struct answer *send_random(struct desk *at, const char *const *tickets, unsigned *seed)
{
    static const char *const kinds[] = {"parent_of", "depends_on", "caused_by", "related"};
    unsigned what = (unsigned)rand_r(seed) % 10;
    const char *one = tickets[(unsigned)rand_r(seed) % TICKETS],
               *other = tickets[(unsigned)rand_r(seed) % TICKETS];
    Meridian__Command command = desk_command(what < 4   ? ACTION_MERGE
                                             : what < 6 ? ACTION_UNMERGE
                                             : what < 9 ? ACTION_LINK
                                                        : ACTION_UNLINK,
                                             one, -1);

    command.other = (char *)other;
    command.link = (char *)kinds[(unsigned)rand_r(seed) % 4];
    return desk_send_command(at, "lead-eu-1", &command);
}

Test(merges, random_ones_by_two_routers_at_once)
{
    static const int expected[] = {0, E_VALIDATION, E_MERGED, E_LINK, E_BAD_TRANSITION};
    const char *tickets[TICKETS];
    struct desk second;
    unsigned seed = 20261126;
    int done[ACTION_UNMERGE + 1] = {0};

    desk_second(&second, &desk);
    for (int i = 0; i < TICKETS; i++)
        tickets[i] = ticket_of("requester-eu-1");
    for (int round = 0; round < ROUNDS; round++) {
        struct answer *answers[4];

        for (int i = 0; i < 4; i++)
            answers[i] = send_random(i % 2 ? &second : &desk, tickets, &seed);
        for (int i = 0; i < 4; i++) {
            bool known = false;

            desk_wait(i % 2 ? &second : &desk, answers[i]);
            for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++)
                known = known || answers[i]->status == expected[k];
            cr_assert(known, "round %d: %d %s", round, answers[i]->status, answers[i]->detail);
            done[answers[i]->request->command->action] += !answers[i]->status;
        }
        expect_laws(round);
    }
    cr_expect_gt(done[ACTION_MERGE], 20);
    cr_expect_gt(done[ACTION_UNMERGE], 20);
    cr_expect_gt(done[ACTION_LINK], 20);
    desk_second_close(&second, &desk);
    finish();
}

Test(merges, two_routers_in_opposite_directions)
{
    struct desk second;

    desk_second(&second, &desk);
    for (int round = 0; round < 20; round++) {
        const char *a = ticket_of("requester-eu-1"), *b = ticket_of("requester-eu-1");
        struct answer *one = send_merge(&desk, "lead-eu-1", a, b),
                      *two = send_merge(&second, "agent-us-1", b, a);

        desk_wait(&desk, one);
        desk_wait(&second, two);
        cr_expect_eq(!one->status + !two->status, 1, "%d %s, %d %s", one->status, one->detail, two->status,
                     two->detail);
        cr_expect((one->status ? one : two)->status == E_VALIDATION, "%d", (one->status ? one : two)->status);
    }
    expect_laws(0);
    desk_second_close(&second, &desk);
    finish();
}
