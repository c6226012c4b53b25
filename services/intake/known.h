/* Has this submission key made a ticket already? Asked with every keyed submission while no commit is to be
 * expected, so many questions share a round trip. Loop thread. */
#pragma once
#include "intake/intake.h"
#include "store/submission.h"

struct call;

struct known *known_new(struct intake *intake);
void known_stop(
    struct known *known); /* before the database pool closes: whoever waits is told that nobody knows */
struct known *known_free(struct known *known); /* after; NULL is fine */

/** `answer` is NULL when the region's database could not be asked, or not in time. */
typedef void (*known_fn)(struct call *call, const struct store_known *answer);
void known_ask(struct known *known, const uint8_t key[STORE_KEY_SIZE], known_fn done, struct call *call);
