/* Failed sign-ins by name, and by name and address. Called by session.c. The table has a fixed size; entries
 * are placed by a hash with a random key, so that nobody can aim at the place of somebody else's name. Pure
 * but for the key.
 */
#include "router/sign_in_gate.h"
#include "base/clock.h"
#include "base/uuid.h"

#define MINUTE_US (60 * US_PER_S)

static uint64_t mix(uint64_t h, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        h = (h ^ (uint8_t)text.p[i]) * 0x100000001b3u;
        h ^= h >> 29;
    }
    return h;
}

/* FNV-1a, started and ended with secret words: enough that places cannot be foretold from outside. */
static uint64_t finish(const struct sign_in_gate *gate, uint64_t h)
{
    h = (h ^ gate->key[1]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    return h ? h : 1;
}

static uint64_t name_of(const struct sign_in_gate *gate, struct str login)
{
    return finish(gate, mix(gate->key[0] ^ 0xcbf29ce484222325u, login));
}

static uint64_t pair_of(const struct sign_in_gate *gate, struct str login, struct str address)
{
    uint64_t h = mix(mix(gate->key[0] ^ 0xcbf29ce484222325u, login), STR("\xff")); /* in no name */

    return finish(gate, mix(h, address));
}

static bool fresh(const struct gate_entry *entry, int64_t now_us)
{
    return entry->who && now_us - entry->since_us < MINUTE_US;
}

/* NULL when nothing of this minute is known. */
static const struct gate_entry *find(const struct sign_in_gate *gate, uint64_t who, int64_t now_us)
{
    const struct gate_entry *set = gate->entries[who % GATE_SETS];

    for (int i = 0; i < GATE_WAYS; i++)
        if (set[i].who == who && fresh(&set[i], now_us))
            return &set[i];
    return NULL;
}

void gate_init(struct sign_in_gate *gate, int most_running)
{
    *gate = (struct sign_in_gate){.most_running = most_running > 0 ? most_running : 1};
    gate->key[0] = random_u64();
    gate->key[1] = random_u64();
    list_init(&gate->waiting);
}

enum gate_answer gate_ask(const struct sign_in_gate *gate, struct str login, struct str address,
                          int64_t now_us)
{
    const struct gate_entry *pair = find(gate, pair_of(gate, login, address), now_us),
                            *name = find(gate, name_of(gate, login), now_us);

    if (pair && pair->failures >= GATE_FAILURES)
        return GATE_CLOSED;
    if (name && name->failures >= GATE_NAME_FAILURES && now_us - name->tried_us < GATE_SLOW_MS * US_PER_MS)
        return GATE_SLOW;
    return GATE_OPEN;
}

void gate_tries(struct sign_in_gate *gate, struct str login, int64_t now_us)
{
    uint64_t who = name_of(gate, login);
    struct gate_entry *set = gate->entries[who % GATE_SETS];

    for (int i = 0; i < GATE_WAYS; i++)
        if (set[i].who == who)
            set[i].tried_us = now_us;
}

static void count(struct sign_in_gate *gate, uint64_t who, int64_t now_us)
{
    struct gate_entry *set = gate->entries[who % GATE_SETS], *oldest = set;

    for (int i = 0; i < GATE_WAYS; i++) {
        if (set[i].who == who) {
            if (!fresh(&set[i], now_us))
                set[i] = (struct gate_entry){.who = who, .since_us = now_us};
            set[i].failures++;
            return;
        }
        if (!fresh(&set[i], now_us))
            set[i].who = 0;
        if (fresh(oldest, now_us) && (!set[i].who || set[i].since_us < oldest->since_us))
            oldest = &set[i];
    }
    *oldest = (struct gate_entry){.who = who, .since_us = now_us, .failures = 1};
}

void gate_failed(struct sign_in_gate *gate, struct str login, struct str address, int64_t now_us)
{
    count(gate, pair_of(gate, login, address), now_us);
    count(gate, name_of(gate, login), now_us);
}

void gate_succeeded(struct sign_in_gate *gate, struct str login, struct str address)
{
    uint64_t who = pair_of(gate, login, address);
    struct gate_entry *set = gate->entries[who % GATE_SETS];

    for (int i = 0; i < GATE_WAYS; i++)
        if (set[i].who == who)
            set[i].who = 0;
}
