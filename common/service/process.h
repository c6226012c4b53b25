/* The private side of struct service: what the skeleton itself holds. Only files of this folder include it.
 */
#pragma once
#include "service/service.h"
#include "service/watchdog.h"

enum life {
    LIFE_STARTING,
    LIFE_RUNNING,
    LIFE_LEAVING,  /* told to end; still serving for drain_delay, so that the balancer notices */
    LIFE_DRAINING, /* the drain hook runs */
    LIFE_ENDING,   /* drained or out of patience: the loop is about to stop */
};

struct heartbeat {
    uv_timer_t timer;
    void (*send)(struct service *service, Meridian__Request *heartbeat); /* NULL: through service.routers */
    bool started, in_flight, failing;
};

struct process {
    struct service service;
    const struct service_table *table;
    const struct conf_key *tables[2]; /* common keys, the service's own */
    void *targets[2];
    const char *config_file;
    enum life life;
    uv_loop_t loop;
    uv_poll_t signals; /* readable: signal_fd has some */
    int signal_fd;
    uv_timer_t tick; /* feeds both watchdogs */
    unsigned ticks;
    uv_timer_t drain_timer; /* first the delay, then the patience */
    struct http_server *admin;
    struct watchdog *watchdog;
    struct heartbeat heartbeat;
};

static inline struct process *process_of(struct service *service)
{
    return CONTAINER_OF(service, struct process, service);
}

/** service_conf.c: the common keys, NULL-name terminated. */
extern const struct conf_key service_keys[];
/** service_conf.c: what a type and a range cannot express. 0, or -E_CONFIG with a line per problem. */
int service_conf_check(const struct service_conf *conf, struct buf *ret_problems) _must_check_;

/** admin.c: opens the admin port. The server goes to process->admin. */
int admin_open(struct process *process) _must_check_;
void admin_close(struct process *process);

/** heartbeat.c: stops the timer that service_heartbeat_start started, if it did. */
void heartbeat_stop(struct process *process);
