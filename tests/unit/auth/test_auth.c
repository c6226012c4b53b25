/* Known answers of the standards, and what must never match. */
#include "auth/auth.h"
#include "base/encode.h"
#include "meridian/errors.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <time.h>

enum { CHEAP_N = 16 };

static void expect_hex(const uint8_t *bytes, size_t n, const char *hex)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    buf_add_hex(&text, bytes, n);
    cr_assert_str_eq(text.p, hex);
}

Test(auth, sha256_vectors_of_fips180)
{
    uint8_t hash[AUTH_HASH_SIZE];

    auth_sha256("abc", 3, hash);
    expect_hex(hash, sizeof hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    auth_sha256(NULL, 0, hash);
    expect_hex(hash, sizeof hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(auth, hmac_vectors_of_rfc4231)
{
    uint8_t mac[AUTH_HASH_SIZE], key[131];

    auth_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac);
    expect_hex(mac, sizeof mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0x0b, 20);
    auth_hmac_sha256(key, 20, "Hi There", 8, mac);
    expect_hex(mac, sizeof mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    memset(key, 0xaa, 131);
    auth_hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
    expect_hex(mac, sizeof mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    auth_hmac_sha256(NULL, 0, NULL, 0, mac);
    expect_hex(mac, sizeof mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

Test(auth, equal)
{
    cr_assert(auth_equal("abc", "abc", 3));
    cr_assert_not(auth_equal("abc", "abd", 3));
    cr_assert(auth_equal("x", "y", 0));
}

Test(auth, tokens_are_fresh_and_well_formed)
{
    char a[AUTH_TOKEN_SIZE], b[AUTH_TOKEN_SIZE];
    uint8_t hash[AUTH_HASH_SIZE], again[AUTH_HASH_SIZE];
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    auth_token_new(a);
    auth_token_new(b);
    cr_assert_str_neq(a, b);
    cr_assert_eq(strlen(a), AUTH_TOKEN_SIZE - 1);
    cr_assert_eq(strncmp(a, "mrd_", 4), 0);
    cr_assert_eq(buf_add_unbase64url(&bytes, str_from(a + 4)), 0);
    cr_assert_eq(bytes.n, 32);
    auth_token_hash(str_from(a), hash);
    auth_sha256(a, strlen(a), again);
    cr_assert_eq(memcmp(hash, again, sizeof hash), 0);
}

/* RFC 7914 section 12 gives 64 bytes; PBKDF2 makes the first 32 of them on their own. */
Test(auth, scrypt_vector_of_rfc7914)
{
    _cleanup_buf_ struct buf hash = BUF_INIT, bytes = BUF_INIT;

    buf_add_text(&hash, "$scrypt$n=16384,r=8,p=1$");
    buf_add_base64url(&hash, "SodiumChloride", 14);
    buf_add_char(&hash, '$');
    cr_assert_eq(
        buf_add_unhex(&bytes, STR("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")), 0);
    buf_add_base64url(&hash, bytes.p, bytes.n);
    cr_assert(auth_password_verify(STR("pleaseletmein"), hash.p));
    cr_assert_not(auth_password_verify(STR("pleaseletmeIn"), hash.p));
}

Test(auth, a_password_matches_its_own_hash_only)
{
    _cleanup_buf_ struct buf a = BUF_INIT, b = BUF_INIT;

    auth_password_hash(STR("meridian-demo"), CHEAP_N, 1, &a);
    auth_password_hash(STR("meridian-demo"), CHEAP_N, 1, &b);
    cr_assert_eq(strncmp(a.p, "$scrypt$n=16,r=8,p=1$", 21), 0, "%s", a.p);
    cr_assert_str_neq(a.p, b.p, "each has its own salt");
    cr_assert(auth_password_verify(STR("meridian-demo"), a.p));
    cr_assert(auth_password_verify(STR("meridian-demo"), b.p));
    cr_assert_not(auth_password_verify(STR("meridian-dem"), a.p));
    cr_assert_not(auth_password_verify(STR(""), a.p));
    cr_assert_not(auth_password_verify((struct str){"meridian-demo\0", 14}, a.p));
}

Test(auth, default_costs)
{
    _cleanup_buf_ struct buf hash = BUF_INIT;

    auth_password_hash(STR("x"), 0, 0, &hash);
    cr_assert_eq(strncmp(hash.p, "$scrypt$n=16384,r=8,p=5$", 24), 0);
    cr_assert(auth_password_verify(STR("x"), hash.p));
}

Test(auth, absurd_costs_end_the_process, .signal = SIGABRT)
{
    _cleanup_buf_ struct buf hash = BUF_INIT;

    auth_password_hash(STR("x"), 1000, 1, &hash);
}

#define SALT "AAAAAAAAAAAAAAAAAAAAAA"
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

Test(auth, malformed_hashes_never_match)
{
    static const char *const bad[] = {
        NULL,
        "",
        "x",
        "*",
        "$scrypt$",
        "$argon2id$v=19$m=65536,t=3,p=4$" SALT "$" HASH,
        "scrypt$n=16,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=16,r=8,p=1$" SALT,
        "$scrypt$n=16,r=8,p=1$" SALT "$",
        "$scrypt$n=16,r=8,p=1$$" HASH,
        "$scrypt$n=16,r=8,p=1$AAAA$" HASH,
        "$scrypt$n=16,r=8,p=1$" SALT "$AAAA",
        "$scrypt$n=16,r=8,p=1$" SALT "$" HASH "AAAA",
        "$scrypt$n=16,r=8,p=1$" SALT "$" HASH "$",
        "$scrypt$n=16,r=8,p=1$" SALT "$" HASH " ",
        "$scrypt$n=16,r=8,p=1$" SALT "=$" HASH,
        "$scrypt$n=16,p=1,r=8$" SALT "$" HASH,
        "$scrypt$n=,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=0,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=1,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=15,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=-16,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=262144,r=8,p=1$" SALT "$" HASH, /* a quarter of a gigabyte: refused, not computed */
        "$scrypt$n=1048576,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=99999999999999999999,r=8,p=1$" SALT "$" HASH,
        "$scrypt$n=16,r=17,p=1$" SALT "$" HASH,
        "$scrypt$n=16,r=8,p=17$" SALT "$" HASH,
        "$scrypt$n=16,r=0,p=1$" SALT "$" HASH,
        "$scrypt$n=16,r=8,p=0$" SALT "$" HASH,
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        cr_assert_not(auth_password_verify(STR(""), bad[i]), "%zu", i);
    }
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(auth, a_missing_hash_costs_what_a_wrong_password_costs)
{
    _cleanup_buf_ struct buf hash = BUF_INIT;
    double start, wrong, missing;

    auth_password_hash(STR("right"), 0, 0, &hash);
    start = cpu_seconds();
    cr_assert_not(auth_password_verify(STR("wrong"), hash.p));
    wrong = cpu_seconds() - start;
    start = cpu_seconds();
    cr_assert_not(auth_password_verify(STR("wrong"), NULL));
    missing = cpu_seconds() - start;
    cr_assert_gt(missing, wrong / 4, "%f %f", missing, wrong);
    cr_assert_lt(missing, wrong * 4, "%f %f", missing, wrong);
}

Test(auth, webhook_vector_of_the_reference_libraries)
{
    _cleanup_buf_ struct buf signature = BUF_INIT;

    cr_assert_eq(auth_webhook_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                                   1614265330, STR("{\"test\": 2432232314}"), &signature),
                 0);
    cr_assert_str_eq(signature.p, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

Test(auth, webhook_refuses_bad_secrets)
{
    static const char *const bad[] = {
        NULL,
        "",
        "whsec_",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==",
        "whsec_MfKQ",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
        "whsec_"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "=", /* 65 bytes */
    };
    _cleanup_buf_ struct buf signature = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        cr_assert_eq(auth_webhook_sign(bad[i], "msg_1", 1, STR("{}"), &signature), -E_BAD_REQUEST, "%zu", i);
    cr_assert_eq(
        auth_webhook_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg.1", 1, STR("{}"), &signature),
        -E_BAD_REQUEST);
    cr_assert_eq(auth_webhook_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL, 1, STR("{}"), &signature),
                 -E_BAD_REQUEST);
    cr_assert_eq(signature.n, 0);
}
