/* Routers as they run: two authorities and a warm one on the bus, callers that know only the warm one, and
 * everybody's hints. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

static const char *const anybody[] = {"intake", "router", "sla", "notifier", NULL};

struct node {
    struct bus *bus;
    struct router *router;
    char url[64], hints[64];
};

struct field {
    struct desk desk;     /* its router is not used; its database and loop are */
    struct node nodes[3]; /* eu-1, eu-2: authorities; ap-1: warm */
    struct bus *bus;      /* of the caller */
    struct bus_client *client;
    int changed, outbox, clocks, ended;
    char user[40]; /* who wrote last, and where */
    uint64_t mark_lsn, sequence[2];
    int out_of_order;
};

static void on_hint(void *ctx, const Meridian__Hint *hint)
{
    struct field *f = ctx;

    f->changed += hint->tickets_changed;
    f->outbox += hint->outbox_added;
    f->clocks += hint->clocks_changed;
    f->ended += (int)hint->n_ended_sessions;
    if (hint->sequence != ++f->sequence[strcmp(hint->publisher, f->nodes[1].url) == 0])
        f->out_of_order++;
    if (hint->n_wrote == 1)
        snprintf(f->user, sizeof f->user, "%s", hint->wrote[0]->user_id);
    if (hint->n_wrote == 1)
        f->mark_lsn = hint->wrote[0]->lsn;
}

static void node_open(struct field *f, int i, const char *const *home)
{
    struct node *node = &f->nodes[i];
    struct bus_options options = {.loop = &f->desk.loop};
    struct bus_group group = {home};
    struct router_options router = {.loop = &f->desk.loop,
                                    .region = i < 2 ? "eu" : "ap",
                                    .instance = node->url,
                                    .db_workers = 4,
                                    .home = &group};

    cr_assert_eq(bus_open(&options, &node->bus), 0);
    snprintf(node->url, sizeof node->url, "inproc://router-%d", i);
    snprintf(node->hints, sizeof node->hints, "inproc://hints-%d", i);
    router.bus = node->bus;
    router.conninfo = i < 2 ? test_db_conninfo(f->desk.db, "meridian_router") : NULL;
    cr_assert_eq(router_open(&router, &node->router), 0);
    cr_assert_eq(bus_publish_listen(node->bus, node->hints, anybody), 0);
    cr_assert_eq(bus_serve(node->bus, node->url, anybody, 256, router_on_request, node->router), 0);
}

static bool all_ready(void *arg)
{
    struct field *f = arg;
    _cleanup_buf_ struct buf reasons = BUF_INIT;

    for (int i = 0; i < 3; i++)
        if (f->nodes[i].router)
            router_not_ready(f->nodes[i].router, &reasons);
    return !reasons.n && bus_connected(f->client);
}

static void field_open(struct field *f)
{
    static const char *const home[] = {"inproc://router-0", "inproc://router-1", NULL},
                             *const warm[] = {"inproc://router-2", NULL};
    static const char *const hints[] = {"inproc://hints-0", "inproc://hints-1", NULL};
    struct bus_options options = {0};
    struct bus_group group = {warm};

    *f = (struct field){0};
    desk_prepare(&f->desk);
    options.loop = test_loop_init(&f->desk.loop);
    node_open(f, 0, NULL);
    node_open(f, 1, NULL);
    node_open(f, 2, home);
    cr_assert_eq(bus_open(&options, &f->bus), 0);
    cr_assert_eq(bus_dial(f->bus, &group, 1, anybody, &f->client), 0);
    cr_assert_eq(bus_subscribe(f->bus, hints, anybody, on_hint, f), 0);
    test_loop_until(&f->desk.loop, all_ready, f, 20000);
}

static void node_close(struct node *node)
{
    bus_serve_stop(node->bus);
    node->router = router_close(node->router);
    node->bus = bus_close(node->bus);
}

static void field_close(struct field *f)
{
    f->bus = bus_close(f->bus);
    for (int i = 2; i >= 0; i--)
        node_close(&f->nodes[i]);
    desk_close(&f->desk);
}

static void on_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct answer *answer = ctx;
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    if (reply) {
        wire_pack(&reply->base, &bytes);
        answer->reply = wire_unpack_reply(bytes.p, bytes.n);
    }
    answer->status = reply ? (int)reply->status : -status;
    answer->json =
        reply && reply->has_json ? mem_strn((const char *)reply->json.data, reply->json.len) : mem_str("");
    answer->detail = mem_str(reply && reply->detail ? reply->detail : "");
    answer->done = true;
}

static struct answer *call(struct field *f, Meridian__Request *request)
{
    struct answer *answer = NEW(struct answer);

    answer->next = f->desk.answers;
    f->desk.answers = answer;
    bus_call(f->client, request, 5 * US_PER_S, 20 * US_PER_S, on_reply, answer);
    return answer;
}

static struct answer *call_command(struct field *f, const char *login, Meridian__Command *command,
                                   const struct uuid *id)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    if (id)
        request.id = (ProtobufCBinaryData){sizeof id->bytes, (uint8_t *)id->bytes};
    request.principal = who(login);
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = command;
    return call(f, &request);
}

static struct answer *call_submit(struct field *f, struct draft *draft)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__SubmitBatch batch = MERIDIAN__SUBMIT_BATCH__INIT;
    Meridian__Submission *record = &draft->message;

    batch.submissions = &record;
    batch.n_submissions = 1;
    request.body_case = MERIDIAN__REQUEST__BODY_SUBMIT;
    request.submit = &batch;
    return call(f, &request);
}

static struct answer *call_sign_in(struct field *f, const char *login, const char *password, const char *peer)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__SessionOpen open = MERIDIAN__SESSION_OPEN__INIT;

    open.login = (char *)login;
    open.password = (char *)password;
    open.peer = (char *)peer;
    request.body_case = MERIDIAN__REQUEST__BODY_SESSION_OPEN;
    request.session_open = &open;
    return call(f, &request);
}

static bool hinted(void *arg)
{
    struct field *f = arg;

    return f->changed && f->outbox && f->clocks;
}

Test(routers, forward_answer_and_hint, .timeout = 60)
{
    struct field f;
    struct draft draft;
    Meridian__Command claim, resolve;
    struct answer *a;

    field_open(&f);
    draft_init(&draft, &f.desk);
    cr_status(a = desk_wait(&f.desk, call_submit(&f, &draft)), 0);
    cr_assert_eq(a->reply->n_submitted, 1);
    test_loop_until(&f.desk.loop, hinted, &f, 10000);
    claim = desk_command(ACTION_CLAIM, draft.number, -1);
    f.changed = f.outbox = 0;
    f.clocks = 1; /* a claim changes none */
    cr_status(a = desk_wait(&f.desk, call_command(&f, "agent-ap-1", &claim, NULL)), 0);
    cr_expect_str_eq(member(a, "owner.region"), "ap");
    test_loop_until(&f.desk.loop, hinted, &f, 10000);
    cr_expect_str_eq(f.user, who("agent-ap-1")->user_id);
    cr_expect_eq(f.mark_lsn, a->reply->lsn);
    f.changed = f.outbox = f.clocks = 0;
    resolve = desk_command(ACTION_RESOLVE, draft.number, 1);
    cr_status(desk_wait(&f.desk, call_command(&f, "agent-ap-1", &resolve, NULL)), 0);
    test_loop_until(&f.desk.loop, hinted, &f, 10000);
    cr_status(desk_wait(&f.desk, call_command(&f, "agent-us-1", &resolve, NULL)), E_BAD_TRANSITION);
    desk_check(&f.desk);
    field_close(&f);
}

/* Sign-ins that wait for a password to be checked leave room, on the bus and in the routers, for tickets. */
Test(routers, a_flood_of_sign_ins_does_not_hold_up_tickets, .timeout = 120)
{
    enum { FLOOD = 300 };
    struct field f;
    struct draft draft;
    struct answer *answers[FLOOD];
    int refused = 0, checked = 0;
    char login[32];

    field_open(&f);
    draft_init(&draft, &f.desk);
    for (int i = 0; i < FLOOD; i++) {
        snprintf(login, sizeof login, "guess-%d", i);
        answers[i] = call_sign_in(&f, login, "x", "192.0.2.1");
    }
    cr_status(desk_wait(&f.desk, call_submit(&f, &draft)), 0);
    for (int i = 0; i < FLOOD; i++) {
        refused += answers[i]->done && answers[i]->status == E_UNAVAILABLE;
        checked += answers[i]->done && answers[i]->status == E_BAD_CREDENTIALS;
    }
    cr_expect_gt(refused, checked, "%d refused, %d checked before a ticket was taken", refused, checked);
    field_close(&f);
}

/* At most ten failures at each of the two authorities close a name, for the address that they came from. */
Test(routers, wrong_passwords_close_a_name_for_their_address_only, .timeout = 60)
{
    struct field f;
    int failures = 0;

    field_open(&f);
    desk_password(&f.desk, "agent-eu-1", "secret");
    while (failures <= 20 &&
           desk_wait(&f.desk, call_sign_in(&f, "agent-eu-1", "wrong", "192.0.2.1"))->status ==
               E_BAD_CREDENTIALS)
        failures++;
    cr_expect(failures >= 10 && failures <= 20, "%d", failures);
    for (int i = 0; i < 4; i++)
        cr_status(desk_wait(&f.desk, call_sign_in(&f, "agent-eu-1", "secret", "192.0.2.2")), 0);
    field_close(&f);
}

/* The same request arrives at both authorities at once, many times: one effect, one answer. */
Test(routers, a_repeated_request_has_one_effect, .timeout = 60)
{
    struct field f;
    struct draft draft;
    struct answer *answers[8];

    field_open(&f);
    draft_init(&draft, &f.desk);
    cr_status(desk_wait(&f.desk, call_submit(&f, &draft)), 0);
    for (int round = 0; round < 10; round++) {
        Meridian__Command note = desk_command(ACTION_NOTE, draft.number, -1);
        struct uuid id = uuid_v7();

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
            answers[i] = call_command(&f, "agent-eu-1", &note, &id);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
            cr_status(desk_wait(&f.desk, answers[i]), 0);
            cr_expect_str_eq(answers[i]->json, answers[0]->json);
        }
    }
    cr_expect_eq(test_db_int(f.desk.db, "SELECT count(*) FROM desk.note"), 10);
    desk_check(&f.desk);
    field_close(&f);
}

/* One of the two routers beside the primary goes away while claims are under way: each ticket still has one
 * winner, and everybody gets an answer. */
Test(routers, one_goes_away, .timeout = 120)
{
    enum { TICKETS = 20, RACERS = 4 };
    static const char *const racers[RACERS] = {"agent-eu-1", "agent-ap-1", "agent-us-1", "lead-eu-1"};
    struct field f;
    struct draft drafts[TICKETS];
    struct answer *answers[TICKETS][RACERS];

    field_open(&f);
    for (int t = 0; t < TICKETS; t++) {
        draft_init(&drafts[t], &f.desk);
        cr_status(desk_wait(&f.desk, call_submit(&f, &drafts[t])), 0);
    }
    for (int t = 0; t < TICKETS; t++) {
        if (t == TICKETS / 2)
            node_close(&f.nodes[0]);
        for (int r = 0; r < RACERS; r++) {
            Meridian__Command claim = desk_command(ACTION_CLAIM, drafts[t].number, -1);

            answers[t][r] = call_command(&f, racers[r], &claim, NULL);
        }
    }
    for (int t = 0; t < TICKETS; t++) {
        int winners = 0;

        for (int r = 0; r < RACERS; r++) {
            desk_wait(&f.desk, answers[t][r]);
            winners += !answers[t][r]->status;
            cr_expect(!answers[t][r]->status || answers[t][r]->status == E_ALREADY_CLAIMED ||
                          answers[t][r]->status == E_UNAVAILABLE,
                      "%s", error_info(answers[t][r]->status)->name);
        }
        cr_expect_leq(winners, 1);
    }
    cr_expect_eq(test_db_int(f.desk.db, "SELECT count(*) FROM desk.event WHERE type = 'ticket.claimed'"),
                 test_db_int(f.desk.db, "SELECT count(*) FROM desk.ticket WHERE owner_id IS NOT NULL"));
    desk_check(&f.desk);
    bus_serve_stop(f.nodes[1].bus);
    f.bus = bus_close(f.bus);
    node_close(&f.nodes[2]);
    node_close(&f.nodes[1]);
    desk_close(&f.desk);
}

Test(routers, nobody_at_home, .timeout = 60)
{
    struct field f;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    Meridian__ClaimNext claim = MERIDIAN__CLAIM_NEXT__INIT;
    Meridian__Command note;
    int64_t begun;

    field_open(&f);
    node_close(&f.nodes[0]);
    node_close(&f.nodes[1]);
    note = desk_command(ACTION_NOTE, "EU-1", -1);
    request.principal = who("agent-eu-1");
    request.body_case = MERIDIAN__REQUEST__BODY_CLAIM_NEXT;
    request.claim_next = &claim;
    request.has_timeout_ms = true;
    request.timeout_ms = 1000;
    begun = clock_monotonic_us();
    cr_status(desk_wait(&f.desk, call(&f, &request)), E_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_us() - begun, 4 * US_PER_S);
    request.has_hops = true;
    request.hops = 2;
    request.body_case = MERIDIAN__REQUEST__BODY_COMMAND;
    request.command = &note;
    begun = clock_monotonic_us();
    cr_status(desk_wait(&f.desk, call(&f, &request)), E_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_us() - begun, US_PER_S / 2, "too many hops are refused at once");
    f.bus = bus_close(f.bus);
    node_close(&f.nodes[2]);
    desk_close(&f.desk);
}

Test(routers, options_that_cannot_work)
{
    struct router_options options = {.region = "ap", .instance = "router-ap-1"};
    struct router *router;
    uv_loop_t loop;

    options.loop = test_loop_init(&loop);
    cr_expect_eq(router_open(&options, &router), -E_CONFIG, "neither a database nor a way home");
    options.conninfo = "nonsense";
    options.db_workers = 1;
    cr_expect_eq(router_open(&options, &router), -E_CONFIG);
    test_loop_close(&loop);
}
