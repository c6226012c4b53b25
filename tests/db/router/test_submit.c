/* Submissions: each key makes one ticket, whatever is delivered how often, in which order and by whom. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

#define COMMITTED MERIDIAN__SUBMITTED__OUTCOME__COMMITTED
#define DUPLICATE MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE
#define CONFLICT  MERIDIAN__SUBMITTED__OUTCOME__CONFLICT
#define REJECTED  MERIDIAN__SUBMITTED__OUTCOME__REJECTED

static void expect(const struct answer *answer, size_t i, Meridian__Submitted__Outcome outcome,
                   const char *number)
{
    cr_assert_lt(i, answer->reply->n_submitted);
    cr_expect_eq(answer->reply->submitted[i]->outcome, outcome, "record %zu: outcome %d, %s", i,
                 answer->reply->submitted[i]->outcome, answer->reply->submitted[i]->detail);
    cr_expect_str_eq(answer->reply->submitted[i]->number, number);
}

static int64_t tickets(struct desk *desk)
{
    return test_db_int(desk->db, "SELECT count(*) FROM desk.ticket");
}

Test(submit, stores_everything)
{
    struct desk desk;
    struct draft d;
    struct answer *a;

    desk_open(&desk, 2);
    draft_init(&d, &desk);
    d.message.service = (char *)"network";
    d.message.has_impact = d.message.has_urgency = true;
    d.message.impact = 1;
    d.message.urgency = 2;
    d.message.language = (char *)"zh";
    d.message.channel = (char *)"portal";
    d.message.attributes = (char *)"{\"asset\":\"A-1\",\"quote\":\"a \\\"b\\\" \\\\ c\"}";
    d.message.trace_id = (char *)"0123456789abcdef0123456789abcdef";
    cr_status(a = desk_submit(&desk, &(struct draft *){&d}, 1), 0);
    expect(a, 0, COMMITTED, d.number);
    cr_expect_gt(a->reply->lsn, 0);
    cr_expect(!a->reply->has_replicated_lsn, "there is no second region");
    cr_expect_str_eq(ticket_text(&desk, d.number, "state"), "new");
    cr_expect_str_eq(ticket_text(&desk, d.number, "subject"), d.message.subject);
    cr_expect_str_eq(ticket_text(&desk, d.number, "description"), d.message.description);
    cr_expect_str_eq(ticket_text(&desk, d.number, "priority"), "2");
    cr_expect_str_eq(ticket_text(&desk, d.number, "team_id"), "4");
    cr_expect_str_eq(ticket_text(&desk, d.number, "channel"), "portal");
    cr_expect_str_eq(ticket_text(&desk, d.number, "language"), "zh");
    cr_expect_str_eq(ticket_text(&desk, d.number, "attributes->>'quote'"), "a \"b\" \\ c");
    cr_expect_str_eq(ticket_text(&desk, d.number, "client_key"), d.client_key);
    cr_expect_str_eq(
        ticket_text(&desk, d.number, "SELECT trace_id FROM desk.outbox o WHERE o.ticket_id = t.id"),
        d.message.trace_id);
    cr_expect_str_eq(
        ticket_text(
            &desk, d.number,
            "SELECT count(*) FROM desk.clock c WHERE c.ticket_id = t.id AND c.started_at = "
            "date_trunc('milliseconds', t.accepted_at)"
            " AND c.fire_at = c.warn_at AND c.due_at = c.started_at + c.target_s * interval '1 second'"),
        "2");
    cr_expect_str_eq(ticket_text(&desk, d.number,
                                 "SELECT e.data->>'requester' FROM desk.event e WHERE e.ticket_id = t.id"),
                     "requester-eu-1");
    desk_check(&desk);
    desk_close(&desk);
}

Test(submit, defaults)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 1);
    number = desk_ticket_of(&desk, "no team of this name", 0, 0);
    cr_expect_str_eq(ticket_text(&desk, number, "team_id"), "1");
    cr_expect_str_eq(ticket_text(&desk, number, "service"), "no team of this name");
    cr_expect_str_eq(ticket_text(&desk, number, "priority"), "3");
    cr_expect_str_eq(ticket_text(&desk, number, "impact * 10 + urgency"), "22");
    cr_expect_str_eq(ticket_text(&desk, number, "attributes"), "{}");
    cr_expect_str_eq(ticket_text(&desk, desk_ticket_of(&desk, "security", 0, 0), "restricted"), "true");
    desk_close(&desk);
}

Test(submit, clocks_start_when_accepted_but_never_in_the_future)
{
    struct desk desk;
    struct draft early, late, *both[] = {&early, &late};

    desk_open(&desk, 1);
    draft_init(&early, &desk);
    draft_init(&late, &desk);
    early.message.accepted_us -= 8 * 3600 * US_PER_S;
    late.message.accepted_us += 300 * US_PER_S; /* a clock that runs fast */
    cr_status(desk_submit(&desk, both, 2), 0);
    cr_expect_str_eq(ticket_text(&desk, early.number,
                                 "SELECT count(*) FROM desk.clock c WHERE c.ticket_id = t.id AND "
                                 "c.started_at = date_trunc('milliseconds', t.accepted_at)"),
                     "2");
    cr_expect_str_eq(
        ticket_text(
            &desk, late.number,
            "SELECT count(*) FROM desk.clock c WHERE c.ticket_id = t.id AND c.started_at = t.created_at"),
        "2");
    desk_check(&desk);
    desk_close(&desk);
}

Test(submit, delivered_again_is_committed_again)
{
    struct desk desk;
    struct draft d;
    struct answer *first, *again;

    desk_open(&desk, 2);
    draft_init(&d, &desk);
    first = desk_submit(&desk, &(struct draft *){&d}, 1);
    again = desk_submit(&desk, &(struct draft *){&d}, 1);
    expect(again, 0, COMMITTED, d.number);
    cr_expect_geq(again->reply->lsn, first->reply->lsn, "so that intake waits for the first commit");
    cr_expect_eq(tickets(&desk), 1);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket_alias"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(submit, a_second_number_is_an_alias_for_ever)
{
    struct desk desk;
    struct draft d, twin;
    struct answer *a;

    desk_open(&desk, 2);
    draft_init(&d, &desk);
    draft_again(&twin, &d, &desk);
    twin.message.region = (char *)"ap";
    twin.message.accepted_us += 1000;
    desk_submit(&desk, &(struct draft *){&d}, 1);
    for (int i = 0; i < 2; i++) {
        a = desk_submit(&desk, &(struct draft *){&twin}, 1);
        expect(a, 0, DUPLICATE, d.number);
        cr_expect_str_eq(a->reply->submitted[0]->region, d.message.region);
        cr_expect_eq(a->reply->submitted[0]->accepted_us, d.message.accepted_us);
    }
    cr_expect_eq(tickets(&desk), 1);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_CLAIM, twin.number, -1), 0);
    cr_expect_str_eq(member(a, "number"), d.number, "the alias leads to the ticket");
    desk_check(&desk);
    desk_close(&desk);
}

Test(submit, twins_in_one_batch)
{
    struct desk desk;
    struct draft d, twin, other, *batch[] = {&d, &other, &twin, &d};
    struct answer *a;

    desk_open(&desk, 2);
    draft_init(&d, &desk);
    draft_init(&other, &desk);
    draft_again(&twin, &d, &desk);
    cr_status(a = desk_submit(&desk, batch, 4), 0);
    expect(a, 0, COMMITTED, d.number);
    expect(a, 1, COMMITTED, other.number);
    expect(a, 2, DUPLICATE, d.number);
    expect(a, 3, COMMITTED, d.number);
    cr_expect_eq(tickets(&desk), 2);
    desk_check(&desk);
    desk_close(&desk);
}

Test(submit, another_body_is_a_conflict)
{
    struct desk desk;
    struct draft d, other;
    struct answer *a;

    desk_open(&desk, 2);
    draft_init(&d, &desk);
    draft_again(&other, &d, &desk);
    other.hash[0] ^= 1;
    desk_submit(&desk, &(struct draft *){&d}, 1);
    cr_status(a = desk_submit(&desk, &(struct draft *){&other}, 1), 0);
    expect(a, 0, CONFLICT, d.number);
    cr_expect_eq(tickets(&desk), 1);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket_alias"), 0);
    desk_close(&desk);
}

/* Every one of these can never be stored; the others of its batch are. */
Test(submit, poisoned_records_are_rejected_alone)
{
    enum { N = 40 };
    struct desk desk;
    struct draft drafts[N], *batch[N];
    struct answer *a;
    int bad = 0;

    desk_open(&desk, 2);
    desk_ticket(&desk);
    for (int i = 0; i < N; i++) {
        draft_init(&drafts[i], &desk);
        batch[i] = &drafts[i];
    }
    /* Found by the router ... */
    drafts[1].message.impact = 7, drafts[1].message.has_impact = true;
    drafts[2].message.submission_key.len = 15;
    drafts[3].message.id.len = 0;
    drafts[4].message.number = (char *)"1048576";
    drafts[5].message.subject = (char *)"\xff";
    drafts[6].message.accepted_us = 5;
    drafts[7].message.language = (char *)"tlh";
    drafts[8].message.requester_id = (char *)"me";
    drafts[9].message.attributes = (char *)"[1]";
    /* ... and by the database. */
    drafts[20].message.requester_id = (char *)"00000000-0000-0000-0000-000000000001";
    drafts[25].message.attributes = (char *)"{\"a\":}";
    drafts[26].message.attributes = (char *)"{},\"number\":\"EU-1\"";
    drafts[39].message.attributes = (char *)"{\"a\":\"\\u0000\"}";
    snprintf(drafts[30].number, sizeof drafts[30].number, "EU-1048576"); /* another ticket's */
    cr_status(a = desk_submit(&desk, batch, N), 0);
    for (size_t i = 0; i < N; i++) {
        bool expected = (i >= 1 && i <= 9) || i == 20 || i == 25 || i == 26 || i == 30 || i == 39;

        expect(a, i, expected ? REJECTED : COMMITTED, drafts[i].message.number);
        if (expected)
            cr_expect(a->reply->submitted[i]->detail && a->reply->submitted[i]->detail[0], "%zu says why", i);
        bad += expected;
    }
    cr_expect_eq(tickets(&desk), 1 + N - bad);
    desk_check(&desk);
    desk_close(&desk);
}

/* An id that another key's ticket has can never be stored, and is no duplicate: it must not hold up the rest.
 */
Test(submit, a_foreign_id_is_rejected_alone)
{
    struct desk desk;
    struct draft first, drafts[5], *one = &first, *all[5];
    struct answer *a;

    desk_open(&desk, 2);
    draft_init(&first, &desk);
    cr_status(desk_submit(&desk, &one, 1), 0);
    for (int i = 0; i < 5; i++) {
        draft_init(&drafts[i], &desk);
        all[i] = &drafts[i];
    }
    memcpy(drafts[2].id, first.id, sizeof first.id);
    cr_status(a = desk_submit(&desk, all, 5), 0);
    for (size_t i = 0; i < 5; i++)
        expect(a, i,
               i == 2 ? MERIDIAN__SUBMITTED__OUTCOME__REJECTED : MERIDIAN__SUBMITTED__OUTCOME__COMMITTED,
               drafts[i].number);
    cr_expect_eq(tickets(&desk), 5);
    desk_check(&desk);
    desk_close(&desk);
}

/* Without the team that gets what names none nothing can be stored, and nothing is given up. */
Test(submit, without_the_first_team_everything_waits)
{
    struct desk desk;
    struct draft draft, *one = &draft;

    desk_open(&desk, 2);
    test_db_run(desk.db, "ALTER TABLE desk.team_member DROP CONSTRAINT team_member_team_id_fkey");
    test_db_run(desk.db, "UPDATE desk.team SET id = 1001 WHERE id = 1");
    draft_init(&draft, &desk);
    cr_status(desk_submit(&desk, &one, 1), E_INTERNAL);
    test_db_run(desk.db, "UPDATE desk.team SET id = 1 WHERE id = 1001");
    cr_status(desk_submit(&desk, &one, 1), 0);
    cr_expect_eq(tickets(&desk), 1);
    desk_close(&desk);
}

Test(submit, limits_of_a_batch)
{
    struct desk desk;
    struct draft *drafts = NEW_ARRAY(struct draft, LIMIT_SUBMIT_BATCH + 1), *batch[LIMIT_SUBMIT_BATCH + 1];

    desk_open(&desk, 2);
    for (int i = 0; i <= LIMIT_SUBMIT_BATCH; i++) {
        draft_init(&drafts[i], &desk);
        batch[i] = &drafts[i];
    }
    cr_status(desk_submit(&desk, batch, LIMIT_SUBMIT_BATCH + 1), E_TOO_LARGE);
    cr_expect_eq(tickets(&desk), 0);
    cr_status(desk_submit(&desk, batch, LIMIT_SUBMIT_BATCH), 0);
    cr_expect_eq(tickets(&desk), LIMIT_SUBMIT_BATCH);
    cr_status(desk_submit(&desk, batch, 0), 0);
    desk_check(&desk);
    free(drafts);
    desk_close(&desk);
}

/* Two regions (connections) deliver the same keys with numbers of their own at the same time, in opposite
 * order. */
Test(submit, two_regions_at_once_make_one_ticket_each, .timeout = 120)
{
    enum { KEYS = 30, ROUNDS = 15 };
    struct desk desk;
    struct draft *east = NEW_ARRAY(struct draft, KEYS), *west = NEW_ARRAY(struct draft, KEYS), *to_east[KEYS],
                 *to_west[KEYS];

    desk_open(&desk, 4);
    for (int round = 0; round < ROUNDS; round++) {
        struct answer *a, *b;

        for (int i = 0; i < KEYS; i++) {
            draft_init(&east[i], &desk);
            draft_again(&west[i], &east[i], &desk);
            to_east[i] = &east[i];
            to_west[KEYS - 1 - i] = &west[i];
        }
        a = desk_send_submit(&desk, to_east, KEYS);
        b = desk_send_submit(&desk, to_west, KEYS);
        cr_status(desk_wait(&desk, a), 0);
        cr_status(desk_wait(&desk, b), 0);
        for (int i = 0; i < KEYS; i++) {
            const Meridian__Submitted *e = a->reply->submitted[i], *w = b->reply->submitted[KEYS - 1 - i];

            cr_assert_str_eq(e->number, w->number, "one key, two tickets");
            cr_assert_eq((e->outcome == COMMITTED) + (w->outcome == COMMITTED), 1);
            cr_assert_eq((e->outcome == DUPLICATE) + (w->outcome == DUPLICATE), 1);
        }
    }
    cr_expect_eq(tickets(&desk), KEYS * ROUNDS);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.ticket_alias"), KEYS * ROUNDS);
    desk_check(&desk);
    free(east);
    free(west);
    desk_close(&desk);
}

/* The same batch is delivered many times at once, as by an intake that lost the answers. */
Test(submit, one_batch_many_times_at_once, .timeout = 120)
{
    enum { KEYS = 20, COPIES = 8 };
    struct desk desk;
    struct draft drafts[KEYS], *batch[KEYS];
    struct answer *answers[COPIES];

    desk_open(&desk, COPIES);
    for (int i = 0; i < KEYS; i++) {
        draft_init(&drafts[i], &desk);
        batch[i] = &drafts[i];
    }
    for (int c = 0; c < COPIES; c++)
        answers[c] = desk_send_submit(&desk, batch, KEYS);
    for (int c = 0; c < COPIES; c++) {
        cr_status(desk_wait(&desk, answers[c]), 0);
        for (size_t i = 0; i < KEYS; i++)
            expect(answers[c], i, COMMITTED, drafts[i].number);
    }
    cr_expect_eq(tickets(&desk), KEYS);
    desk_check(&desk);
    desk_close(&desk);
}
