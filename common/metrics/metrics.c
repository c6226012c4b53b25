/* The registry of metrics and their series. Metrics are made at start-up and never freed; series are added
 * when a label value is first seen and never removed.
 *
 * Any thread updates. All of it is lock-free: the registry and the series of a metric only grow, by
 * compare-and-set on a NULL pointer, and every number is an atomic of its own. So a scrape may see the sum of
 * a histogram a moment before its count; the buckets it prints are consistent with the count, which is
 * computed from them. The set cannot be grown by strangers: the 65th value of a label, a very long one or one
 * that is not UTF-8, counts under "other". A wrong name is a bug of ours and ends the process at start-up,
 * where a test sees it.
 */
#include "metrics/metrics.h"
#include "base/memory.h"
#include "metrics/process.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SERIES_MAX = 64, LABEL_VALUE_MAX = 100, BUCKETS = 14 };

static const double bucket_bounds[BUCKETS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                              0.1,    0.25,  0.5,    1,     2.5,  5,     10};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

struct series {
    char *value;                /* of the label; NULL for the only series of a metric without one */
    _Atomic uint64_t number;    /* bits of a double: the counter, the gauge, or the histogram's sum */
    _Atomic uint64_t buckets[]; /* BUCKETS and +Inf; histograms only */
};

struct metric {
    struct metric *next; /* in the registry; set before it is published */
    enum metric_kind kind;
    const char *name, *help, *label;
    _Atomic(struct series *) series[SERIES_MAX + 1]; /* filled from the front; the last is "other" */
};

static _Atomic(struct metric *) registry;

static double number_load(_Atomic uint64_t *number)
{
    uint64_t bits = atomic_load_explicit(number, memory_order_relaxed);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t number_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void number_add(_Atomic uint64_t *number, double by)
{
    uint64_t old = atomic_load_explicit(number, memory_order_relaxed), new;

    do {
        double value;
        memcpy(&value, &old, sizeof value);
        new = number_bits(value + by);
    } while (!atomic_compare_exchange_weak_explicit(number, &old, new, memory_order_relaxed,
                                                    memory_order_relaxed));
}

static struct series *series_new(const struct metric *metric, const char *value)
{
    size_t buckets = metric->kind == METRIC_HISTOGRAM ? BUCKETS + 1 : 0;
    struct series *series = mem_alloc(sizeof *series + buckets * sizeof series->buckets[0]);

    series->value = mem_str(value);
    return series;
}

/* The series in a slot, made there if it is empty. Two threads may race: the loser frees its own and takes
 * the winner's. */
static struct series *series_at(struct metric *metric, size_t slot, const char *value)
{
    struct series *there = atomic_load_explicit(&metric->series[slot], memory_order_acquire), *mine;

    if (there)
        return there;
    mine = series_new(metric, value);
    if (atomic_compare_exchange_strong(&metric->series[slot], &there, mine))
        return mine;
    free(mine->value);
    free(mine);
    return there;
}

static struct series *series_find(struct metric *metric, const char *value)
{
    if (!metric->label)
        return series_at(metric, 0, NULL);
    if (!value || strlen(value) > LABEL_VALUE_MAX || !utf8_valid(str_from(value)))
        value = "other";
    for (size_t i = 0; i < SERIES_MAX && strcmp(value, "other") != 0; i++) {
        struct series *series = series_at(metric, i, value);
        if (strcmp(series->value, value) == 0)
            return series;
    }
    return series_at(metric, SERIES_MAX, "other");
}

static void refuse(const char *name, const char *why)
{
    fprintf(stderr, "metric %s: %s\n", name, why);
    abort();
}

static bool ends(const char *name, const char *suffix)
{
    return str_ends(str_from(name), str_from(suffix));
}

static void check(enum metric_kind kind, const char *name, const char *help, const char *label)
{
    const char *const reserved[] = {"_bucket", "_count", "_sum", "_info"};

    if (!name[0] || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name) ||
        (name[0] >= '0' && name[0] <= '9'))
        refuse(name, "names are lower case with underscores");
    if (!help || !help[0])
        refuse(name, "has no help");
    if ((kind == METRIC_COUNTER) != ends(name, "_total"))
        refuse(name, "counters, and only counters, end in _total");
    if (kind == METRIC_HISTOGRAM && !ends(name, "_seconds"))
        refuse(name, "histograms are of seconds and say so");
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (ends(name, reserved[i]))
            refuse(name, "ends in a suffix that Prometheus reserves");
    if (label && (!label[0] || strspn(label, "abcdefghijklmnopqrstuvwxyz_") != strlen(label) ||
                  strcmp(label, "le") == 0))
        refuse(name, "the label's name is not usable");
}

static struct metric *metric_new(enum metric_kind kind, const char *name, const char *help, const char *label)
{
    struct metric *metric, *first = atomic_load(&registry);

    check(kind, name, help, label);
    for (metric = first; metric; metric = metric->next) {
        if (strcmp(metric->name, name) != 0)
            continue;
        if (metric->kind != kind || !metric->label != !label || (label && strcmp(label, metric->label) != 0))
            refuse(name, "made twice, with different kinds or labels");
        return metric;
    }
    metric = NEW(struct metric);
    *metric =
        (struct metric){.kind = kind, .name = mem_str(name), .help = mem_str(help), .label = mem_str(label)};
    if (!label)
        (void)series_at(metric, 0, NULL); /* shows as 0 from the first scrape on */
    metric->next = first;
    while (!atomic_compare_exchange_weak(&registry, &metric->next, metric))
        ;
    return metric;
}

struct metric *metric_counter(const char *name, const char *help, const char *label)
{
    return metric_new(METRIC_COUNTER, name, help, label);
}

struct metric *metric_gauge(const char *name, const char *help, const char *label)
{
    return metric_new(METRIC_GAUGE, name, help, label);
}

struct metric *metric_histogram(const char *name, const char *help, const char *label)
{
    return metric_new(METRIC_HISTOGRAM, name, help, label);
}

void metric_add(struct metric *metric, const char *value, double by)
{
    if (!metric || metric->kind == METRIC_HISTOGRAM || !isfinite(by) ||
        (metric->kind == METRIC_COUNTER && by < 0))
        return;
    number_add(&series_find(metric, value)->number, by);
}

void metric_set(struct metric *metric, const char *value, double to)
{
    if (!metric || metric->kind == METRIC_HISTOGRAM)
        return;
    atomic_store_explicit(&series_find(metric, value)->number, number_bits(to), memory_order_relaxed);
}

void metric_observe(struct metric *metric, const char *value, double seconds)
{
    struct series *series;
    size_t bucket = 0;

    if (!metric || metric->kind != METRIC_HISTOGRAM || !isfinite(seconds))
        return;
    series = series_find(metric, value);
    while (bucket < BUCKETS && seconds > bucket_bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    number_add(&series->number, seconds);
}

double metric_read(struct metric *metric, const char *value)
{
    if (!metric || metric->kind == METRIC_HISTOGRAM)
        return 0;
    return number_load(&series_find(metric, value)->number);
}

/* ---- text format 0.0.4 ---- */

static void add_escaped(struct buf *out, const char *text, bool quote)
{
    for (; *text; text++) {
        if (*text == '\\' || (quote && *text == '"'))
            buf_add_char(out, '\\');
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, *text);
    }
}

static void add_number(struct buf *out, double value)
{
    if (isnan(value))
        buf_add_text(out, "NaN\n");
    else if (isinf(value))
        buf_add_text(out, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        buf_printf(out, "%.17g\n", value);
}

/* name_suffix{label="value",le="bound"} and a space. */
static void add_sample(struct buf *out, const struct metric *metric, const char *suffix,
                       const struct series *series, const char *le)
{
    buf_add_text(out, metric->name);
    buf_add_text(out, suffix);
    if (metric->label) {
        buf_printf(out, "{%s=\"", metric->label);
        add_escaped(out, series->value, true);
        buf_add_char(out, '"');
    }
    if (le)
        buf_printf(out, "%sle=\"%s\"", metric->label ? "," : "{", le);
    if (metric->label || le)
        buf_add_char(out, '}');
    buf_add_char(out, ' ');
}

static void render_histogram(struct buf *out, const struct metric *metric, struct series *series)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= BUCKETS; i++) {
        char le[16] = "+Inf";
        if (i < BUCKETS)
            snprintf(le, sizeof le, "%g", bucket_bounds[i]);
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        add_sample(out, metric, "_bucket", series, le);
        buf_printf(out, "%llu\n", (unsigned long long)count);
    }
    add_sample(out, metric, "_sum", series, NULL);
    add_number(out, number_load(&series->number));
    add_sample(out, metric, "_count", series, NULL);
    buf_printf(out, "%llu\n", (unsigned long long)count);
}

static void add_head(struct buf *out, const char *name, const char *help, const char *kind)
{
    buf_printf(out, "# HELP %s ", name);
    add_escaped(out, help, false);
    buf_printf(out, "\n# TYPE %s %s\n", name, kind);
}

static void render_metric(struct buf *out, struct metric *metric)
{
    add_head(out, metric->name, metric->help, kind_names[metric->kind]);
    for (size_t i = 0; i <= SERIES_MAX; i++) {
        struct series *series = atomic_load_explicit(&metric->series[i], memory_order_acquire);
        if (!series)
            continue;
        if (metric->kind == METRIC_HISTOGRAM) {
            render_histogram(out, metric, series);
        } else {
            add_sample(out, metric, "", series, NULL);
            add_number(out, number_load(&series->number));
        }
    }
}

static void render_process(struct buf *out)
{
    struct process_figures f = process_read();

    add_head(out, "process_resident_memory_bytes", "Resident memory size in bytes.", "gauge");
    buf_printf(out, "process_resident_memory_bytes %lld\n", (long long)f.resident_bytes);
    add_head(out, "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", "counter");
    buf_printf(out, "process_cpu_seconds_total %.6f\n", f.cpu_seconds);
    add_head(out, "process_open_fds", "Number of open file descriptors.", "gauge");
    buf_printf(out, "process_open_fds %lld\n", (long long)f.open_fds);
    add_head(out, "process_start_time_seconds", "Start time of the process since the Unix epoch in seconds.",
             "gauge");
    buf_printf(out, "process_start_time_seconds %.3f\n", f.start_time_seconds);
    add_head(out, "meridian_build_info", "Always 1; the version of this program is in the label.", "gauge");
    buf_add_text(out, "meridian_build_info{version=\"" MERIDIAN_VERSION "\"} 1\n");
}

void metrics_render(struct buf *out)
{
    render_process(out);
    for (struct metric *metric = atomic_load(&registry); metric; metric = metric->next)
        render_metric(out, metric);
}
