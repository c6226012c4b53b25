/* meridian-notifier: tells people. Beside the primary it expands the outbox (expand.c) and keeps the ledger
 * (ledger.c); in every region it sends what a home notifier hands over (serve.c), by the region's relay. Away
 * from home it has no database and no state.
 *
 * init and fini are mirror images, but for one thing: the bus is closed here and not by the skeleton, because
 * calls to other notifiers end with it and their callbacks need what fini frees.
 */
#include "base/clock.h"
#include "log/log.h"
#include "notifier/expand.h"
#include "notifier/ledger.h"
#include "notifier/serve.h"
#include "notifier_sql.h"
#include "service/service.h"

/* One's own mails and, away from home, those of the two notifiers that home normally has. */
enum { MAIL_THREADS = 2 * SMTP_AT_ONCE };

struct notifier {
    struct channel_env env;
    struct templates *templates;
    struct address_guard *guard;
    struct zone_book zones;
    struct db_pool *pool; /* at home; else NULL, like the next two */
    struct expander *expander;
    struct ledger *ledger;
    struct handover *handover;
    struct server *server;  /* NULL without MERIDIAN_BUS_LISTEN */
    uv_timer_t drain_timer; /* away from home: waits for what is served */
    void (*drained)(struct service *service);
};

static struct notifier_conf conf;
static struct notifier state;

#define KEY(field, type_, def_, doc_, ...)                                                                   \
    {                                                                                                        \
        .name = #field, .type = (type_), .offset = offsetof(struct notifier_conf, field), .def = (def_),     \
        .doc = (doc_), ##__VA_ARGS__                                                                         \
    }

#define KEY_US(key, field, def_, min_, max_, doc_)                                                           \
    {                                                                                                        \
        .name = #key, .type = CONF_DURATION, .offset = offsetof(struct notifier_conf, field), .def = (def_), \
        .min = (min_), .max = (max_), .doc = (doc_)                                                          \
    }

static const struct conf_key keys[] = {
    KEY(smtp_url, CONF_TEXT, "smtp://127.0.0.1:25", "The region's mail relay."),
    KEY(mail_from, CONF_TEXT, "desk@meridian.invalid",
        "Sender address of every mail; its domain also makes Message-IDs."),
    KEY(expand_rate, CONF_INTEGER, "250",
        "Most ordinary events per second that this process turns into notices: in a flood of submissions "
        "the notices wait, and not the submissions. Those of a P1, of the clocks and of escalations do not.",
        .min = 1, .max = 100000),
    KEY(mail_rate, CONF_INTEGER, "50",
        "Most mails per second that this process starts. Those of a P1, of the clocks and of escalations "
        "count, and do not wait.",
        .min = 1, .max = 100000),
    KEY(webhook_rate, CONF_INTEGER, "200", "Most webhooks per second that this process starts, likewise.",
        .min = 1, .max = 100000),
    KEY(webhook_allow, CONF_TEXT, "",
        "Address blocks that webhooks may reach although private, separated by commas (127.0.0.1/32)."),
    KEY(portal_url, CONF_TEXT, "", "Address of an intake, and base of the links in mails; empty: no links."),
    KEY(retry_scale, CONF_INTEGER, "1000000",
        "Tests: waits between attempts, in millionths of the documented ones.", .min = 0,
        .max = RETRY_SCALE_ONE),
    KEY_US(delivery_lease, lease_us, "90s", 60 * US_PER_S, 3600 * US_PER_S,
           "How long a delivery may be under way before another process takes it for lost and sends it "
           "again; longer than "
           "the timeouts."),
    KEY_US(smtp_timeout, smtp_timeout_us, "30s", 100 * US_PER_MS, 35 * US_PER_S,
           "How long one mail may take."),
    KEY_US(webhook_timeout, webhook_timeout_us, "15s", 100 * US_PER_MS, 35 * US_PER_S,
           "How long one webhook may take."),
    {0},
};

static int check_config(void)
{
    _cleanup_buf_ struct buf problems = BUF_INIT;
    struct str rest, line;

    for (size_t i = 0; channels[i]; i++)
        channels[i]->check_config(&conf, &problems);
    for (rest = buf_str(&problems); rest.n;) {
        str_cut(rest, '\n', &line, &rest);
        log_error("configuration", L_STR("problem", line));
    }
    return problems.n ? -E_CONFIG : 0;
}

/* ---- init ---- */

static int open_env(struct service *service)
{
    _cleanup_buf_ struct buf problems = BUF_INIT;
    int r = check_config();

    if (r == 0)
        r = templates_open(&state.templates, &problems);
    if (r == 0)
        r = address_guard_new(conf.webhook_allow, &state.guard, &problems);
    if (problems.n)
        log_error("configuration", L_STR("problem", buf_str(&problems)));
    if (r < 0)
        return r;
    state.env = (struct channel_env){
        .conf = &conf, .templates = state.templates, .guard = state.guard, .zones = &state.zones};
    state.env.smtp = smtp_open(service->loop);
    return transport_open(service->loop, &state.env.transport);
}

static int open_pool(struct service *service)
{
    static const struct db_statement *const *const lists[] = {sql_notifier_all, NULL};
    _cleanup_(freep) char *conninfo = service_conninfo(service);
    const struct db_pool_options options = {
        .loop = service->loop,
        .conninfo = conninfo,
        .application = service->conf.instance,
        .lists = lists,
        .workers = (int)service->conf.db_workers,
        .max_queue = 1024,
        .writable = true,
    };

    if (!conninfo[0]) {
        log_error("MERIDIAN_DB is not set: the notifiers at home need the primary");
        return -E_CONFIG;
    }
    return db_pool_open(&options, &state.pool);
}

static void on_made(void *ctx, bool urgent)
{
    (void)ctx;
    ledger_wake(state.ledger, urgent);
}

static void on_hint(void *ctx, const Meridian__Hint *hint)
{
    (void)ctx;
    if (hint->outbox_added)
        expander_wake(state.expander);
}

static int listen_for_hints(struct service *service)
{
    static const char *const publishers[] = {"router", "sla", NULL};

    if (!service->bus || !service->conf.hints[0])
        return 0;
    return bus_subscribe(service->bus, service_urls(service->conf.hints), publishers, on_hint, NULL);
}

static int open_ledger(struct service *service)
{
    const struct handover_options handover = {
        .bus = service->bus,
        .region = service->conf.region,
        .instance = service->conf.instance,
        .notifiers = service->conf.notifiers,
        .env = &state.env,
    };
    int r = open_pool(service);

    if (r < 0)
        return r;
    r = handover_open(&handover, &state.handover);
    if (r < 0)
        return r;
    const struct ledger_options ledger = {
        .loop = service->loop,
        .pool = state.pool,
        .handover = state.handover,
        .conf = &conf,
        .instance = service->conf.instance,
    };

    const struct expander_options expander = {
        .loop = service->loop,
        .pool = state.pool,
        .rate = conf.expand_rate,
        .home_region = service->conf.home_region,
        .on_made = on_made,
    };

    state.ledger = ledger_open(&ledger);
    state.expander = expander_open(&expander);
    return listen_for_hints(service);
}

static int open_server(struct service *service)
{
    const struct server_options options = {
        .bus = service->bus,
        .listen = service->conf.bus_listen,
        .env = &state.env,
    };

    if (!service->bus || !service->conf.bus_listen[0])
        return 0;
    return server_open(&options, &state.server);
}

static int init(struct service *service)
{
    int r;

    service->state = &state;
    uv_timer_init(service->loop, &state.drain_timer);
    r = open_env(service);
    if (r == 0 && service_at_home(service))
        r = open_ledger(service);
    if (r == 0)
        r = open_server(service);
    if (r < 0)
        return r;
    service_heartbeat_start(service, NULL);
    return 0;
}

/* ---- the other hooks ---- */

static void ready(struct service *service, struct buf *ret_reasons)
{
    (void)service;
    if (state.pool && !db_pool_ready(state.pool))
        buf_add_text(ret_reasons, "database: no connection\n");
}

static void stats(struct service *service, struct buf *ret_json)
{
    struct ledger_figures figures = {0};

    (void)service;
    if (state.ledger)
        figures = ledger_figures(state.ledger);
    buf_printf(ret_json, "\"role\":\"%s\",\"in_flight\":%d,\"lanes\":%d,\"dead_lanes\":%d",
               state.ledger ? "ledger" : "gateway", figures.in_flight + server_busy(state.server),
               figures.lanes, figures.dead_lanes);
}

/* Drained in steps: no more events, no more claims, then what other regions asked for. */
static void on_drain_check(uv_timer_t *timer)
{
    struct service *service = timer->data;

    if (server_busy(state.server))
        return;
    uv_timer_stop(timer);
    state.drained(service);
}

static void on_ledger_drained(void *ctx)
{
    state.drain_timer.data = ctx;
    uv_timer_start(&state.drain_timer, on_drain_check, 0, 20);
}

static void on_expander_drained(void *ctx)
{
    ledger_drain(state.ledger, on_ledger_drained, ctx);
}

static void drain(struct service *service, void (*done)(struct service *service))
{
    state.drained = done;
    if (state.server)
        bus_serve_stop(service->bus);
    if (state.ledger)
        expander_drain(state.expander, on_expander_drained, service);
    else
        on_ledger_drained(service);
}

static void fini(struct service *service)
{
    ledger_stop(state.ledger);
    state.env.transport = transport_close(state.env.transport);
    state.env.smtp = smtp_close(state.env.smtp);
    service->bus = bus_close(service->bus);
    state.pool = db_pool_close(state.pool);
    state.server = server_close(state.server);
    state.expander = expander_close(state.expander);
    state.ledger = ledger_close(state.ledger);
    state.handover = handover_close(state.handover);
    zone_book_fini(&state.zones);
    state.guard = address_guard_free(state.guard);
    state.templates = templates_close(state.templates);
    uv_close((uv_handle_t *)&state.drain_timer, NULL);
}

int main(int argc, char **argv)
{
    static const struct service_table table = {
        .name = "notifier",
        .keys = keys,
        .own = &conf,
        .init = init,
        .ready = ready,
        .stats = stats,
        .drain = drain,
        .fini = fini,
    };

    smtp_set_threads(MAIL_THREADS);
    return service_main(argc, argv, &table);
}
