/* Which limits apply to whom, and how clients are told (RateLimit headers, 429). Loop thread. */
#pragma once
#include "intake/call.h"

/** Each takes one token. False when there was none: the call is answered. */
bool limit_submission(struct call *call);
bool limit_sign_in(struct call *call, const char *login);
bool limit_unknown_token(struct call *call);
/** A failure that is to be rare: a wrong password, an unknown token. */
void limit_count_wrong_password(struct call *call, const char *login);
void limit_count_unknown_token(struct call *call);
