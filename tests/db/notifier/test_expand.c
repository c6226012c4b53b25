/* Whom an event tells, and that it tells each exactly once. */
#include "base/clock.h"
#include "metrics/metrics.h"
#include "notifier_sql.h"
#include "rig.h"
#include <criterion/criterion.h>

/* The expander alone: nothing is sent. */
static void open_pool(struct rig *rig, int i)
{
    static const struct db_statement *const *const lists[] = {sql_notifier_all, NULL};

    rig->home[i].pool = test_db_pool(rig->db, &rig->loop, "meridian_notifier", lists, 1);
}

static void ignore(void *ctx, bool urgent)
{
    (void)ctx;
    (void)urgent;
}

static void start(struct rig *rig, int n, int64_t rate)
{
    for (int i = 0; i < n; i++) {
        open_pool(rig, i);
        const struct expander_options options = {.loop = &rig->loop,
                                                 .pool = rig->home[i].pool,
                                                 .rate = rate,
                                                 .home_region = "eu",
                                                 .on_made = ignore};

        rig->home[i].expander = expander_open(&options);
    }
}

static void expand(struct rig *rig, int n)
{
    start(rig, n, 1000000);
    rig_until(rig, "SELECT count(*) = 0 FROM desk.outbox");
}

/* The mails of one event, "mail agent-eu-1, mail lead-eu-1". */
static const char *told(struct rig *rig, const char *number, const char *type)
{
    char query[512];

    snprintf(query, sizeof query,
             "SELECT coalesce(string_agg('mail ' || split_part(destination, '@', 1), ', ' ORDER BY "
             "destination), '')"
             " FROM desk.delivery d JOIN desk.ticket t ON t.id = d.ticket_id"
             " WHERE d.channel = 'mail' AND t.number = '%s' AND d.type = '%s'",
             number, type);
    return test_db_text(rig->db, query);
}

Test(expand, whom_each_event_tells)
{
    static const struct {
        const char *type, *actor, *owned, *unowned;
    } cases[] = {
        {"ticket.created", "requester-eu-1", "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.replied", "agent-eu-1", "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.replied", "requester-eu-1", "mail agent-eu-1", ""},
        {"ticket.resolved", "agent-eu-1", "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.pended", "agent-eu-1", "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.reopened", "requester-eu-1", "mail lead-eu-1", "mail lead-eu-1"},
        {"ticket.reopened", "lead-eu-1", "", ""},
        {"ticket.nudged", "requester-eu-1", "mail agent-eu-1", "mail lead-eu-1"},
        {"ticket.closed", NULL, "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.closed", "requester-eu-1", "", ""},
        {"ticket.reminded", NULL, "mail requester-eu-1", "mail requester-eu-1"},
        {"ticket.claimed", "agent-eu-1", "", ""},
        {"ticket.released", "agent-eu-1", "", ""},
        {"ticket.transferred", "agent-eu-1", "", ""},
        {"ticket.noted", "agent-eu-1", "", ""},
        {"ticket.resumed", NULL, "", ""},
        {"ticket.confirmed", "requester-eu-1", "", ""},
        {"ticket.cancelled", "requester-eu-1", "", ""},
        {"sla.warned", NULL, "mail agent-eu-1", "mail lead-eu-1"},
        {"sla.breached", NULL, "mail agent-eu-1, mail lead-eu-1", "mail lead-eu-1"},
    };
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char owned[16], unowned[16];

        snprintf(owned, sizeof owned, "O-%zu", i);
        snprintf(unowned, sizeof unowned, "U-%zu", i);
        rig_ticket(&rig, owned, "requester-eu-1", "agent-eu-1");
        rig_ticket(&rig, unowned, "requester-eu-1", NULL);
        rig_happens(&rig, owned, cases[i].type, cases[i].actor, "text");
        rig_happens(&rig, unowned, cases[i].type, cases[i].actor, "text");
    }
    expand(&rig, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char owned[16], unowned[16];

        snprintf(owned, sizeof owned, "O-%zu", i);
        snprintf(unowned, sizeof unowned, "U-%zu", i);
        cr_expect_str_eq(told(&rig, owned, cases[i].type), cases[i].owned, "%s by %s, owned", cases[i].type,
                         cases[i].actor);
        cr_expect_str_eq(told(&rig, unowned, cases[i].type), cases[i].unowned, "%s by %s, unowned",
                         cases[i].type, cases[i].actor);
    }
    rig_close(&rig);
}

/* Who asked for what went up in a ticket is told of it under their own number, once, and nothing of the
 * others. */
Test(expand, whoever_asked_for_a_merged_ticket_is_told_under_their_number)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_ticket(&rig, "EU-2", "requester-ap-1", NULL);
    rig_ticket(&rig, "EU-3", "requester-eu-1", NULL);
    test_db_run(rig.db, "INSERT INTO desk.merge SELECT s.id, r.id, r.id, true, now(), r.requester_id FROM "
                        "desk.ticket s, desk.ticket r "
                        "WHERE r.number = 'EU-1' AND s.number IN ('EU-2', 'EU-3')");
    rig_happens(&rig, "EU-1", "ticket.replied", "agent-eu-1", "for all");
    rig_happens(&rig, "EU-1", "ticket.replied", "requester-eu-1", "between us");
    rig_happens(&rig, "EU-1", "ticket.resolved", "agent-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.pended", "agent-eu-1", NULL);
    rig_happens(&rig, "EU-2", "ticket.merged", "agent-eu-1", NULL);
    expand(&rig, 1);
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.replied"),
                     "mail agent-eu-1, mail requester-ap-1, mail requester-eu-1");
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.resolved"), "mail requester-ap-1, mail requester-eu-1");
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.pended"), "mail requester-eu-1");
    cr_expect_str_eq(told(&rig, "EU-2", "ticket.merged"), "mail requester-ap-1");
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(DISTINCT payload ->> 'number', ',') FROM desk.delivery WHERE "
                             "destination LIKE 'requester-ap-1@%'"),
        "EU-2");
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(DISTINCT payload ->> 'number', ',') FROM desk.delivery WHERE "
                             "destination LIKE 'requester-eu-1@%'"),
        "EU-1");
    rig_close(&rig);
}

/* What somebody says by the number of a merged ticket is on the root's thread by reference. */
Test(expand, the_owner_reads_what_was_said_by_the_old_number)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_ticket(&rig, "EU-2", "requester-ap-1", NULL);
    rig_happens(&rig, "EU-2", "ticket.replied", "requester-ap-1", "what now?");
    rig_happens(&rig, "EU-1", "ticket.replied", "requester-ap-1", "");
    test_db_run(
        rig.db,
        "DELETE FROM desk.reply WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = 'EU-1')");
    test_db_run(rig.db, "UPDATE desk.outbox SET data = data || jsonb_build_object('by', 'requester', "
                        "'reply_of', s.id, 'reply_seq', "
                        "(SELECT max(event_seq) FROM desk.reply)) FROM desk.ticket t, desk.ticket s "
                        "WHERE t.id = ticket_id AND t.number = 'EU-1' AND s.number = 'EU-2'");
    expand(&rig, 1);
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.replied"), "mail agent-eu-1");
    cr_expect_str_eq(told(&rig, "EU-2", "ticket.replied"), "", "nobody owns it any more");
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT payload ->> 'text' FROM desk.delivery WHERE channel = 'mail'"),
        "what now?");
    rig_close(&rig);
}

Test(expand, who_cannot_be_told_and_who_steps_in)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db,
                "UPDATE desk.app_user SET disabled_at = now() WHERE login IN ('agent-eu-1', 'lead-eu-1')");
    test_db_run(rig.db, "UPDATE desk.app_user SET email = '' WHERE login = 'requester-eu-1'");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "sla.breached", NULL, NULL);
    expand(&rig, 1);
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.created"), "");
    cr_expect_str_eq(told(&rig, "EU-1", "sla.breached"), "mail admin",
                     "a team without leads falls to the admins");
    rig_close(&rig);
}

/* An escalation says itself whom it tells; its outbox row is urgent, whatever the priority. */
Test(expand, an_escalation_tells_whom_it_names_or_the_leads)
{
    static const char *const to[] = {"[\"agent-ap-1\", \"agent-us-1\", \"nobody\"]", "[]"};
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
        const char *number = i ? "EU-2" : "EU-1";

        rig_ticket(&rig, number, "requester-eu-1", "agent-eu-1");
        rig_happens(&rig, number, "escalation.notified", NULL, NULL);
        test_db_runf(
            rig.db,
            "UPDATE desk.outbox SET data = data - 'priority' || '{\"to\": %s, \"target\": \"pick_up\"}' "
            "WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%s')",
            to[i], number);
    }
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox WHERE urgent"), 2);
    expand(&rig, 1);
    cr_expect_str_eq(told(&rig, "EU-1", "escalation.notified"), "mail agent-ap-1, mail agent-us-1");
    cr_expect_str_eq(told(&rig, "EU-2", "escalation.notified"), "mail lead-eu-1");
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(DISTINCT class || ' ' || (payload ->> 'audience') || ' ' "
                             "|| (payload ->> 'target'), ', ') FROM desk.delivery WHERE channel = 'mail'"),
        "0 lead pick_up, 0 oncall pick_up");
    rig_close(&rig);
}

/* Those two who did not do it, by the event: the ticket may have gone on. */
Test(expand, a_change_of_hands_tells_both_sides)
{
    static const struct {
        const char *number, *type, *actor, *data, *told;
    } cases[] = {
        {"EU-1", "ticket.taken_over", "agent-ap-1",
         "{\"owner\": \"agent-ap-1\", \"from_owner\": \"agent-us-1\"}", "0 agent-us-1 former"},
        {"EU-2", "ticket.assigned", "lead-eu-1",
         "{\"owner\": \"agent-ap-1\", \"from_owner\": \"agent-us-1\"}",
         "1 agent-ap-1 owner, 1 agent-us-1 former"},
        {"EU-3", "ticket.assigned", "agent-us-1",
         "{\"owner\": \"agent-ap-1\", \"from_owner\": \"agent-us-1\"}", "1 agent-ap-1 owner"},
        {"EU-4", "ticket.assigned", "lead-eu-1", "{\"owner\": \"agent-ap-1\"}", "1 agent-ap-1 owner"},
        {"EU-5", "ticket.assigned", "lead-eu-1", "{\"owner\": \"lead-eu-1\"}", ""},
    };
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        rig_ticket(&rig, cases[i].number, "requester-eu-1", "agent-eu-1");
        rig_happens(&rig, cases[i].number, cases[i].type, cases[i].actor, NULL);
        test_db_runf(rig.db,
                     "UPDATE desk.outbox SET data = data || '%s' "
                     "WHERE ticket_id = (SELECT id FROM desk.ticket WHERE number = '%s')",
                     cases[i].data, cases[i].number);
    }
    expand(&rig, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char query[400];

        snprintf(
            query, sizeof query,
            "SELECT coalesce(string_agg(concat_ws(' ', class, split_part(destination, '@', 1), payload ->> "
            "'audience'), ', ' ORDER BY destination), '') FROM desk.delivery d JOIN desk.ticket t ON t.id = "
            "d.ticket_id WHERE t.number = '%s'",
            cases[i].number);
        cr_expect_str_eq(test_db_text(rig.db, query), cases[i].told, "%s", cases[i].number);
    }
    rig_close(&rig);
}

Test(expand, a_reminder_says_why_and_until_when_it_waits)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db, "UPDATE desk.ticket SET state = 'pending', pending_reason = 'a spare part', "
                        "pending_until = '2026-03-27T15:00:00Z'");
    rig_happens(&rig, "EU-1", "ticket.reminded", NULL, NULL);
    expand(&rig, 1);
    cr_expect_str_eq(test_db_text(rig.db,
                                  "SELECT concat_ws(' ', class, payload ->> 'type', payload ->> 'reason',"
                                  " payload ->> 'until_us') FROM desk.delivery"),
                     "1 ticket.reminded a spare part 1774623600000000");
    rig_close(&rig);
}

/* Only of a P1, and only of a late update, is the requester told that a target was missed; as progress. */
Test(expand, the_requester_of_a_p1_is_told_that_an_update_is_overdue)
{
    static const struct {
        int priority;
        const char *target, *told;
    } cases[] = {
        {1, "update",
         "agent-eu-1 owner sla.breached, lead-eu-1 lead sla.breached, requester-eu-1 requester "
         "ticket.progress"},
        {1, "resolve", "agent-eu-1 owner sla.breached, lead-eu-1 lead sla.breached"},
        {2, "update", "agent-eu-1 owner sla.breached, lead-eu-1 lead sla.breached"},
    };
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char number[16];

        snprintf(number, sizeof number, "EU-%zu", i);
        rig_ticket(&rig, number, "requester-eu-1", "agent-eu-1");
        test_db_runf(rig.db, "UPDATE desk.ticket SET priority = %d WHERE number = '%s'", cases[i].priority,
                     number);
        rig_happens(&rig, number, "sla.breached", NULL, NULL);
        test_db_runf(rig.db,
                     "UPDATE desk.outbox SET data = data || '{\"target\": \"%s\"}' WHERE ticket_id = "
                     "(SELECT id FROM desk.ticket WHERE number = '%s')",
                     cases[i].target, number);
    }
    expand(&rig, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char query[512];

        snprintf(query, sizeof query,
                 "SELECT string_agg(concat_ws(' ', split_part(destination, '@', 1), payload ->> 'audience', "
                 "payload ->> 'type'), ', ' ORDER BY destination) FROM desk.delivery d JOIN desk.ticket t "
                 "ON t.id = d.ticket_id WHERE t.number = 'EU-%zu' AND class = 0",
                 i);
        cr_expect_str_eq(test_db_text(rig.db, query), cases[i].told);
    }
    rig_close(&rig);
}

Test(expand, one_reader_with_two_reasons_gets_one_mail)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "lead-eu-1");
    rig_happens(&rig, "EU-1", "sla.breached", NULL, NULL);
    expand(&rig, 1);
    cr_expect_str_eq(told(&rig, "EU-1", "sla.breached"), "mail lead-eu-1");
    cr_expect_str_eq(test_db_text(rig.db, "SELECT payload ->> 'audience' FROM desk.delivery"), "owner");
    rig_close(&rig);
}

Test(expand, class_region_language_and_zone)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-ap-1", "agent-us-1");
    rig_ticket(&rig, "EU-2", "requester-eu-1", NULL);
    test_db_run(rig.db, "UPDATE desk.ticket SET priority = 1 WHERE number = 'EU-2'");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-ap-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.replied", "agent-us-1", "您好");
    rig_happens(&rig, "EU-1", "sla.warned", NULL, NULL);
    rig_happens(&rig, "EU-2", "ticket.created", "requester-eu-1", NULL);
    expand(&rig, 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE (type = 'ticket.created' AND "
                                     "class = 2 AND region = 'ap')"
                                     " OR (type = 'ticket.replied' AND class = 1 AND region = 'ap')"
                                     " OR (type = 'sla.warned' AND class = 0 AND region = 'us')"
                                     " OR (type = 'ticket.created' AND class = 0 AND region = 'eu')"),
                 4);
    cr_expect_str_eq(
        test_db_text(rig.db,
                     "SELECT concat_ws(' ', payload ->> 'language', payload ->> 'zone', payload ->> 'team',"
                     " payload ->> 'text') FROM desk.delivery WHERE type = 'ticket.replied'"),
        "zh Asia/Shanghai 服务台 您好");
    rig_close(&rig);
}

Test(expand, webhooks_get_what_they_want_and_never_a_text)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "all", "{}");
    rig_endpoint(&rig, "claims", "{ticket.claimed,ticket.released}");
    rig_endpoint(&rig, "off", "{}");
    test_db_run(rig.db, "UPDATE desk.webhook_endpoint SET disabled_at = now() WHERE name = 'off'");
    test_db_run(rig.db, "UPDATE desk.webhook_endpoint SET region = 'us' WHERE name = 'claims'");
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_happens(&rig, "EU-1", "ticket.claimed", "agent-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.noted", "agent-eu-1", "the secret of the note");
    rig_happens(&rig, "EU-1", "ticket.replied", "agent-eu-1", "the text of the reply");
    expand(&rig, 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook'"), 4);
    cr_expect_eq(
        test_db_int(
            rig.db,
            "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook' AND destination LIKE '%/claims'"
            " AND type = 'ticket.claimed' AND region = 'us'"),
        1);
    cr_expect_eq(
        test_db_int(rig.db,
                    "SELECT count(*) FROM desk.delivery WHERE payload::text LIKE '%secret of the note%'"),
        0);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook' AND "
                                     "payload::text LIKE '%text of%'"),
                 0);
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE payload::text LIKE '%whsec_%'"), 0,
        "the secret is not in the ledger");
    cr_expect_str_eq(
        test_db_text(
            rig.db,
            "SELECT concat_ws(' ', payload ->> 'specversion', payload ->> 'type', payload ->> 'source',"
            " payload ->> 'subject', payload #>> '{data,number}', payload #>> '{data,owner}',"
            " payload #>> '{data,subject}', payload ->> 'datacontenttype')"
            " FROM desk.delivery WHERE destination LIKE '%/claims'"),
        "1.0 org.meridian.ticket.claimed.v1 /regions/eu EU-1 EU-1 agent-eu-1 VPN is slow application/json");
    rig_close(&rig);
}

Test(expand, a_restricted_ticket_keeps_its_subject)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "all", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    test_db_run(rig.db, "UPDATE desk.ticket SET restricted = true, team_id = 6");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    expand(&rig, 1);
    cr_expect_eq(
        test_db_int(
            rig.db,
            "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook' AND payload::text LIKE '%VPN%'"),
        0);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook'"), 1);
    rig_close(&rig);
}

Test(expand, two_at_once_make_each_delivery_exactly_once)
{
    struct rig rig;

    rig_open(&rig);
    rig_endpoint(&rig, "all", "{}");
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(
        rig.db,
        "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT i, id, 1, 'ticket.resolved'"
        " FROM desk.ticket, generate_series(1, 3000) i");
    expand(&rig, 2);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 6000);
    cr_expect_eq(
        test_db_int(rig.db, "SELECT count(DISTINCT (position, channel, destination)) FROM desk.delivery"),
        6000);
    rig_close(&rig);
}

/* A P1 and a breach at the end of a long line do not wait for it. */
Test(expand, urgent_events_come_first)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, "
                "'ticket.resolved', '{\"priority\": 3}' FROM desk.ticket, generate_series(1, 500) i");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT 501, id, 1, "
                "'ticket.created', '{\"priority\": 1}' FROM desk.ticket");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 502, id, 1, "
                        "'sla.breached' FROM desk.ticket");
    start(&rig, 1, 10); /* then ten seconds until the next batch */
    rig_until(&rig, "SELECT count(*) < 502 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox WHERE urgent"), 0);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 402, "and the rate is kept");
    cr_expect_gt(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE position = 502"), 0);
    rig_close(&rig);
}

Test(expand, urgent_events_do_not_wait_for_the_rate)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    test_db_run(rig.db,
                "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, "
                "'ticket.resolved', '{\"priority\": 3}' FROM desk.ticket, generate_series(1, 500) i");
    start(&rig, 1, 1); /* then a hundred seconds until the next batch */
    rig_until(&rig, "SELECT count(*) = 400 FROM desk.outbox");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type) SELECT 501, id, 1, "
                        "'sla.breached' FROM desk.ticket");
    rig_until(&rig, "SELECT count(*) > 0 FROM desk.delivery WHERE position = 501");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 400, "and the rate is kept");
    rig_close(&rig);
}

/* `n` events of EU-1, as positions from `first`. */
static void many_events(struct rig *rig, int first, int n, const char *type)
{
    test_db_runf(rig->db,
                 "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT i, id, 1, '%s',"
                 " '{\"priority\": 3}' FROM desk.ticket, generate_series(%d, %d) i",
                 type, first, first + n - 1);
}

/* At the rate of one ordinary event a second, each batch of urgent ones that counted would cost a second's
 * rest, and ordinary ones would have theirs after a hundred. */
Test(expand, urgent_events_do_not_use_up_the_rate)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 5000, "sla.breached");
    start(&rig, 1, 1);
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    many_events(&rig, 5001, 1, "ticket.resolved");
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    rig_close(&rig);
}

static void wake(uv_timer_t *timer)
{
    expander_wake(timer->data);
}

/* Hints come faster than looks while ordinary events have to wait for the rate. */
Test(expand, hints_do_not_put_off_urgent_events)
{
    struct rig rig;
    uv_timer_t hints;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 200, "ticket.resolved");
    start(&rig, 1, 1);
    rig_until(&rig, "SELECT count(*) = 100 FROM desk.outbox");
    uv_timer_init(&rig.loop, &hints);
    hints.data = rig.home[0].expander;
    uv_timer_start(&hints, wake, 1, 5);
    many_events(&rig, 201, 1, "sla.breached");
    rig_until(&rig, "SELECT count(*) > 0 FROM desk.delivery WHERE position = 201");
    uv_close((uv_handle_t *)&hints, NULL);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 100, "and the rate is kept");
    rig_close(&rig);
}

static double age(void)
{
    return metric_read(metric_gauge("meridian_notifier_outbox_age_seconds", "the expander's", NULL), NULL);
}

static bool is_old(void *arg)
{
    (void)arg;
    return age() >= 3600;
}

static bool is_growing(void *arg)
{
    (void)arg;
    return age() > 1;
}

static bool is_done(void *arg)
{
    (void)arg;
    return age() == 0;
}

Test(expand, the_age_of_what_waits_is_a_gauge)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 101, "ticket.resolved");
    test_db_run(rig.db, "UPDATE desk.outbox SET created_at = now() - interval '1 hour' WHERE position = 101");
    start(&rig, 1, 1); /* a hundred seconds until the last one */
    test_loop_until(&rig.loop, is_old, NULL, 20000);
    many_events(&rig, 102, 1, "sla.breached");
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.outbox");
    cr_expect_geq(age(), 3600, "also after a batch of urgent ones alone");
    test_db_run(rig.db, "DELETE FROM desk.outbox");
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    rig_close(&rig);
}

Test(expand, the_age_of_what_waits_grows_while_nobody_can_look)
{
    struct rig rig;

    rig_open(&rig);
    start(&rig, 1, 1000);
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    test_db_run(rig.db, "ALTER TABLE desk.outbox RENAME TO outbox_away");
    test_loop_until(&rig.loop, is_growing, NULL, 20000);
    test_db_run(rig.db, "ALTER TABLE desk.outbox_away RENAME TO outbox");
    test_loop_until(&rig.loop, is_done, NULL, 20000);
    rig_close(&rig);
}

Test(expand, the_same_event_again_changes_nothing)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    test_db_run(rig.db, "CREATE TABLE public.again AS SELECT * FROM desk.outbox");
    expand(&rig, 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 1);
    test_db_run(rig.db, "UPDATE desk.delivery SET state = 'delivered', next_at = NULL");
    test_db_run(rig.db, "INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT "
                        "position, ticket_id, event_seq,"
                        " type, data FROM public.again");
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE state = 'delivered'"), 1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 1);
    rig_close(&rig);
}

Test(expand, rows_that_another_holds_are_left_to_it)
{
    struct rig rig;
    PGconn *holder;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.resolved", "agent-eu-1", NULL);
    holder = PQconnectdb(test_db_conninfo(rig.db, NULL));
    PQclear(PQexec(holder, "BEGIN; SELECT * FROM desk.outbox ORDER BY id LIMIT 1 FOR UPDATE"));
    open_pool(&rig, 0);
    const struct expander_options options = {
        .loop = &rig.loop, .pool = rig.home[0].pool, .rate = 1000, .home_region = "eu", .on_made = ignore};

    rig.home[0].expander = expander_open(&options);
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.delivery");
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.resolved"), "mail requester-eu-1");
    PQclear(PQexec(holder, "ROLLBACK"));
    PQfinish(holder);
    rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 2);
    rig_close(&rig);
}

Test(expand, the_role_cannot_read_notes_or_change_the_outbox)
{
    struct rig rig;

    rig_open(&rig);
    cr_expect_str_eq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "SELECT * FROM desk.note", NULL), "42501");
    cr_expect_str_eq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "UPDATE desk.outbox SET type = 'x'", NULL),
        "42501");
    cr_expect_str_neq(
        test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL, "UPDATE desk.outbox SET id = 1", NULL),
        "");
    cr_expect_str_eq(test_db_try(rig.db, "meridian_notifier", NULL, NULL, NULL,
                                 "UPDATE desk.ticket SET subject = 'x'", NULL),
                     "42501");
    rig_close(&rig);
}

Test(expand, an_event_that_cannot_be_expanded_is_a_dead_letter_and_holds_up_nobody)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    rig_happens(&rig, "EU-1", "ticket.created", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "sla.warned", NULL, NULL);
    test_db_run(rig.db, "UPDATE desk.outbox SET data = '{\"due_at\": \"never\"}' WHERE type = 'sla.warned'");
    rig_happens(&rig, "EU-1", "ticket.resolved", "agent-eu-1", NULL);
    expand(&rig, 2);
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.created"), "mail requester-eu-1");
    cr_expect_str_eq(told(&rig, "EU-1", "ticket.resolved"), "mail requester-eu-1");
    cr_expect_eq(
        test_db_int(rig.db,
                    "SELECT count(*) FROM desk.delivery WHERE type = 'sla.warned' AND state = 'dead'"
                    " AND destination = '(everybody)' AND last_error LIKE '%could not be expanded%never%'"),
        1);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery"), 3);
    rig_close(&rig);
}

/* Behind more ordinary ones than a batch has: it is looked for where the batch found it. */
Test(expand, an_urgent_event_that_cannot_be_expanded_is_found_before_ordinary_ones)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", "agent-eu-1");
    many_events(&rig, 1, 300, "ticket.resolved");
    many_events(&rig, 301, 1, "sla.warned");
    test_db_run(rig.db, "UPDATE desk.outbox SET data = '{\"due_at\": \"never\"}' WHERE position = 301");
    start(&rig, 1, 1); /* a hundred seconds after each batch of ordinary ones */
    rig_until(&rig, "SELECT count(*) = 1 FROM desk.delivery WHERE position = 301 AND state = 'dead'");
    rig_until(&rig, "SELECT count(*) <= 201 FROM desk.outbox");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox"), 201, "and the rate is kept");
    rig_close(&rig);
}
