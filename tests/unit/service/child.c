/* Both sides of child.h: the hooks that the child runs, and the parent's means to start, hear and ask it. */
#include "child.h"
#include "base/memory.h"
#include "log/log.h"
#include "service/service.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- in the child ---- */

struct own {
    const char *greeting;
    int64_t workers;
};
static struct own own;
static const struct conf_key own_keys[] = {
    {.name = "greeting",
     .type = CONF_TEXT,
     .offset = offsetof(struct own, greeting),
     .def = "hello",
     .reloadable = true,
     .doc = "A greeting."},
    {.name = "workers",
     .type = CONF_INTEGER,
     .offset = offsetof(struct own, workers),
     .def = "1",
     .min = 1,
     .max = 8,
     .doc = "Workers."},
    {0},
};

static const char *scenario;
static bool ready_now;
static void (*drained)(struct service *service);
static uv_timer_t drain_timer;

static bool is(const char *name)
{
    return strcmp(scenario, name) == 0;
}

static void on_heartbeat(struct service *service, Meridian__Request *request)
{
    const Meridian__Heartbeat *h = request->heartbeat;

    (void)service;
    log_info("heartbeat", L_TEXT("hb_service", h->service), L_TEXT("hb_instance", h->instance),
             L_TEXT("hb_region", h->region), L_TEXT("version", h->version), L_TEXT("bus_url", h->bus_url),
             L_TEXT("stats", h->stats), L_INT("id_bytes", (int64_t)request->id.len));
}

static void on_bus_request(void *ctx, struct bus_request *request)
{
    const Meridian__Request *message = bus_request_message(request);
    Meridian__Reply reply = MERIDIAN__REPLY__INIT;

    (void)ctx;
    if (message->body_case == MERIDIAN__REQUEST__BODY_HEARTBEAT)
        log_info("served", L_TEXT("from", message->heartbeat->instance),
                 L_TEXT("stats", message->heartbeat->stats));
    bus_answer(request, &reply);
}

static int on_init(struct service *service)
{
    static const char *const anybody[] = {"child", "router", NULL};

    log_info("init", L_TEXT("greeting", own.greeting), L_INT("at_home", service_at_home(service)));
    if (is("fail-init"))
        return -E_UNAVAILABLE;
    if (is("listen-fds"))
        log_info("fds", L_INT("a", service_listen_fd(0)), L_INT("b", service_listen_fd(1)),
                 L_INT("c", service_listen_fd(2)), L_INT("d", service_listen_fd(-1)));
    ready_now = !is("slow-ready");
    if (is("heartbeat"))
        service_heartbeat_start(service, on_heartbeat);
    else if (service->routers)
        service_heartbeat_start(service, NULL);
    if (service->conf.bus_listen[0])
        return bus_serve(service->bus, service->conf.bus_listen, anybody, 2, on_bus_request, NULL);
    return 0;
}

static void on_ready(struct service *service, struct buf *ret_reasons)
{
    (void)service;
    if (!ready_now)
        buf_add_text(ret_reasons, "database: no connection\n");
}

static void on_stats(struct service *service, struct buf *ret_json)
{
    (void)service;
    buf_add_text(ret_json, "\"spool_depth\":3,\"x\":\"y\"");
}

static void on_drain_timer(uv_timer_t *timer)
{
    drained(timer->data);
    drained(timer->data); /* twice must not matter */
}

static void on_drain(struct service *service, void (*done)(struct service *service))
{
    log_info("drain hook");
    if (is("never-drained"))
        return;
    if (is("drained-at-once")) {
        done(service);
        return;
    }
    drained = done;
    uv_timer_init(service->loop, &drain_timer);
    drain_timer.data = service;
    uv_timer_start(&drain_timer, on_drain_timer, 1, 0);
}

static void on_reload(struct service *service)
{
    (void)service;
    log_info("reload hook", L_TEXT("greeting", own.greeting));
    ready_now = true;
    while (is("stuck"))
        pause();
}

static void on_fini(struct service *service)
{
    (void)service;
    log_info("fini");
    if (drain_timer.data && !is("forgets-a-handle"))
        uv_close((uv_handle_t *)&drain_timer, NULL);
}

/* Runs before Criterion's main: glibc hands constructors the arguments of main. */
__attribute__((constructor)) static void be_the_child(int argc, char **argv)
{
    struct service_table table = {
        .name = "child",
        .keys = own_keys,
        .own = &own,
        .init = on_init,
        .ready = on_ready,
        .stats = on_stats,
        .drain = on_drain,
        .reload = on_reload,
        .fini = on_fini,
    };

    scenario = getenv("SERVICE_TEST_CHILD");
    if (!scenario)
        return;
    if (is("router"))
        table.name = "router";
    if (is("hookless"))
        table = (struct service_table){.name = "child", .init = on_init};
    exit(service_main(argc, argv, &table));
}

/* ---- in the parent ---- */

enum { MOST = 32 };

static void become(const struct child_options *options, int out, int err)
{
    char *argv[MOST] = {"child"}, *envp[MOST] = {0};
    char pid[32];
    size_t n = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    for (int i = 0; options->fds && options->fds[i] >= 0; i++)
        fcntl(options->fds[i], F_DUPFD, 100 + i); /* out of the way first */
    for (int i = 0; options->fds && options->fds[i] >= 0; i++)
        dup2(100 + i, 3 + i);
    envp[n++] = mem_printf("SERVICE_TEST_CHILD=%s", options->scenario);
    if (!options->bare) {
        envp[n++] = "MERIDIAN_REGION=eu";
        envp[n++] = "MERIDIAN_INSTANCE=child-eu-1";
    }
    for (size_t i = 0; options->environment && options->environment[i] && n < MOST - 2; i++)
        envp[n++] = (char *)options->environment[i];
    if (options->listen_pid) {
        bool self = strcmp(options->listen_pid, "self") == 0;
        snprintf(pid, sizeof pid, "LISTEN_PID=%s", self ? "" : options->listen_pid);
        if (self)
            snprintf(pid, sizeof pid, "LISTEN_PID=%d", (int)getpid());
        envp[n++] = pid;
    }
    for (size_t i = 0; options->arguments && options->arguments[i] && i < MOST - 2; i++)
        argv[i + 1] = (char *)options->arguments[i];
    execve("/proc/self/exe", argv, envp);
    _exit(99);
}

struct child child_start(const struct child_options *options)
{
    struct child child = {0};
    int ends[2];

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    child.err_file = tmpfile();
    cr_assert_not_null(child.err_file);
    child.pid = fork();
    cr_assert_geq(child.pid, 0);
    if (child.pid == 0)
        become(options, ends[1], fileno(child.err_file));
    close(ends[1]);
    child.out = fdopen(ends[0], "r");
    return child;
}

const char *child_expect(struct child *child, const char *text)
{
    while (fgets(child->line, sizeof child->line, child->out))
        if (strstr(child->line, text))
            return child->line;
    child_wait(child);
    cr_assert_fail("the output ended before \"%s\"; standard error: %s", text, child->err);
    return NULL;
}

void child_started(struct child *child)
{
    json_t *line = json_loads(child_expect(child, "\"msg\":\"started\""), 0, NULL);

    child->port = (int)json_integer_value(json_object_get(line, "admin_port"));
    cr_assert_gt(child->port, 0);
    json_decref(line);
}

void child_signal(struct child *child, int number)
{
    cr_assert_eq(kill(child->pid, number), 0);
}

int child_wait(struct child *child)
{
    static char err[65536];
    size_t n;
    int status;

    while (fgets(child->line, sizeof child->line, child->out))
        ;
    cr_assert_eq(waitpid(child->pid, &status, 0), child->pid);
    rewind(child->err_file);
    n = fread(err, 1, sizeof err - 1, child->err_file);
    err[n] = 0;
    child->err = err;
    fclose(child->err_file);
    fclose(child->out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct answer child_ask(struct child *child, const char *method, const char *target)
{
    struct answer answer = {0};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)child->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    _cleanup_buf_ struct buf all = BUF_INIT;
    char chunk[4096];
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *end;

    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    dprintf(fd, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, target);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_add(&all, chunk, (size_t)n);
    close(fd);
    cr_assert_eq(sscanf(buf_text(&all), "HTTP/1.1 %d", &answer.status), 1, "%s", buf_text(&all));
    end = strstr(all.p, "\r\n\r\n");
    cr_assert_not_null(end);
    buf_add(&answer.head, all.p, (size_t)(end - all.p));
    buf_add_text(&answer.body, end + 4);
    return answer;
}

void answer_fini(struct answer *answer)
{
    buf_fini(&answer->head);
    buf_fini(&answer->body);
}
