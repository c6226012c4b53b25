/* A hierarchical timing wheel over absolute milliseconds, with a hash table over it for cancelling.
 *
 * A timer sits at the highest level at which its tick differs from the present one, in the slot of its digit
 * there (base 64). So all timers of a level are due before all of the next one, nothing ever wraps around,
 * and the next thing to do is the first occupied slot of the lowest level that has one: its timers either are
 * due (level 0) or are put in again, closer to the present. A bit per slot finds it without a search, so a
 * jump over hours costs no more than what comes due in them. An instant within a millisecond belongs to
 * the next tick: nothing is due early.
 */
#include "sla/wheel.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"

enum { LEVELS = 7, BITS = 6, SLOTS = 1 << BITS, MIN_BUCKETS = 64 };
#define REWIND_TICKS 1000 /* steps back within this are jitter: wait until time has caught up */

struct entry {
    struct list node; /* in a slot or among the due */
    struct entry *chain;
    struct wheel_timer timer;
};

struct wheel {
    int64_t tick; /* everything before has been moved to `due` */
    struct list due;
    struct list slots[LEVELS][SLOTS];
    uint64_t occupied[LEVELS]; /* a bit per slot; may be set for an empty one */
    struct entry **buckets;
    size_t nbuckets, count;
};

/* ---- slots ---- */

static int64_t tick_of(const struct wheel_timer *timer)
{
    return timer->due_us <= 0 ? 0 : (timer->due_us + US_PER_MS - 1) / US_PER_MS;
}

static int digit(int64_t tick, int level)
{
    return (int)(tick >> (level * BITS)) & (SLOTS - 1);
}

static void place(struct wheel *wheel, struct entry *entry)
{
    int64_t tick = tick_of(&entry->timer);
    int level, slot;

    if (tick <= wheel->tick) {
        list_append(&wheel->due, &entry->node);
        return;
    }
    level = (63 - __builtin_clzll((uint64_t)(tick ^ wheel->tick))) / BITS;
    if (level >= LEVELS)
        level = LEVELS - 1; /* after the year 2109 */
    slot = digit(tick, level);
    list_append(&wheel->slots[level][slot], &entry->node);
    wheel->occupied[level] |= 1ULL << slot;
}

/* The first occupied slot; its first tick, or INT64_MAX when all are empty. */
static int64_t first_slot(const struct wheel *wheel, int *ret_level, int *ret_slot)
{
    for (int level = 0; level < LEVELS; level++) {
        int64_t above = (int64_t)1 << ((level + 1) * BITS);

        if (!wheel->occupied[level])
            continue;
        *ret_level = level;
        *ret_slot = __builtin_ctzll(wheel->occupied[level]);
        return (wheel->tick & ~(above - 1)) | ((int64_t)*ret_slot << (level * BITS));
    }
    return INT64_MAX;
}

static void empty(struct list *from, struct list *to)
{
    struct list *node;

    while ((node = list_pop(from)))
        list_append(to, node);
}

static void place_all(struct wheel *wheel, struct list *nodes)
{
    struct list *node;

    while ((node = list_pop(nodes)))
        place(wheel, CONTAINER_OF(node, struct entry, node));
}

/* The clock went back: every place is relative to the present, so all are found anew. */
static void rewind_to(struct wheel *wheel, int64_t tick)
{
    struct list all;

    list_init(&all);
    empty(&wheel->due, &all);
    for (int level = 0; level < LEVELS; level++) {
        for (int slot = 0; slot < SLOTS; slot++)
            empty(&wheel->slots[level][slot], &all);
        wheel->occupied[level] = 0;
    }
    wheel->tick = tick;
    place_all(wheel, &all);
}

static void advance(struct wheel *wheel, int64_t tick)
{
    int64_t start;
    int level, slot;

    while ((start = first_slot(wheel, &level, &slot)) <= tick) {
        struct list moved;

        list_init(&moved);
        empty(&wheel->slots[level][slot], &moved);
        wheel->occupied[level] &= ~(1ULL << slot);
        wheel->tick = start;
        place_all(wheel, &moved);
    }
    if (tick > wheel->tick)
        wheel->tick = tick;
}

/* ---- keys ---- */

static struct entry **bucket_of(const struct wheel *wheel, const struct uuid *ticket)
{
    uint64_t hash;

    memcpy(&hash, ticket->bytes + 8, sizeof hash); /* the random half of a UUID */
    hash *= 0x9E3779B97F4A7C15ULL;
    return &wheel->buckets[hash >> 32 & (wheel->nbuckets - 1)];
}

static void grow(struct wheel *wheel)
{
    struct entry **before = wheel->buckets;
    size_t n = wheel->nbuckets;

    wheel->nbuckets = n ? 2 * n : MIN_BUCKETS;
    wheel->buckets = NEW_ARRAY(struct entry *, wheel->nbuckets);
    for (size_t i = 0; i < n; i++)
        for (struct entry *entry = before[i], *next; entry; entry = next) {
            struct entry **bucket = bucket_of(wheel, &entry->timer.ticket);

            next = entry->chain;
            entry->chain = *bucket;
            *bucket = entry;
        }
    free(before);
}

/* Takes a ticket's timers out, or only that of a name. */
static void drop(struct wheel *wheel, const struct uuid *ticket, const char *name)
{
    struct entry **link = bucket_of(wheel, ticket);

    while (*link) {
        struct entry *entry = *link;

        if (!uuid_eq(&entry->timer.ticket, ticket) || (name && strcmp(entry->timer.name, name) != 0)) {
            link = &entry->chain;
            continue;
        }
        *link = entry->chain;
        list_remove(&entry->node);
        free(entry);
        wheel->count--;
    }
}

/* ---- the calls ---- */

struct wheel *wheel_new(void)
{
    struct wheel *wheel = NEW(struct wheel);

    list_init(&wheel->due);
    for (int level = 0; level < LEVELS; level++)
        for (int slot = 0; slot < SLOTS; slot++)
            list_init(&wheel->slots[level][slot]);
    grow(wheel);
    return wheel;
}

struct wheel *wheel_free(struct wheel *wheel)
{
    if (!wheel)
        return NULL;
    for (size_t i = 0; i < wheel->nbuckets; i++)
        while (wheel->buckets[i]) {
            struct entry *entry = wheel->buckets[i];

            wheel->buckets[i] = entry->chain;
            free(entry);
        }
    free(wheel->buckets);
    free(wheel);
    return NULL;
}

void wheel_put(struct wheel *wheel, const struct wheel_timer *timer)
{
    struct entry *entry = NEW(struct entry), **bucket;

    entry->timer = *timer;
    drop(wheel, &timer->ticket, timer->name);
    if (wheel->count == wheel->nbuckets)
        grow(wheel);
    bucket = bucket_of(wheel, &timer->ticket);
    entry->chain = *bucket;
    *bucket = entry;
    wheel->count++;
    place(wheel, entry);
}

void wheel_cancel(struct wheel *wheel, const struct uuid *ticket)
{
    drop(wheel, ticket, NULL);
}

bool wheel_pop(struct wheel *wheel, int64_t now_us, struct wheel_timer *ret_timer)
{
    int64_t tick = now_us / US_PER_MS;
    struct entry *first;

    if (tick + REWIND_TICKS < wheel->tick)
        rewind_to(wheel, tick);
    else
        advance(wheel, tick);
    if (list_empty(&wheel->due))
        return false;
    first = CONTAINER_OF(wheel->due.next, struct entry, node);
    if (first->timer.due_us > now_us)
        return false;
    *ret_timer = first->timer;
    drop(wheel, &ret_timer->ticket, ret_timer->name);
    return true;
}

int64_t wheel_next_us(const struct wheel *wheel)
{
    int level, slot;
    int64_t tick;

    if (!list_empty(&wheel->due))
        return CONTAINER_OF(wheel->due.next, struct entry, node)->timer.due_us;
    tick = first_slot(wheel, &level, &slot);
    return tick == INT64_MAX ? INT64_MAX : tick * US_PER_MS;
}

size_t wheel_count(const struct wheel *wheel)
{
    return wheel->count;
}

size_t wheel_bytes(const struct wheel *wheel)
{
    return sizeof *wheel + wheel->nbuckets * sizeof *wheel->buckets +
           wheel->count * (sizeof(struct entry) + sizeof(size_t)); /* and what malloc puts before each */
}
