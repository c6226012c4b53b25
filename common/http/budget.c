/* The budget: bytes of requests that are held, and connections by address.
 *
 * Bodies arrive before anybody knows whose they are, so their sum is limited and not their number: a client
 * that would exceed it is told 503. Addresses are in a small hash table of those that are connected, so it
 * cannot grow beyond the connections; of IPv6 the network counts (/64), which is what one customer has.
 */
#include "http/budget.h"
#include "base/memory.h"
#include <netinet/in.h>

enum { BUCKETS = 1024, ADDRESS_BYTES = 16, NETWORK_BYTES = 8 };

struct budget_peer {
    struct budget_peer *next;
    uint8_t address[ADDRESS_BYTES];
    int connections;
};

struct http_budget {
    int holders; /* whoever made it, and the servers that use it */
    size_t bytes, max_bytes;
    int max_per_peer;
    struct budget_peer *buckets[BUCKETS];
};

struct http_budget *http_budget_new(size_t max_bytes, int max_per_peer)
{
    struct http_budget *budget = NEW(struct http_budget);

    budget->holders = 1;
    http_budget_limit(budget, max_bytes, max_per_peer);
    return budget;
}

struct http_budget *budget_share(struct http_budget *budget)
{
    if (budget)
        budget->holders++;
    return budget;
}

void http_budget_limit(struct http_budget *budget, size_t max_bytes, int max_per_peer)
{
    budget->max_bytes = max_bytes;
    budget->max_per_peer = max_per_peer;
}

struct http_budget *http_budget_free(struct http_budget *budget)
{
    if (budget && --budget->holders == 0)
        free(budget); /* without a server there is no connection, so no address */
    return NULL;
}

size_t http_budget_bytes(const struct http_budget *budget)
{
    return budget->bytes;
}

/* IPv4 as ::ffff:a.b.c.d; of IPv6 the network. */
static void take_address(const struct sockaddr *from, uint8_t ret_address[ADDRESS_BYTES])
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;

    memset(ret_address, 0, ADDRESS_BYTES);
    if (from->sa_family == AF_INET) {
        ret_address[10] = ret_address[11] = 0xff;
        memcpy(ret_address + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        memcpy(ret_address, &six->sin6_addr, IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 16 : NETWORK_BYTES);
    }
}

static struct budget_peer **bucket_of(struct http_budget *budget, const uint8_t address[ADDRESS_BYTES])
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (int i = 0; i < ADDRESS_BYTES; i++)
        h = (h ^ address[i]) * 16777619u;
    return &budget->buckets[h % BUCKETS];
}

bool budget_enter(struct http_budget *budget, const struct sockaddr *address, struct budget_peer **ret_peer)
{
    uint8_t key[ADDRESS_BYTES];
    struct budget_peer **slot, *peer;

    *ret_peer = NULL;
    if (!budget)
        return true;
    take_address(address, key);
    slot = bucket_of(budget, key);
    for (peer = *slot; peer && memcmp(peer->address, key, sizeof key) != 0;)
        peer = peer->next;
    if (peer && budget->max_per_peer && peer->connections >= budget->max_per_peer)
        return false;
    if (!peer) {
        peer = NEW(struct budget_peer);
        memcpy(peer->address, key, sizeof key);
        peer->next = *slot;
        *slot = peer;
    }
    peer->connections++;
    *ret_peer = peer;
    return true;
}

void budget_leave(struct http_budget *budget, struct budget_peer *take_peer)
{
    struct budget_peer **slot;

    if (!take_peer || --take_peer->connections > 0)
        return;
    for (slot = bucket_of(budget, take_peer->address); *slot != take_peer;)
        slot = &(*slot)->next;
    *slot = take_peer->next;
    free(take_peer);
}

void budget_hold(struct http_budget *budget, size_t before, size_t now)
{
    if (budget)
        budget->bytes += now - before;
}

bool budget_exceeded(const struct http_budget *budget)
{
    return budget && budget->max_bytes && budget->bytes > budget->max_bytes;
}
