/* Whom an event tells, and that it tells each exactly once. */
#include "base/clock.h"
#include "metrics/metrics.h"
#include "notifier_sql.h"
#include "rig.h"
#include <criterion/criterion.h>

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
        {"ticket.reopened", "requester-eu-1", "mail agent-eu-1, mail lead-eu-1", "mail lead-eu-1"},
        {"ticket.reopened", "lead-eu-1", "mail agent-eu-1", ""},
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
    rig_expand(&rig, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char owned[16], unowned[16];

        snprintf(owned, sizeof owned, "O-%zu", i);
        snprintf(unowned, sizeof unowned, "U-%zu", i);
        cr_expect_str_eq(rig_told(&rig, owned, cases[i].type), cases[i].owned, "%s by %s, owned",
                         cases[i].type, cases[i].actor);
        cr_expect_str_eq(rig_told(&rig, unowned, cases[i].type), cases[i].unowned, "%s by %s, unowned",
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
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.replied"),
                     "mail agent-eu-1, mail requester-ap-1, mail requester-eu-1");
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.resolved"), "mail requester-ap-1, mail requester-eu-1");
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.pended"), "mail requester-eu-1");
    cr_expect_str_eq(rig_told(&rig, "EU-2", "ticket.merged"), "mail requester-ap-1");
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
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.replied"), "mail agent-eu-1");
    cr_expect_str_eq(rig_told(&rig, "EU-2", "ticket.replied"), "", "nobody owns it any more");
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
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.created"), "");
    cr_expect_str_eq(rig_told(&rig, "EU-1", "sla.breached"), "mail admin",
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
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "escalation.notified"), "mail agent-ap-1, mail agent-us-1");
    cr_expect_str_eq(rig_told(&rig, "EU-2", "escalation.notified"), "mail lead-eu-1");
    cr_expect_str_eq(
        test_db_text(rig.db, "SELECT string_agg(DISTINCT class || ' ' || (payload ->> 'audience') || ' ' "
                             "|| (payload ->> 'target'), ', ') FROM desk.delivery WHERE channel = 'mail'"),
        "0 lead pick_up, 0 oncall pick_up");
    rig_close(&rig);
}

Test(expand, those_on_duty_are_told_by_their_role)
{
    static const struct {
        const char *number, *data, *told;
    } cases[] = {{"EU-1", "{\"role\": \"main\", \"to\": [\"agent-ap-1\"]}", "agent-ap-1 1 oncall"},
                 {"EU-2", "{\"role\": \"backup\", \"to\": [\"agent-us-1\"]}", "agent-us-1 1 backup"},
                 {"EU-3", "{\"role\": \"backup\", \"to\": []}", "lead-eu-1 1 lead"}};
    struct rig rig;

    rig_open(&rig);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        rig_ticket(&rig, cases[i].number, "requester-eu-1", NULL);
        rig_happens(&rig, cases[i].number, "duty.notified", NULL, NULL);
        test_db_runf(
            rig.db,
            "UPDATE desk.outbox SET data = data || '%s' WHERE ticket_id = (SELECT id FROM desk.ticket "
            "WHERE number = '%s')",
            cases[i].data, cases[i].number);
    }
    rig_expand(&rig, 1);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char sql[400];

        snprintf(
            sql, sizeof sql,
            "SELECT concat_ws(' ', u.login, d.class, d.payload ->> 'audience') FROM desk.delivery d JOIN "
            "desk.app_user u ON u.id = d.recipient_id JOIN desk.ticket t ON t.id = d.ticket_id WHERE "
            "d.channel = 'mail' AND t.number = '%s'",
            cases[i].number);
        cr_expect_str_eq(test_db_text(rig.db, sql), cases[i].told);
    }
    rig_close(&rig);
}

/* Times are told in the zone that the organisation says, else in that of the region. */
Test(expand, mails_tell_the_time_of_their_readers)
{
    struct rig rig;

    rig_open(&rig);
    rig_expanders(&rig, 1, 1000000);
    for (int i = 0; i < 2; i++) {
        const char *number = i ? "EU-2" : "EU-1";

        if (i)
            test_db_run(rig.db,
                        "UPDATE desk.app_user SET zone = 'Asia/Tokyo' WHERE login = 'requester-eu-1'");
        rig_ticket(&rig, number, "requester-eu-1", NULL);
        rig_happens(&rig, number, "ticket.created", "requester-eu-1", NULL);
        rig_until(&rig, "SELECT count(*) = 0 FROM desk.outbox");
    }
    cr_expect_str_eq(test_db_text(rig.db,
                                  "SELECT string_agg(d.payload ->> 'zone', ' ' ORDER BY t.number) FROM "
                                  "desk.delivery d JOIN desk.ticket t ON t.id = d.ticket_id WHERE "
                                  "d.channel = 'mail'"),
                     "Europe/Stockholm Asia/Tokyo");
    rig_close(&rig);
}

/* For a minute, so before everything else; the ticket may have gone on. */
Test(expand, an_offer_tells_whom_it_names)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.offered", NULL, NULL);
    test_db_run(rig.db,
                "UPDATE desk.outbox SET data = data - 'priority' || '{\"offered_to\": \"agent-ap-1\", "
                "\"offered_until\": \"2026-01-05T12:00:00.000Z\"}'");
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.outbox WHERE urgent"), 1);
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "ticket.offered"), "mail agent-ap-1");
    cr_expect_str_eq(test_db_text(rig.db, "SELECT concat_ws(' ', class, payload ->> 'audience', "
                                          "desk.rfc3339(desk.at((payload ->> 'until_us')::bigint))) FROM "
                                          "desk.delivery WHERE channel = 'mail'"),
                     "0 offered 2026-01-05T12:00:00.000Z");
    rig_close(&rig);
}

Test(expand, a_handover_tells_who_had_it)
{
    struct rig rig;

    rig_open(&rig);
    rig_ticket(&rig, "EU-1", "requester-eu-1", NULL);
    rig_happens(&rig, "EU-1", "ticket.offered", NULL, NULL);
    test_db_run(rig.db,
                "UPDATE desk.outbox SET data = data || '{\"offered_to\": \"agent-ap-1\", \"offered_until\": "
                "\"2026-01-05T12:00:00.000Z\", \"reason\": \"handover\", \"from_owner\": \"agent-eu-1\"}'");
    rig_expand(&rig, 1);
    cr_expect_str_eq(test_db_text(rig.db, "SELECT concat_ws(' ', class, payload ->> 'audience', payload ->> "
                                          "'former') FROM desk.delivery WHERE channel = 'mail'"),
                     "0 successor agent-eu-1");
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
    rig_expand(&rig, 1);
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
    rig_expand(&rig, 1);
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
    rig_expand(&rig, 1);
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
    rig_expand(&rig, 1);
    cr_expect_str_eq(rig_told(&rig, "EU-1", "sla.breached"), "mail lead-eu-1");
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
    rig_expand(&rig, 1);
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
    rig_expand(&rig, 1);
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
    rig_expand(&rig, 1);
    cr_expect_eq(
        test_db_int(
            rig.db,
            "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook' AND payload::text LIKE '%VPN%'"),
        0);
    cr_expect_eq(test_db_int(rig.db, "SELECT count(*) FROM desk.delivery WHERE channel = 'webhook'"), 1);
    rig_close(&rig);
}
