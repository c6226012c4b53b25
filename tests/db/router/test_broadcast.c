/* A reply to a parent that goes to its open children. */
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
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

TestSuite(broadcast, .init = set_up, .timeout = 300);

static const char *ticket_of(const char *login)
{
    struct draft draft, *drafts[] = {&draft};
    static char numbers[LIMIT_BROADCAST + 64][32];
    static int n;
    char *number = numbers[n++ % (LIMIT_BROADCAST + 64)];

    draft_init(&draft, &desk);
    snprintf(draft.requester, sizeof draft.requester, "%s", who(login)->user_id);
    snprintf(draft.submitter, sizeof draft.submitter, "%s", who(login)->user_id);
    cr_status(desk_submit(&desk, drafts, 1), 0);
    snprintf(number, 32, "%s", draft.number);
    return number;
}

static const char *child_of(const char *parent, const char *login)
{
    const char *number = ticket_of(login);
    Meridian__Command command = desk_command(ACTION_LINK, parent, -1);

    command.link = (char *)"parent_of";
    command.other = (char *)number;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), 0);
    return number;
}

static struct answer *send_reply(struct desk *at, const char *login, const char *number, const char *key)
{
    Meridian__Command command = desk_command(ACTION_REPLY, number, -1);

    command.has_broadcast = command.broadcast = true;
    command.text = (char *)"It is the provider.";
    command.client_key = (char *)key;
    return desk_send_command(at, login, &command);
}

static struct answer *tell(const char *login, const char *number, const char *key)
{
    return desk_wait(&desk, send_reply(&desk, login, number, key));
}

static const char *heard(const char *number)
{
    return ticket_text(&desk, number, "SELECT count(*) FROM desk.reply r WHERE r.ticket_id = t.id");
}

static const char *last_event(const char *number, const char *what)
{
    _cleanup_(freep) char *column = mem_printf(
        "SELECT e.%s FROM desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC LIMIT 1", what);

    return ticket_text(&desk, number, column);
}

Test(broadcast, reaches_open_children_and_their_requesters)
{
    const char *parent = ticket_of("requester-eu-1"), *same = child_of(parent, "requester-eu-1"),
               *other = child_of(parent, "requester-ap-1"), *over = child_of(parent, "requester-ap-1");
    struct answer *a;

    cr_status(desk_do(&desk, "lead-eu-1", ACTION_CANCEL, over, -1), 0);
    cr_status(a = tell("agent-eu-1", parent, NULL), 0);
    cr_expect_str_eq(member(a, "number"), parent);
    cr_expect_str_eq(member(a, "broadcast.sent"), "2");
    cr_expect_str_eq(member(a, "broadcast.passed_over"), "0");
    cr_expect_str_eq(heard(parent), "1");
    cr_expect_str_eq(heard(same), "1");
    cr_expect_str_eq(heard(other), "1");
    cr_expect_str_eq(heard(over), "0");
    cr_expect_str_eq(last_event(same, "data ->> 'from'"), parent);
    cr_expect_str_eq(last_event(other, "data ->> 'from'"), "", "its requester may not know of the parent");
    cr_expect_str_eq(last_event(other, "data ->> 'broadcast'"), "true");
    cr_expect_str_eq(ticket_text(&desk, other, "first_response_at IS NOT NULL"), "true");
    cr_expect_str_eq(
        ticket_text(
            &desk, other,
            "SELECT count(*) FROM desk.outbox o WHERE o.ticket_id = t.id AND o.type = 'ticket.replied'"),
        "1", "they get a mail");
    finish();
}

Test(broadcast, repeated_it_does_nothing_twice)
{
    const char *parent = ticket_of("requester-eu-1"), *child = child_of(parent, "requester-ap-1");
    struct answer *first, *again;

    cr_status(first = tell("agent-eu-1", parent, "k"), 0);
    cr_status(again = tell("agent-eu-1", parent, "k"), 0);
    cr_expect_str_eq(first->json, again->json);
    cr_expect_str_eq(heard(child), "1");
    finish();
}

Test(broadcast, not_to_whom_one_could_not_reply)
{
    const char *parent = ticket_of("requester-eu-1"), *seen = child_of(parent, "requester-ap-1"),
               *hidden = child_of(parent, "requester-ap-1");
    struct answer *a;

    desk_place(&desk, hidden, 6);
    cr_status(desk_do(&desk, "admin", ACTION_NOTE, hidden, -1), 0); /* its events say where it is */
    cr_status(a = tell("agent-eu-1", parent, NULL), 0);
    cr_expect_str_eq(member(a, "broadcast.sent"), "1");
    cr_expect_str_eq(member(a, "broadcast.passed_over"), "0", "what one does not see is not counted");
    cr_expect_str_eq(heard(seen), "1");
    cr_expect_str_eq(heard(hidden), "0");
    finish();
}

/* Nobody answers themselves in the name of the desk: their first response would count as one. */
Test(broadcast, not_to_ones_own_ticket)
{
    const char *parent = ticket_of("requester-eu-1"), *own = child_of(parent, "agent-eu-1");
    struct answer *a;

    cr_status(a = tell("agent-eu-1", parent, NULL), 0);
    cr_expect_str_eq(member(a, "broadcast.sent"), "0");
    cr_expect_str_eq(member(a, "broadcast.passed_over"), "1");
    cr_expect_str_eq(ticket_text(&desk, own, "first_response_at IS NULL"), "true");
    finish();
}

Test(broadcast, is_for_those_who_answer)
{
    const char *parent = ticket_of("requester-eu-1"), *child = child_of(parent, "requester-ap-1");

    cr_status(tell("requester-eu-1", parent, NULL), E_VALIDATION);
    cr_status(tell("requester-ap-1", parent, NULL), E_VALIDATION);
    cr_status(tell("requester-ap-1", "EU-77", NULL),
              E_VALIDATION); /* nobody learns which numbers there are */
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_CANCEL, parent, -1), 0);
    cr_status(tell("agent-eu-1", parent, NULL), E_BAD_TRANSITION);
    cr_expect_str_eq(heard(child), "0");
    finish();
}

Test(broadcast, without_children_it_is_a_reply)
{
    const char *number = ticket_of("requester-eu-1");
    struct answer *a;

    cr_status(a = tell("agent-eu-1", number, NULL), 0);
    cr_expect_str_eq(member(a, "broadcast.sent"), "0");
    cr_expect_str_eq(heard(number), "1");
    finish();
}

/* A child that was merged hears by its root, once. */
Test(broadcast, merged_children_by_their_roots)
{
    const char *parent = ticket_of("requester-eu-1"), *one = child_of(parent, "requester-ap-1"),
               *two = child_of(parent, "requester-ap-1");
    Meridian__Command command = desk_command(ACTION_MERGE, one, -1);
    struct answer *a;

    command.other = (char *)two;
    cr_status(desk_call_command(&desk, "lead-eu-1", &command), 0);
    cr_status(a = tell("agent-eu-1", parent, NULL), 0);
    cr_expect_str_eq(member(a, "broadcast.sent"), "1");
    cr_expect_str_eq(heard(two), "1");
    cr_expect_str_eq(heard(one), "0");
    finish();
}

Test(broadcast, two_hundred_children_and_no_more)
{
    const char *parent = ticket_of("requester-eu-1");
    struct answer *a;
    _cleanup_(freep) char *sql = mem_printf(
        "INSERT INTO desk.link (from_id, kind, to_id, at, by_id) SELECT p.id, 'parent_of', t.id, now(), "
        "p.requester_id "
        "FROM desk.ticket p, desk.ticket t WHERE p.number = '%s' AND t.id <> p.id ORDER BY t.number LIMIT %d",
        parent, LIMIT_BROADCAST);

    for (int i = 0; i <= LIMIT_BROADCAST; i++)
        (void)ticket_of("requester-ap-1");
    test_db_run(desk.db, sql);
    cr_status(a = tell("agent-eu-1", parent, NULL), 0);
    cr_expect_str_eq(member(a, "broadcast.sent"), "200");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT count(*) FROM desk.reply"), "201");
    test_db_run(
        desk.db,
        "INSERT INTO desk.link (from_id, kind, to_id, at, by_id) SELECT l.from_id, 'parent_of', t.id, now(), "
        "l.by_id "
        "FROM desk.ticket t, (SELECT from_id, by_id FROM desk.link LIMIT 1) l WHERE t.id <> l.from_id "
        "AND NOT EXISTS (SELECT FROM desk.link o WHERE o.to_id = t.id) LIMIT 1");
    cr_status(tell("agent-eu-1", parent, NULL), E_VALIDATION);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT count(*) FROM desk.reply"), "201");
    finish();
}

/* Parents that share what happens to their children: replies, merges and broadcasts from two routers. Nothing
 * is lost, nothing is said twice, nobody waits for ever. */
Test(broadcast, random_ones_by_two_routers_at_once)
{
    enum { TICKETS = 8, ROUNDS = 40 };
    const char *tickets[TICKETS], *parent = ticket_of("requester-eu-1");
    unsigned seed = 20261126;
    int told = 0, replies;
    struct desk second;

    desk_second(&second, &desk);
    for (int i = 0; i < TICKETS; i++)
        tickets[i] = child_of(parent, "requester-ap-1");
    for (int round = 0; round < ROUNDS; round++) {
        struct answer *answers[4];

        for (int i = 0; i < 4; i++) {
            struct desk *at = i % 2 ? &second : &desk;
            const char *one = tickets[(unsigned)rand_r(&seed) % TICKETS];
            unsigned what = (unsigned)rand_r(&seed) % 6;
            Meridian__Command command = desk_command(what < 4   ? ACTION_REPLY
                                                     : what < 5 ? ACTION_MERGE
                                                                : ACTION_UNMERGE,
                                                     one, -1);

            command.other = (char *)tickets[(unsigned)rand_r(&seed) % TICKETS];
            answers[i] = what < 2 ? send_reply(at, "agent-eu-1", parent, NULL)
                                  : desk_send_command(at, "lead-eu-1", &command);
        }
        for (int i = 0; i < 4; i++) {
            desk_wait(i % 2 ? &second : &desk, answers[i]);
            cr_assert(!answers[i]->status || answers[i]->request->command->action != ACTION_REPLY ||
                          answers[i]->status == E_BAD_TRANSITION,
                      "round %d: %d %s", round, answers[i]->status, answers[i]->detail);
            if (!answers[i]->status && answers[i]->request->command->action == ACTION_REPLY)
                told +=
                    1 + (answers[i]->request->command->broadcast ? atoi(member(answers[i], "broadcast.sent"))
                                                                 : 0);
        }
    }
    replies = atoi(test_db_text(desk.db, "SELECT count(*) FROM desk.reply"));
    cr_expect_eq(replies, told, "%d texts, %d said", replies, told);
    cr_expect_gt(told, ROUNDS);
    desk_second_close(&second, &desk);
    finish();
}
