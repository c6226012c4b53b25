/* Links between tickets: what each end is told, what is refused, and that open dependencies hold a resolution
 * up. */
#include "base/memory.h"
#include "desk.h"
#include "domain/ticket_link.h"
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

TestSuite(links, .init = set_up, .timeout = 120);

static struct answer *relate(enum ticket_action action, const char *login, const char *one, const char *kind,
                             const char *other)
{
    Meridian__Command command = desk_command(action, one, -1);

    command.link = (char *)kind;
    command.other = (char *)other;
    return desk_call_command(&desk, login, &command);
}

static struct answer *link_to(const char *one, const char *kind, const char *other)
{
    return relate(ACTION_LINK, "agent-eu-1", one, kind, other);
}

static int64_t links(void)
{
    return test_db_int(desk.db, "SELECT count(*) FROM desk.link");
}

/* A ticket of another person. */
static const char *ticket_of(const char *login, const char *service)
{
    const char *number = desk_ticket_of(&desk, service, 2, 2);

    test_db_runf(desk.db,
                 "UPDATE desk.ticket SET requester_id = u.id, submitter_id = u.id FROM desk.app_user u WHERE "
                 "u.login = '%s' AND number = '%s'",
                 login, number);
    return number;
}

/* One value of the last event of a ticket. */
static const char *last_event(const char *number, const char *what)
{
    _cleanup_(freep) char *column = mem_printf(
        "SELECT e.%s FROM desk.event e WHERE e.ticket_id = t.id ORDER BY e.seq DESC LIMIT 1", what);

    return ticket_text(&desk, number, column);
}

Test(links, both_ends_are_told)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk);
    struct answer *answer = link_to(a, "depends_on", b);

    cr_status(answer, 0);
    cr_expect_str_eq(member(answer, "number"), a);
    cr_expect_str_eq(member(answer, "version"), "2");
    cr_expect_str_eq(last_event(a, "type"), "ticket.linked");
    cr_expect_str_eq(last_event(a, "data ->> 'link'"), "depends_on");
    cr_expect_str_eq(last_event(a, "data ->> 'other'"), b);
    cr_expect_str_eq(last_event(b, "data ->> 'link'"), "blocks");
    cr_expect_str_eq(last_event(b, "data ->> 'other'"), a);
    cr_expect_str_eq(last_event(a, "public"), "true", "one person asked for both");
    cr_status(link_to(a, "depends_on", b), E_LINK);
    cr_status(link_to(b, "blocks", a), E_LINK);
    cr_status(link_to(b, "related", a), 0);
    cr_status(link_to(a, "related", b), E_LINK);
    cr_expect_eq(links(), 2);
    cr_status(relate(ACTION_UNLINK, "agent-eu-1", b, "blocks", a), 0);
    cr_expect_str_eq(last_event(a, "type"), "ticket.unlinked");
    cr_status(relate(ACTION_UNLINK, "agent-eu-1", b, "blocks", a), E_LINK);
    cr_status(relate(ACTION_UNLINK, "agent-eu-1", a, "related", b), 0);
    cr_expect_eq(links(), 0);
    cr_status(link_to(a, "depends_on", b), 0);
    cr_expect_eq(links(), 1, "and once more");
    finish();
}

Test(links, words_of_the_database_are_those_of_c)
{
    for (int i = 0; i < TICKET_LINKS_N; i++) {
        _cleanup_(freep) char *sql =
            mem_printf("SELECT desk.link_word('%s', true)", ticket_link_word((enum ticket_link)i, false));

        cr_expect_str_eq(test_db_text(desk.db, sql), ticket_link_word((enum ticket_link)i, true));
    }
    finish();
}

Test(links, what_cannot_be)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk), *c = desk_ticket(&desk);

    cr_status(link_to(a, "depends_on", a), E_VALIDATION);
    cr_status(link_to(a, "depend", b), E_VALIDATION);
    cr_status(link_to(a, NULL, b), E_VALIDATION);
    cr_status(link_to(a, "related", NULL), E_VALIDATION);
    cr_status(link_to(a, "related", "EU-9"), E_NOT_FOUND);
    cr_status(link_to("EU-9", "related", a), E_NOT_FOUND);
    cr_status(relate(ACTION_LINK, "requester-eu-1", a, "related", b), E_FORBIDDEN);
    cr_status(relate(ACTION_LINK, "requester-ap-1", a, "related", b), E_NOT_FOUND);
    for (const char *const *kind =
             (const char *const[]){"parent_of", "depends_on", "caused_by", "duplicate_of", NULL};
         *kind; kind++) {
        cr_status(link_to(a, *kind, b), 0);
        cr_status(link_to(b, *kind, c), 0);
        cr_status(link_to(c, *kind, a), E_LINK);
        cr_status(link_to(b, *kind, a), E_LINK);
    }
    cr_status(link_to(desk_ticket(&desk), "parent_of", c), E_LINK);
    cr_status(link_to(c, "child_of", desk_ticket(&desk)), E_LINK);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, c, -1), 0);
    cr_status(link_to(c, "related", a), E_BAD_TRANSITION);
    cr_status(link_to(a, "related", c), 0);
    finish();
}

Test(links, there_is_an_end_of_them)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk);

    test_db_runf(
        desk.db,
        "INSERT INTO desk.link (from_id, kind, to_id, at, by_id) SELECT t.id, 'related', gen_random_uuid(), "
        "now(), t.requester_id FROM desk.ticket t, generate_series(1, %d) WHERE number = '%s'",
        LIMIT_TICKET_LINKS, b);
    cr_status(link_to(a, "related", b), E_LINK);
    finish();
}

Test(links, nobody_learns_of_what_they_may_not_see)
{
    const char *mine = ticket_of("requester-eu-1", "vpn"), *yours = ticket_of("requester-ap-1", "vpn"),
               *secret = ticket_of("requester-ap-1", "vpn");

    desk_place(&desk, secret, 6);
    cr_status(link_to(mine, "duplicate_of", yours), 0);
    cr_expect_str_eq(last_event(mine, "public"), "false");
    cr_expect_str_eq(last_event(yours, "public"), "false");
    cr_expect_str_eq(last_event(mine, "data ->> 'other'"), yours, "agents see both");
    cr_status(link_to(mine, "related", secret), E_NOT_FOUND);
    cr_status(link_to(secret, "related", mine), E_NOT_FOUND);
    cr_status(relate(ACTION_LINK, "lead-eu-1", mine, "related", secret), 0);
    cr_expect_str_eq(last_event(mine, "data ->> 'other'"), "", "not all who see this see that");
    cr_expect_str_eq(last_event(secret, "data ->> 'other'"), mine);
    finish();
}

static struct answer *resolve(const char *login, const char *number, bool force, const char *reason)
{
    Meridian__Command command = desk_command(ACTION_RESOLVE, number, ticket_epoch(&desk, number));

    command.has_force = command.force = force;
    command.text = (char *)reason;
    return desk_call_command(&desk, login, &command);
}

Test(links, open_dependencies_hold_a_resolution_up)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk), *c = desk_ticket(&desk);
    struct answer *answer;

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, a, -1), 0);
    cr_status(link_to(a, "depends_on", b), 0);
    cr_status(link_to(c, "blocks", a), 0);
    answer = resolve("agent-eu-1", a, false, NULL);
    cr_status(answer, E_OPEN_DEPENDENCIES);
    cr_expect(strstr(member(answer, "dependencies"), b) && strstr(member(answer, "dependencies"), c));
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, c, -1), 0);
    answer = resolve("agent-eu-1", a, false, NULL);
    cr_status(answer, E_OPEN_DEPENDENCIES);
    cr_expect_not(strstr(member(answer, "dependencies"), c));
    desk_place(&desk, b, 6);
    answer = resolve("agent-eu-1", a, false, NULL);
    cr_status(answer, E_OPEN_DEPENDENCIES);
    cr_expect_str_eq(member(answer, "dependencies"), "[]", "those that one may see");
    desk_place(&desk, b, 1);
    cr_status(resolve("agent-eu-1", a, true, NULL), E_VALIDATION);
    cr_status(resolve("agent-eu-1", a, true, "The vendor confirmed it."), 0);
    cr_expect_str_eq(last_event(a, "type"), "ticket.resolved");
    cr_expect_str_eq(last_event(a, "data ->> 'forced'"), "true");
    cr_expect_str_eq(
        ticket_text(&desk, a,
                    "SELECT body FROM desk.note n WHERE n.ticket_id = t.id AND n.event_seq = t.event_seq"),
        "The vendor confirmed it.");
    finish();
}

Test(links, solved_dependencies_do_not)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk);

    cr_status(link_to(a, "depends_on", b), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, a, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, b, -1), 0);
    cr_status(resolve("agent-eu-1", b, true, "No need."), 0);
    cr_expect_str_eq(last_event(b, "data ->> 'forced'"), "", "nothing held it up");
    cr_status(resolve("agent-eu-1", a, false, NULL), 0);
    finish();
}

Test(links, four_close_no_circle_at_once)
{
    struct desk second;
    const char *t[4];
    int made = 0;

    desk_second(&second, &desk);
    for (int round = 0; round < 8; round++) {
        struct answer *answers[4];

        for (int i = 0; i < 4; i++)
            t[i] = desk_ticket(&desk);
        for (int i = 0; i < 4; i++) {
            Meridian__Command command = desk_command(ACTION_LINK, t[i], -1);

            command.link = (char *)"depends_on";
            command.other = (char *)t[(i + 1) % 4];
            answers[i] = desk_send_command(i % 2 ? &second : &desk, "agent-eu-1", &command);
        }
        for (int i = 0; i < 4; i++) {
            desk_wait(i % 2 ? &second : &desk, answers[i]);
            cr_expect(answers[i]->status == 0 || answers[i]->status == E_LINK, "%d %s", answers[i]->status,
                      answers[i]->detail);
            made += !answers[i]->status;
        }
    }
    cr_expect_eq(made, 8 * 3, "exactly one of each four is refused");
    desk_second_close(&second, &desk);
    finish();
}

Test(links, a_key_links_once)
{
    const char *a = desk_ticket(&desk), *b = desk_ticket(&desk);
    Meridian__Command command = desk_command(ACTION_LINK, a, -1);
    struct answer *first, *again;

    command.link = (char *)"related";
    command.other = (char *)b;
    command.client_key = (char *)"once";
    first = desk_call_command(&desk, "agent-eu-1", &command);
    again = desk_call_command(&desk, "agent-eu-1", &command);
    cr_status(first, 0);
    cr_status(again, 0);
    cr_expect_str_eq(first->json, again->json);
    cr_expect_eq(links(), 1);
    command.link = (char *)"blocks";
    cr_status(desk_call_command(&desk, "agent-eu-1", &command), E_KEY_REUSED);
    finish();
}
