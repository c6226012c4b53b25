/* Feeds of holidays at the router: which there are when a plan is applied, what becomes of the days that a
 * scheduler fetched, and that each of them counts once. */
#include "base/clock.h"
#include "base/memory.h"
#include "desk.h"
#include <criterion/criterion.h>
#include <stdio.h>

#define CALENDARS                                                                                            \
    "\"calendars\":{\"a\":{\"zone\":\"Europe/Berlin\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]},"         \
    "\"closed\":[\"2050-01-03\"]%s},\"b\":{\"zone\":\"UTC\",\"weekly\":{\"tue\":[[\"09:00\",\"17:00\"]]}}}"
#define POLICIES                                                                                             \
    "\"policies\":[{\"name\":\"all\",\"targets\":{\"first_response\":{\"amount\":\"1h\"},\"resolve\":{"      \
    "\"amount\":\"%dh\"}}}]"
#define FEEDS                                                                                                \
    "\"feeds\":{\"DE\":{\"url\":\"https://feeds.example/de.ics\",\"calendars\":[\"a\"],\"every\":\"6h\","    \
    "\"except\":[\"Break\"]}}"
#define DAYS(...) "{\"from\":2049,\"to\":2051,\"days\":[" __VA_ARGS__ "]}"
#define OFF(date) "{\"date\":\"" date "\",\"name\":\"x\",\"isOffDay\":true}"

/* A plan with a feed; `hours` makes one differ from another, `imported` is a member of calendar a or "". */
static const char *plan(int hours, const char *imported)
{
    static char text[1024];

    snprintf(text, sizeof text, "{" CALENDARS "," POLICIES "," FEEDS "}", imported, hours);
    return text;
}

static void come(struct desk *desk, const char *days)
{
    test_db_runf(desk->db,
                 "UPDATE desk.calendar_feed SET fetched = '%s', fetched_at = now(), leased_until = NULL, "
                 "etag = 'e' WHERE name = 'DE'",
                 days);
}

static bool is_judged(void *arg)
{
    struct desk *desk = arg;
    PGresult *result = PQexec(desk->pg, "SELECT count(fetched) FROM desk.calendar_feed");
    bool is;

    cr_assert_eq(PQntuples(result), 1, "%s", PQerrorMessage(desk->pg));
    is = strcmp(PQgetvalue(result, 0, 0), "0") == 0;
    PQclear(result);
    return is;
}

static void judged(struct desk *desk, const char *days)
{
    come(desk, days);
    test_loop_until(&desk->loop, is_judged, desk, 20000);
}

static int64_t version(struct desk *desk)
{
    return test_db_int(desk->db, "SELECT max(version) FROM desk.sla_plan");
}

static const char *feed(struct desk *desk, const char *expression)
{
    char sql[512];

    snprintf(sql, sizeof sql, "SELECT (%s)::text FROM desk.calendar_feed WHERE name = 'DE'", expression);
    return test_db_text(desk->db, sql);
}

static const char *imported(struct desk *desk)
{
    return test_db_text(desk->db, "SELECT document #>> '{calendars,a,imported,DE,closed}' FROM desk.sla_plan "
                                  "ORDER BY version DESC LIMIT 1");
}

static bool has_imported(void *arg)
{
    const char *days = imported(arg);

    return days && *days;
}

/* The i-th of many dates. */
#define DATE  "\"%04d-%02d-%02d\""
#define OF(i) 2040 + (i) / 336, (i) / 28 % 12 + 1, (i) % 28 + 1

Test(feeds, a_plan_brings_its_feeds)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    cr_expect_str_eq(feed(&desk, "config"),
                     "{\"url\": \"https://feeds.example/de.ics\", \"zone\": \"Europe/Berlin\", \"except\": "
                     "[\"Break\"], \"every_s\": 21600, \"calendars\": [\"a\"]}");
    test_db_run(desk.db, "UPDATE desk.calendar_feed SET next_at = now() + interval '1 h', attempt = 5, "
                         "leased_until = now() + interval '1 h', etag = 'e'");
    desk_plan(&desk, plan(2, ""));
    cr_expect_str_eq(feed(&desk, "attempt || ' ' || (next_at <= now()) || (leased_until IS NULL) || (etag IS "
                                 "NULL)"),
                     "6 truetruetrue", "all are due, and what is under way does not count");
    desk_plan(&desk, "{\"policies\":[]}");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.calendar_feed"), 0);
    desk_close(&desk);
}

Test(feeds, what_comes_makes_the_next_plan)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    judged(&desk, DAYS(OFF("2050-01-10") "," OFF("2050-01-17")));
    cr_expect_eq(version(&desk), 3);
    cr_expect_str_eq(imported(&desk), "[\"2050-01-10\", \"2050-01-17\"]");
    cr_expect_str_eq(test_db_text(desk.db, "SELECT applied_by FROM desk.sla_plan WHERE version = 3"),
                     "system:feeds");
    cr_expect_str_eq(
        test_db_text(desk.db, "SELECT calendar_versions::text FROM desk.sla_plan WHERE version = 3"),
        "{\"a\": 3, \"b\": 2}");
    cr_expect_str_eq(feed(&desk, "plan_version || ' ' || failures || (succeeded_at IS NOT NULL) || etag"),
                     "3 0truee");
    judged(&desk, DAYS(OFF("2050-01-10") "," OFF("2050-01-17")));
    cr_expect_eq(version(&desk), 3, "what is known changes nothing");
    desk_ticket(&desk);
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) FROM desk.event WHERE data ->> 'plan' = '3'"), 1,
                 "a ticket counts by it");
    desk_check(&desk);
    desk_close(&desk);
}

Test(feeds, too_much_at_once_is_held)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    judged(&desk, DAYS(OFF("2050-01-10") "," OFF("2050-01-17") "," OFF("2050-01-24")));
    judged(&desk, DAYS(OFF("2050-01-10")));
    cr_expect_eq(version(&desk), 3);
    cr_expect_str_eq(feed(&desk, "held"),
                     "{\"after\": 1, \"before\": 3, \"reason\": \"drops_dates\", \"calendar\": \"a\"}");
    cr_expect_str_eq(feed(&desk, "(held_at IS NOT NULL) || ' ' || (error IS NULL)"), "true true");
    desk_plan(&desk, plan(1, ",\"imported\":{\"DE\":{\"closed\":[\"2050-01-10\"],\"open\":{},\"names\":{"
                             "\"2050-01-10\":\"x\"}}}")); /* somebody has looked */
    judged(&desk, DAYS(OFF("2050-01-10")));
    cr_expect_null(feed(&desk, "held"), "and then it is not held any more");
    cr_expect_eq(version(&desk), 4);
    desk_close(&desk);
}

Test(feeds, what_changes_too_often_is_held)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    test_db_run(desk.db, "UPDATE desk.calendar_feed SET made = ARRAY(SELECT now() - i * interval '1 h' FROM "
                         "generate_series(0, 23) i)");
    judged(&desk, DAYS(OFF("2050-01-10")));
    cr_expect_eq(version(&desk), 2);
    cr_expect_str_eq(feed(&desk, "held"),
                     "{\"after\": 25, \"before\": 24, \"reason\": \"too_often\", \"calendar\": \"a\"}");
    cr_expect_null(feed(&desk, "etag"), "what has not changed since comes again as well");
    test_db_run(desk.db, "UPDATE desk.calendar_feed SET made[24] = now() - interval '24 h'");
    judged(&desk, DAYS(OFF("2050-01-10")));
    cr_expect_eq(version(&desk), 3, "a day later it may again");
    cr_expect_str_eq(feed(&desk, "(held IS NULL) || ' ' || cardinality(made)"), "true 24");
    desk_close(&desk);
}

/* A failure that is the feed's own, whatever it is: here the database takes no verdict on it. */
Test(feeds, one_that_fails_keeps_no_other_waiting)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    test_db_run(desk.db, "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
                         "'no'; END $$");
    test_db_run(desk.db, "CREATE TRIGGER no BEFORE UPDATE OF fetched ON desk.calendar_feed FOR EACH ROW WHEN "
                         "(OLD.name = 'AA' AND NEW.fetched IS NULL) EXECUTE FUNCTION public.no()");
    test_db_run(desk.db, "INSERT INTO desk.calendar_feed (name, config, fetched) VALUES ('AA', '{}', '" DAYS(
                             OFF("2050-02-30")) "')");
    come(&desk, DAYS(OFF("2050-01-10")));
    test_loop_until(&desk.loop, has_imported, &desk, 20000);
    cr_expect_str_eq(imported(&desk), "[\"2050-01-10\"]");
    cr_expect_eq(test_db_int(desk.db, "SELECT count(fetched) FROM desk.calendar_feed"), 1, "AA waits");
    desk_close(&desk);
}

/* What feeds brought and what somebody writes may fit alone and not together. */
Test(feeds, a_plan_is_judged_with_what_they_brought)
{
    enum { DAYS_THERE = 3000 };
    _cleanup_buf_ struct buf there = BUF_INIT, big = BUF_INIT;
    struct desk desk;
    struct answer *a;

    buf_add_text(&there, ",\"imported\":{\"DE\":{\"closed\":[");
    for (int i = 0; i < DAYS_THERE; i++)
        buf_printf(&there, "%s" DATE, i ? "," : "", OF(i));
    buf_add_text(&there, "],\"open\":{},\"names\":{");
    for (int i = 0; i < DAYS_THERE; i++)
        buf_printf(&there, "%s" DATE ":\"a day off that has a name of some length, 48 B\"", i ? "," : "",
                   OF(i));
    buf_add_text(&there, "}}}");
    desk_open(&desk, 2);
    buf_printf(&big, "{" CALENDARS "," POLICIES "," FEEDS "}", buf_text(&there), 1);
    desk_plan(&desk, buf_text(&big));
    buf_reset(&there);
    buf_add_text(&there, ",\"yearly\":[\"12-25\"],\"open\":{");
    for (int i = 0; i < DAYS_THERE; i++)
        buf_printf(&there, "%s" DATE ":[[\"09:00\",\"12:00\"]]", i ? "," : "", OF(i));
    buf_add_text(&there, "}");
    buf_reset(&big);
    buf_printf(&big, "{" CALENDARS "," POLICIES "," FEEDS "}", buf_text(&there), 1);
    a = desk_wait(&desk, desk_send_plan(&desk, "admin", buf_text(&big), 2));
    cr_expect_eq(a->status, E_VALIDATION, "%d", a->status);
    cr_expect_not_null(strstr(a->json, "with what feeds of holidays brought"), "%s", a->json);
    cr_expect_eq(version(&desk), 2);
    desk_close(&desk);
}

Test(feeds, what_cannot_be_taken_is_told)
{
    struct desk desk;
    _cleanup_buf_ struct buf days = BUF_INIT;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    judged(&desk, DAYS(OFF("2050-02-30")));
    cr_expect_str_eq(feed(&desk, "error"), "/days/0/date: must be a date that exists, as \"2026-04-03\"");
    cr_expect_str_eq(feed(&desk, "failures || ' ' || (etag IS NULL)"), "1 true",
                     "it is to be sent again, whole");
    buf_add_text(&days, "UPDATE desk.calendar_feed SET fetched = '{\"from\":2040,\"to\":2059,\"days\":[");
    for (int i = 0; i < 20 * 12 * 28; i++) /* as many names as do not fit */
        buf_printf(&days, "%s{\"date\":\"%04d-%02d-%02d\",\"isOffDay\":true,\"name\":\"%s\"}", i ? "," : "",
                   2040 + i / 336, i / 28 % 12 + 1, i % 28 + 1, "a holiday that has a name of some length");
    buf_add_text(&days, "]}'");
    test_db_run(desk.db, buf_text(&days));
    test_loop_until(&desk.loop, is_judged, &desk, 20000);
    cr_expect_not_null(strstr(feed(&desk, "error"), "4096 are allowed"), "%s", feed(&desk, "error"));
    cr_expect_eq(version(&desk), 2);
    judged(&desk, DAYS(OFF("2050-01-10")));
    cr_expect_str_eq(feed(&desk, "failures || ' ' || (error IS NULL)"), "0 true");
    desk_close(&desk);
}

Test(feeds, what_they_brought_stays_in_a_plan_that_does_not_have_it)
{
    struct desk desk;

    desk_open(&desk, 2);
    desk_plan(&desk, plan(1, ""));
    judged(&desk, DAYS(OFF("2050-01-10")));
    desk_plan(&desk, plan(2, ""));
    cr_expect_eq(version(&desk), 4);
    cr_expect_str_eq(imported(&desk), "[\"2050-01-10\"]");
    desk_plan(&desk, plan(2, ""));
    cr_expect_eq(version(&desk), 4, "delivered again, nothing changes");
    desk_close(&desk);
}

Test(feeds, of_two_routers_one_takes_it, .timeout = 120)
{
    struct desk desk, other;

    desk_open(&desk, 2);
    desk_second(&other, &desk);
    desk_plan(&desk, plan(1, ""));
    for (int i = 0; i < 3; i++) {
        char days[200];

        snprintf(days, sizeof days, DAYS(OFF("2050-01-10") "," OFF("2050-01-17") "," OFF("2050-02-%02d")),
                 i + 7);
        come(&desk, days);
        while (!is_judged(&desk)) {
            uv_run(&desk.loop, UV_RUN_NOWAIT);
            uv_run(&other.loop, UV_RUN_NOWAIT);
        }
        cr_assert_eq(version(&desk), 3 + i);
    }
    desk_second_close(&other, &desk);
    desk_close(&desk);
}

/* An administrator's plan and a feed's at the same time: whoever is second does not undo the first. */
Test(feeds, beside_an_administrator, .timeout = 120)
{
    enum { ROUNDS = 8 };
    struct desk desk;

    desk_open(&desk, 4);
    desk_plan(&desk, plan(1, ""));
    for (int i = 1; i <= ROUNDS; i++) {
        char days[200];
        struct answer *a;

        snprintf(days, sizeof days, DAYS(OFF("2050-01-10") "," OFF("2050-01-17") "," OFF("2050-02-%02d")), i);
        come(&desk, days);
        a = desk_send_plan(&desk, "admin", plan(i + 1, ""), version(&desk));
        desk_wait(&desk, a);
        cr_assert(a->status == 0 || a->status == E_PRECONDITION, "%d %s", a->status, a->detail);
        judged(&desk, days);
        cr_expect_not_null(strstr(imported(&desk), "2050-01-10"), "%s", imported(&desk));
        cr_expect_eq(test_db_int(desk.db, "SELECT count(DISTINCT p.document #>> "
                                          "'{policies,0,targets,resolve,amount}') FROM desk.sla_plan p WHERE "
                                          "p.version >= (SELECT max(l.version) FROM desk.sla_plan l WHERE "
                                          "l.applied_by = 'admin')"),
                     1, "what the administrator wrote stays");
    }
    cr_expect_eq(test_db_int(desk.db, "SELECT count(*) - max(version) FROM desk.sla_plan"), 0);
    desk_close(&desk);
}
