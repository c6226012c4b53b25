/* Demo data: people, teams and tickets with a past, the same for the same seed (times are relative to now).
 */
#pragma once
#include "base/cleanup.h"
#include "base/str.h"

struct seed_options {
    const char *conninfo;
    int64_t seed;
    int tickets;
    const char *webhook_url, *webhook_secret; /* both or neither; NULL: no endpoint */
    void (*tell)(void *arg, const char *message);
    void *arg;
};

/** Seeds in one transaction. 0; 1 when there are people already (nothing is changed); -E_FORBIDDEN unless the
 * server is reached by a unix socket or a loopback address, because the demo's password is public; -E_DB and
 * -E_CONFIG as db_connect_one, told first. */
int seed_run(const struct seed_options *options) _must_check_;
