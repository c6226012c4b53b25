/* The API as a client meets it, beyond what the end-to-end tests reach: an authority or a database in odd
 * moods, limits, headers. */
#include "base/clock.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include "rig.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libpq-fe.h>
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

/* ---- commands ---- */

Test(api, if_match_and_etag)
{
    static const char *const wrong[] = {"If-Match: 7\r\n", "If-Match: W/\"7\"\r\n",
                                        "If-Match: \"7\", \"8\"\r\n", "If-Match: \"x\"\r\n",
                                        "If-Match: \"\"\r\n"};

    start(HELPFUL);
    rig.command_json = "{\"number\":\"EU-1\",\"state\":\"open\",\"version\":8}";
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets/EU-1:claim", "agent-eu-1", wrong[i], NULL);
        EXPECT(a, 412, "precondition-failed");
    }
    cr_assert_eq(rig.commands, 0);
    {
        _cleanup_answer_ struct answer a = {0};
        rig_ask(&rig, &a, "POST", "/api/v1/tickets/EU-1:claim", "agent-eu-1", "If-Match: \"7\"\r\n", NULL);
        EXPECT(a, 200, "");
        cr_assert_eq(rig.command_if_version, 7);
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
