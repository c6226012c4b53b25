/* The admin port: is the process alive, does it want traffic, what are its figures. For the supervisor, the
 * balancer and Prometheus; never for users.
 *
 * /livez asks nothing but the loop, so that a database that is away does not make the supervisor kill healthy
 * processes. /readyz gathers reasons: the skeleton's own (starting, draining) and the hook's. It is 503 with
 * one reason a line, so that whoever looks sees why. No state beside the server.
 */
#include "base/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "service/process.h"

static const char plain[] = "text/plain; charset=utf-8";

static void answer(struct http_exchange *x, int status, const struct buf *body)
{
    http_respond(x, status, plain, buf_str(body));
}

/* What a person wants to know of a process that is ready. */
static void add_about(const struct process *process, struct buf *out)
{
    const struct service *service = &process->service;

    buf_printf(out, "service %s\nregion %s\ninstance %s\nversion %s\nuptime_s %lld\n", service->name,
               service->conf.region, service->conf.instance, MERIDIAN_VERSION,
               (long long)((clock_now_us() - service->started_us) / US_PER_S));
}

static void on_ready(struct process *process, struct http_exchange *x)
{
    _cleanup_buf_ struct buf reasons = BUF_INIT, body = BUF_INIT;
    bool ready;

    if (process->life == LIFE_STARTING)
        buf_add_text(&reasons, "starting\n");
    if (process->service.draining)
        buf_add_text(&reasons, "draining\n");
    if (process->table->ready && process->life != LIFE_STARTING)
        process->table->ready(&process->service, &reasons);
    ready = !reasons.n;
    buf_add_text(&body, ready ? "ready\n" : "not ready\n");
    buf_add_str(&body, buf_str(&reasons));
    if (body.p[body.n - 1] != '\n')
        buf_add_char(&body, '\n');
    if (str_starts(http_query(x), STR("verbose"))) {
        if (process->table->verbose && process->life != LIFE_STARTING)
            process->table->verbose(&process->service, &body);
        add_about(process, &body);
    }
    answer(x, ready ? 200 : 503, &body);
}

static void on_metrics(struct http_exchange *x)
{
    _cleanup_buf_ struct buf body = BUF_INIT;
    struct metric *dropped =
        metric_counter("meridian_log_lines_dropped_total",
                       "Log lines lost because standard output was full or closed.", NULL);

    metric_set(dropped, NULL, (double)log_dropped());
    metrics_render(&body);
    http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&body));
}

static void on_request(void *ctx, struct http_exchange *x)
{
    struct process *process = ctx;
    struct str path = http_path(x);

    if (http_method(x) != HTTP_GET_ && http_method(x) != HTTP_HEAD_) {
        http_add_header(x, "Allow", "GET, HEAD");
        http_respond(x, 405, plain, STR("only GET and HEAD\n"));
    } else if (str_eq(path, STR("/livez"))) {
        http_respond(x, 200, plain, STR("alive\n"));
    } else if (str_eq(path, STR("/readyz"))) {
        on_ready(process, x);
    } else if (str_eq(path, STR("/startupz"))) {
        bool started = process->life != LIFE_STARTING;
        http_respond(x, started ? 200 : 503, plain, started ? STR("started\n") : STR("starting\n"));
    } else if (str_eq(path, STR("/metrics"))) {
        on_metrics(x);
    } else {
        http_respond(x, 404, plain, STR("/livez /readyz?verbose /startupz /metrics\n"));
    }
}

int admin_open(struct process *process)
{
    const struct http_options options = {
        .loop = &process->loop,
        .address = process->service.conf.admin_listen,
        .listen_fd = -1,
        .exclusive = true, /* two processes on one port would answer for each other */
        .max_connections = 64,
        .handler = on_request,
        .ctx = process,
    };
    int r = http_server_open(&options, &process->admin);

    if (r < 0) {
        log_error("cannot open the admin port", L_TEXT("listen", process->service.conf.admin_listen),
                  L_ERROR(r));
        return r;
    }
    return 0;
}

void admin_close(struct process *process)
{
    process->admin = http_server_free(process->admin);
}
