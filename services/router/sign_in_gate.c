/* Failed sign-ins by name. Called by session.c on the loop thread, for names that exist and names that do not
 * alike. The table has a fixed size; names are placed by a hash with a random key, so that nobody can aim at
 * the place of somebody else's name. Pure but for the key.
 */
#include "router/sign_in_gate.h"
#include "base/clock.h"
#include "base/uuid.h"

#define MINUTE_US (60 * US_PER_S)

/* FNV-1a, started and ended with secret words: enough that places cannot be foretold from outside. */
static uint64_t hash(const struct sign_in_gate *gate, struct str login)
{
    uint64_t h = gate->key[0] ^ 0xcbf29ce484222325u;

    for (size_t i = 0; i < login.n; i++) {
        h = (h ^ (uint8_t)login.p[i]) * 0x100000001b3u;
        h ^= h >> 29;
    }
    h = (h ^ gate->key[1]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    return h ? h : 1;
}

static bool fresh(const struct gate_entry *entry, int64_t now_us)
{
    return entry->name && now_us - entry->since_us < MINUTE_US;
}

void gate_init(struct sign_in_gate *gate, int most_running)
{
    *gate = (struct sign_in_gate){.most_running = most_running > 0 ? most_running : 1};
    gate->key[0] = random_u64();
    gate->key[1] = random_u64();
    list_init(&gate->waiting);
}

bool gate_allows(const struct sign_in_gate *gate, struct str login, int64_t now_us)
{
    uint64_t name = hash(gate, login);
    const struct gate_entry *set = gate->entries[name % GATE_SETS];

    for (int i = 0; i < GATE_WAYS; i++)
        if (set[i].name == name && fresh(&set[i], now_us))
            return set[i].failures < GATE_FAILURES;
    return true;
}

void gate_failed(struct sign_in_gate *gate, struct str login, int64_t now_us)
{
    uint64_t name = hash(gate, login);
    struct gate_entry *set = gate->entries[name % GATE_SETS], *oldest = set;

    for (int i = 0; i < GATE_WAYS; i++) {
        if (set[i].name == name) {
            if (!fresh(&set[i], now_us))
                set[i] = (struct gate_entry){.name = name, .since_us = now_us};
            set[i].failures++;
            return;
        }
        if (!fresh(&set[i], now_us))
            set[i].name = 0;
        if (fresh(oldest, now_us) && (!set[i].name || set[i].since_us < oldest->since_us))
            oldest = &set[i];
    }
    *oldest = (struct gate_entry){.name = name, .since_us = now_us, .failures = 1};
}

void gate_succeeded(struct sign_in_gate *gate, struct str login)
{
    uint64_t name = hash(gate, login);
    struct gate_entry *set = gate->entries[name % GATE_SETS];

    for (int i = 0; i < GATE_WAYS; i++)
        if (set[i].name == name)
            set[i].name = 0;
}
