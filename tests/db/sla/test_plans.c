/* Every statement of the schedulers and auditors finds its rows by an index, in a database that has grown. */
#include "base/cleanup.h"
#include "desk.h"
#include "sla_sql.h"
#include <criterion/criterion.h>

static const char *const large[] = {"ticket", "clock", "timer", "event", "outbox", NULL};

static void check_plans(struct test_db *db, const char *when)
{
    PGconn *pg = PQconnectdb(test_db_conninfo(db, "meridian_sla"));

    cr_assert_eq(PQstatus(pg), CONNECTION_OK);
    for (const struct db_statement *const *s = sql_sla_all; *s; s++)
        test_db_check_plan(pg, *s, large, false, when);
    PQfinish(pg);
}

Test(plans, every_statement_uses_indexes)
{
    struct test_db *db = test_db_new();

    test_db_people(db);
    check_plans(db, "empty");
    test_db_run(db, "ANALYZE");
    check_plans(db, "empty and analyzed");
    desk_waits(db, "A", 5000, 3600);
    desk_clocks(db, "A", "resolve", 3600, 7200);
    desk_clocks(db, "A", "first_response", 3600, 7200);
    test_db_run(db, "ANALYZE");
    check_plans(db, "grown");
    test_db_free(db);
}
