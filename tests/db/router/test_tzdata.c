/* Rules of zones at the router: when they are written down, what a decision says of them, and what is noticed
 * when instances have different ones. */
#include "base/memory.h"
#include "desk.h"
#include "domain/zone.h"
#include "router/state.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char berlin[] =
    "{\"calendars\":{\"a\":{\"zone\":\"Europe/Berlin\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]}}},"
    "\"policies\":[]}";
static const char both[] =
    "{\"calendars\":{\"a\":{\"zone\":\"Europe/Berlin\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]}},"
    "\"b\":{\"zone\":\"Asia/Shanghai\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]}}},\"policies\":[]}";

static const char slower[] =
    "{\"calendars\":{\"a\":{\"zone\":\"Europe/Berlin\",\"weekly\":{\"mon\":[[\"09:00\",\"16:00\"]]}}},"
    "\"policies\":[]}";
static const char utc[] =
    "{\"calendars\":{\"a\":{\"zone\":\"UTC\",\"weekly\":{\"mon\":[[\"09:00\",\"17:00\"]]}}},"
    "\"policies\":[]}";

static int64_t rows(struct desk *desk)
{
    return test_db_int(desk->db, "SELECT count(*) FROM desk.tzdata");
}

static bool is_written(void *arg)
{
    return rows(arg) > 0;
}

/* A router that has written down what it found at its start. */
static void open_written(struct desk *desk)
{
    desk_open(desk, 2);
    test_loop_until(&desk->loop, is_written, desk, 20000);
}

Test(tzdata, rules_are_written_down_with_a_plan_that_names_zones)
{
    struct desk desk;

    open_written(&desk);
    cr_assert_eq(rows(&desk), 1);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT version FROM desk.tzdata"), zone_tzdata_version());
    cr_expect_str_eq(test_db_text(desk.db, "SELECT zones FROM desk.tzdata"), "{}", "no zone is named");
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", berlin, 1)), 0);
    cr_assert_eq(rows(&desk), 2);
    cr_expect_eq(
        test_db_int(desk.db,
                    "SELECT (zones -> 'Europe/Berlin' ->> 2)::int FROM desk.tzdata ORDER BY id DESC LIMIT 1"),
        7200);
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", both, 2)), 0);
    cr_expect_eq(rows(&desk), 3, "another zone");
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", both, 2)), 0);
    cr_expect_eq(rows(&desk), 3, "nothing new");
    desk_close(&desk);
}

Test(tzdata, rules_are_written_down_by_a_router_that_starts)
{
    struct desk desk;

    desk_prepare(&desk);
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_loop_until(&desk.loop, is_written, &desk, 20000);
    desk_close(&desk);
}

/* Two routers with different rules, turn by turn: here the other one is a row. */
Test(tzdata, rules_that_take_turns_are_not_written_down_again)
{
    struct desk desk;

    open_written(&desk);
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", berlin, 1)), 0);
    test_db_run(desk.db, "INSERT INTO desk.tzdata (version, zones) VALUES ('1999z', '{}')");
    cr_assert_eq(rows(&desk), 3);
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", slower, 2)), 0);
    cr_expect_eq(rows(&desk), 3);
    test_db_run(desk.db, "ALTER TABLE desk.tzdata DISABLE TRIGGER tzdata_append_only");
    test_db_run(desk.db, "UPDATE desk.tzdata SET seen_at = seen_at - interval '25 h'");
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", berlin, 3)), 0);
    cr_expect_eq(rows(&desk), 4, "rules that are back");
    desk_close(&desk);
}

static void put_version(const char *folder, const char *version)
{
    _cleanup_(freep) char *path = mem_printf("%s/tzdata.zi", folder);
    FILE *file = fopen(path, "we");

    cr_assert_not_null(file);
    fprintf(file, "# version %s\n", version);
    fclose(file);
}

Test(tzdata, rules_that_were_replaced_under_a_router_are_not_written_down)
{
    char folder[] = "/tmp/meridian-tzdata-XXXXXX";
    _cleanup_(freep) char *file = mem_printf("%s/tzdata.zi", mkdtemp(folder));
    struct desk desk;

    put_version(folder, "2030a");
    setenv("TZDIR", folder, 1);
    open_written(&desk);
    cr_expect_str_eq(test_db_text(desk.db, "SELECT version FROM desk.tzdata"), "2030a");
    put_version(folder, "2030b");
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", utc, 1)), 0);
    cr_expect_eq(rows(&desk), 1, "neither the old rules nor the new ones");
    put_version(folder, "2030a");
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", "{\"policies\":[]}", 2)), 0);
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", utc, 3)), 0);
    cr_expect_eq(rows(&desk), 2);
    desk_close(&desk);
    unlink(file);
    rmdir(folder);
}

/* What the last event of a ticket says of tzdata: "now/before". */
static const char *said(struct desk *desk, const char *number)
{
    return ticket_text(desk, number,
                       "SELECT (e.data ->> 'tzdata') || '/' || coalesce(e.data ->> 'from_tzdata', '') FROM "
                       "desk.event e WHERE e.ticket_id = t.id AND e.seq = t.event_seq");
}

static struct answer *recalculate(struct desk *desk, const char *number)
{
    Meridian__Command command = desk_command(ACTION_RECALCULATE, number, -1);

    command.has_own_plan = command.own_plan = true;
    return desk_call_command(desk, "lead-eu-1", &command);
}

Test(tzdata, a_recalculation_says_which_rules_the_clocks_came_from)
{
    struct desk desk;
    const char *number;
    char expected[40];

    open_written(&desk);
    number = desk_ticket(&desk);
    cr_status(recalculate(&desk, number), 0);
    snprintf(expected, sizeof expected, "%s/", zone_tzdata_version());
    cr_expect_str_eq(said(&desk, number), expected);
    test_db_run(desk.db, "INSERT INTO desk.tzdata (version, zones, seen_at) SELECT '1999z', '{}', "
                         "updated_at FROM desk.ticket");
    cr_status(recalculate(&desk, number), 0);
    snprintf(expected, sizeof expected, "%s/1999z", zone_tzdata_version());
    cr_expect_str_eq(said(&desk, number), expected);
    cr_status(desk_wait(&desk, desk_send_plan(&desk, "admin", berlin, 1)), 0);
    cr_status(recalculate(&desk, number), 0);
    cr_expect_str_eq(said(&desk, number), expected, "the clocks were older than the new rules");
    cr_status(recalculate(&desk, number), 0);
    snprintf(expected, sizeof expected, "%s/", zone_tzdata_version());
    cr_expect_str_eq(said(&desk, number), expected);
    desk_check(&desk);
    desk_close(&desk);
}

struct count {
    struct desk *desk;
    double versions;
};

static bool counted(void *arg)
{
    const struct count *count = arg;

    return metric_read(count->desk->router->janitor.tzdata, NULL) == count->versions;
}

Test(tzdata, instances_with_different_versions_are_noticed)
{
    struct desk desk;
    struct count count = {&desk, 2};

    desk_prepare(&desk);
    test_db_run(desk.db,
                "INSERT INTO desk.instance (instance, service, region, version, started_at, seen_at, stats) "
                "VALUES ('a', 'router', 'eu', '', now(), now() + interval '1 h', '{\"tzdata\": \"2025b\"}'),"
                " ('b', 'sla', 'ap', '', now(), now() + interval '1 h', '{\"tzdata\": \"2026a\"}'),"
                " ('c', 'sla', 'us', '', now(), now() + interval '1 h', '{}'),"
                " ('d', 'sla', 'us', '', now(), now() - interval '1 h', '{\"tzdata\": \"1999a\"}')");
    desk_start(&desk, (struct router_options){.db_workers = 2, .janitor_ms = 50});
    test_loop_until(&desk.loop, counted, &count, 20000);
    count.versions = 1;
    test_db_run(desk.db, "DELETE FROM desk.instance WHERE instance = 'b'");
    test_loop_until(&desk.loop, counted, &count, 20000);
    desk_close(&desk);
}
