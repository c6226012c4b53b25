/* Which addresses a webhook may reach. */
#include "meridian/errors.h"
#include "outbound/address_guard.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool allows(const struct address_guard *guard, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_guard_allows(guard, (struct sockaddr *)&v4);
    cr_assert_eq(inet_pton(AF_INET6, text, &v6.sin6_addr), 1, "%s", text);
    return address_guard_allows(guard, (struct sockaddr *)&v6);
}

static struct address_guard *guard_of(const char *allow)
{
    _cleanup_buf_ struct buf problem = BUF_INIT;
    struct address_guard *guard = NULL;

    cr_assert_eq(address_guard_new(allow, &guard, &problem), 0, "%s", buf_text(&problem));
    return guard;
}

Test(address_guard, refuses_the_inside)
{
    static const char *const refused[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.1.2.3",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:0a00:1::1",
        "2002:c0a8:101::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "4000::1",
        "1::1",
    };
    struct address_guard *guard = guard_of("");

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
        cr_expect_not(allows(guard, refused[i]), "%s", refused[i]);
    address_guard_free(guard);
}

Test(address_guard, allows_the_internet)
{
    static const char *const allowed[] = {
        "1.1.1.1",           "8.8.8.8",         "9.255.255.255",        "11.0.0.1",
        "100.63.255.255",    "100.128.0.1",     "126.255.255.255",      "128.0.0.1",
        "169.253.255.255",   "169.255.0.1",     "172.15.255.255",       "172.32.0.1",
        "192.0.1.1",         "192.167.255.255", "192.169.0.1",          "198.17.255.255",
        "198.20.0.1",        "223.255.255.255", "2606:4700:4700::1111", "2001:4860:4860::8888",
        "2a00:1450:4001::1", "::ffff:8.8.8.8",  "64:ff9b::808:808",     "2002:808:808::1",
    };
    struct address_guard *guard = guard_of("");

    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        cr_expect(allows(guard, allowed[i]), "%s", allowed[i]);
    address_guard_free(guard);
}

Test(address_guard, the_operator_may_open_a_hole_and_no_more)
{
    struct address_guard *guard = guard_of(" 127.0.0.1/32, 10.1.0.0/16 ,fd12:3456::/32,,192.168.7.9");

    cr_expect(allows(guard, "127.0.0.1"));
    cr_expect(allows(guard, "::ffff:127.0.0.1"), "the same address in other clothes");
    cr_expect_not(allows(guard, "127.0.0.2"));
    cr_expect(allows(guard, "10.1.255.255"));
    cr_expect_not(allows(guard, "10.2.0.0"));
    cr_expect(allows(guard, "192.168.7.9"));
    cr_expect_not(allows(guard, "192.168.7.8"));
    cr_expect(allows(guard, "fd12:3456:ffff::1"));
    cr_expect_not(allows(guard, "fd12:3457::1"));
    cr_expect_not(allows(guard, "::1"));
    address_guard_free(guard);
    guard = guard_of("127.0.0.0/8,::1");
    cr_expect(allows(guard, "127.9.9.9"));
    cr_expect(allows(guard, "::1"));
    address_guard_free(guard);
}

Test(address_guard, other_families_are_refused)
{
    struct address_guard *guard = guard_of("0.0.0.0/0,::/0");
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/postgresql/.s.PGSQL.5432"};

    cr_expect_not(address_guard_allows(guard, (struct sockaddr *)&local));
    cr_expect(allows(guard, "10.0.0.1"), "all of IPv4 was allowed");
    address_guard_free(guard);
}

Test(address_guard, a_list_that_is_wrong_is_refused)
{
    static const char *const wrong[] = {"localhost",    "10.0.0.0/33",     "10.0.0/8",
                                        "::1/129",      "10.0.0.0/",       "10.0.0.0/-1",
                                        "10.0.0.0/8/8", "1.2.3.4 5.6.7.8", "/8"};

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_buf_ struct buf problem = BUF_INIT;
        struct address_guard *guard = NULL;

        cr_expect_eq(address_guard_new(wrong[i], &guard, &problem), -E_CONFIG, "%s", wrong[i]);
        cr_expect_neq(strstr(buf_text(&problem), wrong[i]), NULL, "%s", buf_text(&problem));
    }
}
