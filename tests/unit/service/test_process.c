/* The life of a real process: configuration, health, reload, drain, watchdog, supervisor. */
#include "child.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(process, .timeout = 60);

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct child start(const char *scenario, const char *const *environment)
{
    struct child child =
        child_start(&(struct child_options){.scenario = scenario, .environment = environment});

    child_started(&child);
    return child;
}

static void expect_end(struct child *child, int status)
{
    int got = child_wait(child);

    cr_assert_eq(got, status, "status %d, standard error: %s", got, child->err);
}

static void expect_answer(struct child *child, const char *target, int status, const char *body)
{
    _cleanup_answer_ struct answer answer = child_ask(child, "GET", target);

    cr_assert_eq(answer.status, status, "%s: %d %s", target, answer.status, buf_text(&answer.body));
    cr_assert(strstr(buf_text(&answer.body), body), "%s: %s", target, answer.body.p);
}

/* ---- arguments and configuration ---- */

Test(process, prints_its_configuration)
{
    struct child child = child_start(
        &(struct child_options){.scenario = "",
                                .environment = LIST("MERIDIAN_DB_PASSWORD=hush", "MERIDIAN_GREETING=moin"),
                                .arguments = LIST("--print-config")});

    child_expect(&child, "# MERIDIAN_REGION: a text; required");
    child_expect(&child, "region = eu");
    child_expect(&child, "# db_password = ***");
    child_expect(&child, "watchdog = 20s");
    child_expect(&child, "# A greeting.");
    child_expect(&child, "greeting = moin");
    expect_end(&child, 0);
}

Test(process, version_and_help)
{
    struct child child =
        child_start(&(struct child_options){.scenario = "", .arguments = LIST("--version"), .bare = true});

    child_expect(&child, "meridian-child " MERIDIAN_VERSION "\n");
    expect_end(&child, 0);
    child = child_start(&(struct child_options){.scenario = "", .arguments = LIST("--help"), .bare = true});
    child_expect(&child, "usage: meridian-child");
    expect_end(&child, 0);
}

Test(process, wrong_arguments_are_refused)
{
    struct child child = child_start(&(struct child_options){.scenario = "", .arguments = LIST("--colour")});

    expect_end(&child, 64);
    cr_assert(strstr(child.err, "usage: meridian-child"));
    child = child_start(&(struct child_options){.scenario = "", .arguments = LIST("extra")});
    expect_end(&child, 64);
    cr_assert(strstr(child.err, "unexpected argument: extra"));
}

static void expect_refused(const char *variable, const char *text)
{
    struct child child = child_start(&(struct child_options){.scenario = "", .environment = LIST(variable)});

    expect_end(&child, 78);
    cr_assert(strstr(child.err, text), "%s", child.err);
}

Test(process, refuses_a_wrong_configuration_and_says_why)
{
    struct child child = child_start(&(struct child_options){.scenario = "", .bare = true});

    expect_end(&child, 78);
    cr_assert(strstr(child.err, "meridian-child: configuration: MERIDIAN_REGION is required"), "%s",
              child.err);
    cr_assert(strstr(child.err, "MERIDIAN_INSTANCE is required"));
    expect_refused("MERIDIAN_DRIAN_DELAY=1s",
                   "unknown variable MERIDIAN_DRIAN_DELAY; did you mean MERIDIAN_DRAIN_DELAY?");
    expect_refused("MERIDIAN_GREETNG=x", "did you mean MERIDIAN_GREETING?");
    expect_refused("MERIDIAN_WORKERS=9", "MERIDIAN_WORKERS=9 is out of range: 1 to 8");
    expect_refused("MERIDIAN_HEARTBEAT=1ms", "out of range: 100ms to 1m");
    expect_refused("MERIDIAN_REGION=EU West", "region: a region is 1 to 8 lower-case letters and digits");
    expect_refused("MERIDIAN_INSTANCE=a b", "instance: 1 to 64 letters");
    expect_refused("MERIDIAN_LOG_LEVEL=loud", "log_level: one of debug, info, warn, error");
    expect_refused("MERIDIAN_ROUTERS=tcp://127.0.0.1:1", "routers: expected region=url");
    expect_refused("MERIDIAN_ROUTERS=eu=http://127.0.0.1:1", "routers: a URL starts with tls+tcp://");
    expect_refused("MERIDIAN_HINTS=tcp://", "hints: a URL starts with");
    expect_refused("MERIDIAN_BUS_LISTEN=tls+tcp://127.0.0.1:1",
                   "bus_ca, bus_cert and bus_key: tls+tcp:// needs all three");
    expect_refused("MERIDIAN_BUS_CA=/x", "needs all three");
}

Test(process, init_failure_ends_with_a_status)
{
    struct child child = child_start(&(struct child_options){.scenario = "fail-init"});

    child_expect(&child, "\"msg\":\"cannot start\"");
    cr_assert(strstr(child.line, "E_UNAVAILABLE"));
    expect_end(&child, 1);
}

Test(process, admin_port_taken_ends_with_a_status)
{
    struct child first = start("", NULL), second;
    char variable[64];

    snprintf(variable, sizeof variable, "MERIDIAN_ADMIN_LISTEN=127.0.0.1:%d", first.port);
    second = child_start(&(struct child_options){.scenario = "", .environment = LIST(variable)});
    child_expect(&second, "\"msg\":\"cannot open the admin port\"");
    expect_end(&second, 1);
    child_signal(&first, SIGTERM);
    expect_end(&first, 0);
}

/* ---- health ---- */

Test(process, readyz_says_why_and_then_ready)
{
    struct child child = start("slow-ready", NULL);
    _cleanup_answer_ struct answer head = {0}, post = {0};

    expect_answer(&child, "/livez", 200, "alive");
    expect_answer(&child, "/startupz", 200, "started");
    expect_answer(&child, "/readyz", 503, "not ready\ndatabase: no connection\n");
    child_signal(&child, SIGHUP);
    child_expect(&child, "configuration reloaded");
    expect_answer(&child, "/readyz", 200, "ready\n");
    expect_answer(&child, "/readyz?verbose", 200, "instance child-eu-1\nversion " MERIDIAN_VERSION);
    expect_answer(&child, "/nothing", 404, "/metrics");
    head = child_ask(&child, "HEAD", "/livez");
    cr_assert_eq(head.status, 200);
    cr_assert_eq(head.body.n, 0);
    post = child_ask(&child, "POST", "/livez");
    cr_assert_eq(post.status, 405);
    cr_assert(strstr(post.head.p, "Allow: GET, HEAD"));
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
}

Test(process, metrics_please_promtool)
{
    struct child child = start("", NULL);
    _cleanup_answer_ struct answer answer = child_ask(&child, "GET", "/metrics");
    FILE *promtool;

    cr_assert_eq(answer.status, 200);
    cr_assert(strstr(answer.head.p, "text/plain; version=0.0.4"));
    cr_assert(strstr(answer.body.p, "process_resident_memory_bytes "));
    cr_assert(strstr(answer.body.p, "meridian_build_info{version=\"" MERIDIAN_VERSION "\"} 1"));
    cr_assert(strstr(answer.body.p, "meridian_log_lines_dropped_total 0"));
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
    if (system("command -v promtool >/dev/null") != 0)
        cr_skip_test("promtool is not installed");
    promtool = popen("promtool check metrics 2>&1", "w");
    cr_assert_not_null(promtool);
    cr_assert_eq(fwrite(answer.body.p, 1, answer.body.n, promtool), answer.body.n);
    cr_assert_eq(WEXITSTATUS(pclose(promtool)), 0);
}

/* ---- drain ---- */

Test(process, sigterm_drains_in_order)
{
    struct child child = start("", NULL);

    child_signal(&child, SIGTERM);
    child_expect(&child, "\"msg\":\"draining\"");
    child_expect(&child, "\"msg\":\"drain hook\"");
    child_expect(&child, "\"msg\":\"fini\"");
    child_expect(&child, "\"msg\":\"stopped\"");
    expect_end(&child, 0);
}

Test(process, sigint_drains_too_and_done_may_come_at_once)
{
    struct child child = start("drained-at-once", NULL);

    child_signal(&child, SIGINT);
    child_expect(&child, "\"msg\":\"stopped\"");
    expect_end(&child, 0);
}

Test(process, hooks_may_be_missing)
{
    struct child child = start("hookless", NULL);

    expect_answer(&child, "/readyz", 200, "ready");
    child_signal(&child, SIGHUP);
    child_expect(&child, "configuration reloaded");
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
}

Test(process, during_the_delay_it_serves_and_is_not_ready)
{
    struct child child = start("", LIST("MERIDIAN_DRAIN_DELAY=5m"));

    expect_answer(&child, "/readyz", 200, "ready");
    child_signal(&child, SIGTERM);
    child_expect(&child, "\"msg\":\"draining\"");
    expect_answer(&child, "/readyz", 503, "draining\n");
    expect_answer(&child, "/livez", 200, "alive");
    child_signal(&child, SIGTERM);
    child_expect(&child, "second signal");
    expect_end(&child, 128 + SIGTERM);
}

Test(process, a_drain_that_never_ends_is_cut_off)
{
    struct child child = start("never-drained", LIST("MERIDIAN_DRAIN_TIMEOUT=50ms"));

    child_signal(&child, SIGTERM);
    child_expect(&child, "drain took too long");
    child_expect(&child, "\"msg\":\"fini\"");
    expect_end(&child, 0);
}

Test(process, a_forgotten_handle_does_not_keep_it)
{
    struct child child = start("forgets-a-handle", NULL);

    child_signal(&child, SIGTERM);
    child_expect(&child, "\"msg\":\"stopped\"");
    expect_end(&child, 0);
}

/* ---- reload ---- */

Test(process, sighup_reads_the_file_again)
{
    char path[] = "/tmp/meridian-service-XXXXXX";
    int fd = mkstemp(path);
    struct child child;

    cr_assert_geq(fd, 0);
    dprintf(fd, "greeting = one\nworkers = 2\n");
    child = child_start(&(struct child_options){.scenario = "", .arguments = LIST("--config", path)});
    child_expect(&child, "\"greeting\":\"one\"");
    child_started(&child);
    cr_assert_eq(ftruncate(fd, 0), 0);
    cr_assert_eq(pwrite(fd, "greeting = two\nworkers = 3\nlog_level = debug\n", 44, 0), 44);
    child_signal(&child, SIGHUP);
    child_expect(&child, "workers changed; it takes effect at the next start");
    child_expect(&child, "\"msg\":\"reload hook\"");
    cr_assert(strstr(child.line, "\"greeting\":\"two\""));
    cr_assert_eq(ftruncate(fd, 0), 0);
    cr_assert_eq(pwrite(fd, "greting = x\n", 12, 0), 12);
    child_signal(&child, SIGHUP);
    child_expect(&child, "did you mean greeting?");
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
    unlink(path);
    close(fd);
}

Test(process, a_wrong_level_in_a_reload_keeps_the_old_one)
{
    char path[] = "/tmp/meridian-service-XXXXXX";
    int fd = mkstemp(path);
    struct child child;

    cr_assert_geq(fd, 0);
    child = child_start(&(struct child_options){.scenario = "", .arguments = LIST("--config", path)});
    child_started(&child);
    cr_assert_eq(pwrite(fd, "log_level = loud\n", 17, 0), 17);
    child_signal(&child, SIGHUP);
    child_expect(&child, "log_level: one of debug, info, warn, error");
    child_signal(&child, SIGTERM);
    child_expect(&child, "\"msg\":\"stopped\"");
    expect_end(&child, 0);
    unlink(path);
    close(fd);
}

/* ---- watchdog ---- */

Test(process, the_watchdog_ends_a_stuck_loop)
{
    struct child child = start("stuck", LIST("MERIDIAN_WATCHDOG=200ms"));

    child_signal(&child, SIGHUP);
    child_expect(&child, "the loop is stuck");
    expect_end(&child, 128 + SIGABRT);
}

Test(process, a_pause_of_the_whole_process_is_not_a_stuck_loop)
{
    struct child child = start("", LIST("MERIDIAN_WATCHDOG=200ms"));
    int status;

    child_signal(&child, SIGSTOP);
    cr_assert_eq(waitpid(child.pid, &status, WUNTRACED), child.pid);
    cr_assert(WIFSTOPPED(status));
    (void)poll(NULL, 0, 600); /* the pause itself is what is tested */
    child_signal(&child, SIGCONT);
    expect_answer(&child, "/livez", 200, "alive");
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
}

/* ---- heartbeat ---- */

Test(process, heartbeats_tell_who_and_how)
{
    struct child child = child_start(&(struct child_options){
        .scenario = "heartbeat",
        .environment = LIST("MERIDIAN_HEARTBEAT=100ms", "MERIDIAN_BUS_LISTEN=inproc://here")});
    json_t *line, *stats;

    child_started(&child);
    for (int i = 0; i < 2; i++) { /* at once, and again */
        line = json_loads(child_expect(&child, "\"msg\":\"heartbeat\""), 0, NULL);
        cr_assert_str_eq(json_string_value(json_object_get(line, "hb_service")), "child");
        cr_assert_str_eq(json_string_value(json_object_get(line, "hb_instance")), "child-eu-1");
        cr_assert_str_eq(json_string_value(json_object_get(line, "hb_region")), "eu");
        cr_assert_str_eq(json_string_value(json_object_get(line, "bus_url")), "inproc://here");
        cr_assert_eq(json_integer_value(json_object_get(line, "id_bytes")), 16);
        stats = json_loads(json_string_value(json_object_get(line, "stats")), 0, NULL);
        cr_assert_not_null(stats);
        cr_assert_gt(json_integer_value(json_object_get(stats, "rss_bytes")), 100 * 1024);
        cr_assert_eq(json_integer_value(json_object_get(stats, "spool_depth")), 3);
        cr_assert(json_is_false(json_object_get(stats, "draining")));
        json_decref(stats);
        json_decref(line);
    }
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
}

static int free_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    close(fd);
    return ntohs(any.sin_port);
}

Test(process, heartbeats_reach_a_router_over_the_bus)
{
    char routers[80], listen[80];
    struct child child, router;
    int port = free_port();

    snprintf(routers, sizeof routers, "MERIDIAN_ROUTERS=eu=tcp://127.0.0.1:%d", port);
    snprintf(listen, sizeof listen, "MERIDIAN_BUS_LISTEN=tcp://127.0.0.1:%d", port);
    child = start("", LIST(routers, "MERIDIAN_HEARTBEAT=100ms"));
    child_expect(&child, "heartbeats do not reach the registry");
    router = start("router", LIST(listen));
    child_expect(&child, "heartbeats reach the registry again");
    child_expect(&router, "\"msg\":\"served\"");
    cr_assert(strstr(router.line, "\"from\":\"child-eu-1\""));
    child_signal(&router, SIGTERM);
    expect_end(&router, 0);
    child_expect(&child, "heartbeats do not reach the registry");
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
}

/* ---- the supervisor ---- */

static void expect_message(int fd, const char *text)
{
    char message[256];
    ssize_t n;

    do {
        n = recv(fd, message, sizeof message - 1, 0);
        cr_assert_gt(n, 0);
        message[n] = 0;
    } while (strncmp(message, text, strlen(text)) != 0);
}

Test(process, systemd_hears_ready_watchdog_reloading_stopping)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char variable[160];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct child child;

    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/meridian-notify-%d", (int)getpid());
    unlink(at.sun_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", at.sun_path);
    child = start("", LIST(variable, "WATCHDOG_USEC=2000000", "MERIDIAN_WATCHDOG=400ms"));
    expect_message(fd, "READY=1");
    expect_message(fd, "WATCHDOG=1");
    child_signal(&child, SIGHUP);
    expect_message(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect_message(fd, "READY=1");
    child_signal(&child, SIGTERM);
    expect_message(fd, "STOPPING=1");
    expect_end(&child, 0);
    unlink(at.sun_path);
    close(fd);
}

Test(process, systemd_abstract_socket)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64], variable[160];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct child child;
    int n = snprintf(name, sizeof name, "@meridian-notify-%d", (int)getpid());

    memcpy(at.sun_path, name, (size_t)n);
    at.sun_path[0] = 0;
    cr_assert_eq(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)), 0);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", name);
    child = start("", LIST(variable));
    expect_message(fd, "READY=1");
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
    close(fd);
}

/* ---- inherited sockets ---- */

static void expect_fds(const char *count, const char *pid, const char *members)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), plain = socket(AF_INET, SOCK_STREAM, 0);
    const int fds[] = {listener, plain, -1};
    struct child child;

    cr_assert_eq(listen(listener, 8), 0);
    child = child_start(&(struct child_options){
        .scenario = "listen-fds", .environment = count ? LIST(count) : NULL, .fds = fds, .listen_pid = pid});
    child_expect(&child, "\"msg\":\"fds\"");
    cr_assert(strstr(child.line, members), "%s", child.line);
    child_signal(&child, SIGTERM);
    expect_end(&child, 0);
    close(listener);
    close(plain);
}

Test(process, inherited_sockets)
{
    expect_fds("LISTEN_FDS=2", "self", "\"a\":3,\"b\":-1,\"c\":-1,\"d\":-1");
    expect_fds("LISTEN_FDS=2", NULL, "\"a\":3,\"b\":-1,\"c\":-1,\"d\":-1");
    expect_fds("LISTEN_FDS=1", "0", "\"a\":3,\"b\":-1");
    expect_fds("LISTEN_FDS=1", "1", "\"a\":-1,\"b\":-1");
    expect_fds("LISTEN_FDS=0", "self", "\"a\":-1");
    expect_fds("LISTEN_FDS=many", "self", "\"a\":-1");
    expect_fds(NULL, NULL, "\"a\":-1");
}
