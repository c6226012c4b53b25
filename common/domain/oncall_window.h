/* What a window of a schedule looks like: everybody's shifts, and how good the schedule is (gaps, overlaps,
 * balance of hours). Both are made from the periods of oncall_walk, so they agree with it by construction.
 * Pure. */
#pragma once
#include "base/cleanup.h"
#include "domain/oncall.h"

/** Outcome of both calls: the result would have more entries than the caller allows. */
enum { ONCALL_TOO_MANY = 1 };

struct oncall_shifts {
    struct oncall_shift *items; /* by from_s, then person; what lasts beyond the window is cut at its edge */
    size_t n;
};
void oncall_shifts_fini(struct oncall_shifts *shifts);
#define _cleanup_oncall_shifts_ _cleanup_(oncall_shifts_fini)

/** The shifts of [from_s, to_s): each as long as its person is on call without a break, whatever the reasons.
 * 0, or ONCALL_TOO_MANY for more than `max` (nothing to free then). The result is freed with
 * oncall_shifts_fini. */
int oncall_shifts(const struct oncall *schedule, int64_t from_s, int64_t to_s, size_t max,
                  struct oncall_shifts *ret_shifts) _must_check_;

/** A time during which the same people are on call. */
struct oncall_period {
    int64_t from_s, to_s;
    size_t first, n; /* who: report.people[first .. first + n - 1] */
};

struct oncall_report {
    struct oncall_period *gaps; /* nobody is on call; n is 0 */
    size_t ngaps;
    struct oncall_period *overlaps; /* two or more are */
    size_t noverlaps;
    int32_t *people;     /* of the overlaps */
    size_t npeople;      /* of them, all overlaps together */
    int64_t gap_s;       /* all gaps together */
    int64_t overlap_s;   /* all overlaps together, each counted once */
    int64_t *on_call_s;  /* [schedule->people]: how long each is on call */
    int balance_percent; /* 100: all who are on call at all have the same hours. The mean over all pairs of
                            them of the shorter by the longer time (Grafana OnCall's balance score); 100 below
                            two. */
};
void oncall_report_fini(struct oncall_report *report);
#define _cleanup_oncall_report_ _cleanup_(oncall_report_fini)

/** Judges [from_s, to_s). 0, or ONCALL_TOO_MANY for more than `max` gaps or more than `max` people in
 * overlaps (nothing to free then). The result is freed with oncall_report_fini. */
int oncall_report(const struct oncall *schedule, int64_t from_s, int64_t to_s, size_t max,
                  struct oncall_report *ret_report) _must_check_;
