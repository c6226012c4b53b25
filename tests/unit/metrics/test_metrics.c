/* The text format, the bounded label, lock-free sums; promtool is the judge of the format where it is
 * installed. */
#include "metrics/metrics.h"
#include "metrics/process.h"
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool has(const struct buf *text, const char *line)
{
    _cleanup_buf_ struct buf wanted = BUF_INIT;

    buf_printf(&wanted, "\n%s\n", line);
    return strstr(text->p, wanted.p) != NULL;
}

Test(metrics, counters_and_gauges)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct metric *plain = metric_counter("meridian_test_requests_total", "Requests.", NULL);
    struct metric *by = metric_counter("meridian_test_errors_total", "Errors \\ by\nname.", "error");
    struct metric *depth = metric_gauge("meridian_test_depth", "Depth.", NULL);

    metric_add(plain, NULL, 1);
    metric_add(plain, NULL, 2.5);
    metric_add(plain, NULL, -1);
    metric_add(plain, NULL, NAN);
    metric_add(by, "a\"b\\c\nd", 1);
    metric_add(by, "x", 41);
    metric_set(depth, NULL, 7);
    metric_add(depth, NULL, -9);
    cr_assert_float_eq(metric_read(plain, NULL), 3.5, 0, "counters do not go back");
    cr_assert_float_eq(metric_read(depth, NULL), -2, 0);
    metrics_render(&text);
    cr_assert(has(
        &text, "# HELP meridian_test_requests_total Requests.\n# TYPE meridian_test_requests_total counter\n"
               "meridian_test_requests_total 3.5"));
    cr_assert(has(&text, "# HELP meridian_test_errors_total Errors \\\\ by\\nname."));
    cr_assert(has(&text, "meridian_test_errors_total{error=\"a\\\"b\\\\c\\nd\"} 1"));
    cr_assert(has(&text, "meridian_test_errors_total{error=\"x\"} 41"));
    cr_assert(has(&text, "# TYPE meridian_test_depth gauge\nmeridian_test_depth -2"));
    cr_assert(has(&text, "meridian_build_info{version=\"" MERIDIAN_VERSION "\"} 1"));
}

Test(metrics, a_metric_without_label_shows_from_the_start)
{
    _cleanup_buf_ struct buf text = BUF_INIT;

    metric_counter("meridian_test_quiet_total", "Nothing happened yet.", NULL);
    metric_histogram("meridian_test_quiet_seconds", "Nothing happened yet.", NULL);
    metrics_render(&text);
    cr_assert(has(&text, "meridian_test_quiet_total 0"));
    cr_assert(has(&text, "meridian_test_quiet_seconds_count 0"));
}

Test(metrics, null_metric_is_ignored)
{
    metric_add(NULL, NULL, 1);
    metric_set(NULL, NULL, 1);
    metric_observe(NULL, NULL, 1);
    cr_assert_float_eq(metric_read(NULL, NULL), 0, 0);
}

Test(metrics, histogram_buckets_accumulate)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct metric *h = metric_histogram("meridian_test_wait_seconds", "Wait.", "op");

    metric_observe(h, "read", 0.0005); /* on the bound: le means less or equal */
    metric_observe(h, "read", 0.02);
    metric_observe(h, "read", 99);
    metric_observe(h, "read", NAN);
    metrics_render(&text);
    cr_assert(has(&text, "# TYPE meridian_test_wait_seconds histogram"));
    cr_assert(has(&text, "meridian_test_wait_seconds_bucket{op=\"read\",le=\"0.0005\"} 1"));
    cr_assert(has(&text, "meridian_test_wait_seconds_bucket{op=\"read\",le=\"0.01\"} 1"));
    cr_assert(has(&text, "meridian_test_wait_seconds_bucket{op=\"read\",le=\"0.025\"} 2"));
    cr_assert(has(&text, "meridian_test_wait_seconds_bucket{op=\"read\",le=\"10\"} 2"));
    cr_assert(has(&text, "meridian_test_wait_seconds_bucket{op=\"read\",le=\"+Inf\"} 3"));
    cr_assert(has(&text, "meridian_test_wait_seconds_count{op=\"read\"} 3"));
}

Test(metrics, strangers_cannot_grow_the_set)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct metric *m = metric_counter("meridian_test_paths_total", "Paths.", "path");
    char longer[300] = {0};
    int lines = 0;

    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof value, "v%d", i);
        metric_add(m, value, 1);
    }
    metric_add(m, "v3", 1);
    memset(longer, 'x', sizeof longer - 1);
    metric_add(m, longer, 1);
    metric_add(m, "\xff", 1);
    metric_add(m, NULL, 1);
    metric_add(m, "other", 1);
    cr_assert_float_eq(metric_read(m, "v3"), 2, 0);
    cr_assert_float_eq(metric_read(m, "v63"), 1, 0);
    cr_assert_float_eq(metric_read(m, "v64"), 940, 0, "reads of a value that has no place give other");
    cr_assert_float_eq(metric_read(m, "other"), 936 + 4, 0);
    metrics_render(&text);
    for (const char *p = text.p; (p = strstr(p, "\nmeridian_test_paths_total{")); p++)
        lines++;
    cr_assert_eq(lines, 65);
}

Test(metrics, made_twice_is_the_same)
{
    struct metric *a = metric_counter("meridian_test_same_total", "Same.", "l");

    cr_assert_eq(metric_counter("meridian_test_same_total", "Same.", "l"), a);
}

Test(metrics, another_kind_under_a_name_ends_the_process, .signal = SIGABRT)
{
    metric_counter("meridian_test_kind_total", "Kind.", NULL);
    metric_counter("meridian_test_kind_total", "Kind.", "label");
}
Test(metrics, bad_name_ends_the_process, .signal = SIGABRT)
{
    metric_gauge("meridian-test", "Dash.", NULL);
}
Test(metrics, counter_without_total_ends_the_process, .signal = SIGABRT)
{
    metric_counter("meridian_test_things", "Things.", NULL);
}
Test(metrics, histogram_without_seconds_ends_the_process, .signal = SIGABRT)
{
    metric_histogram("meridian_test_wait_ms", "Wait.", NULL);
}
Test(metrics, no_help_ends_the_process, .signal = SIGABRT)
{
    metric_gauge("meridian_test_depth", "", NULL);
}

enum { THREADS = 4, EACH = 20000 };
static struct metric *shared_counter, *shared_histogram;

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        char value[8];
        snprintf(value, sizeof value, "v%d", i % 8);
        metric_add(shared_counter, value, 1);
        metric_observe(shared_histogram, NULL, 0.5);
    }
    return NULL;
}

Test(metrics, no_update_of_many_threads_is_lost)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    pthread_t threads[THREADS];

    shared_counter = metric_counter("meridian_test_shared_total", "Shared.", "v");
    shared_histogram = metric_histogram("meridian_test_shared_seconds", "Shared.", NULL);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count, NULL), 0);
    metrics_render(&text); /* while they run */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 8; i++) {
        char value[8];
        snprintf(value, sizeof value, "v%d", i);
        cr_assert_float_eq(metric_read(shared_counter, value), THREADS * EACH / 8, 0);
    }
    buf_reset(&text);
    metrics_render(&text);
    cr_assert(has(&text, "meridian_test_shared_seconds_count 80000"));
    cr_assert(has(&text, "meridian_test_shared_seconds_sum 40000"));
}

Test(process, figures_are_plausible)
{
    struct process_figures f = process_read(), again;
    int fd = dup(0);

    cr_assert_gt(f.resident_bytes, 100 * 1024);
    cr_assert_geq(f.cpu_seconds, 0);
    cr_assert_geq(f.open_fds, 1);
    cr_assert_float_eq(f.start_time_seconds, (double)time(NULL), 60);
    again = process_read();
    cr_assert_eq(again.open_fds, f.open_fds + 1);
    cr_assert_float_eq(again.start_time_seconds, f.start_time_seconds, 0, "a start does not move");
    close(fd);
}

Test(metrics, promtool_finds_no_fault)
{
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct metric *by = metric_counter("meridian_test_requests_total", "Requests.", "route");
    struct metric *wait = metric_histogram("meridian_test_wait_seconds", "Wait.", "route");
    FILE *promtool;

    if (system("command -v promtool >/dev/null") != 0)
        cr_skip_test("promtool is not installed");
    metric_gauge("meridian_test_depth", "Depth.", NULL);
    metric_add(by, "a \"quoted\" \\ one\n\xe6\x89\x93", 1e20);
    metric_observe(wait, "x", 1);
    metrics_render(&text);
    promtool = popen("promtool check metrics 2>&1", "w");
    cr_assert_not_null(promtool);
    cr_assert_eq(fwrite(text.p, 1, text.n, promtool), text.n);
    cr_assert_eq(WEXITSTATUS(pclose(promtool)), 0);
}
