/* A hash table of sets of WAYS entries: a timer is in the set of its ticket or nowhere, so every call looks
 * at a few entries, and a full set gives up its own. */
#include "sla/backoff.h"
#include "base/clock.h"
#include "base/memory.h"

enum { WAYS = 4, SETS = BACKOFF_MAX / WAYS, MOST_DOUBLINGS = 20 };
#define FIRST_US (500 * US_PER_MS)

struct entry {
    struct wheel_timer timer;
    int failures; /* in a row; 0: the entry is free */
    int64_t until_us;
};

struct backoff {
    struct entry sets[SETS][WAYS];
};

static struct entry *set_of(const struct backoff *backoff, const struct wheel_timer *timer)
{
    return ((struct backoff *)backoff)->sets[timer->ticket.bytes[14] % SETS];
}

static struct entry *find(const struct backoff *backoff, const struct wheel_timer *timer)
{
    struct entry *set = set_of(backoff, timer);

    for (int i = 0; i < WAYS; i++)
        if (set[i].failures && set[i].timer.generation == timer->generation &&
            uuid_eq(&set[i].timer.ticket, &timer->ticket) && !strcmp(set[i].timer.name, timer->name))
            return &set[i];
    return NULL;
}

/* A free entry, or the one that may be tried soonest. */
static struct entry *make_room(struct backoff *backoff, const struct wheel_timer *timer)
{
    struct entry *set = set_of(backoff, timer), *soonest = set;

    for (int i = 0; i < WAYS && soonest->failures; i++)
        if (!set[i].failures || set[i].until_us < soonest->until_us)
            soonest = &set[i];
    *soonest = (struct entry){.timer = *timer};
    return soonest;
}

struct backoff *backoff_new(void)
{
    return NEW(struct backoff);
}

struct backoff *backoff_free(struct backoff *backoff)
{
    free(backoff);
    return NULL;
}

void backoff_failed(struct backoff *backoff, const struct wheel_timer *timer, int64_t now_us, int64_t most_us)
{
    struct entry *entry = find(backoff, timer);
    int64_t rest_us;

    if (!entry)
        entry = make_room(backoff, timer);
    rest_us = FIRST_US << entry->failures;
    if (entry->failures < MOST_DOUBLINGS)
        entry->failures++;
    entry->until_us = now_us + (rest_us < most_us ? rest_us : most_us);
}

void backoff_done(struct backoff *backoff, const struct wheel_timer *timer)
{
    struct entry *entry = find(backoff, timer);

    if (entry)
        entry->failures = 0;
}

bool backoff_rests(const struct backoff *backoff, const struct wheel_timer *timer, int64_t now_us)
{
    const struct entry *entry = find(backoff, timer);

    return entry && now_us < entry->until_us;
}
