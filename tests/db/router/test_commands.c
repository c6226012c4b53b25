/* Every verb in every state, by everybody: what is allowed does what it should, what is refused says why and
 * changes nothing. */
#include "base/memory.h"
#include "desk.h"
#include "domain/ticket_state.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* A ticket of service-desk in that state; owned by agent-eu-1 where the state has an owner. */
static const char *bring(struct desk *desk, const char *state)
{
    const char *number = desk_ticket(desk);

    if (!strcmp(state, "new"))
        return number;
    if (!strcmp(state, "cancelled")) {
        cr_status(desk_do(desk, "requester-eu-1", ACTION_CANCEL, number, -1), 0);
        return number;
    }
    cr_status(desk_do(desk, "agent-eu-1", ACTION_CLAIM, number, -1), 0);
    if (!strcmp(state, "unowned"))
        cr_status(desk_do(desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    if (!strcmp(state, "pending"))
        cr_status(desk_do(desk, "agent-eu-1", ACTION_PEND, number, 1), 0);
    if (!strcmp(state, "resolved") || !strcmp(state, "closed"))
        cr_status(desk_do(desk, "agent-eu-1", ACTION_RESOLVE, number, 1), 0);
    if (!strcmp(state, "closed"))
        cr_status(desk_do(desk, "requester-eu-1", ACTION_CONFIRM, number, -1), 0);
    return number;
}

static const char *const states[] = {"new", "unowned", "open", "pending", "resolved", "closed", "cancelled"};

/* One letter per state above: N O P R C X the state after; A already-claimed, T bad-transition, F forbidden,
 * H not-found. The epoch given is the present one, where the verb takes one. */
static const struct {
    const char *login;
    enum ticket_action action;
    const char *expected;
} walks[] = {
    {"agent-eu-1", ACTION_CLAIM, "OOAATTT"},
    {"agent-ap-1", ACTION_CLAIM, "OOAATTT"},
    {"requester-eu-1", ACTION_CLAIM, "FFFFFFF"},
    {"requester-ap-1", ACTION_CLAIM, "HHHHHHH"},
    {"admin", ACTION_CLAIM, "OOAATTT"},
    {"agent-eu-1", ACTION_RELEASE, "TTOOTTT"},
    {"agent-ap-1", ACTION_RELEASE, "TTFFTTT"},
    {"lead-eu-1", ACTION_RELEASE, "TTOOTTT"},
    {"requester-eu-1", ACTION_RELEASE, "FFFFFFF"},
    {"agent-eu-1", ACTION_TRANSFER, "NOOOTTT"},
    {"agent-ap-1", ACTION_TRANSFER, "NOFFTTT"},
    {"lead-eu-1", ACTION_TRANSFER, "NOOOTTT"},
    {"requester-eu-1", ACTION_TRANSFER, "FFFFFFF"},
    {"agent-eu-1", ACTION_REPLY, "NOOPTTT"},
    {"agent-ap-1", ACTION_REPLY, "NOOPTTT"},
    {"requester-eu-1", ACTION_REPLY, "NOOOTTT"},
    {"requester-ap-1", ACTION_REPLY, "HHHHHHH"},
    {"agent-eu-1", ACTION_NOTE, "NOOPRTT"},
    {"requester-eu-1", ACTION_NOTE, "FFFFFFF"},
    {"agent-eu-1", ACTION_PEND, "TTPPTTT"},
    {"agent-ap-1", ACTION_PEND, "TTFFTTT"},
    {"requester-eu-1", ACTION_PEND, "FFFFFFF"},
    {"agent-eu-1", ACTION_RESOLVE, "TTRRTTT"},
    {"agent-ap-1", ACTION_RESOLVE, "TTFFTTT"},
    {"admin", ACTION_RESOLVE, "TTRRTTT"},
    {"requester-eu-1", ACTION_RESOLVE, "FFFFFFF"},
    {"requester-eu-1", ACTION_CONFIRM, "TTTTCTT"},
    {"agent-eu-1", ACTION_CONFIRM, "FFFFFFF"},
    {"requester-ap-1", ACTION_CONFIRM, "HHHHHHH"},
    {"requester-eu-1", ACTION_REOPEN, "TTTTOOT"},
    {"agent-ap-1", ACTION_REOPEN, "TTTTOOT"},
    {"requester-ap-1", ACTION_REOPEN, "HHHHHHH"},
    {"requester-eu-1", ACTION_CANCEL, "XXXXTTT"},
    {"agent-eu-1", ACTION_CANCEL, "FFXXTTT"},
    {"requester-ap-1", ACTION_CANCEL, "HHHHHHH"},
    {"lead-eu-1", ACTION_CANCEL, "XXXXTTT"},
    {"agent-eu-1", ACTION_TAKE_OVER, "TTTTTTT"},
    {"agent-ap-1", ACTION_TAKE_OVER, "TTOPTTT"},
    {"requester-eu-1", ACTION_TAKE_OVER, "FFFFFFF"},
    {"requester-ap-1", ACTION_TAKE_OVER, "HHHHHHH"},
    {"agent-eu-1", ACTION_ASSIGN, "FFOPTTT"},
    {"agent-ap-1", ACTION_ASSIGN, "FFFFTTT"},
    {"lead-eu-1", ACTION_ASSIGN, "OOOPTTT"},
    {"requester-eu-1", ACTION_ASSIGN, "FFFFFFF"},
    {"agent-eu-1", ACTION_HAND_BACK, "TTTTTTT"}, /* it has been with no other team */
    {"requester-eu-1", ACTION_HAND_BACK, "FFFFFFF"},
    {"requester-eu-1", ACTION_FOLLOW_UP, "TTTTTCT"},
    {"agent-ap-1", ACTION_FOLLOW_UP, "TTTTTCT"},
    {"requester-ap-1", ACTION_FOLLOW_UP, "HHHHHHH"},
    {"requester-eu-1", ACTION_NUDGE, "NOOPTTT"},
    {"agent-eu-1", ACTION_NUDGE, "FFFFFFF"},
    {"requester-ap-1", ACTION_NUDGE, "HHHHHHH"},
};

static bool takes_epoch(enum ticket_action action)
{
    return action == ACTION_RELEASE || action == ACTION_TRANSFER || action == ACTION_PEND ||
           action == ACTION_RESOLVE || action == ACTION_TAKE_OVER || action == ACTION_ASSIGN ||
           action == ACTION_HAND_BACK;
}

static char letter_of(const struct answer *answer)
{
    switch (answer->status) {
    case 0: {
        const char *state = member(answer, "state");

        return !strcmp(state, "cancelled") ? 'X' : (char)(state[0] - 'a' + 'A');
    }
    case E_ALREADY_CLAIMED:
        return 'A';
    case E_BAD_TRANSITION:
        return 'T';
    case E_FORBIDDEN:
        return 'F';
    case E_NOT_FOUND:
        return 'H';
    default:
        return '?';
    }
}

Test(commands, everything_in_every_state, .timeout = 120)
{
    struct desk desk;

    desk_open(&desk, 2);
    test_db_run(desk.db,
                "UPDATE desk.region SET next_number = next_number + 1000000"); /* not those of drafts */
    for (size_t w = 0; w < ARRAY_SIZE(walks); w++)
        for (size_t s = 0; s < ARRAY_SIZE(states); s++) {
            const char *number = bring(&desk, states[s]);
            char *before = mem_str(ticket_text(&desk, number, "t"));
            struct answer *a = desk_do(&desk, walks[w].login, walks[w].action, number,
                                       takes_epoch(walks[w].action) ? ticket_epoch(&desk, number) : -1);
            char expected = walks[w].expected[s];

            cr_expect_eq(letter_of(a), expected, "%s by %s when %s: %c, expected %c (%s %s)",
                         ticket_action_name(walks[w].action), walks[w].login, states[s], letter_of(a),
                         expected, a->detail, a->json);
            if (a->status) {
                cr_expect_str_eq(ticket_text(&desk, number, "t"), before, "a refusal changes nothing");
                cr_expect_eq(a->reply->lsn, 0);
            }
            if (expected == 'T') {
                cr_expect_str_eq(member(a, "state"), strcmp(states[s], "unowned") ? states[s] : "open");
                cr_expect(member(a, "allowed")[0] == '[' &&
                          !strstr(member(a, "allowed"), ticket_action_name(walks[w].action)));
            }
            free(before);
        }
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, hidden_tickets_do_not_exist)
{
    Meridian__Command claim;
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket_of(&desk, "security", 0, 0);
    for (int action = ACTION_CLAIM; action <= ACTION_CANCEL; action++) {
        cr_status(desk_do(&desk, "agent-eu-1", (enum ticket_action)action, number, 7), E_NOT_FOUND);
        cr_status(desk_do(&desk, "agent-eu-1", (enum ticket_action)action, "EU-1", 7), E_NOT_FOUND);
        cr_status(desk_do(&desk, "requester-ap-1", (enum ticket_action)action, number, 7), E_NOT_FOUND);
    }
    /* Nor does a key that was used for something else tell them from those that never were. */
    claim = desk_command(ACTION_CLAIM, desk_ticket(&desk), -1);
    claim.client_key = (char *)"used";
    cr_status(desk_call_command(&desk, "agent-eu-1", &claim), 0);
    claim.number = (char *)number;
    cr_status(desk_call_command(&desk, "agent-eu-1", &claim), E_NOT_FOUND);
    claim.number = (char *)"EU-1";
    cr_status(desk_call_command(&desk, "agent-eu-1", &claim), E_NOT_FOUND);
    claim.number = (char *)desk_ticket(&desk);
    cr_status(desk_call_command(&desk, "agent-eu-1", &claim), E_KEY_REUSED);
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_CLAIM, number, -1), 0);
    cr_status(desk_do(&desk, NULL, ACTION_CLAIM, number, -1), E_UNAUTHENTICATED);
    cr_status(desk_do(&desk, "lead-eu-1", (enum ticket_action)77, number, -1), E_FORBIDDEN);
    cr_status(desk_do(&desk, "admin", (enum ticket_action)77, number, -1), E_FORBIDDEN);
    desk_close(&desk);
}

Test(commands, a_lost_ownership_is_told_before_anything_else)
{
    struct desk desk;
    struct answer *a;
    const char *number;

    desk_open(&desk, 2);
    number = bring(&desk, "open");
    cr_status(desk_do(&desk, "lead-eu-1", ACTION_RELEASE, number, 1), 0);
    for (int action = ACTION_RELEASE; action <= ACTION_RESOLVE; action++) {
        cr_status(a = desk_do(&desk, "agent-eu-1", (enum ticket_action)action, number, 1), E_OWNERSHIP_LOST);
        cr_expect_str_eq(member(a, "owner"), "null");
        cr_expect_str_eq(member(a, "epoch"), "2");
        cr_expect_str_neq(member(a, "at"), "");
    }
    cr_status(desk_do(&desk, "agent-us-1", ACTION_CLAIM, number, 1), E_OWNERSHIP_LOST);
    cr_status(desk_do(&desk, "agent-us-1", ACTION_CLAIM, number, 2), 0);
    for (int action = ACTION_RELEASE; action <= ACTION_RESOLVE; action++) {
        cr_status(a = desk_do(&desk, "agent-eu-1", (enum ticket_action)action, number, 1), E_OWNERSHIP_LOST);
        cr_expect_str_eq(member(a, "owner.login"), "agent-us-1");
        cr_expect_str_eq(member(a, "owner.region"), "us");
        cr_expect_str_eq(member(a, "epoch"), "3");
    }
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 3), E_FORBIDDEN);
    cr_status(a = desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, 1), E_ALREADY_CLAIMED);
    cr_expect_str_eq(member(a, "winner"), "agent-us-1");
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, 2), E_OWNERSHIP_LOST);
    cr_status(desk_do(&desk, "agent-us-1", ACTION_RESOLVE, number, 3), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, every_change_of_owner_has_an_epoch_of_its_own)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_expect_eq(ticket_epoch(&desk, number), 0);
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), "epoch"), "1");
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, 1), "epoch"), "1");
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), "epoch"), "2");
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_TRANSFER, number, -1), "epoch"), "3");
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, 3), "epoch"), "4");
    cr_expect_str_eq(member(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, 4), "epoch"), "4");
    cr_expect_str_eq(member(desk_do(&desk, "requester-eu-1", ACTION_REOPEN, number, -1), "epoch"), "5");
    cr_expect_str_eq(ticket_text(&desk, number, "owner_id IS NULL AND resolved_at IS NULL AND reopened = 1"),
                     "true");
    cr_expect_str_eq(member(desk_do(&desk, "agent-ap-1", ACTION_CLAIM, number, -1), "epoch"), "6");
    cr_expect_str_eq(member(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, -1), "epoch"), "7");
    cr_expect_str_eq(ticket_text(&desk, number, "closed_at IS NOT NULL AND owner_id IS NULL"), "true");
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, preconditions)
{
    struct desk desk;
    const char *number;
    struct answer *a;

    desk_open(&desk, 2);
    number = bring(&desk, "open");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, -1), E_PRECONDITION_REQUIRED);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_TRANSFER, number, -1), E_PRECONDITION_REQUIRED);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_PEND, number, -1), E_PRECONDITION_REQUIRED);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RESOLVE, number, -1), E_PRECONDITION_REQUIRED);
    for (uint64_t version = 1; version <= 3; version++) {
        Meridian__Command note = desk_command(ACTION_NOTE, number, -1);

        note.has_if_version = true;
        note.if_version = version;
        a = desk_call_command(&desk, "agent-eu-1", &note);
        cr_status(a, version == 2 || version == 3 ? 0 : E_PRECONDITION);
        cr_expect_str_eq(member(a, "version"), a->status ? "" : version == 2 ? "3" : "4");
    }
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, fields_are_checked_again)
{
    static char long_text[LIMIT_TEXT_BYTES + 2], long_reason[LIMIT_REASON_CHARS + 2];
    struct desk desk;
    const char *number;
    struct {
        enum ticket_action action;
        size_t field; /* of the command */
        char *value;
        const char *pointer;
    } bad[] = {
        {ACTION_REPLY, offsetof(Meridian__Command, text), NULL, "/body"},
        {ACTION_REPLY, offsetof(Meridian__Command, text), (char *)" \n", "/body"},
        {ACTION_NOTE, offsetof(Meridian__Command, text), long_text, "/body"},
        {ACTION_NOTE, offsetof(Meridian__Command, text), (char *)"a\x01", "/body"},
        {ACTION_PEND, offsetof(Meridian__Command, text), NULL, "/reason"},
        {ACTION_PEND, offsetof(Meridian__Command, text), long_reason, "/reason"},
        {ACTION_RELEASE, offsetof(Meridian__Command, text), (char *)"\xff", "/reason"},
        {ACTION_RESOLVE, offsetof(Meridian__Command, cause), NULL, "/cause"},
        {ACTION_RESOLVE, offsetof(Meridian__Command, solution), (char *)"", "/solution"},
        {ACTION_RESOLVE, offsetof(Meridian__Command, prevention), NULL, "/prevention"},
        {ACTION_TRANSFER, offsetof(Meridian__Command, team), NULL, "/team"},
        {ACTION_TRANSFER, offsetof(Meridian__Command, team), (char *)"nobody", "/team"},
        {ACTION_TRANSFER, offsetof(Meridian__Command, text), NULL, "/reason"},
        {ACTION_HAND_BACK, offsetof(Meridian__Command, text), NULL, "/reason"},
        {ACTION_REOPEN, offsetof(Meridian__Command, text), NULL, "/reason"},
    };

    memset(long_text, 'x', sizeof long_text - 1);
    memset(long_reason, 'x', sizeof long_reason - 1);
    desk_open(&desk, 2);
    number = bring(&desk, "open");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        Meridian__Command c = desk_command(bad[i].action, number, 1);
        struct answer *a;

        *(char **)((char *)&c + bad[i].field) = bad[i].value;
        a = desk_call_command(&desk, "agent-eu-1", &c);
        cr_status(a, E_VALIDATION);
        cr_expect(strstr(a->json, bad[i].pointer), "%zu: %s", i, a->json);
    }
    Meridian__Command pend = desk_command(ACTION_PEND, number, 1);
    pend.has_until_us = true;
    pend.until_us = 1000000;
    cr_status(desk_call_command(&desk, "agent-eu-1", &pend), E_VALIDATION);
    pend.until_us = 4102444800000000;
    cr_expect_str_eq(member(desk_call_command(&desk, "agent-eu-1", &pend), "pending_until"),
                     "2100-01-01T00:00:00.000Z");
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, texts_go_where_they_belong)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;

    desk_open(&desk, 2);
    number = bring(&desk, "open");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, 1), 0);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_NOTE, number, 1), 0);
    c = desk_command(ACTION_TRANSFER, number, 1);
    c.text = (char *)"Needs cables.";
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(body || CASE WHEN from_requester THEN '<' ELSE '>' END, "
                                 "',' ORDER BY event_seq)"
                                 " FROM desk.reply r WHERE r.ticket_id = t.id"),
                     "A message.>");
    cr_expect_str_eq(
        ticket_text(
            &desk, number,
            "SELECT string_agg(body, ',' ORDER BY event_seq) FROM desk.note n WHERE n.ticket_id = t.id"),
        "A message.,Needs cables.");
    c = desk_command(ACTION_CANCEL, number, -1);
    c.text = (char *)"It works again.";
    cr_status(desk_call_command(&desk, "requester-eu-1", &c), 0);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT string_agg(body || CASE WHEN from_requester THEN '<' ELSE '>' END, "
                                 "',' ORDER BY event_seq)"
                                 " FROM desk.reply r WHERE r.ticket_id = t.id"),
                     "A message.>,It works again.<");
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE data::text ~ 'message|cables|works'"), 0,
        "no texts in events");
    cr_expect_eq(
        test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE public AND type = 'ticket.noted'"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, transfer_moves_team_and_secrecy)
{
    struct desk desk;
    const char *number;
    Meridian__Command c;
    struct answer *a;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    c = desk_command(ACTION_TRANSFER, number, -1);
    c.team = (char *)"security";
    cr_status(a = desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(member(a, "team"), "security");
    cr_expect_str_eq(member(a, "state"), "new");
    cr_expect_str_eq(ticket_text(&desk, number, "restricted"), "true");
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_CLAIM, number, -1), E_NOT_FOUND);
    cr_expect_str_eq(desk_claim_next(&desk, "agent-eu-1", NULL, NULL)->json, "");
    cr_expect_str_eq(member(desk_claim_next(&desk, "lead-eu-1", NULL, NULL), "number"), number);
    cr_expect_str_eq(ticket_text(&desk, number,
                                 "SELECT data->>'from_team' FROM desk.event e WHERE e.ticket_id = t.id AND "
                                 "type = 'ticket.transferred'"),
                     "service-desk");
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, a_key_is_answered_the_same)
{
    struct desk desk;
    const char *number, *other;
    Meridian__Command c;
    struct answer *first, *again;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    other = desk_ticket(&desk);
    c = desk_command(ACTION_CLAIM, number, -1);
    c.client_key = (char *)"my key";
    cr_status(first = desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_status(again = desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(again->json, first->json);
    cr_expect_geq(again->reply->lsn, first->reply->lsn);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_RELEASE, number, 1), 0);
    cr_status(again = desk_call_command(&desk, "agent-eu-1", &c), 0);
    cr_expect_str_eq(again->json, first->json, "also when things went on");
    cr_expect_eq(ticket_epoch(&desk, number), 2, "and nothing was done");
    c.number = (char *)other;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), E_KEY_REUSED);
    c.number = (char *)number;
    c.has_epoch = true;
    c.epoch = 2;
    cr_status(desk_call_command(&desk, "agent-eu-1", &c), E_KEY_REUSED);
    cr_status(desk_call_command(&desk, "agent-ap-1", &c), 0);
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, a_request_delivered_twice_happens_once)
{
    struct desk desk;
    const char *number;
    struct answer *answers[8];

    desk_open(&desk, 8);
    number = bring(&desk, "open");
    for (int round = 0; round < 20; round++) {
        struct uuid id = uuid_v7();
        Meridian__Request request = MERIDIAN__REQUEST__INIT;
        Meridian__Command reply = desk_command(ACTION_REPLY, number, 1);

        request.id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
        request.principal = who("agent-eu-1");
        request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
        request.command = &reply;
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
            answers[i] = desk_send(&desk, &request);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
            cr_status(desk_wait(&desk, answers[i]), 0);
            cr_expect_str_eq(answers[i]->json, answers[0]->json);
        }
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.reply"), 20);
    desk_check(&desk);
    desk_close(&desk);
}

Test(commands, one_key_for_two_tickets_at_once, .timeout = 60)
{
    struct desk desk;

    desk_open(&desk, 8);
    for (int round = 0; round < 20; round++) {
        struct answer *answers[8];
        char key[16];
        int done = 0;

        snprintf(key, sizeof key, "key-%d", round);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
            Meridian__Command claim = desk_command(ACTION_CLAIM, desk_ticket(&desk), -1);

            claim.client_key = key;
            answers[i] = desk_send_command(&desk, "agent-eu-1", &claim);
        }
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
            desk_wait(&desk, answers[i]);
            done += !answers[i]->status;
            if (answers[i]->status)
                cr_status(answers[i], E_KEY_REUSED);
        }
        cr_assert_eq(done, 1);
    }
    desk_check(&desk);
    desk_close(&desk);
}

/* Everybody does everything to a few tickets at once; whatever wins, the laws hold. */
Test(commands, any_interleaving_keeps_the_laws, .timeout = 120)
{
    enum { TICKETS = 6, FLYING = 16, STEPS = 1500 };
    static const char *const logins[] = {"agent-eu-1", "agent-ap-1",     "agent-us-1",
                                         "lead-eu-1",  "requester-eu-1", "admin"};
    struct desk desk;
    struct answer *flying[FLYING] = {0};
    const char *numbers[TICKETS];
    unsigned seed = 20261123, outcomes[64] = {0};

    desk_open(&desk, FLYING);
    for (int i = 0; i < TICKETS; i++)
        numbers[i] = desk_ticket(&desk);
    for (int step = 0; step < STEPS; step++) {
        int slot = step % FLYING, t = rand_r(&seed) % TICKETS;
        enum ticket_action action = (enum ticket_action)(1 + rand_r(&seed) % ACTION_HAND_BACK);
        Meridian__Command c;

        if (flying[slot])
            outcomes[desk_wait(&desk, flying[slot])->status]++;
        if (action == ACTION_CANCEL || action == ACTION_CONFIRM) { /* ends a ticket: another one comes */
            if (rand_r(&seed) % 4)
                continue;
        }
        if (rand_r(&seed) % 16 == 0) {
            flying[slot] = desk_send_claim_next(&desk, logins[rand_r(&seed) % 4], NULL, NULL);
            continue;
        }
        if (ticket_text(&desk, numbers[t],
                        "CASE WHEN state IN ('closed', 'cancelled') THEN 1 ELSE 0 END")[0] == '1')
            numbers[t] = desk_ticket(&desk);
        c = desk_command(action, numbers[t], takes_epoch(action) ? ticket_epoch(&desk, numbers[t]) : -1);
        c.team = (char *)(rand_r(&seed) % 2 ? "network" : "service-desk");
        c.has_impact = action == ACTION_PRIORITIZE;
        c.impact = 1 + (uint32_t)rand_r(&seed) % 3;
        flying[slot] = desk_send_command(&desk, logins[rand_r(&seed) % ARRAY_SIZE(logins)], &c);
    }
    for (int i = 0; i < FLYING; i++)
        if (flying[i])
            outcomes[desk_wait(&desk, flying[i])->status]++;
    for (int status = 0; status < 64; status++) {
        bool expected = !status || status == E_FORBIDDEN || status == E_ALREADY_CLAIMED ||
                        status == E_OWNERSHIP_LOST || status == E_BAD_TRANSITION || status == E_NOT_FOUND ||
                        status == E_NUDGED_LATELY;

        cr_expect(expected || !outcomes[status], "%u of %s", outcomes[status], error_info(status)->name);
    }
    cr_expect_gt(outcomes[0], 100);
    cr_expect_gt(outcomes[E_OWNERSHIP_LOST], 0);
    cr_expect_eq(
        test_db_int(desk.db, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
    desk_check(&desk);
    desk_close(&desk);
}

/* Each write goes through all events of the ticket: what a requester can add has an end. */
Test(commands, a_requester_fills_no_ticket_without_end)
{
    struct desk desk;
    const char *number;

    desk_open(&desk, 2);
    number = desk_ticket(&desk);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), 0);
    test_db_runf(desk.db, "UPDATE desk.ticket SET event_seq = %d", LIMIT_TICKET_EVENTS);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_REPLY, number, -1), E_TICKET_FULL);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_NUDGE, number, -1), E_TICKET_FULL);
    cr_status(desk_do(&desk, "agent-eu-1", ACTION_REPLY, number, -1), 0);
    cr_status(desk_do(&desk, "requester-eu-1", ACTION_CANCEL, number, -1), 0);
    desk_close(&desk);
}
