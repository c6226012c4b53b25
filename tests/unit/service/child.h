/* A real process that runs service_main with a small table of hooks: this test program itself, started again
 * with SERVICE_TEST_CHILD set. Its log lines are read from a pipe, so a test waits for what happened and
 * never for time. */
#pragma once
#include "base/buf.h"
#include <stdio.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    FILE *out; /* standard output */
    char *err; /* standard error, filled by child_wait */
    FILE *err_file;
    int port; /* admin port, once child_started */
    char line[8192];
};

struct child_options {
    const char *scenario; /* see child.c */
    const char *const
        *environment;             /* NULL-terminated; MERIDIAN_REGION and _INSTANCE are given unless `bare` */
    const char *const *arguments; /* NULL-terminated, without argv[0] */
    const int *fds;               /* become 3, 4, ...; ended by -1 */
    const char *listen_pid;       /* "self" for the child's own */
    bool bare;
};

struct child child_start(const struct child_options *options);
/** Reads log lines up to the first that holds the text; fails the test when the output ends before. The line
 * is in child->line. */
const char *child_expect(struct child *child, const char *text);
/** child_expect for "started"; notes the admin port. */
void child_started(struct child *child);
void child_signal(struct child *child, int number);
/** Waits for the end, reading all output. The exit status, or 128 + signal. */
int child_wait(struct child *child);

struct answer {
    int status;
    struct buf head, body;
};
/** One HTTP/1.1 request to the admin port. */
struct answer child_ask(struct child *child, const char *method, const char *target);
void answer_fini(struct answer *answer);
#define _cleanup_answer_ _cleanup_(answer_fini)
