/* What a resolution needs, and its confirmation by the link of a mail. */
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

TestSuite(needs, .init = set_up, .timeout = 300);
TestSuite(mail_link, .init = set_up, .timeout = 300);

static struct answer *resolve(const char *number, const char *cause, const char *solution,
                              const char *prevention)
{
    Meridian__Command command = desk_command(ACTION_RESOLVE, number, ticket_epoch(&desk, number));

    command.cause = (char *)cause;
    command.solution = (char *)solution;
    command.prevention = (char *)prevention;
    return desk_call_command(&desk, "agent-eu-1", &command);
}

static const char *owned(uint32_t impact, uint32_t urgency)
{
    const char *number = desk_ticket_of(&desk, NULL, impact, urgency);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    return number;
}

#define POLICIES                                                                                             \
    "\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"1h\"}, "            \
    "\"resolve\": {\"amount\": "                                                                             \
    "\"8h\"}}}]}"

Test(needs, all_three_unless_the_plan_says_otherwise)
{
    const char *number = owned(2, 2);
    struct answer *a;

    cr_status(a = resolve(number, NULL, "Ink.", " "), E_VALIDATION);
    cr_expect(strstr(a->json, "\"/cause\"") && strstr(a->json, "\"/prevention\"") &&
                  !strstr(a->json, "/solution"),
              "%s", a->json);
    cr_status(resolve(number, "No ink.", "Ink.", "Watch it."), 0);
    finish();
}

Test(needs, by_priority)
{
    const char *grave, *small;

    desk_plan(&desk, "{\"closing\": {\"resolve\": [{\"when\": {\"priority\": [1, 2]}, \"needs\": [\"cause\", "
                     "\"solution\", \"prevention\"]}, {\"needs\": [\"solution\"]}]}, " POLICIES);
    grave = owned(1, 1);
    small = owned(3, 3);
    cr_status(resolve(grave, NULL, "Ink.", NULL), E_VALIDATION);
    cr_status(resolve(small, NULL, NULL, NULL), E_VALIDATION);
    cr_status(resolve(small, NULL, "Ink.", NULL), 0);
    cr_expect_str_eq(ticket_text(&desk, small, "concat_ws('|', cause, solution, prevention)"), "Ink.");
    finish();
}

Test(needs, a_resolution_tells_nothing_of_the_one_before)
{
    const char *number;

    desk_plan(&desk, "{\"closing\": {\"resolve\": [{\"needs\": []}]}, " POLICIES);
    number = owned(2, 2);
    cr_status(resolve(number, "No ink.", "Ink.", "Watch it."), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "cause"), "No ink.", "what was thought to solve it stays");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(resolve(number, NULL, NULL, NULL), 0);
    cr_expect_str_eq(ticket_text(&desk, number, "cause IS NULL AND solution IS NULL"), "true");
    finish();
}

/* ---- links ---- */

static const char *token_of(const char *number, int days)
{
    _cleanup_(freep) char *column = mem_printf(
        "SELECT concat_ws('.', t.number, t.epoch, x.s, desk.confirm_signature(t.id, t.epoch, x.s)) FROM "
        "(SELECT extract(epoch FROM now() + interval '%d days')::bigint AS s) x",
        days);
    static char tokens[16][128];
    static int n;
    char *token = tokens[n++ % 16];

    snprintf(token, sizeof tokens[0], "%s", ticket_text(&desk, number, column));
    return token;
}

static struct answer *follow(const char *token)
{
    Meridian__Command command = desk_command(ACTION_CONFIRM, "EU-1", -1);

    command.text = (char *)token;
    return desk_call_command(&desk, NULL, &command);
}

static const char *resolved(void)
{
    const char *number = owned(2, 2);

    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    return number;
}

Test(mail_link, confirms_once)
{
    const char *number = resolved(), *token = token_of(number, 14);
    struct answer *a;

    cr_status(a = follow(token), 0);
    cr_expect_str_eq(member(a, "number"), number);
    cr_expect_str_eq(member(a, "state"), "closed");
    cr_expect_str_eq(member(a, "subject"), "", "no more than the token tells");
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT e.type || ' ' || e.actor FROM desk.event e WHERE e.ticket_id = t.id "
                                 "ORDER BY e.seq DESC LIMIT 1"),
                     "ticket.confirmed requester-eu-1");
    cr_status(a = follow(token), 0);
    cr_expect_str_eq(member(a, "state"), "closed", "pressed twice");
    cr_expect_str_eq(ticket_text(&desk, number, "event_seq"), "4");
    finish();
}

Test(mail_link, not_of_another_resolution)
{
    const char *number = resolved(), *token = token_of(number, 14);

    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    cr_status(follow(token), E_LINK_OVER);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(follow(token_of(number, 14)), E_LINK_OVER);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, ticket_epoch(&desk, number)), 0);
    cr_status(follow(token), E_LINK_OVER);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "resolved");
    finish();
}

/* What was resolved under that number is part of another ticket now, with an epoch that is the same by
 * chance. */
Test(mail_link, not_of_the_ticket_that_it_was_merged_into)
{
    const char *number = resolved(), *token = token_of(number, 14), *root = owned(2, 2);
    Meridian__Command merge = desk_command(ACTION_MERGE, number, -1);

    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), 0);
    merge.other = (char *)root;
    cr_status(desk_call_command(&desk, "lead-eu-1", &merge), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, root, ticket_epoch(&desk, root)), 0);
    cr_expect_eq(ticket_epoch(&desk, root), 1, "as that of the link");
    cr_status(follow(token), E_LINK_OVER);
    cr_expect_str_eq(ticket_text(&desk, root, "state"), "resolved");
    finish();
}

Test(mail_link, after_2038)
{
    const char *number = resolved();

    cr_status(follow(token_of(number, 20 * 365)), 0);
    finish();
}

/* Whatever is changed in it, it is none; so is one that was not signed here, is of another ticket or too old.
 */
Test(mail_link, what_is_none)
{
    const char *number = resolved(), *other = resolved(), *token = token_of(number, 14);
    static const char *const none[] = {"",           ".",           "EU-1",    "EU-1.1.1.",
                                       "EU-1.1.1.x", "EU-1.-1.1.x", "a.b.c.d", "....."};
    _cleanup_(freep) char *swapped = mem_printf("%s%s", other, strchr(token, '.'));

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_status(follow(none[i]), E_LINK_OVER);
    for (size_t i = 0; token[i]; i++) {
        _cleanup_(freep) char *changed = mem_str(token);

        changed[i] = changed[i] == '1' ? '2' : '1';
        cr_status(follow(changed), E_LINK_OVER);
    }
    cr_status(follow(swapped), E_LINK_OVER);
    cr_status(follow(token_of(number, -1)), E_LINK_OVER);
    cr_status(follow(NULL), E_UNAUTHENTICATED);
    cr_expect_str_eq(ticket_text(&desk, number, "state"), "resolved");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'requester-eu-1'");
    cr_status(follow(token), E_LINK_OVER);
    finish();
}

/* Two at once, by two routers, and one who changes their mind meanwhile: it is confirmed or reopened, once.
 */
Test(mail_link, a_race)
{
    struct desk second;

    desk_second(&second, &desk);
    for (int round = 0; round < 12; round++) {
        const char *number = resolved(), *token = token_of(number, 14);
        Meridian__Command press = desk_command(ACTION_CONFIRM, "EU-1", -1),
                          reopen = desk_command(ACTION_REOPEN, number, 1);
        struct answer *one, *two, *three;

        press.text = (char *)token;
        one = desk_send_command(&desk, NULL, &press);
        two = desk_send_command(&second, NULL, &press);
        three = desk_send_command(round % 2 ? &desk : &second, "requester-eu-1", &reopen);
        desk_wait(&desk, one);
        desk_wait(&second, two);
        desk_wait(round % 2 ? &desk : &second, three);
        cr_expect_eq(one->status, two->status, "%d %s, %d %s", one->status, one->detail, two->status,
                     two->detail);
        cr_expect_eq(!one->status + !three->status, 1, "%d %d", one->status, three->status);
        cr_expect_str_eq(ticket_text(&desk, number, "state"), one->status ? "open" : "closed");
    }
    desk_second_close(&second, &desk);
    finish();
}

Test(mail_link, the_key_is_nobodys_to_read)
{
    for (const char *const *role = (const char *const[]){"router", "notifier", "intake", "sla", NULL}; *role;
         role++) {
        _cleanup_(freep) char *sql =
            mem_printf("SELECT has_table_privilege('meridian_%s', 'desk.mail_secret', 'SELECT')", *role);

        cr_expect_str_eq(test_db_text(desk.db, sql), "f", "%s", *role);
    }
    finish();
}
