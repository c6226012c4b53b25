/* Many at once: one ticket has one winner, a queue is emptied exactly once. "Threads" are workers with a
 * connection each, all busy at the same time. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

enum { RACERS = 32, ROUNDS = 40, WORKERS = 16 };

static const char *racer(int i)
{
    static const char *const logins[] = {"agent-eu-1", "agent-eu-2", "agent-ap-1", "agent-us-1", "lead-eu-1"};

    return logins[i % (int)ARRAY_SIZE(logins)];
}

Test(claims, one_of_32_wins, .timeout = 120)
{
    struct desk desk;

    desk_open(&desk, RACERS);
    for (int round = 0; round < ROUNDS; round++) {
        const char *number = desk_ticket(&desk);
        struct answer *answers[RACERS], *winner = NULL;

        for (int i = 0; i < RACERS; i++) {
            Meridian__Command claim = desk_command(ACTION_CLAIM, number, -1);

            answers[i] = desk_send_command(&desk, racer(i), &claim);
        }
        for (int i = 0; i < RACERS; i++) {
            if (desk_wait(&desk, answers[i])->status)
                continue;
            cr_assert_null(winner, "two winners of %s", number);
            winner = answers[i];
        }
        cr_assert_not_null(winner, "nobody won %s", number);
        for (int i = 0; i < RACERS; i++) {
            if (answers[i] == winner)
                continue;
            cr_status(answers[i], E_ALREADY_CLAIMED);
            cr_expect_str_eq(member(answers[i], "winner"), member(winner, "owner.login"));
            cr_expect_str_eq(member(answers[i], "winner_name"), member(winner, "owner.name"));
            cr_expect_str_eq(member(answers[i], "region"), member(winner, "owner.region"));
            cr_expect_str_eq(member(answers[i], "epoch"), "1");
            cr_expect_str_neq(member(answers[i], "at"), "");
        }
    }
    desk_check(&desk);
    desk_close(&desk);
}

Test(claims, named_and_next_at_the_same_time, .timeout = 120)
{
    struct desk desk;

    desk_open(&desk, RACERS);
    for (int round = 0; round < ROUNDS; round++) {
        const char *number = desk_ticket(&desk);
        struct answer *answers[RACERS];
        int winners = 0;

        for (int i = 0; i < RACERS; i++) {
            Meridian__Command claim = desk_command(ACTION_CLAIM, number, -1);

            answers[i] = i % 2 ? desk_send_command(&desk, racer(i), &claim)
                               : desk_send_claim_next(&desk, racer(i), NULL, NULL);
        }
        for (int i = 0; i < RACERS; i++) {
            desk_wait(&desk, answers[i]);
            winners += !answers[i]->status && answers[i]->json[0];
            if (answers[i]->status)
                cr_status(answers[i], E_ALREADY_CLAIMED);
        }
        cr_assert_eq(winners, 1, "%d winners of %s", winners, number);
    }
    cr_expect_eq(
        test_db_int(desk.db, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* The only ticket of the queue is held by somebody's transaction: that is not an empty queue. */
Test(claims, held_is_not_empty)
{
    struct desk desk;
    struct answer *a;
    PGconn *other;

    desk_open(&desk, 2);
    desk_ticket(&desk);
    other = PQconnectdb(test_db_conninfo(desk.db, NULL));
    PQclear(PQexec(other, "BEGIN; SELECT FROM desk.ticket FOR UPDATE"));
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, "k"), E_DB_RETRY);
    PQclear(PQexec(other, "COMMIT"));
    PQfinish(other);
    cr_status(a = desk_claim_next(&desk, "agent-eu-1", NULL, "k"), 0);
    cr_expect_str_eq(member(a, "owner.login"), "agent-eu-1", "and the key was not spent on nothing");
    cr_status(a = desk_claim_next(&desk, "agent-eu-1", NULL, "l"), 0);
    cr_expect_str_eq(a->json, "", "now it is empty");
    desk_check(&desk);
    desk_close(&desk);
}

/* Claims that come together share a statement; one that cannot be part of it, because its key is another
 * one's of them, costs the others nothing. */
Test(claims, a_group_with_a_twin)
{
    enum { TOGETHER = 12 };
    struct answer *answers[TOGETHER];
    struct desk desk;

    desk_open(&desk, 4);
    for (int i = 0; i < TOGETHER; i++)
        desk_ticket(&desk);
    for (int i = 0; i < TOGETHER; i++) {
        char key[8];

        snprintf(key, sizeof key, "k%d", i == 9 ? 7 : i);
        answers[i] = desk_send_claim_next(&desk, "agent-eu-1", NULL, key);
    }
    for (int i = 0; i < TOGETHER; i++)
        cr_status(desk_wait(&desk, answers[i]), 0);
    cr_expect_str_eq(answers[9]->json, answers[7]->json);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.claimed'"),
                 TOGETHER - 1);
    cr_expect_lt(test_db_int(desk.db, "SELECT count(DISTINCT position >> 20) FROM desk.event WHERE type = "
                                      "'ticket.claimed'"),
                 TOGETHER - 1, "some shared a transaction");
    desk_check(&desk);
    desk_close(&desk);
}

/* As desk_send_claim_next, of somebody who knows a cluster epoch. */
static struct answer *send_claim_of_epoch(struct desk *desk, const char *login, uint64_t cluster_epoch)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;

    request.principal = who(login);
    request.has_cluster_epoch = true;
    request.cluster_epoch = cluster_epoch;
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    return desk_send(desk, &request);
}

/* Goes alone; what is sent before the loop turns again waits for it and is one group. */
static struct answer *send_before_a_group(struct desk *desk)
{
    return desk_send_claim_next(desk, "lead-eu-1", "security", NULL);
}

/* Each gets what it would have got alone, one after the other, whatever becomes of those beside it. */
Test(claims, a_group_of_all_kinds)
{
    struct desk desk;
    const char *first, *network_1, *desk_2, *applications_3, *network_4;
    struct answer *before, *alone, *repeat, *network, *any, *experts, *stale, *second, *last, *refused, *none;

    desk_open(&desk, 2);
    first = desk_ticket_of(&desk, "network", 1, 1);
    cr_status(before = desk_claim_next(&desk, "agent-eu-1", NULL, "before"), 0);
    cr_expect_str_eq(member(before, "number"), first);
    network_4 = desk_ticket_of(&desk, "network", 3, 3);
    applications_3 = desk_ticket_of(&desk, "applications", 2, 2);
    desk_2 = desk_ticket_of(&desk, "service-desk", 1, 2);
    network_1 = desk_ticket_of(&desk, "network", 1, 1);

    alone = send_before_a_group(&desk);
    repeat = desk_send_claim_next(&desk, "agent-eu-1", NULL, "before");
    network = desk_send_claim_next(&desk, "agent-eu-2", "network", NULL);
    any = desk_send_claim_next(&desk, "agent-ap-1", NULL, NULL);
    experts = desk_send_claim_next(&desk, "agent-us-1", "experts", "none");
    stale = send_claim_of_epoch(&desk, "agent-eu-1", 99);
    second = desk_send_claim_next(&desk, "agent-ap-1", NULL, NULL);
    last = desk_send_claim_next(&desk, "agent-eu-2", "network", NULL);
    refused = desk_send_claim_next(&desk, "requester-eu-1", NULL, NULL);
    none = desk_send_claim_next(&desk, "agent-us-1", NULL, NULL);

    cr_status(desk_wait(&desk, alone), 0);
    cr_status(desk_wait(&desk, repeat), 0);
    cr_expect_str_eq(repeat->json, before->json);
    cr_status(desk_wait(&desk, network), 0);
    cr_expect_str_eq(member(network, "number"), network_1);
    cr_expect_str_eq(member(network, "owner.login"), "agent-eu-2");
    cr_expect_gt(network->reply->lsn, 0);
    cr_status(desk_wait(&desk, any), 0);
    cr_expect_str_eq(member(any, "number"), desk_2, "the most urgent was the first one's");
    cr_status(desk_wait(&desk, experts), 0);
    cr_expect_str_eq(experts->json, "", "their queue is empty, the others are not");
    cr_status(desk_wait(&desk, stale), E_STALE_PRIMARY);
    cr_status(desk_wait(&desk, second), 0);
    cr_expect_str_eq(member(second, "number"), applications_3);
    cr_status(desk_wait(&desk, last), 0);
    cr_expect_str_eq(member(last, "number"), network_4);
    cr_status(desk_wait(&desk, refused), E_FORBIDDEN);
    cr_status(desk_wait(&desk, none), 0);
    cr_expect_str_eq(none->json, "");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(DISTINCT position >> 20) FROM desk.event WHERE type = "
                                      "'ticket.claimed'"),
                 2, "the first, and the group");
    desk_ticket_of(&desk, "experts", 1, 1);
    cr_expect_str_eq(desk_claim_next(&desk, "agent-us-1", "experts", "none")->json, "",
                     "that nothing was ready is remembered");
    desk_check(&desk);
    desk_close(&desk);
}

/* What others hold is passed over, however much it is; who gets nothing for that is told so. */
Test(claims, a_group_passes_over_what_is_held)
{
    enum { HELD = 40, TOGETHER = 3 };
    struct desk desk;
    struct answer *answers[TOGETHER];
    const char *free_1, *free_2;
    PGconn *other;

    desk_open(&desk, 2);
    for (int i = 0; i < HELD; i++)
        desk_ticket_of(&desk, NULL, 1, 1);
    other = PQconnectdb(test_db_conninfo(desk.db, NULL));
    PQclear(PQexec(other, "BEGIN; SELECT FROM desk.ticket FOR UPDATE"));
    free_1 = desk_ticket_of(&desk, "network", 2, 2);
    free_2 = desk_ticket_of(&desk, NULL, 3, 3);
    send_before_a_group(&desk);
    for (int i = 0; i < TOGETHER; i++)
        answers[i] = desk_send_claim_next(&desk, racer(i), NULL, "k");
    cr_status(desk_wait(&desk, answers[0]), 0);
    cr_expect_str_eq(member(answers[0], "number"), free_1);
    cr_status(desk_wait(&desk, answers[1]), 0);
    cr_expect_str_eq(member(answers[1], "number"), free_2);
    cr_status(desk_wait(&desk, answers[2]), E_DB_RETRY);
    PQclear(PQexec(other, "COMMIT"));
    PQfinish(other);
    cr_expect_str_eq(member(desk_claim_next(&desk, racer(2), NULL, "k"), "owner.login"), racer(2));
    desk_check(&desk);
    desk_close(&desk);
}

/* Fills the queue in batches; returns how many per second. */
static double fill(struct desk *desk, int tickets, int batch_size, int in_flight)
{
    int64_t begun = clock_monotonic_us();
    struct answer *flying[16] = {0};
    int sent = 0, slot = 0;

    while (sent < tickets) {
        struct draft *drafts = NEW_ARRAY(struct draft, (size_t)batch_size), *pointers[LIMIT_SUBMIT_BATCH];
        static const char *const services[] = {NULL, "network", "applications", "infrastructure"};

        for (int i = 0; i < batch_size; i++, sent++) {
            draft_init(&drafts[i], desk);
            drafts[i].message.service = (char *)services[sent % 4];
            drafts[i].message.has_impact = drafts[i].message.has_urgency = true;
            drafts[i].message.impact = (uint32_t)(1 + sent % 3);
            drafts[i].message.urgency = (uint32_t)(1 + sent / 3 % 3);
            pointers[i] = &drafts[i];
        }
        if (flying[slot])
            cr_status(desk_wait(desk, flying[slot]), 0);
        flying[slot] = desk_send_submit(desk, pointers, (size_t)batch_size);
        slot = (slot + 1) % in_flight;
        free(drafts);
    }
    for (int i = 0; i < in_flight; i++)
        if (flying[i])
            cr_status(desk_wait(desk, flying[i]), 0);
    return sent / ((double)(clock_monotonic_us() - begun) / 1e6);
}

Test(claims, a_queue_is_emptied_exactly_once, .timeout = 300)
{
    enum { TICKETS = 3000 };
    struct answer *flying[WORKERS] = {0};
    struct desk desk;
    int claimed = 0, empty = 0;
    int64_t begun;
    double rate;

    desk_open(&desk, WORKERS);
    rate = fill(&desk, TICKETS, 50, 4);
    test_db_run(desk.db, "ANALYZE desk.ready; ANALYZE desk.ticket");
    begun = clock_monotonic_us();
    for (int i = 0; i < WORKERS; i++)
        flying[i] = desk_send_claim_next(&desk, racer(i), NULL, NULL);
    for (int i = 0; empty < WORKERS; i = (i + 1) % WORKERS) {
        if (!flying[i])
            continue;
        cr_status(desk_wait(&desk, flying[i]), 0);
        claimed += flying[i]->json[0] != 0;
        empty += !flying[i]->json[0];
        flying[i] = flying[i]->json[0] ? desk_send_claim_next(&desk, racer(i), NULL, NULL) : NULL;
    }
    printf("submitted %.0f/s in batches of 50, claimed %.0f/s by %d\n", rate,
           claimed / ((double)(clock_monotonic_us() - begun) / 1e6), WORKERS);
    cr_expect_eq(claimed, TICKETS);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.claimed'"),
                 TICKETS);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.ticket WHERE owner_id IS NULL OR epoch <> 1"), 0);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(claims, in_order_of_priority_then_due_time)
{
    struct desk desk;
    const char *p4, *p1_later, *p1, *p3;
    struct draft draft;

    desk_open(&desk, 2);
    p4 = desk_ticket_of(&desk, NULL, 3, 3);
    p1_later = desk_ticket_of(&desk, "network", 1, 1);
    draft_init(&draft, &desk);
    draft.message.has_impact = draft.message.has_urgency = true;
    draft.message.impact = draft.message.urgency = 1;
    draft.message.accepted_us -= 600 * US_PER_S; /* waited in a cut-off region */
    p1 = desk_submit(&desk, &(struct draft *){&draft}, 1)->reply->submitted[0]->number;
    p3 = desk_ticket(&desk);
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), "number"), p1);
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-eu-1", "service-desk", NULL), "number"), p3,
                     "P1 is of another team");
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), "number"), p1_later);
    cr_expect_str_eq(member(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), "number"), p4);
    cr_expect_str_eq(desk_claim_next(&desk, "agent-eu-1", NULL, NULL)->json, "");
    desk_close(&desk);
}

Test(claims, who_may_claim_what)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_ticket_of(&desk, "security", 1, 1);
    cr_status(desk_claim_next(&desk, "requester-eu-1", NULL, NULL), E_FORBIDDEN);
    cr_status(desk_claim_next(&desk, NULL, NULL, NULL), E_UNAUTHENTICATED);
    cr_status(desk_claim_next(&desk, "agent-eu-1", "security", NULL), E_FORBIDDEN);
    cr_status(desk_claim_next(&desk, "agent-eu-1", "no-such-team", NULL), E_VALIDATION);
    cr_expect_str_eq(desk_claim_next(&desk, "agent-eu-1", NULL, NULL)->json, "", "not of the agent's teams");
    cr_expect_str_eq(desk_claim_next(&desk, "admin", NULL, NULL)->json, "", "an admin is in no team");
    cr_expect_str_eq(member(desk_claim_next(&desk, "admin", "security", NULL), "team"), "security");
    desk_check(&desk);
    desk_close(&desk);
}

Test(claims, the_same_key_gets_the_same_ticket)
{
    struct desk desk;
    struct answer *first, *again;

    desk_open(&desk, 4);
    desk_ticket(&desk);
    desk_ticket(&desk);
    cr_status(first = desk_claim_next(&desk, "agent-eu-1", NULL, "k"), 0);
    cr_status(again = desk_claim_next(&desk, "agent-eu-1", NULL, "k"), 0);
    cr_expect_str_eq(again->json, first->json);
    cr_expect_geq(again->reply->lsn, first->reply->lsn, "good for reading one's own write");
    cr_status(desk_claim_next(&desk, "agent-eu-1", "network", "k"), E_KEY_REUSED);
    cr_status(again = desk_claim_next(&desk, "agent-ap-1", NULL, "k"), 0);
    cr_expect_str_neq(member(again, "number"), member(first, "number"), "a key belongs to a person");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.claimed'"), 2);
    desk_close(&desk);
}

/* Through two routers: within one, a group waits for the one before it. */
Test(claims, the_same_key_many_times_at_once, .timeout = 120)
{
    enum { ROUNDS = 20, EACH = 4 };
    struct answer *answers[2][EACH];
    struct desk desk, other;

    desk_open(&desk, EACH);
    desk_second(&other, &desk);
    for (int round = 0; round < ROUNDS; round++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", round);
        for (int i = 0; i < 4; i++)
            desk_ticket(&desk);
        for (int i = 0; i < EACH; i++) {
            answers[0][i] = desk_send_claim_next(&desk, "agent-eu-1", NULL, key);
            answers[1][i] = desk_send_claim_next(&other, "agent-eu-1", NULL, key);
        }
        for (int i = 0; i < EACH; i++) {
            cr_status(desk_wait(&desk, answers[0][i]), 0);
            cr_status(desk_wait(&other, answers[1][i]), 0);
            cr_expect_str_eq(answers[0][i]->json, answers[0][0]->json);
            cr_expect_str_eq(answers[1][i]->json, answers[0][0]->json);
        }
        cr_expect_str_neq(answers[0][0]->json, "", "there was something to claim");
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.claimed'"),
                 ROUNDS);
    desk_check(&desk);
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

/* Two deliveries of one claim, the second held up until the ticket is free again: whoever was told that they
 * lost must not own it. */
Test(claims, a_refusal_stays_a_refusal)
{
    struct desk desk;
    struct answer *a;
    const char *number;
    Meridian__Command late;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    late = desk_command(ACTION_CLAIM, number, -1);
    late.client_key = (char *)"held-up";
    cr_status(desk_call_command(&desk, "agent-ap-1", &late), E_ALREADY_CLAIMED);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_status(a = desk_call_command(&desk, "agent-ap-1", &late), E_ALREADY_CLAIMED);
    cr_expect_str_eq(member(a, "winner"), "agent-eu-1", "told the same as before");
    cr_expect_eq(ticket_epoch(&desk, number), 2, "and nothing happened");
    cr_status(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* A plan may promise that somebody takes a ticket within a time: then a claim moves a clock, in the claim's
 * own transaction. A router learns of such a plan from the database. */
Test(claims, a_claim_stops_a_clock_that_minds_it)
{
    struct desk desk;
    struct answer *together[3];
    const char *number;

    desk_open(&desk, 2);
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL),
              0); /* nothing: but claims have been made before */
    desk_plan(&desk, "{\"policies\": [{\"name\": \"all\", \"targets\": {\"pick_up\": {\"amount\": \"10m\","
                     " \"stop\": {\"owned\": \"yes\"}, \"again\": \"anew\"}}}]}");
    for (int i = 0; i < 4; i++)
        number = desk_ticket(&desk);
    for (int i = 0; i < 3; i++)
        together[i] = desk_send_claim_next(&desk, racer(i), NULL, NULL);
    for (int i = 0; i < 3; i++)
        cr_status(desk_wait(&desk, together[i]), 0);
    cr_expect_eq(
        test_db_int(desk.db,
                    "SELECT count(*) FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id WHERE "
                    "c.target = 'pick_up' AND c.state = 'met' AND c.stopped_at = t.owned_at"),
        3);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.clock WHERE state = 'running'"), 1);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(c.cycle || ' ' || c.state, ', ' ORDER BY c.cycle) FROM desk.clock c "
                    "WHERE c.ticket_id = t.id"),
        "1 met, 2 running", "back in the queue it has to be picked up again");
    desk_close(&desk);
}

/* The scheduler was late, and the claim ends the clock: as met or, where it is cancelled by it, cancelled.
 * The breach is told behind the claim, and the fold knows it (desk_check). */
Test(claims, a_late_clock_has_breached_also_when_a_claim_ends_it)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    desk_plan(&desk,
              "{\"policies\": [{\"name\": \"all\", \"targets\": {\"first_response\": {\"amount\": \"8h\"}, "
              "\"resolve\": {\"amount\": \"8h\"}, \"met\": {\"amount\": \"10m\", \"stop\": {\"owned\": "
              "\"yes\"}}, \"gone\": {\"amount\": \"10m\", \"start\": {\"owned\": \"no\"}, \"stop\": "
              "{\"state\": \"resolved\"}, \"again\": \"anew\"}}}]}");
    number = desk_ticket(&desk);
    desk_age(&desk, number, 11);
    cr_status(desk_claim_next(&desk, "agent-eu-1", NULL, NULL), 0);
    cr_expect_str_eq(
        ticket_text(&desk, number,
                    "SELECT string_agg(c.target || ' ' || c.state || ' ' || (c.breached_at IS NOT NULL), "
                    "', ' ORDER BY c.target) FROM desk.clock c WHERE c.ticket_id = t.id"),
        "first_response running false, gone cancelled true, met met true, resolve running false");
    desk_check(&desk);
    desk_close(&desk);
}
