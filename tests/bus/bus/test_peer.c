/* The form of an identity. */
#include "bus/peer.h"
#include <criterion/criterion.h>

Test(peer, a_good_one)
{
    struct peer peer;

    cr_assert(peer_parse(STR("spiffe://meridian/eu/router/eu-router-1.local_0"), &peer));
    cr_assert(str_eq(peer.region, STR("eu")));
    cr_assert(str_eq(peer.service, STR("router")));
    cr_assert(str_eq(peer.instance, STR("eu-router-1.local_0")));
}

Test(peer, bad_ones)
{
    const char *const bad[] = {
        "",
        "spiffe://meridian",
        "spiffe://meridian/",
        "spiffe://meridian/eu",
        "spiffe://meridian/eu/router",
        "spiffe://meridian/eu/router/",
        "spiffe://meridian//router/1",
        "spiffe://meridian/eu//1",
        "spiffe://meridian/eu/router/1/",
        "spiffe://meridian/eu/router/1/2",
        "spiffe://meridian/EU/router/1",
        "spiffe://meridian/eu/rou,ter/1",
        "spiffe://meridian/eu/router/1?x",
        "spiffe://meridian/eu/router/1#x",
        "spiffe://meridian.evil/eu/router/1",
        "spiffe://other/eu/router/1",
        "SPIFFE://meridian/eu/router/1",
        "https://meridian/eu/router/1",
        "spiffe://meridian/eu/router/1234567890123456789012345678901234567890123456789012345678901234",
    };
    struct peer peer;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(peer_parse(str_from(bad[i]), &peer), "%s", bad[i]);
    cr_assert_not(peer_parse((struct str){"spiffe://meridian/eu/router\0/1", 30}, &peer), "a NUL inside");
}
