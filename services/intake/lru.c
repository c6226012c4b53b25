/* The bounded map: a chained hash table whose nodes are also in a list by last use. Keys are hashes or made
 * into hashes, so their first bytes serve as the table's index; those that strangers choose have been through
 * SHA-256 first. */
#include "intake/lru.h"
#include "base/memory.h"

struct node {
    struct list used; /* in lru.used, oldest first */
    struct node *chain;
    struct lru_key key;
    _Alignas(16) char entry[];
};

struct lru {
    struct list used;
    struct node **buckets;
    size_t mask, count, max, size;
    void (*forget)(void *ctx, void *entry);
    void *ctx;
};

struct lru_key lru_key_text(const char *text)
{
    struct lru_key key;

    auth_sha256(text, strlen(text), key.bytes);
    return key;
}

struct lru *lru_new(size_t size, size_t max, void (*forget)(void *ctx, void *entry), void *ctx)
{
    struct lru *lru = NEW(struct lru);

    *lru = (struct lru){.mask = 63, .max = max, .size = size, .forget = forget, .ctx = ctx};
    lru->buckets = NEW_ARRAY(struct node *, lru->mask + 1);
    list_init(&lru->used);
    return lru;
}

static struct node **slot_of(const struct lru *lru, const struct lru_key *key)
{
    uint64_t h;
    struct node **slot;

    memcpy(&h, key->bytes, sizeof h);
    slot = &lru->buckets[h & lru->mask];
    while (*slot && memcmp(&(*slot)->key, key, sizeof *key) != 0)
        slot = &(*slot)->chain;
    return slot;
}

static void drop(struct lru *lru, struct node **slot)
{
    struct node *node = *slot;

    *slot = node->chain;
    list_remove(&node->used);
    lru->count--;
    if (lru->forget)
        lru->forget(lru->ctx, node->entry);
    free(node);
}

static void grow(struct lru *lru)
{
    struct node **old = lru->buckets;
    size_t n = lru->mask + 1;

    lru->mask = 2 * n - 1;
    lru->buckets = NEW_ARRAY(struct node *, 2 * n);
    for (size_t i = 0; i < n; i++)
        for (struct node *node = old[i], *next; node; node = next) {
            struct node **slot = slot_of(lru, &node->key);
            next = node->chain;
            node->chain = NULL;
            *slot = node;
        }
    free(old);
}

struct lru *lru_free(struct lru *lru)
{
    if (!lru)
        return NULL;
    for (size_t i = 0; i <= lru->mask; i++)
        while (lru->buckets[i])
            drop(lru, &lru->buckets[i]);
    free(lru->buckets);
    free(lru);
    return NULL;
}

void *lru_get(struct lru *lru, const struct lru_key *key)
{
    struct node *node = *slot_of(lru, key);

    if (!node)
        return NULL;
    list_remove(&node->used);
    list_append(&lru->used, &node->used);
    return node->entry;
}

void *lru_put(struct lru *lru, const struct lru_key *key)
{
    void *entry = lru_get(lru, key);
    struct node *node;

    if (entry)
        return entry;
    if (lru->count == lru->max) {
        struct node *oldest = CONTAINER_OF(lru->used.next, struct node, used);
        drop(lru, slot_of(lru, &oldest->key));
    }
    if (lru->count > lru->mask)
        grow(lru);
    node = mem_alloc(sizeof *node + lru->size);
    node->key = *key;
    *slot_of(lru, key) = node;
    list_append(&lru->used, &node->used);
    lru->count++;
    return node->entry;
}

void lru_drop(struct lru *lru, const struct lru_key *key)
{
    struct node **slot = slot_of(lru, key);

    if (*slot)
        drop(lru, slot);
}

size_t lru_count(const struct lru *lru)
{
    return lru->count;
}
