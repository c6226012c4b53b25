/* Whom the desk serves, at the router: what an organisation writes of requesters, what it is refused for, and
 * what a new ticket knows of its requester. */
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct answer *apply(struct desk *desk, const char *text)
{
    int64_t version = test_db_int(desk->db, "SELECT max(version) FROM desk.organisation");

    return desk_wait(desk, desk_send_organisation(desk, "admin", text, version));
}

#define PEOPLE                                                                                               \
    "\"customers\": {\"acme\": {\"title\": \"Acme Ltd.\", \"tier\": \"strategic\", \"contract\": "           \
    "\"gold\"}, "                                                                                            \
    "\"post\": {\"tier\": \"standard\"}}, \"requesters\": {\"requester-eu-1\": {\"customer\": \"acme\", "    \
    "\"site\": \"上海\", \"zone\": \"Asia/Shanghai\", \"language\": \"zh\"}, \"requester-ap-1\": "         \
    "{\"customer\": \"post\"}}"

/* ---- applying ---- */

static const char *account(struct desk *desk, const char *login)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', coalesce(zone, 'none'), language) FROM desk.app_user WHERE login = '%s'",
             login);
    return test_db_text(desk->db, sql);
}

Test(requesters, zones_and_languages_are_written_to_accounts)
{
    struct desk desk;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "{" PEOPLE "}"), 0);
    cr_expect_str_eq(account(&desk, "requester-eu-1"), "Asia/Shanghai zh");
    cr_expect_str_eq(account(&desk, "requester-ap-1"), "none zh");
    cr_status(apply(&desk, "{\"requesters\": {\"requester-ap-1\": {\"zone\": \"Europe/Berlin\"}}}"), 0);
    cr_expect_str_eq(account(&desk, "requester-eu-1"), "none zh", "languages stay until something is said");
    cr_expect_str_eq(account(&desk, "requester-ap-1"), "Europe/Berlin zh");
    desk_close(&desk);
}

static void refused(struct desk *desk, const char *text, const char *pointer, const char *reason)
{
    struct answer *a = apply(desk, text);
    char expected[512];

    cr_status(a, E_VALIDATION);
    snprintf(expected, sizeof expected, "[{\"pointer\":\"/document%s\",\"detail\":\"%s\"}]", pointer, reason);
    cr_expect_str_eq(member(a, "errors"), expected, "%s", a->json);
    cr_expect_eq(test_db_int(desk->db, "SELECT max(version) FROM desk.organisation"), 1);
}

Test(requesters, must_have_accounts)
{
    struct desk desk;

    desk_open(&desk, 2);
    refused(&desk, "{\"requesters\": {\"nobody\": {}}}", "/requesters/nobody", "has no account");
    test_db_run(desk.db, "UPDATE desk.app_user SET disabled_at = now() WHERE login = 'requester-eu-1'");
    refused(&desk, "{\"requesters\": {\"requester-eu-1\": {}}}", "/requesters/requester-eu-1",
            "has an account that is disabled");
    desk_close(&desk);
}

/* ---- new tickets ---- */

/* A ticket of this requester: what its event tells of them, what agents are shown, its tags. */
static const char *known(struct desk *desk, const char *requester, const char *submitter,
                         const char *attributes)
{
    static char text[400];
    struct draft draft;

    draft_init(&draft, desk);
    draft.message.attributes = (char *)attributes;
    snprintf(draft.requester, sizeof draft.requester, "%s", who(requester)->user_id);
    snprintf(draft.submitter, sizeof draft.submitter, "%s", who(submitter)->user_id);
    cr_status(desk_submit(desk, (struct draft *[]){&draft}, 1), 0);
    snprintf(
        text, sizeof text, "%s",
        ticket_text(desk, draft.number,
                    "SELECT concat_ws(' ', e.data ->> 'customer', e.data ->> 'customer_tier', e.data ->> "
                    "'contract', e.data ->> 'site', e.data ->> 'zone', '|', t.customer ->> 'name', "
                    "t.customer ->> 'title', t.customer ->> 'tier', t.site, '|', t.tags) FROM "
                    "desk.event e WHERE e.ticket_id = t.id AND e.seq = 1"));
    return text;
}

Test(requesters, what_the_organisation_says_of_them_goes_into_the_ticket)
{
    static const char said[] =
        "{\"customer_tier\": \"standard\", \"contract\": \"none\", \"site\": \"Lund\", "
        "\"zone\": \"UTC\", \"customer\": \"other\"}";
    struct desk desk;

    desk_open(&desk, 2);
    cr_status(apply(&desk, "{" PEOPLE ", \"rules\": [{\"name\": \"strategic\", \"when\": {\"customer_tier\": "
                           "\"strategic\", \"customer\": \"acme\", \"zone\": \"Asia/Shanghai\"}, \"tags\": "
                           "[\"vip\"]}]}"),
              0);
    cr_expect_str_eq(known(&desk, "requester-eu-1", "requester-eu-1", NULL),
                     "acme strategic gold 上海 Asia/Shanghai | acme Acme Ltd. strategic 上海 | {vip}");
    cr_expect_str_eq(known(&desk, "requester-eu-1", "agent-eu-1", said),
                     "acme strategic gold 上海 Asia/Shanghai | acme Acme Ltd. strategic 上海 | {vip}",
                     "the organisation counts first");
    cr_expect_str_eq(known(&desk, "requester-ap-1", "agent-eu-1", said),
                     "post standard none Lund | post standard Lund | {}", "an agent says what it does not");
    cr_expect_str_eq(known(&desk, "lead-eu-1", "agent-eu-1", said),
                     "standard none Lund | standard Lund | {}");
    cr_expect_str_eq(known(&desk, "requester-ap-1", "requester-ap-1", said),
                     "post standard | post standard | {}", "nobody promises themselves more");
    cr_status(apply(&desk, "{}"), 0);
    cr_expect_str_eq(known(&desk, "requester-eu-1", "requester-eu-1", said), "| | {}");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket WHERE customer ->> 'name' = 'acme'"),
                 2, "those that are there keep what they knew");
    desk_check(&desk);
    desk_close(&desk);
}

Test(requesters, their_site_contract_and_zone_choose_the_calendar)
{
    struct desk desk;
    struct draft draft;

    desk_open(&desk, 2);
    desk_plan(&desk,
              "{\"attach\": {\"zone\": {\"Asia/Shanghai\": \"shanghai\"}}, \"calendars\": {\"shanghai\": "
              "{\"zone\": \"Asia/Shanghai\", \"weekly\": {\"mon\": [[\"09:00\", \"18:00\"]]}}}, "
              "\"policies\": [{\"name\": \"all\", \"when\": {}, \"targets\": {\"first_response\": "
              "{\"amount\": \"1h\"}, \"resolve\": {\"amount\": "
              "\"1h\"}}}]}");
    cr_status(apply(&desk, "{" PEOPLE "}"), 0);
    draft_init(&draft, &desk);
    cr_status(desk_submit(&desk, (struct draft *[]){&draft}, 1), 0);
    cr_expect_str_eq(
        ticket_text(&desk, draft.number,
                    "SELECT to_char(due_at AT TIME ZONE 'Asia/Shanghai', 'Dy') FROM desk.clock c "
                    "WHERE c.ticket_id = t.id AND c.target = 'resolve'"),
        "Mon");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.clock WHERE (due_at AT TIME ZONE "
                                      "'Asia/Shanghai')::time BETWEEN '09:00' AND '18:00'"),
                 2);
    desk_check(&desk);
    desk_close(&desk);
}
