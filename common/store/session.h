/* Sessions as the database knows them. Worker thread; no state. */
#pragma once
#include "auth/auth.h"
#include "db/db.h"
#include "wire/wire.h"

enum { STORE_MAX_TEAMS = 64 };

/** Who is behind a token. All texts are owned by the struct. */
struct store_session {
    char user_id[UUID_TEXT_SIZE];
    char login[72], name[256], region[8], language[4];
    uint32_t role; /* enum user_role */
    uint32_t teams[STORE_MAX_TEAMS];
    size_t nteams;
    int64_t expires_us;
    bool ended; /* revoked, or the account is disabled */
    bool has_csrf;
    uint8_t csrf_hash[AUTH_HASH_SIZE];
};

/** 0, or -E_NOT_FOUND when the server does not know the token (a standby: not yet). The caller judges `ended`
 * and `expires_us`. */
int store_session_lookup(struct db_conn *conn, const uint8_t token_hash[AUTH_HASH_SIZE],
                         struct store_session *ret_session) _must_check_;
/** The live sessions that end after `after_us` (microseconds since 1970), in order of their ends, at most
 * `max`: a region keeps them at hand, so that people who are signed in can go on submitting while no database
 * can be asked. */
int store_session_recent(struct db_conn *conn, int64_t after_us, size_t max,
                         struct store_session *ret_sessions, uint8_t (*ret_hashes)[AUTH_HASH_SIZE],
                         size_t *ret_n) _must_check_;
/** Fills `principal` with borrowed pointers into `session`. */
void store_session_principal(struct store_session *session, Meridian__Principal *principal);
