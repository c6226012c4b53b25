/* Lists of routers in order of preference, and conninfos as libpq itself reads them. */
#include "service/service.h"
#include <criterion/criterion.h>
#include <libpq-fe.h>

static struct service service_in(const char *region, const char *home)
{
    return (struct service){.conf = {.region = region, .home_region = home, .db = "", .db_password = ""}};
}

Test(routes, own_region_then_home_then_the_rest)
{
    struct service service = service_in("ap", "eu");
    struct bus_group groups[3];

    cr_assert_eq(
        service_groups(&service, "us=tcp://u, eu=tcp://e1 ,ap=tcp://a,eu = tcp://e2,,bad,us=", groups), 3);
    cr_assert_str_eq(groups[0].urls[0], "tcp://a");
    cr_assert_null(groups[0].urls[1]);
    cr_assert_str_eq(groups[1].urls[0], "tcp://e1");
    cr_assert_str_eq(groups[1].urls[1], "tcp://e2");
    cr_assert_null(groups[1].urls[2]);
    cr_assert_str_eq(groups[2].urls[0], "tcp://u");
    cr_assert_null(groups[2].urls[1]);
}

Test(routes, empty_groups_are_left_out)
{
    struct service service = service_in("eu", "eu");
    struct bus_group groups[3];

    cr_assert_eq(service_groups(&service, "us=tcp://u,eu=tcp://e,ap=tcp://a", groups), 2);
    cr_assert_str_eq(groups[0].urls[0], "tcp://e");
    cr_assert_str_eq(groups[1].urls[0], "tcp://u");
    cr_assert_str_eq(groups[1].urls[1], "tcp://a");
    cr_assert_eq(service_groups(&service, "", groups), 0);
    cr_assert_eq(service_groups(&service, "jp=tcp://j", groups), 1);
}

Test(routes, at_home)
{
    struct service home = service_in("eu", "eu"), away = service_in("ap", "eu");

    cr_assert(service_at_home(&home));
    cr_assert_not(service_at_home(&away));
}

Test(routes, plain_urls)
{
    const char *const *urls = service_urls(" tcp://a,,tcp://b ");

    cr_assert_str_eq(urls[0], "tcp://a");
    cr_assert_str_eq(urls[1], "tcp://b");
    cr_assert_null(urls[2]);
    cr_assert_null(service_urls("")[0]);
}

static void expect_password(const char *db, const char *password, const char *host)
{
    struct service service = service_in("eu", "eu");
    char *conninfo, *error = NULL;
    PQconninfoOption *options;
    const char *got_password = NULL, *got_host = NULL;

    service.conf.db = db;
    service.conf.db_password = password;
    conninfo = service_conninfo(&service);
    options = PQconninfoParse(conninfo, &error);
    cr_assert_not_null(options, "%s: %s", conninfo, error);
    for (PQconninfoOption *option = options; option->keyword; option++) {
        if (strcmp(option->keyword, "password") == 0)
            got_password = option->val;
        if (strcmp(option->keyword, "host") == 0)
            got_host = option->val;
    }
    cr_assert_str_eq(got_password, password, "%s", conninfo);
    cr_assert_str_eq(got_host, host, "%s", conninfo);
    PQconninfoFree(options);
    free(conninfo);
}

Test(routes, conninfo_carries_any_password)
{
    static const char *const passwords[] = {"plain",       "it's",         "back\\slash",
                                            "a b = 'c\\'", "%41&x=y?#@:/", "\xe6\x89\x93"};

    for (size_t i = 0; i < ARRAY_SIZE(passwords); i++) {
        expect_password("host=a,b port=5432,5433 dbname=meridian user=router", passwords[i], "a,b");
        expect_password("postgresql://router@a:5432,b:5433/meridian", passwords[i], "a,b");
        expect_password("postgres://router@a/meridian?connect_timeout=3", passwords[i], "a");
    }
}

Test(routes, conninfo_without_password_or_database)
{
    struct service service = service_in("eu", "eu");
    char *text;

    service.conf.db = "host=a";
    text = service_conninfo(&service);
    cr_assert_str_eq(text, "host=a");
    free(text);
    service.conf.db = "";
    service.conf.db_password = "x";
    text = service_conninfo(&service);
    cr_assert_str_eq(text, "");
    free(text);
}
