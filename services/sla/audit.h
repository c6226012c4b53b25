/* The auditor: in a region that is not home, reads the standby and raises an alarm when a clock or timer was
 * due for too long and did not fire, when no scheduler at home has completed a sweep for ten seconds, and
 * when it has not been able to tell for a minute, so that a silent scheduler is noticed from outside. Loop
 * thread.
 */
#pragma once
#include "base/buf.h"
#include "db/db.h"

struct auditor;

struct auditor_options {
    uv_loop_t *loop;
    struct db_pool *pool; /* reads; outlives the last job: close the pool first */
    int64_t late_us;      /* more than this overdue is an alarm */
    int64_t every_us;     /* 0: two seconds */
    int64_t blind_us;     /* to know nothing newer than this ago is an alarm; 0: a minute */
};

struct auditor *auditor_open(const struct auditor_options *options);
void auditor_drain(struct auditor *auditor, void (*done)(void *ctx), void *ctx);
/** After db_pool_close. NULL is fine; returns NULL. Memory goes with the next turn of the loop. */
struct auditor *auditor_close(struct auditor *auditor);

struct auditor_figures {
    uint64_t audits;    /* completed */
    int64_t overdue;    /* clocks and timers, at most 20000 */
    int64_t longest_us; /* how long the first of them has been due; 0 without */
    int64_t age_us;     /* how old the standby's knowledge is; -1: unknown */
    int64_t silent_us;  /* since when no scheduler at home had completed a sweep */
    bool alarm;         /* something is overdue */
    bool silent;        /* for too long: nobody lives there */
    int64_t blind_us;   /* age of what is known, also while the standby does not answer */
    bool blind;         /* it is too old: the others say nothing */
};
struct auditor_figures auditor_figures(const struct auditor *auditor);
/** True when it knows, from no more than a minute ago, that nothing is overdue and that a scheduler sweeps.
 */
bool auditor_content(const struct auditor *auditor);
/** Appends a line for people: all well, the alarm, or why it cannot tell. */
void auditor_describe(const struct auditor *auditor, struct buf *out);
