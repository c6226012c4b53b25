/* Leases blocks of ticket numbers to intakes, so that a cut-off region still hands out final numbers. One row
 * per region is updated; a block is never given twice, and one whose answer got lost is simply never used.
 */
#include "meridian/errors.h"
#include "router/job.h"
#include "router_sql.h"

enum { MOST_NUMBERS = 1 << 20 };

static int read_epoch(struct db_conn *conn, int64_t *ret_epoch)
{
    _cleanup_result_ struct db_result result = {0};
    int r = db_exec(conn, &sql_router_cluster_epoch, NULL, &result);

    if (r < 0)
        return r;
    if (db_rows(&result) != 1)
        return -E_INTERNAL;
    *ret_epoch = db_int(&result, 0, 0);
    return 0;
}

static int number_lease_work(struct db_conn *conn, struct job *job)
{
    const Meridian__NumberLease *lease = job->request->number_lease;
    _cleanup_params_ struct db_params params = {0};
    _cleanup_result_ struct db_result result = {0};
    int64_t epoch;
    int r;

    if (!lease->count || lease->count > MOST_NUMBERS)
        return outcome_refuse(&job->out, -E_BAD_REQUEST, "A block has 1 to %d numbers", MOST_NUMBERS);
    db_param_text(&params, lease->region);
    db_param_int(&params, lease->count);
    db_param_text(&params, lease->instance);
    db_param_int(&params, job->cluster_epoch);
    r = db_exec_lsn(conn, &sql_router_number_lease, &params, &result, &job->lsn);
    if (r < 0)
        return r;
    if (db_rows(&result) == 1) {
        job->first_number = (uint64_t)db_int(&result, 0, 0);
        return 0;
    }
    r = read_epoch(conn, &epoch);
    if (!r)
        r = job_check_epoch(job, epoch);
    return r < 0 ? r : outcome_refuse(&job->out, -E_BAD_REQUEST, "There is no such region");
}

static void number_lease_finish(struct job *job, int status, Meridian__Reply *reply)
{
    const Meridian__NumberLease *lease = job->request->number_lease;

    if (status)
        return;
    meridian__number_block__init(&job->block);
    job->block.region = lease->region;
    job->block.first = job->first_number;
    job->block.count = lease->count;
    reply->numbers = &job->block;
}

const struct job_kind number_lease_kind = {
    .name = "number_lease", .repeatable = true, .work = number_lease_work, .finish = number_lease_finish};
