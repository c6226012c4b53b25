/* One attempt at a time: taken from the database under a lease (desk.feed_take), asked for by HTTP, read on a
 * worker, told to the database (desk.feed_told).
 *
 * Owns a timer, one job and one transfer; `step` says where it is. What must stay true: what is told belongs
 * to the attempt that was taken, so whoever is late, dead or doubled does no harm; the lease is longer than
 * an attempt can take. A feed's URL is an administrator's, but what it redirects to and what its name
 * resolves to are not: the address guard is asked at every connect. What comes is bounded before it is read,
 * and read where nothing but this table can be written. The URL may hold a secret and is not logged.
 */
#include "sla/fetcher.h"
#include "base/clock.h"
#include "base/memory.h"
#include "ics/feed_days.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "outbound/transport.h"
#include "plan/feed_json.h"
#include "sla_sql.h"
#include <ctype.h>

#define EVERY_US (5 * US_PER_S)
enum {
    TOKEN_MAX = 300, /* of an ETag that is kept */
};

enum step { IDLE, TAKING, FETCHING, TELLING };

struct state {
    int64_t feeds, failing, held, age_us;
};

struct fetcher {
    struct fetcher_options options;
    uv_timer_t timer;
    struct transport *transport;
    enum step step;
    bool stopped;
    struct state state; /* as the database last said */
    struct {
        struct metric *attempts, *feeds, *failing, *held, *age;
    } metrics;

    /* The attempt. A worker's while TAKING and TELLING. */
    struct state seen;
    bool taken;
    struct buf name, etag, last_modified; /* the latter two: of what is known, then of what came */
    int64_t number;
    json_t *config;
    struct curl_slist *headers;
    struct buf body, error;
    bool fresh;   /* a body came; otherwise nothing is new */
    bool late;    /* the attempt was not the last one any more when it was told */
    bool refused; /* the guard refused an address */
};

static void attempt_reset(struct fetcher *fetcher)
{
    buf_reset(&fetcher->name);
    buf_reset(&fetcher->etag);
    buf_reset(&fetcher->last_modified);
    buf_reset(&fetcher->body);
    buf_reset(&fetcher->error);
    json_decref(fetcher->config);
    fetcher->config = NULL;
    curl_slist_free_all(fetcher->headers);
    fetcher->headers = NULL;
    fetcher->taken = fetcher->fresh = fetcher->late = fetcher->refused = false;
}

/* ---- on a database worker ---- */

static int read_state(struct db_conn *conn, struct fetcher *fetcher)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_sla_feed_state, NULL, &result);

    if (r < 0)
        return r;
    fetcher->seen.feeds = db_int(&result, 0, 0);
    fetcher->seen.failing = db_int(&result, 0, 1);
    fetcher->seen.held = db_int(&result, 0, 2);
    fetcher->seen.age_us = db_int(&result, 0, 3);
    return 0;
}

static int run_take(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct fetcher *fetcher = job;
    int r = read_state(conn, fetcher);

    attempt_reset(fetcher);
    if (r < 0 || !fetcher->seen.feeds)
        return r;
    db_param_int(&params, 2 * fetcher->options.timeout_us);
    r = db_exec(conn, &sql_sla_feed_take, &params, &result);
    if (r < 0 || !db_rows(&result))
        return r;
    fetcher->taken = true;
    buf_add_text(&fetcher->name, db_text(&result, 0, 0));
    fetcher->number = db_int(&result, 0, 1);
    fetcher->config = json_loads(db_text(&result, 0, 2), 0, NULL);
    buf_add_str(&fetcher->etag, db_str(&result, 0, 3));
    buf_add_str(&fetcher->last_modified, db_str(&result, 0, 4));
    return 0;
}

/* The days of the body, as JSON; NULL with an error. */
static char *read_days(struct fetcher *fetcher)
{
    _cleanup_plan_fault_ struct plan_fault fault = {0};
    json_auto_t *days = NULL;

    if (feed_days(buf_str(&fetcher->body), json_string_value(json_object_get(fetcher->config, "zone")),
                  json_object_get(fetcher->config, "except"), clock_now_us() / US_PER_S, &days, &fault) == 0)
        return json_dumps(days, JSON_COMPACT);
    buf_printf(&fetcher->error, "%s%s%s", buf_text(&fault.at), fault.at.n ? ": " : "",
               buf_text(&fault.reason));
    return NULL;
}

static int run_tell(struct db_conn *conn, void *job)
{
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    struct fetcher *fetcher = job;
    int r;
    _cleanup_(freep) char *days = fetcher->fresh && !fetcher->error.n ? read_days(fetcher) : NULL;

    db_param_text(&params, buf_text(&fetcher->name));
    db_param_int(&params, fetcher->number);
    db_param_text(&params, days);
    db_param_text(&params, fetcher->etag.n ? buf_text(&fetcher->etag) : NULL);
    db_param_text(&params, fetcher->last_modified.n ? buf_text(&fetcher->last_modified) : NULL);
    db_param_text(&params, fetcher->error.n ? buf_text(&fetcher->error) : NULL);
    r = db_exec(conn, &sql_sla_feed_told, &params, &result);
    if (!r)
        fetcher->late = !db_bool(&result, 0, 0);
    return r;
}

/* ---- how it ended ---- */

static void look(struct fetcher *fetcher);

static const char *outcome(const struct fetcher *fetcher, int status)
{
    return status < 0         ? "lost"
           : fetcher->late    ? "late"
           : fetcher->error.n ? "failed"
           : fetcher->fresh   ? "fetched"
                              : "unchanged";
}

static void on_told(void *job, int status)
{
    struct fetcher *fetcher = job;

    fetcher->step = IDLE;
    if (status < 0) /* its lease will be over */
        log_warn("how a feed of holidays was cannot be written down",
                 L_TEXT("feed", buf_text(&fetcher->name)), L_ERROR(status));
    else if (fetcher->error.n)
        log_warn("a feed of holidays fails", L_TEXT("feed", buf_text(&fetcher->name)),
                 L_TEXT("error", buf_text(&fetcher->error)));
    metric_add(fetcher->metrics.attempts, outcome(fetcher, status), 1);
    if (!fetcher->stopped)
        look(fetcher); /* others may be due */
}

static void tell(struct fetcher *fetcher)
{
    int r = db_pool_submit(fetcher->options.pool, run_tell, on_told, fetcher, 0);

    fetcher->step = TELLING;
    if (r < 0)
        on_told(fetcher, r);
}

/* A header of the answer that is worth keeping; it goes back to the server as it is. */
static void keep_header(CURL *easy, const char *name, struct buf *out)
{
    struct curl_header *header = NULL;

    buf_reset(out);
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        strlen(header->value) > TOKEN_MAX)
        return;
    for (const char *p = header->value; *p; p++)
        if (!isprint((unsigned char)*p))
            return;
    buf_add_text(out, header->value);
}

static void judge_failure(struct fetcher *fetcher, CURLcode result)
{
    if (fetcher->refused)
        buf_add_text(&fetcher->error, "the address is private or reserved (MERIDIAN_FEED_ALLOW)");
    else if (fetcher->body.n > FEED_BODY_MAX || result == CURLE_FILESIZE_EXCEEDED)
        buf_printf(&fetcher->error, "is longer than %d bytes", FEED_BODY_MAX);
    else
        buf_printf(&fetcher->error, "http: %s", curl_easy_strerror(result));
}

static void on_fetched(void *ctx, CURL *easy, CURLcode result)
{
    struct fetcher *fetcher = ctx;
    bool asked = fetcher->etag.n || fetcher->last_modified.n;
    long status = 0;

    if (fetcher->stopped) {
        fetcher->step = IDLE;
        return;
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK) {
        judge_failure(fetcher, result);
    } else if (status == 200) {
        fetcher->fresh = true;
        keep_header(easy, "ETag", &fetcher->etag);
        keep_header(easy, "Last-Modified", &fetcher->last_modified);
    } else if (status != 304 || !asked) {
        buf_printf(&fetcher->error, "http %ld", status);
    }
    tell(fetcher);
}

/* ---- the transfer ---- */

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetcher *fetcher = ctx;

    (void)purpose;
    if (!address_guard_allows(fetcher->options.guard, &address->addr)) {
        fetcher->refused = true;
        return CURL_SOCKET_BAD;
    }
    fetcher->refused = false; /* one of several addresses will do */
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    struct fetcher *fetcher = ctx;

    buf_add(&fetcher->body, bytes, size * n);
    return fetcher->body.n <= FEED_BODY_MAX ? size * n : 0; /* too much: curl ends the transfer */
}

static void add_header(struct fetcher *fetcher, const char *name, const struct buf *value)
{
    _cleanup_buf_ struct buf line = BUF_INIT;

    if (!value->n)
        return;
    buf_printf(&line, "%s: %s", name, buf_text(value));
    fetcher->headers = curl_slist_append(fetcher->headers, buf_text(&line));
}

static void fetch(struct fetcher *fetcher)
{
    CURL *easy = transport_easy(fetcher->options.timeout_us);

    fetcher->step = FETCHING;
    add_header(fetcher, "If-None-Match", &fetcher->etag);
    add_header(fetcher, "If-Modified-Since", &fetcher->last_modified);
    fetcher->headers = curl_slist_append(fetcher->headers, "Accept: text/calendar, application/json");
    curl_easy_setopt(easy, CURLOPT_URL, json_string_value(json_object_get(fetcher->config, "url")));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)FEED_REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)FEED_BODY_MAX);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Meridian/" MERIDIAN_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetcher->headers);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetcher);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetcher);
    transport_start(fetcher->transport, easy, on_fetched, fetcher);
}

/* ---- from the timer to the transfer ---- */

static void on_taken(void *job, int status)
{
    struct fetcher *fetcher = job;

    fetcher->step = IDLE;
    if (status < 0)
        return; /* the database is away: others say so */
    fetcher->state = fetcher->seen;
    metric_set(fetcher->metrics.feeds, NULL, (double)fetcher->state.feeds);
    metric_set(fetcher->metrics.failing, NULL, (double)fetcher->state.failing);
    metric_set(fetcher->metrics.held, NULL, (double)fetcher->state.held);
    metric_set(fetcher->metrics.age, NULL, (double)fetcher->state.age_us / US_PER_S);
    if (fetcher->taken && !fetcher->stopped)
        fetch(fetcher);
}

static void look(struct fetcher *fetcher)
{
    int r;

    if (fetcher->step != IDLE || !db_pool_ready(fetcher->options.pool))
        return;
    r = db_pool_submit(fetcher->options.pool, run_take, on_taken, fetcher, 0);
    fetcher->step = TAKING;
    if (r < 0)
        on_taken(fetcher, r);
}

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

/* ---- life ---- */

static void make_metrics(struct fetcher *fetcher)
{
    fetcher->metrics.attempts =
        metric_counter("meridian_sla_feed_attempts_total",
                       "Attempts to fetch feeds of holidays, by outcome (late: another one had "
                       "begun; lost: it could not be written down).",
                       "outcome");
    fetcher->metrics.feeds = metric_gauge("meridian_sla_feeds", "Feeds of holidays of the plan.", NULL);
    fetcher->metrics.failing =
        metric_gauge("meridian_sla_feeds_failing", "Feeds that failed when they were last tried.", NULL);
    fetcher->metrics.held =
        metric_gauge("meridian_sla_feeds_held", "Feeds of which something waits for review.", NULL);
    fetcher->metrics.age = metric_gauge("meridian_sla_feed_age_seconds",
                                        "Since when the feed with the oldest news was last known.", NULL);
}

int fetcher_open(const struct fetcher_options *options, struct fetcher **ret_fetcher)
{
    struct fetcher *fetcher = NEW(struct fetcher);
    uint64_t every_ms;
    int r = transport_open(options->loop, &fetcher->transport);

    if (r < 0) {
        free(fetcher);
        return r;
    }
    fetcher->options = *options;
    if (!fetcher->options.every_us)
        fetcher->options.every_us = EVERY_US;
    make_metrics(fetcher);
    every_ms = (uint64_t)(fetcher->options.every_us / US_PER_MS);
    uv_timer_init(options->loop, &fetcher->timer);
    fetcher->timer.data = fetcher;
    uv_timer_start(&fetcher->timer, on_timer, every_ms, every_ms);
    *ret_fetcher = fetcher;
    return 0;
}

void fetcher_stop(struct fetcher *fetcher)
{
    uv_timer_stop(&fetcher->timer);
    fetcher->stopped = true;
}

static void on_closed(uv_handle_t *handle)
{
    struct fetcher *fetcher = handle->data;

    attempt_reset(fetcher);
    buf_fini(&fetcher->name);
    buf_fini(&fetcher->etag);
    buf_fini(&fetcher->last_modified);
    buf_fini(&fetcher->body);
    buf_fini(&fetcher->error);
    free(fetcher);
}

struct fetcher *fetcher_close(struct fetcher *fetcher)
{
    if (!fetcher)
        return NULL;
    fetcher_stop(fetcher);
    transport_close(fetcher->transport);
    uv_close((uv_handle_t *)&fetcher->timer, on_closed);
    return NULL;
}

void fetcher_describe(const struct fetcher *fetcher, struct buf *out)
{
    if (fetcher->state.feeds)
        buf_printf(out, "feeds of holidays: %lld, failing %lld, held for review %lld\n",
                   (long long)fetcher->state.feeds, (long long)fetcher->state.failing,
                   (long long)fetcher->state.held);
}
