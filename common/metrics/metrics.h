/* Counters, gauges and histograms in Prometheus text format. Names are meridian_<service>_<noun>_<unit>;
 * `promtool check metrics` must be clean. Metrics are made once at start-up (static life); updates are
 * lock-free and come from any thread. At most one label, with at most 64 values (more are counted under
 * "other"), so that no stranger can grow the set. */
#pragma once
#include "base/buf.h"

struct metric;

struct metric *metric_counter(const char *name, const char *help,
                              const char *label); /* label may be NULL; name ends in _total */
struct metric *metric_gauge(const char *name, const char *help, const char *label);
/** Buckets in seconds: 0.5 ms to 10 s, doubling or nearly so. */
struct metric *metric_histogram(const char *name, const char *help, const char *label);

/* `value` is the label's value, NULL for a metric without label. A NULL metric is ignored (tests without
 * metrics). */
void metric_add(struct metric *metric, const char *value, double by);
void metric_set(struct metric *metric, const char *value, double to);
void metric_observe(struct metric *metric, const char *value, double seconds);
double metric_read(struct metric *metric, const char *value); /* counters and gauges; for tests and status */

/** Appends all metrics, with process_* and meridian_build_info. */
void metrics_render(struct buf *out);
