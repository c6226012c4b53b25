/* The registry of instances: every copy of every service says every two seconds that it lives, where it
 * serves and how it feels. What is not heard of any more is told apart by its age, by whoever reads.
 */
#include "base/clock.h"
#include "meridian/errors.h"
#include "router/job.h"
#include "router_sql.h"

static int heartbeat_work(struct db_conn *conn, struct job *job)
{
    const Meridian__Heartbeat *beat = job->request->heartbeat;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int r;

    db_param_text(&params, beat->instance);
    db_param_text(&params, beat->service);
    db_param_text(&params, beat->region);
    db_param_text(&params, beat->version ? beat->version : "");
    db_param_text(&params, beat->bus_url);
    db_param_int(&params, beat->has_started_us ? beat->started_us : clock_now_us());
    db_param_text(&params, beat->stats && beat->stats[0] ? beat->stats : "{}");
    r = db_exec(conn, &sql_router_instance_seen, &params, &result);
    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_INTERNAL;
    return job_check_epoch(job, db_int(&result, 0, 0));
}

const struct job_kind heartbeat_kind = {.name = "heartbeat", .repeatable = true, .work = heartbeat_work};
