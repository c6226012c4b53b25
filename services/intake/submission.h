/* What a person submits, in whatever way it came in: one record. Pure. */
#pragma once
#include "auth/auth.h"
#include "intake/body.h"

enum { SUBMISSION_KEY_SIZE = 16 };

/** Texts are borrowed from the JSON value it was read from. */
struct submission {
    const char *subject, *description;
    const char *service, *language, *on_behalf_of; /* NULL when absent */
    int impact, urgency;                           /* 1..3, or 0 */
    json_t *attributes;                            /* an object, or NULL */
};
/** 0, or -E_VALIDATION with every fault added to `errors`. */
int submission_read(json_t *body, struct submission *ret_submission, struct body_errors *errors) _must_check_;

/** SHA-256 of the canonical body (members sorted, no white space): what decides whether a key came with
 * another body. */
void submission_hash(const json_t *body, uint8_t ret_hash[AUTH_HASH_SIZE]);
/** The key that makes one ticket: first half of SHA-256(user ":" client key), the user being who sends it. */
void submission_key(const char *user_id, struct str client_key, uint8_t ret_key[SUBMISSION_KEY_SIZE]);
/** True for what may be given as Idempotency-Key: 1 to LIMIT_KEY_CHARS visible ASCII characters. */
bool submission_client_key_valid(struct str client_key);
