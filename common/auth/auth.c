/* Tokens, password hashes and signatures on OpenSSL 3. Thread-safe and without state: any worker may call.
 *
 * What must stay true: secrets are compared in constant time and wiped from the stack; an account without a
 * password costs a sign-in as much time as one with a wrong password. A failure inside OpenSSL (no memory, a
 * broken provider) ends the process, since there is no safe answer to "is this the right password" without
 * it. Nothing here logs.
 */
#include "auth/auth.h"
#include "base/encode.h"
#include "base/uuid.h"
#include "meridian/errors.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>

#define TOKEN_PREFIX  "mrd_"
#define SCRYPT_PREFIX "$scrypt$"
#define WHSEC_PREFIX  "whsec_"

enum { TOKEN_BYTES = 32, SALT_BYTES = 16, SALT_MIN = 8, SALT_MAX = 64 };
enum { DEFAULT_N = 16384, DEFAULT_R = 8, DEFAULT_P = 5, MOST_N = 1 << 17, MOST_R = 16, MOST_P = 16 };
enum { WEBHOOK_KEY_MIN = 24, WEBHOOK_KEY_MAX = 64 };

struct scrypt {
    uint64_t n, r, p;
    uint8_t salt[SALT_MAX];
    size_t nsalt;
    uint8_t hash[AUTH_HASH_SIZE];
};

static void fail(const char *what)
{
    fprintf(stderr, "{\"level\":\"error\",\"msg\":\"OpenSSL refused %s\"}\n", what);
    abort();
}

/* Fetched once: EVP_sha256() would make OpenSSL look its implementation up at every hash, which costs more
 * than hashing a few hundred bytes. Lives as long as the process. */
static const EVP_MD *sha256;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256)
        fail("SHA-256");
}

void auth_sha256_parts(const struct str *parts, size_t n, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    EVP_MD_CTX *ctx;
    bool ok;

    (void)pthread_once(&once, fetch);
    ctx = EVP_MD_CTX_new();
    ok = ctx && EVP_DigestInit_ex2(ctx, sha256, NULL) == 1;
    for (size_t i = 0; i < n && ok; i++)
        ok = parts[i].n == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
    if (!ok || EVP_DigestFinal_ex(ctx, ret_hash, NULL) != 1)
        fail("SHA-256");
    EVP_MD_CTX_free(ctx);
}

void auth_sha256(const void *bytes, size_t n, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    const struct str all = {bytes, n};

    auth_sha256_parts(&all, 1, ret_hash);
}

void auth_hmac_sha256(const void *key, size_t nkey, const void *bytes, size_t n,
                      uint8_t ret_mac[AUTH_HASH_SIZE])
{
    unsigned size = AUTH_HASH_SIZE;

    /* OpenSSL takes a NULL key for "the one before", which must never happen by accident. */
    if (!HMAC(EVP_sha256(), nkey ? key : "", (int)nkey, (const uint8_t *)(n ? bytes : ""), n, ret_mac, &size))
        fail("HMAC");
}

bool auth_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void auth_token_new(char ret_token[AUTH_TOKEN_SIZE])
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    uint8_t bytes[TOKEN_BYTES];

    random_bytes(bytes, sizeof bytes);
    buf_add_text(&text, TOKEN_PREFIX);
    buf_add_base64url(&text, bytes, sizeof bytes);
    memcpy(ret_token, text.p, text.n + 1);
    OPENSSL_cleanse(text.p, text.n);
    OPENSSL_cleanse(bytes, sizeof bytes);
}
_Static_assert(sizeof TOKEN_PREFIX - 1 + (TOKEN_BYTES * 4 + 2) / 3 + 1 == AUTH_TOKEN_SIZE,
               "a token fills its buffer exactly");

void auth_token_hash(struct str token, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    auth_sha256(token.p, token.n, ret_hash);
}

/* ---- passwords ---- */

static void scrypt_run(const struct scrypt *s, struct str password, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    uint64_t memory = 128 * s->r * (s->n + s->p + 2) +
                      65536; /* what the algorithm needs; OpenSSL's default limit is 32 MiB */

    if (EVP_PBE_scrypt(password.n ? password.p : "", password.n, s->salt, s->nsalt, s->n, s->r, s->p, memory,
                       ret_hash, AUTH_HASH_SIZE) != 1)
        fail("scrypt");
}

void auth_password_hash(struct str password, unsigned cost_n, unsigned cost_p, struct buf *ret_hash)
{
    struct scrypt s = {.n = cost_n ? cost_n : DEFAULT_N,
                       .r = DEFAULT_R,
                       .p = cost_p ? cost_p : DEFAULT_P,
                       .nsalt = SALT_BYTES};

    if (s.n < 2 || s.n > MOST_N || (s.n & (s.n - 1)) || s.p > MOST_P)
        fail("scrypt with these costs");
    random_bytes(s.salt, s.nsalt);
    scrypt_run(&s, password, s.hash);
    buf_printf(ret_hash, SCRYPT_PREFIX "n=%u,r=%u,p=%u$", (unsigned)s.n, (unsigned)s.r, (unsigned)s.p);
    buf_add_base64url(ret_hash, s.salt, s.nsalt);
    buf_add_char(ret_hash, '$');
    buf_add_base64url(ret_hash, s.hash, sizeof s.hash);
}

/* Takes "n=16384" off the front of *rest, up to `end`; false when it is not that or out of range. */
static bool take_cost(struct str *rest, char name, char end, int64_t most, uint64_t *ret_cost)
{
    struct str head;
    int64_t cost;

    if (!str_cut(*rest, end, &head, rest) || head.n < 3 || head.p[0] != name || head.p[1] != '=')
        return false;
    if (str_to_i64((struct str){head.p + 2, head.n - 2}, 1, most, &cost) < 0)
        return false;
    *ret_cost = (uint64_t)cost;
    return true;
}

static bool take_bytes(struct str text, size_t least, size_t most, uint8_t *ret_bytes, size_t *ret_n)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;

    if (buf_add_unbase64url(&bytes, text) < 0 || bytes.n < least || bytes.n > most)
        return false;
    memcpy(ret_bytes, bytes.p, bytes.n);
    *ret_n = bytes.n;
    return true;
}

static bool scrypt_parse(struct str text, struct scrypt *ret_s)
{
    struct str rest = text, salt, hash;
    struct scrypt s = {0};
    size_t nhash;

    if (!str_starts(rest, STR(SCRYPT_PREFIX)))
        return false;
    rest = (struct str){rest.p + sizeof SCRYPT_PREFIX - 1, rest.n - (sizeof SCRYPT_PREFIX - 1)};
    if (!take_cost(&rest, 'n', ',', MOST_N, &s.n) || !take_cost(&rest, 'r', ',', MOST_R, &s.r) ||
        !take_cost(&rest, 'p', '$', MOST_P, &s.p))
        return false;
    if (s.n < 2 || (s.n & (s.n - 1)) || !str_cut(rest, '$', &salt, &hash))
        return false;
    if (!take_bytes(salt, SALT_MIN, SALT_MAX, s.salt, &s.nsalt) ||
        !take_bytes(hash, AUTH_HASH_SIZE, AUTH_HASH_SIZE, s.hash, &nhash))
        return false;
    *ret_s = s;
    return true;
}

bool auth_password_verify(struct str password, const char *hash)
{
    struct scrypt s = {.n = DEFAULT_N, .r = DEFAULT_R, .p = DEFAULT_P, .nsalt = SALT_BYTES};
    uint8_t given[AUTH_HASH_SIZE];
    bool known = scrypt_parse(str_from(hash), &s), same;

    scrypt_run(&s, password, given); /* also without a hash: the time must not tell */
    same = auth_equal(given, s.hash, sizeof given);
    OPENSSL_cleanse(given, sizeof given);
    OPENSSL_cleanse(&s, sizeof s);
    /* HMAC pads its key with zeros, so "secret" and "secret\0" have the same hash. */
    return known && same && !(password.n && memchr(password.p, 0, password.n));
}

/* ---- webhooks ---- */

int auth_webhook_sign(const char *secret, const char *id, int64_t timestamp_s, struct str body,
                      struct buf *ret_signature)
{
    _cleanup_buf_ struct buf key = BUF_INIT, text = BUF_INIT;
    struct str encoded = str_from(secret);
    uint8_t mac[AUTH_HASH_SIZE];
    bool fit;

    if (!str_starts(encoded, STR(WHSEC_PREFIX)) || !id || strchr(id, '.'))
        return -E_BAD_REQUEST;
    encoded = (struct str){encoded.p + sizeof WHSEC_PREFIX - 1, encoded.n - (sizeof WHSEC_PREFIX - 1)};
    if (buf_add_unbase64(&key, encoded) < 0)
        return -E_BAD_REQUEST;
    fit = key.n >= WEBHOOK_KEY_MIN && key.n <= WEBHOOK_KEY_MAX;
    if (fit) {
        buf_printf(&text, "%s.%lld.", id, (long long)timestamp_s);
        buf_add_str(&text, body);
        auth_hmac_sha256(key.p, key.n, text.p, text.n, mac);
        buf_add_text(ret_signature, "v1,");
        buf_add_base64(ret_signature, mac, sizeof mac);
    }
    OPENSSL_cleanse(key.p, key.capacity);
    return fit ? 0 : -E_BAD_REQUEST;
}
