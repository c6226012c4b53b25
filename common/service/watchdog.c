/* The watchdog. The loop counts its turns here; the thread looks four times per patience and counts the looks
 * without a turn.
 *
 * Why not compare times: a process that was stopped (SIGSTOP, a frozen VM) and goes on finds its patience
 * long over before the loop had a chance to turn once. Counting our own looks, such a pause counts as one.
 * When the loop is stuck the process aborts, because a core dump shows where; the line before it is the only
 * log this module writes.
 */
#include "service/watchdog.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKS = 4 };

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
    int64_t patience_us;
    _Atomic uint64_t turns;
};

/* Waits for one look; true when told to stop. */
static bool wait_for_look(struct watchdog *watchdog)
{
    int64_t until_us = clock_monotonic_us() + watchdog->patience_us / LOOKS;
    struct timespec until = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * 1000};
    bool stop;

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stop && pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &until) == 0)
        ;
    stop = watchdog->stop;
    pthread_mutex_unlock(&watchdog->lock);
    return stop;
}

static void *watch(void *arg)
{
    struct watchdog *watchdog = arg;
    uint64_t seen = atomic_load(&watchdog->turns);
    int still = 0;

    while (!wait_for_look(watchdog)) {
        uint64_t turns = atomic_load(&watchdog->turns);
        still = turns == seen ? still + 1 : 0;
        seen = turns;
        if (still >= LOOKS) {
            log_error("the loop is stuck; ending the process",
                      L_INT("patience_ms", watchdog->patience_us / US_PER_MS));
            abort();
        }
    }
    return NULL;
}

struct watchdog *watchdog_start(int64_t patience_us)
{
    struct watchdog *watchdog;
    pthread_condattr_t monotonic;

    if (patience_us <= 0)
        return NULL;
    watchdog = NEW(struct watchdog);
    watchdog->patience_us = patience_us;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&watchdog->thread, NULL, watch, watchdog) != 0) {
        log_error("cannot start the watchdog thread");
        abort();
    }
    return watchdog;
}

uint64_t watchdog_feed_every_ms(int64_t patience_us)
{
    int64_t ms = patience_us / US_PER_MS / (LOOKS * 2);

    if (ms <= 0 || ms > 1000)
        return 1000;
    return (uint64_t)ms;
}

void watchdog_feed(struct watchdog *watchdog)
{
    if (watchdog)
        atomic_fetch_add(&watchdog->turns, 1);
}

struct watchdog *watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return NULL;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stop = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
    return NULL;
}
