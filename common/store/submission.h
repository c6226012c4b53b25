/* What submission keys have led to. Worker thread; no state. */
#pragma once
#include "auth/auth.h"
#include "db/db.h"

enum { STORE_KEY_SIZE = 16 };

struct store_known {
    bool found; /* the key has made a ticket; the rest is about it */
    char number[40], region[8];
    uint8_t body_hash[AUTH_HASH_SIZE];
    int64_t accepted_us;
};
/** Looks up many keys in one round trip; ret_known[i] is about keys[i]. */
int store_submissions_known(struct db_conn *conn, const uint8_t (*keys)[STORE_KEY_SIZE], size_t n,
                            struct store_known *ret_known) _must_check_;
