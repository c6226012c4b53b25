/* The heartbeat: who I am, where I serve and how I feel, to the registry of instances that deskctl status
 * shows. A lost one does not matter, the next follows; so it is sent once, never piled up, and only the
 * change between working and failing is logged.
 */
#include "base/clock.h"
#include "base/uuid.h"
#include "domain/zone.h"
#include "log/log.h"
#include "metrics/process.h"
#include "service/process.h"

static void on_answer(void *ctx, int status, const Meridian__Reply *reply)
{
    struct process *process = ctx;
    int failure = status < 0 ? status : reply->status ? -(int)reply->status : 0;

    process->heartbeat.in_flight = false;
    if (!failure == !process->heartbeat.failing)
        return;
    process->heartbeat.failing = failure != 0;
    if (failure)
        log_warn("heartbeats do not reach the registry", L_ERROR(failure));
    else
        log_info("heartbeats reach the registry again");
}

static void add_stats(struct process *process, struct buf *out)
{
    struct process_figures figures = process_read();
    size_t before;

    buf_printf(out,
               "{\"rss_bytes\":%lld,\"cpu_seconds\":%.2f,\"open_fds\":%lld,\"draining\":%s,"
               "\"tzdata\":\"%s\",",
               (long long)figures.resident_bytes, figures.cpu_seconds, (long long)figures.open_fds,
               process->service.draining ? "true" : "false", zone_tzdata_version());
    before = out->n;
    if (process->table->stats)
        process->table->stats(&process->service, out);
    if (out->n == before)
        out->n--; /* the hook added nothing: take the comma back */
    buf_add_char(out, '}');
}

static void on_heartbeat(uv_timer_t *timer)
{
    struct process *process = timer->data;
    struct service *service = &process->service;
    struct heartbeat *self = &process->heartbeat;
    _cleanup_buf_ struct buf stats = BUF_INIT;
    Meridian__Heartbeat body = MERIDIAN__HEARTBEAT__INIT;
    Meridian__Request request = MERIDIAN__REQUEST__INIT;
    struct uuid id = uuid_v7();

    if (self->in_flight || (!self->send && !service->routers))
        return;
    add_stats(process, &stats);
    body.service = (char *)service->name;
    body.instance = (char *)service->conf.instance;
    body.region = (char *)service->conf.region;
    body.version = (char *)MERIDIAN_VERSION;
    body.has_started_us = true;
    body.started_us = service->started_us;
    body.bus_url = service->conf.bus_listen[0] ? (char *)service->conf.bus_listen : NULL;
    body.stats = stats.p;
    request.id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    request.region = body.region;
    request.instance = body.instance;
    request.has_timeout_ms = true;
    request.timeout_ms = (uint32_t)(service->conf.heartbeat_us / US_PER_MS);
    request.body_case = MERIDIAN__REQUEST__BODY_HEARTBEAT;
    request.heartbeat = &body;
    if (self->send) {
        self->send(service, &request);
        return;
    }
    self->in_flight = true;
    bus_call(service->routers, &request, service->conf.heartbeat_us, 0, on_answer, process);
}

void service_heartbeat_start(struct service *service,
                             void (*send)(struct service *service, Meridian__Request *heartbeat))
{
    struct process *process = process_of(service);
    uint64_t every_ms = (uint64_t)(service->conf.heartbeat_us / US_PER_MS);

    process->heartbeat.send = send;
    if (!process->heartbeat.started)
        uv_timer_init(&process->loop, &process->heartbeat.timer);
    process->heartbeat.started = true;
    process->heartbeat.timer.data = process;
    uv_timer_start(&process->heartbeat.timer, on_heartbeat, 0, every_ms);
}

void heartbeat_stop(struct process *process)
{
    if (process->heartbeat.started)
        uv_close((uv_handle_t *)&process->heartbeat.timer, NULL);
    process->heartbeat.started = false;
}
