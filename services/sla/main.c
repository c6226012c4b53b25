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
#include "sla/scheduler.h"
#include "sla_sql.h"

struct sla_conf {
    int64_t audit_late_us, wheel_window_us;
};

struct sla {
    struct db_pool *pool;
    struct scheduler *scheduler; /* at home; else NULL */
    struct auditor *auditor;     /* elsewhere; else NULL */
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
     .doc =
         "Away from home: a clock or timer that was due for longer than this and did not fire is an alarm."},
    {.name = "wheel_window",
     .type = CONF_DURATION,
     .offset = offsetof(struct sla_conf, wheel_window_us),
     .def = "5m",
     .min = 5 * US_PER_S,
     .max = 3600 * US_PER_S,
     .doc = "At home: what comes due within this is held in memory, to fire at its millisecond."},
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
        .workers = 2, /* a batch, and beside it leases and what is read ahead */
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

static int init(struct service *service)
{
    int r;

    service->state = &state;
    r = open_pool(service);
    if (r < 0)
        return r;
    if (service_at_home(service)) {
        r = init_home(service);
        if (r < 0)
            return r;
    } else {
        const struct auditor_options options = {
            .loop = service->loop, .pool = state.pool, .late_us = conf.audit_late_us};

        state.auditor = auditor_open(&options);
    }
    service_heartbeat_start(service, NULL);
    return 0;
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

        buf_printf(ret_json, "\"role\":\"auditor\",\"overdue\":%lld,\"alarm\":%s", (long long)figures.overdue,
                   figures.alarm || figures.silent || figures.blind ? "true" : "false");
    }
}

static void on_drained(void *ctx)
{
    state.drained(ctx);
}

static void drain(struct service *service, void (*done)(struct service *service))
{
    state.drained = done;
    if (state.scheduler)
        scheduler_drain(state.scheduler, on_drained, service);
    else
        auditor_drain(state.auditor, on_drained, service);
}

static void fini(struct service *service)
{
    (void)service;
    state.pool = db_pool_close(state.pool);
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
