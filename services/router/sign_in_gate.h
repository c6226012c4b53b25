/* Slows down the guessing of passwords, in bounded memory, and limits how many are checked at once. Loop
 * thread.
 *
 * What is promised, of names that exist and names that do not alike, by each router for itself:
 * - from one address, about ten wrong passwords of one name are checked in a minute; then that address, and
 *   no other, is refused for that name until the minute is over. So nobody locks out somebody who sits
 *   elsewhere.
 * - from all addresses together, about a hundred of one name in a minute, and beyond that one a second.
 *   Whoever owns a name that is guessed at from that many places may have to try several times, and never has
 *   to wait for the guessing to end.
 * An address is what the intake saw: people behind one proxy are one address.
 */
#pragma once
#include "base/list.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    GATE_SETS = 2048,
    GATE_WAYS = 4,
    GATE_FAILURES = 10,       /* of one name from one address in a minute; then it is refused */
    GATE_NAME_FAILURES = 100, /* of one name in a minute; then it is slow */
    GATE_SLOW_MS = 1000,      /* between two checks of a slow name */
    GATE_WAITING = 32,        /* sign-ins waiting for their turn: some seconds of work */
};

/* The failures of one name, or of one name from one address, within one minute. */
struct gate_entry {
    uint64_t who;     /* keyed hash; 0: free */
    int64_t since_us; /* monotonic: first failure of the minute */
    int64_t tried_us; /* monotonic: the last check; of names only */
    int failures;
};

struct sign_in_gate {
    uint64_t key[2];
    struct gate_entry entries[GATE_SETS][GATE_WAYS];
    int running, most_running; /* passwords being checked */
    struct list waiting;       /* of jobs */
    int nwaiting;
};

enum gate_answer {
    GATE_OPEN,
    GATE_SLOW,   /* the name is tried from everywhere: again in a moment */
    GATE_CLOSED, /* this address failed too often: again in a minute */
};

void gate_init(struct sign_in_gate *gate, int most_running);
/** May this name be tried from this address now? */
enum gate_answer gate_ask(const struct sign_in_gate *gate, struct str login, struct str address,
                          int64_t now_us);
/** A password of the name is about to be checked. */
void gate_tries(struct sign_in_gate *gate, struct str login, int64_t now_us);
/** It was wrong. When there is no room in a set, the oldest count makes place. */
void gate_failed(struct sign_in_gate *gate, struct str login, struct str address, int64_t now_us);
/** It was right: this address starts afresh. What others tried still counts for the name. */
void gate_succeeded(struct sign_in_gate *gate, struct str login, struct str address);
