/* The API as a client meets it, beyond what the end-to-end tests reach: an authority or a database in odd
 * moods, limits, headers. */
#include "base/clock.h"
#include "base/memory.h"
#include "intake/feed.h"
#include "intake/sessions.h"
#include "meridian/errors.h"
#include "rig.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;

static void start(enum mood mood)
{
    rig_open(&rig, mood);
}

static void tear_down(void)
{
    rig_close(&rig);
}
TestSuite(api, .fini = tear_down, .timeout = 60);

#define GOOD "{\"subject\":\"s\",\"description\":\"d\"}"
#define EXPECT(a, expected_status, expected_code)                                                            \
    do {                                                                                                     \
        cr_assert_eq((a).status, expected_status, "%d: %s", (a).status, buf_text(&(a).body));                \
        cr_assert_str_eq(answer_code(&(a)), expected_code);                                                  \
    } while (0)

static void ticket(const char *number)
{
    test_db_runf(rig.db,
                 "INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, "
                 "channel, subject, description, impact, urgency,"
                 " priority, language, requester_id, submitter_id, team_id, accepted_at, event_seq, "
                 "event_hash) SELECT md5('%1$s')::uuid, '%1$s',"
                 " md5('%1$s')::uuid, 'k', '', 'eu', 'api', 's', 'd', 2, 2, 3, 'en', "
                 "md5('requester-eu-1')::uuid, md5('requester-eu-1')::uuid, 1,"
                 " now(), 7, ''",
                 number);
}

/* Keeps a table locked, so that whoever reads it hangs. */
static PGconn *lock(const char *table)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(rig.db, NULL));
    char sql[128];
    PGresult *result;

    snprintf(sql, sizeof sql, "BEGIN; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", table);
    result = PQexec(pg, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_COMMAND_OK, "%s", PQerrorMessage(pg));
    PQclear(result);
    return pg;
}

/* ---- who is calling ---- */

Test(api, sessions)
{
    start(HELPFUL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/me", "requester-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_str_eq(answer_text(&a, "login"), "requester-eu-1");
        cr_assert_eq(rig.lookups, 0, "the region's database knew");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/me", "mrd_unknown", NULL, NULL);
        EXPECT(a, 401, "unauthenticated");
        cr_assert_eq(rig.lookups, 1, "the authority is asked before anybody is refused");
        cr_assert_str_eq(answer_header(&a, "WWW-Authenticate"), "Bearer realm=\"meridian\"");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig.mood = AWAY;
        rig_ask(&rig, &a, "GET", "/api/v1/me", "mrd_unknown_too", NULL, NULL);
        EXPECT(a, 503, "unavailable");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    }
}

Test(api, an_ended_and_an_expired_session_are_told_apart)
{
    start(HELPFUL);
    test_db_run(rig.db,
                "INSERT INTO desk.session (token_hash, user_id, kind, expires_at, revoked_at) VALUES"
                " (sha256('ended'), md5('agent-eu-1')::uuid, 'session', now() + interval '1 h', now()),"
                " (sha256('expired'), md5('agent-eu-1')::uuid, 'session', now() - interval '1 s', NULL)");
    for (int i = 0; i < 2; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/me", i ? "expired" : "ended", NULL, NULL);
        EXPECT(a, 401, i ? "session-expired" : "unauthenticated");
    }
}

Test(api, a_known_session_goes_on_while_the_database_hangs_and_the_authority_is_away)
{
    PGconn *locked;

    start(HELPFUL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL,
                "{\"user\":\"new\",\"password\":\"right\"}");
        EXPECT(a, 201, "");
        cr_assert_str_eq(answer_text(&a, "token"), "mrd_fresh");
        cr_assert_str_eq(answer_header(&a, "Set-Cookie"), "", "no cookie over plain HTTP");
    }
    locked = lock("desk.session");
    rig.mood = AWAY;
    {
        _cleanup_answer_ struct answer a = {0};
        int64_t begun = clock_monotonic_us();
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "mrd_fresh", NULL, GOOD);
        EXPECT(a, 202, "");
        cr_assert_lt(clock_monotonic_us() - begun, 3 * US_PER_S);
    }
    PQfinish(locked);
}

static void sign_in(void)
{
    _cleanup_answer_ struct answer a = {0};

    rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL, "{\"user\":\"new\",\"password\":\"right\"}");
    EXPECT(a, 201, "");
}

/* The impatience of a check comes once; whoever comes later, while it is still out, must not wait for its
 * end, which is half a minute away. */
Test(api, a_frozen_database_keeps_no_known_session_waiting)
{
    start(HELPFUL);
    sign_in();
    rig_freeze_database(&rig);
    rig.mood = SILENT;
    rig.conf.submit_wait_us = 1;
    sessions_age(rig.intake.sessions, 60 * US_PER_S); /* has to be checked before its next use */
    for (int i = 0; i < 3; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "mrd_fresh", NULL, GOOD);
        EXPECT(a, 202, "");
    }
    cr_assert_eq(rig.lookups, 0, "nobody waited for the authority either");
}

Test(api, a_frozen_database_keeps_no_unknown_token_waiting)
{
    start(HELPFUL);
    rig_freeze_database(&rig);
    for (int i = 0; i < 2; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/me", i ? "mrd_unknown" : "mrd_unknown_too", NULL, NULL);
        EXPECT(a, 401, "unauthenticated");
        cr_assert_eq(rig.lookups, i + 1);
    }
    rig.mood = AWAY;
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/me", "mrd_unknown_still", NULL, NULL);
        EXPECT(a, 503, "unavailable");
    }
}

/* The look for the position hangs as well, so that only a timer can end the wait for it. */
Test(api, a_frozen_database_keeps_no_reader_waiting_for_a_position)
{
    _cleanup_answer_ struct answer a = {0};

    rig_open_with(&rig, HELPFUL, true);
    sign_in();
    rig.read_json = "{\"number\":\"EU-1\",\"version\":8,\"as_of\":\"2026-11-23T00:00:00.000Z\",\"lag_ms\":0}";
    rig_ask(&rig, &a, "GET", "/api/v1/tickets/EU-1", "mrd_fresh", "Meridian-Lsn: 0/16B3748\r\n", NULL);
    EXPECT(a, 200, "");
    cr_assert_eq(rig.reads, 1);
}

Test(api, a_wrong_password_is_counted)
{
    start(HELPFUL);
    rig.conf.rate_sign_in = 1000;
    for (int i = 0; i < 20; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL, "{\"user\":\"x\",\"password\":\"wrong\"}");
        EXPECT(a, 401, "bad-credentials");
    }
    {
        _cleanup_answer_ struct answer a = {0}, other = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL, "{\"user\":\"x\",\"password\":\"right\"}");
        EXPECT(a, 429, "rate-limited");
        rig_ask(&rig, &other, "POST", "/api/v1/sessions", NULL, NULL,
                "{\"user\":\"y\",\"password\":\"right\"}");
        EXPECT(other, 201, "");
    }
}

static void expect_languages(const char *path, const char *token, const char *accept, const char *languages,
                             bool has_detail)
{
    _cleanup_answer_ struct answer a = {0};
    _cleanup_(freep) char *header = mem_printf("Accept-Language: %s\r\n", accept);

    rig_ask(&rig, &a, "POST", path, token, header, "{}");
    cr_assert_geq(a.status, 400);
    cr_expect_eq(answer_text(&a, "detail")[0] != 0, has_detail);
    cr_expect_str_eq(answer_header(&a, "Content-Language"), languages, "%s", path);
}

Test(api, a_problem_says_which_languages_are_in_it)
{
    start(HELPFUL);
    rig.command_status = E_BAD_TRANSITION;
    expect_languages("/api/v1/tickets/EU-1:claim", NULL, "zh", "zh, en", true);
    expect_languages("/api/v1/tickets/EU-1:claim", NULL, "en", "en", true);
    expect_languages("/api/v1/tickets/EU-1:claim", "agent-eu-1", "zh", "zh", false);
    expect_languages("/api/v1/tickets", "requester-eu-1", "zh", "zh, en", false); /* errors of fields */
}

/* A connection with a sign-in that nobody answers. */
static int sign_in_and_wait(void)
{
    static const char request[] =
        "POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
        "\r\nContent-Length: 31\r\n\r\n{\"user\":\"x\",\"password\":\"right\"}";
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_server_port(rig.intake.http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    cr_assert_eq(write(fd, request, sizeof request - 1), (ssize_t)sizeof request - 1);
    return fd;
}

static bool eight_wait(void *arg)
{
    (void)arg;
    return rig.nheld == 8;
}

static bool none_waits(void *arg)
{
    (void)arg;
    return rig.intake.sign_ins == 0;
}

Test(api, only_a_few_sign_ins_are_under_way_at_once)
{
    int fds[8];

    start(SILENT);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        fds[i] = sign_in_and_wait();
    rig_turn_until(&rig, eight_wait, NULL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL, "{\"user\":\"y\",\"password\":\"right\"}");
        EXPECT(a, 429, "rate-limited");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    }
    rig.mood = HELPFUL;
    rig_release(&rig);
    rig_turn_until(&rig, none_waits, NULL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/sessions", NULL, NULL, "{\"user\":\"y\",\"password\":\"right\"}");
        EXPECT(a, 201, "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
}

/* ---- submissions ---- */

Test(api, submissions_of_one_user_are_limited)
{
    start(HELPFUL);
    rig.conf.rate_submit = 1;
    for (int i = 0; i < 10; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
        EXPECT(a, 201, "");
        cr_assert_str_eq(answer_header(&a, "RateLimit-Policy"), "\"submit\";q=10;w=10");
    }
    {
        _cleanup_answer_ struct answer a = {0}, other = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
        EXPECT(a, 429, "rate-limited");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
        cr_assert_str_eq(answer_header(&a, "RateLimit"), "\"submit\";r=0;t=1");
        rig_ask(&rig, &other, "POST", "/api/v1/tickets", "requester-ap-1", NULL, GOOD);
        EXPECT(other, 201, "");
    }
}

Test(api, a_silent_authority_makes_it_202_after_the_patience)
{
    _cleanup_answer_ struct answer a = {0};
    int64_t begun;

    start(SILENT);
    rig.conf.submit_wait_us = 100 * US_PER_MS;
    begun = clock_monotonic_us();
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
    EXPECT(a, 202, "");
    cr_assert_geq(clock_monotonic_us() - begun, 100 * US_PER_MS);
    cr_assert(str_starts(str_from(answer_text(&a, "number")), STR("EU-")));
    cr_assert_str_eq(answer_text(&a, "state"), "new");
    cr_assert_eq(spool_depth(rig.intake.spool), 1);
}

Test(api, without_numbers_nothing_is_accepted)
{
    _cleanup_answer_ struct answer a = {0};

    start(AWAY);
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
    EXPECT(a, 503, "unavailable");
    cr_assert(strstr(answer_text(&a, "detail"), "numbers"));
    cr_assert_eq(spool_depth(rig.intake.spool), 0);
}

Test(api, the_same_key_while_it_is_in_the_spool)
{
    _cleanup_answer_ struct answer first = {0}, again = {0}, other = {0};

    start(SILENT);
    rig.conf.submit_wait_us = 1;
    rig_ask(&rig, &first, "POST", "/api/v1/tickets", "requester-eu-1", "Idempotency-Key: k1\r\n", GOOD);
    rig_ask(&rig, &again, "POST", "/api/v1/tickets", "requester-eu-1", "Idempotency-Key: k1\r\n",
            "{\"description\":\"d\", \"subject\":\"s\"}");
    rig_ask(&rig, &other, "POST", "/api/v1/tickets", "requester-eu-1", "Idempotency-Key: k1\r\n",
            "{\"subject\":\"t\",\"description\":\"d\"}");
    EXPECT(first, 202, "");
    EXPECT(again, 202, "");
    EXPECT(other, 422, "key-reused");
    cr_assert_str_eq(answer_text(&first, "number"), answer_text(&again, "number"));
    cr_assert_str_eq(answer_text(&first, "accepted_at"), answer_text(&again, "accepted_at"));
    cr_assert_eq(spool_depth(rig.intake.spool), 1);
}

static bool one_is_held(void *arg)
{
    (void)arg;
    return rig.nheld > 0;
}

static bool one_is_dead(void *arg)
{
    (void)arg;
    return spool_dead(rig.intake.spool) > 0;
}

static bool has_room(void *arg)
{
    (void)arg;
    return spool_has_room(rig.intake.spool) == 0;
}

#define KEY "Idempotency-Key: k1\r\n"

/* The client was told 202, and then the key turns out to have been used for another body. */
Test(api, what_was_promised_is_set_aside_when_it_cannot_be_kept)
{
    _cleanup_answer_ struct answer a = {0};

    start(SILENT);
    rig.conf.submit_wait_us = 1;
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    EXPECT(a, 202, "");
    rig_turn_until(&rig, one_is_held, NULL);
    rig.outcome = MERIDIAN__SUBMITTED__OUTCOME__CONFLICT;
    rig_speak(&rig);
    rig_turn_until(&rig, one_is_dead, NULL);
    cr_assert_eq(spool_dead(rig.intake.spool), 1);
}

/* The first caller still waits and hears 422, but a second one with the same key was told 202. */
Test(api, a_promise_to_a_second_caller_counts)
{
    _cleanup_answer_ struct answer first = {0}, second = {0};
    struct client *client;

    start(SILENT);
    rig.conf.submit_wait_us = 20 * US_PER_S;
    client = rig_send(&rig, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    rig_turn_until(&rig, one_is_held, NULL);
    rig_ask(&rig, &second, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    EXPECT(second, 202, "");
    rig.outcome = MERIDIAN__SUBMITTED__OUTCOME__CONFLICT;
    rig_speak(&rig);
    rig_receive(&rig, client, &first);
    EXPECT(first, 422, "key-reused");
    rig_turn_until(&rig, one_is_dead, NULL);
    cr_assert_eq(spool_dead(rig.intake.spool), 1);
}

/* Whoever was told is told: nothing is left for an operator. */
Test(api, a_refusal_that_was_heard_leaves_nothing)
{
    _cleanup_answer_ struct answer a = {0}, b = {0};

    start(HELPFUL);
    rig.outcome = MERIDIAN__SUBMITTED__OUTCOME__CONFLICT;
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    EXPECT(a, 422, "key-reused");
    rig.outcome = MERIDIAN__SUBMITTED__OUTCOME__COMMITTED;
    rig_ask(&rig, &b, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
    EXPECT(b, 201, "");
    cr_assert_eq(spool_dead(rig.intake.spool), 0);
}

/* The same key: the same answer, from memory, without a second number. */
Test(api, a_key_that_comes_again_is_answered_as_before)
{
    _cleanup_answer_ struct answer first = {0}, again = {0}, other = {0};

    start(HELPFUL);
    rig_ask(&rig, &first, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    rig_ask(&rig, &again, "POST", "/api/v1/tickets", "requester-eu-1", KEY,
            "{\"description\":\"d\", \"subject\":\"s\"}");
    rig_ask(&rig, &other, "POST", "/api/v1/tickets", "requester-eu-1", KEY,
            "{\"subject\":\"t\",\"description\":\"d\"}");
    EXPECT(first, 201, "");
    EXPECT(again, 201, "");
    EXPECT(other, 422, "key-reused");
    cr_assert_str_eq(buf_text(&first.body), buf_text(&again.body));
    cr_assert_eq(rig.submissions, 1);
}

/* The authority knows the key from another region: its answer is the one that was given there. */
Test(api, a_key_that_was_used_in_another_region_is_answered_as_there)
{
    static const char there[] = "{\"number\":\"AP-77\",\"key\":\"k1\",\"state\":\"new\",\"region\":\"ap\","
                                "\"accepted_at\":\"2026-11-23T02:51:00.123Z\"}";

    start(HELPFUL);
    rig.outcome = MERIDIAN__SUBMITTED__OUTCOME__DUPLICATE;
    for (int i = 0; i < 2; i++) { /* the second time from memory */
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
        EXPECT(a, 201, "");
        cr_assert_str_eq(buf_text(&a.body), there);
        cr_assert_str_eq(answer_header(&a, "Location"), "/api/v1/tickets/AP-77");
    }
    cr_assert_eq(rig.submissions, 1);
}

/* While nothing can be delivered the region's database is the only one that may know the key. */
Test(api, a_key_is_looked_up_while_the_authority_is_away)
{
    _cleanup_answer_ struct answer a = {0}, b = {0}, c = {0};

    start(HELPFUL);
    rig.mood = AWAY;
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD); /* from now on it is known */
    EXPECT(a, 202, "");
    ticket("AP-5");
    test_db_run(rig.db,
                "UPDATE desk.ticket SET region = 'ap', accepted_at = '2026-11-23T02:51:00.123Z',"
                " submission_key = encode(substring(sha256(convert_to(md5('requester-eu-1')::uuid ||"
                " ':k1', 'UTF8')) FOR 16), 'hex')::uuid,"
                " body_hash = sha256('{\"description\":\"d\",\"subject\":\"s\"}') WHERE number = 'AP-5'");
    rig_ask(&rig, &b, "POST", "/api/v1/tickets", "requester-eu-1", KEY, GOOD);
    EXPECT(b, 201, "");
    cr_assert_str_eq(buf_text(&b.body),
                     "{\"number\":\"AP-5\",\"key\":\"k1\",\"state\":\"new\",\"region\":\"ap\","
                     "\"accepted_at\":\"2026-11-23T02:51:00.123Z\"}");
    rig_ask(&rig, &c, "POST", "/api/v1/tickets", "requester-eu-1", KEY,
            "{\"subject\":\"t\",\"description\":\"d\"}");
    EXPECT(c, 422, "key-reused");
}

Test(api, a_key_belongs_to_its_sender_whoever_benefits)
{
    static const char *const bodies[] = {
        "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"requester-ap-1\"}",
        "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"requester-eu-1\"}",
        GOOD,
    };

    start(HELPFUL);
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "agent-eu-1", KEY, bodies[i]);
        EXPECT(a, i ? 422 : 201, i ? "key-reused" : "");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-ap-1", KEY, GOOD);
        EXPECT(a, 201, "");
    }
}

/* The disk is full, and then it is not: nothing has to be started anew. */
Test(api, a_disk_with_room_again_accepts_again)
{
    int refused = 0;

    start(HELPFUL);
    spool_limit(rig.intake.spool, INT64_MAX, 1000000);
    for (int i = 0; i < 2; i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
        EXPECT(a, 503, "spool-full");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
        refused++;
    }
    spool_limit(rig.intake.spool, 0, 1000000);
    rig_turn_until(&rig, has_room, NULL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
        EXPECT(a, 201, "");
    }
    cr_assert_eq(refused, 2);
}

/* Between the 202 and the commit: who submitted it hears that it is on its way, others that there is none. */
Test(api, a_ticket_that_is_not_committed_yet)
{
    _cleanup_answer_ struct answer a = {0}, mine = {0}, events = {0}, theirs = {0};
    char path[64];

    start(SILENT);
    rig.conf.submit_wait_us = 1;
    rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL, GOOD);
    EXPECT(a, 202, "");
    rig_turn_until(&rig, one_is_held, NULL);
    rig.mood = HELPFUL; /* but for the submission, which it still has in hand */
    snprintf(path, sizeof path, "/api/v1/tickets/%s", answer_text(&a, "number"));
    rig_ask(&rig, &mine, "GET", path, "requester-eu-1", NULL, NULL);
    EXPECT(mine, 404, "not-found");
    cr_assert_str_eq(answer_header(&mine, "Retry-After"), "1");
    cr_assert(strstr(answer_text(&mine, "detail"), "not committed yet"));
    rig_ask(&rig, &theirs, "GET", path, "requester-ap-1", NULL, NULL);
    EXPECT(theirs, 404, "not-found");
    cr_assert_str_eq(answer_header(&theirs, "Retry-After"), "");
    cr_assert_not(strstr(answer_text(&theirs, "detail"), "committed"));
    snprintf(path, sizeof path, "/api/v1/tickets/%s/events", answer_text(&a, "number"));
    rig_ask(&rig, &events, "GET", path, "requester-eu-1", NULL, NULL);
    cr_assert_str_eq(answer_header(&events, "Retry-After"), "1");
}

Test(api, a_key_is_accepted_although_the_database_hangs)
{
    _cleanup_answer_ struct answer a = {0}, b = {0};
    PGconn *locked;
    int64_t begun;

    start(HELPFUL);
    rig_ask(&rig, &a, "GET", "/api/v1/me", "requester-eu-1", NULL, NULL); /* known from now on */
    locked = lock("desk.ticket");
    begun = clock_monotonic_us();
    rig_ask(&rig, &b, "POST", "/api/v1/tickets", "requester-eu-1", "Idempotency-Key: k\r\n", GOOD);
    EXPECT(b, 201, "");
    cr_assert_lt(clock_monotonic_us() - begun, US_PER_S);
    PQfinish(locked);
}

Test(api, on_behalf_of_others)
{
    start(HELPFUL);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "agent-eu-1", NULL,
                "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"requester-ap-1\"}");
        EXPECT(a, 201, "");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL,
                "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"requester-ap-1\"}");
        EXPECT(a, 403, "forbidden");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "requester-eu-1", NULL,
                "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"requester-eu-1\"}");
        EXPECT(a, 201, "");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets", "agent-eu-1", NULL,
                "{\"subject\":\"s\",\"description\":\"d\",\"on_behalf_of\":\"nobody\"}");
        EXPECT(a, 422, "validation");
        cr_assert(strstr(buf_text(&a.body), "\"/on_behalf_of\""));
    }
}

/* ---- reads ---- */

Test(api, a_hanging_database_is_left_and_the_authority_asked)
{
    PGconn *locked;

    start(HELPFUL);
    ticket("EU-1");
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/tickets/EU-1", "requester-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_str_eq(answer_header(&a, "ETag"), "\"7\"");
        cr_assert(json_is_false(json_object_get(a.json, "stale")));
    }
    locked = lock("desk.ticket");
    rig.read_json = "{\"number\":\"EU-1\",\"version\":8,\"as_of\":\"2026-11-23T00:00:00.000Z\",\"lag_ms\":0}";
    for (int i = 0; i < 2; i++) {
        _cleanup_answer_ struct answer a = {0};
        int64_t begun = clock_monotonic_us();
        rig_ask(&rig, &a, "GET", "/api/v1/tickets/EU-1", "requester-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_str_eq(answer_header(&a, "ETag"), "\"8\"");
        cr_assert_lt(clock_monotonic_us() - begun, i ? 500 * US_PER_MS : 3 * US_PER_S,
                     "nobody else waits for what hangs");
    }
    cr_assert_eq(rig.reads, 2);
    PQfinish(locked);
}

Test(api, when_both_are_away_reads_are_503)
{
    _cleanup_answer_ struct answer a = {0}, b = {0};
    PGconn *locked;

    start(HELPFUL);
    rig_ask(&rig, &a, "GET", "/api/v1/me", "requester-eu-1", NULL, NULL);
    locked = lock("desk.ticket");
    rig.mood = AWAY;
    rig_ask(&rig, &b, "GET", "/api/v1/tickets", "requester-eu-1", NULL, NULL);
    EXPECT(b, 503, "unavailable");
    PQfinish(locked);
}

Test(api, status_is_the_authoritys_and_the_regions_when_that_is_away)
{
    start(HELPFUL);
    rig.read_json = "{\"instances\":[],\"replication\":[{\"name\":\"ap\"}],\"as_of\":\"x\",\"lag_ms\":0}";
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/status", "agent-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_str_eq(rig.last_document, "replication");
        cr_assert_eq(json_array_size(json_object_get(a.json, "replication")), 1);
    }
    rig.mood = AWAY;
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/status", "agent-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert(json_is_true(json_object_get(a.json, "stale")));
        cr_assert(json_is_null(json_object_get(a.json, "replication")));
        cr_assert_eq(json_integer_value(json_object_get(a.json, "cluster_epoch")), 1);
    }
}

/* The document has sentences, so each language has its own tag; and an old one is no proof of anything. */
Test(api, a_ticket_is_not_modified_in_its_language_and_while_it_is_fresh)
{
    static const struct {
        const char *headers;
        int status;
        const char *etag;
    } cases[] = {
        {"If-None-Match: \"7\"\r\n", 304, "\"7\""},
        {"If-None-Match: \"6\", W/\"7\"\r\n", 304, "\"7\""},
        {"If-None-Match: \"7\"\r\nAccept-Language: zh\r\n", 200, "\"7-zh\""},
        {"If-None-Match: \"7-zh\"\r\nAccept-Language: zh\r\n", 304, "\"7-zh\""},
        {"If-None-Match: \"7-zh\"\r\n", 200, "\"7\""},
    };

    start(HELPFUL);
    ticket("EU-1");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/tickets/EU-1", "requester-eu-1", cases[i].headers, NULL);
        cr_assert_eq(a.status, cases[i].status, "%zu", i);
        cr_assert_str_eq(answer_header(&a, "ETag"), cases[i].etag);
    }
    rig.conf.stale_after_us = -1; /* everything is old */
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/tickets/EU-1", "requester-eu-1", cases[0].headers, NULL);
        EXPECT(a, 200, "");
        cr_assert(json_is_true(json_object_get(a.json, "stale")));
    }
}

/* Most lists show fifty unless asked for fewer or more; one whose rows are long, no more than it allows. */
Test(api, a_page_has_no_more_rows_than_its_list_allows)
{
    start(HELPFUL);
    test_db_run(rig.db, "INSERT INTO desk.tzdata (version, zones) SELECT '2026' || chr(96 + n), '{}' FROM "
                        "generate_series(1, 6) n");
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/sla/tzdata", "lead-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_eq(json_array_size(json_object_get(a.json, "items")), 5);
        cr_assert(strstr(answer_header(&a, "Link"), "rel=\"next\""));
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/sla/tzdata?limit=6", "lead-eu-1", NULL, NULL);
        EXPECT(a, 400, "bad-request");
    }
}

/* ---- commands ---- */

Test(api, if_match_and_etag)
{
    static const char *const wrong[] = {
        "If-Match: 7\r\n",     "If-Match: W/\"7\"\r\n", "If-Match: W/\"7\", \"x\"\r\n",
        "If-Match: \"x\"\r\n", "If-Match: \"\"\r\n",    "If-Match: \"+7\"\r\n"};
    static const char *const right[] = {"If-Match: \"7\"\r\n", "If-Match: \"7-zh\"\r\n",
                                        "If-Match: \"7\", \"8\"\r\n",
                                        "If-Match: W/\"6\", \"x\",\"7\" , \"8-zh\"\r\n"};

    start(HELPFUL);
    rig.command_json = "{\"number\":\"EU-1\",\"state\":\"open\",\"version\":8}";
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets/EU-1:claim", "agent-eu-1", wrong[i], NULL);
        EXPECT(a, 412, "precondition-failed");
    }
    cr_assert_eq(rig.commands, 0);
    for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets/EU-1:claim", "agent-eu-1", right[i], NULL);
        EXPECT(a, 200, "");
        cr_assert_eq(rig.command_if_version, 7);
        cr_assert_eq(rig.command_if_versions, i >= 2, "the others of a list go with it");
        cr_assert_str_eq(answer_header(&a, "ETag"), "\"8\"");
        cr_assert_neq(answer_header(&a, "Meridian-Lsn")[0], 0);
    }
}

Test(api, a_refusal_carries_the_authoritys_words_and_members)
{
    _cleanup_answer_ struct answer a = {0};

    start(HELPFUL);
    rig.command_status = E_ALREADY_CLAIMED;
    rig.command_json = "{\"winner\":\"agent-ap-1\",\"epoch\":3}";
    rig_ask(&rig, &a, "POST", "/api/v1/tickets/eu-1%3Aclaim", "agent-eu-1", NULL, "{}");
    EXPECT(a, 409, "already-claimed");
    cr_assert_str_eq(answer_text(&a, "winner"), "agent-ap-1");
    cr_assert_eq(json_integer_value(json_object_get(a.json, "epoch")), 3);
    cr_assert_str_eq(rig.command_number, "EU-1", "numbers are taken in small letters, colons escaped");
}

Test(api, commands_without_an_authority_say_when_to_come_again)
{
    static const char *const paths[] = {"/api/v1/tickets/EU-1:claim", "/api/v1/queue:claim-next"};

    start(HELPFUL);
    rig.mood = AWAY;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", paths[i], "agent-eu-1", NULL, "{}");
        EXPECT(a, 503, "unavailable");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    }
}

Test(api, claim_next_of_nothing_has_no_body)
{
    _cleanup_answer_ struct answer a = {0};

    start(HELPFUL);
    rig_ask(&rig, &a, "POST", "/api/v1/queue:claim-next", "agent-eu-1", NULL, NULL);
    EXPECT(a, 204, "");
    cr_assert_eq(a.body.n, 0);
}

Test(api, times_in_the_past_are_refused)
{
    _cleanup_answer_ struct answer a = {0};

    start(HELPFUL);
    rig_ask(&rig, &a, "POST", "/api/v1/tickets/EU-1:pend", "agent-eu-1", NULL,
            "{\"epoch\":1,\"reason\":\"r\",\"until\":\"2001-01-01T00:00:00Z\"}");
    EXPECT(a, 422, "validation");
    cr_assert(strstr(buf_text(&a.body), "\"/until\""));
    cr_assert_eq(rig.commands, 0);
}

/* ---- event streams ---- */

static int open_stream(const char *login, int receive_bytes, const char *headers)
{
    _cleanup_buf_ struct buf request = BUF_INIT;
    int fd = rig_connect(http_server_port(rig.intake.http), receive_bytes);

    buf_printf(&request, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n",
               login, headers);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, request.p, request.n), (ssize_t)request.n);
    return fd;
}

static bool has_subscribers(void *arg)
{
    return feed_subscribers(rig.intake.feed) == *(int *)arg;
}

Test(api, one_user_has_a_few_event_streams)
{
    int fds[17], n = 16;

    start(HELPFUL);
    for (int i = 0; i < 16; i++)
        fds[i] = open_stream("agent-eu-1", 0, "");
    rig_turn_until(&rig, has_subscribers, &n);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/events", "agent-eu-1", NULL, NULL);
        EXPECT(a, 429, "rate-limited");
        cr_assert_str_eq(answer_header(&a, "Retry-After"), "1");
    }
    fds[n++] = open_stream("agent-ap-1", 0, "");
    rig_turn_until(&rig, has_subscribers, &n);
    close(fds[0]);
    n--;
    rig_turn_until(&rig, has_subscribers, &n);
    fds[0] = open_stream("agent-eu-1", 0, "");
    n++;
    rig_turn_until(&rig, has_subscribers, &n);
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

/* Reads what is there; the loop turns meanwhile. */
static void read_some(int fd, struct buf *all)
{
    char bytes[65536];
    ssize_t n;

    uv_run(&rig.loop, UV_RUN_NOWAIT);
    while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        buf_add(all, bytes, (size_t)n);
    cr_assert(n < 0, "the stream was cut");
}

/* Four megabytes for a client that takes them when it likes: nothing is lost, and it is not cut. */
Test(api, a_slow_reader_of_events_gets_them_all_in_order)
{
    enum { EVENTS = 4000 };
    _cleanup_buf_ struct buf all = BUF_INIT;
    int fd, n = 1, seen = 0, subscribers = 1;

    start(HELPFUL);
    ticket("EU-1");
    test_db_runf(
        rig.db,
        "INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)"
        " SELECT (1::bigint << 20) + n, md5('EU-1')::uuid, n + 1, 'ticket.noted', now(),"
        " md5('agent-eu-1')::uuid, 'agent-eu-1', true, jsonb_build_object('x', repeat('y', 1000), 'n', n), ''"
        " FROM generate_series(0, %d) n",
        EVENTS);
    fd = open_stream("agent-eu-1", 4096, "Last-Event-ID: 1048576\r\n");
    rig_turn_until(&rig, has_subscribers, &subscribers);
    while (seen < EVENTS) {
        char next[32];
        const char *at;
        read_some(fd, &all);
        snprintf(next, sizeof next, "\nid: %d\n", 1048576 + n);
        while ((at = strstr(buf_text(&all), next))) {
            seen++, n++;
            buf_consume(&all, (size_t)(at - all.p) + 1);
            snprintf(next, sizeof next, "\nid: %d\n", 1048576 + n);
        }
    }
    close(fd);
}

/* ---- small print ---- */

Test(api, methods_headers_and_traces)
{
    start(HELPFUL);
    ticket("EU-1");
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "HEAD", "/api/v1/tickets/EU-1", "requester-eu-1", NULL, NULL);
        EXPECT(a, 200, "");
        cr_assert_eq(a.body.n, 0);
        cr_assert_str_eq(answer_header(&a, "ETag"), "\"7\"");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "OPTIONS", "/api/v1/tickets", "requester-eu-1", NULL, NULL);
        cr_assert_eq(a.status, 405);
        cr_assert_str_eq(answer_header(&a, "Allow"), "POST, GET, HEAD");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/nothing", NULL,
                "X-Request-Id: mine-1\r\ntraceparent: 00-00000000000000000000000000000000-1-01\r\n", NULL);
        EXPECT(a, 404, "not-found");
        cr_assert_str_eq(answer_header(&a, "X-Request-Id"), "mine-1");
        cr_assert_eq(strlen(answer_text(&a, "trace_id")), 32);
        cr_assert(strspn(answer_text(&a, "trace_id"), "0") < 32, "an invalid trace is replaced");
        cr_assert_str_eq(answer_text(&a, "instance"), "/api/v1/nothing");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/", NULL, "Accept-Language: zh\r\n", NULL);
        cr_assert_eq(a.status, 200);
        cr_assert_str_eq(answer_header(&a, "Content-Language"), "zh");
    }
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "GET", "/api/v1/tickets", "requester-eu-1", "Meridian-Lsn: nonsense\r\n", NULL);
        EXPECT(a, 400, "bad-request");
    }
}
