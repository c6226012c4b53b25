/* The private side of struct router. Only files of this folder include it; everything in it belongs to the
 * loop thread. */
#pragma once
#include "metrics/metrics.h"
#include "router/claim_group.h"
#include "router/dispatcher.h"
#include "router/feeds.h"
#include "router/hinting.h"
#include "router/janitor.h"
#include "router/job.h"
#include "router/replication.h"
#include "router/shift_end.h"
#include "router/sign_in_gate.h"

struct router {
    uv_loop_t *loop;
    struct bus *bus;
    const char *region, *instance;
    struct db_pool *pool;    /* NULL: warm */
    struct plan_book *plans; /* for the workers */
    struct org_book *organisations;
    struct bus_client *home; /* warm: where everything goes */
    int db_workers;
    int64_t cluster_epoch; /* the highest seen; 0: none yet */
    int busy;              /* jobs not yet answered */
    int handles;           /* open loop handles; freed with the last */
    bool closing;

    struct replication replication;
    struct sign_in_gate gate;
    struct janitor janitor;
    struct shift_end shift_end;
    struct dispatcher dispatcher;
    struct feeds feeds;

    struct hinting hinting;
    struct claim_groups claims;

    int64_t complained_us; /* when a failing database was last logged */
    int64_t unsaid;        /* failures since that were not */

    struct {
        struct metric *requests, *failures, *seconds, *commits, *conflicts, *uncertain, *busy,
            *replicated_age, *dispatched;
    } metrics;
};

/** Counts a timer in; every timer of the router is started and closed through these. */
void router_timer_init(struct router *router, uv_timer_t *timer, uv_timer_cb callback, uint64_t every_ms);
void router_timer_close(struct router *router, uv_timer_t *timer);
/** A cluster epoch was read. */
void router_saw_epoch(struct router *router, int64_t epoch);
/** Logs what the database said, at most once a second. `failure` is negative. */
void router_complain(struct router *router, const char *what, int failure, const char *detail);

/** Submits a job that has passed all gates to the workers; answers it when that fails. */
void router_work(struct job *job);
/** The work of a job, on a worker: a db_work_fn of which the argument is the job. */
int router_run(struct db_conn *conn, void *job);
/** A worker is done with the job: repeats it where that is right, else answers and frees it. */
void router_worked(struct job *job, int status);
/** Answers and frees the job. */
void router_finish(struct job *job, int status);

/** forward.c: passes the request on to the home region, and its answer back. */
void forward_request(struct job *job);
/** forward.c gives back what the home region answered. */
void router_pass_reply(struct job *job, const Meridian__Reply *reply);
/** session.c: sign-ins pass a gate of their own before they take a worker. */
void session_open_begin(struct job *job);
void session_open_end(struct router *router, struct job *job, int status); /* before the job is answered */
void session_open_next(struct router *router);                             /* after it */
