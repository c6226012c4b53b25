/* Credentials: opaque tokens, password hashes, signatures. Thread-safe; no state. */
#pragma once
#include "base/buf.h"
#include <stdbool.h>

enum { AUTH_HASH_SIZE = 32, AUTH_TOKEN_SIZE = 48 /* with NUL */ };

/** SHA-256 of the parts, one behind the other. */
void auth_sha256_parts(const struct str *parts, size_t n, uint8_t ret_hash[AUTH_HASH_SIZE]);
void auth_sha256(const void *bytes, size_t n, uint8_t ret_hash[AUTH_HASH_SIZE]);
void auth_hmac_sha256(const void *key, size_t nkey, const void *bytes, size_t n,
                      uint8_t ret_mac[AUTH_HASH_SIZE]);
bool auth_equal(const void *a, const void *b, size_t n); /* in constant time */

/** A fresh token: "mrd_" and 32 random bytes as base64url (256 bits). Only its SHA-256 is ever stored. */
void auth_token_new(char ret_token[AUTH_TOKEN_SIZE]);
void auth_token_hash(struct str token, uint8_t ret_hash[AUTH_HASH_SIZE]);

/** Password hash as text, "$scrypt$n=16384,r=8,p=5$<salt>$<hash>" (base64url); appended. `cost_n` is a power
 * of two from 2 to 2^17, `cost_p` at most 16; 0 takes the default. Anything else ends the process: costs are
 * ours, not a user's. */
void auth_password_hash(struct str password, unsigned cost_n, unsigned cost_p, struct buf *ret_hash);
/** True when it matches. A NULL, empty or malformed hash never matches, but costs about as much as a wrong
 * password, so that the time does not tell whether an account exists. Malformed includes costs past n=131072,
 * r=16, p=16. Blocking: about 150 ms of one core and 16 MiB at the default costs. */
bool auth_password_verify(struct str password, const char *hash);

/** Standard Webhooks signature: "v1," base64(HMAC-SHA256(secret, id "." timestamp "." body)); `secret` is
 * "whsec_" and the base64 of 24 to 64 bytes. Appends. -E_BAD_REQUEST for a bad secret or an id with a dot in
 * it (the signed text would be ambiguous). */
int auth_webhook_sign(const char *secret, const char *id, int64_t timestamp_s, struct str body,
                      struct buf *ret_signature) _must_check_;
