/* Asking about keys.
 *
 * One question is with the database at a time; those that come meanwhile gather for the next, so that a busy
 * process asks a few hundred times a second and not once a submission. A database that does not answer in
 * PATIENCE_MS is left to its worker and not asked for a second: that nobody knows is no reason to refuse a
 * submission, the authority finds out in any case.
 */
#include "intake/known.h"
#include "base/clock.h"
#include "base/memory.h"
#include "intake/call.h"
#include "meridian/errors.h"

enum { KEYS_MAX = 128, PATIENCE_MS = 250 };
static const int64_t rest_us = US_PER_S;

struct asker {
    known_fn done;
    struct call *call;
};

/* One round trip. The worker touches n, keys and answers only, so it may be left behind with them. */
struct round {
    size_t n;
    uint8_t keys[KEYS_MAX][STORE_KEY_SIZE];
    struct store_known answers[KEYS_MAX];
    struct known *known;  /* NULL: nobody waits for it any more */
    struct asker *askers; /* KEYS_MAX of them, owned; NULL once told */
};

struct known {
    struct intake *intake;
    struct round *gathering; /* NULL: nobody asked */
    struct round *asking;    /* with the database */
    uv_timer_t patience;
    int64_t resting_until_us;
    bool stopped;
};

static void ask(struct known *known);

static void tell(struct round *round, bool answered)
{
    _cleanup_(freep) struct asker *askers = TAKE(round->askers);

    for (size_t i = 0; i < round->n; i++)
        askers[i].done(askers[i].call, answered ? &round->answers[i] : NULL);
}

static int work_round(struct db_conn *conn, void *job)
{
    struct round *round = job;

    return store_submissions_known(conn, (const uint8_t(*)[STORE_KEY_SIZE])round->keys, round->n,
                                   round->answers);
}

static void on_round(void *job, int status)
{
    struct round *round = job;
    struct known *known = round->known;

    if (known) {
        known->asking = NULL;
        uv_timer_stop(&known->patience);
        ask(known);
        tell(round, status == 0);
    }
    free(round);
}

static void on_impatience(uv_timer_t *timer)
{
    struct known *known = timer->data;
    struct round *left = known->asking;

    left->known = NULL; /* freed when its worker is back */
    known->asking = NULL;
    known->resting_until_us = clock_monotonic_us() + rest_us;
    tell(left, false);
    ask(known);
}

static void ask(struct known *known)
{
    struct round *round = known->gathering;
    struct db_pool *db = known->intake->db;
    int64_t now_us = clock_monotonic_us();

    if (!round || known->asking)
        return;
    known->gathering = NULL;
    if (!known->stopped && db && db_pool_ready(db) && now_us >= known->resting_until_us &&
        db_pool_submit(db, work_round, on_round, round, now_us + PATIENCE_MS * US_PER_MS) == 0) {
        known->asking = round;
        uv_timer_start(&known->patience, on_impatience, PATIENCE_MS, 0);
        return;
    }
    tell(round, false);
    free(round);
}

void known_ask(struct known *known, const uint8_t key[STORE_KEY_SIZE], known_fn done, struct call *call)
{
    struct round *round = known->gathering;

    if (round && round->n == KEYS_MAX) { /* more than a busy second brings: not worth a second queue */
        done(call, NULL);
        return;
    }
    if (!round) {
        round = known->gathering = NEW(struct round);
        round->known = known;
        round->askers = NEW_ARRAY(struct asker, KEYS_MAX);
    }
    memcpy(round->keys[round->n], key, STORE_KEY_SIZE);
    round->askers[round->n++] = (struct asker){done, call};
    ask(known);
}

struct known *known_new(struct intake *intake)
{
    struct known *known = NEW(struct known);

    known->intake = intake;
    uv_timer_init(intake->service->loop, &known->patience);
    known->patience.data = known;
    return known;
}

void known_stop(struct known *known)
{
    known->stopped = true;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct known *known_free(struct known *known)
{
    if (known)
        uv_close((uv_handle_t *)&known->patience, on_closed);
    return NULL;
}
