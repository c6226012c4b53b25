/* The life of a process: arguments, configuration, init, run, drain, end. Owns the loop, the signals, the bus
 * and the admin port; a service's main.c owns the rest behind its hooks.
 *
 * The order of init and end is mirrored, line for line. One enum says where in its life the process is, and
 * only the functions here change it. What must stay true: /readyz is 503 from the signal on, the drain hook
 * runs once, and the process ends even if the hook never reports done. A failure before the loop runs is said
 * once and ends the process with a status; after that nothing here can fail.
 */
#include "service/service.h"
#include "base/clock.h"
#include "base/memory.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "service/process.h"
#include "service/residence.h"
#include "service/systemd.h"
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, EXIT_CONFIG = 78 };
enum { SETTLED_TICKS = 5, TRIM_EVERY_TICKS = 30, CLOSE_PATIENCE_MS = 2000 };

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};

/* ---- before the loop ---- */

/* Many small processes share a machine. Two arenas instead of eight per core, and giving freed memory back
 * early, halve what the worker threads leave behind. */
static void limit_memory(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)!setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void usage(FILE *to, const char *name)
{
    fprintf(to,
            "usage: meridian-%s [--config FILE] [--print-config] [--version] [--help]\n"
            "\n"
            "  --config FILE    read `name = value` lines; MERIDIAN_<NAME> in the environment wins\n"
            "  --print-config   print every key with value, default and meaning, and exit\n"
            "  --version        print the version and exit\n"
            "  --help           this text\n"
            "\n"
            "SIGTERM or SIGINT drains and ends (twice: at once); SIGHUP reads the configuration again.\n",
            name);
}

struct arguments {
    const char *config_file;
    bool print_config;
    int exit_now; /* a status, or -1 to go on */
};

static struct arguments parse_arguments(int argc, char **argv, const char *name)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"print-config", no_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct arguments arguments = {.exit_now = -1};

    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            arguments.config_file = optarg;
            break;
        case 'p':
            arguments.print_config = true;
            break;
        case 'v':
            printf("meridian-%s %s\n", name, MERIDIAN_VERSION);
            arguments.exit_now = 0;
            return arguments;
        case 'h':
            usage(stdout, name);
            arguments.exit_now = 0;
            return arguments;
        default:
            usage(stderr, name);
            arguments.exit_now = EXIT_USAGE;
            return arguments;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "meridian-%s: unexpected argument: %s\n", name, argv[optind]);
        usage(stderr, name);
        arguments.exit_now = EXIT_USAGE;
    }
    return arguments;
}

static size_t table_count(const struct process *process)
{
    return process->tables[1] ? 2 : 1;
}

static int load_configuration(struct process *process)
{
    _cleanup_buf_ struct buf problems = BUF_INIT;
    struct str rest, line;
    int r;

    process->tables[0] = service_keys;
    process->targets[0] = &process->service.conf;
    process->tables[1] = process->table->keys;
    process->targets[1] = process->table->own;
    r = conf_load(process->tables, table_count(process), process->targets, environ, process->config_file,
                  &problems);
    if (r == 0)
        r = service_conf_check(&process->service.conf, &problems);
    for (rest = buf_str(&problems); rest.n;) {
        str_cut(rest, '\n', &line, &rest);
        fprintf(stderr, "meridian-%s: configuration: %.*s\n", process->table->name, (int)line.n, line.p);
    }
    return r;
}

static int print_configuration(struct process *process)
{
    _cleanup_buf_ struct buf out = BUF_INIT;

    conf_print(process->tables, table_count(process), process->targets, &out);
    fputs(buf_text(&out), stdout);
    return fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}

/* ---- signals and drain ---- */

static void on_drained(struct service *service)
{
    struct process *process = process_of(service);

    if (process->life != LIFE_DRAINING)
        return;
    process->life = LIFE_ENDING;
    uv_stop(&process->loop);
}

static void on_drain_timeout(uv_timer_t *timer)
{
    struct process *process = timer->data;

    log_warn("drain took too long; ending with work in hand",
             L_INT("timeout_ms", process->service.conf.drain_timeout_us / US_PER_MS));
    on_drained(&process->service);
}

static void on_drain_delay(uv_timer_t *timer)
{
    struct process *process = timer->data;

    process->life = LIFE_DRAINING;
    uv_timer_start(timer, on_drain_timeout, (uint64_t)(process->service.conf.drain_timeout_us / US_PER_MS),
                   0);
    if (process->table->drain)
        process->table->drain(&process->service, on_drained);
    else
        on_drained(&process->service);
}

static void leave(struct process *process, int number)
{
    if (process->life != LIFE_RUNNING) {
        log_warn("second signal; ending at once", L_INT("signal", number));
        _exit(128 + number);
    }
    log_info("draining", L_INT("signal", number));
    process->life = LIFE_LEAVING;
    process->service.draining = true;
    systemd_notify("STOPPING=1");
    uv_timer_start(&process->drain_timer, on_drain_delay,
                   (uint64_t)(process->service.conf.drain_delay_us / US_PER_MS), 0);
}

static void apply_log_level(const struct service_conf *conf)
{
    enum log_level level;

    if (log_level_parse(conf->log_level, &level) == 0)
        log_set_level(level);
}

static void log_lines(enum log_level level, const char *message, const struct buf *lines)
{
    struct str rest = buf_str(lines), line;

    while (rest.n) {
        str_cut(rest, '\n', &line, &rest);
        log_write(level, message, (struct log_field[]){L_STR("detail", line)}, 1);
    }
}

static void reload(struct process *process)
{
    _cleanup_buf_ struct buf problems = BUF_INIT, notes = BUF_INIT, message = BUF_INIT;
    struct service_conf *conf = &process->service.conf;
    const char *level_before = conf->log_level;

    buf_printf(&message, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
    systemd_notify(buf_text(&message));
    if (conf_reload(process->tables, table_count(process), process->targets, environ, process->config_file,
                    &problems, &notes) < 0) {
        log_lines(LOG_ERROR, "configuration not reloaded", &problems);
    } else {
        log_lines(LOG_WARN, "configuration", &notes);
        if (service_conf_check(conf, &problems) < 0) {
            log_lines(LOG_ERROR, "configuration", &problems);
            conf->log_level =
                level_before; /* the only common key that both reloads and can be wrong in itself */
        }
        apply_log_level(conf);
        if (process->table->reload)
            process->table->reload(&process->service);
        log_info("configuration reloaded");
    }
    systemd_notify("READY=1");
}

static void on_signals(uv_poll_t *handle, int status, int events)
{
    struct process *process = handle->data;
    struct signalfd_siginfo signal;

    (void)status;
    (void)events;
    while (read(process->signal_fd, &signal, sizeof signal) == (ssize_t)sizeof signal)
        if (signal.ssi_signo == SIGHUP)
            reload(process);
        else
            leave(process, (int)signal.ssi_signo);
}

/* Signals are read, not handled: blocked in this thread before there are others, so in all of them, and no
 * code ever runs in the middle of something else. One that comes early waits until the loop turns. */
static void signals_open(struct process *process)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(signal_numbers); i++)
        sigaddset(&set, signal_numbers[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    process->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (process->signal_fd < 0 || uv_poll_init(&process->loop, &process->signals, process->signal_fd) != 0) {
        log_error("cannot take signals");
        abort();
    }
    process->signals.data = process;
    uv_poll_start(&process->signals, UV_READABLE, on_signals);
}

/* ---- the loop ---- */

static void on_tick(uv_timer_t *timer)
{
    struct process *process = timer->data;

    watchdog_feed(process->watchdog);
    if (getenv("WATCHDOG_USEC"))
        systemd_notify("WATCHDOG=1");
    if (++process->ticks == SETTLED_TICKS || process->ticks % TRIM_EVERY_TICKS == 0)
        residence_release();
}

static void loop_open(struct process *process)
{
    uint64_t tick_ms = watchdog_feed_every_ms(process->service.conf.watchdog_us);

    if (uv_loop_init(&process->loop) != 0) {
        log_error("cannot make a loop");
        abort();
    }
    process->service.loop = &process->loop;
    signals_open(process);
    uv_timer_init(&process->loop, &process->drain_timer);
    process->drain_timer.data = process;
    uv_timer_init(&process->loop, &process->tick);
    process->tick.data = process;
    uv_timer_start(&process->tick, on_tick, tick_ms, tick_ms);
}

static void on_close_timeout(uv_timer_t *timer)
{
    log_warn("some handles were not closed in time");
    uv_stop(timer->loop);
}

static void on_guard_close(uv_handle_t *handle)
{
    (void)handle;
}

/* Runs the loop until every close callback was called. A handle that somebody forgot must not keep the
 * process: hence the guard, which itself keeps nothing alive. */
static void loop_close(struct process *process)
{
    static uv_timer_t guard;

    uv_close((uv_handle_t *)&process->signals, NULL);
    close(process->signal_fd);
    uv_close((uv_handle_t *)&process->drain_timer, NULL);
    uv_close((uv_handle_t *)&process->tick, NULL);
    uv_timer_init(&process->loop, &guard);
    uv_timer_start(&guard, on_close_timeout, CLOSE_PATIENCE_MS, 0);
    uv_unref((uv_handle_t *)&guard);
    uv_run(&process->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&guard, on_guard_close);
    uv_run(&process->loop, UV_RUN_NOWAIT);
    (void)uv_loop_close(&process->loop);
}

/* ---- the bus ---- */

static int bus_start(struct process *process)
{
    static const char *const router_only[] = {"router", NULL};
    struct service *service = &process->service;
    const struct service_conf *conf = &service->conf;
    struct bus_group groups[3];
    size_t ngroups;
    int r;

    if (!conf->bus_ca[0] && !conf->bus_listen[0] && !conf->bus_publish[0] && !conf->routers[0] &&
        !conf->hints[0] && !conf->notifiers[0])
        return 0;
    const struct bus_options options = {
        .loop = &process->loop,
        .ca_file = conf->bus_ca[0] ? conf->bus_ca : NULL,
        .cert_file = conf->bus_cert[0] ? conf->bus_cert : NULL,
        .key_file = conf->bus_key[0] ? conf->bus_key : NULL,
    };
    r = bus_open(&options, &service->bus);
    if (r < 0)
        return r;
    bus_drop_hints(service->bus, (int)conf->test_drop_hints);
    ngroups = service_groups(service, conf->routers, groups);
    if (!ngroups || strcmp(service->name, "router") == 0)
        return 0;
    return bus_dial(service->bus, groups, ngroups, router_only, &service->routers);
}

/* ---- the whole ---- */

static int init(struct process *process)
{
    int r;

    loop_open(process);
    process->watchdog = watchdog_start(process->service.conf.watchdog_us);
    r = admin_open(process);
    if (r < 0)
        return r;
    r = bus_start(process);
    if (r < 0) {
        log_error("cannot open the bus", L_ERROR(r));
        return r;
    }
    r = process->table->init(&process->service);
    if (r < 0)
        log_error("cannot start", L_ERROR(r));
    return r;
}

/* The mirror of init. */
static void end(struct process *process)
{
    if (process->table->fini)
        process->table->fini(&process->service);
    heartbeat_stop(process);
    process->service.bus = bus_close(process->service.bus);
    process->service.routers = NULL;
    admin_close(process);
    process->watchdog = watchdog_stop(process->watchdog);
    loop_close(process);
}

static int run(struct process *process)
{
    struct service *service = &process->service;
    int r;

    log_open(service->name, service->conf.region, service->conf.instance, LOG_INFO);
    apply_log_level(&service->conf);
    r = init(process);
    if (r < 0)
        _exit(
            EXIT_FAILURE); /* half-made: whatever threads and handles there are, the kernel takes them back */
    process->life = LIFE_RUNNING;
    systemd_notify("READY=1");
    log_info("started", L_TEXT("version", MERIDIAN_VERSION), L_INT("pid", getpid()),
             L_INT("admin_port", http_server_port(process->admin)));
    while (process->life != LIFE_ENDING)
        uv_run(&process->loop, UV_RUN_DEFAULT);
    end(process);
    log_info("stopped");
    return EXIT_SUCCESS;
}

int service_main(int argc, char **argv, const struct service_table *table)
{
    static struct process process; /* too large and too long-lived for the stack */
    struct arguments arguments;

    limit_memory();
    arguments = parse_arguments(argc, argv, table->name);
    if (arguments.exit_now >= 0)
        return arguments.exit_now;
    process = (struct process){
        .table = table,
        .config_file = arguments.config_file,
        .service = {.name = table->name, .own = table->own, .started_us = clock_now_us()},
    };
    if (load_configuration(&process) < 0)
        return EXIT_CONFIG;
    if (arguments.print_config)
        return print_configuration(&process);
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    return run(&process);
}
