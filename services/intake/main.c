/* meridian-intake: the edge. It answers the internet, keeps submissions until they are safe, reads its
 * region's database, and changes nothing itself.
 *
 * init and fini are mirror images. At the end the bus is closed first and the database and the spool after
 * it, because their callbacks still reach into what is freed last; `closing` keeps those callbacks from
 * asking anybody anything. A drain waits for answers in hand, then a little for the spool to empty, which is
 * a courtesy: what stays is sent by the next process.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "intake/api.h"
#include "intake/feed.h"
#include "intake/known.h"
#include "intake/ratelimit.h"
#include "intake/reads.h"
#include "intake/sessions.h"
#include "intake/submit.h"
#include "log/log.h"
#include "meridian/errors.h"
#include "metrics/metrics.h"
#include "store_sql.h"
#include <stdlib.h>
#include <unistd.h>

enum {
    RATES_MAX = 50000,
    CURSOR_KEY_SIZE = 32,
    DB_QUEUE = 4096,
    LEAVE_LOOK_MS = 20,
    DOORS_LOOK_MS = 5,
    MAX_CONNECTIONS = 8192,
    MAX_STREAMS = 4096,
    MAX_STREAMS_OF_USER = 16
};
static const int64_t leave_us = 5 * US_PER_S, heartbeat_us = 15 * US_PER_S, doors_us = 2 * US_PER_S;

static struct intake_conf conf;
static const struct db_statement *const *const statements[] = {sql_store_all, NULL};

/* ---- hooks ---- */

static void on_hint(void *ctx, const Meridian__Hint *hint)
{
    struct intake *intake = ctx;

    for (size_t i = 0; i < hint->n_ended_sessions; i++)
        if (hint->ended_sessions[i].len == AUTH_HASH_SIZE)
            sessions_forget(intake->sessions, hint->ended_sessions[i].data);
    for (size_t i = 0; i < hint->n_wrote; i++)
        reads_note(intake->reads, hint->wrote[i]->user_id, hint->wrote[i]->lsn);
    if (intake->feed && hint->tickets_changed)
        feed_poke(intake->feed);
}

static void show_gauges(struct intake *intake)
{
    static struct metric *depth, *held, *dead, *oldest, *numbers, *connections, *bytes;
    int64_t oldest_us = drain_oldest_us(intake->drain);

    if (!depth) {
        depth =
            metric_gauge("meridian_intake_spool_depth_records", "Submissions without a known commit.", NULL);
        held = metric_gauge("meridian_intake_spool_held_records",
                            "Committed submissions waiting for a second region.", NULL);
        dead = metric_gauge("meridian_intake_spool_dead_records", "Submissions that were set aside.", NULL);
        oldest = metric_gauge("meridian_intake_spool_oldest_seconds",
                              "Age of the oldest submission without a commit.", NULL);
        numbers = metric_gauge("meridian_intake_numbers_left",
                               "Ticket numbers that can be given out without the authority.", NULL);
        connections = metric_gauge("meridian_intake_connections", "Open connections of the API.", NULL);
        bytes = metric_gauge("meridian_intake_request_bytes",
                             "Bytes of requests that are being received or wait for their turn.", NULL);
    }
    metric_set(depth, NULL, (double)drain_undelivered(intake->drain));
    metric_set(held, NULL, (double)drain_held(intake->drain));
    metric_set(dead, NULL, (double)spool_dead(intake->spool));
    metric_set(oldest, NULL, oldest_us ? (double)(clock_now_us() - oldest_us) / 1e6 : 0);
    metric_set(numbers, NULL, (double)numbers_left(intake->numbers));
    metric_set(connections, NULL,
               (intake->http ? http_server_connections(intake->http) : 0) +
                   (intake->https ? http_server_connections(intake->https) : 0));
    metric_set(bytes, NULL, (double)http_budget_bytes(intake->budget));
}

static void on_tick(uv_timer_t *timer)
{
    show_gauges(timer->data);
}

static void intake_stats(struct service *service, struct buf *out)
{
    struct intake *intake = service->state;
    int64_t oldest_us = drain_oldest_us(intake->drain);

    buf_printf(out,
               "\"spool_depth\":%lld,\"spool_held\":%lld,\"spool_dead\":%lld,\"spool_oldest_s\":%lld,"
               "\"database_lag_ms\":%lld",
               (long long)drain_undelivered(intake->drain), (long long)drain_held(intake->drain),
               (long long)spool_dead(intake->spool),
               oldest_us ? (long long)((clock_now_us() - oldest_us) / US_PER_S) : 0LL,
               (long long)reads_lag_ms(intake->reads));
}

/* Not ready is only who cannot accept: a database or an authority that is away is what intake is made for. */
static void intake_ready(struct service *service, struct buf *ret_reasons)
{
    struct intake *intake = service->state;

    if (!intake->doors_open)
        buf_add_text(ret_reasons, "api: not open yet\n");
    if (spool_has_room(intake->spool) < 0)
        buf_add_text(ret_reasons, "spool: no room\n");
    if (numbers_left(intake->numbers) == 0)
        buf_add_text(ret_reasons, "numbers: none leased\n");
}

/* ---- init ---- */

static int open_server(struct intake *intake, const char *address, int fd, bool tls,
                       struct http_server **ret_server)
{
    struct http_options options = {
        .loop = intake->service->loop,
        .address = address,
        .listen_fd = fd,
        .tls_cert = tls ? intake->conf->http_cert : NULL,
        .tls_key = tls ? intake->conf->http_key : NULL,
        .max_connections = MAX_CONNECTIONS,
        .budget = intake->budget,
        .handler = api_handle,
        .render_error = api_render_error,
        .ctx = intake,
    };
    int r;

    if (!address[0] && fd < 0)
        return 0;
    if (tls && (!intake->conf->http_cert[0] || !intake->conf->http_key[0])) {
        log_error("TLS needs MERIDIAN_HTTP_CERT and MERIDIAN_HTTP_KEY");
        return -E_CONFIG;
    }
    r = http_server_open(&options, ret_server);
    if (r < 0)
        log_error("cannot serve the API", L_TEXT("address", address), L_INT("fd", fd), L_ERROR(r));
    return r;
}

static void take_cursor_key(struct intake *intake)
{
    static char made[CURSOR_KEY_SIZE];

    intake->cursor_key = str_from(intake->conf->cursor_key);
    if (intake->cursor_key.n)
        return;
    random_bytes(made, sizeof made);
    intake->cursor_key = (struct str){made, sizeof made};
}

static int open_database(struct intake *intake)
{
    struct service *service = intake->service;
    _cleanup_(freep) char *conninfo = service_conninfo(service);
    struct db_pool_options options = {
        .loop = service->loop,
        .conninfo = conninfo,
        .application = service->conf.instance,
        .lists = statements,
        .workers = (int)service->conf.db_workers,
        .max_queue = DB_QUEUE,
        .writable = false,
    };

    return service->conf.db[0] ? db_pool_open(&options, &intake->db) : 0;
}

static void open_feed(struct intake *intake)
{
    struct feed_options options = {
        .loop = intake->service->loop,
        .pool = intake->db,
        .window_us = intake->conf->feed_window_us,
        .max_replay = intake->conf->feed_replay_max,
        .heartbeat_us = heartbeat_us,
        .max_subscribers = MAX_STREAMS,
        .max_per_user = MAX_STREAMS_OF_USER,
        .still = stream_still,
        .ctx = intake,
    };

    if (intake->db)
        intake->feed = feed_new(&options);
}

static int open_spool(struct intake *intake)
{
    _cleanup_buf_ struct buf reason = BUF_INIT;
    struct spool_options options = {
        .loop = intake->service->loop,
        .directory = intake->conf->spool_dir,
        .min_free_bytes = intake->conf->spool_min_free,
        .max_records = intake->conf->spool_max_records,
    };
    int r = spool_open(&options, &intake->spool, &reason);

    if (r < 0)
        log_error("cannot open the spool", L_TEXT("reason", buf_text(&reason)));
    return r;
}

static int subscribe(struct intake *intake)
{
    static const char *const router_only[] = {"router", NULL};
    struct service *service = intake->service;

    if (!service->conf.hints[0])
        return 0;
    return bus_subscribe(service->bus, service_urls(service->conf.hints), router_only, on_hint, intake);
}

/* The doors open once somebody can say who is calling, which takes some milliseconds; or after a while,
 * because a cut-off region has to accept too. Until then connections wait in the backlog of the socket, so
 * that a restart fails no request. */
static void on_doors(uv_timer_t *timer)
{
    struct intake *intake = timer->data;
    bool informed = (!intake->db || db_pool_ready(intake->db)) && bus_connected(intake->service->routers);
    int r;

    if (!informed && clock_monotonic_us() < intake->doors_by_us)
        return;
    uv_timer_stop(timer);
    intake->doors_open = true;
    r = open_server(intake, conf.http_listen, service_listen_fd(0), false, &intake->http);
    if (r >= 0)
        r = open_server(intake, conf.https_listen, service_listen_fd(1), true, &intake->https);
    if (r < 0)
        _exit(EXIT_FAILURE); /* as a failed start: nothing was promised to anybody yet */
}

static int intake_init(struct service *service)
{
    static struct intake intake;
    int r;

    intake = (struct intake){.service = service, .conf = &conf};
    service->state = &intake;
    if (!service->routers) {
        log_error("MERIDIAN_ROUTERS is needed: submissions have to go somewhere");
        return -E_CONFIG;
    }
    take_cursor_key(&intake);
    intake.requests =
        metric_counter("meridian_intake_requests_total", "Requests answered, by route.", "route");
    intake.responses =
        metric_counter("meridian_intake_responses_total", "Answers, by class of status.", "status");
    intake.request_seconds = metric_histogram(
        "meridian_intake_request_seconds", "Time from a complete request to its answer, by route.", "route");
    intake.rates = ratelimit_new(RATES_MAX);
    intake.budget = http_budget_new((size_t)conf.body_budget, (int)conf.peer_connections);
    r = open_spool(&intake);
    if (r >= 0)
        r = open_database(&intake);
    if (r >= 0 && conf.docs_dir[0])
        r = http_files_open(conf.docs_dir, &intake.docs);
    if (r < 0)
        return r;
    intake.waits = waits_new(&intake);
    intake.drain = drain_new(service, intake.spool, submit_settled);
    intake.numbers = numbers_new(service, intake.spool);
    intake.sessions = sessions_new(&intake);
    intake.reads = reads_new(&intake);
    intake.known = known_new(&intake);
    open_feed(&intake);
    r = subscribe(&intake);
    if (r < 0)
        return r;
    uv_timer_init(service->loop, &intake.doors);
    intake.doors.data = &intake;
    intake.doors_by_us = clock_monotonic_us() + doors_us;
    uv_timer_start(&intake.doors, on_doors, 0, DOORS_LOOK_MS);
    uv_timer_init(service->loop, &intake.tick);
    intake.tick.data = &intake;
    uv_timer_start(&intake.tick, on_tick, 0, 1000);
    uv_timer_init(service->loop, &intake.leaving);
    intake.leaving.data = &intake;
    service_heartbeat_start(service, NULL);
    return 0;
}

/* ---- drain and end ---- */

static void on_leaving(uv_timer_t *timer)
{
    struct intake *intake = timer->data;

    if (drain_undelivered(intake->drain) && !drain_stalled(intake->drain) &&
        clock_monotonic_us() < intake->leave_by_us)
        return;
    uv_timer_stop(timer);
    intake->drained(intake->service);
}

static void on_server_drained(void *ctx)
{
    struct intake *intake = ctx;

    if (--intake->servers_open)
        return;
    intake->leave_by_us = clock_monotonic_us() + leave_us;
    uv_timer_start(&intake->leaving, on_leaving, 0, LEAVE_LOOK_MS);
}

static void intake_drain(struct service *service, void (*done)(struct service *service))
{
    struct intake *intake = service->state;

    intake->drained = done;
    uv_timer_stop(&intake->doors);
    intake->servers_open = 1 + (intake->http != NULL) + (intake->https != NULL);
    if (intake->feed)
        feed_stop(intake->feed); /* clients come again, elsewhere */
    if (intake->http)
        http_server_drain(intake->http, on_server_drained, intake);
    if (intake->https)
        http_server_drain(intake->https, on_server_drained, intake);
    on_server_drained(intake);
}

static void intake_reload(struct service *service)
{
    struct intake *intake = service->state;

    spool_limit(intake->spool, intake->conf->spool_min_free, intake->conf->spool_max_records);
    http_budget_limit(intake->budget, (size_t)intake->conf->body_budget, (int)intake->conf->peer_connections);
    if (intake->https && http_server_reload_tls(intake->https) < 0)
        log_error("the new certificate of the API cannot be used; the old one stays");
}

static void intake_fini(struct service *service)
{
    struct intake *intake = service->state;

    intake->closing = true;
    uv_close((uv_handle_t *)&intake->doors, NULL);
    uv_close((uv_handle_t *)&intake->leaving, NULL);
    uv_close((uv_handle_t *)&intake->tick, NULL);
    if (intake->feed)
        feed_stop(intake->feed);
    known_stop(intake->known);
    reads_stop(intake->reads);
    sessions_stop(intake->sessions);
    numbers_stop(intake->numbers);
    drain_stop(intake->drain);
    service->bus = bus_close(service->bus);
    service->routers = NULL;
    intake->db = db_pool_close(intake->db);
    intake->spool = spool_close(intake->spool);
    intake->drain = drain_free(intake->drain);
    intake->https = http_server_free(intake->https);
    intake->http = http_server_free(intake->http);
    intake->feed = feed_free(intake->feed);
    intake->known = known_free(intake->known);
    intake->reads = reads_free(intake->reads);
    intake->sessions = sessions_free(intake->sessions);
    intake->numbers = numbers_free(intake->numbers);
    intake->waits = waits_free(intake->waits);
    intake->docs = http_files_close(intake->docs);
    intake->budget = http_budget_free(intake->budget);
    intake->rates = lru_free(intake->rates);
}

int main(int argc, char **argv)
{
    static const struct service_table table = {
        .name = "intake",
        .keys = intake_keys,
        .own = &conf,
        .init = intake_init,
        .ready = intake_ready,
        .stats = intake_stats,
        .drain = intake_drain,
        .reload = intake_reload,
        .fini = intake_fini,
    };

    return service_main(argc, argv, &table);
}
