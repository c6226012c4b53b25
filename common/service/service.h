/* The skeleton of every process: arguments, configuration, signals, logging, health, metrics, bus, drain,
 * watchdog. A service's main.c fills one table of hooks.
 *
 * Life: configure -> hooks.init -> run. SIGTERM or SIGINT: readyz answers 503, wait `drain_delay`,
 * hooks.drain(done), wait for done (at most `drain_timeout`), hooks.fini, exit 0; a second signal ends the
 * process at once. SIGHUP: reload reloadable keys, then hooks.reload (certificates). A loop that does not
 * turn for MERIDIAN_WATCHDOG (20 s) ends the process (watchdog thread, abort). Admin port: /livez (loop
 * alive), /readyz (hooks.ready; `?verbose`), /startupz, /metrics. With NOTIFY_SOCKET set it tells systemd
 * READY=1, STOPPING=1, WATCHDOG=1.
 *
 * Exit status: 0 after a drain, 1 when init failed, 64 for wrong arguments, 78 for a wrong configuration,
 * 128 + signal after a second signal.
 */
#pragma once
#include "base/buf.h"
#include "bus/bus.h"
#include "conf/conf.h"
#include "db/db.h"
#include "http/http.h"
#include <uv.h>

/** Keys every service has (service_conf.c documents each): */
struct service_conf {
    const char *region;       /* MERIDIAN_REGION: "eu" */
    const char *home_region;  /* MERIDIAN_HOME_REGION: where the writable primary is */
    const char *instance;     /* MERIDIAN_INSTANCE: "intake-eu-1" */
    const char *admin_listen; /* MERIDIAN_ADMIN_LISTEN: "127.0.0.1:8511" */
    const char *log_level;    /* MERIDIAN_LOG_LEVEL */
    const char *bus_ca, *bus_cert, *bus_key;
    const char *bus_listen;  /* MERIDIAN_BUS_LISTEN: where this process serves requests; "" = does not */
    const char *bus_publish; /* MERIDIAN_BUS_PUBLISH: where it publishes hints; "" = does not */
    const char *routers;     /* MERIDIAN_ROUTERS: "eu=tls+tcp://127.0.0.1:8611,eu=tls+tcp://...,ap=..." */
    const char *hints;       /* MERIDIAN_HINTS: the routers' publish URLs, comma-separated */
    const char *notifiers;   /* MERIDIAN_NOTIFIERS: like routers */
    const char *db;          /* MERIDIAN_DB: conninfo; "" = no database (warm router) */
    const char *db_password; /* MERIDIAN_DB_PASSWORD(_FILE), added to the conninfo */
    int64_t db_workers;      /* MERIDIAN_DB_WORKERS */
    int64_t drain_delay_us, drain_timeout_us;
    int64_t heartbeat_us;    /* MERIDIAN_HEARTBEAT: default 2s */
    int64_t watchdog_us;     /* MERIDIAN_WATCHDOG: default 20s, 0 turns it off */
    int64_t test_drop_hints; /* MERIDIAN_TEST_DROP_HINTS: per mille */
};

struct service {
    struct service_conf conf;
    void *own; /* the service's own conf struct, as given in the table */
    uv_loop_t *loop;
    struct bus *bus; /* NULL when no bus key is set */
    /* Calls to the routers: own region first, then home, then the rest. NULL without MERIDIAN_ROUTERS, and in
     * the service "router", which dials those it forwards to itself. */
    struct bus_client *routers;
    const char *name;
    int64_t started_us;
    bool draining;
    void *state; /* for the hooks */
};

struct service_table {
    const char *name;                     /* "intake" */
    const struct conf_key *keys;          /* own keys; NULL-name terminated; may be NULL */
    void *own;                            /* own conf struct the keys fill */
    int (*init)(struct service *service); /* 0 or a failure: logged, exit 1 without fini */
    /** Appends one line per reason why not ready ("database: no connection"); none = ready; may be NULL. */
    void (*ready)(struct service *service, struct buf *ret_reasons);
    /** Appends lines that /readyz?verbose shows beside the reasons, of what is worth knowing but no reason;
     * may be NULL. */
    void (*verbose)(struct service *service, struct buf *out);
    /** Appends members of the heartbeat's stats object, e.g. `"spool_depth":3`; may be NULL. */
    void (*stats)(struct service *service, struct buf *ret_json);
    /** Stops taking work and calls done when what is in hand is finished, now or later; may be NULL. */
    void (*drain)(struct service *service, void (*done)(struct service *service));
    void (*reload)(struct service *service); /* may be NULL */
    void (*fini)(struct service *service);   /* the mirror of init: closes its handles; may be NULL */
};

/** main() of a service. Arguments: --config FILE, --print-config, --version, --help. */
int service_main(int argc, char **argv, const struct service_table *table);

/** The conninfo for db_pool_open: conf.db, in either of libpq's two forms, with the password appended. Freed
 * by the caller. */
char *service_conninfo(const struct service *service);
/** URLs of a "region=url,region=url" list: own region first, then home, then the rest, as groups for
 * bus_dial; returns how many groups have a URL. The groups live as long as the process. */
size_t service_groups(const struct service *service, const char *list, struct bus_group ret_groups[3]);
/** The URLs of a comma-separated list, NULL-terminated, for bus_subscribe. They live as long as the process.
 */
const char *const *service_urls(const char *list);
/** True in the region of the writable primary. */
bool service_at_home(const struct service *service);
/** Inherited listening sockets (LISTEN_FDS protocol): the nth, or -1. LISTEN_PID, when set and not 0, must be
 * this process. */
int service_listen_fd(int n);
/** Sends heartbeats through the routers from now on (stats hook included), at once and then every
 * MERIDIAN_HEARTBEAT; called by init of every service. With `send`, heartbeats go there instead (the
 * authority router records its own); the request is borrowed during the call. */
void service_heartbeat_start(struct service *service,
                             void (*send)(struct service *service, Meridian__Request *heartbeat));
