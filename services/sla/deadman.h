/* The dead man's switch: a sign of life to a watcher outside, for as long as somebody can vouch that what is
 * due fires. The watcher alarms when the signs stay away; so nothing that breaks here, this process least of
 * all, can keep quiet about it. Loop thread.
 */
#pragma once
#include "sla/audit.h"
#include "sla/scheduler.h"

struct deadman;

struct deadman_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* outlives the last job: close the pool first */
    const char *url;      /* http or https; lives as long as the switch; it may hold a secret: never logged */
    int64_t every_us;     /* between signs */
    int64_t late_us;      /* at home: a clock or timer overdue by more than this is no life */
    int64_t sweep_us;     /* at home: so long without a completed sweep is none either; 0: ten seconds */
    const struct scheduler *scheduler; /* at home; else NULL. Outlives the switch */
    const struct auditor *auditor;     /* elsewhere; else NULL. Outlives the switch */
};

/** 0 when that is a URL that can be asked; -E_CONFIG with a sentence, which does not repeat it. */
int deadman_check(const char *url, struct buf *ret_problem) _must_check_;
/** The first judgement comes after `every_us`. 0, or a failure: -E_INTERNAL when libcurl has no room. */
int deadman_open(const struct deadman_options *options, struct deadman **ret_deadman) _must_check_;
/** No further sign; what is under way may end. */
void deadman_stop(struct deadman *deadman);
/** After db_pool_close, before the scheduler or auditor is closed. NULL is fine; returns NULL. Memory goes
 * with the next turns of the loop. */
struct deadman *deadman_close(struct deadman *deadman);

struct deadman_figures {
    uint64_t sent;     /* answered with 2xx */
    uint64_t failed;   /* no or another answer */
    uint64_t withheld; /* not sent, because nobody could vouch */
};
struct deadman_figures deadman_figures(const struct deadman *deadman);
/** Appends a line for people: how the last one went. */
void deadman_describe(const struct deadman *deadman, struct buf *out);
