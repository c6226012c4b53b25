/* The lanes: a hash table of destinations and, for each, the feedback that Postfix's queue manager has
 * proved: the window moves by less than one per delivery, and a destination is dead only after a whole cohort
 * (as many failures in a row as the window is wide).
 *
 * Owned by the ledger, which asks lane_room through lanes_rooms before it claims, calls lane_begin for each
 * delivery it starts and lane_end once for each it began. What must stay true: under_way never goes below
 * zero, and a dead lane lets exactly one probe out at a time. Nothing here fails; nothing here reads a clock.
 */
#include "notifier/lane.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "notifier/retry.h"

enum { BUCKETS = 1024 };
#define REST_US        (600 * US_PER_S)
#define PROBE_FIRST_US (1 * US_PER_S)
#define PROBE_LAST_US  (60 * US_PER_S)
#define BUDGET_MOST    20.0 /* retries saved up */
#define BUDGET_SHARE   0.1  /* earned by each success */
#define BUDGET_PER_S   1.0  /* earned by time, so that a lane without success still tries */

struct lane {
    struct list node; /* in its bucket */
    struct lanes *lanes;
    char *key;
    int under_way;
    double window;  /* how many may be under way */
    double cohorts; /* of failures since the last success: dead at 1 */
    bool dead;
    int64_t probe_at_us; /* dead: when one may try */
    int64_t probe_wait_us;
    double budget;        /* may be negative: retries already promised */
    int64_t budget_at_us; /* when it was last brought up to date; 0: never */
    int64_t used_at_us;
};

struct lanes {
    struct list buckets[BUCKETS];
    int64_t scale;
    int count, dead;
};

struct lanes *lanes_new(int64_t scale)
{
    struct lanes *lanes = NEW(struct lanes);

    lanes->scale = scale;
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&lanes->buckets[i]);
    return lanes;
}

static void forget(struct lane *lane)
{
    lane->lanes->count--;
    lane->lanes->dead -= lane->dead;
    list_remove(&lane->node);
    free(lane->key);
    free(lane);
}

struct lanes *lanes_free(struct lanes *lanes)
{
    for (size_t i = 0; lanes && i < BUCKETS; i++)
        LIST_FOR(node, &lanes->buckets[i])
    forget(CONTAINER_OF(node, struct lane, node));
    free(lanes);
    return NULL;
}

static size_t bucket_of(struct str key)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.p[i]) * 16777619u;
    return hash % BUCKETS;
}

struct lane *lanes_get(struct lanes *lanes, struct str key)
{
    struct list *bucket = &lanes->buckets[bucket_of(key)];
    struct lane *lane;

    LIST_FOR(node, bucket)
    {
        lane = CONTAINER_OF(node, struct lane, node);
        if (str_eq(str_from(lane->key), key))
            return lane;
    }
    lane = NEW(struct lane);
    lane->lanes = lanes;
    lane->key = mem_strn(key.p, key.n);
    lane->window = LANE_START;
    lane->probe_wait_us = PROBE_FIRST_US;
    lane->budget = BUDGET_MOST;
    list_append(bucket, &lane->node);
    lanes->count++;
    return lane;
}

int lane_room(const struct lane *lane, int64_t now_us)
{
    int most = (int)lane->window;

    if (lane->dead)
        most = now_us >= lane->probe_at_us ? 1 : 0;
    return most > lane->under_way ? most - lane->under_way : 0;
}

void lane_begin(struct lane *lane)
{
    lane->under_way++;
}

static void set_dead(struct lane *lane, bool dead)
{
    lane->lanes->dead += (int)dead - (int)lane->dead;
    lane->dead = dead;
}

static void succeed(struct lane *lane)
{
    if (lane->dead) {
        set_dead(lane, false);
        lane->window = 1;
        lane->probe_wait_us = PROBE_FIRST_US;
    }
    lane->cohorts = 0;
    lane->window += 1 / lane->window;
    if (lane->window > LANE_MOST)
        lane->window = LANE_MOST;
    lane->budget += BUDGET_SHARE;
    if (lane->budget > BUDGET_MOST)
        lane->budget = BUDGET_MOST;
}

static void fail(struct lane *lane, int64_t now_us)
{
    lane->cohorts += 1 / lane->window;
    if (lane->window > 2)
        lane->window -= 1 / lane->window;
    if (lane->dead && now_us >= lane->probe_at_us)
        lane->probe_wait_us =
            lane->probe_wait_us * 2 < PROBE_LAST_US ? lane->probe_wait_us * 2 : PROBE_LAST_US;
    else if (lane->dead || lane->cohorts < 1)
        return; /* what was under way when the lane died says nothing new */
    set_dead(lane, true);
    lane->probe_at_us =
        now_us + (int64_t)((double)lane->probe_wait_us * (double)lane->lanes->scale / RETRY_SCALE_ONE);
}

void lane_end(struct lane *lane, enum lane_verdict verdict, int64_t now_us)
{
    lane->under_way--;
    lane->used_at_us = now_us;
    if (verdict == LANE_OK)
        succeed(lane);
    else if (verdict == LANE_FAILED)
        fail(lane, now_us);
}

int64_t lane_retry_wait_us(struct lane *lane, int64_t now_us)
{
    if (lane->budget_at_us)
        lane->budget += (double)(now_us - lane->budget_at_us) / US_PER_S * BUDGET_PER_S;
    if (lane->budget > BUDGET_MOST)
        lane->budget = BUDGET_MOST;
    lane->budget_at_us = now_us;
    lane->budget -= 1;
    if (lane->budget >= 0)
        return 0;
    return (int64_t)(-lane->budget / BUDGET_PER_S * US_PER_S * (double)lane->lanes->scale / RETRY_SCALE_ONE);
}

static bool has_rested(const struct lane *lane, int64_t now_us)
{
    return !lane->under_way && !lane->dead && now_us - lane->used_at_us > REST_US;
}

void lanes_rooms(struct lanes *lanes, int64_t now_us, struct buf *out)
{
    bool first = true;

    buf_add_char(out, '{');
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR(node, &lanes->buckets[i])
        {
            struct lane *lane = CONTAINER_OF(node, struct lane, node);
            int room = lane_room(lane, now_us);

            if (has_rested(lane, now_us)) {
                forget(lane);
                continue;
            }
            if (room == LANE_START)
                continue;
            if (!first)
                buf_add_char(out, ',');
            first = false;
            buf_json_text(out, lane->key);
            buf_printf(out, ":%d", room);
        }
    }
    buf_add_char(out, '}');
}

int64_t lanes_next_probe_us(const struct lanes *lanes)
{
    int64_t next = 0;

    for (size_t i = 0; i < BUCKETS && lanes->dead; i++) {
        LIST_FOR(node, &lanes->buckets[i])
        {
            const struct lane *lane = CONTAINER_OF(node, struct lane, node);

            if (lane->dead && !lane->under_way && (!next || lane->probe_at_us < next))
                next = lane->probe_at_us;
        }
    }
    return next;
}

bool lanes_full(const struct lanes *lanes)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOR(node, &lanes->buckets[i])
        {
            const struct lane *lane = CONTAINER_OF(node, struct lane, node);

            if (!lane->dead && lane_room(lane, 0) == 0)
                return true;
        }
    }
    return false;
}

int lanes_count(const struct lanes *lanes)
{
    return lanes->count;
}

int lanes_dead(const struct lanes *lanes)
{
    return lanes->dead;
}
