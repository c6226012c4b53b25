/* Judges, then asks the watcher's URL, again and again.
 *
 * Owns a timer, one job and one transfer. At home a sign of life needs all of: this scheduler completed a
 * sweep in the last ten seconds; the database knows of nothing overdue; of the auditors in other regions, if
 * there have ever been any, one is heard of and content, and none is in alarm. Elsewhere: this auditor is
 * content. What cannot be known is no life: a watcher that was told nothing alarms, which is the safe side.
 * Nothing is repeated: the next sign is soon enough, when the watcher waits for a few of them.
 *
 * The URL is the operator's own, so it may lead inside; redirects are not followed, and of the answer only
 * the status counts.
 */
#include "sla/deadman.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "outbound/transport.h"
#include "sla_sql.h"

#define SWEEP_US   (10 * US_PER_S)
#define AUDITOR_US (90 * US_PER_S) /* longer than any MERIDIAN_HEARTBEAT */
#define TIMEOUT_US (10 * US_PER_S)
enum { ANSWER_BYTES = 64 * 1024 };

struct deadman {
    struct deadman_options options;
    uv_timer_t timer;
    struct transport *transport;
    bool judging, sending, stopped;
    size_t answered;      /* bytes of the answer under way */
    int64_t sent_us;      /* monotonic: the last that was answered well; 0: none yet */
    const char *trouble;  /* why the last one was not; static text; NULL: it was, or none was due yet */
    const char *evidence; /* the job's: why there is no life; NULL: there is. The worker's while `judging` */
    struct deadman_figures figures;
    struct metric *heartbeats;
};

/* ---- the judgement ---- */

/* The worker's half, at home: what the database knows. */
static int run_judgement(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params late = {0}, since = {0};
    _cleanup_result_ struct db_result audit = {0}, auditors = {0};
    struct deadman *deadman = job;
    int r;

    db_param_int(&late, deadman->options.late_us);
    db_param_int(&since, AUDITOR_US);
    r = db_exec(conn, &sql_sla_audit, &late, &audit);
    if (r == 0)
        r = db_exec(conn, &sql_sla_auditors, &since, &auditors);
    if (r < 0)
        return r;
    if (db_int(&audit, 0, 0) > 0)
        deadman->evidence = "something is overdue";
    else if (db_int(&auditors, 0, 2) > 0)
        deadman->evidence = "an auditor of another region is in alarm";
    else if (db_int(&auditors, 0, 0) > 0 && db_int(&auditors, 0, 1) == 0)
        deadman->evidence = "no auditor of another region can vouch";
    else
        deadman->evidence = NULL;
    return 0;
}

static bool sweeps(const struct deadman *deadman)
{
    struct sweeper_figures figures = scheduler_clocks(deadman->options.scheduler);

    return figures.sweeps > 0 && clock_monotonic_us() - figures.last_sweep_us < deadman->options.sweep_us;
}

/* ---- how it ended ---- */

/* The one place that knows an end. One line in the log for each change. */
static void end(struct deadman *deadman, const char *outcome, const char *trouble)
{
    const char *before = deadman->trouble;

    metric_add(deadman->heartbeats, outcome, 1);
    deadman->trouble = trouble;
    if (!trouble)
        deadman->sent_us = clock_monotonic_us();
    if (trouble && (!before || strcmp(trouble, before) != 0))
        log_warn("no sign of life for the watcher outside", L_TEXT("outcome", outcome),
                 L_TEXT("why", trouble));
    if (!trouble && before)
        log_info("the watcher outside gets signs of life again");
}

static void withhold(struct deadman *deadman, const char *why)
{
    deadman->figures.withheld++;
    end(deadman, "withheld", why);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct deadman *deadman = ctx;

    (void)bytes;
    deadman->answered += size * n;
    return deadman->answered <= ANSWER_BYTES ? size * n : 0; /* the status is known by now */
}

static void on_sent(void *ctx, CURL *easy, CURLcode result)
{
    struct deadman *deadman = ctx;
    long status = 0;

    deadman->sending = false;
    if (deadman->stopped)
        return;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status <= 299) {
        deadman->figures.sent++;
        end(deadman, "sent", NULL);
        return;
    }
    deadman->figures.failed++;
    end(deadman, "failed", status ? "the watcher refused it" : curl_easy_strerror(result));
}

/* ---- from the timer to the transfer ---- */

static void send_sign(struct deadman *deadman)
{
    int64_t every_us = deadman->options.every_us;
    CURL *easy = transport_easy(every_us < TIMEOUT_US ? every_us : TIMEOUT_US);

    deadman->answered = 0;
    deadman->sending = true;
    curl_easy_setopt(easy, CURLOPT_URL, deadman->options.url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Meridian/" MERIDIAN_VERSION);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, deadman);
    transport_start(deadman->transport, easy, on_sent, deadman);
}

static void on_judged(void *job, int status)
{
    struct deadman *deadman = job;

    deadman->judging = false;
    if (deadman->stopped)
        return;
    if (status < 0)
        withhold(deadman, "the database does not answer");
    else if (deadman->evidence)
        withhold(deadman, deadman->evidence);
    else if (!sweeps(deadman)) /* it took time to come here */
        withhold(deadman, "no sweep was completed");
    else
        send_sign(deadman);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadman *deadman = timer->data;
    int r;

    if (deadman->judging || deadman->sending)
        return; /* slow: the watcher notices */
    if (deadman->options.auditor) {
        if (auditor_content(deadman->options.auditor))
            send_sign(deadman);
        else
            withhold(deadman, "the audit is not content");
        return;
    }
    r = db_pool_submit(deadman->options.pool, run_judgement, on_judged, deadman, 0);
    deadman->judging = true;
    if (r < 0)
        on_judged(deadman, r);
}

/* ---- life ---- */

int deadman_check(const char *url, struct buf *ret_problem)
{
    CURLU *parsed = curl_url();
    char *found = NULL;
    bool good = parsed && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_SCHEME, &found, 0) == CURLUE_OK &&
                (strcmp(found, "http") == 0 || strcmp(found, "https") == 0);

    curl_free(found);
    curl_url_cleanup(parsed);
    if (good)
        return 0;
    buf_add_text(ret_problem, "heartbeat_url: must be a URL that begins with http:// or https://");
    return -E_CONFIG;
}

int deadman_open(const struct deadman_options *options, struct deadman **ret_deadman)
{
    struct deadman *deadman = NEW(struct deadman);
    uint64_t every_ms = (uint64_t)(options->every_us / US_PER_MS);
    int r = transport_open(options->loop, &deadman->transport);

    if (r < 0) {
        free(deadman);
        return r;
    }
    deadman->options = *options;
    if (!deadman->options.sweep_us)
        deadman->options.sweep_us = SWEEP_US;
    deadman->heartbeats = metric_counter("meridian_sla_heartbeats_total",
                                         "Signs of life for the watcher outside, by outcome.", "outcome");
    uv_timer_init(options->loop, &deadman->timer);
    deadman->timer.data = deadman;
    uv_timer_start(&deadman->timer, on_timer, every_ms, every_ms);
    *ret_deadman = deadman;
    return 0;
}

void deadman_stop(struct deadman *deadman)
{
    uv_timer_stop(&deadman->timer);
    deadman->stopped = true;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct deadman *deadman_close(struct deadman *deadman)
{
    if (!deadman)
        return NULL;
    deadman_stop(deadman);
    transport_close(deadman->transport);
    uv_close((uv_handle_t *)&deadman->timer, on_closed);
    return NULL;
}

struct deadman_figures deadman_figures(const struct deadman *deadman)
{
    return deadman->figures;
}

void deadman_describe(const struct deadman *deadman, struct buf *out)
{
    if (deadman->trouble)
        buf_printf(out, "heartbeat: not sent: %s", deadman->trouble);
    else if (!deadman->sent_us)
        buf_add_text(out, "heartbeat: none was due yet");
    else
        buf_add_text(out, "heartbeat: sent");
    if (deadman->sent_us)
        buf_printf(out, " (the last one %.1f s ago)",
                   (double)(clock_monotonic_us() - deadman->sent_us) / US_PER_S);
    buf_add_char(out, '\n');
}
