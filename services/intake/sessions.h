/* Who is calling: tokens of requests against the region's sessions. Loop thread. */
#pragma once
#include "intake/call.h"

struct sessions *sessions_new(struct intake *intake);
void sessions_stop(struct sessions *sessions);             /* before the database pool closes */
struct sessions *sessions_free(struct sessions *sessions); /* after; NULL is fine */

/** Finds out who is calling and goes on with `next`, now or later; or answers 401, 403 (CSRF) or 503. */
void sessions_authenticate(struct call *call, void (*next)(struct call *call));
/** A session that was just opened through this process. */
void sessions_remember(struct sessions *sessions, const uint8_t token_hash[AUTH_HASH_SIZE],
                       const struct store_session *session);
/** A session ended: it is looked up again at its next use. */
void sessions_forget(struct sessions *sessions, const uint8_t token_hash[AUTH_HASH_SIZE]);
/** As if all checks had been made this much earlier: for tests, whose sessions are always young. */
void sessions_age(struct sessions *sessions, int64_t us);
/** Fills a session from what the authority says. -E_PEER when it makes no sense. */
int sessions_read(const Meridian__SessionInfo *info, struct store_session *ret_session) _must_check_;
/** What is known here of a session without waiting, NULL when it is over or unknown; old knowledge is checked
 * for the next time. For streams, which live long. */
const struct store_session *sessions_present(struct sessions *sessions,
                                             const uint8_t token_hash[AUTH_HASH_SIZE]);
