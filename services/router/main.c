/* meridian-router: the table of hooks and nothing else. With MERIDIAN_DB it is the authority, without it a
 * warm forwarder to the home region. */
#include "base/memory.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "router/router.h"
#include "service/service.h"

enum { PARALLEL = 256 };

static struct {
    int64_t standbys_expected;
} own;

static const struct conf_key keys[] = {
    {"standbys_expected", CONF_INTEGER, 0, "0", 0, 16, false,
     "Standbys in other regions. 0: there is no second region, and a commit is safe as soon as it is made."},
    {0},
};

/* Only the routers of the home region: they do not forward back. */
static size_t home_routers(const struct service *service, struct bus_group groups[3])
{
    struct service home = *service;

    home.conf.region = service->conf.home_region;
    return service_groups(&home, service->conf.routers, groups);
}

static void on_own_heartbeat_answered(void *ctx, Meridian__Reply *reply)
{
    meridian__request__free_unpacked(ctx, NULL);
    (void)reply; /* a failure has been logged by the router */
}

static void send_own_heartbeat(struct service *service, Meridian__Request *heartbeat)
{
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    Meridian__Request *copy;

    wire_pack(&heartbeat->base, &bytes);
    copy = wire_unpack_request(bytes.p, bytes.n); /* lives until it is answered */
    if (copy)
        router_dispatch(service->state, copy, on_own_heartbeat_answered, copy);
}

static int init(struct service *service)
{
    static const char *const callers[] = {"intake", "router", "sla", "notifier", NULL};
    static const char *const listeners[] = {"intake", "sla", "notifier", "router", NULL};
    _cleanup_(freep) char *conninfo = service->conf.db[0] ? service_conninfo(service) : NULL;
    struct bus_group groups[3] = {{0}};
    struct router_options options = {
        .loop = service->loop,
        .bus = service->bus,
        .region = service->conf.region,
        .instance = service->conf.instance,
        .conninfo = conninfo,
        .db_workers = (int)service->conf.db_workers,
        .standbys_expected = (int)own.standbys_expected,
        .home = groups,
    };
    struct router *router;
    int r;

    if (!service->bus || !service->conf.bus_listen[0]) {
        log_error("a router without MERIDIAN_BUS_LISTEN serves nobody");
        return -E_CONFIG;
    }
    if (!conninfo && !home_routers(service, groups)) {
        log_error("a router needs MERIDIAN_DB, or MERIDIAN_ROUTERS with routers of the home region");
        return -E_CONFIG;
    }
    r = router_open(&options, &router);
    if (r < 0)
        return r;
    service->state = router;
    if (service->conf.bus_publish[0])
        r = bus_publish_listen(service->bus, service->conf.bus_publish, listeners);
    if (!r)
        r = bus_serve(service->bus, service->conf.bus_listen, callers, PARALLEL, router_on_request, router);
    if (r < 0)
        return r;
    service_heartbeat_start(service, send_own_heartbeat);
    return 0;
}

static void ready(struct service *service, struct buf *ret_reasons)
{
    router_not_ready(service->state, ret_reasons);
}

static void stats(struct service *service, struct buf *ret_json)
{
    router_stats(service->state, ret_json);
}

static struct {
    uv_timer_t timer;
    struct service *service;
    void (*done)(struct service *service);
} draining;

static void on_drain_tick(uv_timer_t *timer)
{
    struct service *service = draining.service;

    if (bus_serving(service->bus) || router_busy(service->state))
        return;
    uv_close((uv_handle_t *)timer, NULL);
    draining.done(service);
}

/* No new requests; those in hand are answered. */
static void drain(struct service *service, void (*done)(struct service *service))
{
    draining.service = service;
    draining.done = done;
    bus_serve_stop(service->bus);
    uv_timer_init(service->loop, &draining.timer);
    uv_timer_start(&draining.timer, on_drain_tick, 0, 10);
}

static void fini(struct service *service)
{
    service->state = router_close(service->state);
}

int main(int argc, char **argv)
{
    static const struct service_table table = {
        .name = "router",
        .keys = keys,
        .own = &own,
        .init = init,
        .ready = ready,
        .stats = stats,
        .drain = drain,
        .fini = fini,
    };

    return service_main(argc, argv, &table);
}
