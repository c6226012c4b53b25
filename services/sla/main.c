/* meridian-sla: the clocks. Beside the primary it schedules (scheduler.c); in any other region it audits its
 * standby (audit.c). Which of the two is decided once, at start, by region and home region; both stay idle
 * handles on the loop otherwise.
 *
 * The smallest service, and the model for others: a table of keys, a table of hooks, init and fini as mirror
 * images. It keeps no state that matters: kill it at any instant.
 */
#include "base/clock.h"
#include "log/log.h"
#include "service/service.h"
#include "sla/audit.h"
#include "sla/deadman.h"
#include "sla/fetcher.h"
#include "sla/scheduler.h"
#include "sla_sql.h"

struct sla_conf {
    int64_t audit_late_us, wheel_window_us, heartbeat_url_every_us, feed_timeout_us;
    const char *heartbeat_url, *feed_allow;
};

struct sla {
    struct db_pool *pool;
    struct scheduler *scheduler; /* at home; else NULL */
    struct auditor *auditor;     /* elsewhere; else NULL */
    struct deadman *deadman;     /* NULL: there is no watcher outside */
    struct address_guard *guard; /* of the feeds */
    struct fetcher *fetcher;     /* at home; else NULL */
    void (*drained)(struct service *service);
};

static struct sla_conf conf;
static struct sla state;

static const struct conf_key keys[] = {
    {.name = "audit_late",
     .type = CONF_DURATION,
     .offset = offsetof(struct sla_conf, audit_late_us),
     .def = "10s",
     .min = 1 * US_PER_S,
     .max = 3600 * US_PER_S,
     .doc = "A clock or timer that was due for longer than this and did not fire is an alarm (away from "
            "home), and no sign of life goes out."},
    {.name = "wheel_window",
     .type = CONF_DURATION,
     .offset = offsetof(struct sla_conf, wheel_window_us),
     .def = "5m",
     .min = 5 * US_PER_S,
     .max = 3600 * US_PER_S,
     .doc = "At home: what comes due within this is held in memory, to fire at its millisecond."},
    {.name = "heartbeat_url",
     .type = CONF_SECRET,
     .offset = offsetof(struct sla_conf, heartbeat_url),
     .def = "",
     .doc = "A URL (http or https) of a watcher outside, which alarms when it is not asked any more. It is "
            "asked with GET as long as sweeps are completed, nothing is overdue and the auditors of other "
            "regions agree. Empty: no watcher."},
    {.name = "heartbeat_url_every",
     .type = CONF_DURATION,
     .offset = offsetof(struct sla_conf, heartbeat_url_every_us),
     .def = "30s",
     .min = 1 * US_PER_S,
     .max = 3600 * US_PER_S,
     .doc = "How often the watcher is asked. Have it wait for three of these before it alarms."},
    {.name = "feed_timeout",
     .type = CONF_DURATION,
     .offset = offsetof(struct sla_conf, feed_timeout_us),
     .def = "30s",
     .min = 1 * US_PER_S,
     .max = 300 * US_PER_S,
     .doc = "At home: how long a feed of holidays may take to answer, redirects included. An attempt that "
            "died is taken again after twice this."},
    {.name = "feed_allow",
     .type = CONF_TEXT,
     .offset = offsetof(struct sla_conf, feed_allow),
     .def = "",
     .doc = "Address blocks where feeds of holidays may be although they are private, comma-separated: "
            "10.1.2.0/24."},
    {0},
};

static void on_hint(void *ctx, const Meridian__Hint *hint)
{
    struct sla *sla = ctx;

    if (hint->clocks_changed)
        scheduler_hint(sla->scheduler, hint);
}

static int listen_for_hints(struct service *service)
{
    static const char *const routers[] = {"router", NULL};

    if (!service->bus || !service->conf.hints[0])
        return 0;
    return bus_subscribe(service->bus, service_urls(service->conf.hints), routers, on_hint, service->state);
}

static int open_publisher(struct service *service)
{
    static const char *const readers[] = {"intake", "notifier", "router", NULL};

    if (!service->bus || !service->conf.bus_publish[0])
        return 0;
    return bus_publish_listen(service->bus, service->conf.bus_publish, readers);
}

static int open_pool(struct service *service)
{
    static const struct db_statement *const *const lists[] = {sql_sla_all, NULL};
    _cleanup_(freep) char *conninfo = service_conninfo(service);
    const struct db_pool_options options = {
        .loop = service->loop,
        .conninfo = conninfo,
        .application = service->conf.instance,
        .lists = lists,
        .workers = 3, /* a batch, beside it leases and what is read ahead, and a feed that is read */
        .max_queue = 16,
        .writable = service_at_home(service),
    };

    if (!conninfo[0]) {
        log_error(
            "MERIDIAN_DB is not set: sla needs the primary at home, and the region's standby elsewhere");
        return -E_CONFIG;
    }
    return db_pool_open(&options, &state.pool);
}

static int init_home(struct service *service)
{
    bool publishes = service->bus && service->conf.bus_publish[0];
    const struct scheduler_options options = {
        .loop = service->loop,
        .pool = state.pool,
        .instance = service->conf.instance,
        .bus = publishes ? service->bus : NULL,
        .routers = service->routers,
        .window_us = conf.wheel_window_us,
    };
    int r = open_publisher(service);

    if (r < 0)
        return r;
    if (!service->routers)
        log_warn("without MERIDIAN_ROUTERS no ticket is woken: only the clocks are looked after");
    state.scheduler = scheduler_open(&options);
    return listen_for_hints(service);
}

static int open_deadman(struct service *service)
{
    const struct deadman_options options = {
        .loop = service->loop,
        .pool = state.pool,
        .url = conf.heartbeat_url,
        .every_us = conf.heartbeat_url_every_us,
        .late_us = conf.audit_late_us,
        .scheduler = state.scheduler,
        .auditor = state.auditor,
    };

    return conf.heartbeat_url[0] ? deadman_open(&options, &state.deadman) : 0;
}

static int open_fetcher(struct service *service)
{
    const struct fetcher_options options = {
        .loop = service->loop, .pool = state.pool, .guard = state.guard, .timeout_us = conf.feed_timeout_us};

    return fetcher_open(&options, &state.fetcher);
}

static int check_config(void)
{
    _cleanup_buf_ struct buf problem = BUF_INIT, blocks = BUF_INIT;
    int r = conf.heartbeat_url[0] ? deadman_check(conf.heartbeat_url, &problem) : 0;

    if (r == 0) {
        r = address_guard_new(conf.feed_allow, &state.guard, &blocks);
        buf_printf(&problem, "feed_allow: %s", buf_text(&blocks));
    }
    if (r < 0)
        log_error("configuration", L_STR("problem", buf_str(&problem)));
    return r;
}

static int init(struct service *service)
{
    int r;

    service->state = &state;
    r = check_config();
    if (r == 0)
        r = open_pool(service);
    if (r < 0)
        return r;
    if (service_at_home(service)) {
        r = init_home(service);
        if (r == 0)
            r = open_fetcher(service);
        if (r < 0)
            return r;
    } else {
        const struct auditor_options options = {
            .loop = service->loop, .pool = state.pool, .late_us = conf.audit_late_us};

        state.auditor = auditor_open(&options);
    }
    r = open_deadman(service);
    if (r == 0)
        service_heartbeat_start(service, NULL);
    return r;
}

static void ready(struct service *service, struct buf *ret_reasons)
{
    (void)service;
    if (!db_pool_ready(state.pool))
        buf_add_text(ret_reasons, "database: no connection\n");
}

static void verbose(struct service *service, struct buf *out)
{
    (void)service;
    if (state.auditor)
        auditor_describe(state.auditor, out);
    if (state.deadman)
        deadman_describe(state.deadman, out);
    if (state.fetcher)
        fetcher_describe(state.fetcher, out);
}

static void stats(struct service *service, struct buf *ret_json)
{
    (void)service;
    if (state.scheduler) {
        struct sweeper_figures clocks = scheduler_clocks(state.scheduler);
        struct ringer_figures timers = scheduler_timers(state.scheduler);

        buf_printf(ret_json,
                   "\"role\":\"sweeper\",\"warned\":%llu,\"breached\":%llu,\"woken\":%llu,\"shards\":%d,"
                   "\"wheel\":%zu,\"wheel_bytes\":%zu,\"sweeps\":%llu",
                   (unsigned long long)clocks.warned, (unsigned long long)clocks.breached,
                   (unsigned long long)timers.rung,
                   __builtin_popcountll(lease_shards(scheduler_lease(state.scheduler))),
                   clocks.ahead + timers.ahead, clocks.ahead_bytes, (unsigned long long)clocks.sweeps);
    } else {
        struct auditor_figures figures = auditor_figures(state.auditor);

        buf_printf(ret_json, "\"role\":\"auditor\",\"overdue\":%lld,\"alarm\":%s,\"content\":%s",
                   (long long)figures.overdue,
                   figures.alarm || figures.silent || figures.blind ? "true" : "false",
                   auditor_content(state.auditor) ? "true" : "false");
    }
}

static void on_drained(void *ctx)
{
    state.drained(ctx);
}

static void drain(struct service *service, void (*done)(struct service *service))
{
    state.drained = done;
    if (state.deadman)
        deadman_stop(state.deadman);
    if (state.fetcher)
        fetcher_stop(state.fetcher);
    if (state.scheduler)
        scheduler_drain(state.scheduler, on_drained, service);
    else
        auditor_drain(state.auditor, on_drained, service);
}

static void fini(struct service *service)
{
    (void)service;
    state.pool = db_pool_close(state.pool);
    state.fetcher = fetcher_close(state.fetcher);
    state.guard = address_guard_free(state.guard);
    state.deadman = deadman_close(state.deadman);
    state.auditor = auditor_close(state.auditor);
    state.scheduler = scheduler_close(state.scheduler);
}

int main(int argc, char **argv)
{
    static const struct service_table table = {
        .name = "sla",
        .keys = keys,
        .own = &conf,
        .init = init,
        .ready = ready,
        .verbose = verbose,
        .stats = stats,
        .drain = drain,
        .fini = fini,
    };

    return service_main(argc, argv, &table);
}
