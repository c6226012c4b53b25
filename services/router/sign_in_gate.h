/* Slows down guessing: counts failed sign-ins per name, in bounded memory, and limits how many passwords are
 * checked at once. */
#pragma once
#include "base/list.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    GATE_SETS = 512,
    GATE_WAYS = 4,
    GATE_FAILURES = 10, /* of one name in one minute; then it is refused until the minute is over */
    GATE_WAITING = 256, /* sign-ins waiting for their turn */
};

/* The failures of one name within one minute. */
struct gate_entry {
    uint64_t name;    /* keyed hash; 0: free */
    int64_t since_us; /* monotonic: first failure of the minute */
    int failures;
};

struct sign_in_gate {
    uint64_t key[2];
    struct gate_entry entries[GATE_SETS][GATE_WAYS];
    int running, most_running; /* passwords being checked */
    struct list waiting;       /* of jobs */
    int nwaiting;
};

void gate_init(struct sign_in_gate *gate, int most_running);
/** False while the name has failed too often. */
bool gate_allows(const struct sign_in_gate *gate, struct str login, int64_t now_us);
/** Counts a failure. When there is no room in the name's set, the oldest count makes place. */
void gate_failed(struct sign_in_gate *gate, struct str login, int64_t now_us);
/** A success: the name starts afresh. */
void gate_succeeded(struct sign_in_gate *gate, struct str login);
