/* The wall between requests to somebody's URL and the inside. It is asked with the very address a socket is
 * about to connect to (after any name was resolved, at every connect), so neither a name nor a later answer
 * of a name server can go around it.
 *
 * IPv4 is a list of what is refused (IANA special-purpose registry). IPv6 is the reverse: only global unicast
 * 2000::/3 passes, minus the special ranges within it; addresses that carry an IPv4 address (mapped, NAT64,
 * 6to4) are judged by that one.
 */
#include "outbound/address_guard.h"
#include "base/memory.h"
#include "meridian/errors.h"
#include <arpa/inet.h>
#include <netinet/in.h>

struct block {
    int bits;
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d, and bits counted so */
};

struct address_guard {
    size_t n;
    struct block allowed[];
};

static const struct {
    uint32_t net;
    int bits;
} refused4[] = {
    {0x00000000, 8},  /* this host */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* carrier NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, cloud metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static const struct block refused6[] = {
    {23, {0x20, 0x01, 0x00, 0x00}}, /* protocol assignments: Teredo, ORCHID, ... */
    {32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation */
    {20, {0x3f, 0xff, 0x00, 0x00}}, /* documentation */
};

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};

static bool within(const uint8_t address[16], const struct block *block)
{
    int whole = block->bits / 8, rest = block->bits % 8;

    if (memcmp(address, block->bytes, (size_t)whole) != 0)
        return false;
    return !rest || ((address[whole] ^ block->bytes[whole]) >> (8 - rest)) == 0;
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool public4(uint32_t address)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused4); i++)
        if ((address ^ refused4[i].net) >> (32 - refused4[i].bits) == 0)
            return false;
    return true;
}

static bool public6(const uint8_t a[16])
{
    if (memcmp(a, mapped_prefix, sizeof mapped_prefix) == 0 ||
        memcmp(a, nat64_prefix, sizeof nat64_prefix) == 0)
        return public4(read32(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return public4(read32(a + 2));
    if ((a[0] & 0xe0) != 0x20)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(refused6); i++)
        if (within(a, &refused6[i]))
            return false;
    return true;
}

static bool to_bytes(const struct sockaddr *address, uint8_t ret_bytes[16])
{
    if (address->sa_family == AF_INET) {
        memcpy(ret_bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(ret_bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(ret_bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
        return true;
    }
    return false;
}

bool address_guard_allows(const struct address_guard *guard, const struct sockaddr *address)
{
    uint8_t bytes[16];

    if (!to_bytes(address, bytes))
        return false;
    for (size_t i = 0; i < guard->n; i++)
        if (within(bytes, &guard->allowed[i]))
            return true;
    return public6(bytes);
}

static int parse_block(struct str text, struct block *ret_block)
{
    struct str address, bits_text;
    char host[64];
    int64_t bits;
    bool has_bits = str_cut(text, '/', &address, &bits_text);
    int most;

    if (!address.n || address.n >= sizeof host)
        return -E_CONFIG;
    memcpy(host, address.p, address.n);
    host[address.n] = 0;
    if (inet_pton(AF_INET, host, ret_block->bytes + 12) == 1) {
        memcpy(ret_block->bytes, mapped_prefix, sizeof mapped_prefix);
        most = 32;
    } else if (inet_pton(AF_INET6, host, ret_block->bytes) == 1) {
        most = 128;
    } else {
        return -E_CONFIG;
    }
    bits = most;
    if (has_bits && str_to_i64(bits_text, 0, most, &bits) < 0)
        return -E_CONFIG;
    ret_block->bits = (int)bits + 128 - most;
    return 0;
}

int address_guard_new(const char *allow, struct address_guard **ret_guard, struct buf *ret_problem)
{
    struct address_guard *guard = NEW(struct address_guard);
    struct str rest = str_from(allow ? allow : ""), entry;

    while (rest.n) {
        str_cut(rest, ',', &entry, &rest);
        entry = str_trim(entry);
        if (!entry.n)
            continue;
        guard = mem_grow(guard, sizeof *guard + (guard->n + 1) * sizeof guard->allowed[0]);
        if (parse_block(entry, &guard->allowed[guard->n]) < 0) {
            buf_printf(ret_problem, "\"%.*s\" is no address block such as 127.0.0.1/32 or fd00::/8",
                       (int)entry.n, entry.p);
            free(guard);
            return -E_CONFIG;
        }
        guard->n++;
    }
    *ret_guard = guard;
    return 0;
}

struct address_guard *address_guard_free(struct address_guard *guard)
{
    free(guard);
    return NULL;
}
