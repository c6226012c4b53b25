/* Figures of this process out of /proc. Only metrics_render and the heartbeat read them, so a few system
 * calls each are fine. A sandbox without /proc gives zeros and no failure: figures about the process must
 * never hurt the process. */
#include "metrics/process.h"
#include "base/cleanup.h"
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline void fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}

static inline void closedirp(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static int64_t resident_bytes(void)
{
    _cleanup_(fclosep) FILE *file = fopen("/proc/self/statm", "re");
    long long total, resident;

    if (!file || fscanf(file, "%lld %lld", &total, &resident) != 2)
        return 0;
    return resident * sysconf(_SC_PAGESIZE);
}

static int64_t open_fds(void)
{
    _cleanup_(closedirp) DIR *dir = opendir("/proc/self/fd");
    int64_t n = 0;

    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    return n - 1; /* without the one this loop reads from */
}

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Field 22 of stat: ticks since boot. The command name, field 2, may hold spaces and brackets: read on from
 * the last one. Taken once, because the wall clock is corrected all the time and a start time that moves
 * looks like a restart. */
static double start_seconds;
static void read_start(void)
{
    _cleanup_(fclosep) FILE *file = fopen("/proc/self/stat", "re");
    char text[1024];
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    const char *p;

    text[n] = 0;
    p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
    if (!p)
        return;
    start_seconds =
        seconds(CLOCK_REALTIME) - (seconds(CLOCK_BOOTTIME) - strtod(p, NULL) / (double)sysconf(_SC_CLK_TCK));
}

static double cpu_seconds(void)
{
    struct rusage use;

    if (getrusage(RUSAGE_SELF, &use) < 0)
        return 0;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

struct process_figures process_read(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_start);
    return (struct process_figures){
        .resident_bytes = resident_bytes(),
        .open_fds = open_fds(),
        .cpu_seconds = cpu_seconds(),
        .start_time_seconds = start_seconds,
    };
}
