/* Attempts to fetch feeds of holidays from a real HTTP server: what came, what is told of it, and everything
 * that goes wrong on the way. What a router makes of it is tested in tests/db/router/test_feeds.c. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include "metrics/metrics.h"
#include "servers.h"
#include "sla/fetcher.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};

static const char ics[] = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Christmas\r\n"
                          "DTSTART;VALUE=DATE:20001225\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n"
                          "BEGIN:VEVENT\r\nSUMMARY:School Break\r\nDTSTART;VALUE=DATE:20001227\r\n"
                          "RRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

struct field {
    struct test_db *db;
    PGconn *eyes;
    uv_loop_t loop;
    struct db_pool *pool;
    struct receiver *server;
    struct address_guard *guard;
    struct fetcher *fetcher, *other;
    char url[64];
    const char *until;
};

static struct fetcher *start(struct field *f)
{
    const struct fetcher_options options = {.loop = &f->loop,
                                            .pool = f->pool,
                                            .guard = f->guard,
                                            .timeout_us = 1 * US_PER_S,
                                            .every_us = 20 * US_PER_MS};
    struct fetcher *fetcher;

    cr_assert_eq(fetcher_open(&options, &fetcher), 0);
    return fetcher;
}

static void field_open(struct field *f, const char *allow)
{
    _cleanup_buf_ struct buf problem = BUF_INIT;

    *f = (struct field){.db = test_db_new(), .server = receiver_http()};
    f->eyes = desk_connect(f->db);
    f->pool = test_db_pool(f->db, test_loop_init(&f->loop), "meridian_sla", lists, 2);
    cr_assert_eq(address_guard_new(allow, &f->guard, &problem), 0);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/de.ics", receiver_port(f->server));
    f->fetcher = start(f);
}

static void field_close(struct field *f)
{
    fetcher_stop(f->fetcher);
    db_pool_close(f->pool);
    fetcher_close(f->fetcher);
    fetcher_close(f->other);
    address_guard_free(f->guard);
    test_loop_close(&f->loop);
    receiver_close(f->server);
    PQfinish(f->eyes);
    test_db_free(f->db);
}

/* A feed that is due now. */
static void add_feed(struct field *f, const char *name, const char *url)
{
    test_db_runf(f->db,
                 "INSERT INTO desk.calendar_feed (name, config) VALUES ('%s', jsonb_build_object('url', "
                 "'%s', 'every_s', 86400, 'zone', 'Europe/Berlin', 'except', jsonb_build_array('break')))",
                 name, url);
}

static void due_again(struct field *f)
{
    test_db_run(f->db, "UPDATE desk.calendar_feed SET next_at = now(), fetched = NULL");
}

static bool holds(void *arg)
{
    struct field *f = arg;
    PGresult *result = PQexec(f->eyes, f->until);
    bool is;

    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", f->until, PQerrorMessage(f->eyes));
    is = PQntuples(result) && strtol(PQgetvalue(result, 0, 0), NULL, 10) > 0;
    PQclear(result);
    return is;
}

static void wait_until(struct field *f, const char *query)
{
    f->until = query;
    test_loop_until(&f->loop, holds, f, 20000);
}

static void expect_error(struct field *f, const char *error)
{
    const char *text;

    wait_until(f, "SELECT count(*) FROM desk.calendar_feed WHERE error IS NOT NULL AND leased_until IS NULL");
    text = test_db_text(f->db, "SELECT error FROM desk.calendar_feed");
    cr_expect_not_null(strstr(text, error), "%s, not %s", text, error);
    test_db_run(f->db, "UPDATE desk.calendar_feed SET error = NULL");
}

static double attempts(const char *outcome)
{
    return metric_read(metric_counter("meridian_sla_feed_attempts_total", "Attempts.", "outcome"), outcome);
}

static bool counted(void *arg)
{
    return attempts(((struct field *)arg)->until) > 0;
}

static bool asked_with(struct field *f, int i, const char *header)
{
    _cleanup_buf_ struct buf request = BUF_INIT;

    receiver_message(f->server, i, &request);
    return strstr(buf_text(&request), header);
}

Test(fetcher, days_come_and_wait_for_a_router)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
                  ics);
    add_feed(&f, "DE", f.url);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    cr_expect_str_eq(test_db_text(f.db,
                                  "SELECT DISTINCT (d ->> 'name') || (d ->> 'isOffDay') || substr(d ->> "
                                  "'date', 5) FROM desk.calendar_feed, jsonb_array_elements(fetched -> "
                                  "'days') d"),
                     "Christmastrue-12-25", "and no break");
    cr_expect_eq(test_db_int(f.db, "SELECT jsonb_array_length(fetched -> 'days') FROM desk.calendar_feed"), 5,
                 "from last year to three years ahead");
    cr_expect_eq(test_db_int(f.db, "SELECT count(*) FROM desk.calendar_feed WHERE leased_until IS NULL AND "
                                   "attempt = 1 AND etag = '\"v1\"' AND last_modified LIKE 'Thu%' AND "
                                   "next_at > now() + interval '23 hours'"),
                 1);
    cr_expect_eq(receiver_count(f.server), 1, "it is not asked again while it waits");
    cr_expect(asked_with(&f, 0, "GET /de.ics HTTP/1.1\r\n") && asked_with(&f, 0, "User-Agent: Meridian/"));
    cr_expect_not(asked_with(&f, 0, "If-None-Match"));
    field_close(&f);
}

Test(fetcher, what_is_known_is_not_sent_again)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT",
                  ics);
    add_feed(&f, "DE", f.url);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    receiver_says(f.server, "HTTP/1.1 304 Not Modified", "");
    due_again(&f);
    wait_until(&f, "SELECT count(*) FROM desk.calendar_feed WHERE succeeded_at IS NOT NULL");
    cr_expect(asked_with(&f, 1, "If-None-Match: \"v1\"\r\n"));
    cr_expect(asked_with(&f, 1, "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n"));
    cr_expect_eq(test_db_int(f.db, "SELECT count(fetched) FROM desk.calendar_feed"), 0);
    cr_expect_eq(attempts("unchanged"), 1);
    test_db_run(f.db, "UPDATE desk.calendar_feed SET fetched_at = fetched_at - interval '1 year'");
    due_again(&f);
    expect_error(&f, "http 304");
    cr_expect_not(asked_with(&f, 2, "If-None-Match"), "in another year there are other years to read");
    field_close(&f);
}

/* The database takes no word of an attempt that another one has followed, or cannot be told at all. */
Test(fetcher, what_comes_to_nothing_is_counted)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    test_db_run(f.db,
                "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.attempt "
                "> 1 THEN RAISE 'no'; END IF; RETURN NULL; END $$");
    test_db_run(f.db, "CREATE TRIGGER no BEFORE UPDATE ON desk.calendar_feed FOR EACH ROW WHEN "
                      "(OLD.leased_until IS NOT NULL AND NEW.leased_until IS NULL) EXECUTE FUNCTION "
                      "public.no()");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK", ics);
    add_feed(&f, "DE", f.url);
    f.until = "late";
    test_loop_until(&f.loop, counted, &f, 20000);
    cr_expect_eq(attempts("fetched"), 0);
    test_db_run(f.db, "ALTER TABLE desk.calendar_feed DISABLE TRIGGER no");
    test_db_run(f.db, "UPDATE desk.calendar_feed SET leased_until = now() - interval '1 s'");
    test_db_run(f.db, "ALTER TABLE desk.calendar_feed ENABLE TRIGGER no");
    f.until = "lost";
    test_loop_until(&f.loop, counted, &f, 20000);
    cr_expect_eq(test_db_int(f.db, "SELECT count(fetched) FROM desk.calendar_feed"), 0);
    field_close(&f);
}

Test(fetcher, json_is_read_too)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK",
                  "{\"days\": [{\"name\": \"a\", \"date\": \"2026-12-19\", "
                  "\"isOffDay\": false}, {\"date\": \"2026-12-20\", "
                  "\"isOffDay\": true}, {\"date\": \"1999-12-20\", "
                  "\"isOffDay\": true}]}");
    add_feed(&f, "CN", f.url);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    cr_expect_str_eq(test_db_text(f.db, "SELECT fetched ->> 'days' FROM desk.calendar_feed"),
                     "[{\"date\": \"2026-12-19\", \"name\": \"a\", \"isOffDay\": false}, {\"date\": "
                     "\"2026-12-20\", \"isOffDay\": true}]");
    field_close(&f);
}

Test(fetcher, failures_are_told_and_rest_ever_longer)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_TEMPORARY);
    add_feed(&f, "DE", f.url);
    expect_error(&f, "http 500");
    cr_expect_eq(test_db_int(f.db, "SELECT failures FROM desk.calendar_feed"), 1);
    cr_expect_eq(test_db_int(f.db,
                             "SELECT (next_at - now() BETWEEN interval '50 s' AND interval '60 s')::int "
                             "FROM desk.calendar_feed"),
                 1);
    due_again(&f);
    expect_error(&f, "http 500");
    cr_expect_eq(test_db_int(f.db, "SELECT (next_at - now() BETWEEN interval '110 s' AND interval '120 "
                                   "s')::int FROM desk.calendar_feed"),
                 1);
    test_db_run(f.db, "UPDATE desk.calendar_feed SET failures = 1000");
    due_again(&f);
    expect_error(&f, "http 500");
    cr_expect_eq(test_db_int(f.db,
                             "SELECT (next_at - now() BETWEEN interval '23 h' AND interval '24 h')::int "
                             "FROM desk.calendar_feed"),
                 1, "but never longer than it would be asked for anyway");
    receiver_script(f.server, NULL, 0, ACT_PERMANENT);
    due_again(&f);
    expect_error(&f, "http 404");
    receiver_script(f.server, NULL, 0, ACT_HANG_UP);
    due_again(&f);
    expect_error(&f, "http: ");
    receiver_script(f.server, NULL, 0, ACT_HANG);
    due_again(&f);
    expect_error(&f, "Timeout was reached");
    receiver_script(f.server, NULL, 0, ACT_FLOOD);
    due_again(&f);
    expect_error(&f, "is longer than 1048576 bytes");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK", "<html>Please sign in</html>");
    due_again(&f);
    expect_error(&f, "line 1: ");
    cr_expect_eq(test_db_int(f.db, "SELECT count(fetched) + count(succeeded_at) FROM desk.calendar_feed"), 0);
    receiver_says(f.server, "HTTP/1.1 200 OK", ics);
    due_again(&f);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    field_close(&f);
}

Test(fetcher, redirects_are_followed_and_not_inside)
{
    enum act once[] = {ACT_REDIRECT, ACT_SAY};
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_says(f.server, "HTTP/1.1 200 OK", ics);
    receiver_script(f.server, once, 2, ACT_REDIRECT);
    add_feed(&f, "DE", f.url);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    cr_expect(asked_with(&f, 1, "GET /elsewhere HTTP/1.1\r\n"));
    due_again(&f);
    expect_error(&f, "http: Number of redirects hit maximum amount");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/metadata", "");
    due_again(&f);
    expect_error(&f, "the address is private or reserved (MERIDIAN_FEED_ALLOW)");
    receiver_says(f.server, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd", "");
    due_again(&f);
    expect_error(&f, "http: ");
    field_close(&f);
}

Test(fetcher, private_addresses_are_refused)
{
    struct field f;

    field_open(&f, "");
    add_feed(&f, "DE", f.url);
    expect_error(&f, "the address is private or reserved (MERIDIAN_FEED_ALLOW)");
    test_db_run(f.db,
                "UPDATE desk.calendar_feed SET config = config || '{\"url\": \"http://localhost:1/\"}'");
    due_again(&f);
    expect_error(&f, "the address is private or reserved (MERIDIAN_FEED_ALLOW)");
    cr_expect_eq(receiver_connections(f.server), 0);
    field_close(&f);
}

Test(fetcher, of_two_schedulers_one_asks)
{
    enum { FEEDS = 20 };
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_SAY);
    receiver_says(f.server, "HTTP/1.1 200 OK", ics);
    f.other = start(&f);
    for (int i = 0; i < FEEDS; i++) {
        char name[16];

        snprintf(name, sizeof name, "F%d", i);
        add_feed(&f, name, f.url);
    }
    wait_until(&f, "SELECT (count(fetched) = 20)::int FROM desk.calendar_feed");
    cr_expect_eq(receiver_count(f.server), FEEDS);
    cr_expect_eq(test_db_int(f.db, "SELECT max(attempt) FROM desk.calendar_feed"), 1);
    field_close(&f);
}

static bool has_come(void *arg)
{
    const struct field *f = arg;

    return receiver_count(f->server) > 0;
}

/* The first dies between asking and telling; its lease is two seconds. */
Test(fetcher, who_dies_in_the_middle_is_followed_by_another)
{
    struct field f;

    field_open(&f, "127.0.0.1/32");
    receiver_says(f.server, "HTTP/1.1 200 OK", ics);
    receiver_script(f.server, (enum act[]){ACT_HANG}, 1, ACT_SAY);
    add_feed(&f, "DE", f.url);
    test_loop_until(&f.loop, has_come, &f, 10000);
    fetcher_stop(f.fetcher);
    fetcher_close(f.fetcher);
    cr_expect_eq(test_db_int(f.db, "SELECT count(leased_until) FROM desk.calendar_feed"), 1);
    f.fetcher = start(&f);
    wait_until(&f, "SELECT count(fetched) FROM desk.calendar_feed");
    cr_expect_eq(test_db_int(f.db, "SELECT attempt FROM desk.calendar_feed"), 2);
    cr_expect_eq(test_db_int(f.db, "SELECT desk.feed_told('DE', 1, NULL, NULL, NULL, 'late')::int"), 0,
                 "what is told of the first counts no more");
    cr_expect_eq(test_db_int(f.db, "SELECT desk.feed_told('DE', 2, NULL, NULL, NULL, 'twice')::int"), 0);
    cr_expect_eq(test_db_int(f.db, "SELECT count(error) FROM desk.calendar_feed"), 0);
    field_close(&f);
}

Test(fetcher, an_end_in_the_middle_and_a_database_that_is_away)
{
    struct field f;
    _cleanup_buf_ struct buf text = BUF_INIT;

    field_open(&f, "127.0.0.1/32");
    receiver_script(f.server, NULL, 0, ACT_TEMPORARY);
    add_feed(&f, "DE", f.url);
    expect_error(&f, "http 500");
    test_db_run(f.db, "UPDATE desk.calendar_feed SET error = 'x', next_at = now()");
    wait_until(&f, "SELECT (failures = 2)::int FROM desk.calendar_feed");
    test_db_run(f.db, "ALTER TABLE desk.calendar_feed RENAME TO feed_away");
    receiver_script(f.server, NULL, 0, ACT_HANG);
    test_db_run(f.db, "ALTER TABLE desk.feed_away RENAME TO calendar_feed");
    due_again(&f);
    wait_until(&f, "SELECT count(leased_until) FROM desk.calendar_feed");
    fetcher_describe(f.fetcher, &text);
    cr_expect_str_eq(buf_text(&text), "feeds of holidays: 1, failing 1, held for review 0\n");
    field_close(&f); /* while the server has not answered */
}
