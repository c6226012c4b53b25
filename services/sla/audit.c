/* The audit: every two seconds, one question to the region's standby.
 *
 * Owns a timer and one job. "Overdue" is measured against the last commit of the primary that this standby
 * has replayed, and so is the silence of the schedulers, whose last completed sweep is in desk.scheduler. So
 * neither replay lag nor a cut link raises those alarms: what cannot be known is reported as age, not as a
 * verdict. But not for ever: heartbeats commit every two seconds, so the age stays small while anything
 * lives, and from a minute on not knowing is an alarm of its own, whether the standby is behind or does not
 * answer. An alarm is a state (a gauge, a line of /readyz?verbose); the log has one line per change. It never
 * writes and never fires anything itself: that is the sweeper's work, beside the primary.
 */
#include "sla/audit.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "sla_sql.h"

#define EVERY_US  (2 * US_PER_S)
#define SILENT_US (10 * US_PER_S)
#define BLIND_US  (60 * US_PER_S)

struct auditor {
    struct auditor_options options;
    uv_timer_t timer;
    bool running, failing;
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct auditor_figures figures, seen; /* seen: the job's, the worker's alone while running */
    int64_t known_us; /* monotonic: the instant of which the last knowledge is; at first, the start */
    struct {
        struct metric *overdue, *longest, *age, *silence, *audits;
    } metrics;
};

static int run_audit(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct auditor *auditor = job;
    int r;

    db_param_int(&params, auditor->options.late_us);
    r = db_exec(conn, &sql_sla_audit, &params, &result);
    if (r < 0)
        return r;
    auditor->seen.overdue = db_int(&result, 0, 0);
    auditor->seen.longest_us = db_int(&result, 0, 1);
    auditor->seen.age_us = db_is_null(&result, 0, 2) ? -1 : db_int(&result, 0, 2);
    auditor->seen.silent_us = db_int(&result, 0, 3);
    return 0;
}

/* One line in the log for each change. */
static void tell(const struct auditor_figures *now, const struct auditor_figures *before)
{
    if (now->alarm && !before->alarm)
        log_warn("clocks or timers are due and nobody fires them", L_INT("overdue", now->overdue),
                 L_INT("longest_s", now->longest_us / US_PER_S));
    if (!now->alarm && before->alarm)
        log_info("nothing is overdue any more");
    if (now->silent && !before->silent)
        log_warn("no scheduler beside the primary has completed a sweep",
                 L_INT("for_s", now->silent_us / US_PER_S));
    if (!now->silent && before->silent)
        log_info("schedulers sweep again");
}

/* With every audit, however it ended: how long ago was what is known? */
static void look_for_blindness(struct auditor *auditor)
{
    struct auditor_figures *figures = &auditor->figures;
    int64_t now_us = clock_monotonic_us(), since_us;
    bool blind;

    if (figures->age_us >= 0)
        auditor->known_us = now_us - figures->age_us;
    since_us = now_us - auditor->known_us;
    blind = since_us > auditor->options.blind_us;
    if (blind && !figures->blind)
        log_warn("the audit knows nothing new: it cannot tell whether clocks and timers fire",
                 L_INT("for_s", since_us / US_PER_S));
    if (!blind && figures->blind)
        log_info("the audit can tell again");
    figures->blind = blind;
    figures->blind_us = since_us;
    metric_set(auditor->metrics.age, NULL, (double)since_us / US_PER_S);
}

static void judge(struct auditor *auditor)
{
    struct auditor_figures *figures = &auditor->figures, *seen = &auditor->seen;

    seen->alarm = seen->overdue > 0;
    seen->silent = seen->silent_us > SILENT_US;
    seen->blind = figures->blind;
    seen->audits = figures->audits + 1;
    tell(seen, figures);
    *figures = *seen;
    metric_set(auditor->metrics.overdue, NULL, (double)figures->overdue);
    metric_set(auditor->metrics.longest, NULL, (double)figures->longest_us / US_PER_S);
    metric_set(auditor->metrics.silence, NULL,
               figures->silent_us > 0 ? (double)figures->silent_us / US_PER_S : 0);
}

static void on_timer(uv_timer_t *timer);

static void on_audit(void *job, int status)
{
    struct auditor *auditor = job;

    auditor->running = false;
    metric_add(auditor->metrics.audits, status == 0 ? "done" : "failed", 1);
    if (status == 0)
        judge(auditor);
    else
        auditor->figures.age_us = -1;
    look_for_blindness(auditor);
    if ((status < 0) != auditor->failing) {
        auditor->failing = status < 0;
        if (status < 0)
            log_warn("the standby cannot be audited", L_ERROR(status));
        else
            log_info("auditing again");
    }
    if (auditor->drained)
        auditor->drained(auditor->drained_ctx);
    else
        uv_timer_start(&auditor->timer, on_timer, (uint64_t)(auditor->options.every_us / US_PER_MS), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct auditor *auditor = timer->data;
    int r = db_pool_submit(auditor->options.pool, run_audit, on_audit, auditor, 0);

    auditor->running = true;
    if (r < 0)
        on_audit(auditor, r);
}

struct auditor *auditor_open(const struct auditor_options *options)
{
    struct auditor *auditor = NEW(struct auditor);

    auditor->options = *options;
    if (!auditor->options.every_us)
        auditor->options.every_us = EVERY_US;
    if (!auditor->options.blind_us)
        auditor->options.blind_us = BLIND_US;
    auditor->known_us = clock_monotonic_us();
    auditor->figures.age_us = -1;
    auditor->metrics.overdue =
        metric_gauge("meridian_sla_overdue_clocks",
                     "Clocks and timers due for longer than MERIDIAN_AUDIT_LATE and not fired, as the "
                     "standby knows. Above 0: the schedulers at home do not do their work.",
                     NULL);
    auditor->metrics.longest =
        metric_gauge("meridian_sla_overdue_seconds", "How long the first of them has been due.", NULL);
    auditor->metrics.age =
        metric_gauge("meridian_sla_audit_age_seconds",
                     "Age of what the audit knows: of the last commit of the primary that the standby has "
                     "replayed, when it last answered. Above 60: the audit can tell nothing.",
                     NULL);
    auditor->metrics.silence = metric_gauge("meridian_sla_silence_seconds",
                                            "Since when no scheduler beside the primary has completed a "
                                            "sweep, as the standby knows. Above 10: none lives.",
                                            NULL);
    auditor->metrics.audits = metric_counter("meridian_sla_audits_total", "Audits, by outcome.", "outcome");
    uv_timer_init(auditor->options.loop, &auditor->timer);
    auditor->timer.data = auditor;
    uv_timer_start(&auditor->timer, on_timer, 0, 0);
    return auditor;
}

void auditor_drain(struct auditor *auditor, void (*done)(void *ctx), void *ctx)
{
    uv_timer_stop(&auditor->timer);
    auditor->drained = done;
    auditor->drained_ctx = ctx;
    if (!auditor->running)
        done(ctx);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct auditor *auditor_close(struct auditor *auditor)
{
    if (auditor)
        uv_close((uv_handle_t *)&auditor->timer, on_closed);
    return NULL;
}

struct auditor_figures auditor_figures(const struct auditor *auditor)
{
    return auditor->figures;
}

static void add_blindness(const struct auditor_figures *figures, struct buf *out)
{
    if (figures->blind)
        buf_printf(out, "; ALARM: nothing new is known since %lld s",
                   (long long)(figures->blind_us / US_PER_S));
    buf_add_char(out, '\n');
}

bool auditor_content(const struct auditor *auditor)
{
    const struct auditor_figures *figures = &auditor->figures;

    return figures->age_us >= 0 && figures->age_us < BLIND_US && !figures->alarm && !figures->silent &&
           !figures->blind;
}

void auditor_describe(const struct auditor *auditor, struct buf *out)
{
    const struct auditor_figures *figures = &auditor->figures;

    if (figures->age_us < 0) {
        buf_add_text(out, "audit: the standby cannot tell");
        add_blindness(figures, out);
        return;
    }
    if (figures->alarm)
        buf_printf(out, "audit: ALARM: %lld clocks and timers are due and not fired, the first for %lld s",
                   (long long)figures->overdue, (long long)(figures->longest_us / US_PER_S));
    else
        buf_add_text(out, "audit: nothing overdue");
    if (figures->silent)
        buf_printf(out, "; ALARM: no scheduler has completed a sweep for %lld s",
                   (long long)(figures->silent_us / US_PER_S));
    buf_printf(out, " (as of %.1f s ago)", (double)figures->age_us / US_PER_S);
    add_blindness(figures, out);
}
