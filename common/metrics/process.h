/* What the kernel knows of this process, for /metrics and the heartbeat. Any thread. */
#pragma once
#include <stdint.h>

struct process_figures {
    int64_t resident_bytes;
    int64_t open_fds;
    double cpu_seconds;        /* user and system, all threads */
    double start_time_seconds; /* since 1970 */
};

/** Reads /proc/self and getrusage(2). A figure that cannot be read is 0. */
struct process_figures process_read(void);
