/* A time of day that goes faster, for the processes of a local cluster (deploy/local/up --clock 60x): loaded
 * before everything else, by LD_PRELOAD, it answers instead of the C library.
 *
 * FAST_CLOCK="MONOTONIC TIME SPEED": at this monotonic nanosecond it was this time (nanoseconds of the
 * epoch), and SPEED times as fast from there on. All processes of the machine thus have the same time, with
 * nothing between them. Only the time of day is another: the monotonic clock, sleeps and timeouts stay real,
 * because the machine is no faster than before. Without the variable, or with a wrong one, nothing changes.
 *
 * NNG waits on condition variables by the time of day. Such a wait, of a thread that nothing else wakes,
 * would last until it is that time on the machine: here it lasts as long as the caller meant.
 *
 * libfaketime would do, but divides every poll by its speed, so that loops spin, and breaks waits of
 * condition variables by the monotonic clock.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define NS_PER_S 1000000000LL

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int64_t since_ns, from_ns, speed;

__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("FAST_CLOCK");
    long long since, from, times;

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_cond_timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    if (text && sscanf(text, "%lld %lld %lld", &since, &from, &times) == 3) {
        since_ns = since;
        from_ns = from;
        speed = times;
    }
}

int clock_gettime(clockid_t id, struct timespec *ret_now)
{
    int64_t now_ns;
    int r;

    if (!real_clock_gettime) /* another library's constructor came first */
        start();
    if (!speed || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
        return real_clock_gettime(id, ret_now);
    r = real_clock_gettime(CLOCK_MONOTONIC, ret_now);
    now_ns = from_ns + (ret_now->tv_sec * NS_PER_S + ret_now->tv_nsec - since_ns) * speed;
    ret_now->tv_sec = now_ns / NS_PER_S;
    ret_now->tv_nsec = now_ns % NS_PER_S;
    return r;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
    struct timespec now;
    int r = clock_gettime(CLOCK_REALTIME, &now);

    (void)zone;
    ret_now->tv_sec = now.tv_sec;
    ret_now->tv_usec = now.tv_nsec / 1000;
    return r;
}

time_t time(time_t *ret_now)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

static int64_t to_ns(const struct timespec *time)
{
    return time->tv_sec * NS_PER_S + time->tv_nsec;
}

/* By which clock a condition variable goes cannot be asked; but no machine has been up since 1990. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    enum { DAY_OF_1990 = 631152000 };
    struct timespec fast, now;
    int64_t until_ns;

    if (!real_cond_timedwait)
        start();
    if (!speed || until->tv_sec < DAY_OF_1990)
        return real_cond_timedwait(condition, mutex, until);
    clock_gettime(CLOCK_REALTIME, &fast);
    real_clock_gettime(CLOCK_MONOTONIC, &now);
    until_ns = to_ns(&now) + to_ns(until) - to_ns(&fast);
    if (until_ns < 0)
        until_ns = 0;
    now.tv_sec = until_ns / NS_PER_S;
    now.tv_nsec = until_ns % NS_PER_S;
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &now);
}
