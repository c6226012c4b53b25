/* A bounded map that forgets what was used least recently: sessions, rate limits, read-your-writes positions.
 * Everything a stranger can make grow in this process lives in one of these. Loop thread. */
#pragma once
#include "auth/auth.h"
#include "base/list.h"

struct lru_key {
    uint8_t bytes[AUTH_HASH_SIZE];
};
struct lru_key lru_key_text(const char *text); /* its SHA-256 */

struct lru;
/** Entries of `size` zeroed bytes, at most `max` of them. `forget` (may be NULL) runs before an entry is
 * dropped. */
struct lru *lru_new(size_t size, size_t max, void (*forget)(void *ctx, void *entry), void *ctx);
struct lru *lru_free(struct lru *lru); /* forgets all; NULL is fine; returns NULL */
/** The entry, now the most recently used one, or NULL. Borrowed until the next lru_put or lru_drop. */
void *lru_get(struct lru *lru, const struct lru_key *key);
/** The entry, made if there is none (the oldest one gives way). */
void *lru_put(struct lru *lru, const struct lru_key *key);
void lru_drop(struct lru *lru, const struct lru_key *key);
size_t lru_count(const struct lru *lru);
