/* A time of day that goes faster, for the processes of a local cluster (deploy/local/up --clock 60x): loaded
 * before everything else, by LD_PRELOAD, it answers instead of the C library.
 *
 * FAST_CLOCK="MONOTONIC TIME SPEED": at this monotonic nanosecond it was this time (nanoseconds of the
 * epoch), and SPEED times as fast from there on. All processes of the machine thus have the same time, with
 * nothing between them. Only the time of day is another: the monotonic clock, sleeps and timeouts stay real,
 * because the machine is no faster than before. Without the variable, or with a wrong one, nothing changes.
 *
 * libfaketime would do, but divides every poll by its speed, so that loops spin, and breaks waits of
 * condition variables by the monotonic clock.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define NS_PER_S 1000000000LL

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int64_t since_ns, from_ns, speed;

__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("FAST_CLOCK");
    long long since, from, times;

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
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
