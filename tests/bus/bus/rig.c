#include "rig.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

const char *const any_service[] = {"test", NULL};
static uv_loop_t loop;
static uv_timer_t deadline;
static bool opened, over;

uv_loop_t *rig_loop(void)
{
    if (!opened) {
        uv_loop_init(&loop);
        uv_timer_init(&loop, &deadline);
        opened = true;
    }
    return &loop;
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer;
    over = true;
}

static void deadline_in(uint64_t ms)
{
    rig_loop();
    uv_update_time(&loop);
    over = false;
    uv_timer_start(&deadline, on_deadline, ms, 0);
}

void rig_deadline_start(void)
{
    deadline_in(20000);
}

bool rig_deadline_over(void)
{
    return over;
}

void rig_run_ms(uint64_t ms)
{
    deadline_in(ms);
    while (!over)
        uv_run(&loop, UV_RUN_ONCE);
}

struct bus *rig_bus_tls(const struct cert_files *files)
{
    struct bus_options options = {rig_loop(), files ? files->ca : NULL, files ? files->cert : NULL,
                                  files ? files->key : NULL};
    struct bus *bus;

    cr_assert_eq(bus_open(&options, &bus), 0);
    return bus;
}

struct bus *rig_bus(void)
{
    return rig_bus_tls(NULL);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &n) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

const char *rig_url(const char *scheme)
{
    static char urls[16][64];
    static int used;
    char *url = urls[used++];

    if (strcmp(scheme, "inproc") == 0)
        snprintf(url, sizeof urls[0], "inproc://bus-test-%d", used);
    else
        snprintf(url, sizeof urls[0], "%s://127.0.0.1:%d", scheme, free_port());
    return url;
}

int rig_port(const char *url)
{
    return atoi(strrchr(url, ':') + 1);
}

static void answer(struct rig_server *server, struct bus_request *request)
{
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;
    char detail[64];
    const Meridian__Request *message = bus_request_message(request);

    snprintf(detail, sizeof detail, "%s/%s", server->name, message->trace_id ? message->trace_id : "");
    reply.detail = detail;
    reply.has_cluster_epoch = server->epoch > 0;
    reply.cluster_epoch = server->epoch;
    bus_answer(request, &reply);
}

void on_rig_request(void *ctx, struct bus_request *request)
{
    struct rig_server *server = ctx;
    const Meridian__Request *message = bus_request_message(request);

    if (server->handled < (int)(sizeof server->ids / sizeof server->ids[0]) && message->id.len == 16)
        memcpy(server->ids[server->handled], message->id.data, 16);
    server->handled++;
    server->told_epoch = message->has_cluster_epoch ? message->cluster_epoch : 0;
    if (server->hold)
        server->held[server->nheld++] = request;
    else
        answer(server, request);
}

void rig_answer(struct rig_server *server, int index)
{
    answer(server, TAKE(server->held[index]));
}

void rig_serve(struct rig_server *server, struct bus *bus, const char *name, const char *url, int parallel)
{
    server->bus = bus;
    server->name = name;
    cr_assert_eq(bus_serve(bus, url, any_service, parallel, on_rig_request, server), 0, "serve %s", url);
}

struct bus_client *rig_dial(struct bus *bus, const char *url)
{
    const char *urls[] = {url, NULL};
    struct bus_group group = {urls};
    struct bus_client *client;

    cr_assert_eq(bus_dial(bus, &group, 1, any_service, &client), 0);
    return client;
}

void on_rig_reply(void *ctx, int status, const Meridian__Reply *reply)
{
    struct rig_call *call = ctx;

    cr_assert_not(call->ended, "a call ended twice");
    call->ended = true;
    call->status = status;
    cr_assert_eq(reply != NULL, status == 0);
    if (reply) {
        call->reply_status = reply->status;
        snprintf(call->detail, sizeof call->detail, "%s", reply->detail ? reply->detail : "");
    }
}

void rig_call(struct bus_client *client, struct rig_call *call, int attempt_ms, int total_ms)
{
    Meridian__Request request = MERIDIAN__REQUEST__INIT;

    *call = (struct rig_call){0};
    bus_call(client, &request, attempt_ms * 1000LL, total_ms * 1000LL, on_rig_reply, call);
    cr_assert_not(call->ended, "done was called from inside bus_call");
}

void rig_end(struct bus *a, struct bus *b, struct bus *c)
{
    bus_close(a);
    bus_close(b);
    bus_close(c);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
}
